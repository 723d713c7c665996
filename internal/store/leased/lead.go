package leased

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"
)

// Lead is the right to do something that one of all processes on a database does at a time.
type Lead struct {
	leases       *Leases
	name, holder string
	period       time.Duration
	sole         bool
}

// NewLead gives the right of that name to whoever takes it first; a process that takes it no more loses it after the
// period. sole says that no other process works on this database: it leads at once, even when it was killed while it led.
func (l *Leases) NewLead(name string, period time.Duration, sole bool) *Lead {
	return &Lead{leases: l, name: name, holder: rand.Text(), period: period, sole: sole}
}

// Take takes the lead, or keeps it for another period, and tells whether this process has it.
func (l *Lead) Take(ctx context.Context) (bool, error) {
	if l.sole {
		return true, nil
	}
	return l.leases.Lease(ctx, l.name, l.holder, l.period)
}

// Holds is Take for who goes on without the lead: a failure is logged, and counts as not having it.
func (l *Lead) Holds(ctx context.Context, log *slog.Logger) bool {
	mine, err := l.Take(ctx)
	if err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "take the lead", "of", l.name, "error", err)
	}
	return err == nil && mine
}

// While does something that may take longer than the period, and keeps the lead meanwhile. When another process has it all
// the same, ctx of do ends; a database that cannot be asked ends nothing.
func (l *Lead) While(ctx context.Context, log *slog.Logger, do func(ctx context.Context) error) error {
	if l.sole {
		return do(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		tick := time.NewTicker(l.period / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			switch mine, err := l.Take(ctx); {
			case err != nil && ctx.Err() == nil:
				log.WarnContext(ctx, "keep the lead", "of", l.name, "error", err)
			case err == nil && !mine:
				cancel()
			}
		}
	}()
	err := do(ctx)
	cancel()
	<-kept
	return err
}

// GiveUp lets another process lead at once, also when ctx has ended. Without it that one waits until the period is over.
func (l *Lead) GiveUp(ctx context.Context, log *slog.Logger) {
	if l.sole {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if _, err := l.leases.Lease(ctx, l.name, l.holder, 0); err != nil {
		log.DebugContext(ctx, "give up the lead", "of", l.name, "error", err)
	}
}
