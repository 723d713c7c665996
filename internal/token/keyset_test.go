package token

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keyServer is a real server of one key set, with switchable faults.
type keyServer struct {
	*httptest.Server
	fetches atomic.Int32

	mu     sync.Mutex
	answer http.HandlerFunc
}

func newKeyServer(t *testing.T, keys ...string) *keyServer {
	t.Helper()
	s := &keyServer{}
	s.serve(keys...)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetches.Add(1)
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) handle(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

func (s *keyServer) serve(keys ...string) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(jwks(keys...))
	})
}

func (s *keyServer) fail() {
	s.handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
}

func (s *keyServer) row(issuer string) keyward.IssuerRow {
	return keyward.IssuerRow{Issuer: issuer, JWKS: s.URL, Refresh: keyward.Duration(time.Hour)}
}

// clock is a time that a test moves.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func newSets(t *testing.T) (*KeySets, *clock) {
	t.Helper()
	c := &clock{}
	client := outbound.NewClient(outbound.Rules{}, outbound.Options{})
	t.Cleanup(client.CloseIdleConnections)
	return NewKeySets(client, Options{Now: c.now}), c
}

// run runs the background part until the test ends.
func run(t *testing.T, s *KeySets) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited for: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// verify is what enforce does with a token of one issuer.
func verify(set *KeySet, raw string) error {
	j, err := Parse(raw)
	if err != nil {
		return err
	}
	keys, err := set.Candidates(context.Background(), j)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err = j.Verify(k, nil); err == nil {
			return nil
		}
	}
	return err
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	wantCode(t, err, keyward.CodeKeyManagerUnavailable)
	var u *Unavailable
	if !errors.As(err, &u) || u.RetryAfter <= 0 {
		t.Fatalf("no Retry-After in %v", err)
	}
}

// TestIssuersShareNothing has two issuers whose keys have one kid, primed in either order and both at once.
func TestIssuersShareNothing(t *testing.T) {
	k := testKeys()
	a := newKeyServer(t, jwk(t, k.rsa, `"kid":"1"`))
	b := newKeyServer(t, jwk(t, k.otherRSA, `"kid":"1"`))
	byA, byB := simple(t, "RS256", "1", k.rsa), simple(t, "RS256", "1", k.otherRSA)
	for name, order := range map[string]string{"A first": "ab", "B first": "ba", "both at once": "both"} {
		t.Run(name, func(t *testing.T) {
			sets, _ := newSets(t)
			setA, setB := sets.For("km-a", a.row("https://a"), Way{}), sets.For("km-b", b.row("https://b"), Way{})
			prime := map[string]func(){
				"ab": func() { _ = verify(setA, byA); _ = verify(setB, byB) },
				"ba": func() { _ = verify(setB, byB); _ = verify(setA, byA) },
				"both": func() {
					var wg sync.WaitGroup
					for range 8 {
						wg.Go(func() { wantCode(t, verify(setB, byA), keyward.CodeInvalidToken) })
						wg.Go(func() { wantCode(t, verify(setA, byA), "") })
					}
					wg.Wait()
				},
			}
			prime[order]()
			wantCode(t, verify(setA, byA), "")
			wantCode(t, verify(setB, byB), "")
			wantCode(t, verify(setA, byB), keyward.CodeInvalidToken)
			wantCode(t, verify(setB, byA), keyward.CodeInvalidToken)
		})
	}
}

func TestSameAddressTwoKeyManagers(t *testing.T) {
	server := newKeyServer(t, jwk(t, testKeys().rsa, `"kid":"1"`))
	sets, _ := newSets(t)
	rows := []*KeySet{
		sets.For("km-a", server.row("https://a"), Way{}), sets.For("km-b", server.row("https://a"), Way{}),
		sets.For("km-a", server.row("https://b"), Way{}), sets.For("km-a", server.row("https://a"), Way{Digest: "another"}),
	}
	if rows[0] == rows[1] || rows[0] == rows[2] || rows[1] == rows[2] || rows[0] == rows[3] {
		t.Fatal("sets of different key managers, issuers or ways must be different")
	}
	if rows[0] != sets.For("km-a", server.row("https://a"), Way{}) {
		t.Fatal("the same issuer must get the same set")
	}
}

