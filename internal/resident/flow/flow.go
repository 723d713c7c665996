// Package flow owns the authorization code flow of the resident authorization server (RFC 6749, section 4.1; OpenID Connect
// Core 1.0, section 3.1): requests for authorization, codes, refresh tokens, ID tokens, userinfo and the end of a session.
// It does not own people and their pages, which clients there are and what they may have, nor the keys that sign.
package flow

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/resident/signin"
	"keyward.dev/keyward/internal/store"
)

// The endpoints, below the issuer.
const (
	PathAuthorize  = "/oauth2/authorize"
	PathUserinfo   = "/oauth2/userinfo"
	PathEndSession = "/oauth2/end-session"
)

const (
	codeLife    = time.Minute
	offlineLife = 30 * 24 * time.Hour // of what a client keeps while the user is away
	idTokenLife = 5 * time.Minute
	actor       = "system/resident"
)

// Client is a client that may use the flow.
type Client struct {
	ID         string
	Name       string // of the application
	Public     bool   // it has no secret: PKCE is all that it proves
	Native     bool   // an app on somebody's machine: the port of a callback on loopback is its own choice (RFC 8252, section 7.3)
	FirstParty bool   // the console: nobody is asked for consent, and its access tokens open nothing
	Refreshes  bool   // it was made with the grant refresh_token
	Callbacks  []string
	Farewells  []string // where a browser may be sent after its session was ended

	tenant string // that the request is for
}

// Reach is what a client's tokens may carry.
type Reach struct {
	Scopes   []string
	Audience []string // empty = the issuer
	Lifetime time.Duration
}

// Refusal is why there is no such client, in words for whoever is asked.
type Refusal = signin.Refusal

// Clients knows the clients of each place.
type Clients interface {
	// Client gives the client, or a *Refusal when none of that id may use the flow now.
	Client(ctx context.Context, id string) (*Client, error)
	// Reach gives what its tokens may carry now, or a *Refusal.
	Reach(ctx context.Context, id string) (*Reach, error)
}

// Token is what an access token says.
type Token struct {
	ID       string
	ClientID string
	Subject  string
	Scopes   []string
	Audience []string
	Lifetime time.Duration
	Claims   map[string]any
}

// Mint signs with the keys of a place.
type Mint interface {
	AccessToken(ctx context.Context, t Token) (string, error)
	IDToken(ctx context.Context, claims map[string]any) (string, error)
	// Verify reads an access token of this issuer that is good and was not revoked.
	Verify(ctx context.Context, token string) (claims *oidc.AccessTokenClaims, good bool, err error)
	// Hint reads an ID token of this issuer that may have expired.
	Hint(ctx context.Context, token string) (claims *oidc.IDTokenClaims, good bool)
}

// Flow carries the flow out. The framework's server is put together from it.
type Flow struct {
	op.UnimplementedServer

	store    *store.Store
	clients  Clients
	mint     Mint
	browsers *signin.Browsers
	options  signin.Options
}

// New makes the flow over a store.
func New(s *store.Store, c Clients, m Mint, b *signin.Browsers, o signin.Options) *Flow {
	return &Flow{store: s, clients: c, mint: m, browsers: b, options: o}
}

// fault is a refusal that goes to the client, for it is registered with the address (RFC 6749, section 4.1.2.1).
func fault(e *oidc.Error, description string) error { return e.WithDescription("%s", description) }

// refused is an error that goes nowhere but to the person before the browser.
func refused(err error) error {
	var r *Refusal
	if errors.As(err, &r) {
		return oidc.ErrInvalidRequestRedirectURI().WithDescription("%s", r.Reason)
	}
	if keyward.CodeOf(err) == keyward.CodeDatabaseUnavailable {
		return NotNow(err)
	}
	return oidc.ErrServerError().WithParent(err)
}

// What is answered while the database is away: to clients, by redirect too (RFC 6749, section 4.1.2.1), and at the token
// endpoint, where no code of section 5.2 says it.
const (
	ErrorNotNow = "temporarily_unavailable"
	TextNotNow  = "the authorization server cannot use its database now: try again in a moment"
)

