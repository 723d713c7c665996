package wire

import (
	"net/http"
	"strconv"
	"time"
)

// Limits of patience with a server that asks for a pause.
const (
	maxPauses    = 2
	longestPause = 5 * time.Second
)

// pause is how long a server asks to wait: Retry-After (RFC 9110, section 10.2.3), or the second of the epoch at which
// the limit ends, as Okta (X-Rate-Limit-Reset) and Auth0 (X-RateLimit-Reset) write it.
func (a *Answer) pause(now time.Time) (time.Duration, bool) {
	if v := a.Header.Get("Retry-After"); v != "" {
		if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
			return time.Duration(seconds) * time.Second, true
		}
		if at, err := http.ParseTime(v); err == nil {
			return until(now, at), true
		}
	}
	for _, name := range []string{"X-Rate-Limit-Reset", "X-RateLimit-Reset"} {
		if seconds, err := strconv.ParseInt(a.Header.Get(name), 10, 64); err == nil {
			return until(now, time.Unix(seconds, 0)), true
		}
	}
	return 0, false
}

func until(now, at time.Time) time.Duration {
	return max(0, at.Sub(now)).Round(time.Second)
}