func TestCandidatesByKid(t *testing.T) {
	k := testKeys()
	server := newKeyServer(t,
		jwk(t, k.rsa, `"kid":"1"`), jwk(t, k.otherRSA, `"kid":"2"`), jwk(t, k.p256, ""), jwk(t, k.p384, `"kid":"1"`))
	sets, _ := newSets(t)
	set := sets.For("km", server.row("https://a"), Way{})
	without := func(alg string, key crypto.Signer) string {
		return sign(t, alg, key, `{"alg":"`+alg+`"}`, `{}`)
	}
	for name, tt := range map[string]struct {
		raw  string
		code keyward.Code
	}{
		"its kid":                               {simple(t, "RS256", "1", k.rsa), ""},
		"one kid, two types":                    {simple(t, "ES384", "1", k.p384), ""},
		"another key of the set":                {simple(t, "RS256", "1", k.otherRSA), keyward.CodeInvalidToken},
		"unknown kid":                           {simple(t, "RS256", "3", k.rsa), keyward.CodeInvalidToken},
		"no kid":                                {without("RS256", k.otherRSA), ""},
		"no kid, key without":                   {without("ES256", k.p256), ""},
		"kid named, key without":                {simple(t, "ES256", "x", k.p256), keyward.CodeInvalidToken},
		"empty kid, key without":                {simple(t, "ES256", "", k.p256), keyward.CodeInvalidToken},
		"kid of another type":                   {simple(t, "ES256", "2", k.p256), keyward.CodeInvalidToken},
		"path in the kid":                       {simple(t, "RS256", "../../1", k.rsa), keyward.CodeInvalidToken},
		"the kid's case":                        {simple(t, "RS256", "1 ", k.rsa), keyward.CodeInvalidToken},
		"no kid, no key of the type in the set": {without("ES512", k.p521), keyward.CodeInvalidToken},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, verify(set, tt.raw), tt.code) })
	}
}

func TestPEMAndInlineKeysAreNotFetched(t *testing.T) {
	k := testKeys()
	sets, _ := newSets(t)
	inline := sets.For("km", keyward.IssuerRow{Issuer: "https://a", Inline: jwks(jwk(t, k.p256, `"kid":"1"`))}, Way{})
	wantCode(t, verify(inline, simple(t, "ES256", "1", k.p256)), "")
	wantCode(t, verify(inline, simple(t, "ES256", "2", k.p256)), keyward.CodeInvalidToken)
	if !inline.Holds(mustKey(t, &k.p256.PublicKey).Thumbprint) || inline.Holds("x") {
		t.Error("Holds of an inline set")
	}
	other := sets.For("km", keyward.IssuerRow{Issuer: "https://a", Inline: jwks(jwk(t, k.p384, `"kid":"1"`))}, Way{})
	if other == inline || other.Holds(mustKey(t, &k.p256.PublicKey).Thumbprint) {
		t.Error("another source is another set")
	}
	none := sets.For("km", keyward.IssuerRow{Issuer: "https://a", Inline: jwks(`{"kty":"oct","k":"AAAA"}`)}, Way{})
	wantUnavailable(t, verify(none, simple(t, "ES256", "1", k.p256)))
}

func TestUnknownKidIsFetchedOnceForAll(t *testing.T) {
	k := testKeys()
	server := newKeyServer(t, jwk(t, k.rsa, `"kid":"old"`))
	sets, _ := newSets(t)
	set := sets.For("km", server.row("https://a"), Way{})
	wantCode(t, verify(set, simple(t, "RS256", "old", k.rsa)), "")

	arrived, proceed := make(chan struct{}, 1), make(chan struct{})
	server.handle(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-proceed
		_, _ = w.Write(jwks(jwk(t, k.rsa, `"kid":"old"`), jwk(t, k.p256, `"kid":"new"`)))
	})
	raw := simple(t, "ES256", "new", k.p256)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := verify(set, raw); err != nil {
				t.Errorf("a new key should be found: %v", err)
			}
		})
	}
	<-arrived
	wantCode(t, verify(set, simple(t, "RS256", "old", k.rsa)), "") // known keys wait for nothing
	close(proceed)
	wg.Wait()
	if n := server.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want the first load and one more", n)
	}
}

