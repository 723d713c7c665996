package health_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/health"
	"keyward.dev/keyward/internal/health/table"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
)

func newKey(t *testing.T, kid string) *issuer.Key {
	t.Helper()
	k, err := issuer.NewKey(kid, "ES256")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A rotation is seen with its keys and its time; keys that are all replaced at once raise an alert for a day. All of it
// survives a restart.
func TestRotationsAreSeen(t *testing.T) {
	w, i := newWorld(t), issuer.Start(t, "a", "ES256")
	a, b, c := i.Key(), newKey(t, "b"), newKey(t, "c")
	w.issuer("corp", i, "")
	w.sweep(59 * time.Second)
	w.want("corp", health.Unknown)
	w.sweep(time.Second)
	begin := w.now()
	set := w.want("corp", health.OK).KeySets[0]
	if len(set.Keys) != 1 || set.Keys[0].Kid != "a" || !set.Keys[0].FirstSeen.Equal(begin) || len(set.Rotations) != 0 ||
		set.Refresh.Std() != 5*time.Minute || set.Source != i.URL+"/jwks" {
		t.Fatalf("first seen: %+v", set)
	}
	i.SetKeys(b, a)
	w.sweep(2 * time.Minute)
	i.SetKeys(b)
	w.sweep(2 * time.Minute)
	w.restart()
	h := w.want("corp", health.OK)
	set = h.KeySets[0]
	seen := fmt.Sprint(set.Rotations)
	want := fmt.Sprint([]health.Rotation{
		{At: begin.Add(4 * time.Minute), Removed: []string{"a"}}, {At: begin.Add(2 * time.Minute), Added: []string{"b"}},
	})
	if seen != want || len(set.Keys) != 1 || !set.Keys[0].FirstSeen.Equal(begin.Add(2*time.Minute)) {
		t.Errorf("after two rotations: %s, want %s; keys %+v", seen, want, set.Keys)
	}
	if !h.LastRotation.Equal(begin.Add(4*time.Minute)) || !h.NewestKey.Equal(begin.Add(2*time.Minute)) || *h.Keys != 1 {
		t.Errorf("the summary: %+v", h.Summary)
	}
	i.SetKeys(c)
	w.sweep(2 * time.Minute)
	replaced := w.want("corp", health.Warning, "keys_replaced")
	if r := replaced.KeySets[0].Rotations[0]; fmt.Sprint(r.Added, r.Removed) != "[c] [b]" || !replaced.Since.Equal(w.now()) {
		t.Errorf("all at once: %+v", replaced)
	}
	m := w.measured()
	if m["alert keys_replaced"] != 1 || m["alert keys_failing"] != 0 || m["last_rotation_timestamp_seconds"] != float64(w.now().Unix()) {
		t.Errorf("measured: %v", m)
	}
	w.restart()
	w.sweep(23 * time.Hour)
	w.want("corp", health.Warning, "keys_replaced")
	w.sweep(time.Hour)
	w.want("corp", health.OK)
	w.put("corp", i.Issuer, i.URL+"/elsewhere", "") // an administrator's doing
	i.Fix("/elsewhere", issuer.Answer{Body: jwks(t, a)})
	w.sweep(time.Minute)
	if set := w.want("corp", health.OK).KeySets[0]; len(set.Rotations) != 0 || set.Keys[0].Kid != "a" {
		t.Errorf("keys from another address: %+v", set)
	}
}

func jwks(t *testing.T, keys ...*issuer.Key) string {
	t.Helper()
	text, err := issuer.JWKS(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const credentials = `,"endpoints":{"introspection":"%s/introspect"},"introspection":{"clientId":"gateway","clientSecret":%q}`

// A server that fails is told with its words, looked at less often, and recovers; another one is not concerned.
func TestAServerFailsAndRecovers(t *testing.T) {
	w, i, good := newWorld(t), issuer.Start(t, "a", "ES256"), issuer.Start(t, "g", "ES256")
	w.issuer("corp", i, fmt.Sprintf(credentials, i.URL, "gateway-secret"))
	w.issuer("good", good, "")
	w.sweep(time.Minute)
	if h := w.want("corp", health.OK); h.Introspection == nil || h.Introspection.AskedAt != nil || len(i.Seen("/introspect")) != 0 {
		t.Errorf("introspection soon after the registration: %+v", h)
	}
	w.sweep(4 * time.Minute)
	if h := w.want("corp", health.OK); h.IntrospectionMillis == nil || h.LastHour.Introspection == nil || len(i.Seen("/introspect")) != 1 {
		t.Errorf("introspection after five minutes: %+v", h)
	}
	success := w.now()
	i.Fix("/jwks", issuer.Answer{Status: 503, Type: "text/html", Body: "<h1>down</h1>"})
	i.Fix("/introspect", issuer.Answer{Status: 500, Body: `{"error":"server_error","error_description":"the disk is full"}`})
	for _, d := range []time.Duration{5 * time.Minute, 2 * time.Minute, 90 * time.Second} {
		w.sweep(d) // after the second failure the next look is two minutes away
	}
	h := w.want("corp", health.Failing, "keys_failing", "introspection_failing")
	if h.Failures != 2 || !h.LastSuccess.Equal(success) || !strings.Contains(h.Attention[0].Message, "503") ||
		!strings.Contains(h.Attention[1].Message, "500 server_error: the disk is full") ||
		!strings.Contains(h.Attention[0].Fix, success.Add(24*time.Hour).Format(time.RFC3339)) {
		t.Errorf("failing: %+v", h)
	}
	if len(h.KeySets[0].Keys) != 1 || !h.KeySets[0].ErrorSince.Equal(success.Add(5*time.Minute)) {
		t.Errorf("the last good keys: %+v", h.KeySets[0])
	}
	if m := w.measured(); m["up"] != 0 || m["keys_up"] != 0 || m["introspection_up"] != 0 || m["failures_total"] != 2 ||
		m["looks_total"] != 4 || m["last_success_timestamp_seconds"] != float64(success.Unix()) || m["alert keys_failing"] != 1 {
		t.Errorf("measured: %v", m)
	}
	if h := w.want("good", health.OK); h.LastHour.Looks != 5 || h.LastHour.Failures != 0 {
		t.Errorf("the other one: %+v", h.LastHour)
	}
	i.Mend()
	w.sweep(10 * time.Minute)
	if h := w.want("corp", health.OK); h.Failures != 0 || h.LastHour.Failures != 2 || !h.LastSuccess.Equal(w.now()) || h.Error != "" {
		t.Errorf("recovered: %+v", h)
	}
	if m := w.measured(); m["up"] != 1 || m["failures_total"] != 2 {
		t.Errorf("measured: %v", m)
	}
	w.issuer("corp", i, fmt.Sprintf(credentials, i.URL, "not-the-right-one"))
	w.sweep(time.Minute)
	w.want("corp", health.OK)
	w.sweep(5 * time.Minute)
	if h := w.want("corp", health.Failing, "introspection_failing"); !strings.Contains(h.Error, "401 invalid_client") ||
		strings.Contains(fmt.Sprint(h), "not-the-right-one") {
		t.Errorf("wrong credentials: %+v", h)
	}
	i.Close()
	w.sweep(10 * time.Minute)
	if h := w.want("corp", health.Failing, "keys_failing", "introspection_failing"); !strings.Contains(h.KeySets[0].Error, "refused") {
		t.Errorf("a server that is gone: %+v", h.KeySets[0])
	}
}

// Keys of a set that are not used are told one by one; those that are for something else are no reason for an alert.
func TestOddKeysAreTold(t *testing.T) {
	w, i := newWorld(t), issuer.Start(t, "a", "ES256")
	w.issuer("corp", i, "")
	good := strings.TrimSuffix(jwks(t, i.Key()), "]}")
	other := strings.Replace(strings.TrimPrefix(jwks(t, newKey(t, "e")), `{"keys":[`), `"sig"`, `"enc"`, 1)
	i.Fix("/jwks", issuer.Answer{Body: good + "," + other})
	w.sweep(time.Minute)
	if set := w.want("corp", health.OK).KeySets[0]; len(set.LeftOut) != 1 || !strings.Contains(set.LeftOut[0], "use is not sig") {
		t.Errorf("a key for encryption: %+v", set)
	}
	i.Fix("/jwks", issuer.Answer{Body: good + `,{"kty":"oct","k":"c2VjcmV0"},` + other})
	w.sweep(2 * time.Minute)
	h := w.want("corp", health.Warning, "keys_left_out")
	if set := h.KeySets[0]; len(set.LeftOut) != 2 || len(set.Keys) != 1 || h.Attention[0].Message != set.LeftOut[0] {
		t.Errorf("a symmetric key: %+v", h)
	}
	i.Fix("/jwks", issuer.Answer{Body: `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`})
	w.sweep(2 * time.Minute)
	if set := w.want("corp", health.Failing, "keys_failing").KeySets[0]; set.Keys[0].Kid != "a" || len(set.LeftOut) != 1 {
		t.Errorf("no key that can be used: %+v", set)
	}
}

// Each server answers only once the other one was asked too.
func TestAServerThatHangsHoldsUpNoOther(t *testing.T) {
	w := newWorld(t)
	key := jwks(t, newKey(t, "k"))
	var both sync.WaitGroup
	both.Add(2)
	for _, name := range []string{"one", "two"} {
		var once sync.Once
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			once.Do(both.Done)
			both.Wait()
			_, _ = rw.Write([]byte(key))
		}))
		t.Cleanup(server.Close)
		w.put(name, server.URL, server.URL, "")
	}
	w.sweep(time.Minute)
	w.want("one", health.OK)
	w.want("two", health.OK)
}

