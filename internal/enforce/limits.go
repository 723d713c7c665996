package enforce

import (
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward"
)

// Counts are the calls of each application to each API, counted in fixed windows that start with their first call. There is
// one counter for each pair that has called, at most one for each subscription, and those whose windows are over are
// swept away.
type Counts struct {
	seed   maphash.Seed
	shards [64]limitShard
}

type limitShard struct {
	mu       sync.Mutex
	counters map[limitKey]*counter
	sweepAt  int
}

type limitKey struct{ application, api string }

type counter struct{ windows []window }

type window struct {
	per   time.Duration
	start time.Time
	used  int64
}

const sweepAtLeast = 512

// NewCounts begins to count.
func NewCounts() *Counts {
	l := &Counts{seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i] = limitShard{counters: map[limitKey]*counter{}, sweepAt: sweepAtLeast}
	}
	return l
}

// state is how much of a plan is left.
type state struct {
	exhausted bool
	wait      time.Duration // until a call is possible again
	left      []int64       // per limit, in the plan's order; only when exhausted or wanted
	reset     []time.Duration
}

// take counts one call when every limit has room, and none otherwise. With peek it counts nothing.
func (l *Counts) take(key limitKey, rates []keyward.Rate, now time.Time, peek bool) state {
	shard := &l.shards[maphash.Comparable(l.seed, key)%uint64(len(l.shards))]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	c := shard.counters[key]
	if c == nil {
		c = &counter{}
		if !peek {
			shard.sweep(now)
			shard.counters[key] = c
		}
	}
	c.fit(rates)
	var s state
	for i, rate := range rates {
		w := &c.windows[i]
		w.turn(now)
		if w.used >= rate.Requests {
			s.exhausted = true
			s.wait = max(s.wait, w.start.Add(w.per).Sub(now))
		}
	}
	if !s.exhausted && !peek {
		for i := range c.windows {
			c.windows[i].used++
		}
	}
	if s.exhausted || peek {
		s.describe(c, rates, now)
	}
	return s
}

func (s *state) describe(c *counter, rates []keyward.Rate, now time.Time) {
	for i, rate := range rates {
		w := &c.windows[i]
		s.left = append(s.left, max(0, rate.Requests-w.used))
		s.reset = append(s.reset, w.start.Add(w.per).Sub(now))
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

func (s *limitShard) sweep(now time.Time) {
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

// checkPlan counts the call, or only looks when it is explained.
func (e *Engine) checkPlan(g *granted, now time.Time, t *trace) *Refusal {
	if g.plan == nil || len(g.plan.Rate) == 0 {
		t.expect(stepPlan, "no limit")
		t.pass("no limit")
		return nil
	}
	t.expect(stepPlan, "a call left in plan ", g.plan.Name)
	s := e.counts.take(limitKey{g.app.ID, g.api.ID}, g.plan.Rate, now, t.live())
	if !s.exhausted {
		if t.live() {
			t.pass(e.leftText(s, g.plan))
		}
		return nil
	}
	ref := refuse(keyward.CodePlanExhausted)
	ref.RetryAfter = seconds(s.wait)
	ref.RateLimit = rateLimit(s, g.plan)
	if t.live() {
		t.fail(e.leftText(s, g.plan), fmt.Sprintf("wait %d seconds, or subscribe with a larger plan than %s",
			ref.RetryAfter, g.plan.Name))
	}
	return ref
}

func (e *Engine) leftText(s state, plan *keyward.PlanRow) string {
	if e.blind {
		return "nothing is counted here: each gateway counts the calls that it lets pass"
	}
	parts := make([]string, len(plan.Rate))
	for i, rate := range plan.Rate {
		parts[i] = fmt.Sprintf("%d of %d calls per %s left", s.left[i], rate.Requests, rate.Per)
	}
	return strings.Join(parts, ", ")
}

// rateLimit writes the fields of draft-ietf-httpapi-ratelimit-headers: one item for each limit of the plan.
func rateLimit(s state, plan *keyward.PlanRow) RateLimit {
	policies, limits := make([]string, len(plan.Rate)), make([]string, len(plan.Rate))
	for i, rate := range plan.Rate {
		name := fmt.Sprintf("%q", fmt.Sprintf("%s-%s", plan.Name, rate.Per))
		policies[i] = fmt.Sprintf("%s;q=%d;w=%d", name, rate.Requests, seconds(rate.Per.Std()))
		limits[i] = fmt.Sprintf("%s;r=%d;t=%d", name, s.left[i], seconds(s.reset[i]))
	}
	return RateLimit{Limit: strings.Join(limits, ", "), Policy: strings.Join(policies, ", ")}
}
