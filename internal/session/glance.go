package session

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	glanceLimit = 3 * time.Second  // for an answer
	glanceFor   = 10 * time.Second // that a server answered counts
	gloomFor    = 2 * time.Second  // that it did not
	maxGlances  = 4096             // key managers come and go
)

// glances remember for a moment which servers answered.
type glances struct {
	now    func() time.Time
	flight singleflight.Group

	mu   sync.Mutex
	seen map[string]glance
}

type glance struct {
	err   error
	until time.Time
}

func newGlances(now func() time.Time) *glances { return &glances{now: now, seen: map[string]glance{}} }

// at gives what look finds, or found a moment ago. Whoever asks meanwhile waits for the same look.
func (g *glances) at(ctx context.Context, key string, look func(context.Context) error) error {
	g.mu.Lock()
	before, found := g.seen[key]
	g.mu.Unlock()
	if found && g.now().Before(before.until) {
		return before.err
	}
	_, err, _ := g.flight.Do(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), glanceLimit)
		defer cancel()
		err, counts := look(ctx), glanceFor
		if err != nil {
			counts = gloomFor
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.seen) >= maxGlances {
			clear(g.seen)
		}
		g.seen[key] = glance{err, g.now().Add(counts)}
		return nil, err
	})
	return err
}