// The certificate of httptest is good for long; the test's clock is near its end.
func TestCertificatesAndClocks(t *testing.T) {
	w := newWorld(t)
	key := jwks(t, newKey(t, "k"))
	ahead := 0 * time.Minute
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write([]byte(key))
	}))
	t.Cleanup(server.Close)
	w.client = server.Client()
	w.open(true)
	w.put("corp", server.URL, server.URL, "")
	ends := server.Certificate().NotAfter
	w.clock.Store(ends.Add(-22 * 24 * time.Hour).UnixMicro()) // which is more than a minute later
	w.sweep(0)
	if h := w.want("corp", health.OK); *h.TLSDays != 22 || *h.ClockOffsetMillis > 2000 || *h.ClockOffsetMillis < -2000 {
		t.Errorf("a good one: %+v", h.Summary)
	}
	ahead = 10 * time.Minute
	w.sweep(36 * time.Hour)
	h := w.want("corp", health.Warning, "tls_ending", "clock_off")
	if *h.TLSDays != 20 || *h.ClockOffsetMillis < 590_000 || !h.Servers[0].TLSUntil.Equal(ends) {
		t.Errorf("near its end, and ahead: %+v", h)
	}
	if m := w.measured(); m["tls_days"] != 20.5 || m["clock_offset_seconds"] < 590 || m["alert tls_ending"] != 1 {
		t.Errorf("measured: %v", m)
	}
	server.Close()
	w.sweep(2 * time.Minute)
	if h := w.want("corp", health.Failing, "keys_failing", "tls_ending", "clock_off"); *h.TLSDays != 20 {
		t.Errorf("what was known of a server that is gone: %+v", h.Summary)
	}
}

