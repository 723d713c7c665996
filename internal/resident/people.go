package resident

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/resident/flow"
	"keyward.dev/keyward/internal/resident/signin"
	"keyward.dev/keyward/internal/store"
)

// CallbackPath is where, below the public URL, the console takes the answer to its authorization requests.
const CallbackPath = "/session/callback"

// people tells the authorization code flow about clients. It implements flow.Clients over the store.
type people struct{ resident *Resident }

func (p people) backend(ctx context.Context) *tenantBackend {
	return &tenantBackend{resident: p.resident, tenant: signin.PlaceOf(ctx).Tenant}
}

// refusal turns what the backend says of a client into words for whoever is asked.
func refusal(err error) error {
	for _, known := range []error{ErrUnknownClient, ErrGrantNotAllowed, ErrDisabled} {
		if errors.Is(err, known) {
			return &flow.Refusal{Reason: map[error]string{
				ErrUnknownClient:   "no client with this client_id is in use here",
				ErrGrantNotAllowed: "the client was not made for the grant authorization_code",
				ErrDisabled:        ErrDisabled.Error(),
			}[known]}
		}
	}
	return err
}

// Client implements flow.Clients.
func (p people) Client(ctx context.Context, id string) (*flow.Client, error) {
	if id == catalog.ConsoleClient {
		return &flow.Client{
			ID: id, Name: "the Keyward console", Public: true, FirstParty: true,
			Callbacks: []string{p.resident.base + CallbackPath}, Farewells: []string{p.resident.base + "/"},
		}, nil
	}
	b := p.backend(ctx)
	var found *flow.Client
	err := b.resident.store.Read(ctx, func(tx *store.Tx) error {
		km, object, err := b.client(tx, id)
		if err != nil {
			return err
		}
		c, err := registration(object)
		if err != nil {
			return err
		}
		if !c.may(km.spec, grantCode) {
			return ErrGrantNotAllowed
		}
		name, err := applicationName(tx, object.Tenant, c.spec.Application)
		if err != nil {
			return err
		}
		found = &flow.Client{
			ID: id, Name: name, Public: c.public(), Native: c.status.Fields[fieldKind] == kindNative,
			Refreshes: c.may(km.spec, grantRefresh), Callbacks: c.status.Callbacks,
			Farewells: listOf(c.status.Fields[fieldFarewells]),
		}
		return nil
	})
	return found, refusal(err)
}

// applicationName gives what people know an application by: its display name, if it has one.
func applicationName(tx *store.Tx, tenant, name string) (string, error) {
	object, err := tx.Get(keyward.KindApplication, tenant, name)
	if err != nil {
		return "", fmt.Errorf("look up the application %s: %w", name, err)
	}
	spec, ok := object.Spec.(*keyward.ApplicationSpec)
	if !ok {
		return "", fmt.Errorf("%s has a spec of another kind", object.Ref())
	}
	return cmp.Or(spec.DisplayName, name), nil
}

// Reach implements flow.Clients.
func (p people) Reach(ctx context.Context, id string) (*flow.Reach, error) {
	if id == catalog.ConsoleClient {
		return &flow.Reach{}, nil
	}
	b := p.backend(ctx)
	grant := &Grant{Lifetime: b.resident.schedule.TokenLifetime}
	err := b.resident.store.Read(ctx, func(tx *store.Tx) error {
		km, object, err := b.client(tx, id)
		if err != nil {
			return err
		}
		c, err := registration(object)
		if err != nil {
			return err
		}
		return b.fill(tx, grant, km.spec, c, nil)
	})
	if err != nil {
		return nil, refusal(err)
	}
	return &flow.Reach{Scopes: grant.Scopes, Audience: grant.Audience, Lifetime: grant.Lifetime}, nil
}

// The developer fields of a client here, by the names of RFC 7591 and OpenID Connect.
const (
	fieldAuth      = "token_endpoint_auth_method"
	fieldKind      = "application_type"
	fieldFarewells = "post_logout_redirect_uris"
	kindNative     = "native"
	authNone       = "none"
)

// may tells whether the client was made with the grant, the server still offers it, and the client's environment is one
// of the server's.
func (c *registered) may(km *keyward.KeyManagerSpec, grant string) bool {
	offered := km.Clients.GrantTypes
	return slices.Contains(c.status.Grants, grant) && (len(offered) == 0 || slices.Contains(offered, grant)) &&
		slices.Contains(km.EnvironmentsOrDefault(), c.spec.EnvironmentOrDefault())
}

// public tells whether the client was made without a secret.
func (c *registered) public() bool { return c.status.Fields[fieldAuth] == authNone }

