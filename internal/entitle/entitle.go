// Package entitle owns that a generated client's tokens may carry what the APIs ask for that its application is
// subscribed to, and no longer what they asked for: it compares what is wanted with what was given, and has key managers
// told. It does not own how one is told, nor a client's own life. Mapped clients are never changed.
//
// A change that may concern a client queues it in the change's own transaction; everything here happens after that. What
// is about to be given is written down before the key manager is told, so that it is known as Keyward's whenever the
// process ends. What a client has otherwise is never taken away.
package entitle

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/turn"
	"keyward.dev/keyward/internal/store"
)

// Options adjust an Entitler.
type Options struct {
	Log  *slog.Logger
	Sole bool             // no other process works on this database
	Now  func() time.Time // default time.Now

	Turns *turn.Turns // shared with whoever else asks servers about clients; nil = nobody does
}

// Entitler carries out what is queued.
type Entitler struct {
	store   *store.Store
	openers *connector.Openers
	turns   *turn.Turns
	log     *slog.Logger
	now     func() time.Time
	lead    *store.Lead

	mu      sync.Mutex
	clients map[string]*waiting  // by client: one at a time
	busy    map[string]bool      // key managers that a worker of Run tells
	paused  map[string]time.Time // key managers that asked for a pause, until then
}

const (
	vendorLimit = 45 * time.Second // all calls for one client
	tick        = 2 * time.Second
	leasePeriod = 15 * time.Second
	firstPause  = 5 * time.Second // after a failure; doubled with each further one
	longPause   = 10 * time.Minute
	actor       = "system/entitle"
)

// New makes an Entitler over the store; openers reach the key managers.
func New(s *store.Store, openers *connector.Openers, o Options) (*Entitler, error) {
	if s == nil || openers == nil {
		return nil, errors.New("an entitler needs a store and connectors")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Turns == nil {
		o.Turns = turn.New()
	}
	return &Entitler{
		turns: o.Turns,
		store: s, openers: openers, log: o.Log, now: o.Now, lead: s.NewLead("entitle", leasePeriod, o.Sole),
		clients: map[string]*waiting{}, busy: map[string]bool{}, paused: map[string]time.Time{},
	}, nil
}

// Run tells key managers until ctx ends: each has a worker of its own, so that none waits for another.
func (e *Entitler) Run(ctx context.Context) error {
	wake, stop := e.store.Watch()
	defer stop()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var workers sync.WaitGroup
	defer e.lead.GiveUp(ctx, e.log)
	defer workers.Wait()
	mine, told := e.lead.Holds(ctx, e.log), ""
	for {
		if mine {
			err := e.startWorkers(ctx, &workers)
			if err != nil && ctx.Err() == nil && err.Error() != told {
				told = err.Error()
				e.log.WarnContext(ctx, "look for clients to entitle", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-ticker.C:
			mine = e.lead.Holds(ctx, e.log)
		}
	}
}

// startWorkers starts one for each key manager that is due and has none.
func (e *Entitler) startWorkers(ctx context.Context, workers *sync.WaitGroup) error {
	var due []string
	err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.KeyManagersDue(e.now())
		return err
	})
	for _, km := range due {
		if e.occupy(km) {
			workers.Go(func() {
				defer e.free(km)
				e.work(ctx, km)
			})
		}
	}
	return err
}

func (e *Entitler) occupy(km string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy[km] || e.now().Before(e.paused[km]) {
		return false
	}
	delete(e.paused, km)
	e.busy[km] = true
	return true
}

func (e *Entitler) free(km string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.busy, km)
}

// work tells one key manager about its clients, one after the other, until none is due or it asks for a pause.
func (e *Entitler) work(ctx context.Context, km string) {
	last := store.Entitlement{}
	for ctx.Err() == nil {
		var row *store.Entitlement
		err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
			row, err = tx.NextEntitlement(km, e.now())
			return err
		})
		if err != nil || row == nil || row.ClientID == last.ClientID && row.Turn == last.Turn && row.Tries == last.Tries {
			return // nothing is due, or how it ended could not be stored: Run comes by again
		}
		last = *row
		err = e.visit(ctx, row.ClientID)
		if err != nil && ctx.Err() == nil {
			e.log.WarnContext(ctx, "entitle a client", "client", row.ClientID, "error", err)
		}
		if e.isDown(ctx, km, err) {
			return
		}
	}
}

// visit settles a client while nobody else asks its server about it: an answer may replace what others use.
func (e *Entitler) visit(ctx context.Context, clientID string) error {
	waiting, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	end, err := e.turns.Visit(waiting, clientID)
	if err != nil {
		return err
	}
	defer end()
	return e.settle(ctx, clientID)
}

// Now carries out what is queued for one client and tells how that ended; nil for a client that is not Keyward's to
// change. What fails is tried again by Run. The caller has the client's turn.
func (e *Entitler) Now(ctx context.Context, clientID string) *keyward.ClientEntitlement {
	if err := e.settle(ctx, clientID); err != nil {
		e.log.WarnContext(ctx, "entitle a new client", "client", clientID, "error", err)
	}
	var status *keyward.ClientEntitlement
	err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
		status, err = e.Status(tx, clientID)
		return err
	})
	if err != nil {
		e.log.WarnContext(ctx, "read a new client's entitlement", "client", clientID, "error", err)
	}
	return status
}

// lock makes the caller the only one that works on a client, and gives the function that ends it.
func (e *Entitler) lock(clientID string) func() {
	e.mu.Lock()
	turn := e.clients[clientID]
	if turn == nil {
		turn = &waiting{}
		e.clients[clientID] = turn
	}
	turn.callers++
	e.mu.Unlock()
	turn.Lock()
	return func() {
		turn.Unlock()
		e.mu.Lock()
		defer e.mu.Unlock()
		if turn.callers--; turn.callers == 0 {
			delete(e.clients, clientID)
		}
	}
}

// waiting is one client that somebody works on, or waits to.
type waiting struct {
	sync.Mutex
	callers int // guarded by the Entitler's lock
}
