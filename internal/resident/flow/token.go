package flow

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/resident/signin"
	"keyward.dev/keyward/internal/store"
)

// refreshPrefix begins every refresh token, so that a leaked one is recognised.
const refreshPrefix = "kwr_"

func invalidGrant(description string) error { return fault(oidc.ErrInvalidGrant(), description) }

// standing is what was given, with the user that it is of, while all of it counts.
type standing struct {
	given *store.Given
	user  *account.Account
}

// stands tells why what was given does not count any more; "" = it does. Without offline_access it ends with the sign-in.
func (f *Flow) stands(tx *store.Tx, given *store.Given) (*standing, string, error) {
	now := f.options.Now()
	if given.Revoked {
		return nil, "it was revoked", nil
	}
	if !now.Before(given.Expires) {
		return nil, "it has expired", nil
	}
	user, err := account.ByID(tx, given.UserID)
	if errors.Is(err, account.ErrNone) {
		return nil, "the user is gone or disabled", nil
	}
	if err != nil {
		return nil, "", err
	}
	if user.Stamp != given.Stamp {
		return nil, "the user's password was changed", nil
	}
	if given.Offline {
		return &standing{given, user}, "", nil
	}
	s, err := tx.SignInByID(given.SignInID)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, "the user has signed out", nil
	}
	if err != nil {
		return nil, "", err
	}
	_, alive, err := f.browsers.Alive(tx, s)
	if err == nil && !alive {
		return nil, "the user's sign-in has ended", nil
	}
	return &standing{given, user}, "", err
}

// CodeExchange gives tokens for a code. A code is good once, whatever comes of it: what a second try finds used is revoked
// (RFC 6749, section 4.1.2), and so is what a try with the wrong verifier or address was after.
func (f *Flow) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (_ *op.Response, err error) {
	defer tell(&err)
	client, err := f.client(ctx, r.Client.GetID())
	if err != nil {
		return nil, err
	}
	var found *standing
	var refusal string
	refresh, hash := "", account.Digest(r.Data.Code)
	if client.Refreshes {
		refresh = refreshPrefix + account.NewValue()
	}
	err = f.store.Write(ctx, actor, func(tx *store.Tx) (err error) {
		found, refusal, err = f.useCode(tx, client, hash, r.Data)
		if err != nil || refusal != "" || refresh == "" {
			return err
		}
		return tx.PutRefresh(account.Digest(refresh), found.given.ID)
	})
	if err != nil {
		return nil, fmt.Errorf("exchange a code: %w", err)
	}
	if refusal != "" {
		return nil, invalidGrant("the code is not good: " + refusal)
	}
	return f.tokens(ctx, client, found, found.given.Scopes, refresh)
}

func (f *Flow) useCode(tx *store.Tx, client *Client, hash []byte, r *oidc.AccessTokenRequest) (*standing, string, error) {
	code, err := tx.CodeByHash(hash)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, "nobody gave it", nil
	}
	if err != nil {
		return nil, "", err
	}
	now := f.options.Now()
	given, err := f.givenTo(tx, client, code.GivenID)
	if err != nil || given == nil {
		return nil, "nobody gave it", err
	}
	first, err := tx.UseCode(hash, now)
	if err != nil {
		return nil, "", err
	}
	refusal := ""
	switch verified := oidc.NewSHACodeChallenge(r.CodeVerifier); {
	case !first:
		refusal = "it was used before, and what it gave is revoked"
	case !now.Before(code.Expires):
		refusal = "it has expired"
	case r.RedirectURI != code.Redirect:
		refusal = "redirect_uri is not that of the authorization request"
	case code.Challenge == "" && r.CodeVerifier != "":
		refusal = "code_verifier is given, and the authorization request had no code_challenge" // RFC 9700, section 4.8.2
	case code.Challenge != "" && subtle.ConstantTimeCompare([]byte(verified), []byte(code.Challenge)) != 1:
		refusal = "code_verifier does not fit"
	}
	if refusal != "" {
		return nil, refusal, tx.RevokeGiven(given.ID, now)
	}
	return f.stands(tx, given)
}

