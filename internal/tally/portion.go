package tally

import (
	"maps"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/view"
)

type callKey struct {
	slot            int64
	keyManager, api string
	code            keyward.Code
}

type useKey struct {
	slot               int64
	client, keyManager string // one of them is empty
}

// sum is what waits to be told under one key.
type sum struct {
	passed, refused uint64
	last            time.Duration // the latest of it
}

// portion is what was told and not answered yet.
type portion struct {
	sequence uint64
	calls    map[callKey]*sum
	clients  map[useKey]*sum
}

// Next gives what is to be told now: the portion before, for as long as it was not answered, and then a new one; nil
// when nothing was counted.
func (t *Tally) Next() *stream.Usage {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Since(t.began)
	t.gather(now)
	if t.sent == nil && !t.cut() {
		return nil
	}
	u := &stream.Usage{Run: t.run, Sequence: t.sent.sequence}
	for k, s := range t.sent.calls {
		u.Calls = append(u.Calls, stream.CallCount{
			KeyManager: k.keyManager, API: k.api, Code: k.code, Calls: s.passed + s.refused, Ago: ago(now, s.last),
		})
	}
	for k, s := range t.sent.clients {
		u.Clients = append(u.Clients, stream.UseCount{
			Client: k.client, KeyManager: k.keyManager, Passed: s.passed, Refused: s.refused, Ago: ago(now, s.last),
		})
	}
	return u
}

func ago(now, at time.Duration) int64 { return max(0, (now - at).Milliseconds()) }

// Answered ends the portion of that number. It tells whether more waits already.
func (t *Tally) Answered(sequence uint64) (more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sent != nil && t.sent.sequence == sequence {
		t.sent = nil
	}
	return t.sent == nil && len(t.calls)+len(t.clients) > 0
}

// cut makes the next portion out of what waits.
func (t *Tally) cut() bool {
	if len(t.calls)+len(t.clients) == 0 {
		return false
	}
	t.sequence++
	p := &portion{sequence: t.sequence, calls: map[callKey]*sum{}, clients: map[useKey]*sum{}}
	move(t.calls, p.calls, stream.MaxUsageEntries)
	move(t.clients, p.clients, stream.MaxUsageEntries-len(p.calls))
	t.sent = p
	return true
}

// move moves as many as there is room for. Which ones, Go's order of maps decides: nobody waits for ever.
func move[K comparable](from, to map[K]*sum, room int) {
	for k, s := range from {
		if len(to) >= room {
			return
		}
		to[k] = s
		delete(from, k)
	}
}

// gather takes what was counted out of the counters, to what waits. A counter that is taken away is looked up by nobody
// any more before it is closed, so whoever comes too late finds a new one.
func (t *Tally) gather(now time.Duration) {
	idle := map[pair]*cell{}
	for p, c := range *t.pairs.Load() {
		if t.takeCalls(p, c, now, 0); now-c.used > t.idle {
			idle[p] = c
		}
	}
	t.removePairs(idle)
	for p, c := range idle {
		t.takeCalls(p, c, now, closed)
	}
	t.uses.Range(func(whose, counter any) bool {
		c, _ := counter.(*cell) // there are no others
		if t.takeUses(whose, c, now, 0); now-c.used > t.idle {
			t.uses.Delete(whose)
			t.takeUses(whose, c, now, closed)
		}
		return true
	})
	if len(t.calls)+len(t.clients) > t.tidyAt {
		t.tidy()
	}
}

func (t *Tally) removePairs(gone map[pair]*cell) {
	if len(gone) == 0 {
		return
	}
	t.growing.Lock()
	defer t.growing.Unlock()
	left := maps.Clone(*t.pairs.Load())
	for p := range gone {
		delete(left, p)
	}
	t.pairs.Store(&left)
}

func (t *Tally) takeCalls(p pair, c *cell, now time.Duration, leave uint64) {
	key := callKey{slot: int64(now / slot), keyManager: p.keyManager.ID, api: p.api.ID}
	for i := range c.counts {
		n := c.counts[i].Swap(leave)
		if n == 0 {
			continue
		}
		if key.code = ""; i > 0 {
			key.code = t.codes[i-1]
		}
		c.used = now
		add(t.calls, key, sum{passed: n, last: now})
	}
}

func (t *Tally) takeUses(whose any, c *cell, now time.Duration, leave uint64) {
	s := sum{passed: c.counts[0].Swap(leave), refused: c.counts[1].Swap(leave), last: now}
	if s.passed+s.refused == 0 {
		return
	}
	c.used = now
	if s.passed > 0 {
		s.last = time.Duration(c.last.Load())
	}
	key := useKey{slot: int64(now / slot)}
	switch row := whose.(type) {
	case *keyward.ClientRow:
		key.client = row.ID
	case *view.KeyManager:
		key.keyManager = row.ID
	}
	add(t.clients, key, s)
}

// add joins what has one key. When a client was used is when a call of it passed, if any did.
func add[K comparable](to map[K]*sum, key K, s sum) {
	have := to[key]
	switch {
	case have == nil:
		to[key] = &s
		return
	case have.passed > 0 && s.passed == 0:
	case have.passed == 0 && s.passed > 0:
		have.last = s.last
	default:
		have.last = max(have.last, s.last)
	}
	have.passed += s.passed
	have.refused += s.refused
}

// tidy gives up when things were counted, where a control plane that is away lets too much wait: what is left then is one
// sum for each row that the views had.
func (t *Tally) tidy() {
	calls, clients := map[callKey]*sum{}, map[useKey]*sum{}
	for k, s := range t.calls {
		k.slot = -1
		add(calls, k, *s)
	}
	for k, s := range t.clients {
		k.slot = -1
		add(clients, k, *s)
	}
	t.calls, t.clients = calls, clients
	t.tidyAt = max(t.limit, 2*(len(calls)+len(clients)))
}