// NotNow is that answer, with what it was for the log.
func NotNow(err error) error {
	e := &oidc.Error{ErrorType: ErrorNotNow, Description: TextNotNow}
	return op.NewStatusError(e.WithParent(err), http.StatusServiceUnavailable)
}

// tell leaves of an error what strangers may be told: refusals, and of a fault of ours nothing but that it is one. The
// framework logs what it was.
func tell(err *error) {
	var known *oidc.Error
	var r *Refusal
	switch {
	case *err == nil, errors.As(*err, &known):
	case errors.As(*err, &r):
		*err = fault(oidc.ErrUnauthorizedClient(), r.Reason)
	case keyward.CodeOf(*err) == keyward.CodeDatabaseUnavailable:
		*err = NotNow(*err)
	default:
		*err = oidc.ErrServerError().WithParent(*err)
	}
}

// identityScopes are those that no API asks for.
func identityScopes() []string {
	return []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess}
}

// chosen gives what a client gets of the scopes that it asked for; nothing asked for is all that its APIs know. Unknown
// ones are left out (RFC 6749, section 3.3), and it is a fault only when nothing is left.
func chosen(client *Client, reach *Reach, asked []string) ([]string, error) {
	if len(asked) == 0 {
		return reach.Scopes, nil
	}
	var scopes []string
	for _, s := range asked {
		known := slices.Contains(identityScopes(), s) || slices.Contains(reach.Scopes, s)
		if s == oidc.ScopeOfflineAccess && !client.Refreshes {
			known = false
		}
		if known && !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	if len(scopes) == 0 {
		return nil, fault(oidc.ErrInvalidScope(), "none of the scopes asked for may be given")
	}
	return scopes, nil
}

// allowed gives the client that an authorization request is from, when it is registered with the redirect_uri: the very
// same text, but for the port of an app on loopback.
func (f *Flow) allowed(ctx context.Context, clientID, redirect string) (*Client, error) {
	client, err := f.clients.Client(ctx, clientID)
	if err != nil {
		return nil, err
	}
	if redirect == "" {
		return nil, &Refusal{Reason: "redirect_uri is missing"}
	}
	for _, registered := range client.Callbacks {
		if redirect == registered || client.Native && samePlace(registered, redirect) {
			return client, nil
		}
	}
	return nil, &Refusal{Reason: "redirect_uri is not one of the callbacks that the client is registered with"}
}

// samePlace compares two addresses on loopback without their ports (RFC 8252, section 7.3).
func samePlace(registered, given string) bool {
	a, err := url.Parse(registered)
	if err != nil || a.Scheme != "http" || !loopback(a.Hostname()) {
		return false
	}
	b, err := url.Parse(given)
	if err != nil || b.User != nil || b.Fragment != "" || strings.HasSuffix(given, "#") {
		return false
	}
	return b.Scheme == a.Scheme && b.Hostname() == a.Hostname() && b.EscapedPath() == a.EscapedPath() && b.RawQuery == a.RawQuery
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "::1" }

// Ask implements signin.Asker.
func (f *Flow) Ask(ctx context.Context, request url.Values) (*signin.Ask, error) {
	client, err := f.allowed(ctx, request.Get("client_id"), request.Get("redirect_uri"))
	if err != nil {
		return nil, err
	}
	ask := &signin.Ask{ClientID: client.ID, Application: client.Name, Callback: request.Get("redirect_uri")}
	reach, err := f.clients.Reach(ctx, client.ID)
	if err != nil {
		return nil, err
	}
	if ask.Scopes, err = chosen(client, reach, strings.Fields(request.Get("scope"))); err != nil {
		ask.Scopes = nil // the request itself is answered with that
	}
	return ask, nil
}

var (
	_ signin.Asker = (*Flow)(nil)
	_ op.Client    = (*requester)(nil)
)
