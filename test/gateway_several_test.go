package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/natsserver"
	"keyward.dev/keyward/internal/testbed/postgres"
	"keyward.dev/keyward/internal/testbed/program"
)

// fleet is a control plane and gateways, each a process of its own.
type fleet struct {
	control  *program.Node
	gateways []*program.Node
	hub      *natsserver.Server // nil with the embedded hub
	database *postgres.Cluster  // nil with SQLite
}

// newFleet starts a control plane and gateways g1, g2, … on the given parts.
func newFleet(t *testing.T, gateways int, separate bool) *fleet {
	t.Helper()
	dir := t.TempDir()
	f := &fleet{control: binary.NewNode(t, "control", "control", dir)}
	if separate {
		f.hub = natsserver.Start(t, t.TempDir())
		f.database = startPostgres(t)
		f.control.Env["KEYWARD_NATS"] = f.hub.URL
		f.control.Env["KEYWARD_NATS_GATEWAY"] = f.hub.GatewayURL()
		url, err := f.database.Database(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.control.Env["KEYWARD_DATABASE"] = url
		f.control.Env["KEYWARD_SEAL_KEY"] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
		f.control.Env["KEYWARD_ADMIN_TOKEN"] = "an-admin-token-of-more-than-32-characters"
	}
	f.control.Start(t)
	for i := range gateways {
		f.gateways = append(f.gateways, f.addGateway(t, fmt.Sprintf("g%d", i+1)))
	}
	return f
}

// addGateway enrols and starts one more gateway.
func (f *fleet) addGateway(t *testing.T, name string, settings ...string) *program.Node {
	t.Helper()
	g := binary.NewNode(t, name, "gateway", t.TempDir())
	g.Env["KEYWARD_CONTROL_URL"] = "http://" + f.control.Control
	g.Env["KEYWARD_GATEWAY_TOKEN"] = strings.TrimSpace(cli(t, f.control, "gateway", "token", name))
	for _, s := range settings {
		setting, value, _ := strings.Cut(s, "=")
		g.Env[setting] = value
	}
	g.Start(t)
	return g
}

// everywhere waits until every gateway gives the answer, and gives the longest time that took.
func (f *fleet) everywhere(t *testing.T, token string, status int, code string) time.Duration {
	t.Helper()
	var longest time.Duration
	for _, g := range f.gateways {
		longest = max(longest, until(t, g.Gateway, http.MethodGet, items, token, status, code))
	}
	return longest
}

// stopControl ends everything above the gateways: control plane, hub and database.
func (f *fleet) stopControl(t *testing.T) {
	t.Helper()
	f.control.Kill()
	if f.hub != nil {
		f.hub.Kill()
	}
	if f.database != nil {
		if err := f.database.Halt(); err != nil {
			t.Fatal(err)
		}
	}
}

func startPostgres(t *testing.T) *postgres.Cluster {
	t.Helper()
	c, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() }) // a test may have halted it already
	return c
}

const items = "/orders/v1/items"

// TestTwoGateways is the main promise over processes, on the embedded parts and on separate ones.
func TestTwoGateways(t *testing.T) {
	t.Parallel()
	for _, separate := range []bool{false, true} {
		name := "SQLite and the embedded hub"
		if separate {
			name = "PostgreSQL and nats-server"
		}
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, 2, separate)
			up := newUpstream(t)
			a, b := issuer.Start(t, "a", "RS256"), issuer.Start(t, "b", "ES256")
			ta, tb := mint(t, a, issuer.Token{}), mint(t, b, issuer.Token{})
			apply(t, f.control, external("a", a, ""), orders(up.URL, "[a]", ""), mobile("a"))
			f.everywhere(t, ta, 200, "")
			f.everywhere(t, tb, 401, "unknown_issuer")

			apply(t, f.control, external("b", b, ""), orders(up.URL, "[a, b]", ""), mobile("a", "b"))
			t.Logf("a key manager added: accepted everywhere after %s", f.everywhere(t, tb, 200, ""))
			apply(t, f.control, external("b", b, ", enabled: false"))
			t.Logf("disabled: refused everywhere after %s", f.everywhere(t, tb, 401, "unknown_issuer"))
			f.everywhere(t, ta, 200, "")
			apply(t, f.control, external("b", b, ""))
			f.everywhere(t, tb, 200, "")
			apply(t, f.control, orders(up.URL, "[a]", ""))
			cli(t, f.control, "delete", "oauth-client", "mobile-b")
			cli(t, f.control, "delete", "key-manager", "b")
			t.Logf("deleted: refused everywhere after %s", f.everywhere(t, tb, 401, "unknown_issuer"))
			f.everywhere(t, ta, 200, "")

			f.reports(t)
			if separate {
				f.withoutDatabase(t, ta)
			} else {
				f.leaves(t, ta)
			}
			f.survives(t, ta)
		})
	}
}