func TestUnknownKidFloodIsLimited(t *testing.T) {
	k := testKeys()
	server := newKeyServer(t, jwk(t, k.rsa, `"kid":"1"`))
	sets, clock := newSets(t)
	set := sets.For("km", server.row("https://a"), Way{})
	wantCode(t, verify(set, simple(t, "RS256", "1", k.rsa)), "")
	flood := func(from int) {
		for i := range 200 {
			raw := encode(fmt.Appendf(nil, `{"alg":"RS256","kid":"x%d"}`, from+i)) + ".e30.AAAA"
			wantCode(t, verify(set, raw), keyward.CodeInvalidToken)
		}
	}
	flood(0)
	if n := server.fetches.Load(); n != 1+refetchBurst {
		t.Fatalf("%d fetches, want the first load and a burst of %d", n, refetchBurst)
	}
	clock.advance(refetchEvery + time.Second)
	flood(1000)
	if n := server.fetches.Load(); n != 2+refetchBurst {
		t.Fatalf("%d fetches after ten seconds, want one more", n)
	}
	wantCode(t, verify(set, simple(t, "RS256", "1", k.rsa)), "")
}

func TestRefetchFailsWhileKeysAreCached(t *testing.T) {
	k := testKeys()
	server := newKeyServer(t, jwk(t, k.rsa, `"kid":"1"`))
	sets, _ := newSets(t)
	set := sets.For("km", server.row("https://a"), Way{})
	wantCode(t, verify(set, simple(t, "RS256", "1", k.rsa)), "")
	server.fail()
	wantCode(t, verify(set, simple(t, "RS256", "2", k.rsa)), keyward.CodeInvalidToken)
	wantCode(t, verify(set, simple(t, "RS256", "1", k.rsa)), "")
}

func TestFaultyAnswersNeverGiveKeys(t *testing.T) {
	k := testKeys()
	good := string(jwks(jwk(t, k.rsa, `"kid":"1"`)))
	faults := map[string]http.HandlerFunc{
		"error status": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(good))
		},
		"created": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(good))
		},
		"HTML type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(good))
		},
		"HTML":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome</html>")) },
		"empty":     func(http.ResponseWriter, *http.Request) {},
		"empty set": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"truncated": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(good[:len(good)-3])) },
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write([]byte(good))
		},
		"too large": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(good + strings.Repeat(" ", fetchLimit)))
		},
		"redirect to metadata": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			server := newKeyServer(t)
			server.handle(fault)
			sets, clock := newSets(t)
			set := sets.For("km", server.row("https://a"), Way{})
			raw := simple(t, "RS256", "1", k.rsa)
			wantUnavailable(t, verify(set, raw))
			wantUnavailable(t, verify(set, raw)) // a moment later: not fetched again
			if n := server.fetches.Load(); n != 1 {
				t.Errorf("%d fetches within a second of the first failure", n)
			}
			server.serve(jwk(t, k.rsa, `"kid":"1"`))
			clock.advance(2 * retryAtLeast)
			wantCode(t, verify(set, raw), "") // recovery
			server.handle(fault)
			wantCode(t, verify(set, simple(t, "RS256", "2", k.rsa)), keyward.CodeInvalidToken)
			wantCode(t, verify(set, raw), "") // the last good set stays
			clock.advance(keepAtMost + time.Minute)
			wantUnavailable(t, verify(set, raw)) // not for ever
			if set.Holds(mustKey(t, &k.rsa.PublicKey).Thumbprint) {
				t.Error("keys older than a day are not held")
			}
		})
	}
}

