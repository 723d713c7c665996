package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/wire"
)

// signIn looks at what people need to sign in to the console through the server. Nobody is signed in by it.
func (c *check) signIn(ctx context.Context) {
	if !c.server.Spec.SignsIn() {
		return
	}
	c.step(ctx, Line{Step: stepSignIn, Expected: "an authorization endpoint with the code flow and PKCE (S256)"},
		func(_ context.Context, l *Line) { c.signInSettings(l) })
	client := Line{
		Step: stepSignInClient, Expected: "the token endpoint accepts the console's client, and refuses a code that does not exist",
		Fix: "correct spec.signIn: clientId, method, and the secret or key that goes with it",
	}
	redirect := Line{
		Step: stepRedirect, Expected: "people are sent back to " + c.callback(),
		Fix: "register the redirect URI " + c.callback() + " for the client " + c.server.Spec.SignIn.ClientID + " at the server, to " +
			"the letter; it begins with KEYWARD_PUBLIC_URL",
	}
	if c.own.ours {
		client.Fix = "have Keyward look at its client there: keyward keymanager console-clients lists it, and retry repairs it"
		redirect.Fix = client.Fix
	}
	c.step(ctx, client, func(ctx context.Context, l *Line) {
		if c.unregistered(l) {
			return
		}
		if c.signInClient(ctx, l); l.Verdict == Pass && c.own.stands != "" {
			l.Verdict, l.Seen = Warn, l.Seen+"; but it is "+c.own.stands
		}
	})
	c.step(ctx, redirect, func(ctx context.Context, l *Line) {
		if c.server.Spec.SignIn.ClientID == "" {
			l.not("the console has no client there yet")
			return
		}
		c.signInRedirect(ctx, l)
	})
}

// unregistered says why the console has no client at the server yet, where that is so.
func (c *check) unregistered(l *Line) bool {
	switch {
	case c.server.Spec.SignIn.ClientID != "":
		return false
	case c.own.stands == "":
		l.not("Keyward registers the console's client when this is saved")
	default:
		l.Verdict, l.Seen = Fail, "the console has no client there yet, it is "+c.own.stands
		l.Fix = "correct what the message names; a registration that failed is retried by itself, and at once when " +
			"the key manager is changed"
	}
	return true
}

func (c *check) signInSettings(l *Line) {
	at := keymanager.SignInEndpoints(c.server.Spec, c.server.Status)
	facts := c.server.Status.SignIn
	switch {
	case at.Authorization == "" && c.blind:
		l.not(afterDiscovery)
		return
	case at.Authorization == "":
		l.Verdict, l.Seen = Fail, "neither spec.endpoints.authorization nor the metadata says where people sign in"
		l.Fix = "set spec.endpoints.authorization"
		return
	case facts == nil:
		l.Seen = at.Authorization + "; what else the server supports was not discovered"
		return
	}
	l.Seen = at.Authorization
	switch {
	case len(facts.ResponseTypes) > 0 && !slices.Contains(facts.ResponseTypes, "code"):
		l.Verdict, l.Seen = Fail, l.Seen+"; response types "+strings.Join(facts.ResponseTypes, ", ")
		l.Fix = "have the server support the authorization code flow: sign-in needs it"
	case len(facts.PKCE) > 0 && !slices.Contains(facts.PKCE, "S256"):
		l.Verdict, l.Seen = Fail, l.Seen+"; PKCE with "+strings.Join(facts.PKCE, ", ")
		l.Fix = "have the server accept PKCE with S256 (RFC 7636)"
	case len(facts.PKCE) == 0:
		l.Verdict, l.Seen = Warn, l.Seen+"; the metadata do not say whether the server supports PKCE"
		l.Fix = "make sure that the server supports PKCE (RFC 7636): without it, only the nonce binds a code to its browser"
	case facts.EndSession == "":
		l.Verdict, l.Seen = Warn, l.Seen+"; no end_session_endpoint"
		l.Fix = "people who sign out of the console stay signed in at the server: they are let in again without a password"
	default:
		l.Seen += "; PKCE with S256; signs people out at " + facts.EndSession
	}
}