// Single looks are kept for six hours and until their hour is over, then one for each hour, for seven days; no look is lost.
func TestHistoryIsThinned(t *testing.T) {
	w, i := newWorld(t), issuer.Start(t, "a", "ES256")
	o := w.issuer("corp", i, "")
	begin := w.now()
	const step, steps = 30 * time.Minute, 8 * 48
	for n := range steps {
		if n%48 == 0 {
			i.Fix("/jwks", issuer.Answer{Status: 500})
		}
		w.sweep(step)
		i.Mend()
	}
	history, err := w.monitor.History(t.Context(), admin(), "default", "corp", time.UnixMicro(0))
	if err != nil {
		t.Fatal(err)
	}
	looks, failures, single := 0, 0, 0
	for n, s := range history {
		looks, failures = looks+s.Looks, failures+s.Failures
		age := w.now().Sub(s.At)
		switch {
		case n > 0 && !s.At.After(history[n-1].At):
			t.Errorf("the order: %+v after %+v", s, history[n-1])
		case s.Hour && (s.Looks > 2 || age < 6*time.Hour || age > 7*24*time.Hour || s.Keys == nil && s.Failures == 0):
			t.Errorf("an hour: %+v, %s old", s, age)
		case !s.Hour && age > 7*time.Hour:
			t.Errorf("a single look: %+v, %s old", s, age)
		}
		if !s.Hour {
			single++
		}
	}
	if hours := len(history) - single; hours < 7*24-7 || hours > 7*24 || single < 12 || looks < 7*48-1 || failures != 7 {
		t.Errorf("%d hours, %d single looks, %d looks in all, %d failures", hours, single, looks, failures)
	}
	since, err := w.monitor.History(t.Context(), admin(), "default", "corp", w.now().Add(-time.Hour))
	if err != nil || len(since) != 3 || !since[0].At.Equal(w.now().Add(-time.Hour)) {
		t.Errorf("of the last hour: %+v, %v", since, err)
	}
	if m := w.measured(); m["looks_total"] != steps || m["failures_total"] != 8 {
		t.Errorf("measured since %s: %v", begin, m)
	}
	err = w.store.Write(t.Context(), "test", func(tx *store.Tx) error { return tx.Delete(o) })
	if err != nil {
		t.Fatal(err)
	}
	w.sweep(0)
	if m := w.measured(); len(m) != 0 {
		t.Errorf("measured of one that is gone: %v", m)
	}
}

