package token

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/throttle"
)

const (
	fetchTimeout   = 5 * time.Second // where the key manager's outbound policy has none
	fetchLimit     = 1 << 20         // likewise, bytes of a key set
	fetchersAtOnce = 32              // background fetches; those of requests are one per set
	defaultRefresh = 5 * time.Minute
)

// Options are what both KeySets and Introspector take. The zero value works.
type Options struct {
	Now        func() time.Time      // default time.Now
	Log        *slog.Logger          // default: discard
	Registerer prometheus.Registerer // default: metrics are kept and not shown
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// KeySets are all live key sets of a gateway. A set belongs to one key manager, one issuer and one source; nothing is
// shared between two of them, not even when their addresses are the same.
type KeySets struct {
	client  *http.Client
	now     func() time.Time
	log     *slog.Logger
	metrics *metrics
	wake    chan struct{}

	live atomic.Pointer[map[setID]*KeySet] // replaced, never changed
	mu   sync.Mutex                        // for those who replace it
}

// Way is how a key manager's server is reached, and whether its keys are wanted anew. The zero value is the client's own.
type Way struct {
	Digest string // tells two ways apart; "" = the zero value
	Asked  string // another value than before: somebody wants the keys read anew
	// Policy gives the policy with its secrets, which may have to be opened first.
	Policy func(context.Context) (outbound.Policy, error)
}

// setID is what a set belongs to. A source inside the row is named by its SHA-256. Keys that came another way are not
// believed: whoever answered there may not be whom this way trusts.
type setID struct {
	keyManager, issuer, url string
	way                     string // digest; "" where nothing is fetched
	pem                     bool
	inline                  [sha256.Size]byte
}

// NewKeySets makes an empty collection. The client must apply the operator's outbound rules.
func NewKeySets(client *http.Client, o Options) *KeySets {
	o = o.withDefaults()
	s := &KeySets{
		client: client, now: o.Now, log: o.Log, metrics: newMetrics(o.Registerer), wake: make(chan struct{}, 1),
	}
	s.live.Store(&map[setID]*KeySet{})
	return s
}

func identify(kmID string, row keyward.IssuerRow, way Way) setID {
	id := setID{keyManager: kmID, issuer: row.Issuer}
	switch {
	case len(row.PEM) > 0:
		id.pem, id.inline = true, sha256.Sum256([]byte(strings.Join(row.PEM, "\x00")))
	case len(row.Inline) > 0:
		id.inline = sha256.Sum256(row.Inline)
	default:
		id.url, id.way = row.JWKS, way.Digest
	}
	return id
}

// For gives the set of one issuer of one key manager, making it when it is new. It fetches nothing.
func (s *KeySets) For(kmID string, row keyward.IssuerRow, way Way) *KeySet {
	id := identify(kmID, row, way)
	refresh := int64(max(cmp.Or(row.Refresh.Std(), defaultRefresh), time.Second))
	if set, found := (*s.live.Load())[id]; found {
		if set.refresh.Load() != refresh {
			set.refresh.Store(refresh)
		}
		if before := set.way.Swap(&way); before.Asked != way.Asked { // its secrets may have been sealed anew
			set.ask()
		}
		return set
	}
	return s.add(id, row, refresh, way)
}

func (s *KeySets) add(id setID, row keyward.IssuerRow, refresh int64, way Way) *KeySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.live.Load()
	if set, found := old[id]; found {
		return set
	}
	set := &KeySet{
		sets: s, id: id, url: id.url, refetch: rate.NewLimiter(rate.Every(refetchEvery), refetchBurst),
		asked: throttle.Wishes{Every: askEvery},
	}
	set.refresh.Store(refresh)
	set.way.Store(&way)
	if set.url == "" {
		keys, notes, err := ParseKeys(row)
		s.report(id, notes, err)
		if err == nil && len(keys) > 0 {
			set.current.Store(newKeyList(keys, time.Time{}))
		}
	}
	live := make(map[setID]*KeySet, len(old)+1)
	for k, v := range old {
		live[k] = v
	}
	live[id] = set
	s.live.Store(&live)
	s.nudge()
	return set
}

