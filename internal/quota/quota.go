// Package quota owns the counting of calls against the limits of plans. It does not own what plans say, nor what a caller is
// told whose plan is exhausted.
package quota

import (
	"hash/maphash"
	"sync"
	"time"

	"keyward.dev/keyward"
)

// Counts are the calls of each application to each API, counted in fixed windows that start with their first call. There is
// one counter for each pair that has called, at most one for each subscription, and those whose windows are over are
// swept away.
type Counts struct {
	seed   maphash.Seed
	shards [64]shard
}

type shard struct {
	mu       sync.Mutex
	counters map[Key]*counter
	sweepAt  int
}

// Key names what is counted: an application's calls to an API, by their ids.
type Key struct{ Application, API string }

type counter struct{ windows []window }

type window struct {
	per   time.Duration
	start time.Time
	used  int64
}

const sweepAtLeast = 512

// New begins to count.
func New() *Counts {
	l := &Counts{seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i] = shard{counters: map[Key]*counter{}, sweepAt: sweepAtLeast}
	}
	return l
}

// State is how much of a plan is left.
type State struct {
	Exhausted bool
	Wait      time.Duration   // until a call is possible again
	Left      []int64         // per limit, in the plan's order; only when exhausted or wanted
	Reset     []time.Duration // until that limit's window is over
}

// Purpose says why the counters are asked.
type Purpose struct {
	Peek bool // count nothing
	Tell bool // give Left and Reset of a plan that is not exhausted too
}

// Take counts one call when every limit has room, and none otherwise.
func (l *Counts) Take(key Key, rates []keyward.Rate, now time.Time, why Purpose) State {
	shard := &l.shards[maphash.Comparable(l.seed, key)%uint64(len(l.shards))]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	c := shard.counters[key]
	if c == nil {
		c = &counter{}
		if !why.Peek {
			shard.sweep(now)
			shard.counters[key] = c
		}
	}
	c.fit(rates)
	var s State
	for i, rate := range rates {
		w := &c.windows[i]
		w.turn(now)
		if w.used >= rate.Requests {
			s.Exhausted = true
			s.Wait = max(s.Wait, w.start.Add(w.per).Sub(now))
		}
	}
	if !s.Exhausted && !why.Peek {
		for i := range c.windows {
			c.windows[i].used++
		}
	}
	if s.Exhausted || why.Tell {
		s.describe(c, rates, now)
	}
	return s
}

func (s *State) describe(c *counter, rates []keyward.Rate, now time.Time) {
	for i, rate := range rates {
		w := &c.windows[i]
		s.Left = append(s.Left, max(0, rate.Requests-w.used))
		s.Reset = append(s.Reset, w.start.Add(w.per).Sub(now))
	}
}

// turn begins a new window when the old one is over. A clock that was set back does not make a window longer.
func (w *window) turn(now time.Time) {
	if elapsed := now.Sub(w.start); w.used == 0 || elapsed >= w.per {
		w.start, w.used = now, 0
	} else if elapsed < 0 {
		w.start = now
	}
}

// fit brings the windows into the plan's order. A plan that was changed keeps the counts of windows that it still has.
func (c *counter) fit(rates []keyward.Rate) {
	same := len(c.windows) == len(rates)
	for i := 0; same && i < len(rates); i++ {
		same = c.windows[i].per == rates[i].Per.Std()
	}
	if same {
		return
	}
	old := c.windows
	c.windows = make([]window, len(rates))
	for i, rate := range rates {
		c.windows[i].per = rate.Per.Std()
		for _, w := range old {
			if w.per == c.windows[i].per {
				c.windows[i] = w
			}
		}
	}
}

func (s *shard) sweep(now time.Time) {
	if len(s.counters) < s.sweepAt {
		return
	}
	for key, c := range s.counters {
		over := true
		for i := range c.windows {
			over = over && now.Sub(c.windows[i].start) >= c.windows[i].per
		}
		if over {
			delete(s.counters, key)
		}
	}
	s.sweepAt = max(sweepAtLeast, 2*len(s.counters))
}
