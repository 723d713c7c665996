// Package ownclient owns the console's own clients at key managers' servers: where people sign in through a key manager and
// no client is declared, Keyward registers one by the connection, keeps it what it should be, and deletes it when it is of no
// use any more. It does not own how a server is talked to, who signs in, nor the clients of applications.
//
// What is wanted follows from what is declared; nobody asks for it. One process at a time compares it with what is stored, and
// takes the next step of each key manager, which is written down before the server is asked:
//
//	pending ----------> active <------> rotating, updating
//	   |                  |  ^
//	   | refused, or      |  | retry      deleted there
//	   v unknown          v  |               |
//	 failed            drifted           deleting --> (gone)
//
// Active, rotating, updating and drifted clients are in use. Whatever is in use and not wanted any more, or was replaced, is
// deleting: also when its key manager is gone, because how the server is reached is kept with it. What failed and has left
// nothing is tried again by itself, under another name. What may have left something at a server that cannot be searched is not:
// a person looks there, and says so.
package ownclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/turn"
	"keyward.dev/keyward/internal/store"
)

// Options adjust Clients.
type Options struct {
	Callback string // address below which servers send people back to the console
	Log      *slog.Logger
	Sole     bool // no other process works on this database
	// Looks says that clients are compared with their servers from time to time, without anybody asking.
	Looks bool
	Now   func() time.Time // default time.Now
}

// Clients looks after all of them. Its methods may be called at once.
type Clients struct {
	store    *store.Store
	openers  *connector.Openers
	callback string
	log      *slog.Logger
	sole     bool
	looks    bool
	now      func() time.Time
	lead     *store.Lead
	turns    *turn.Turns // by key manager
}

const (
	vendorLimit = 45 * time.Second // all calls to a server in one step
	sweepPeriod = 2 * time.Second
	gather      = 200 * time.Millisecond
	leasePeriod = 15 * time.Second
	pendingAge  = 60 * time.Second // after it, another process's attempt has ended or never will
	quietAge    = 30 * time.Second // after it, a server has settled what it was asked for
	lookPeriod  = 6 * time.Hour
	renewBefore = 14 * 24 * time.Hour // a secret that expires is replaced so long before, or in the last quarter of its life
	atOnce      = 8                   // key managers that are looked after at the same time
	maxSteps    = 8                   // of one key manager in one sweep
	actor       = "system/sign-in"
)

// New makes Clients over the store; openers reach the servers.
func New(s *store.Store, openers *connector.Openers, o Options) (*Clients, error) {
	if s == nil || openers == nil || o.Callback == "" {
		return nil, errors.New("the console's clients need a store, connectors and an address that people are sent back to")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().UTC().Truncate(time.Second) }
	}
	return &Clients{
		store: s, openers: openers, callback: o.Callback, log: o.Log, sole: o.Sole, looks: o.Looks, now: o.Now,
		lead: s.NewLead("own clients", leasePeriod, o.Sole), turns: turn.New(),
	}, nil
}

// Run sweeps until ctx ends: at once after each change of this process, and every few seconds for those of others. Of several
// processes one sweeps at a time.
func (c *Clients) Run(ctx context.Context) error {
	changed, stop := c.store.Watch()
	defer stop()
	ticker := time.NewTicker(sweepPeriod)
	defer ticker.Stop()
	defer c.lead.GiveUp(ctx, c.log)
	told := ""
	for {
		mine, err := c.lead.Take(ctx)
		if err == nil && mine {
			err = c.lead.While(ctx, c.log, c.Sweep)
		}
		if ctx.Err() != nil {
			return nil
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != told && text != "" { // a server that stays away is said once
			c.log.WarnContext(ctx, "look after the console's clients at key managers", "error", err)
		}
		told = text
		select {
		case <-ctx.Done():
			return nil
		case <-changed: // those that come together are one
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(gather):
			}
		case <-ticker.C:
		}
	}
}

// Sweep takes what steps are due, those of several key managers at once. One that fails hinders no other; all errors come back
// joined.
func (c *Clients) Sweep(ctx context.Context) error {
	due, err := c.due(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var errs []error
	var work errgroup.Group
	work.SetLimit(atOnce)
	for _, id := range due {
		work.Go(func() error {
			err := c.attend(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			return nil
		})
	}
	_ = work.Wait() // nothing in it fails
	return errors.Join(errs...)
}

// due lists the ids of key managers of which a step is due.
func (c *Clients) due(ctx context.Context) ([]string, error) {
	var due []string
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		due = nil
		ids, err := concerned(tx)
		for _, id := range ids {
			s, readErr := c.read(tx, id)
			if readErr != nil {
				err = errors.Join(err, readErr)
			} else if c.next(s) != nil {
				due = append(due, id)
			}
		}
		return err
	})
	return due, err
}

// attend takes the steps of one key manager that are due, one after the other.
func (c *Clients) attend(ctx context.Context, id string) error {
	end := c.turns.Take(id)
	if end == nil {
		return nil
	}
	defer end()
	for range maxSteps {
		var s *state
		var do step
		err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
			if s, err = c.read(tx, id); err == nil {
				do = c.next(s)
			}
			return err
		})
		if err != nil || do == nil || ctx.Err() != nil {
			return err
		}
		if err := c.take(ctx, s, do); err != nil {
			return fmt.Errorf("key manager %s: %w", s.name, err)
		}
	}
	return nil
}

// take takes one step. A call that changes a server is finished even when the process is about to end.
func (c *Clients) take(ctx context.Context, s *state, do step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), vendorLimit)
	defer cancel()
	return do(ctx, s)
}