// reports: the control plane knows each gateway's revision and lag.
func (f *fleet) reports(t *testing.T) {
	t.Helper()
	type seen struct {
		Name     string
		Revision uint64
		Lag      uint64
	}
	testbed.Eventually(t, "every gateway reports that it is up to date", func() string {
		list := cliJSON[[]seen](t, f.control, "gateway", "list")
		if len(list) != len(f.gateways) {
			return fmt.Sprintf("%d gateways listed", len(list))
		}
		for _, g := range list {
			if g.Revision == 0 || g.Lag != 0 || g.Revision != list[0].Revision {
				return fmt.Sprintf("%+v", list)
			}
		}
		return ""
	})
}

// leaves: a call that is under way while a gateway ends is held to what changed since that was told to.
func (f *fleet) leaves(t *testing.T, token string) {
	t.Helper()
	g, hold := f.gateways[1], "/api/v1/key-managers/a/"
	const cut = `msg="an exchange under way was cut"`
	for rounds := 3; ; rounds-- {
		conn := halfCall(t, g.Gateway, token)
		if err := syscall.Kill(g.PID(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		testbed.Eventually(t, "the gateway takes no connections any more", func() string {
			if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", g.Gateway); err == nil {
				_ = c.Close()
				return "it takes one"
			}
			return ""
		})
		admin(t, f.control, http.MethodPost, hold+"hold", `{"reason":"leaked"}`)
		_, _ = io.Copy(io.Discard, conn) // until it is cut, by whatever
		_ = conn.Close()
		<-g.Done()
		followed := strings.Contains(g.Output(), cut) && strings.Contains(g.Output(), "code=unknown_issuer")
		admin(t, f.control, http.MethodPost, hold+"unhold", "")
		g.Start(t)
		f.everywhere(t, token, 200, "")
		if followed {
			return
		}
		if rounds == 1 { // or it had gone before it could hear of the change, on a slow machine, each time
			t.Fatal("a gateway that ends lets a call go on that a hold forbids")
		}
	}
}

// halfCall begins a call whose body never comes, and gives its connection once the gateway has let it pass.
func halfCall(t *testing.T, gateway, token string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: callLimit}).DialContext(t.Context(), "tcp", gateway)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer %s\r\n"+
		"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", items, token)
	line := ""
	if err == nil {
		line, err = bufio.NewReader(conn).ReadString('\n')
	}
	if err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("a call that begins: %q %v", line, err)
	}
	return conn
}

// admin makes a request of the first administrator's, which must be carried out.
func admin(t *testing.T, n *program.Node, method, path, body string) *answer {
	t.Helper()
	token, err := n.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.Control+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	a := send(t, req)
	if a.status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a
}

// withoutDatabase: whatever needs the database says that it is away and when to come again, to people and programs alike; gateways
// decide meanwhile, and all of it is over by itself.
func (f *fleet) withoutDatabase(t *testing.T, token string) {
	t.Helper()
	if err := f.database.Halt(); err != nil {
		t.Fatal(err)
	}
	admin := f.control.Env["KEYWARD_ADMIN_TOKEN"]
	for _, c := range []struct{ method, path, body, kind, code string }{
		{http.MethodGet, "/api/v1/apis", "", "", "database_unavailable"},
		{http.MethodPost, "/api/v1/plans", `{"apiVersion":"keyward.dev/v1","kind":"Plan","metadata":{"name":"late"},"spec":{}}`,
			"application/json", "database_unavailable"},
		{http.MethodPost, "/oauth2/token", "grant_type=client_credentials&client_id=a&client_secret=b",
			"application/x-www-form-urlencoded", "temporarily_unavailable"},
		{http.MethodGet, "/.well-known/openid-configuration", "", "", "temporarily_unavailable"},
		{http.MethodGet, "/session/start", "", "", "cannot use its database"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+f.control.Control+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if req.Header.Set("Content-Type", c.kind); strings.HasPrefix(c.path, "/api/") {
			req.Header.Set("Authorization", "Bearer "+admin)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), c.code) ||
			resp.Header.Get("Retry-After") == "" || strings.Contains(string(body), "postgres") {
			t.Errorf("%s %s: %s %v %v %s", c.method, c.path, resp.Status, resp.Header, err, body)
		}
	}
	if got := call(t, f.control.Ops, http.MethodGet, "/readyz", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("the control plane is ready: %s", got.body)
	}
	if r := f.control.CLI(t, "", "get", "apis"); r.Code != 1 || !strings.Contains(r.Stderr, "database_unavailable") {
		t.Errorf("the command line: %s", r)
	}
	f.everywhere(t, token, 200, "")
	if err := f.database.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	testbed.Eventually(t, "the control plane is ready again", func() string {
		return testbed.Same(call(t, f.control.Ops, http.MethodGet, "/readyz", "").status, http.StatusOK)
	})
}