// givenTo gives what was given, when it was given to this client, or nil.
func (f *Flow) givenTo(tx *store.Tx, client *Client, id string) (*store.Given, error) {
	given, err := tx.GivenByID(client.tenant, id)
	if keyward.CodeOf(err) == keyward.CodeNotFound || err == nil && given.ClientID != client.ID {
		return nil, nil //nolint:nilnil // none that is this client's
	}
	return given, err
}

// RefreshToken gives new tokens for a refresh token, and the next refresh token: each is good once. One that comes back
// was stolen, or its successor was, so everything ends that came of the same authorization (RFC 9700, section 4.14.2).
func (f *Flow) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (_ *op.Response, err error) {
	defer tell(&err)
	client, err := f.client(ctx, r.Client.GetID())
	if err != nil {
		return nil, err
	}
	if !client.Refreshes {
		return nil, fault(oidc.ErrUnauthorizedClient(), "the client was not made for the grant refresh_token")
	}
	var found *standing
	var refusal string
	next := refreshPrefix + account.NewValue()
	var scopes []string
	err = f.store.Write(ctx, actor, func(tx *store.Tx) (err error) {
		found, refusal, err = f.useRefresh(tx, client, account.Digest(r.Data.RefreshToken))
		if err != nil || refusal != "" {
			return err
		}
		if scopes, err = narrowed(found.given.Scopes, r.Data.Scopes); err != nil {
			return err
		}
		return tx.PutRefresh(account.Digest(next), found.given.ID)
	})
	if err != nil {
		return nil, err
	}
	if refusal != "" {
		return nil, invalidGrant("the refresh token is not good: " + refusal)
	}
	return f.tokens(ctx, client, found, scopes, next)
}

// narrowed gives the scopes that a refresh asks for: none that the user did not allow (RFC 6749, section 6).
func narrowed(given, asked []string) ([]string, error) {
	asked = slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return s == "" })
	if len(asked) == 0 {
		return given, nil
	}
	if slices.ContainsFunc(asked, func(s string) bool { return !slices.Contains(given, s) }) {
		return nil, fault(oidc.ErrInvalidScope(), "a refresh cannot ask for more than the user allowed")
	}
	return asked, nil
}

func (f *Flow) useRefresh(tx *store.Tx, client *Client, hash []byte) (*standing, string, error) {
	id, err := tx.GivenOfRefresh(hash)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, "nobody gave it", nil
	}
	if err != nil {
		return nil, "", err
	}
	given, err := f.givenTo(tx, client, id)
	if err != nil || given == nil {
		return nil, "nobody gave it", err
	}
	found, refusal, err := f.stands(tx, given)
	if err != nil || refusal != "" {
		return nil, refusal, err
	}
	first, err := tx.UseRefresh(hash, f.options.Now())
	if err == nil && !first {
		return nil, "it was used before, and what came of it is revoked", tx.RevokeGiven(id, f.options.Now())
	}
	return found, "", err
}

// Forget revokes what a refresh token belongs to (RFC 7009, section 2.1), and tells whether it was one of this client's.
func (f *Flow) Forget(ctx context.Context, clientID, token string) (bool, error) {
	if !strings.HasPrefix(token, refreshPrefix) {
		return false, nil
	}
	var known bool
	err := f.store.Write(ctx, actor, func(tx *store.Tx) error {
		id, err := tx.GivenOfRefresh(account.Digest(token))
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		given, err := f.givenTo(tx, &Client{ID: clientID, tenant: signin.PlaceOf(ctx).Tenant}, id)
		if err != nil || given == nil {
			return err
		}
		known = true
		return tx.RevokeGiven(id, f.options.Now())
	})
	return known, err
}

// Stands tells whether the authorization that an access token came of still counts, by the token's id. A token of another
// grant came of none.
func (f *Flow) Stands(ctx context.Context, tokenID string) (bool, error) {
	id, _, ours := strings.Cut(strings.TrimPrefix(tokenID, givenPrefix), ".")
	if !ours || !strings.HasPrefix(tokenID, givenPrefix) {
		return true, nil
	}
	good := false
	err := f.store.Read(ctx, func(tx *store.Tx) error {
		given, err := tx.GivenByID(signin.PlaceOf(ctx).Tenant, id)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		_, refusal, err := f.stands(tx, given)
		good = refusal == ""
		return err
	})
	return good, err
}

