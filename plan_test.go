package keyward_test

import (
	"testing"
	"time"

	"keyward.dev/keyward"
)

// TestRateInWords: a limit is read as a sentence would have it, in the largest unit that says it exactly.
func TestRateInWords(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]struct {
		requests int64
		per      time.Duration
	}{
		"10 per second":               {10, time.Second},
		"1,000 per minute":            {1000, time.Minute},
		"1,000,000 per day":           {1_000_000, 24 * time.Hour},
		"999 per hour":                {999, time.Hour},
		"100 per 30 seconds":          {100, 30 * time.Second},
		"5 per 90 minutes":            {5, 90 * time.Minute},
		"5 per 7 days":                {5, 7 * 24 * time.Hour},
		"1 per 1,500 milliseconds":    {1, 1500 * time.Millisecond},
		"12,345 per 100 milliseconds": {12345, 100 * time.Millisecond},
	} {
		if got := (keyward.Rate{Requests: r.requests, Per: keyward.Duration(r.per)}).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
