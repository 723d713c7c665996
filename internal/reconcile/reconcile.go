// Package reconcile owns the comparison of generated clients with their servers: which of them vanished or changed there,
// which clients of ours nobody owns, which attempts stand still; what is told of that, and how it is mended when somebody
// asks. It does not own a client's life, nor what its tokens may carry: what is mended goes through keys and entitle. It
// changes nothing at a server by itself, and never looks at mapped clients.
//
// Every client is looked at a while after it was made or changed, every few hours from then on, and at once when somebody
// asks. What the server says at the first look is what it is held against later, so that the way in which a server writes
// things, or adds to them, is no drift. What subscriptions give and take is judged apart.
package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/entitle"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/turn"
	"keyward.dev/keyward/internal/store"
)

// Options adjust a Reconciler.
type Options struct {
	Log  *slog.Logger
	Sole bool             // no other process works on this database
	Now  func() time.Time // default time.Now
	Asks bool             // it looks at what somebody asks for, and at nothing else
}

// Parts are the rooms that a Reconciler works with. All are needed; the turns are those that the keys take.
type Parts struct {
	Store    *store.Store
	Openers  *connector.Openers
	Keys     *keys.Keys
	Entitler *entitle.Entitler
	Turns    *turn.Turns
}

// Reconciler compares clients with their servers. Its methods may be called at once.
type Reconciler struct {
	Parts

	log  *slog.Logger
	now  func() time.Time
	asks bool
	lead *store.Lead
	wake chan struct{}

	managers *turn.Turns // by key manager: one look at a time
}

const (
	period      = 6 * time.Hour // between two looks at the same client
	spread      = period / 5    // so much sooner at most, so that not all of them come together
	tick        = time.Second   // each key manager is asked about one client in it; what somebody waits for goes faster
	vendorLimit = 45 * time.Second
	settled     = 5 * time.Minute // after it a server that never showed a client is believed not to have it
	soon        = time.Minute
	longPause   = time.Hour
	atOnce      = 8 // key managers that are asked at the same time
	leasePeriod = 15 * time.Second
	actor       = "system/reconcile"
)

// New makes a Reconciler.
func New(parts Parts, o Options) (*Reconciler, error) {
	if parts.Store == nil || parts.Openers == nil || parts.Keys == nil || parts.Entitler == nil || parts.Turns == nil {
		return nil, errors.New("a reconciler needs a store, connectors, keys, an entitler and the keys' turns")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Reconciler{
		Parts: parts, log: o.Log, now: o.Now, asks: o.Asks, lead: parts.Store.NewLead("reconcile", leasePeriod, o.Sole),
		wake: make(chan struct{}, 1), managers: turn.New(),
	}, nil
}

// Run looks at what is due until ctx ends. Of several processes one looks at a time.
func (r *Reconciler) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var workers sync.WaitGroup
	defer r.lead.GiveUp(ctx, r.log)
	defer workers.Wait()
	places, told := make(chan struct{}, atOnce), ""
	mine, leased := false, time.Time{}
	for {
		if at := r.now(); at.Sub(leased) > leasePeriod/3 || at.Before(leased) {
			mine, leased = r.lead.Holds(ctx, r.log), at
		}
		if mine {
			err := r.startWorkers(ctx, &workers, places)
			if err != nil && ctx.Err() == nil && err.Error() != told {
				told = err.Error()
				r.log.WarnContext(ctx, "look for clients to compare", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-ticker.C:
		}
	}
}

// startWorkers starts one for each key manager of which something is due, as far as there are places.
func (r *Reconciler) startWorkers(ctx context.Context, workers *sync.WaitGroup, places chan struct{}) error {
	var due []string
	err := r.Store.Read(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.ManagersToLookAt(r.now())
		return err
	})
	// Those that have to wait for a place are others each time.
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] }) //nolint:gosec // nothing secret
	for _, km := range due {
		end := r.managers.Take(km)
		if end == nil {
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			end()
			return err
		}
		workers.Go(func() {
			defer func() { <-places }()
			defer end()
			r.work(ctx, km)
		})
	}
	return err
}

// work takes one look that is due at a key manager, and goes on for as long as somebody waits for more.
func (r *Reconciler) work(ctx context.Context, km string) {
	for ctx.Err() == nil {
		var row *store.Look
		err := r.Store.Read(ctx, func(tx *store.Tx) (err error) {
			row, err = tx.NextLook(km, r.now())
			return err
		})
		if err != nil || row == nil || r.asks && !row.Asked {
			return
		}
		if err := r.take(ctx, row); err != nil || !row.Asked {
			return
		}
	}
}

// take carries out one look, and puts off the others at a key manager that does not answer or asks for a pause.
func (r *Reconciler) take(ctx context.Context, row *store.Look) error {
	look := r.look
	if row.IsSearch() {
		look = r.search
	}
	err := look(ctx, row.Subject)
	if errors.Is(err, errMeanwhile) {
		return nil
	}
	pause := downFor(err, row.Tries)
	if pause > 0 {
		err = errors.Join(err, r.Store.Write(context.WithoutCancel(ctx), actor, func(tx *store.Tx) error {
			return tx.PutOffLooks(row.KeyManagerID, r.now().Add(pause))
		}))
	}
	if err != nil && ctx.Err() == nil {
		level := slog.LevelWarn
		if row.Tries > 0 { // a server that stays away is said once
			level = slog.LevelDebug
		}
		r.log.Log(ctx, level, "compare a client with its server", "keyManager", row.KeyManagerID, "subject", row.Subject, "error", err)
	}
	return err
}

// next is when a client is looked at again.
func (r *Reconciler) next() time.Time {
	return r.now().Add(period - rand.N(spread)) //nolint:gosec // it spreads load, and decides nothing
}

// Ask makes everything of a key manager due at once: its clients, and the search for those that nobody knows. Report tells
// how far that has come. Administrators of the key manager's tenant may.
func (r *Reconciler) Ask(ctx context.Context, p keyward.Principal, tenant, name string) error {
	err := r.Store.Write(ctx, p.User, func(tx *store.Tx) error {
		km, err := manager(tx, p, tenant, name)
		if err != nil {
			return err
		}
		return tx.AskLooks(km.ID)
	})
	if err == nil {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
	return err
}
