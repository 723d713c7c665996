package connector

import (
	"context"
	"fmt"
	"sync"
)

// Alone lets one at a time, in this process, read a thing at a server whole and write it back changed. Its methods may be
// called at once.
type Alone struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // by thing; closed when it is free again
}

// NewAlone makes one over things that nobody has yet.
func NewAlone() *Alone { return &Alone{taken: map[string]chan struct{}{}} }

// With runs do while nobody else has the thing. The error is do's, or the context's where that ends before.
func (a *Alone) With(ctx context.Context, thing string, do func() error) error {
	for {
		busy, free := a.take(thing)
		if free != nil {
			defer free()
			return do()
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return fmt.Errorf("wait for a turn: %w", ctx.Err())
		}
	}
}

func (a *Alone) take(thing string) (busy <-chan struct{}, free func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if taken := a.taken[thing]; taken != nil {
		return taken, nil
	}
	done := make(chan struct{})
	a.taken[thing] = done
	return nil, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.taken, thing)
		close(done)
	}
}
