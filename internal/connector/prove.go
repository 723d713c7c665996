package connector

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

// TokenRequest asks for a token with a client's own credentials (RFC 6749, section 4.4).
type TokenRequest struct {
	ClientID, Secret string
	Scopes           []string // empty = what the server or the type gives by itself
	Audience         string   // as Auth0 and others want it; "" = none, or the type's
	Resources        []string // RFC 8707, section 2
}

// Granter is the capability of connectors that can get a token with a client's credentials.
type Granter interface {
	// Token gives what the server answered. A refusal is a *wire.Failure with the server's words; ErrUnsupported means
	// that no token endpoint is known.
	Token(ctx context.Context, r TokenRequest) (wire.AccessToken, error)
}

// prover asks the token endpoint for a token with somebody's client credentials.
type prover struct {
	caller  *wire.Caller
	token   string // endpoint
	methods []string
	params  url.Values // further parameters that the vendor's token endpoint wants, such as an audience
}

func newProver(s Server, c *wire.Caller) prover {
	return prover{
		caller:  c,
		token:   s.Endpoint(func(e keyward.Endpoints) string { return e.Token }),
		methods: s.Status.AuthMethods,
	}
}

// Prove implements Prover.
func (p prover) Prove(ctx context.Context, clientID, secret string) error {
	return prove(ctx, p, clientID, secret)
}

// prove gets a token and throws it away. Where none was asked for that the client may have, the credentials may be
// right all the same.
func prove(ctx context.Context, g Granter, clientID, secret string) error {
	_, err := g.Token(ctx, TokenRequest{ClientID: clientID, Secret: secret})
	if f, ok := errors.AsType[*wire.Failure](err); ok && f.Code == "invalid_scope" {
		return ErrUnsupported
	}
	return err
}

// Token implements Granter. What is asked for stands before what the type wants by itself.
func (p prover) Token(ctx context.Context, r TokenRequest) (wire.AccessToken, error) {
	if p.token == "" {
		return wire.AccessToken{}, ErrUnsupported
	}
	params := url.Values{}
	maps.Copy(params, p.params)
	if len(r.Scopes) > 0 {
		params.Set("scope", strings.Join(r.Scopes, " "))
	}
	if r.Audience != "" {
		params.Set("audience", r.Audience)
	}
	if len(r.Resources) > 0 {
		params["resource"] = r.Resources
	}
	return p.caller.Grant(ctx, wire.Grant{
		Endpoint: p.token, Methods: p.methods, Params: params, ClientID: r.ClientID, Secret: r.Secret,
	})
}

// external has no way to create or delete a client; it can check one where the token endpoint is known.
type external struct{ prover }

func openExternal(s Server, c *wire.Caller) (Connector, error) { return external{newProver(s, c)}, nil }

// Register implements Connector: it always refuses.
func (external) Register(context.Context, Registration) (Registered, error) {
	return Registered{}, keyward.Errorf(keyward.CodeCreationDisabled,
		"a key manager of type external creates no clients: map one that exists")
}

// Delete implements Connector: it always refuses.
func (external) Delete(context.Context, Handle) error { return ErrUnsupported }
