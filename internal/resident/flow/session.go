package flow

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/resident/signin"
	"keyward.dev/keyward/internal/store"
)

// UserInfo tells a client about the user that its access token is of (OpenID Connect Core 1.0, section 5.3).
func (f *Flow) UserInfo(ctx context.Context, r *op.Request[oidc.UserInfoRequest]) (_ *op.Response, err error) {
	defer tell(&err)
	claims, good, err := f.mint.Verify(ctx, r.Data.AccessToken)
	if err != nil {
		return nil, err
	}
	if !good {
		return nil, op.NewStatusError(&oidc.Error{ErrorType: "invalid_token", Description: "the access token is not good"},
			http.StatusUnauthorized)
	}
	if !slices.Contains(claims.Scopes, oidc.ScopeOpenID) {
		return nil, op.NewStatusError(&oidc.Error{ErrorType: "insufficient_scope", Description: "the access token lacks the scope openid"},
			http.StatusForbidden)
	}
	var user *account.Account
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		user, err = account.ByID(tx, claims.Subject)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up the user of a token: %w", err)
	}
	answer := map[string]any{"sub": user.ID}
	describe(answer, user, claims.Scopes)
	return op.NewResponse(answer), nil
}

// EndSession signs a browser out (OpenID Connect RP-Initiated Logout 1.0). With the ID token of that very sign-in it is
// done at once; otherwise the user is asked, for any page could have sent them here.
func (f *Flow) EndSession(ctx context.Context, r *op.Request[oidc.EndSessionRequest]) (_ *op.Redirect, err error) {
	defer tell(&err)
	place := signin.PlaceOf(ctx)
	browser, err := f.browsers.Browser(ctx, r.Header)
	if err != nil {
		return nil, err
	}
	if browser != nil {
		hint, good := f.mint.Hint(ctx, r.Data.IdTokenHint)
		if !good || hint.SessionID != browser.SignIn.ID {
			return op.NewRedirect(place.Address(signin.PathSignOut, r.Form)), nil
		}
		err := f.store.Write(ctx, actor, func(tx *store.Tx) error { return tx.DropSignIn(browser.SignIn.ID, f.options.Now()) })
		if err != nil {
			return nil, fmt.Errorf("end a sign-in: %w", err)
		}
	}
	to := f.Farewell(ctx, r.Form)
	if to == "" {
		to = place.Address(signin.PathSignedOut, nil)
	}
	redirect := op.NewRedirect(to)
	if browser != nil { // a page of another site has no cookie sent, and must not take it away either
		redirect.Header.Add("Set-Cookie", place.Gone())
	}
	return redirect, nil
}

// Farewell implements signin.Asker: only an address that the client is registered with.
func (f *Flow) Farewell(ctx context.Context, request url.Values) string {
	to, id := request.Get("post_logout_redirect_uri"), request.Get("client_id")
	if hint, good := f.mint.Hint(ctx, request.Get("id_token_hint")); good && len(hint.Audience) == 1 {
		id = hint.Audience[0]
	}
	if to == "" || id == "" {
		return ""
	}
	client, err := f.clients.Client(ctx, id)
	if err != nil || !slices.Contains(client.Farewells, to) {
		return ""
	}
	if state := request.Get("state"); state != "" {
		to, err = WithQuery(to, url.Values{"state": {state}})
	}
	if err != nil {
		return ""
	}
	return to
}
