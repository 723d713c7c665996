package resident

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/resident/flow"
	"keyward.dev/keyward/internal/resident/memo"
	"keyward.dev/keyward/internal/resident/secretuse"
	"keyward.dev/keyward/internal/resident/signin"
	"keyward.dev/keyward/internal/store"
)

// actor is who the audit trail names for what happens by itself.
const actor = "system/resident"

// Options say where the authorization servers are found and how long their keys live.
type Options struct {
	PublicURL string // how others reach the control plane; never taken from a request
	Schedule  Schedule
	Check     time.Duration // how often Run looks at keys and expired tokens; default 1 minute
	Now       func() time.Time
	Log       *slog.Logger // nil = silent
	// SessionIdle and SessionLifetime say how long a browser stays signed in without a request, and in all; default 1 hour
	// and 12 hours.
	SessionIdle, SessionLifetime time.Duration
	// TrustedPeers are proxies whose X-Forwarded-For tells who tries passwords and secrets.
	TrustedPeers []netip.Prefix
	// Subjects judges the subject tokens of token exchange; nil takes none.
	Subjects Subjects
}

// Resident is the authorization servers of all tenants.
type Resident struct {
	store    *store.Store
	base     string // the public URL without a slash at its end
	prefix   string // its path
	schedule Schedule
	check    time.Duration
	now      func() time.Time
	log      *slog.Logger
	subjects Subjects
	used     *secretuse.Notes
	server   *Server
	pages    *signin.Pages
	parsed   *memo.Memo[string, jose.JSONWebKey] // by kid, which is the key's thumbprint
	imported *memo.Memo[operationsKey, []keyward.Operation]
}

// New prepares the authorization servers. It refuses a public URL that cannot be an issuer (RFC 8414, section 2).
func New(s *store.Store, o Options) (*Resident, error) {
	base := strings.TrimSuffix(o.PublicURL, "/")
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the public URL %q cannot be an issuer: it must be http or https, with a host, "+
			"without query and fragment", o.PublicURL)
	}
	schedule := o.Schedule.withDefaults()
	if err := schedule.validate(); err != nil {
		return nil, err
	}
	if o.Check <= 0 {
		o.Check = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Resident{
		store: s, base: base, prefix: u.Path, schedule: schedule, check: o.Check, now: o.Now, log: o.Log, subjects: o.Subjects,
		used: secretuse.New(s, o.Log), parsed: memo.New[string, jose.JSONWebKey](1024),
		imported: memo.New[operationsKey, []keyward.Operation](256),
	}
	p, times := newProtocol(o.Now), signin.Options{
		Home: base + "/", Start: base + "/session/start?return=" + url.QueryEscape(u.Path+"/") + "&tenant=",
		Idle: cmp.Or(o.SessionIdle, time.Hour), Lifetime: cmp.Or(o.SessionLifetime, 12*time.Hour), Now: o.Now, Log: o.Log,
	}
	browsers := signin.NewBrowsers(s, times)
	p.Flow = flow.New(s, people{r}, p, browsers, times)
	pages, err := signin.New(browsers, p.Flow)
	if err != nil {
		return nil, err
	}
	r.pages, r.server = pages, newServer(p, pages, o.TrustedPeers)
	return r, nil
}

// Issuer is the exact `iss` of a tenant's tokens.
func (r *Resident) Issuer(tenant string) string {
	if tenant == "" || tenant == keyward.DefaultTenant {
		return r.base
	}
	return r.base + "/t/" + tenant
}

// PasswordLink gives the address of a tenant's page on which the user of a one-time link's value chooses a password.
func (r *Resident) PasswordLink(tenant, value string) string {
	return signin.Place{Tenant: tenant, Issuer: r.Issuer(tenant)}.Address(signin.PathReset, url.Values{"link": {value}})
}

// Patterns are the paths of Handler, as patterns of http.ServeMux.
func (r *Resident) Patterns() []string {
	patterns := []string{
		"/oauth2/", pathDiscovery, pathDiscovery + "/", pathMetadata, pathMetadata + "/",
		"/t/{tenant}/oauth2/", "/t/{tenant}" + pathDiscovery, "/t/{tenant}" + pathMetadata,
	}
	if r.prefix == "" {
		return patterns
	}
	for _, p := range patterns[:len(patterns):len(patterns)] {
		patterns = append(patterns, r.prefix+p)
	}
	return patterns
}

