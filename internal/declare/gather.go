package declare

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/password"
)

// gathered is what takes too long for a transaction: answers of servers, and password hashes. It is asked for while
// looking and used while writing.
type gathered struct {
	discoveries map[keyward.Ref]*discovery
	passwords   map[keyward.Ref]*passwordWork
}

// discovery is a key manager whose server's metadata must be read.
type discovery struct {
	prefix string
	spec   *keyward.KeyManagerSpec
	way    outbound.Policy
	status keyward.KeyManagerStatus
}

// passwordWork compares a password with the stored hash and makes a new one where they differ.
type passwordWork struct {
	password string
	stored   string // the hash that was in the database when it was looked at
	hash     string // what belongs there now
}

func newGathered() *gathered {
	g := &gathered{}
	g.reset()
	return g
}

func (g *gathered) reset() {
	g.discoveries = map[keyward.Ref]*discovery{}
	g.passwords = map[keyward.Ref]*passwordWork{}
}

// gatherLimit bounds how many servers are asked, and hashes made, at once.
const gatherLimit = 4

// gather does the work. It reports the faults of every server at once.
func (c *Writer) gather(ctx context.Context, g *gathered) error {
	var mu sync.Mutex
	var faults []keyward.FieldError
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(gatherLimit)
	for _, d := range g.discoveries {
		group.Go(func() error {
			client, err := outbound.Under(c.client, "", d.way)
			if err != nil {
				return fmt.Errorf("read a server's metadata: %w", err)
			}
			if d.way != (outbound.Policy{}) { // the client is this reading's alone
				defer client.CloseIdleConnections()
			}
			status, err := keymanager.Discover(ctx, d.spec, client)
			if err == nil {
				d.status = status
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			found, err := discoveryFaults(err, d.prefix)
			faults = append(faults, found...)
			return err
		})
	}
	for _, w := range g.passwords {
		group.Go(func() error {
			if w.stored != "" && password.Matches(w.stored, w.password) {
				w.hash = w.stored
				return nil
			}
			w.hash = password.Hash(w.password)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return refused(faults)
}

// discoveryFaults turns what discovery says into field errors of its manifest.
func discoveryFaults(err error, prefix string) ([]keyward.FieldError, error) {
	var e *keyward.Error
	if !errors.As(err, &e) {
		return nil, fmt.Errorf("read a server's metadata: %w", err)
	}
	if len(e.Fields) == 0 {
		return []keyward.FieldError{coded(e.Code, prefix+"spec.discovery", "%s", e.Message)}, nil
	}
	out := make([]keyward.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		f.Path = prefix + f.Path
		out[i] = f
	}
	return out, nil
}