func (c *check) signInClient(ctx context.Context, l *Line) {
	if keymanager.SignInEndpoints(c.server.Spec, c.server.Status).Token == "" {
		l.not(afterDiscovery)
		return
	}
	said, err := c.redeem(ctx)
	switch {
	case errors.Is(err, errAnyCode):
		l.failed(err)
		l.Fix = "do not let people sign in through this server"
	case err != nil:
		l.failed(err, c.secretValues()...)
		credentials := "spec.signIn"
		if c.own.ours { // nothing of them is declared
			credentials = ""
		}
		l.Fix = c.fields("spec.endpoints.token", credentials).For(err, l.Fix)
	default:
		l.Seen = "the client was accepted, and the code was not: " + said
	}
}

// errAnyCode stands for a server that gives tokens for a code that never was.
var errAnyCode = errors.New("the server accepts anything as a code")

// redeem tries a code that never was. A server that takes the console's client says that the code is not good (RFC 6749,
// section 5.2); everything else is an error.
func (c *check) redeem(ctx context.Context) (said string, err error) {
	account := keymanager.SignInAccount(c.server)
	account.Params = url.Values{
		"grant_type": {"authorization_code"}, "code": {nobody()}, "redirect_uri": {c.callback()},
		"code_verifier": {oauth2.GenerateVerifier()},
	}
	var k wire.Call
	a, err := c.caller.WithSecret(ctx, c.probe.known, account.Secret, func(secret string) wire.Call {
		k = account.Request(secret)
		k.Op, k.Once = "redeem a code that does not exist", true
		return k
	}, wire.RefusesClient)
	if err != nil {
		return "", err
	}
	f := k.Failure(a)
	switch {
	case a.Status == http.StatusBadRequest && f.Code == "invalid_grant":
		return words(f, c.secretValues()...), nil
	case a.Status == http.StatusOK:
		return "", errAnyCode
	default:
		return "", f
	}
}

// signInRedirect asks the authorization endpoint not to show anybody anything (prompt=none): it tells so at the redirect
// URI, if it knows that (OpenID Connect Core 1.0, section 3.1.2.6), and nowhere else (RFC 6749, section 4.1.2.1).
func (c *check) signInRedirect(ctx context.Context, l *Line) {
	at := keymanager.SignInEndpoints(c.server.Spec, c.server.Status).Authorization
	if at == "" {
		l.not(afterDiscovery)
		return
	}
	own := c.server.Spec.SignIn
	config := oauth2.Config{
		ClientID: own.ClientID, RedirectURL: c.callback(), Scopes: append([]string{"openid"}, own.ScopesOrDefault()...),
		Endpoint: oauth2.Endpoint{AuthURL: at},
	}
	address := config.AuthCodeURL(nobody(), oauth2.SetAuthURLParam("nonce", nobody()), oauth2.SetAuthURLParam("prompt", "none"),
		oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
	a, err := c.caller.Do(ctx, wire.Call{Op: "ask for a silent sign-in", Method: http.MethodGet, URL: address})
	if err != nil {
		l.failed(err)
		l.Fix = c.fields("spec.endpoints.authorization", "").For(err, "correct spec.endpoints.authorization")
		return
	}
	code, description, led := ledBack(a, c.callback())
	switch {
	case led && (strings.HasSuffix(code, "_required") || code == "account_selection_required"):
		l.Seen = "sent back with " + code + ", because nobody is signed in"
	case led:
		l.Verdict, l.Seen = Fail, wire.Words("sent back with "+code+": "+description)
		l.Fix = "correct spec.signIn, or the client at the server: its answer says what is missing"
	case a.Status >= http.StatusInternalServerError:
		l.Verdict, l.Seen, l.Fix = Fail, fmt.Sprintf("the server answered %d", a.Status), "see the server's log"
	case a.Status >= http.StatusBadRequest:
		l.Verdict, l.Seen = Fail, fmt.Sprintf("the server answered %d, and did not redirect back", a.Status)
	default:
		l.Verdict, l.Seen = Warn, fmt.Sprintf("the server answered %d with a page, which says nothing about the redirect URI", a.Status)
		l.Fix = "sign in once to see; " + l.Fix
	}
}

// callback is the redirect URI of the console at this server.
func (c *check) callback() string {
	return keymanager.SignInCallback(c.probe.callback, c.server.Tenant, c.server.Name, c.server.Spec.SignIn)
}

// ledBack tells whether an answer leads a browser to the callback, and with which error.
func ledBack(a *wire.Answer, callback string) (code, description string, led bool) {
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Status < 300 || a.Status >= 400 {
		return "", "", false
	}
	q := to.Query()
	to.RawQuery, to.Fragment = "", ""
	return q.Get("error"), q.Get("error_description"), to.String() == callback
}
