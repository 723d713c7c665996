package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/view"
)

// TestMain looks for goroutines left behind; a server that refuses a request lingers for half a second by itself.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// world is a running gateway with a real key manager and a real backend.
type world struct {
	t       *testing.T
	gateway *Gateway
	address string      // host:port of the gateway
	secure  *tls.Config // how to reach it, nil for clear text
	url     string
	corp    *issuer.Issuer
	backend *httptest.Server
	metrics *prometheus.Registry
	log     *lockedBuffer
	past    *past.Ring
	client  *http.Client

	mu      sync.Mutex
	view    *view.View
	serving error
	wake    chan struct{}
	answer  http.HandlerFunc
	seen    *http.Request // the last request that the backend got, its body read
}

// lockedBuffer is a log that a test reads while others write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T, trusted ...netip.Prefix) *world {
	t.Helper()
	w := &world{
		t: t, view: view.EmptyView(), wake: make(chan struct{}, 1), metrics: prometheus.NewRegistry(),
		log: &lockedBuffer{}, past: past.New("g"), corp: issuer.Start(t, "k1", "ES256"),
	}
	w.answer = func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "hello") }
	w.backend = httptest.NewServer(http.HandlerFunc(w.serveBackend))
	t.Cleanup(w.backend.Close)
	g, err := New(Deps{View: w.current, Serving: w.isServing, Watch: w.watch, Engine: w.engine()}, Options{
		TrustedPeers: trusted, ResponseTimeout: 300 * time.Millisecond, Registerer: w.metrics,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.gateway = g
	w.fill()
	w.start()
	return w
}

func (w *world) engine() *enforce.Engine {
	w.t.Helper()
	client := outbound.NewClient(outbound.Rules{}, outbound.Options{})
	w.t.Cleanup(client.CloseIdleConnections)
	introspector, err := token.NewIntrospector(client, token.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	minter, err := token.NewMinter(private)
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := enforce.NewEngine(token.NewKeySets(client, token.Options{}), introspector, minter, enforce.Options{
		Issuer: "https://gateway.example", Registerer: w.metrics, Past: w.past,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// start serves on a real listener and runs the background part until the test ends.
func (w *world) start() {
	w.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.address = l.Addr().String()
	w.url = "http://" + w.address
	server := w.gateway.NewServer()
	server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- server.Serve(w.gateway.Listener(l)) }()
	go func() { done <- w.gateway.Run(ctx) }()
	transport := &http.Transport{DisableCompression: true}
	w.client = &http.Client{Transport: transport}
	w.t.Cleanup(func() {
		cancel()
		transport.CloseIdleConnections()
		_ = server.Close()
		w.gateway.Close()
		for range cap(done) {
			if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) {
				w.t.Error(err)
			}
		}
		if idle, ok := w.gateway.transport.(*http.Transport); ok {
			idle.CloseIdleConnections()
		}
	})
}

// fill gives the view one key manager, one application and two APIs: orders, which wants a subscription and makes
// backend JWTs, and raw, which keeps the credential and lets anything through.
func (w *world) fill() {
	w.put(keyward.RowKeyManager, "km-corp", keyward.KeyManagerRow{
		Tenant: "default", Name: "corp", Enabled: true, Environments: []keyward.Environment{keyward.Production, keyward.Sandbox},
		Issuers:   []keyward.IssuerRow{{Issuer: w.corp.Issuer, JWKS: w.corp.URL + "/jwks", Refresh: keyward.Duration(time.Hour)}},
		TokenType: "access", ClockSkew: keyward.Duration(30 * time.Second), ClientID: []string{"client_id"}, Scopes: []string{"scope"},
	})
	orders := keyward.APIRow{
		Tenant: "default", Name: "orders", Context: "/orders", Version: "v1",
		Upstream:    keyward.Upstream{Production: w.backend.URL + "/base"},
		KeyManagers: []keyward.APIKeyManager{{ID: "km-corp"}}, Subscription: true, BackendJWT: true,
		Operations: []keyward.Operation{
			{Method: "*", Path: "/items/**", Scopes: []string{"orders:read"}},
			{Method: "POST", Path: "/admin", Scopes: []string{"orders:admin"}},
			{Method: "*", Path: "/open/**", Security: "none"},
		},
	}
	w.put(keyward.RowAPI, "api-orders", orders)
	orders.Name, orders.Context, orders.KeepCredential, orders.BackendJWT, orders.Subscription = "raw", "/raw", true, false, false
	w.put(keyward.RowAPI, "api-raw", orders)
	orders.Name, orders.Context, orders.Upstream.Production = "gone", "/gone", "http://127.0.0.1:1"
	w.put(keyward.RowAPI, "api-gone", orders)
	w.limit(500)
	w.put(keyward.RowApplication, "app", keyward.ApplicationRow{Tenant: "default", Name: "mobile"})
	w.put(keyward.RowClient, "c", keyward.ClientRow{
		KeyManagerID: "km-corp", ClientID: "abc", ApplicationID: "app", Environment: keyward.Production,
	})
	w.put(keyward.RowSubscription, "s", keyward.SubscriptionRow{
		ApplicationID: "app", APIID: "api-orders", PlanID: "plan", State: keyward.SubscriptionActive,
	})
	w.put(keyward.RowGatewayKey, "gk", keyward.GatewayKeyRow{Gateway: "g1", JWK: json.RawMessage(`{"kty":"EC","kid":"gk"}`)})
}

// limit sets how many calls an hour the plan allows.
func (w *world) limit(requests int64) {
	w.t.Helper()
	w.put(keyward.RowPlan, "plan", keyward.PlanRow{Tenant: "default", Name: "gold", Rate: []keyward.Rate{
		{Requests: requests, Per: keyward.Duration(time.Hour)},
	}})
}

func (w *world) put(kind keyward.RowKind, id string, row any) {
	w.t.Helper()
	text, err := json.Marshal(row)
	if err != nil {
		w.t.Fatal(err)
	}
	w.apply(keyward.Change{Kind: kind, ID: id, Row: text, Last: true})
}

func (w *world) apply(c keyward.Change) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.view.Apply([]keyward.Change{c})
	if err != nil {
		w.t.Fatal(err)
	}
	w.view = v
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *world) current() *view.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view
}

func (w *world) isServing() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.serving
}

