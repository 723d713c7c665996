package syncapi_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/feed"
	"keyward.dev/keyward/internal/registry"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/syncapi"
	"keyward.dev/keyward/internal/testbed/natsserver"
)

// rfcKey is the public key of RFC 7517, appendix A.1, without its closing brace.
const rfcKey = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",` +
	`"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"`

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// plane is a control plane that gateways reach over the network.
type plane struct {
	store  *store.Store
	hub    *stream.Hub
	feed   *feed.Feed
	server *httptest.Server
	refuse atomic.Bool // somebody in between answers a plain 403
}

func newPlane(t *testing.T, hub stream.HubOptions, secure bool) *plane {
	t.Helper()
	return newPlaneOn(t, store.Options{DataDir: t.TempDir(), Key: seal.NewKey()}, hub, secure)
}

func newPlaneOn(t *testing.T, database store.Options, hub stream.HubOptions, secure bool) *plane {
	t.Helper()
	st, err := store.Open(t.Context(), database)
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	hub.Authenticate = feed.Login(st)
	p := &plane{store: st}
	p.hub, err = stream.OpenHub(hub)
	must(t, err)
	t.Cleanup(p.hub.Close)
	p.feed, err = feed.New(t.Context(), st, p.hub, feed.Options{})
	must(t, err)
	run(t, p.feed.Run)
	api := syncapi.New(p.feed, nil).Handler()
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.refuse.Load() {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		api.ServeHTTP(w, r)
	}))
	if secure {
		p.server.StartTLS()
	} else {
		p.server.Start()
	}
	t.Cleanup(p.server.Close)
	return p
}

