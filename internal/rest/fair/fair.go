// Package fair owns how many requests one person may have under way at once, so that nobody takes for themselves what there is
// little of for everybody: places for calls through the gateway and for checks, those of a key manager's server, questions to
// gateways, connections to the database. It does not own who a person is, nor how each of these is bounded for all.
package fair

import (
	"context"
	"errors"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/throttle"
)

// patience is how long a request waits for its person's others to end, before anything of its body is read.
const patience = 10 * time.Second

// again is when a refused request may come again.
const again = 5 * time.Second

// Requests are those under way.
type Requests struct {
	person func(huma.Context) string
	refuse func(huma.Context, error)

	shares map[string]*share // by operation
	others *share
}

// share is what one person may have of a kind of requests.
type share struct {
	each   int
	what   string // the requests, in words
	places *throttle.Places
}

// New bounds requests. person names who makes one, "" for nobody in particular, who is not bounded here; refuse answers one
// that waited in vain, with too_many_requests.
func New(person func(huma.Context) string, refuse func(huma.Context, error)) *Requests {
	r := &Requests{person: person, refuse: refuse, shares: map[string]*share{}}
	r.others = newShare(12, 0, "requests") // fewer than there are connections to PostgreSQL
	for _, of := range []struct {
		share      *share
		operations []string
	}{
		{newShare(4, 0, "calls through the gateway"), []string{"try-api"}},
		{newShare(3, 0, "checks"), []string{
			"check-key-manager", "check-unsaved-key-manager", "check-token", "check-token-unsaved", "discover-key-manager", "explain",
		}},
		{newShare(6, 0, "requests that wait for a key manager's server"), []string{
			"generate-keys", "approve-keys", "cancel-keys", "delete-keys", "dismiss-keys", "map-keys", "mend-keys", "retry-keys",
			"revoke-keys", "rotate-keys", "token-keys", "update-keys", "delete-application", "delete-oauth-client",
			"reconcile-key-manager", "delete-orphan",
		}},
		{newShare(6, 0, "questions to gateways"), []string{"list-decisions", "get-decision"}},
		{newShare(2, 8, "documents that are read"), []string{"import-openapi"}}, // each takes a core and much memory
	} {
		for _, operation := range of.operations {
			r.shares[operation] = of.share
		}
	}
	return r
}

func newShare(each, all int, what string) *share {
	return &share{each: each, what: what, places: throttle.NewPlaces(all, each)}
}

// Pass lets a request through when its person has not too many of its kind under way, and waits for that a little.
func (r *Requests) Pass(ctx huma.Context, next func(huma.Context)) {
	person := r.person(ctx)
	if person == "" {
		next(ctx)
		return
	}
	of := r.shares[ctx.Operation().OperationID]
	if of == nil {
		of = r.others
	}
	leave, err := of.enter(ctx.Context(), person)
	if err != nil {
		r.refuse(ctx, err)
		return
	}
	defer leave()
	next(ctx)
}

func (s *share) enter(ctx context.Context, person string) (leave func(), err error) {
	waiting, stop := context.WithTimeout(ctx, patience)
	defer stop()
	leave, err = s.places.Take(waiting, person)
	switch {
	case err == nil:
		return leave, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, s.full(err)
}

// full says whose requests are too many.
func (s *share) full(err error) error {
	e := keyward.Errorf(keyward.CodeTooManyRequests, "%d %s of yours are under way already: let one end, then try again", s.each, s.what)
	if errors.Is(err, throttle.ErrAll) {
		e = keyward.Errorf(keyward.CodeTooManyRequests, "too many %s at this moment, of everybody together: try again", s.what)
	}
	e.RetryAfter = again
	return e
}
