// Package health owns what is known of key managers' servers over time: it looks at each one every minute, keeps what it saw
// and what that means, and tells people and Prometheus. It does not own how a look is made, nor what gateways see: they
// read keys by themselves, from where they are, and nothing here changes what they decide.
//
// A look changes nothing at a server. What it saw is a probe.Sight, and where that was seen from plays no part in what is
// made of it.
package health

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/store"
)

// Options adjust a Monitor.
type Options struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: nothing is measured
	Sole       bool                  // no other process works on this database
	Now        func() time.Time      // default time.Now
}

// Monitor looks at key managers. Its methods may be called at once.
type Monitor struct {
	store   *store.Store
	probe   *probe.Probe
	log     *slog.Logger
	now     func() time.Time
	lead    *store.Lead
	metrics *metrics
	places  chan struct{}

	mu     sync.Mutex
	looks  map[string]chan struct{} // by key manager: under way; closed at the end
	ended  []outcome                // to be kept
	late   map[string]time.Time     // key managers that could not be looked at: not before
	news   map[string]news          // key managers that are new or changed
	loaded bool                     // the metrics have what was stored before
}

// news is when it was first seen that a key manager is of a version that nobody has looked at.
type news struct {
	version int64
	at      time.Time
}

// Times of looks.
const (
	interval    = time.Minute      // between two looks at one key manager, and before the first one
	askInterval = 5 * time.Minute  // between two questions about a token, and before the first one
	metadataAge = time.Hour        // that metadata have before they are read again
	longest     = 10 * time.Minute // between two looks at one whose server fails
	tick        = 2 * time.Second
	atOnce      = 32 // looks under way
	perTick     = 16 // looks that begin in one tick: many that are due at once are spread
	leasePeriod = 30 * time.Second
	actor       = "system/health"
)

// New makes a monitor of the store's key managers that looks by probe.
func New(s *store.Store, p *probe.Probe, o Options) (*Monitor, error) {
	if s == nil || p == nil {
		return nil, errors.New("health needs a store and a probe")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Monitor{
		store: s, probe: p, log: o.Log, now: o.Now, lead: s.NewLead("health", leasePeriod, o.Sole),
		metrics: newMetrics(o.Registerer, o.Now),
		places:  make(chan struct{}, atOnce), looks: map[string]chan struct{}{}, late: map[string]time.Time{}, news: map[string]news{},
	}, nil
}

// Run looks at key managers until ctx ends. Of several processes one does at a time. A server that hangs keeps none but its
// own look waiting.
func (m *Monitor) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var looks sync.WaitGroup
	defer m.lead.GiveUp(ctx, m.log)
	defer looks.Wait()
	told := ""
	for {
		err := m.turn(ctx, &looks)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && err.Error() != told { // a database that stays away is said once
			m.log.WarnContext(ctx, "look after the health of key managers", "error", err)
		}
		if told = ""; err != nil {
			told = err.Error()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// turn keeps what looks have ended since the last one, and begins those that are due.
func (m *Monitor) turn(ctx context.Context, looks *sync.WaitGroup) error {
	mine, err := m.lead.Take(ctx)
	if err != nil || !mine {
		m.forget()
		return err
	}
	if err := m.keepEnded(ctx); err != nil {
		return err
	}
	all, err := m.list(ctx)
	if err != nil {
		return err
	}
	begun := 0
	for _, k := range all {
		if begun == perTick {
			break
		}
		if m.due(k) && m.begin(ctx, k, looks) {
			begun++
		}
	}
	return nil
}

// Sweep looks once at every key manager that is due, keeps what was seen, and ends when that is done: for who does not Run.
func (m *Monitor) Sweep(ctx context.Context) error {
	all, err := m.list(ctx)
	if err != nil {
		return err
	}
	var looks sync.WaitGroup
	for _, k := range all {
		if m.due(k) && !m.begin(ctx, k, &looks) {
			looks.Wait()
			m.begin(ctx, k, &looks)
		}
	}
	looks.Wait()
	return m.keepEnded(ctx)
}

// list reads the key managers. What is measured of those that are gone goes with them, and after a start what was stored
// is measured again.
func (m *Monitor) list(ctx context.Context) (all []store.ObservedKeyManager, err error) {
	m.mu.Lock()
	load := !m.loaded
	m.mu.Unlock()
	known := map[string]*state{}
	err = m.store.Read(ctx, func(tx *store.Tx) error {
		clear(known)
		if all, err = tx.ObservedKeyManagers(); err != nil || !load {
			return err
		}
		for _, k := range all {
			_, s, err := readState(tx, k.ID)
			if err != nil {
				return err
			}
			known[k.ID] = s
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loaded = true
	gone := func(id string) bool {
		return !slices.ContainsFunc(all, func(k store.ObservedKeyManager) bool { return k.ID == id })
	}
	maps.DeleteFunc(m.late, func(id string, _ time.Time) bool { return gone(id) })
	maps.DeleteFunc(m.news, func(id string, _ news) bool { return gone(id) })
	m.metrics.retain(all, known)
	return all, nil
}

// forget gives up what another process measures now.
func (m *Monitor) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loaded, m.ended = false, nil
	m.metrics.clear()
}

// due tells whether a key manager is to be looked at. One that is new or was changed is left alone for as long as there is
// between two looks: whoever has just set it up is trying it.
func (m *Monitor) due(k store.ObservedKeyManager) bool {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.ended, func(o outcome) bool { return o.id == k.ID }) {
		return false // what was seen is not kept yet
	}
	if now.Before(m.late[k.ID]) {
		return false
	}
	if k.Seen == k.Version {
		return !now.Before(k.DueAt)
	}
	n := m.news[k.ID]
	if n.version != k.Version {
		n = news{k.Version, now}
		m.news[k.ID] = n
	}
	return !now.Before(n.at.Add(interval))
}