// Retain makes the live sets exactly those given: new ones are fetched at once by Run, others are forgotten with their
// keys. Call it after each change of the view.
func (s *KeySets) Retain(sets iter.Seq[*KeySet]) {
	wanted := map[setID]struct{}{}
	for set := range sets {
		wanted[set.id] = struct{}{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.live.Load()
	live := make(map[setID]*KeySet, len(wanted))
	for id, set := range old {
		if _, found := wanted[id]; found {
			live[id] = set
		}
	}
	s.live.Store(&live)
}

// Run fetches new sets, refreshes the others and tries failed ones again, with growing distances, until ctx is done.
func (s *KeySets) Run(ctx context.Context) error {
	slots := make(chan struct{}, fetchersAtOnce)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		timer.Reset(s.startDue(ctx, slots))
	}
}

// startDue starts the fetches whose time has come, as far as there are slots, and gives the time until the next one.
func (s *KeySets) startDue(ctx context.Context, slots chan struct{}) time.Duration {
	next := time.Minute
	for _, set := range *s.live.Load() {
		if set.url == "" {
			continue
		}
		set.mu.Lock()
		left := set.due.Sub(s.now())
		switch {
		case set.flight != nil:
		case left > 0:
			next = min(next, left)
		default:
			select {
			case slots <- struct{}{}:
				f := set.fly(ctx)
				go func() {
					<-f.done
					<-slots
					s.nudge()
				}()
			default: // a slot that becomes free wakes the loop
			}
		}
		set.mu.Unlock()
	}
	return max(next, 10*time.Millisecond)
}

func (s *KeySets) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// backOff is the distance to the next background attempt after so many failures in a row.
func backOff(failures int, haveKeys bool, refresh time.Duration) time.Duration {
	limit := 30 * time.Second
	if haveKeys {
		limit = max(limit, refresh)
	}
	return min(limit, 500*time.Millisecond<<min(failures-1, 16))
}

// fetch reads a key set from its address, by the way of its key manager.
func (s *KeySets) fetch(ctx context.Context, id setID, url string, way Way) ([]*Key, error) {
	keys, notes, err := s.read(ctx, id, url, way)
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	s.metrics.fetches.WithLabelValues(outcome).Inc()
	s.report(id, notes, err)
	return keys, err
}

func (s *KeySets) read(ctx context.Context, id setID, url string, way Way) (keys []*Key, notes []string, err error) {
	policy := outbound.Policy{}
	if way.Policy != nil {
		opening, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		if policy, err = way.Policy(opening); err != nil {
			return nil, nil, fmt.Errorf("read the key set: %w", err)
		}
	}
	client, err := outbound.Under(s.client, id.keyManager, policy)
	if err != nil {
		return nil, nil, fmt.Errorf("read the key set: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, outbound.TimeoutOf(client, fetchTimeout))
	defer cancel()
	return ReadKeys(ctx, client, url)
}

// ReadKeys reads the JWK set at an address, once. Notes and errors are those of ParseJWKS.
func ReadKeys(ctx context.Context, client *http.Client, url string) (keys []*Key, notes []string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, nil, fmt.Errorf("read the key set: %w", err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := client.Do(req) //nolint:bodyclose // outbound.ReadAll closes it
	if err != nil {
		return nil, nil, fmt.Errorf("read the key set: %w", outbound.NoAnswer(err))
	}
	body, err := outbound.ReadAll(resp, outbound.LimitOf(client, fetchLimit))
	if err != nil {
		return nil, nil, fmt.Errorf("read the key set: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("read the key set: the server answered %d", resp.StatusCode)
	}
	if kind := resp.Header.Get("Content-Type"); !mayBeJSON(kind) {
		return nil, nil, fmt.Errorf("read the key set: the server's answer is %q, not JSON", kind)
	}
	return ParseJWKS(body)
}

// mayBeJSON accepts, beside JSON's own types, those that servers of plain files give to it: what the body is, the
// strict parser says. Anything that names another format, such as an error page, is refused.
func mayBeJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "text/json", "text/plain", "application/octet-stream", "binary/octet-stream":
		return true
	}
	return strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// report tells the operator about keys that were left out and fetches that failed.
func (s *KeySets) report(id setID, notes []string, err error) {
	log := s.log.With("key_manager", id.keyManager, "issuer", id.issuer)
	if err != nil {
		log.Warn("the keys of an issuer cannot be read", "error", err)
	}
	for _, note := range notes {
		log.Debug("a key of an issuer is not used", "reason", note)
	}
}
