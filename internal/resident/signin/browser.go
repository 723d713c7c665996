package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/store"
)

// The cookies. Those of a tenant other than the default one have its name at their end: all tenants share a host.
const (
	cookieSignIn = "keyward-signin" // a value that nobody can guess; the store has its SHA-256
	cookieKnown  = "keyward-known"  // a browser in which a user has signed in before, sealed
	cookieForm   = "keyward-form"   // what forms prove that they are from this browser with
)

const knownLife = 180 * 24 * time.Hour

func codeNotFound(err error) bool { return keyward.CodeOf(err) == keyward.CodeNotFound }

// cookie gives the name that a cookie has here. With __Host- no other host and no page without TLS can set it.
func (p Place) cookie(name string) string {
	if p.Tenant != keyward.DefaultTenant {
		name += "-" + p.Tenant
	}
	if p.secure() {
		return "__Host-" + name
	}
	return name
}

// set sets a cookie; one without a life ends with the browser, one with a life below zero at once.
func (p Place) set(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, p.made(name, value, life))
}

func (p Place) made(name, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure with TLS; there is none to ask for without
		Name: p.cookie(name), Value: value, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, Secure: p.secure(),
		SameSite: http.SameSiteLaxMode,
	}
}

// Gone is the Set-Cookie field that takes the sign-in out of the browser.
func (p Place) Gone() string { return p.made(cookieSignIn, "", -time.Second).String() }

// begin signs a browser in: under a new value, whatever it held before, so that nobody can have set one in advance.
func (p *Pages) begin(w http.ResponseWriter, r *http.Request, a *account.Account) error {
	place, now, value := PlaceOf(r.Context()), p.options.Now(), account.NewValue()
	err := p.store.Write(r.Context(), actor, func(tx *store.Tx) error {
		if err := account.Still(tx, a.ID, a.Stamp); err != nil {
			return err
		}
		if err := p.endIn(tx, r); err != nil {
			return err
		}
		return tx.PutSignIn(store.SignIn{
			ID: store.NewID(), Hash: account.Digest(value), Tenant: place.Tenant, UserID: a.ID, Stamp: a.Stamp, Since: now, Seen: now,
			Expires: now.Add(p.options.Lifetime),
		})
	})
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	place.set(w, cookieSignIn, value, 0)
	known := p.key.Seal([]byte(a.ID+" "+store.NewID()), []byte(place.Tenant))
	place.set(w, cookieKnown, known, knownLife)
	return nil
}

// end signs the browser out.
func (p *Pages) end(w http.ResponseWriter, r *http.Request) error {
	err := p.store.Write(r.Context(), actor, func(tx *store.Tx) error { return p.endIn(tx, r) })
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	w.Header().Add("Set-Cookie", PlaceOf(r.Context()).Gone())
	return nil
}

func (p *Pages) endIn(tx *store.Tx, r *http.Request) error {
	place := PlaceOf(r.Context())
	cookie, err := r.Cookie(place.cookie(cookieSignIn))
	if err != nil {
		return nil //nolint:nilerr // it holds none
	}
	s, err := tx.SignInByHash(place.Tenant, account.Digest(cookie.Value))
	if codeNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.DropSignIn(s.ID, p.options.Now())
}

// knownAs gives the id of the user who signed in in this browser before, with the browser's own; "" = nobody.
func (p *Pages) knownAs(r *http.Request) (userID, browser string) {
	place := PlaceOf(r.Context())
	cookie, err := r.Cookie(place.cookie(cookieKnown))
	if err != nil {
		return "", ""
	}
	text, err := p.key.Open(cookie.Value, []byte(place.Tenant))
	if err != nil {
		return "", ""
	}
	userID, browser, _ = strings.Cut(string(text), " ")
	return userID, browser
}

// formToken gives what a form of this browser has to carry. It changes when somebody signs in, and says nothing about the
// cookies that it is made from.
func (p *Pages) formToken(w http.ResponseWriter, r *http.Request) string {
	place := PlaceOf(r.Context())
	if cookie, err := r.Cookie(place.cookie(cookieForm)); err == nil && len(cookie.Value) >= 40 {
		return tokenOf(r, place, cookie.Value)
	}
	value := account.NewValue()
	place.set(w, cookieForm, value, 0)
	return tokenOf(r, place, value)
}

func tokenOf(r *http.Request, place Place, value string) string {
	signedIn := ""
	if cookie, err := r.Cookie(place.cookie(cookieSignIn)); err == nil {
		signedIn = cookie.Value
	}
	sum := sha256.Sum256([]byte("keyward form\x00" + value + "\x00" + signedIn))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// protection refuses what a page of another origin makes a browser send. The public URL counts as our own, because a
// proxy may ask for another host.
func protection(place Place) *http.CrossOriginProtection {
	c := http.NewCrossOriginProtection()
	if scheme, rest, ok := strings.Cut(place.Issuer, "://"); ok {
		host, _, _ := strings.Cut(rest, "/")
		_ = c.AddTrustedOrigin(scheme + "://" + host) // the issuer is a URL: New of the resident room saw to it
	}
	return c
}

// withDecision notes what the user decided.
func withDecision(ctx context.Context, allowed bool) context.Context {
	return context.WithValue(ctx, decisionKey{}, allowed)
}
