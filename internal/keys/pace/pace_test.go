package pace_test

import (
	"errors"
	"testing"
	"time"

	"keyward.dev/keyward/internal/keys/pace"
)

// Two failures cost nothing, further ones more and more, and a success starts anew.
func TestPausesGrowAndEnd(t *testing.T) {
	p, now, failure := pace.New(5*time.Second), time.Unix(1000, 0), errors.New("down")
	for n, pause := range []time.Duration{
		0, 0, 5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second,
		160 * time.Second, 320 * time.Second, 10 * time.Minute, 10 * time.Minute,
	} {
		p.Note("a", failure, now)
		if !p.Due("b", now) {
			t.Fatal("another one waits")
		}
		if pause > 0 && p.Due("a", now.Add(pause-time.Nanosecond)) {
			t.Errorf("after %d failures: tried before %s", n+1, pause)
		}
		now = now.Add(pause)
		if !p.Due("a", now) {
			t.Errorf("after %d failures: not tried after %s", n+1, pause)
		}
	}
	p.Note("a", nil, now)
	p.Note("a", failure, now)
	if !p.Due("a", now) {
		t.Error("a success did not start anew")
	}
}