// However often people look, history has each failure: a good look in the same ten seconds does not hide it.
func TestAFailureIsNotOverwritten(t *testing.T) {
	w, i := newWorld(t), issuer.Start(t, "a", "ES256")
	w.issuer("corp", i, "")
	refresh := func() {
		if _, err := w.monitor.Refresh(t.Context(), admin(), "default", "corp"); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
	}
	refresh()
	i.Fix("/jwks", issuer.Answer{Status: 503})
	refresh()
	i.Mend()
	refresh()
	w.pass(10 * time.Second)
	refresh()
	history, err := w.monitor.History(t.Context(), admin(), "default", "corp", time.UnixMicro(0))
	if err != nil || len(history) != 2 {
		t.Fatalf("%+v, %v", history, err)
	}
	if s := history[0]; s.Looks != 3 || s.Failures != 1 || !strings.Contains(s.Error, "503") || s.Hour || s.Keys.Answers != 2 {
		t.Errorf("three looks in ten seconds, one of them failed: %+v", s)
	}
	if s := history[1]; s.Looks != 1 || s.Failures != 0 || s.Error != "" {
		t.Errorf("the look after: %+v", s)
	}
	if h := w.of("corp"); h.LastHour.Looks != 4 || h.LastHour.Failures != 1 {
		t.Errorf("the last hour: %+v", h.LastHour)
	}
}

