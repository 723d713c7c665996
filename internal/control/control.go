// Package control owns the use cases of the management plane: who may do what, writing every noun one by one or many
// at once, what gateways are told about each, tenants, users, API tokens, gateways' credentials and the audit trail.
// It does not own SQL, vendors' protocols, how changes travel, or HTTP.
package control

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
)

// Resident is what control asks of the built-in authorization server.
type Resident interface {
	// Resolve makes the signing keys of km's tenant in tx where it has none, and gives the key manager's status and what
	// gateways are told of it.
	Resolve(tx *store.Tx, km *keyward.Object) (status, row json.RawMessage, err error)
}

// Options set what has a default.
type Options struct {
	Log *slog.Logger     // nil = silent
	Now func() time.Time // nil = time.Now
	// Withdrawn is called when the withdrawal of a gateway is committed, to tell and to cut it; it may be nil.
	Withdrawn func(context.Context, *keyward.Gateway)
}

// Control carries out the use cases. It is safe for concurrent use.
type Control struct {
	store    *store.Store
	client   *http.Client
	resident Resident
	log      *slog.Logger
	now      func() time.Time

	withdrawn func(context.Context, *keyward.Gateway)
}

// New makes the use cases over a store. The client carries the operator's rules for outbound addresses; discovery
// goes through it.
func New(st *store.Store, client *http.Client, resident Resident, o Options) *Control {
	c := &Control{store: st, client: client, resident: resident, log: o.Log, now: o.Now, withdrawn: o.Withdrawn}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// actor is how the audit trail names a principal.
func actor(p keyward.Principal) string {
	if p.Tenant == "" || p.Tenant == keyward.DefaultTenant {
		return p.User
	}
	return p.Tenant + "/" + p.User
}
