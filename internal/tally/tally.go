// Package tally owns what a gateway counts of its calls, by API, key manager, client and how they ended, and in which
// portions that is told to the control plane. It does not own who is told, nor any decision: none depends on it.
package tally

import (
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/view"
)

// Tally counts. Count is for every call, and waits for nobody; Next and Answered are for the one who reports.
type Tally struct {
	run   string
	codes []keyward.Code
	began time.Time // every time in here is what has passed since

	// The counters. Their keys are rows of views, so that there are no more than those know, whatever is sent to the
	// gateway.
	pairs   atomic.Pointer[map[pair]*cell] // never written to: a new pair makes a new map
	growing sync.Mutex                     // of who makes one
	uses    sync.Map                       // *keyward.ClientRow: *cell; *view.KeyManager for what no application has

	mu       sync.Mutex // of what waits to be told
	calls    map[callKey]*sum
	clients  map[useKey]*sum
	limit    int // more sums than this are too many
	tidyAt   int
	idle     time.Duration // a counter that nobody needs for so long is taken away
	sent     *portion
	sequence uint64
}

const (
	slot     = 5 * time.Minute // what waits is kept apart by such times
	tooMany  = 20_000
	idleTime = 10 * time.Minute
)

// New begins to count.
func New() *Tally {
	t := &Tally{
		run: rand.Text(), codes: keyward.GatewayCodes(), began: time.Now(),
		calls: map[callKey]*sum{}, clients: map[useKey]*sum{}, limit: tooMany, tidyAt: tooMany, idle: idleTime,
	}
	t.pairs.Store(&map[pair]*cell{})
	return t
}

// Call is what is counted of a call.
type Call struct {
	KeyManager *view.KeyManager // nil = unknown: then it is not counted
	API        *view.API
	Identified bool               // the token is good, and says whose it is
	Client     *keyward.ClientRow // who has it; nil = no application
	Code       keyward.Code       // empty = passed
}

type pair struct {
	keyManager *view.KeyManager
	api        *view.API
}

// cell counts by outcome: 0 is passed; in that of a pair, 1 and more are Tally.codes, in that of a client, 1 is refused.
type cell struct {
	counts []atomic.Uint64
	last   atomic.Int64  // when a call passed, as time.Duration
	used   time.Duration // when something was last taken out
}

// closed is what the counts of a cell begin at that is taken away: who adds to it sees that it is too late.
const closed = 1 << 63

func newCell(outcomes int, now time.Duration) *cell {
	return &cell{counts: make([]atomic.Uint64, outcomes), used: now}
}

func (c *cell) add(outcome int) bool { return c.counts[outcome].Add(1) < closed }

// Count counts a call that was decided at a time.
func (t *Tally) Count(c Call, at time.Time) {
	if t == nil || c.KeyManager == nil || c.API == nil {
		return
	}
	outcome, refused := 0, 0
	if c.Code != "" {
		outcome, refused = 1+slices.Index(t.codes, c.Code), 1
	}
	for !t.pair(pair{c.KeyManager, c.API}).add(outcome) {
		continue // it was taken away a moment ago: there is another one
	}
	if !c.Identified {
		return
	}
	for {
		var u *cell
		if c.Client != nil {
			u = use(t, c.Client)
		} else {
			u = use(t, c.KeyManager)
		}
		if refused == 0 {
			u.last.Store(int64(at.Sub(t.began))) // first, so that who takes the call out finds it
		}
		if u.add(refused) {
			return
		}
	}
}

// pair gives the counter of a pair, which is made by the first call that needs it.
func (t *Tally) pair(p pair) *cell {
	if c := (*t.pairs.Load())[p]; c != nil {
		return c
	}
	t.growing.Lock()
	defer t.growing.Unlock()
	known := *t.pairs.Load()
	if c := known[p]; c != nil {
		return c
	}
	grown := make(map[pair]*cell, len(known)+1)
	maps.Copy(grown, known)
	grown[p] = newCell(1+len(t.codes), time.Since(t.began))
	t.pairs.Store(&grown)
	return grown[p]
}

// use gives the counter of who uses tokens. A pointer as the key costs no memory at each call.
func use[K any](t *Tally, whose *K) *cell {
	counter, found := t.uses.Load(whose)
	if !found {
		counter, _ = t.uses.LoadOrStore(whose, newCell(2, time.Since(t.began)))
	}
	c, _ := counter.(*cell) // there are no others
	return c
}
