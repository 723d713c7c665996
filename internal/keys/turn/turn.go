// Package turn owns whose turn it is to work on one thing, within this process. It does not own what is done, nor what
// other processes do.
package turn

import (
	"context"
	"fmt"
	"sync"
)

// Turns hands out turns by id. Its methods may be called at once.
type Turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // closed at the turn's end
}

// New makes turns that nobody has yet.
func New() *Turns { return &Turns{taken: map[string]chan struct{}{}} }

// Take gives the function that ends the turn, or nil while somebody else has it.
func (t *Turns) Take(id string) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken[id] != nil {
		return nil
	}
	ended := make(chan struct{})
	t.taken[id] = ended
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.taken, id)
		close(ended)
	}
}

// Await takes the turn as soon as nobody else has it. It returns an error when the context ends before.
func (t *Turns) Await(ctx context.Context, id string) (end func(), err error) {
	for {
		if end := t.Take(id); end != nil {
			return end, nil
		}
		t.mu.Lock()
		ended := t.taken[id]
		t.mu.Unlock()
		if ended == nil {
			continue
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a turn: %w", ctx.Err())
		}
	}
}

// Taken tells whether somebody has the turn.
func (t *Turns) Taken(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.taken[id] != nil
}