// A hold is told beside how the server does, while it is in force; why and by whom to who may know all.
func TestAHoldIsTold(t *testing.T) {
	w, i := newWorld(t), issuer.Start(t, "a", "ES256")
	o := w.issuer("corp", i, "")
	w.sweep(time.Minute)
	end := w.now().Add(time.Hour)
	err := w.store.Write(t.Context(), "test", func(tx *store.Tx) error {
		_, err := tx.Hold(o, &keyward.Hold{Reason: "its key leaked", By: "ada", Since: w.now(), Until: &end})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	shown := func() (one, all string) {
		list, _, err := w.monitor.List(t.Context(), admin(), "default", health.Page{})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(table.OfOne(*w.want("corp", health.OK), w.now())), fmt.Sprint(table.Of(list, w.now()))
	}
	if list, _, err := w.monitor.List(t.Context(), admin(), "nowhere", health.Page{}); keyward.CodeOf(err) != keyward.CodeNotFound {
		t.Errorf("of a tenant that is not there: %+v, %v", list, err)
	}
	want := "HELD by ada for 1m0s, until " + end.Format(time.RFC3339) + ": its key leaked"
	if one, all := shown(); !strings.Contains(one, want) || !strings.Contains(all, want) || !strings.Contains(all, "HELD, ok") {
		t.Errorf("%q is not in %s, or not in %s", want, one, all)
	}
	developer := keyward.Principal{User: "dev", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleDeveloper}}
	h, err := w.monitor.Of(t.Context(), developer, "default", "corp")
	if err != nil || h.Hold == nil || h.Hold.Reason != "" || h.Hold.By != "" || !h.Hold.Until.Equal(end) {
		t.Errorf("a developer gets %+v, %v", h, err)
	}
	w.pass(time.Hour)
	if one, all := shown(); strings.Contains(one+all, "HELD") {
		t.Errorf("after its end: %s, %s", one, all)
	}
}

// Metadata that say something else than what is stored are told, until the key manager is written anew; that they cannot be
// read is no alert.
func TestChangedMetadataAreTold(t *testing.T) {
	w, i := newWorld(t), issuer.Start(t, "a", "ES256")
	write := func() {
		spec := &keyward.KeyManagerSpec{Type: keyward.TypeOIDC, Discovery: i.URL}
		status, err := keymanager.Discover(t.Context(), spec, http.DefaultClient)
		if err != nil {
			t.Fatal(err)
		}
		w.write(&keyward.Object{Name: "corp", Spec: spec}, &status)
	}
	write()
	const metadata = "/.well-known/openid-configuration"
	told := fmt.Sprintf(`{"issuer":%q,"jwks_uri":"%s/moved","token_endpoint":"%s/token"}`, i.URL, i.URL, i.URL)
	w.sweep(time.Minute)
	i.Forget()
	i.Fix(metadata, issuer.Answer{Body: told})
	w.sweep(58 * time.Minute)
	if h := w.want("corp", health.OK); h.Metadata != nil || len(i.Seen(metadata)) != 0 {
		t.Errorf("within the hour: %+v", h.Metadata)
	}
	w.sweep(2 * time.Minute)
	h := w.want("corp", health.Warning, "metadata_changed")
	if m := h.Attention[0].Message; !strings.Contains(m, `jwks_uri was "`+i.URL+`/jwks" and is "`+i.URL+`/moved"`) {
		t.Errorf("what differs: %s", m)
	}
	if set := h.KeySets[0]; set.Source != i.URL+"/jwks" || set.Error != "" {
		t.Errorf("the keys: %+v", set)
	}
	i.Fix("/moved", issuer.Answer{Body: jwks(t, i.Key())})
	write()
	w.sweep(time.Minute)
	if h := w.want("corp", health.OK); h.KeySets[0].Source != i.URL+"/moved" || h.Metadata.Differ != "" {
		t.Errorf("written anew: %+v", h)
	}
	for _, path := range []string{metadata, "/.well-known/oauth-authorization-server"} {
		i.Fix(path, issuer.Answer{Status: 500})
	}
	w.sweep(time.Hour)
	if h := w.want("corp", health.OK); !strings.Contains(h.Metadata.Error, "500") {
		t.Errorf("metadata that cannot be read: %+v", h.Metadata)
	}
}

// One that is disabled is left alone, until it is enabled.
func TestADisabledOneIsLeftAlone(t *testing.T) {
	w, i := newWorld(t), issuer.Start(t, "a", "ES256")
	w.issuer("corp", i, `,"enabled":false`)
	w.sweep(time.Minute)
	w.want("corp", health.Disabled)
	_, err := w.monitor.Refresh(t.Context(), admin(), "default", "corp")
	if keyward.CodeOf(err) != keyward.CodeConflict || len(i.Seen("")) != 0 || len(w.measured()) != 0 {
		t.Errorf("refresh: %v; the server saw %v; measured %v", err, i.Seen(""), w.measured())
	}
	w.issuer("corp", i, "")
	w.sweep(time.Minute)
	w.want("corp", health.OK)
}

// Of two processes one looks; when it ends the other goes on.
func TestOneProcessLooks(t *testing.T) {
	w, i := newWorld(t), issuer.Start(t, "a", "ES256")
	w.issuer("corp", i, "")
	w.open(false)
	other := w.another(false, nil)
	ctx, stop := context.WithCancel(t.Context())
	var first, second sync.WaitGroup
	first.Go(func() { _ = w.monitor.Run(ctx) })
	testbed.Eventually(t, "the first look", func() string {
		w.pass(time.Second) // the look comes a minute after the process has seen the key manager
		return testbed.Same(w.of("corp").State, health.OK)
	})
	second.Go(func() { _ = other.Run(t.Context()) })
	stop()
	first.Wait()
	before := *w.of("corp").LookedAt
	w.pass(2 * time.Minute)
	testbed.Eventually(t, "a look of the other", func() string {
		return testbed.Same(w.of("corp").LookedAt.After(before), true)
	})
	t.Cleanup(second.Wait)
}
