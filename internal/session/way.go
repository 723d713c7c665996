package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// way is a server at which people sign in to the console, and who the console is there. All of it is what was declared of
// the server or read from its metadata: nothing comes from a request or a token.
type way struct {
	id    string // of the key manager; "" = the tenant's resident authorization server
	name  string // of the key manager
	shown string // what people call it
	rules *keyward.SignIn
	home  string // the tenant of the key manager
	back  string // where its server sends people back to
	stamp string // of everything that a session by this way rests on

	client *http.Client // before the policy
	policy outbound.Policy

	issuers    []keyward.IssuerRow // whose ID tokens count: one, but of a server of many organizations each one's
	named      bool                // the server's answers carry iss (RFC 9207)
	algorithms []string
	skew       time.Duration

	at         keyward.Endpoints
	endSession string
	account    wire.Account // the console's client there
	scopes     []string
}

// way finds the server. A tenant that does not exist has none.
func (s *Sessions) way(ctx context.Context, tenant, via string) (w *way, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		w, err = s.wayIn(tx, tenant, via)
		return err
	})
	return w, err
}

func (s *Sessions) wayIn(tx *store.Tx, tenant, via string) (*way, error) {
	_, err := tx.Get(keyward.KindKeyManager, tenant, keyward.ResidentName)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, invalid("tenant", "there is no tenant %s", tenant)
	}
	if err != nil {
		return nil, fmt.Errorf("look up a tenant: %w", err)
	}
	if via == "" || via == keyward.ResidentName {
		return s.resident(tenant), nil
	}
	o, err := tx.KeyManagerFor(tenant, via)
	if err != nil && keyward.CodeOf(err) != keyward.CodeNotFound {
		return nil, fmt.Errorf("look up a key manager: %w", err)
	}
	if err != nil || !s.leadsInto(o, tenant) {
		return nil, keyward.Errorf(keyward.CodeInvalidRequest, "nobody signs in here through a key manager %s: choose another way, or "+
			"ask an administrator of tenant %s", via, tenant)
	}
	return s.through(tx, o)
}

// leadsInto tells whether people may come by the key manager into the tenant now.
func (s *Sessions) leadsInto(o *keyward.Object, tenant string) bool {
	return account.LetsInto(o, tenant, s.options.Now())
}

// resident is the way of a tenant's own accounts.
func (s *Sessions) resident(tenant string) *way {
	issuer := s.options.Issuer(tenant)
	base := strings.TrimSuffix(issuer, "/") + "/oauth2"
	return &way{
		name: keyward.ResidentName, shown: keyward.ResidentName, home: tenant, client: s.options.Inside, named: true,
		issuers: []keyward.IssuerRow{{Issuer: issuer, JWKS: base + "/keys"}},
		at:      keyward.Endpoints{Authorization: base + "/authorize", Token: base + "/token"},
		account: wire.Account{Endpoint: base + "/token", ClientID: s.options.Client, ByCertificate: true}, scopes: []string{"profile"},
		back: s.options.Callback,
	}
}

// through is the way of a key manager.
func (s *Sessions) through(from keymanager.Stored, o *keyward.Object) (*way, error) {
	server, err := keymanager.ServerAlone(from, o)
	if err != nil {
		return nil, err
	}
	w, err := standingWay(o, server.Spec, server.Status)
	if err != nil {
		return nil, err
	}
	if w.account.ClientID == "" {
		return nil, w.failed("the console has no client there yet: try again in a moment, or sign in another way; if it stays so, an "+
			"administrator sees why with keyward keymanager check %s", w.name)
	}
	w.client, w.policy, w.account = s.options.Outside, server.Way(), keymanager.SignInAccount(server)
	w.back = keymanager.SignInCallback(s.options.Callback, w.home, w.name, w.rules)
	return w, nil
}

// standingWay is the way of a key manager without its secrets, which tells whether a session still stands.
func standingWay(o *keyward.Object, spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) (*way, error) {
	row, _, faults := keymanager.Resolve(o, spec, status)
	if len(faults) > 0 {
		return nil, fmt.Errorf("read %s: %w", o.Ref(), keyward.Invalid(faults))
	}
	w := &way{
		id: o.ID, name: o.Name, shown: spec.DisplayName, rules: spec.SignIn, home: o.Tenant, issuers: row.Issuers[:1],
		algorithms: row.Algorithms, skew: row.ClockSkew.Std(), at: keymanager.SignInEndpoints(spec, status),
		account: wire.Account{ClientID: spec.SignIn.ClientID}, scopes: spec.SignIn.ScopesOrDefault(),
	}
	if keymanager.ForMany(spec) {
		w.issuers = row.Issuers
	}
	if w.shown == "" {
		w.shown = o.Name
	}
	if facts := status.SignIn; facts != nil {
		w.named, w.endSession = facts.NamesIssuer, facts.EndSession
	}
	stamp, err := w.mark(spec)
	w.stamp = stamp
	return w, err
}

// mark tells apart everything that a session by this way rests on: whose word counts, and what it gives. How often keys
// are read, how the server is reached and which secret the client has are not among that.
func (w *way) mark(spec *keyward.KeyManagerSpec) (string, error) {
	issuers := make([]keyward.IssuerRow, len(w.issuers))
	for i, row := range w.issuers {
		row.Refresh = 0
		issuers[i] = row
	}
	rules := *w.rules
	rules.ClientSecret, rules.Key = secret.Credential{}, secret.Credential{}
	text, err := json.Marshal([]any{w.id, rules, issuers, w.algorithms, w.at, spec.Global})
	if err != nil {
		return "", fmt.Errorf("encode the sign-in of key manager %s: %w", w.name, err)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16]), nil
}

// issuer is the one that an ID token names; nil = none of this server's.
func (w *way) issuer(iss string) *keyward.IssuerRow {
	for i := range w.issuers {
		if w.issuers[i].Issuer == iss {
			return &w.issuers[i]
		}
	}
	return nil
}

// address is where a browser goes (OpenID Connect Core 1.0, section 3.1.2.1), with PKCE (RFC 7636).
func (w *way) address(k kept) string {
	config := oauth2.Config{
		ClientID: w.account.ClientID, RedirectURL: w.back, Scopes: append([]string{"openid"}, w.scopes...),
		Endpoint: oauth2.Endpoint{AuthURL: w.at.Authorization},
	}
	return config.AuthCodeURL(k.State, oauth2.SetAuthURLParam("nonce", k.Nonce), oauth2.S256ChallengeOption(k.Verifier))
}

// farewell is where a browser goes to sign out at the server too (OpenID Connect RP-Initiated Logout 1.0, section 2); "" =
// the server has no such place.
func (w *way) farewell(callback, hint string) string {
	u, err := url.Parse(w.endSession)
	if w.endSession == "" || err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", w.account.ClientID)
	q.Set("post_logout_redirect_uri", callback)
	if hint != "" && len(hint) <= longestHint {
		q.Set("id_token_hint", hint)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// longestHint is how long an ID token may be that goes into an address: servers cut longer ones off.
const longestHint = 6000

// failed is what a person is told of a server that did not do its part.
func (w *way) failed(format string, args ...any) *keyward.Error {
	return keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager "+w.name+": "+format, args...)
}

// printable keeps what a server says from carrying anything but words.
func printable(text string) string {
	return wire.Words(strings.ToValidUTF8(strings.TrimRight(text, ": "), "?"))
}
