package throttle

import (
	"strconv"
	"testing"
	"time"
)

func TestSomeAtOnceThenOneInEachPeriod(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	th := New(6*time.Second, 3, 10)
	for i := range 3 {
		if wait := th.Take("a", start); wait != 0 {
			t.Fatalf("try %d waits %v", i, wait)
		}
	}
	for range 5 { // what may not pass does not make it longer
		if wait := th.Take("a", start); wait != 6*time.Second {
			t.Errorf("one too many waits %v", wait)
		}
	}
	if wait := th.Take("b", start); wait != 0 {
		t.Errorf("somebody else waits %v", wait)
	}
	if wait := th.Take("a", start.Add(6*time.Second)); wait != 0 {
		t.Errorf("a period later it waits %v", wait)
	}
	if wait := th.Take("a", start.Add(7*time.Second)); wait != 5*time.Second {
		t.Errorf("within the next period it waits %v", wait)
	}
}

// TestWaitCountsNothing: asking whether one would have to wait is no try.
func TestWaitCountsNothing(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	th := New(6*time.Second, 1, 10)
	for range 3 {
		if wait := th.Wait("a", start); wait != 0 {
			t.Fatalf("before any try it waits %v", wait)
		}
	}
	if wait := th.Take("a", start); wait != 0 {
		t.Errorf("the first try waits %v", wait)
	}
	for range 3 {
		if wait := th.Wait("a", start); wait != 6*time.Second {
			t.Errorf("after it, it waits %v", wait)
		}
	}
	if wait := th.Wait("a", start.Add(6*time.Second)); wait != 0 {
		t.Errorf("a period later it waits %v", wait)
	}
	if wait := th.Take("a", start.Add(6*time.Second)); wait != 0 {
		t.Errorf("a try then waits %v", wait)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	th := New(time.Second, 2, 100)
	for i := range 10_000 {
		th.Take(strconv.Itoa(i), start)
	}
	if n := len(th.keys); n > 100 {
		t.Errorf("%d keys are remembered", n)
	}
	// Who is still over goes last: the quiet make room.
	th = New(time.Hour, 1, 100)
	for i := range 99 {
		th.Take(strconv.Itoa(i), start)
	}
	later := start.Add(2 * time.Hour)
	th.Take("busy", later)
	for i := range 50 {
		th.Take("new "+strconv.Itoa(i), later)
	}
	if th.Take("busy", later) == 0 {
		t.Error("the one that is over was forgotten before those who kept quiet")
	}
}
