package wire

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"keyward.dev/keyward/internal/outbound"
)

// Limits of one key manager's calls.
const (
	atOnce      = 16              // calls under way
	longestWait = 5 * time.Second // for one of those places
	tripsAfter  = 6               // calls in a row without a usable answer
	leftAlone   = 5 * time.Second // then; the next call after that finds out whether the server is back
	maxLanes    = 4096            // key managers come and go; a lane that is forgotten is made anew
)

// ErrBusy is in the chain of a *Failure of a call that found no place: as many as one key manager may have are under way.
var ErrBusy = errors.New("too many calls to this key manager are under way")

// ErrLeftAlone is in the chain of a *Failure of a call that was not made, because those before it failed one after the
// other a moment ago.
var ErrLeftAlone = errors.New("the server failed again and again a moment ago, so it is left alone for some seconds")

// Lanes are what each key manager's calls have to themselves, so that a slow or broken server holds up no other's.
type Lanes struct {
	metrics *metrics

	mu   sync.Mutex
	byID map[string]*lane
}

// NewLanes makes lanes for key managers that become known by their ids; a nil reg keeps the metrics to themselves.
func NewLanes(reg prometheus.Registerer) *Lanes {
	l := &Lanes{byID: map[string]*lane{}}
	l.metrics = newMetrics(reg, l.broken)
	return l
}

// Caller makes the caller of one key manager, by the id of its object, which is never used twice. One without an id is
// not stored: its caller has no lane.
func (l *Lanes) Caller(id string, client *http.Client) *Caller {
	c := New(client)
	if id != "" {
		c.lane = l.lane(id)
	}
	return c
}

func (l *Lanes) lane(id string) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, found := l.byID[id]; found {
		return known
	}
	if len(l.byID) >= maxLanes {
		clear(l.byID)
	}
	made := &lane{
		metrics: l.metrics,
		places:  make(chan struct{}, atOnce),
		breaker: gobreaker.NewCircuitBreaker[*Answer](gobreaker.Settings{
			MaxRequests: 1,
			Timeout:     leftAlone,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripsAfter },
			IsExcluded:  saysNothing,
		}),
	}
	l.byID[id] = made
	return made
}

// broken counts the key managers whose server is left alone, or was and has not answered since.
func (l *Lanes) broken() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0.0
	for _, lane := range l.byID {
		if lane.breaker.State() != gobreaker.StateClosed {
			n++
		}
	}
	return n
}

// lane is one key manager's.
type lane struct {
	metrics *metrics
	places  chan struct{}
	breaker *gobreaker.CircuitBreaker[*Answer]
}

// errBroken stands for an answer of a server that does not work, or of what stands before one.
var errBroken = errors.New("the server answered that it does not work")

// pass makes one call in the lane, within its limits.
func (l *lane) pass(ctx context.Context, k Call, once func(context.Context, Call) (*Answer, error)) (*Answer, error) {
	if err := l.enter(ctx); err != nil {
		l.metrics.calls.WithLabelValues("busy").Inc()
		return nil, &Failure{Op: k.Op, Description: ErrBusy.Error() + ": try again", Err: err}
	}
	defer func() { <-l.places }()
	answer, err := l.breaker.Execute(func() (*Answer, error) {
		a, err := once(ctx, k)
		if err == nil && a.broken() {
			return a, errBroken
		}
		return a, err
	})
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		l.metrics.calls.WithLabelValues("left_alone").Inc()
		return nil, &Failure{Op: k.Op, Description: ErrLeftAlone.Error(), Err: ErrLeftAlone}
	case errors.Is(err, errBroken):
		l.metrics.calls.WithLabelValues("broken").Inc()
		return answer, nil
	case err != nil:
		l.metrics.calls.WithLabelValues("failed").Inc()
		return nil, err
	}
	l.metrics.calls.WithLabelValues("answered").Inc()
	return answer, nil
}

// enter waits for a place.
func (l *lane) enter(ctx context.Context) error {
	select {
	case l.places <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(longestWait)
	defer timer.Stop()
	select {
	case l.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errors.Join(ErrBusy, ctx.Err())
	case <-timer.C:
		return ErrBusy
	}
}

// saysNothing tells that an outcome is no sign of the server's health: the caller went away, or nobody was asked.
func saysNothing(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, outbound.ErrForbidden)
}

// broken tells that the server, or what stands before it, cannot serve now.
func (a *Answer) broken() bool {
	switch a.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}
