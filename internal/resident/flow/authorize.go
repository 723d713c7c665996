package flow

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/resident/signin"
	"keyward.dev/keyward/internal/store"
)

// requester shows the client of one authorization request to the framework, and carries what that request asked for past
// it: the framework drops scopes that it does not know, and wants some.
type requester struct {
	op.Client

	client *Client
	asked  []string
	fault  error // found before it was known that the client may be told
}

// VerifyAuthRequest finds the client. Until its redirect_uri is known to be registered, nothing goes to it.
func (f *Flow) VerifyAuthRequest(
	ctx context.Context, r *op.Request[oidc.AuthRequest],
) (*op.ClientRequest[oidc.AuthRequest], error) {
	for _, name := range []string{"client_id", "redirect_uri", "state"} {
		if len(r.Form[name]) > 1 {
			return nil, refused(&Refusal{Reason: name + " is given more than once"})
		}
	}
	client, err := f.allowed(ctx, r.Data.ClientID, r.Data.RedirectURI)
	if err != nil {
		return nil, refused(err)
	}
	found := &requester{client: client, asked: slices.DeleteFunc(slices.Clone(r.Data.Scopes), func(s string) bool { return s == "" })}
	if found.fault = formFault(r.Form); found.fault == nil && r.Data.ResponseType != "" && r.Data.ResponseType != oidc.ResponseTypeCode {
		found.fault = fault(&oidc.Error{ErrorType: "unsupported_response_type"}, "response_type must be code")
		r.Data.ResponseType = oidc.ResponseTypeCode // the framework has another word for it, and puts some answers into the fragment
	}
	r.Data.Scopes, r.Data.ResponseMode, r.Data.RequestParam = []string{oidc.ScopeOpenID}, "", ""
	return &op.ClientRequest[oidc.AuthRequest]{Request: r, Client: found}, nil
}

// formFault finds what a request must not carry.
func formFault(form url.Values) error {
	for name, values := range form {
		if len(values) > 1 {
			return fault(oidc.ErrInvalidRequest(), "a parameter is given more than once (RFC 6749, section 3.1)")
		}
		switch {
		case name == "request", name == "request_uri":
			return fault(oidc.ErrRequestNotSupported(), "request objects are not supported")
		case name == "response_mode" && values[0] != "" && values[0] != "query":
			return fault(oidc.ErrInvalidRequest(), "response_mode must be query, or left out")
		}
	}
	return nil
}

// Authorize answers an authorization request, or leads to the page where the user does what it waits for.
func (f *Flow) Authorize(ctx context.Context, r *op.ClientRequest[oidc.AuthRequest]) (_ *op.Redirect, err error) {
	defer tell(&err)
	from, ok := r.Client.(*requester)
	if !ok {
		return nil, errors.New("the framework gave a client that this server did not find")
	}
	if from.fault != nil {
		return nil, from.fault
	}
	if err := checkChallenge(from.client, r.Data); err != nil {
		return nil, err
	}
	reach, err := f.clients.Reach(ctx, from.client.ID)
	if err != nil {
		return nil, err
	}
	scopes, err := chosen(from.client, reach, from.asked)
	if err != nil {
		return nil, err
	}
	browser, err := f.browsers.Browser(ctx, r.Header)
	if err != nil {
		return nil, err
	}
	silent := slices.Contains(r.Data.Prompt, oidc.PromptNone)
	if f.mustSignIn(ctx, r.Data, browser) {
		if silent {
			return nil, fault(oidc.ErrLoginRequired(), "the user has to sign in")
		}
		if r.Form.Has(signin.Answered) && f.another(ctx, r.Data, browser) {
			return nil, fault(oidc.ErrLoginRequired(), "somebody else signed in than the user of id_token_hint")
		}
		return op.NewRedirect(signin.PlaceOf(ctx).Address(signin.PathSignIn, r.Form)), nil
	}
	agreed, err := f.agreed(ctx, from.client, r.Data, browser, scopes)
	if err != nil {
		return nil, err
	}
	if !agreed {
		if silent {
			return nil, fault(&oidc.Error{ErrorType: "consent_required"}, "the user has to give consent")
		}
		return op.NewRedirect(signin.PlaceOf(ctx).Address(signin.PathConsent, r.Form)), nil
	}
	return f.code(ctx, from.client, r.Data, browser, scopes)
}

// checkChallenge wants PKCE (RFC 7636) with S256 of every client without a secret, and takes no weaker one of others.
func checkChallenge(client *Client, r *oidc.AuthRequest) error {
	switch {
	case r.CodeChallenge == "" && client.Public:
		return fault(oidc.ErrInvalidRequest(), "a public client must send code_challenge with code_challenge_method=S256 (RFC 7636)")
	case r.CodeChallenge == "" && r.CodeChallengeMethod != "":
		return fault(oidc.ErrInvalidRequest(), "code_challenge is missing")
	case r.CodeChallenge != "" && r.CodeChallengeMethod != oidc.CodeChallengeMethodS256:
		return fault(oidc.ErrInvalidRequest(), "code_challenge_method must be S256")
	case r.CodeChallenge != "" && (len(r.CodeChallenge) != 43 || strings.Trim(r.CodeChallenge, challengeLetters) != ""):
		return fault(oidc.ErrInvalidRequest(), "code_challenge must be a SHA-256 in base64url without padding")
	}
	return nil
}

const challengeLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// mustSignIn tells whether the user has to sign in, for the first time or again (OpenID Connect Core 1.0, section 3.1.2.3).
func (f *Flow) mustSignIn(ctx context.Context, r *oidc.AuthRequest, browser *signin.Signed) bool {
	if browser == nil || slices.Contains(r.Prompt, oidc.PromptLogin) || slices.Contains(r.Prompt, oidc.PromptSelectAccount) {
		return true
	}
	age := f.options.Now().Sub(browser.SignIn.Since)
	if r.MaxAge != nil && (*r.MaxAge == 0 || age > time.Duration(min(*r.MaxAge, 1<<30))*time.Second) {
		return true
	}
	return f.another(ctx, r, browser)
}

// another tells whether the user who is signed in is not the one of the request's id_token_hint (OpenID Connect Core 1.0,
// section 3.1.2.1). A hint that is no ID token of this server counts as none.
func (f *Flow) another(ctx context.Context, r *oidc.AuthRequest, browser *signin.Signed) bool {
	if browser == nil || r.IDTokenHint == "" {
		return false
	}
	hint, good := f.mint.Hint(ctx, r.IDTokenHint)
	return good && hint.Subject != browser.Account.ID
}

// agreed tells whether the user lets the client have the scopes: now, or because of an earlier decision. An app that
// proves nothing but its callback is allowed anew each time (RFC 8252, section 8.6).
func (f *Flow) agreed(
	ctx context.Context, client *Client, r *oidc.AuthRequest, browser *signin.Signed, scopes []string,
) (bool, error) {
	if client.FirstParty {
		return true, nil
	}
	allowed, decided := signin.Allowed(ctx)
	switch {
	case decided && !allowed:
		return false, fault(oidc.ErrAccessDenied(), "the user did not allow it")
	case decided:
		return true, f.store.Write(ctx, actor, func(tx *store.Tx) error {
			return tx.PutConsent(browser.Account.ID, client.ID, scopes, f.options.Now())
		})
	case client.Native && client.Public, slices.Contains(r.Prompt, oidc.PromptConsent):
		return false, nil
	}
	covered := false
	err := f.store.Read(ctx, func(tx *store.Tx) error {
		before, decided, err := tx.Consent(browser.Account.ID, client.ID)
		covered = decided && !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(before, s) })
		return err
	})
	return covered, err
}

// code gives the client a code (RFC 6749, section 4.1.2) with the issuer's name beside it (RFC 9207).
func (f *Flow) code(
	ctx context.Context, client *Client, r *oidc.AuthRequest, browser *signin.Signed, scopes []string,
) (*op.Redirect, error) {
	place, now, value := signin.PlaceOf(ctx), f.options.Now(), account.NewValue()
	given := store.Given{
		ID: store.NewID(), Tenant: place.Tenant, ClientID: client.ID, UserID: browser.Account.ID, SignInID: browser.SignIn.ID,
		Offline: slices.Contains(scopes, oidc.ScopeOfflineAccess), Stamp: browser.Account.Stamp, Scopes: scopes,
		Nonce: r.Nonce, Since: browser.SignIn.Since, Expires: browser.SignIn.Expires,
	}
	if given.Offline {
		given.Expires = now.Add(offlineLife)
	}
	err := f.store.Write(ctx, actor, func(tx *store.Tx) error {
		if err := account.Still(tx, given.UserID, given.Stamp); err != nil {
			return err
		}
		if err := tx.PutGiven(given); err != nil {
			return err
		}
		return tx.PutCode(store.Code{
			Hash: account.Digest(value), GivenID: given.ID, Redirect: r.RedirectURI, Challenge: r.CodeChallenge, Expires: now.Add(codeLife),
		})
	})
	if errors.Is(err, account.ErrNone) {
		return nil, fault(oidc.ErrAccessDenied(), "the user is signed in no more")
	}
	if err != nil {
		return nil, fmt.Errorf("store a code: %w", err)
	}
	answer := url.Values{"code": {value}, "iss": {place.Issuer}}
	if r.State != "" {
		answer.Set("state", r.State)
	}
	to, err := WithQuery(r.RedirectURI, answer)
	if err != nil {
		return nil, err
	}
	return op.NewRedirect(to), nil
}

// WithQuery adds parameters to an address that may have some (RFC 6749, section 3.1.2).
func WithQuery(address string, more url.Values) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("read a registered address: %w", err)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += more.Encode()
	return u.String(), nil
}

// GetID implements op.Client.
func (c *requester) GetID() string { return c.client.ID }

// RedirectURIs implements op.Client.
func (c *requester) RedirectURIs() []string { return c.client.Callbacks }

// ApplicationType implements op.Client.
func (c *requester) ApplicationType() op.ApplicationType {
	if c.client.Native {
		return op.ApplicationTypeNative
	}
	return op.ApplicationTypeWeb
}

// ResponseTypes implements op.Client: tokens never come with a redirect (RFC 9700, section 2.1.2).
func (c *requester) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

// DevMode implements op.Client: which callbacks may be registered was judged when the client was made.
func (c *requester) DevMode() bool { return true }

// IsScopeAllowed implements op.Client.
func (c *requester) IsScopeAllowed(string) bool { return true }