// givenPrefix begins the id of an access token that came of an authorization: its id follows.
const givenPrefix = "g_"

// client gives the client of a request at the token endpoint, which has authenticated already.
func (f *Flow) client(ctx context.Context, id string) (*Client, error) {
	client, err := f.clients.Client(ctx, id)
	if err != nil {
		return nil, err
	}
	client.tenant = signin.PlaceOf(ctx).Tenant
	return client, nil
}

// tokens makes the answer of the token endpoint. Subscriptions may have changed since the user agreed: the tokens carry
// what both still allow.
func (f *Flow) tokens(ctx context.Context, client *Client, s *standing, scopes []string, refresh string) (*op.Response, error) {
	reach, err := f.clients.Reach(ctx, client.ID)
	if err != nil {
		return nil, err
	}
	scopes = slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		return !slices.Contains(identityScopes(), scope) && !slices.Contains(reach.Scopes, scope)
	})
	answer := &oidc.AccessTokenResponse{
		TokenType: oidc.BearerToken, RefreshToken: refresh, ExpiresIn: uint64(reach.Lifetime.Seconds()), Scope: scopes,
	}
	if answer.AccessToken, err = f.accessToken(ctx, client, s, reach, scopes); err != nil {
		return nil, err
	}
	if slices.Contains(scopes, oidc.ScopeOpenID) {
		if answer.IDToken, err = f.idToken(ctx, client, s, scopes, answer.AccessToken); err != nil {
			return nil, err
		}
	}
	return op.NewResponse(answer), nil
}

// accessToken makes one for APIs. That of the console is no token of any issuer: it opens nothing, for sessions do.
func (f *Flow) accessToken(ctx context.Context, client *Client, s *standing, reach *Reach, scopes []string) (string, error) {
	if client.FirstParty {
		return account.NewValue(), nil
	}
	token := Token{
		ID: givenPrefix + s.given.ID + "." + rand.Text(), ClientID: client.ID, Subject: s.user.ID, Scopes: scopes,
		Audience: reach.Audience, Lifetime: reach.Lifetime,
	}
	if slices.Contains(scopes, oidc.ScopeProfile) {
		token.Claims = map[string]any{"preferred_username": s.user.Name()}
	}
	return f.mint.AccessToken(ctx, token)
}

// idToken tells the client who the user is (OpenID Connect Core 1.0, section 2). at_hash is always in it, so that nobody
// can take it for an access token.
func (f *Flow) idToken(ctx context.Context, client *Client, s *standing, scopes []string, access string) (string, error) {
	hash, err := oidc.ClaimHash(access, jose.RS256)
	if err != nil {
		return "", fmt.Errorf("make at_hash: %w", err)
	}
	now := f.options.Now()
	claims := map[string]any{
		"iss": signin.PlaceOf(ctx).Issuer, "sub": s.user.ID, "aud": client.ID, "iat": now.Unix(), "exp": now.Add(idTokenLife).Unix(),
		"auth_time": s.given.Since.Unix(), "at_hash": hash, "sid": s.given.SignInID,
	}
	if s.given.Nonce != "" {
		claims["nonce"] = s.given.Nonce
	}
	describe(claims, s.user, scopes)
	return f.mint.IDToken(ctx, claims)
}

// describe adds what the scopes let a client know of a user (OpenID Connect Core 1.0, section 5.4).
func describe(claims map[string]any, user *account.Account, scopes []string) {
	if slices.Contains(scopes, oidc.ScopeProfile) {
		claims["preferred_username"] = user.Name()
	}
	if slices.Contains(scopes, oidc.ScopeEmail) && user.Spec.Email != "" {
		claims["email"], claims["email_verified"] = user.Spec.Email, false // an administrator wrote it down
	}
}
