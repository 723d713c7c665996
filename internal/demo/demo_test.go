package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"go.uber.org/goleak"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/resident"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage stands where a running server would: the resident authorization server's protocol for real, the management
// plane and the gateway only as far as the show can tell the difference. The show against the real ones is a test of
// the built program.
type stage struct {
	t       *testing.T
	issuer  string
	backend resident.MemoryClient
	tokens  http.Handler

	mu      sync.Mutex
	applied []keyward.Spec
	refuse  int // so many calls are refused first, as while a change is still on its way
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, refuse: 3, backend: resident.MemoryClient{
		ID: "generated", Secret: "generated-secret", Scopes: []string{scopeInvoices, scopeRead, scopeWrite, scopeCatalog, scopeStock},
	}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.issuer = server.URL
	memory, err := resident.NewMemory(time.Now, time.Hour, s.backend)
	if err != nil {
		t.Fatal(err)
	}
	s.tokens = resident.NewServer(time.Now).Alone(resident.Authority{Issuer: s.issuer, Backend: memory})
	return s
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/api/v1/apply":
		s.apply(w, r)
	case r.URL.Path == "/api/v1/tokens":
		_, _ = w.Write([]byte(`{"token":"developers-token"}`))
	case r.URL.Path == "/api/v1/applications/shop/keys", r.URL.Path == "/api/v1/applications/warehouse/keys":
		_ = json.NewEncoder(w).Encode(map[string]string{
			"clientId": s.backend.ID, "clientSecret": s.backend.Secret, "tokenEndpoint": s.issuer + "/oauth2/token",
		})
	case strings.HasPrefix(r.URL.Path, "/oauth2/"):
		s.tokens.ServeHTTP(w, r)
	default:
		s.decide(w, r)
	}
}

// apply reads the manifests as strictly as the real one does.
func (s *stage) apply(w http.ResponseWriter, r *http.Request) {
	var body struct{ Objects []json.RawMessage }
	by := r.Header.Get("Authorization")
	if by != "Bearer admin-token" && by != "Bearer developers-token" || json.NewDecoder(r.Body).Decode(&body) != nil {
		http.Error(w, "not the administrator, or no JSON", http.StatusBadRequest)
		return
	}
	for _, raw := range body.Objects {
		decoded, faults := manifest.Decode(raw)
		if km, ok := decoded.Spec.(*keyward.KeyManagerSpec); ok {
			faults = append(faults, keymanager.Validate(km, nil)...)
		}
		if len(faults) > 0 {
			s.t.Errorf("a manifest has faults: %v\n%s", faults, raw)
		}
		s.mu.Lock()
		s.applied = append(s.applied, decoded.Spec)
		s.mu.Unlock()
	}
}

func (s *stage) decide(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.refuse--
	early := s.refuse >= 0
	s.mu.Unlock()
	claims := decodeClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	var token struct{ Iss, Scope string }
	if anonymous := r.Header.Get("Authorization") == ""; !anonymous && json.Unmarshal(claims, &token) != nil {
		s.t.Errorf("%s %s came without a token", r.Method, r.URL)
	}
	mine := token.Iss == s.issuer
	refuse := func(status int, code keyward.Code) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]keyward.Code{"code": code})
	}
	switch {
	case early:
		refuse(http.StatusUnauthorized, keyward.CodeUnknownIssuer)
	case strings.HasPrefix(r.URL.Path, "/invoices/") && !mine:
		refuse(http.StatusUnauthorized, keyward.CodeKeyManagerNotAllowed)
	case strings.HasPrefix(r.URL.Path, "/reports/"):
		refuse(http.StatusForbidden, keyward.CodeNoSubscription)
	case r.Method == http.MethodPost && token.Scope == scopeRead:
		refuse(http.StatusForbidden, keyward.CodeInsufficientScope)
	default:
		upstreamHandler().ServeHTTP(w, r)
	}
}

// page collects what is printed and tells when the show has come.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
	came chan struct{}
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := p.text.Write(b)
	close(p.came) // a second write panics: the show is printed in one piece
	return n, err
}

func start(t *testing.T, s *stage) (text string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &page{came: make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			ControlURL: s.issuer, GatewayURL: s.issuer, AdminToken: "admin-token", Out: out,
			Listen: func(ctx context.Context, _ string) (net.Listener, error) { return ListenNear(ctx, "127.0.0.1:0") },
		})
	}()
	select {
	case <-out.came:
	case err := <-done:
		t.Fatalf("the demo ended: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	return out.text.String()
}

func TestPrintedCommandsDoWhatTheyAnnounce(t *testing.T) {
	text := start(t, newStage(t))
	var commands []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch command, marked := strings.CutPrefix(line, "    "); {
		case marked && !strings.HasPrefix(command, " ") && command != "":
			commands = append(commands, command)
		case strings.HasPrefix(line, " "):
			t.Errorf("this line is indented otherwise: %q", line)
		}
	}
	if len(commands) != 2+len(steps()) {
		t.Fatalf("%d commands are printed:\n%s", len(commands), text)
	}
	for _, command := range commands[2:] {
		if !strings.HasPrefix(command, "curl -i ") {
			t.Errorf("the call does not show status line and headers: %s", command)
		}
	}
	shell := exec.CommandContext(t.Context(), "sh")
	shell.Dir = t.TempDir()
	shell.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("sh: %v\n%s", err, output)
	}
	var statuses []string
	for line := range strings.Lines(string(output)) {
		if strings.HasPrefix(line, "HTTP/1.1 ") {
			statuses = append(statuses, strings.Fields(line)[1])
		}
	}
	if got, want := strings.Join(statuses, " "), "200 200 401 403 403"; got != want {
		t.Errorf("the calls answered %s instead of %s:\n%s", got, want, output)
	}
	for _, code := range []string{"key_manager_not_allowed", "insufficient_scope", "no_subscription"} {
		if strings.Count(string(output), code) != 1 || strings.Count(text, code) != 1 {
			t.Errorf("%s is not announced and answered once", code)
		}
	}
}

