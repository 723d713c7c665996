// Package signin owns people at the resident authorization server: their browsers' sign-ins, and the pages on which they
// sign in and out, give consent and choose passwords. It does not own OAuth 2.0: what a client asks for, codes and tokens
// are flow's, and who is a user is account's.
package signin

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/password"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
)

// The pages, below the issuer.
const (
	PathSignIn    = "/oauth2/sign-in"
	PathConsent   = "/oauth2/consent"
	PathSignOut   = "/oauth2/sign-out"
	PathSignedOut = "/oauth2/signed-out"
	PathAccount   = "/oauth2/account"
	PathPassword  = "/oauth2/password"
	PathReset     = "/oauth2/reset"
	PathStyle     = "/oauth2/style.css"
	pathAuthorize = "/oauth2/authorize"
)

const actor = "system/resident"

// Place is the authorization server that a request is for.
type Place struct {
	Tenant string
	Issuer string
}

type placeKey struct{}

// WithPlace notes the place.
func WithPlace(ctx context.Context, p Place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

// PlaceOf gives the place that was noted.
func PlaceOf(ctx context.Context) Place {
	p, _ := ctx.Value(placeKey{}).(Place)
	return p
}

// Address gives the public address of a path below the issuer.
func (p Place) Address(path string, query url.Values) string {
	address := strings.TrimSuffix(p.Issuer, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

func (p Place) secure() bool { return strings.HasPrefix(p.Issuer, "https://") }

// Answered marks an authorization request for which somebody has just signed in: nobody is asked to again because it was
// somebody else.
const Answered = "keyward_signed_in"

// Ask is what an authorization request wants of a user.
type Ask struct {
	ClientID    string
	Application string // as people know it
	Scopes      []string
	Callback    string // where the answer goes: one that the client is registered with
}

// Refusal is why a request is not answered, in words for whoever is asked.
type Refusal struct{ Reason string }

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// Asker knows authorization requests.
type Asker interface {
	// Ask gives what the request wants, or a *Refusal that a person is told when the client must not be answered.
	Ask(ctx context.Context, request url.Values) (*Ask, error)
	// Farewell gives where a request to end the session (OpenID Connect RP-Initiated Logout 1.0) leads people, "" = nowhere.
	Farewell(ctx context.Context, request url.Values) string
}

// Options say how long a browser stays signed in. All are required.
type Options struct {
	Home     string        // where the console is
	Start    string        // where somebody who is signed in here begins a session at the console, up to the tenant's name
	Idle     time.Duration // without a request
	Lifetime time.Duration // in all
	Now      func() time.Time
	Log      *slog.Logger
}

// Browsers are those in which somebody is signed in.
type Browsers struct {
	store   *store.Store
	options Options
}

// NewBrowsers finds them in a store.
func NewBrowsers(s *store.Store, o Options) *Browsers { return &Browsers{s, o} }

// Pages are the pages of every tenant's authorization server.
type Pages struct {
	*Browsers

	asker    Asker
	page     *template.Template
	key      seal.Key // of the cookies that mark known browsers
	attempts *attempts
	decoy    string // a hash that no password fits, for users who have none
	checking chan struct{}
}

// checkAtOnce is how many passwords are compared at a time: each comparison takes 19 MiB.
const checkAtOnce = 4

// New makes the pages.
func New(b *Browsers, asker Asker) (*Pages, error) {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	return &Pages{
		Browsers: b, asker: asker, page: page, key: b.store.Key("keyward known browser"), attempts: newAttempts(b.options.Now),
		decoy: password.Hash(account.NewValue()), checking: make(chan struct{}, checkAtOnce),
	}, nil
}

// Handler serves the pages. authorize answers an authorization request, which comes to it with the user's decision.
func (p *Pages) Handler(authorize http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathSignIn, p.showSignIn)
	mux.HandleFunc("POST "+PathSignIn, p.form(p.signIn))
	mux.HandleFunc("GET "+PathConsent, p.showConsent)
	mux.HandleFunc("POST "+PathConsent, p.form(p.consent(authorize)))
	mux.HandleFunc("GET "+PathSignOut, p.showSignOut)
	mux.HandleFunc("POST "+PathSignOut, p.form(p.signOut))
	mux.HandleFunc("GET "+PathSignedOut, p.showSignedOut)
	mux.HandleFunc("GET "+PathAccount, p.showAccount)
	mux.HandleFunc("GET "+PathPassword, p.showPassword)
	mux.HandleFunc("POST "+PathPassword, p.form(p.changePassword))
	mux.HandleFunc("GET "+PathReset, p.showReset)
	mux.HandleFunc("POST "+PathReset, p.form(p.reset))
	mux.HandleFunc("GET "+PathStyle, p.style)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.leading(w, r, http.StatusNotFound, note(textNotFound, textNotFoundLead))
	})
	return mux
}

// Owns tells whether a path below the issuer is one of the pages.
func Owns(path string) bool {
	switch path {
	case PathSignIn, PathConsent, PathSignOut, PathSignedOut, PathAccount, PathPassword, PathReset, PathStyle:
		return true
	default:
		return false
	}
}

type decisionKey struct{}

// Allowed tells what the user decided about the authorization request that the context belongs to: allowed or not, if
// anything.
func Allowed(ctx context.Context) (allowed, decided bool) {
	allowed, decided = ctx.Value(decisionKey{}).(bool)
	return allowed, decided
}

// Signed is a browser whose user is signed in.
type Signed struct {
	SignIn  store.SignIn
	Account *account.Account
}

// touchEvery bounds how often it is written when a browser was seen.
const touchEvery = time.Minute

// Browser gives who is signed in in the browser that sent the header, or nil.
func (p *Browsers) Browser(ctx context.Context, header http.Header) (*Signed, error) {
	place := PlaceOf(ctx)
	cookie, err := (&http.Request{Header: header}).Cookie(place.cookie(cookieSignIn))
	if err != nil || cookie.Value == "" {
		return nil, nil //nolint:nilerr,nilnil // nobody is signed in
	}
	var found *Signed
	err = p.store.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = p.signed(tx, place.Tenant, cookie.Value)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up a sign-in: %w", err)
	}
	if now := p.options.Now(); found != nil && now.Sub(found.SignIn.Seen) >= touchEvery {
		err := p.store.Write(ctx, actor, func(tx *store.Tx) error { return tx.TouchSignIn(found.SignIn.ID, now) })
		if err != nil {
			p.options.Log.WarnContext(ctx, "that a browser was seen could not be noted", "error", err)
		}
	}
	return found, nil
}

func (p *Browsers) signed(tx *store.Tx, tenant, value string) (*Signed, error) {
	s, err := tx.SignInByHash(tenant, account.Digest(value))
	if err != nil {
		if codeNotFound(err) {
			return nil, nil //nolint:nilnil // nobody is signed in
		}
		return nil, err
	}
	a, alive, err := p.Alive(tx, s)
	if err != nil || !alive {
		return nil, err
	}
	return &Signed{SignIn: *s, Account: a}, nil
}

// Alive tells whether a sign-in still counts, and whose it is: the user is there and enabled, has the same password, and
// neither lifetime is over.
func (p *Browsers) Alive(tx *store.Tx, s *store.SignIn) (*account.Account, bool, error) {
	now := p.options.Now()
	a, err := account.ByID(tx, s.UserID)
	if errors.Is(err, account.ErrNone) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return a, a.Stamp == s.Stamp && now.Before(s.Expires) && now.Sub(s.Seen) < p.options.Idle, nil
}
