package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keyward.dev/keyward/internal/outbound"
)

// Limits of patience with a server that asks for a pause, or gives no usable answer.
const (
	maxPauses    = 2
	maxRepeats   = 2
	longestPause = 5 * time.Second
	firstRepeat  = 250 * time.Millisecond // about, after the first try
)

// patience is what is left of it for one call.
type patience struct {
	pauses, repeats int
	distance        *backoff.ExponentialBackOff
}

func newPatience(k Call) *patience {
	p := &patience{pauses: maxPauses}
	safe := k.Method == http.MethodGet || k.Method == http.MethodHead // RFC 9110, section 9.2.1
	if safe && !k.Once {
		p.repeats = maxRepeats
		p.distance = backoff.NewExponentialBackOff() // half of it is left to chance, so that callers do not come in step
		p.distance.InitialInterval, p.distance.MaxInterval = firstRepeat, longestPause
	}
	return p
}

// after tells whether the call is worth making again, and when.
func (p *patience) after(ctx context.Context, a *Answer, err error) (time.Duration, bool) {
	if err == nil && a.Status == http.StatusTooManyRequests {
		pause, told := a.pause(time.Now())
		p.pauses--
		return pause, p.pauses >= 0 && told && pause <= longestPause
	}
	if err == nil && !a.broken() || err != nil && final(err) || ctx.Err() != nil {
		return 0, false
	}
	if p.repeats--; p.repeats < 0 {
		return 0, false
	}
	pause := p.distance.NextBackOff()
	if err == nil {
		if told, ok := a.pause(time.Now()); ok {
			pause = max(pause, told)
		}
	}
	return pause, pause <= longestPause
}

// final tells of a failure that another try cannot mend, or would only make longer.
func final(err error) bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return untrusted || errors.Is(err, outbound.ErrForbidden) || errors.Is(err, outbound.ErrTooLarge) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrBusy) || errors.Is(err, ErrLeftAlone)
}

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
