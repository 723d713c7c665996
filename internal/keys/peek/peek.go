// Package peek owns the look at a client at its server that loses nothing: the answer may replace the client's registration
// access token (RFC 7592, section 3). It does not own what is made of what is seen, nor whose turn it is: who looks has the
// client's turn.
package peek

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// Reader reads one client. Keep stores its handle, before anything else is done.
type Reader struct {
	Keep connector.KeepHandle
}

// Of reads the client of an object; actor is whom the store is told of.
func Of(st *store.Store, actor string, o *keyward.Object) Reader {
	return Reader{Keep: func(ctx context.Context, h connector.Handle) error {
		text, err := json.Marshal(h) //nolint:gosec // stored sealed
		if err != nil {
			return fmt.Errorf("encode the client's handle: %w", err)
		}
		return st.Write(ctx, actor, func(tx *store.Tx) error {
			return tx.KeepSecrets(o, map[string]string{scene.HandlePath: string(text)})
		})
	}}
}

// Read is connector.Reader's with the handle that it takes. That the token may be lost with an answer is stored before, and
// what came before anything else is done with it; h is then what later calls need.
func (r Reader) Read(ctx context.Context, at connector.Reader, h *connector.Handle) (*connector.Client, error) {
	before := *h
	if before.AccessToken != "" {
		doubtful := before
		doubtful.Doubtful = true
		if err := r.keep(ctx, h, doubtful); err != nil {
			return nil, err
		}
	}
	c, err := at.Read(ctx, before)
	var f *wire.Failure
	switch {
	case c != nil:
		return c, r.keep(ctx, h, c.Handle)
	case errors.As(err, &f) && unseen(*f):
		return nil, err
	default:
		return nil, errors.Join(err, r.keep(ctx, h, before)) // a refusal replaces no token
	}
}

// unseen tells that the server may have answered with another token: that nothing was made at it, does not count here.
func unseen(f wire.Failure) bool {
	f.Harmless = false
	return f.Uncertain()
}

func (r Reader) keep(ctx context.Context, h *connector.Handle, now connector.Handle) error {
	if now == *h {
		return nil
	}
	*h = now
	return r.Keep(context.WithoutCancel(ctx), now)
}
