package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/throttle"
)

// Times of a key set. The contract promises the first two.
const (
	refetchWait  = 3 * time.Second  // the longest that a request waits for keys
	refetchEvery = 10 * time.Second // between two refetches for unknown kids, once the burst is used up
	refetchBurst = 3
	retryAtLeast = time.Second      // between two loads that requests start while there are no keys
	askEvery     = 10 * time.Second // between two reads that somebody asked for
	keepAtMost   = 24 * time.Hour   // how long the last good set is believed when no newer one can be had
)

// KeySet is the keys of one issuer of one key manager, from one source. Its methods are safe for concurrent use.
type KeySet struct {
	sets    *KeySets
	id      setID
	url     string // "" = the keys stand in the row
	refresh atomic.Int64
	way     atomic.Pointer[Way]
	current atomic.Pointer[keyList]

	mu       sync.Mutex
	flight   *flight
	refetch  *rate.Limiter // for unknown kids alone
	failures int           // since the last success
	failedAt time.Time
	due      time.Time // when Run reads the source next
	asked    throttle.Wishes
}

// keyList is one immutable state of a set.
type keyList struct {
	keys        []*Key
	thumbprints map[string]struct{}
	until       time.Time // zero = for ever
}

// flight is one fetch that any number of requests wait for.
type flight struct {
	done chan struct{}
	err  error // read after done is closed
}

func newKeyList(keys []*Key, until time.Time) *keyList {
	l := &keyList{keys: keys, thumbprints: make(map[string]struct{}, len(keys)), until: until}
	for _, k := range keys {
		l.thumbprints[k.Thumbprint] = struct{}{}
	}
	return l
}

// usable gives the keys that may be believed now, nil when there are none.
func (s *KeySet) usable() *keyList {
	l := s.current.Load()
	if l == nil || !l.until.IsZero() && !s.sets.now().Before(l.until) {
		return nil
	}
	return l
}

// Holds tells whether the key is in the current set. A verified token counts only as long as its key's thumbprint does.
func (s *KeySet) Holds(thumbprint string) bool {
	l := s.usable()
	if l == nil {
		return false
	}
	_, found := l.thumbprints[thumbprint]
	return found
}

// Candidates gives the keys that the token may be verified with: those of its kid, or all of them when it names none,
// that its algorithm fits. A set without keys is loaded first; an unknown kid starts, or joins, one refetch, within
// the set's limit. It waits at most 3 seconds. Errors are invalid_token, and key_manager_unavailable in an
// *Unavailable when there is no key at all.
func (s *KeySet) Candidates(ctx context.Context, j *JWT) ([]*Key, error) {
	l := s.usable()
	if l == nil {
		var err error
		if l, err = s.load(ctx); err != nil {
			return nil, err
		}
	} else if s.url != "" && !l.knows(j) {
		var err error
		if l, err = s.again(ctx, l); err != nil {
			return nil, err
		}
	}
	if keys := l.candidates(j); len(keys) > 0 {
		return keys, nil
	}
	return nil, invalid("the token's issuer has no key of this kid and algorithm")
}

// knows tells whether fetching the set anew is pointless for this token.
func (l *keyList) knows(j *JWT) bool {
	kid, named := j.KeyID()
	return !named || slices.ContainsFunc(l.keys, func(k *Key) bool { return k.AnyKid || k.Kid == kid })
}

func (l *keyList) candidates(j *JWT) []*Key {
	kid, named := j.KeyID()
	var fitting []*Key
	for _, k := range l.keys {
		if (!named || k.AnyKid || k.Kid == kid && kid != "") && k.permits(j.Algorithm()) {
			fitting = append(fitting, k)
		}
	}
	return fitting
}

// load gets the first keys, or new ones in place of those that became too old.
func (s *KeySet) load(ctx context.Context) (*keyList, error) {
	if s.url == "" {
		return nil, unavailable(time.Minute, ErrNoKeys)
	}
	f, err := s.startLoad(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.wait(ctx, f); err != nil {
		return nil, err
	}
	if l := s.usable(); l != nil {
		return l, nil
	}
	return nil, unavailable(retryAtLeast, f.err)
}

// startLoad joins or starts a fetch, unless one failed a moment ago.
func (s *KeySet) startLoad(ctx context.Context) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil && s.failures > 0 {
		if left := s.failedAt.Add(retryAtLeast).Sub(s.sets.now()); left > 0 {
			return nil, unavailable(left, errors.New("the last attempt failed a moment ago"))
		}
	}
	return s.fly(ctx), nil
}

