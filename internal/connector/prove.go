package connector

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"keyward.dev/keyward"
)

// prover asks the token endpoint for a token with somebody's client credentials.
type prover struct {
	caller  *caller
	token   string // endpoint
	methods []string
}

func newProver(s Server, c *caller) prover {
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
	basic := call{
		op: "get a token with the client's secret", method: http.MethodPost, url: p.token,
		user: clientID, pass: secret, form: url.Values{"grant_type": {"client_credentials"}},
	}
	post := call{
		op: basic.op, method: http.MethodPost, url: p.token, secrets: []string{secret},
		form: url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}},
	}
	tries := []call{basic, post}
	if len(p.methods) > 0 && !slices.Contains(p.methods, "client_secret_basic") && slices.Contains(p.methods, "client_secret_post") {
		tries = []call{post}
	}
	var last error
	for _, k := range tries {
		a, err := p.caller.do(ctx, k)
		if err != nil {
			return err
		}
		if a.status == http.StatusOK {
			if o, ok := a.object(); ok && member(o, "access_token") != "" {
				return nil
			}
			return k.failure(a)
		}
		f := k.failure(a)
		if last == nil {
			last = f
		}
		if a.status != http.StatusUnauthorized && a.status != http.StatusBadRequest && a.status != http.StatusForbidden {
			return f
		}
	}
	return last
}

// external has no way to create or delete a client; it can check one where the token endpoint is known.
type external struct{ prover }

func openExternal(s Server, c *caller) (Connector, error) { return external{newProver(s, c)}, nil }

// Register implements Connector: it always refuses.
func (external) Register(context.Context, Registration) (Registered, error) {
	return Registered{}, keyward.Errorf(keyward.CodeCreationDisabled,
		"a key manager of type external creates no clients: map one that exists")
}

// Delete implements Connector: it always refuses.
func (external) Delete(context.Context, Handle) error { return ErrUnsupported }
