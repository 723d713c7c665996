package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// outside is a server at 127.0.0.2, which the tests permit, beside all others at 127.0.0.1, which they deny. Below
// /away it sends everybody to the denied issuer.
func outside(t *testing.T, denied *issuer.Issuer) *httptest.Server {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := issuer.JWKS(denied.Key())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, away := strings.CutPrefix(r.URL.Path, "/away"); away {
			w.Header().Set("Location", denied.URL+rest)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/jwks":
			_, _ = io.WriteString(w, keys)
		case "/introspect":
			_, _ = io.WriteString(w, `{"active":true,"client_id":"abc","scope":"orders:read"}`)
		default:
			_, _ = io.WriteString(w, "{}")
		}
	}))
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// spellings are ways to name 127.0.0.1, none of which gets past the rules.
func spellings(address string) map[string]string {
	_, port, _ := strings.Cut(strings.TrimPrefix(address, "http://"), ":")
	return map[string]string{
		"denied": address, "name": "http://localhost:" + port, "mapped": "http://[::ffff:127.0.0.1]:" + port,
		"mappedhex": "http://[::ffff:7f00:1]:" + port, "nat64": "http://[64:ff9b::7f00:1]:" + port, "any": "http://0.0.0.0:" + port,
	}
}

// fence is a gateway under outbound rules with an issuer and a backend at 127.0.0.1, and a permitted server.
type fence struct {
	node      *program.Node
	up        *upstream
	denied    *issuer.Issuer
	permitted *httptest.Server
}

func newFence(t *testing.T, setting string) *fence {
	t.Helper()
	f := &fence{up: newUpstream(t), denied: issuer.Start(t, "k", "ES256"), node: serve(t, setting)}
	f.permitted = outside(t, f.denied)
	return f
}

// wantUnreached calls and expects the refusal, without a word about the address, and that nobody at it was asked.
func (f *fence) wantUnreached(t *testing.T, what, target, token string, status int, code string) {
	t.Helper()
	until(t, f.node.Gateway, http.MethodGet, target, token, status, code)
	got := call(t, f.node.Gateway, http.MethodGet, target, token)
	if fault := got.want(status, code); fault != "" {
		t.Errorf("%s: %s", what, fault)
	}
	if status == http.StatusServiceUnavailable && got.header.Get("Retry-After") == "" {
		t.Errorf("%s: no Retry-After", what)
	}
	for _, secret := range []string{"127.0.0", "localhost", "forbid", "169.254"} {
		if strings.Contains(got.body, secret) {
			t.Errorf("%s: the answer tells of the inside: %s", what, got.body)
		}
	}
	if n := f.up.count(); n != 0 {
		t.Errorf("%s: the denied backend was called %d times", what, n)
	}
	for _, path := range []string{"/jwks", "/introspect"} {
		if seen := f.denied.Seen(path); len(seen) != 0 {
			t.Errorf("%s: the denied issuer was asked for %s", what, path)
		}
	}
}

func backend(name, upstream string) string {
	return manifest("API", name, fmt.Sprintf(`context: /%s, version: v1, upstream: {production: "%s"}, keyManagers: [known],
  operations: [{method: GET, path: /x}], subscription: none`, name, upstream))
}

func (f *fence) known(t *testing.T) string {
	t.Helper()
	keys, err := issuer.JWKS(f.denied.Key())
	if err != nil {
		t.Fatal(err)
	}
	return manifest("KeyManager", "known", fmt.Sprintf(`type: external, issuer: "%s", keys: {jwksInline: %s}`, f.denied.Issuer, keys))
}

