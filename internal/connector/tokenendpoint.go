package connector

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

// TokenEndpoint asks for tokens with clients' own credentials (RFC 6749, section 4.4). Vendors embed it and are Prover
// and Granter by it.
type TokenEndpoint struct {
	Caller  *wire.Caller
	Bare    *wire.Caller // Line.Bare
	URL     string       // "" = not known
	Methods []string     // token_endpoint_auth_methods_supported; empty = unknown
	Params  url.Values   // further parameters that the vendor's token endpoint wants, such as an audience
}

// NewTokenEndpoint makes that of a key manager.
func NewTokenEndpoint(s Server, l Line) TokenEndpoint {
	return TokenEndpoint{
		Caller:  l.Caller,
		Bare:    l.Bare,
		URL:     s.Endpoint(func(e keyward.Endpoints) string { return e.Token }),
		Methods: s.Status.AuthMethods,
	}
}

// AskFor makes every request ask for this scope by itself; "" leaves it to the server.
func (e *TokenEndpoint) AskFor(scope string) {
	if scope != "" {
		e.Params = url.Values{"scope": {scope}}
	}
}

// Prove implements Prover.
func (e TokenEndpoint) Prove(ctx context.Context, clientID, secret string) error {
	return Prove(ctx, e, clientID, secret)
}

// Prove gets a token and throws it away. Where none was asked for that the client may have, the credentials may be
// right all the same: that is ErrUnsupported with ErrNoScope. A server that does not mind the case of an id gives a token to
// another spelling of it too: where that token says how it is written, another is refused, because gateways would know no
// such client.
func Prove(ctx context.Context, g Granter, clientID, secret string) error {
	token, err := g.Token(ctx, TokenRequest{ClientID: clientID, Secret: secret})
	if f, ok := errors.AsType[*wire.Failure](err); ok && f.Code == "invalid_scope" {
		return errors.Join(ErrUnsupported, ErrNoScope)
	}
	if err != nil {
		return err
	}
	if written := spelled(token.Value, clientID); written != clientID {
		return Refused("clientId", "the server writes this id as %s in its tokens, and case counts: write it so", written)
	}
	return nil
}

// spelled is the client id as a JWT writes it: the one asked about, unless a claim differs from it in case alone and none is
// the same.
func spelled(token, clientID string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return clientID
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return clientID
	}
	written := clientID
	for _, claim := range claims {
		switch said, _ := claim.(string); { // nothing is said by another type
		case said == clientID:
			return clientID
		case strings.EqualFold(said, clientID):
			written = said
		}
	}
	return written
}

// Token implements Granter. What is asked for stands before what the type wants by itself. The certificate of the outbound
// policy is Keyward's: it never vouches for a client (RFC 8705, section 2), so the server is asked without it.
func (e TokenEndpoint) Token(ctx context.Context, r TokenRequest) (wire.AccessToken, error) {
	if e.URL == "" {
		return wire.AccessToken{}, ErrUnsupported
	}
	params := url.Values{}
	maps.Copy(params, e.Params)
	if len(r.Scopes) > 0 {
		params.Set("scope", strings.Join(r.Scopes, " "))
	}
	if r.Audience != "" {
		params.Set("audience", r.Audience)
	}
	if len(r.Resources) > 0 {
		params["resource"] = r.Resources
	}
	g := wire.Grant{Endpoint: e.URL, Methods: e.Methods, Params: params, ClientID: r.ClientID, Secret: r.Secret}
	if e.Bare == nil {
		return e.Caller.Grant(ctx, g)
	}
	token, err := e.Bare.Grant(ctx, g)
	if f, ok := errors.AsType[*wire.Failure](err); !ok || f.Code != "" {
		return token, err
	}
	return e.walled(ctx, g)
}

// walled asks with the certificate where a server says nothing without one. What it then gives counts only where it
// refuses another secret: otherwise the certificate is what opened the client.
func (e TokenEndpoint) walled(ctx context.Context, g wire.Grant) (wire.AccessToken, error) {
	token, err := e.Caller.Grant(ctx, g)
	if err != nil {
		return wire.AccessToken{}, err
	}
	g.Secret = rand.Text()
	_, err = e.Caller.Grant(ctx, g)
	f, failed := errors.AsType[*wire.Failure](err)
	switch {
	case err == nil:
		return wire.AccessToken{}, &wire.Failure{
			Op: "get a token with the client's secret", Status: http.StatusOK, Code: "invalid_client", Sent: true,
			Description: "outbound.certificate opens this client, whatever its secret is: the secret cannot be tried",
		}
	case failed && (f.Code == "invalid_client" || f.Status == http.StatusUnauthorized):
		return token, nil
	default:
		return wire.AccessToken{}, err
	}
}
