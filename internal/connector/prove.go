package connector

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

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

// Prove implements Prover: HTTP Basic first, then the credentials in the body (RFC 6749, section 2.3.1), because the
// client may be registered for one of the two only.
func (p prover) Prove(ctx context.Context, clientID, secret string) error {
	if p.token == "" {
		return ErrUnsupported
	}
	basic := wire.Call{
		Op: "get a token with the client's secret", Method: http.MethodPost, URL: p.token,
		User: clientID, Password: secret, Form: p.form(nil),
	}
	post := wire.Call{
		Op: basic.Op, Method: http.MethodPost, URL: p.token, Secrets: []string{secret},
		Form: p.form(url.Values{"client_id": {clientID}, "client_secret": {secret}}),
	}
	tries := []wire.Call{basic, post}
	if len(p.methods) > 0 && !slices.Contains(p.methods, "client_secret_basic") && slices.Contains(p.methods, "client_secret_post") {
		tries = []wire.Call{post}
	}
	var last error
	for _, k := range tries {
		a, err := p.caller.Do(ctx, k)
		if err != nil {
			return err
		}
		if a.Status == http.StatusOK {
			if o, ok := a.Object(); ok && wire.Member(o, "access_token") != "" {
				return nil
			}
			return k.Failure(a)
		}
		f := k.Failure(a)
		if f.Code == "invalid_scope" {
			return ErrUnsupported // the credentials may be right; no token was asked for that the client may have
		}
		if last == nil {
			last = f
		}
		if a.Status != http.StatusUnauthorized && a.Status != http.StatusBadRequest && a.Status != http.StatusForbidden {
			return f
		}
	}
	return last
}

// form is the token request with further values.
func (p prover) form(more url.Values) url.Values {
	form := url.Values{"grant_type": {"client_credentials"}}
	maps.Copy(form, p.params)
	maps.Copy(form, more)
	return form
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