// TestOutboundRulesForBackends: an address is judged by what it is, not by how it is written.
func TestOutboundRulesForBackends(t *testing.T) {
	t.Parallel()
	f := newFence(t, "KEYWARD_OUTBOUND_DENY=127.0.0.1")
	list := []string{f.known(t), backend("permitted", f.permitted.URL), backend("metadata", "http://169.254.169.254")}
	for name, address := range spellings(f.up.URL) {
		list = append(list, backend(name, address))
	}
	apply(t, f.node, list...)
	token := mint(t, f.denied, issuer.Token{})
	until(t, f.node.Gateway, http.MethodGet, "/permitted/v1/x", token, 200, "")
	for name := range spellings(f.up.URL) {
		f.wantUnreached(t, name, "/"+name+"/v1/x", token, 502, "upstream_unreachable")
	}
	f.wantUnreached(t, "metadata", "/metadata/v1/x", token, 502, "upstream_unreachable")
	apply(t, f.node, backend("permitted", f.permitted.URL+"/away"))
	f.wantNothingFollowed(t, token)
}

// wantNothingFollowed expects a backend's redirect as the caller's answer: following it is the caller's affair.
func (f *fence) wantNothingFollowed(t *testing.T, token string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+f.node.Gateway+"/permitted/v1/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	testbed.Eventually(t, "a redirect", func() string {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return err.Error()
		}
		_ = resp.Body.Close()
		return testbed.Same(resp.StatusCode, http.StatusTemporaryRedirect)
	})
	if n := len(f.denied.Seen("/x")); n != 0 {
		t.Errorf("the gateway followed a backend's redirect %d times", n)
	}
}

// TestOutboundRulesForIssuers: key sets and introspection, straight and by redirect.
func TestOutboundRulesForIssuers(t *testing.T) {
	t.Parallel()
	f := newFence(t, "KEYWARD_OUTBOUND_DENY=127.0.0.1")
	addresses := spellings(f.denied.URL)
	addresses["redirected"] = f.permitted.URL + "/away"
	addresses["permitted"] = f.permitted.URL
	var list, names []string
	for name, address := range addresses {
		names = append(names, "j-"+name, "i-"+name)
		list = append(list, manifest("KeyManager", "j-"+name,
			fmt.Sprintf(`type: external, issuer: "https://j-%s.example", keys: {jwks: "%s/jwks"}`, name, address)),
			manifest("KeyManager", "i-"+name, fmt.Sprintf(`type: external, issuer: "https://i-%s.example",
  keys: {jwks: "%s/jwks"}, endpoints: {introspection: "%s/introspect"},
  introspection: {clientId: gateway, clientSecret: a-secret, cache: 0s}, tokens: {match: [{prefix: "%s-"}]}`,
				name, f.permitted.URL, address, name)))
	}
	list = append(list, orders(f.permitted.URL, "["+strings.Join(names, ", ")+"]", ""), mobile(names...))
	apply(t, f.node, list...)
	signed := func(name string) string {
		return mint(t, f.denied, issuer.Token{Claims: map[string]any{"iss": "https://j-" + name + ".example"}})
	}
	until(t, f.node.Gateway, http.MethodGet, items, signed("permitted"), 200, "")
	until(t, f.node.Gateway, http.MethodGet, items, "permitted-token", 200, "")
	for name := range addresses {
		if name == "permitted" {
			continue
		}
		f.wantUnreached(t, "keys, "+name, items, signed(name), 503, "key_manager_unavailable")
		f.wantUnreached(t, "introspection, "+name, items, name+"-token", 503, "key_manager_unavailable")
	}
}

// TestOutboundAllow: with a list of what is permitted, everything else is not.
func TestOutboundAllow(t *testing.T) {
	t.Parallel()
	f := newFence(t, "KEYWARD_OUTBOUND_ALLOW=127.0.0.2/32")
	apply(t, f.node, f.known(t), backend("permitted", f.permitted.URL), backend("other", f.up.URL))
	token := mint(t, f.denied, issuer.Token{})
	until(t, f.node.Gateway, http.MethodGet, "/permitted/v1/x", token, 200, "")
	f.wantUnreached(t, "not on the list", "/other/v1/x", token, 502, "upstream_unreachable")
}
