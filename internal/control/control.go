// Package control owns the use cases of the management plane: reading, holding and exporting what is declared, users'
// API tokens, gateways' credentials and the audit trail. It does not own what a declaration must hold to be written,
// what roles may do, SQL, vendors' protocols, how changes travel, or HTTP.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/store"
)

// Options set what has a default.
type Options struct {
	Log *slog.Logger     // nil = silent
	Now func() time.Time // nil = time.Now
	// Withdrawn is called when the withdrawal of a gateway is committed, to tell and to cut it; it may be nil.
	Withdrawn func(context.Context, *keyward.Gateway)
	// Ask asks one gateway about its decisions; nil = no gateway can be asked.
	Ask func(ctx context.Context, gateway string, q past.Query) ([]past.Record, error)
	// TakesNext tells of a secret with two values that its server takes the next one; nil = nothing is known.
	TakesNext func(rollover.Credential) bool
	// SignInClient tells how the console's own client at a key manager's server stands, as JSON; nil = there is none. It may be
	// nil itself.
	SignInClient func(*store.Tx, *keyward.Object) (json.RawMessage, error)
}

// Control carries out the use cases; those that write objects are the Writer's. It is safe for concurrent use.
type Control struct {
	*declare.Writer

	store  *store.Store
	client *http.Client // for addresses that people enter
	log    *slog.Logger
	now    func() time.Time

	withdrawn func(context.Context, *keyward.Gateway)
	takesNext func(rollover.Credential) bool
	signIn    func(*store.Tx, *keyward.Object) (json.RawMessage, error)
	ask       func(ctx context.Context, gateway string, q past.Query) ([]past.Record, error)
}

// New makes the use cases over a store. The client carries the operator's rules for outbound addresses; discovery
// and imports go through it.
func New(st *store.Store, client *http.Client, resident declare.Resident, o Options) *Control {
	c := &Control{
		Writer: declare.New(st, client, resident, o.Now),
		store:  st, client: client, log: o.Log, now: o.Now, withdrawn: o.Withdrawn, takesNext: o.TakesNext, ask: o.Ask,
		signIn: o.SignInClient,
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.ask == nil {
		c.ask = func(context.Context, string, past.Query) ([]past.Record, error) {
			return nil, errors.New("this process asks no gateways")
		}
	}
	if c.signIn == nil {
		c.signIn = func(*store.Tx, *keyward.Object) (json.RawMessage, error) { return nil, nil }
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}