// run runs until the test's end.
func run(t *testing.T, what func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- what(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never came true: %s", what)
}

func (p *plane) newGateway(t *testing.T, name string) (*registry.Registry, stream.Token) {
	t.Helper()
	_, token, err := p.feed.CreateGateway(t.Context(), "test", name, "")
	must(t, err)
	return p.gateway(t, token), token
}

func (p *plane) gateway(t *testing.T, token stream.Token) *registry.Registry {
	t.Helper()
	return p.gatewayWith(t, token, nil)
}

func (p *plane) gatewayWith(t *testing.T, token stream.Token, metrics prometheus.Registerer) *registry.Registry {
	t.Helper()
	o := stream.RemoteOptions{URL: p.server.URL, Token: token}
	if c := p.server.Certificate(); c != nil {
		o.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	source, err := stream.NewRemote(o)
	must(t, err)
	t.Cleanup(source.Close)
	r, err := registry.New(source, registry.Options{Token: token, Dir: t.TempDir(), Registerer: metrics})
	must(t, err)
	run(t, r.Run)
	return r
}

func (p *plane) put(t *testing.T, name string) {
	t.Helper()
	must(t, p.store.Write(t.Context(), "test", func(tx *store.Tx) error {
		return tx.Put(&keyward.Object{Kind: keyward.KindPlan, Tenant: keyward.DefaultTenant, Name: name, Spec: &keyward.PlanSpec{
			Rate: []keyward.Rate{{Requests: 1, Per: keyward.Duration(time.Second)}},
		}}, store.Extra{})
	}))
}

func holds(r *registry.Registry, plans int) func() bool {
	return func() bool { return r.View().Counts()[keyward.RowPlan] == plans }
}

func TestGatewayFollowsOverTheNetwork(t *testing.T) {
	for _, secure := range []bool{false, true} {
		p := newPlane(t, stream.HubOptions{Listen: "127.0.0.1:0"}, secure)
		one, _ := p.newGateway(t, "one")
		two, _ := p.newGateway(t, "two")
		for n := range 3 {
			p.put(t, strings.Repeat("p", n+1))
			eventually(t, "the plan is in force on one", holds(one, n+1))
			eventually(t, "the plan is in force on two", holds(two, n+1))
		}
		eventually(t, "both are ready", func() bool { return one.Ready() == nil && two.Ready() == nil })
	}
}

func TestUnknownRootIsNotBelieved(t *testing.T) {
	p := newPlane(t, stream.HubOptions{Listen: "127.0.0.1:0"}, true)
	_, token, err := p.feed.CreateGateway(t.Context(), "test", "one", "")
	must(t, err)
	source, err := stream.NewRemote(stream.RemoteOptions{URL: p.server.URL, Token: token})
	must(t, err)
	defer source.Close()
	if _, err := source.Report(t.Context(), stream.Report{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

func TestPlainRefusalStopsNobody(t *testing.T) {
	p := newPlane(t, stream.HubOptions{}, false) // no hub for gateways: they poll
	one, token := p.newGateway(t, "one")
	p.put(t, "gold")
	eventually(t, "gold is in force", holds(one, 1))
	p.refuse.Store(true)
	source, err := stream.NewRemote(stream.RemoteOptions{URL: p.server.URL, Token: token})
	must(t, err)
	defer source.Close()
	for range 5 {
		if _, err := source.Report(t.Context(), stream.Report{}); !errors.Is(err, stream.ErrRefused) {
			t.Errorf("a plain 403 gives %v", err)
		}
	}
	p.put(t, "silver")
	if one.Withdrawn() || one.Serving() != nil {
		t.Error("a plain 403 stops a gateway that serves")
	}
	p.refuse.Store(false)
	eventually(t, "silver is in force", holds(one, 2))
	must(t, p.feed.RevokeGateway(t.Context(), "test", "one"))
	eventually(t, "the signed statement stops it", one.Withdrawn)
}

func TestWithdrawalOverTheNetwork(t *testing.T) {
	server := natsserver.Start(t, t.TempDir())
	for name, hub := range map[string]stream.HubOptions{
		"embedded": {Listen: "127.0.0.1:0"},
		"external": {URL: server.URL, GatewayURL: server.GatewayURL()},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlane(t, hub, false)
			one, token := p.newGateway(t, "one")
			two, _ := p.newGateway(t, "two")
			p.put(t, "gold")
			eventually(t, "gold is in force", func() bool { return holds(one, 1)() && holds(two, 1)() })
			must(t, p.feed.RevokeGateway(t.Context(), "test", "one"))
			eventually(t, "one stops", func() bool { return one.Withdrawn() && one.Serving() != nil && one.Ready() != nil })
			source, err := stream.NewRemote(stream.RemoteOptions{URL: p.server.URL, Token: token})
			must(t, err)
			defer source.Close()
			var withdrawn *stream.WithdrawnError
			if _, err := source.Report(t.Context(), stream.Report{}); !errors.As(err, &withdrawn) ||
				withdrawn.Statement.Gateway != token.ID() {
				t.Errorf("the withdrawn credential gives %v", err)
			}
			if _, err := source.GroupKey(t.Context(), "any"); !errors.As(err, &withdrawn) {
				t.Errorf("the withdrawn credential gives %v", err)
			}
			if _, ok := feed.Login(p.store)(token.ID(), token.Reveal()); ok {
				t.Error("the withdrawn credential opens the hub")
			}
			p.put(t, "silver")
			eventually(t, "two goes on", holds(two, 2))
			if holds(one, 2)() {
				t.Error("the withdrawn gateway goes on")
			}
		})
	}
}

// call posts to the internal API as anybody might.
func (p *plane) call(t *testing.T, method, path, authorization, body string) (int, stream.Problem) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.server.URL+path, strings.NewReader(body))
	must(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := p.server.Client().Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	must(t, err)
	var problem stream.Problem
	if resp.StatusCode != http.StatusOK {
		if ct := resp.Header.Get("Content-Type"); ct != "application/problem+json" {
			t.Errorf("%s %s answers %d as %q", method, path, resp.StatusCode, ct)
		}
		must(t, json.Unmarshal(data, &problem))
	}
	return resp.StatusCode, problem
}

func TestDoorOpensForGatewayCredentialsOnly(t *testing.T) {
	p := newPlane(t, stream.HubOptions{}, false)
	_, token, err := p.feed.CreateGateway(t.Context(), "test", "one", "")
	must(t, err)
	good := "Bearer " + token.Reveal()
	stranger := stream.NewToken(token.Fingerprint())
	bodies := map[string]string{
		stream.PathEnrol:    `{"jwk":` + rfcKey + `},"nonce":"n"}`,
		stream.PathPull:     `{"nonce":"n"}`,
		stream.PathGroupKey: `{"key":"x"}`,
		stream.PathReport:   `{}`,
	}
	for path, body := range bodies {
		for _, bad := range []string{
			"", "Bearer", "Bearer ", "Basic " + token.Reveal(), token.Reveal(), good + " x", "Bearer kwg_x",
			"Bearer " + stranger.Reveal(), "Bearer kw_an-api-token-of-32-characters-or-more",
		} {
			if status, problem := p.call(t, http.MethodPost, path, bad, body); status != http.StatusUnauthorized ||
				problem.Code != keyward.CodeUnauthenticated {
				t.Errorf("%s with %.12q: got %d %s", path, bad, status, problem.Code)
			}
		}
		want := http.StatusOK
		if path == stream.PathGroupKey {
			want = http.StatusNotFound
		}
		if status, problem := p.call(t, http.MethodPost, path, good, body); status != want {
			t.Errorf("%s with the credential: got %d %+v, want %d", path, status, problem, want)
		}
		for what, nonsense := range map[string]string{"nothing": "", "a list": "[]",
			"too much": `{"nonce":"` + strings.Repeat("x", 1<<17) + `"}`} {
			if status, problem := p.call(t, http.MethodPost, path, good, nonsense); status != http.StatusBadRequest ||
				problem.Code != keyward.CodeInvalidInput {
				t.Errorf("%s with %s: got %d %s", path, what, status, problem.Code)
			}
		}
	}
	for _, jwk := range []string{
		`{}`, `{"kty":"oct","k":"AAAA"}`, `{"kty":"RSA","n":"AQAB","e":"AQAB"}`,
		`{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}`, `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`,
		rfcKey + `,"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}`,
	} {
		if status, _ := p.call(t, http.MethodPost, stream.PathEnrol, good,
			`{"jwk":`+jwk+`,"nonce":"n"}`); status != http.StatusBadRequest {
			t.Errorf("enrolling %.60s: got %d", jwk, status)
		}
	}
	for _, c := range []struct {
		method, path, authorization string
		want                        int
	}{
		{http.MethodGet, stream.PathPull, good, http.StatusNotFound}, {http.MethodGet, stream.PathPull, "", http.StatusUnauthorized},
		{http.MethodPost, stream.PathPrefix + "else", good, http.StatusNotFound},
		{http.MethodPost, stream.PathPrefix + "else", "", http.StatusUnauthorized},
	} {
		if status, _ := p.call(t, c.method, c.path, c.authorization, "{}"); status != c.want {
			t.Errorf("%s %s: got %d, want %d", c.method, c.path, status, c.want)
		}
	}
}

// TestAnswersThatContinueDoNotWait: the gateway sends the others at once. Each of these would wait three seconds for a question.
func TestAnswersThatContinueDoNotWait(t *testing.T) {
	p := newPlane(t, stream.HubOptions{}, false)
	_, token, err := p.feed.CreateGateway(t.Context(), "test", "one", "")
	must(t, err)
	begin := time.Now()
	const calls = 10
	for i := range calls {
		size := 1
		if i == 0 {
			size = stream.MaxQuestionsRequest - 100
		}
		status, problem := p.call(t, http.MethodPost, stream.PathQuestions, "Bearer "+token.Reveal(),
			`{"answers":[{"id":"x","body":"`+strings.Repeat("x", size)+`"}],"more":true}`)
		if status != http.StatusOK {
			t.Errorf("got %d %+v", status, problem)
		}
	}
	if took := time.Since(begin); took > calls*2*time.Second {
		t.Errorf("%d calls took %v", calls, took)
	}
}

// A redirect would carry the credential to whoever is named.
func TestRedirectIsNotFollowed(t *testing.T) {
	var asked atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer thief.Close()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
	}))
	defer front.Close()
	source, err := stream.NewRemote(stream.RemoteOptions{URL: front.URL, Token: stream.NewToken(stream.Fingerprint{})})
	must(t, err)
	defer source.Close()
	if _, err := source.Report(t.Context(), stream.Report{}); err == nil {
		t.Error("a redirect is an answer")
	}
	if asked.Load() != 0 {
		t.Error("the redirect was followed")
	}
	for _, bad := range []string{"", "127.0.0.1:8480", "ftp://x", "http://u:p@x", "http://"} {
		if _, err := stream.NewRemote(stream.RemoteOptions{URL: bad}); err == nil {
			t.Errorf("%q is taken as an address", bad)
		}
	}
}

func TestAnswerThatStallsIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"type":"rows"}`+"\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer front.Close()
	defer close(release)
	source, err := stream.NewRemote(stream.RemoteOptions{URL: front.URL, Token: stream.NewToken(stream.Fingerprint{})})
	must(t, err)
	defer source.Close()
	parts := 0
	err = source.Pull(t.Context(), stream.PullRequest{}, func(*stream.Message) error { parts++; return nil })
	if err == nil || parts != 1 {
		t.Errorf("after %d parts the stalled answer ended with %v", parts, err)
	}
}
