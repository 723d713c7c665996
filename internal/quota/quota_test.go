package quota

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keyward.dev/keyward"
)

func TestPlanAtOnceAndBounded(t *testing.T) {
	l := New()
	rates := []keyward.Rate{{Requests: 100, Per: keyward.Duration(time.Hour)}}
	now := time.Now()
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if !l.Take(Key{"a", "b"}, rates, now, Purpose{}).Exhausted {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if passed.Load() != 100 {
		t.Errorf("%d calls passed, want 100", passed.Load())
	}
	short := []keyward.Rate{{Requests: 1, Per: keyward.Duration(time.Second)}}
	for n := range 200_000 {
		now = now.Add(time.Millisecond)
		l.Take(Key{fmt.Sprint(n), "b"}, short, now, Purpose{})
	}
	kept := 0
	for i := range l.shards {
		kept += len(l.shards[i].counters)
	}
	if kept > 64*(sweepAtLeast+1) {
		t.Errorf("%d counters are kept", kept)
	}
	if !l.Take(Key{"a", "b"}, rates, now, Purpose{}).Exhausted {
		t.Error("a counter whose window is open was swept away")
	}
}

// A clock that is set back makes nobody wait longer than a window, and forgets no call.
func TestLimitsWhenTheClockIsSetBack(t *testing.T) {
	l, now := New(), time.Now()
	rates := []keyward.Rate{{Requests: 2, Per: keyward.Duration(time.Minute)}}
	take := func(at time.Time) State { return l.Take(Key{"a", "b"}, rates, at, Purpose{}) }
	for n := range 3 {
		if got := take(now).Exhausted; got != (n == 2) {
			t.Fatalf("call %d: exhausted is %v", n, got)
		}
	}
	back := now.Add(-time.Hour)
	if s := take(back); !s.Exhausted || s.Wait > time.Minute {
		t.Errorf("an hour earlier: %+v", s)
	}
	if take(back.Add(time.Minute)).Exhausted {
		t.Error("the window has not ended by the clock that counts now")
	}
}