// survives: with control plane, hub and database gone, a gateway goes on, also after a restart from disk; and picks up
// when they are back.
func (f *fleet) survives(t *testing.T, token string) {
	t.Helper()
	f.stopControl(t)
	f.everywhere(t, token, 200, "")
	g := f.gateways[0]
	g.Kill()
	g.Start(t)
	until(t, g.Gateway, http.MethodGet, items, token, 200, "")
	until(t, g.Gateway, http.MethodGet, items, "", 401, "missing_credentials")
	if body := readyz(t, g); !strings.Contains(body, "stale") {
		t.Errorf("a gateway from disk does not say that it is stale: %s", body)
	}
	if f.hub != nil {
		if err := f.hub.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	if f.database != nil {
		if err := f.database.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	f.control.Start(t)
	apply(t, f.control, manifest("Subscription", "mobile-orders",
		"application: mobile, api: orders-v1, state: blocked"))
	t.Logf("after the return, a change is in force after %s",
		f.everywhere(t, token, 403, "subscription_blocked"))
	apply(t, f.control, manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1"))
	f.everywhere(t, token, 200, "")
}

func readyz(t *testing.T, n *program.Node) string {
	t.Helper()
	return call(t, n.Ops, http.MethodGet, "/readyz", "").body
}

// TestGatewayWithoutASnapshot is never ready.
func TestGatewayWithoutASnapshot(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, false)
	g := binary.NewNode(t, "late", "gateway", t.TempDir())
	g.Env["KEYWARD_CONTROL_URL"] = "http://" + f.control.Control
	g.Env["KEYWARD_GATEWAY_TOKEN"] = strings.TrimSpace(cli(t, f.control, "gateway", "token", "late"))
	f.control.Kill()
	g.Launch(t)
	testbed.Eventually(t, "the gateway says that it is alive", func() string {
		resp, err := http.Get("http://" + g.Ops + "/healthz") //nolint:noctx // polled until it answers
		if err != nil {
			return err.Error()
		}
		_ = resp.Body.Close()
		return testbed.Same(resp.StatusCode, 200)
	})
	if got := call(t, g.Ops, http.MethodGet, "/readyz", ""); got.status == 200 {
		t.Errorf("it is ready: %s", got.body)
	}
	f.control.Start(t)
	if err := g.AwaitReady(); err != nil {
		t.Error(err)
	}
}

// TestMaxStale: after KEYWARD_MAX_STALE without a heartbeat the gateway refuses and is not ready; a restart resets
// nothing; a gateway without the setting goes on.
func TestMaxStale(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, false)
	strict := f.addGateway(t, "strict", "KEYWARD_MAX_STALE=5s")
	up := newUpstream(t)
	i := issuer.Start(t, "a", "RS256")
	apply(t, f.control, external("a", i, ""), orders(up.URL, "[a]", ""), mobile("a"))
	token := mint(t, i, issuer.Token{})
	f.gateways = append(f.gateways, strict)
	f.everywhere(t, token, 200, "")
	f.control.Kill()
	until(t, strict.Gateway, http.MethodGet, items, token, 503, "gateway_stale")
	if got := call(t, strict.Ops, http.MethodGet, "/readyz", ""); got.status == 200 {
		t.Errorf("a gateway that is too old is ready: %s", got.body)
	}
	if fault := call(t, f.gateways[0].Gateway, http.MethodGet, items, token).want(200, ""); fault != "" {
		t.Errorf("the gateway without a limit: %s", fault)
	}
	strict.Kill()
	strict.Launch(t)
	testbed.Eventually(t, "the restarted gateway answers", func() string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+strict.Gateway+items, nil)
		if err != nil {
			return err.Error()
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		a, err := read(resp)
		if err != nil {
			return err.Error()
		}
		if a.status == 200 {
			t.Fatal("a restart made an old copy young")
		}
		return a.want(503, "gateway_stale")
	})
	f.control.Start(t)
	until(t, strict.Gateway, http.MethodGet, items, token, 200, "")
}

