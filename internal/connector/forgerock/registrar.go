package forgerock

import (
	"context"
	"net/http"
	"net/url"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/oidc"
	"keyward.dev/keyward/internal/wire"
)

// registrar registers as OpenAM understands it: RFC 7591's scope and grant_types are passed over there, an array named
// scopes counts, and the management address that it gives for a sub-realm is wrong. It can change no client: what
// registration could elsewhere is not offered.
type registrar struct {
	connector.TokenEndpoint

	dcr     *oidc.Registrar
	tokens  *wire.Tokens
	account wire.Account
}

// Register implements Connector.
func (f *registrar) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	metadata := f.dcr.Metadata(r)
	delete(metadata, "scope")
	delete(metadata, "grant_types")
	metadata["scopes"] = append([]string{}, r.Scopes...)
	post := wire.Call{Op: "register the client", Method: http.MethodPost, URL: f.dcr.Registration, JSON: metadata}
	if f.account.ClientID != "" {
		// Not from the cache: expires_in counts milliseconds there, and an old token is refused with 400.
		token, err := f.tokens.Get(ctx, f.Caller, f.account, true)
		if err != nil {
			return connector.Registered{}, err
		}
		post.Bearer = token
	}
	a, err := f.Caller.Do(ctx, post)
	if err != nil {
		return connector.Registered{}, err
	}
	if a.Status != http.StatusCreated {
		return connector.Registered{}, post.Failure(a)
	}
	out, err := f.dcr.Made(ctx, r, post, a)
	if err != nil {
		return connector.Registered{}, err
	}
	out.Handle.URI = f.dcr.Registration + "?" + url.Values{"client_id": {out.ClientID}}.Encode()
	if out.Handle.AccessToken == post.Bearer {
		out.Handle.AccessToken = "" // it opens every registration, and this client's no better
	}
	return out, nil
}

// Read implements Reader.
func (f *registrar) Read(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	return f.dcr.Read(ctx, h)
}

// Delete implements Connector.
func (f *registrar) Delete(ctx context.Context, h connector.Handle) error {
	return f.dcr.Delete(ctx, h)
}