func listOf(v any) []string {
	var list []string
	switch v := v.(type) {
	case []string:
		list = v
	case []any:
		for _, entry := range v {
			if text, ok := entry.(string); ok {
				list = append(list, text)
			}
		}
	}
	return list
}

// checkRegistration refuses a client that could not be safe: one without a secret for grants that prove nothing else, and
// addresses to which a browser must not carry a code.
func (c *clients) checkRegistration(r connector.Registration) error {
	if r.Fields[fieldAuth] == authNone {
		for i, grant := range r.Grants {
			if grant != grantCode && grant != grantRefresh {
				return connector.Refused(fmt.Sprintf("grants[%d]", i), "a client without a secret (fields.%s: none) cannot use %s",
					fieldAuth, grant)
			}
		}
	}
	if slices.Contains(r.Grants, grantRefresh) && !slices.Contains(r.Grants, grantCode) {
		return connector.Refused("grants", "%s needs %s beside it", grantRefresh, grantCode)
	}
	native := r.Fields[fieldKind] == kindNative
	for i, address := range r.Callbacks {
		if why := c.addressFault(address, native); why != "" {
			return connector.Refused(fmt.Sprintf("callbacks[%d]", i), "%s", why)
		}
	}
	for _, address := range listOf(r.Fields[fieldFarewells]) {
		if why := c.addressFault(address, native); why != "" {
			return connector.Refused("fields."+fieldFarewells, "%s", why)
		}
	}
	return nil
}

// addressFault says why a browser must not be sent to an address (RFC 9700, section 2.1; RFC 8252, section 7.1).
func (c *clients) addressFault(address string, native bool) string {
	u, err := url.Parse(address)
	if err != nil {
		return "is not a URI"
	}
	local := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	switch {
	case u.User != nil, strings.Contains(address, "#"):
		return "must have neither a user name nor a fragment"
	case u.Scheme == "https" && u.Host != "":
		return ""
	case u.Scheme == "http" && local:
		return ""
	case u.Scheme == "http" && u.Host != "" && !native && strings.HasPrefix(c.backend.resident.base, "http://"):
		return ""
	case u.Scheme == "http":
		return "must begin with https://, or lead to this machine (127.0.0.1, [::1], localhost)"
	case native && strings.Contains(u.Scheme, "."):
		return ""
	case native:
		return "must begin with https://, with http://127.0.0.1, or with a scheme like com.example.app (RFC 8252, section 7.1)"
	default:
		return "must begin with https://; schemes of apps are for fields.application_type: native"
	}
}

// AccessToken implements flow.Mint.
func (p *protocol) AccessToken(ctx context.Context, t flow.Token) (string, error) {
	return p.signAs(ctx, authority(ctx), &Client{ID: t.ClientID}, &Grant{
		Scopes: t.Scopes, Audience: t.Audience, Lifetime: t.Lifetime, Subject: t.Subject, Claims: t.Claims,
	}, t.ID)
}

// IDToken implements flow.Mint.
func (p *protocol) IDToken(ctx context.Context, claims map[string]any) (string, error) {
	return p.signClaims(ctx, authority(ctx), "JWT", claims)
}

// Verify implements flow.Mint.
func (p *protocol) Verify(ctx context.Context, token string) (*oidc.AccessTokenClaims, bool, error) {
	claims, good, err := p.verify(ctx, token)
	if err != nil || !good {
		return nil, false, err
	}
	revoked, err := authority(ctx).Backend.Revoked(ctx, claims.JWTID)
	if err != nil || revoked {
		return nil, false, err
	}
	good, err = p.Stands(ctx, claims.JWTID)
	return claims, good, err
}

// Hint implements flow.Mint.
func (p *protocol) Hint(ctx context.Context, token string) (*oidc.IDTokenClaims, bool) {
	a := authority(ctx)
	ring, err := a.Backend.Keys(ctx)
	jws, parseErr := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{SigningAlgorithm})
	if err != nil || parseErr != nil {
		return nil, false
	}
	if _, err := ring.VerifySignature(ctx, jws); err != nil {
		return nil, false
	}
	claims := new(oidc.IDTokenClaims)
	if _, err := oidc.ParseToken(token, claims); err != nil {
		return nil, false
	}
	return claims, claims.Issuer == a.Issuer && claims.AccessTokenHash != ""
}

// Client gives an HTTP client for the endpoints of every tenant that needs no network: the public URL may lead past a
// proxy that this process cannot reach.
func (r *Resident) Client() *http.Client {
	return &http.Client{Transport: inside(r.Handler().ServeHTTP)}
}