func TestManifestsShowWhatIsPromised(t *testing.T) {
	s := newStage(t)
	start(t, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	apis, applications, without := 0, 0, 0
	subscribed := map[string]bool{}
	for _, spec := range s.applied {
		switch spec := spec.(type) {
		case *keyward.APISpec:
			apis++
			if !spec.KeyManagers.All && len(spec.KeyManagers.List) == 1 {
				without++
			}
		case *keyward.ApplicationSpec:
			applications++
		case *keyward.SubscriptionSpec:
			subscribed[spec.API] = true
		}
	}
	if apis != 4 || applications != 3 || without == 0 || len(subscribed) < apis {
		t.Errorf("%d APIs, %d applications, %d APIs that refuse a key manager, %d with a subscription",
			apis, applications, without, len(subscribed))
	}
}

func TestAFaultEndsTheDemoInsteadOfShowingIt(t *testing.T) {
	s := newStage(t)
	s.refuse = 1 << 30
	out := &page{came: make(chan struct{})}
	err := Run(t.Context(), Options{
		ControlURL: s.issuer, GatewayURL: s.issuer, AdminToken: "admin-token", Out: out, Patience: time.Second,
	})
	if err == nil || !strings.Contains(err.Error(), "unknown_issuer") || out.text.Len() > 0 {
		t.Errorf("it ended with %v and printed %q", err, out.text.String())
	}
	err = Run(t.Context(), Options{
		ControlURL: s.issuer, GatewayURL: s.issuer, AdminToken: "wrong", Out: out, Patience: time.Hour,
	})
	if err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("with a refused API token it ended with %v", err)
	}
}

func TestFreePortIsTakenWhenTheDefaultIsInUse(t *testing.T) {
	first, err := ListenNear(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	second, err := ListenNear(t.Context(), first.Addr().String())
	if err != nil {
		t.Fatalf("the port in use was the end: %v", err)
	}
	defer func() { _ = second.Close() }()
	if first.Addr().String() == second.Addr().String() {
		t.Error("both listen at the same address")
	}
	if _, err := ListenNear(t.Context(), "192.0.2.1:1"); err == nil {
		t.Error("an address of somebody else was taken")
	}
}

func TestPartnerIsAnAuthorizationServer(t *testing.T) {
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	p, err := newPartner(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	handler = p.handler
	party, err := rp.NewRelyingPartyOIDC(t.Context(), p.issuer, p.client.ID, p.client.Secret, "", []string{scopeRead},
		rp.WithHTTPClient(server.Client()))
	if err != nil {
		t.Fatal(err)
	}
	token, err := rp.ClientCredentials(t.Context(), party, nil)
	if err != nil || token.AccessToken == "" {
		t.Fatalf("no token: %v", err)
	}
	wrong, err := rp.NewRelyingPartyOIDC(t.Context(), p.issuer, p.client.ID, "wrong", "", nil,
		rp.WithHTTPClient(server.Client()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rp.ClientCredentials(t.Context(), wrong, nil); err == nil {
		t.Error("a wrong secret got a token")
	}
}

func TestUpstreamShowsWhatItGot(t *testing.T) {
	claims := "eyJzdWIiOiJjb3JwfGFsaWNlIn0" // {"sub":"corp|alice"}
	for name, c := range map[string]struct{ assertion, want string }{
		"with a backend JWT": {"e30." + claims + ".c2ln", `{"sub":"corp|alice"}`},
		"without":            {"", ""},
		"with garbage":       {"e30.!!.x", ""},
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/base/a%20b?x=1", strings.NewReader("hello"))
		req.Header.Set(backendHeader, c.assertion)
		rec := httptest.NewRecorder()
		upstreamHandler().ServeHTTP(rec, req)
		var got echo
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if len(got.Caller) > 0 {
			if err := json.Compact(&compact, got.Caller); err != nil {
				t.Fatal(err)
			}
		}
		if got.Method != "POST" || got.Path != "/base/a%20b" || got.Query != "x=1" || got.Body != "hello" ||
			compact.String() != c.want {
			t.Errorf("%s: %s", name, rec.Body)
		}
	}
}
