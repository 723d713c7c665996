// Package throttle owns the pace at which somebody may try again, and forgets those who keep quiet, the pace at
// which what many wish for is done, and how many may do something at once. It does not own who that is, nor what counts as
// a try or is done.
package throttle

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Throttle counts tries by key: some at once, then one in each period. Its methods may be called at once.
type Throttle struct {
	every time.Duration
	burst int
	size  int

	mu   sync.Mutex
	keys map[string]*rate.Limiter
}

// New gives a throttle that lets burst tries pass at once and then one in each period. It remembers about size keys at
// most: beyond that, those whose tries are long past are forgotten, then any.
func New(every time.Duration, burst, size int) *Throttle {
	return &Throttle{every: every, burst: burst, size: max(size, 1), keys: map[string]*rate.Limiter{}}
}

// Take counts a try. It gives 0 for one that may pass, and else how long to wait; a try that may not pass is not
// counted.
func (t *Throttle) Take(key string, now time.Time) time.Duration { return t.try(key, now, true) }

// Wait is Take for something of which it is not known yet whether it is a try that counts.
func (t *Throttle) Wait(key string, now time.Time) time.Duration { return t.try(key, now, false) }

func (t *Throttle) try(key string, now time.Time, counts bool) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter, known := t.keys[key]
	switch {
	case known:
	case !counts:
		return 0
	default:
		t.makeRoom(now)
		limiter = rate.NewLimiter(rate.Every(t.every), t.burst)
		t.keys[key] = limiter
	}
	r := limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 || !counts {
		r.CancelAt(now)
	}
	return wait
}

func (t *Throttle) makeRoom(now time.Time) {
	if len(t.keys) < t.size {
		return
	}
	for key, limiter := range t.keys {
		if limiter.TokensAt(now) >= float64(t.burst) {
			delete(t.keys, key)
		}
	}
	for key := range t.keys {
		if len(t.keys) < t.size {
			return
		}
		delete(t.keys, key)
	}
}
