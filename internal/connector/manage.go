package connector

import (
	"context"
	"net/http"

	"keyward.dev/keyward/internal/wire"
)

// doer makes a call to a management API, with the credential that it takes.
type doer func(context.Context, wire.Call) (*wire.Answer, error)

// remove deletes the client at an address. A client that is gone already is no error; gone knows that answer.
func remove(ctx context.Context, do doer, address string, gone func(*wire.Answer) bool) error {
	del := wire.Call{Op: "delete the client", Method: http.MethodDelete, URL: address}
	a, err := do(ctx, del)
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusNoContent || gone(a):
		return nil
	default:
		return del.Failure(a)
	}
}

// notFound is how most servers say that there is no such client.
func notFound(a *wire.Answer) bool { return a.Status == http.StatusNotFound }

// secretOf makes the call and gives the client_secret in its answer.
func secretOf(ctx context.Context, do doer, k wire.Call) (string, error) {
	a, err := do(ctx, k)
	if err != nil {
		return "", err
	}
	members, ok := a.Object()
	secret := wire.Member(members, "client_secret")
	if a.Status != http.StatusOK || !ok || secret == "" {
		return "", k.Failure(a)
	}
	return secret, nil
}
