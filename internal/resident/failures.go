package resident

import (
	"context"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"keyward.dev/keyward/internal/resident/peer"
	"keyward.dev/keyward/internal/throttle"
)

// failures slows down who sends wrong secrets. A secret is always compared first and a right one is never held up, so
// that nobody can lock the rightful client out, not even from behind the same proxy. A wrong one is answered late when
// its peer has sent many for this client id, or very many for any.
type failures struct {
	now     func() time.Time
	pairs   *throttle.Throttle // by peer and client id
	peers   *throttle.Throttle // by peer
	waiting chan struct{}      // answers that are held back
}

const (
	failurePeriod = 6 * time.Second
	pairBurst     = 10
	peerBurst     = 100
	failureMemory = 10_000
	holdFor       = 2 * time.Second
	holdAtMost    = 64
	retryAfter    = "6"
)

func newFailures(now func() time.Time) *failures {
	return &failures{
		now: now, pairs: throttle.New(failurePeriod, pairBurst, failureMemory),
		peers:   throttle.New(failurePeriod/pairBurst, peerBurst, failureMemory),
		waiting: make(chan struct{}, holdAtMost),
	}
}

// hold counts a wrong secret. It gives nil when that is answered as usual, and else the refusal, after a pause for as
// long as not too many answers are held back.
func (f *failures) hold(ctx context.Context, clientID string) error {
	from, now := peer.Of(ctx), f.now()
	if len(clientID) > 200 {
		clientID = clientID[:200]
	}
	if max(f.peers.Take(from, now), f.pairs.Take(from+" "+clientID, now)) == 0 {
		return nil
	}
	select {
	case f.waiting <- struct{}{}:
		pause := time.NewTimer(holdFor)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
		<-f.waiting
	default:
	}
	return op.NewStatusError(oidc.ErrInvalidClient().WithDescription("too many wrong secrets: wait before the next one"),
		http.StatusTooManyRequests)
}
