package throttle

import (
	"math/rand/v2"
	"time"
)

// Wishes are for one thing that many may want to have done: once for all who asked before it begins, and once in each
// period at most. They are for one goroutine at a time.
type Wishes struct {
	Every time.Duration // the period

	waiting bool
	due     time.Time
}

// Add notes a wish. It is carried out within a second, at a moment left to chance so that not all who are told of it act in
// step, or when the period is over.
func (w *Wishes) Add(now time.Time) {
	if w.waiting {
		return
	}
	next := now.Add(rand.N(time.Second)) //nolint:gosec // nothing depends on its being unpredictable
	if again := w.due.Add(w.Every); again.After(next) {
		next = again
	}
	w.waiting, w.due = true, next
}

// Begin says that the thing is being done: a wish from now on is for another time.
func (w *Wishes) Begin() { w.waiting = false }

// Sooner gives the time, or the earlier one at which a wish is to be carried out.
func (w *Wishes) Sooner(than time.Time) time.Time {
	if w.waiting && w.due.Before(than) {
		return w.due
	}
	return than
}

// Jitter spreads a distance by a tenth to both sides, so that many who wait for it do not act in step.
func Jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // nothing depends on its being unpredictable
}
