package throttle

import (
	"testing"
	"time"
)

// TestWishes: one time for all who asked before it begins, and never two in a period.
func TestWishes(t *testing.T) {
	now := time.Unix(1e9, 0)
	never := now.Add(24 * time.Hour)
	w := Wishes{Every: 10 * time.Second}
	if got := w.Sooner(never); !got.Equal(never) {
		t.Errorf("without a wish: %s", got)
	}
	w.Add(now)
	first := w.Sooner(never)
	if first.Before(now) || first.Sub(now) > time.Second {
		t.Errorf("the first is due %s after it", first.Sub(now))
	}
	w.Add(now.Add(time.Minute)) // still before it begins
	if got := w.Sooner(never); !got.Equal(first) {
		t.Errorf("together with the first: %s", got)
	}
	w.Begin()
	if got := w.Sooner(never); !got.Equal(never) {
		t.Errorf("while it is done: %s", got)
	}
	w.Add(first)
	if got := w.Sooner(never); got.Sub(first) != w.Every {
		t.Errorf("the second is due %s after the first", got.Sub(first))
	}
	if got := w.Sooner(first); !got.Equal(first) {
		t.Errorf("what is due anyway: %s", got)
	}
}