func (w *world) stopServing(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serving = err
}

func (w *world) watch() (<-chan struct{}, func()) { return w.wake, func() {} }

func (w *world) handle(h http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = h
}

// serveBackend remembers the request and answers.
func (w *world) serveBackend(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.seen = r
	answer := w.answer
	w.mu.Unlock()
	answer(rw, r)
}

// got is the last request that the backend received.
func (w *world) got() *http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = nil
}

func (w *world) token(claims map[string]any) string {
	w.t.Helper()
	raw, err := w.corp.Mint(issuer.Token{Claims: claims})
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

// reply is an answer whose body is closed when the test ends.
type reply struct{ *http.Response }

func (w *world) read(in *bufio.Reader) reply {
	w.t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		w.t.Fatalf("no answer: %v", err)
	}
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	return reply{resp}
}

// send calls the gateway with a good token unless another Authorization is given.
func (w *world) send(method, path string, header http.Header, body io.Reader) reply {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if _, given := header["Authorization"]; !given {
		req.Header.Set("Authorization", "Bearer "+w.token(nil))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	return reply{resp}
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// raw sends bytes as they are and reads one answer.
func (w *world) raw(text string) reply {
	w.t.Helper()
	c := w.dial()
	if _, err := io.WriteString(c, text); err != nil {
		w.t.Fatal(err)
	}
	return w.read(bufio.NewReader(c))
}

// wantProblem holds a refusal against the contract.
func wantProblem(t *testing.T, resp reply, status int, code keyward.Code) {
	t.Helper()
	body := readAll(t, resp.Body)
	var doc map[string]any
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatalf("status %d, no problem document: %q", resp.StatusCode, body)
	}
	id := resp.Header.Get("X-Keyward-Decision")
	if resp.StatusCode != status || doc["code"] != string(code) || doc["status"] != float64(status) ||
		doc["instance"] != id || id == "" || doc["title"] == "" || doc["detail"] == "" {
		t.Errorf("status %d, decision %q, document %s; want %d %s", resp.StatusCode, id, body, status, code)
	}
	if kind := resp.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("content type %q", kind)
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		t.Error("a refusal must not be stored")
	}
	if strings.Contains(body, "127.0.0.1") {
		t.Errorf("an address of the inside is in %s", body)
	}
}