// Handler serves every tenant's endpoints, metadata and keys. An unknown tenant is 404.
func (r *Resident) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		tenant, path, ok := r.place(req.URL.Path)
		if ok && req.URL.RawPath == "" {
			known, err := r.knows(req.Context(), tenant)
			if err != nil {
				if keyward.CodeOf(err) != keyward.CodeDatabaseUnavailable { // the store says that once
					r.log.ErrorContext(req.Context(), "the authorization server cannot read the store", "error", err)
				}
				r.unread(w, withPath(req, path), tenant, err)
				return
			}
			if known {
				r.server.Serve(w, withPath(req, path), r.authority(tenant))
				return
			}
		}
		(&oauthFault{status: http.StatusNotFound}).write(w)
	})
}

// unread answers where it could not be read what there is here: people with a page, and programs in their own form.
func (r *Resident) unread(w http.ResponseWriter, req *http.Request, tenant string, err error) {
	if flow.IsForPeople(req.URL.Path) {
		r.pages.Sorry(w, req.WithContext(withAuthority(req.Context(), r.authority(tenant))), err)
		return
	}
	unread(err).write(w)
}

func (r *Resident) authority(tenant string) Authority {
	return Authority{
		Issuer: r.Issuer(tenant), Backend: &tenantBackend{resident: r, tenant: tenant}, Tenant: tenant, Clients: people{r},
	}
}

// place splits a path into the tenant and the path below its issuer. Metadata is found in three places: below the
// issuer, and with the well-known part before the issuer's path (RFC 8414, section 3.1), for either name. The public
// URL's own path counts whether or not a proxy has taken it off.
func (r *Resident) place(path string) (tenant, rest string, ok bool) {
	for _, wellKnown := range []string{pathDiscovery, pathMetadata} {
		after, found := strings.CutPrefix(path, wellKnown)
		if !found || after != "" && after[0] != '/' {
			continue
		}
		tenant, below, ok := splitTenant(r.cutPrefix(after))
		return tenant, pathDiscovery, ok && below == ""
	}
	tenant, rest, ok = splitTenant(r.cutPrefix(path))
	if rest == pathMetadata {
		rest = pathDiscovery
	}
	return tenant, rest, ok
}

func (r *Resident) cutPrefix(path string) string {
	if rest, found := strings.CutPrefix(path, r.prefix); found && (rest == "" || rest[0] == '/') {
		return rest
	}
	return path
}

// splitTenant takes /t/TENANT off. The tenant default has no such form: an issuer has one spelling.
func splitTenant(path string) (tenant, rest string, ok bool) {
	after, found := strings.CutPrefix(path, "/t/")
	if !found {
		return keyward.DefaultTenant, path, true
	}
	tenant, rest, _ = strings.Cut(after, "/")
	if rest != "" {
		rest = "/" + rest
	}
	return tenant, rest, tenant != keyward.DefaultTenant && keyward.ValidName(tenant)
}

// knows tells whether the tenant has its authorization server.
func (r *Resident) knows(ctx context.Context, tenant string) (bool, error) {
	known := false
	err := r.store.Read(ctx, func(tx *store.Tx) error {
		_, err := keyManagerOf(tx, tenant)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		known = err == nil
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look up the tenant: %w", err)
	}
	return known, nil
}

// keyManager is a tenant's resident key manager.
type keyManager struct {
	object *keyward.Object
	spec   *keyward.KeyManagerSpec
}

func keyManagerOf(tx *store.Tx, tenant string) (*keyManager, error) {
	object, err := tx.Get(keyward.KindKeyManager, tenant, keyward.ResidentName)
	if err != nil {
		return nil, err
	}
	spec, ok := object.Spec.(*keyward.KeyManagerSpec)
	if !ok {
		return nil, fmt.Errorf("%s has a spec of another kind", object.Ref())
	}
	return &keyManager{object: object, spec: spec}, nil
}

func enabledKeyManager(tx *store.Tx, tenant string, now time.Time) (*keyManager, error) {
	km, err := keyManagerOf(tx, tenant)
	if err != nil {
		return nil, fmt.Errorf("look up the resident key manager: %w", err)
	}
	if !km.spec.IsEnabled() || km.object.Hold.Holds(now) {
		return nil, ErrDisabled
	}
	return km, nil
}