// TestRevokedGateway stops serving, for good; the others go on.
func TestRevokedGateway(t *testing.T) {
	t.Parallel()
	for _, separate := range []bool{false, true} {
		t.Run(fmt.Sprintf("separate hub %v", separate), func(t *testing.T) {
			f := newFleet(t, 2, separate)
			up := newUpstream(t)
			i := issuer.Start(t, "a", "RS256")
			apply(t, f.control, external("a", i, ""), orders(up.URL, "[a]", ", backendJWT: {enabled: true}"),
				mobile("a"))
			token := mint(t, i, issuer.Token{})
			f.everywhere(t, token, 200, "")
			stays, goes := f.gateways[0], f.gateways[1]
			testbed.Eventually(t, "both keys are published",
				func() string { return testbed.Same(len(jwks(t, stays).Keys), 2) })
			cli(t, f.control, "gateway", "revoke", "g2")
			took := testbed.Eventually(t, "the revoked gateway stops", func() string {
				if stopped(t, goes, token) {
					return ""
				}
				return "it still serves"
			})
			t.Logf("stopped after %s", took)
			until(t, stays.Gateway, http.MethodGet, items, token, 200, "")
			testbed.Eventually(t, "its key is gone", func() string { return testbed.Same(len(jwks(t, stays).Keys), 1) })

			goes.Kill()
			f.stopControl(t)
			goes.Launch(t)
			testbed.Eventually(t, "the revoked gateway is up or gone", func() string {
				select {
				case <-goes.Done():
					return ""
				default:
				}
				resp, err := http.Get("http://" + goes.Ops + "/healthz") //nolint:noctx // polled until it answers
				if err != nil {
					return err.Error()
				}
				_ = resp.Body.Close()
				return ""
			})
			if !stopped(t, goes, token) {
				t.Error("a restart without the control plane brought a revoked gateway back")
			}
			if fault := call(t, stays.Gateway, http.MethodGet, items, token).want(200, ""); fault != "" {
				t.Error(fault)
			}
		})
	}
}

// stopped: no connection, or no answer of a backend.
func stopped(t *testing.T, g *program.Node, token string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.Gateway+items, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return true
	}
	_ = resp.Body.Close()
	return resp.StatusCode != http.StatusOK
}

func jwks(t *testing.T, g *program.Node) *jose.JSONWebKeySet {
	t.Helper()
	set := &jose.JSONWebKeySet{}
	got := call(t, g.Gateway, http.MethodGet, "/.well-known/jwks.json", "")
	if err := json.Unmarshal([]byte(got.body), set); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	return set
}

// TestBackendJWT: the backend can verify who calls with the keys of any gateway of the group.
func TestBackendJWT(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, false)
	up := newUpstream(t)
	i := issuer.Start(t, "a", "RS256")
	apply(t, f.control, external("a", i,
		`, claims: {mapping: [{from: email, to: user_email}, {from: /realm/roles, to: roles}]}`),
		manifest("Plan", "gold", "rate: [{requests: 1000, per: 1s}]"),
		orders(up.URL, "[a]", ", plans: [gold], backendJWT: {enabled: true}"),
		manifest("Application", "mobile", ""),
		manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1, plan: gold"),
		manifest("OAuthClient", "mobile-a", "application: mobile, keyManager: a, clientId: abc"))
	token := mint(t, i, issuer.Token{Claims: map[string]any{
		"email": "a@example.com", "realm": map[string]any{"roles": []string{"x"}},
	}})
	f.everywhere(t, token, 200, "")
	seen := map[string]bool{}
	for _, g := range f.gateways {
		got := call(t, g.Gateway, http.MethodGet, items, token)
		assertion := got.echo.Header.Get("X-JWT-Assertion")
		parsed, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatalf("%v: %q", err, assertion)
		}
		kid := parsed.Signatures[0].Header.KeyID
		seen[kid] = true
		for _, other := range f.gateways {
			keys := jwks(t, other).Key(kid)
			if len(keys) != 1 {
				t.Errorf("the key of %s is not published by %s", g.Name, other.Name)
				continue
			}
			payload, err := parsed.Verify(keys[0])
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, g, payload)
		}
	}
	if len(seen) != 2 {
		t.Errorf("two gateways sign with %d keys", len(seen))
	}
}

func checkIdentity(t *testing.T, g *program.Node, payload []byte) {
	t.Helper()
	var c struct {
		Iss, Sub, Jti, Scope string
		Aud                  any
		Iat, Exp             int64
		Client               string `json:"client_id"`
		Email                string `json:"user_email"`
		Roles                []string
		Keyward              map[string]string
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatalf("%v: %s", err, payload)
	}
	now := time.Now().Unix()
	if c.Iss != "http://"+g.Gateway || c.Sub != "a|service-abc" || c.Aud != "orders-v1" || c.Client != "abc" ||
		c.Jti == "" || c.Email != "a@example.com" || len(c.Roles) != 1 || c.Exp > now+301 || c.Exp <= now || !strings.Contains(c.Scope,
		"orders:read") {
		t.Errorf("identity %s", payload)
	}
	for name, want := range map[string]string{
		"tenant": "default", "key_manager": "a", "application": "mobile", "environment": "production", "api": "orders-v1",
		"version": "v1", "plan": "gold",
	} {
		if c.Keyward[name] != want {
			t.Errorf("keyward.%s is %q, want %q", name, c.Keyward[name], want)
		}
	}
}
