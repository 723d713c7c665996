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
	taken map[string]held
}

type held struct {
	ended chan struct{} // closed at the turn's end
	brief bool          // it is waited for rather than told of
}

// New makes turns that nobody has yet.
func New() *Turns { return &Turns{taken: map[string]held{}} }

// Take gives the function that ends the turn, or nil while somebody else has it.
func (t *Turns) Take(id string) (end func()) { return t.take(id, false) }

// Visit is Await for somebody who only looks: whoever claims the turn waits for its end.
func (t *Turns) Visit(ctx context.Context, id string) (end func(), err error) {
	return t.await(ctx, id, true)
}

// Claim is Take that waits for the end of a visit. It gives nil while somebody has taken the turn, and when the
// context ends.
func (t *Turns) Claim(ctx context.Context, id string) (end func()) {
	for {
		if end := t.Take(id); end != nil {
			return end
		}
		t.mu.Lock()
		of, is := t.taken[id]
		t.mu.Unlock()
		switch {
		case !is:
			continue
		case !of.brief:
			return nil
		}
		select {
		case <-of.ended:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *Turns) take(id string, brief bool) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken[id].ended != nil {
		return nil
	}
	ended := make(chan struct{})
	t.taken[id] = held{ended, brief}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.taken, id)
		close(ended)
	}
}

// Await takes the turn as soon as nobody else has it. It returns an error when the context ends before.
func (t *Turns) Await(ctx context.Context, id string) (end func(), err error) {
	return t.await(ctx, id, false)
}

func (t *Turns) await(ctx context.Context, id string, brief bool) (end func(), err error) {
	for {
		if end := t.take(id, brief); end != nil {
			return end, nil
		}
		t.mu.Lock()
		ended := t.taken[id].ended
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
	return t.taken[id].ended != nil
}