func TestSlowKeysAreWaitedForThreeSecondsAtMost(t *testing.T) {
	k := testKeys()
	server := newKeyServer(t)
	hang := make(chan struct{})
	server.handle(func(http.ResponseWriter, *http.Request) { <-hang })
	defer close(hang)
	sets, _ := newSets(t)
	set := sets.For("km", server.row("https://a"), Way{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := set.Candidates(ctx, mustParse(t, simple(t, "RS256", "1", k.rsa)))
	wantUnavailable(t, err) // a caller who left waits for nothing
	wantUnavailable(t, verify(set, simple(t, "RS256", "1", k.rsa)))
}

func TestRetainFetchesNewSetsAndForgetsOthers(t *testing.T) {
	k := testKeys()
	a, b := newKeyServer(t, jwk(t, k.rsa, `"kid":"1"`)), newKeyServer(t, jwk(t, k.p256, `"kid":"1"`))
	sets, _ := newSets(t)
	run(t, sets)
	sets.Retain(slices.Values([]*KeySet{sets.For("km-a", a.row("https://a"), Way{}), sets.For("km-b", b.row("https://b"), Way{})}))
	thumbA, thumbB := mustKey(t, &k.rsa.PublicKey).Thumbprint, mustKey(t, &k.p256.PublicKey).Thumbprint
	poll(t, "both sets", func() bool {
		return sets.For("km-a", a.row("https://a"), Way{}).Holds(thumbA) && sets.For("km-b", b.row("https://b"), Way{}).Holds(thumbB)
	})
	before := sets.For("km-b", b.row("https://b"), Way{})
	sets.Retain(slices.Values([]*KeySet{sets.For("km-b", b.row("https://b"), Way{})}))
	if sets.For("km-b", b.row("https://b"), Way{}) != before {
		t.Error("a set that stays must stay the same, keys included")
	}
	if len(*sets.live.Load()) != 1 {
		t.Errorf("%d sets are left, want 1", len(*sets.live.Load()))
	}
}

func TestRefreshBringsNewKeysAndDropsOld(t *testing.T) {
	k := testKeys()
	server := newKeyServer(t, jwk(t, k.rsa, `"kid":"1"`))
	sets, clock := newSets(t)
	run(t, sets)
	row := server.row("https://a")
	set := sets.For("km", row, Way{})
	old, fresh := mustKey(t, &k.rsa.PublicKey).Thumbprint, mustKey(t, &k.p256.PublicKey).Thumbprint
	poll(t, "the first load", func() bool { return set.Holds(old) })
	server.serve(jwk(t, k.p256, `"kid":"2"`))
	clock.advance(2 * time.Hour)
	sets.nudge()
	poll(t, "the new key alone", func() bool { return set.Holds(fresh) && !set.Holds(old) })
}

// TestKeysAreReadAnewWhenSomebodyAsks, once for all who ask within ten seconds, and while what is there is fresh.
func TestKeysAreReadAnewWhenSomebodyAsks(t *testing.T) {
	k := testKeys()
	server := newKeyServer(t, jwk(t, k.rsa, `"kid":"1"`))
	sets, clock := newSets(t)
	run(t, sets)
	asked := func(mark string) *KeySet { return sets.For("km", server.row("https://a"), Way{Asked: mark}) }
	set := asked("at birth")
	old, fresh := mustKey(t, &k.rsa.PublicKey).Thumbprint, mustKey(t, &k.p256.PublicKey).Thumbprint
	poll(t, "the first load", func() bool { return set.Holds(old) })
	server.serve(jwk(t, k.p256, `"kid":"1"`))
	for i := range 100 {
		asked("at birth")
		asked(fmt.Sprint(i))
	}
	poll(t, "the new key alone", func() bool { return set.Holds(fresh) && !set.Holds(old) })
	server.serve(jwk(t, k.rsa, `"kid":"1"`))
	for i := range 100 {
		asked(fmt.Sprint(100 + i))
	}
	if n := server.fetches.Load(); n != 2 || !set.Holds(fresh) {
		t.Errorf("read %d times, want 2: the next one waits", n)
	}
	clock.advance(2 * askEvery)
	sets.nudge()
	poll(t, "what those got who asked last", func() bool { return set.Holds(old) })
	if n := server.fetches.Load(); n != 3 {
		t.Errorf("read %d times, want 3", n)
	}
}

func TestBackgroundRecoversByItself(t *testing.T) {
	k := testKeys()
	server := newKeyServer(t)
	server.fail()
	sets, _ := newSets(t)
	run(t, sets)
	set := sets.For("km", server.row("https://a"), Way{})
	poll(t, "a failed attempt", func() bool { return server.fetches.Load() > 0 })
	server.serve(jwk(t, k.rsa, `"kid":"1"`))
	poll(t, "the keys", func() bool { return set.Holds(mustKey(t, &k.rsa.PublicKey).Thumbprint) })
}

func TestBackOffGrowsAndEnds(t *testing.T) {
	last := time.Duration(0)
	for failures := 1; failures < 100; failures++ {
		d := backOff(failures, false, time.Minute)
		if d < last || d > 30*time.Second || d <= 0 {
			t.Fatalf("after %d failures %v, before that %v", failures, d, last)
		}
		last = d
	}
}

func BenchmarkCandidates(b *testing.B) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	sets := NewKeySets(http.DefaultClient, Options{})
	row := keyward.IssuerRow{Issuer: "https://a", Inline: jwks(jwk(b, private, `"kid":"1"`))}
	j := mustParse(b, simple(b, "EdDSA", "1", private))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sets.For("km", row, Way{}).Candidates(context.Background(), j); err != nil {
			b.Fatal(err)
		}
	}
}
