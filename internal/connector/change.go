package connector

import (
	"context"
	"time"
)

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
