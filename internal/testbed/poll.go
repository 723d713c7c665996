package testbed

import (
	"fmt"
	"time"
)

// Eventually polls until check gives "", and fails the test with its last answer when the deadline, which is generous,
// passes first. It gives how long it took.
func Eventually(t TB, what string, check func() string) time.Duration {
	t.Helper()
	const limit = 30 * time.Second
	start := time.Now()
	for {
		last := check()
		took := time.Since(start)
		if last == "" {
			return took
		}
		if took > limit {
			t.Fatalf("%s: not within %s: %s", what, limit, last)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Same gives "" when got is want, and says what was got otherwise. It is for Eventually.
func Same[T comparable](got, want T) string {
	if got == want {
		return ""
	}
	return fmt.Sprintf("got %v, want %v", got, want)
}
