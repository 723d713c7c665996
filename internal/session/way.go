package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
)

// way is a server at which people sign in to the console.
type way struct {
	name   string // of the key manager; "" = the tenant's resident authorization server
	issuer string
	named  bool // the server's answers carry iss (RFC 9207)
	client *http.Client
	config oauth2.Config
	keys   oidc.KeySet
}

// way finds the server. A tenant that does not exist has none.
func (s *Sessions) way(ctx context.Context, tenant, via string) (*way, error) {
	if via != "" && via != keyward.ResidentName {
		return nil, invalid("via", "nobody signs in through a key manager %s here", via)
	}
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.Get(keyward.KindKeyManager, tenant, keyward.ResidentName)
		return err
	})
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, invalid("tenant", "there is no tenant %s", tenant)
	}
	if err != nil {
		return nil, fmt.Errorf("look up a tenant: %w", err)
	}
	issuer := s.options.Issuer(tenant)
	base := strings.TrimSuffix(issuer, "/")
	return &way{
		issuer: issuer, named: true, client: s.options.Inside,
		config: oauth2.Config{
			ClientID: s.options.Client, RedirectURL: s.options.Callback, Scopes: []string{oidc.ScopeOpenID, "profile"},
			Endpoint: oauth2.Endpoint{
				AuthURL: base + "/oauth2/authorize", TokenURL: base + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams,
			},
		},
		keys: oidc.NewRemoteKeySet(oidc.ClientContext(ctx, s.options.Inside), base+"/oauth2/keys"),
	}, nil
}

// failed is what a person is told of a server that did not do its part.
func (w *way) failed(format string, args ...any) *keyward.Error {
	name := w.name
	if name == "" {
		name = keyward.ResidentName
	}
	return keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager "+name+": "+format, args...)
}

// redeem gives who the answer is about. The answer must be of this server (RFC 9207), for this browser (state, nonce) and
// this start (PKCE); its ID token is checked with at_hash (OpenID Connect Core 1.0, section 3.1.3.7).
func (w *way) redeem(ctx context.Context, k kept, answer url.Values) (*store.Session, error) {
	if iss := answer.Get("iss"); iss != w.issuer && (iss != "" || w.named) {
		return nil, w.failed("the answer says that it is of another server: nothing was taken from it")
	}
	if code := answer.Get("error"); code != "" {
		return nil, w.failed("%s", printable(code+": "+answer.Get("error_description")))
	}
	if len(answer["code"]) != 1 || len(answer["state"]) != 1 {
		return nil, w.failed("the answer has no code")
	}
	ctx = oidc.ClientContext(ctx, w.client)
	tokens, err := w.config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(k.Verifier))
	if err != nil {
		return nil, w.refused(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := oidc.NewVerifier(w.issuer, w.keys, &oidc.Config{ClientID: w.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, w.failed("its ID token cannot be believed: %s", printable(err.Error()))
	}
	if id.Nonce != k.Nonce {
		return nil, w.failed("its ID token is of another sign-in")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(tokens.AccessToken); err != nil {
			return nil, w.failed("its ID token is of another access token")
		}
	}
	return w.person(id)
}

// refused tells what the token endpoint said, and no more than that.
func (w *way) refused(err error) error {
	if said, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return w.failed("the code was not taken: %s", printable(said.ErrorCode+" "+said.ErrorDescription))
	}
	e := w.failed("cannot be reached")
	e.Err = err
	return e
}

func (w *way) person(id *oidc.IDToken) (*store.Session, error) {
	var claims struct {
		SignIn string `json:"sid"`
	}
	if err := id.Claims(&claims); err != nil {
		return nil, w.failed("its ID token cannot be read")
	}
	return &store.Session{UserID: id.Subject, SignInID: claims.SignIn}, nil
}

// printable keeps what a server says from carrying anything but words.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(strings.TrimRight(text, ": "), "?"))
	runes := []rune(text)
	return string(runes[:min(len(runes), 300)])
}