// again fetches the set for a kid that it lacks.
func (s *KeySet) again(ctx context.Context, l *keyList) (*keyList, error) {
	s.mu.Lock()
	if s.current.Load() != l && s.usable() != nil { // it changed while we looked
		s.mu.Unlock()
		return s.usableOr(l), nil
	}
	if s.flight == nil && !s.refetch.AllowN(s.sets.now(), 1) {
		s.mu.Unlock()
		s.sets.metrics.fetches.WithLabelValues("limited").Inc()
		return nil, invalid("the token's kid is not one of its issuer's")
	}
	f := s.fly(ctx)
	s.mu.Unlock()
	if err := s.wait(ctx, f); err != nil || f.err != nil {
		return nil, invalid("the token's kid is not one of its issuer's")
	}
	return s.usableOr(l), nil
}

func (s *KeySet) usableOr(l *keyList) *keyList {
	if current := s.usable(); current != nil {
		return current
	}
	return l
}

// wait waits for a flight, for at most 3 seconds.
func (s *KeySet) wait(ctx context.Context, f *flight) error {
	timer := time.NewTimer(refetchWait)
	defer timer.Stop()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return unavailable(retryAtLeast, fmt.Errorf("the caller went away: %w", ctx.Err()))
	case <-timer.C:
		return unavailable(retryAtLeast, errors.New("the keys have not come in time"))
	}
}

// fly joins or starts the one fetch of this set. s.mu is held. The fetch outlives the request that started it: others
// may have joined.
func (s *KeySet) fly(ctx context.Context) *flight {
	if s.flight != nil {
		return s.flight
	}
	f := &flight{done: make(chan struct{})}
	s.flight = f
	s.asked.Begin()
	ctx = context.WithoutCancel(ctx)
	go func() {
		keys, err := s.sets.fetch(ctx, s.id, s.url, *s.way.Load())
		s.land(f, keys, err)
	}()
	return f
}

// ask has Run read the source anew, once for all who ask within askEvery.
func (s *KeySet) ask() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked.Add(s.sets.now())
	s.due = s.asked.Sooner(s.due)
	s.sets.nudge()
}

// land stores a fetch's outcome and plans the next one.
func (s *KeySet) land(f *flight, keys []*Key, err error) {
	now := s.sets.now()
	if err == nil {
		s.warnOfReplacement(keys)
		s.current.Store(newKeyList(keys, now.Add(keepAtMost)))
	}
	s.mu.Lock()
	f.err = err
	s.flight = nil
	if err == nil {
		s.failures = 0
		s.due = now.Add(throttle.Jitter(time.Duration(s.refresh.Load())))
	} else {
		s.failures++
		s.failedAt = now
		s.due = now.Add(throttle.Jitter(backOff(s.failures, s.usable() != nil, time.Duration(s.refresh.Load()))))
	}
	s.due = s.asked.Sooner(s.due) // who asked while this read was under way is served by the next one
	s.mu.Unlock()
	close(f.done)
	s.sets.nudge()
}

// warnOfReplacement tells the operator when every key changed at once: a rotation keeps the old keys for a while, a
// taken-over address does not.
func (s *KeySet) warnOfReplacement(keys []*Key) {
	old := s.current.Load()
	kept := func(k *Key) bool { _, found := old.thumbprints[k.Thumbprint]; return found }
	if old == nil || slices.ContainsFunc(keys, kept) {
		return
	}
	s.sets.log.Warn("all keys of an issuer were replaced at once",
		"key_manager", s.id.keyManager, "issuer", s.id.issuer)
}

// Unavailable is the error of keys or answers that cannot be had now. In its chain is a *keyward.Error with
// key_manager_unavailable.
type Unavailable struct {
	RetryAfter time.Duration // a fair time for the caller's next try
	Err        error
}

// Error implements error.
func (u *Unavailable) Error() string { return u.Err.Error() }

// Unwrap gives the *keyward.Error.
func (u *Unavailable) Unwrap() error { return u.Err }

func unavailable(after time.Duration, cause error) error {
	return &Unavailable{RetryAfter: after, Err: &keyward.Error{
		Code: keyward.CodeKeyManagerUnavailable, Message: "the token's key manager cannot be asked now", Err: cause,
	}}
}
