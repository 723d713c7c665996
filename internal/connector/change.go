package connector

import (
	"context"
	"errors"
	"time"
)

// KeepHandle stores a client's handle durably. A connector calls it with every registration access token that comes back
// new, before it does anything else with the answer (RFC 7592, section 3). Its error ends the call.
type KeepHandle func(context.Context, Handle) error

// ErrUnmanageable says that the server refuses the client's registration access token, so that nobody but its
// administrator can change or delete the client; nothing was changed.
var ErrUnmanageable = errors.New("the client's registration access token is not taken")

// Updater is the capability of connectors whose server can change a client and keep its id.
type Updater interface {
	// Update makes the client what r says; without scopes those stay. A name that somebody changed there may stay changed.
	// It may be called again after an end that nobody saw. ClientSecret is empty unless the server gave a new one.
	// ErrUnsupported means that the server offers no way.
	Update(ctx context.Context, h Handle, r Registration, keep KeepHandle) (Registered, error)
}

// Secret is one of the secrets of a client that may have two.
type Secret struct {
	ID        string // the server's name of it; "" where it has none
	Value     string
	ExpiresAt *time.Time // nil = never, or unknown
}

// String hides the value.
func (s Secret) String() string { return "secret " + s.ID }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// Overlapper is the capability of connectors whose server takes two secrets of a client at a time.
type Overlapper interface {
	// AddSecret makes a further secret. Those before stay alive.
	AddSecret(ctx context.Context, h Handle) (Secret, error)
	// DropSecrets ends every secret of ours but the one of this id. What is gone already is no error.
	DropSecrets(ctx context.Context, h Handle, keep string) error
}
