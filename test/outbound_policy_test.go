package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
	"keyward.dev/keyward/internal/testbed/walled"
)

// wall is an authorization server that vouches for itself with a private authority and lets nobody in without a
// certificate, with a proxy before it.
type wall struct {
	authority *walled.Authority
	server    *httptest.Server
	proxy     *walled.Proxy
	signer    *issuer.Issuer
	asked     atomic.Int32 // about opaque tokens
	fresh     string       // the token that a client which it made gets
}

func newWall(t *testing.T) *wall {
	t.Helper()
	w := &wall{authority: walled.NewAuthority(t), signer: issuer.Start(t, "k", "ES256")}
	keys, err := issuer.JWKS(w.signer.Key())
	if err != nil {
		t.Fatal(err)
	}
	w.server = w.authority.Server(t, true, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		at := "https://" + r.Host
		_, secret, _ := r.BasicAuth()
		var answer any
		switch {
		case r.URL.Path == "/.well-known/openid-configuration":
			answer = map[string]any{
				"issuer": at, "jwks_uri": at + "/jwks", "introspection_endpoint": at + "/introspect",
				"token_endpoint": at + "/token", "registration_endpoint": at + "/register",
			}
		case r.URL.Path == "/jwks":
			answer = json.RawMessage(keys)
		case r.URL.Path == "/introspect" && secret == "a-secret-for-introspection":
			w.asked.Add(1)
			answer = map[string]any{"active": r.PostFormValue("token") == "opaque-token", "client_id": "abc", "scope": "orders:read"}
		case r.URL.Path == "/register":
			rw.WriteHeader(http.StatusCreated)
			answer = map[string]any{
				"client_id": "made", "client_secret": "made-secret", "client_secret_expires_at": 0,
				"grant_types": []string{"client_credentials"},
			}
		case r.URL.Path == "/token" && secret == "made-secret":
			answer = map[string]any{"access_token": w.fresh, "token_type": "Bearer", "expires_in": 300}
		default:
			rw.WriteHeader(http.StatusUnauthorized)
			answer = map[string]any{"error": "invalid_client"}
		}
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(answer)
	}))
	w.signer.Issuer = w.server.URL
	w.fresh = mint(t, w.signer, issuer.Token{})
	w.proxy = walled.StartProxy(t, "keyward", "the-password-of-the-proxy", w.authority)
	return w
}

// manager declares it, with an outbound policy.
func (w *wall) manager(policy string) string {
	return manifest("KeyManager", "walled", fmt.Sprintf(`type: oidc, discovery: %q,
  tokens: {match: [{prefix: opaque-}]}, outbound: %s,
  introspection: {clientId: gateway, clientSecret: a-secret-for-introspection, cache: 0s}`, w.server.URL, policy))
}

// wantPassage calls with a JWT and an opaque token.
func (f *fleet) wantPassage(t *testing.T, jwt string, status int, code string) {
	t.Helper()
	for _, token := range []string{jwt, "opaque-token"} {
		for _, g := range f.gateways {
			until(t, g.Gateway, http.MethodGet, items, token, status, code)
		}
	}
}

// TestOutboundPolicy: control plane and gateways reach a walled server by its key manager's policy alone, and a change of
// it counts at once.
func TestOutboundPolicy(t *testing.T) {
	w := newWall(t)
	certificate, key := w.authority.Client(t, "keyward")
	policy := func(proxy, password string, more string) string {
		return fmt.Sprintf(`{proxy: %q, proxyUser: keyward, proxyPassword: %s, ca: %q, certificate: %q%s, key: %q}`,
			proxy, password, w.authority.PEM, certificate, more, key)
	}
	good := policy(w.proxy.URL, "the-password-of-the-proxy", "")
	up := newUpstream(t)
	f := newFleet(t, 1, false)
	for what, km := range map[string]string{
		"no policy": w.manager("{}"), "no password": w.manager(policy(w.proxy.URL, "another", "")),
		"no authority": w.manager(fmt.Sprintf("{certificate: %q, key: %q}", certificate, key)),
	} {
		if r := f.control.CLI(t, km, "apply", "-f", "-"); r.Code != 3 || strings.Contains(r.Stderr, "PRIVATE") {
			t.Errorf("%s: %s", what, r)
		}
	}
	apply(t, f.control, w.manager(good), orders(up.URL, "[walled]", ""), mobile("walled"))
	jwt := mint(t, w.signer, issuer.Token{})
	f.wantPassage(t, jwt, 200, "")
	if asked := w.proxy.Asked(); len(asked) < 2 {
		t.Errorf("the proxy was asked for %v", asked)
	}
	at := "CONNECT " + strings.TrimPrefix(w.server.URL, "https://")
	for _, asked := range w.proxy.Asked() {
		if asked != at {
			t.Errorf("the proxy was asked for %s", asked)
		}
	}
	if r := f.control.CLI(t, "", "keymanager", "check", "walled"); !strings.Contains(r.Stdout, "Private Authority until") ||
		!strings.Contains(r.Stdout, "which gateways accept as client") {
		t.Errorf("check: %s", r)
	}
	made := cli(t, f.control, "keys", "generate", "--application", "mobile", "--key-manager", "walled", "--environment", "sandbox")
	if !strings.Contains(made, "made-secret") {
		t.Errorf("generate: %s", made)
	}
	f.policyIsKept(t, w, key)
	f.policyChanges(t, w, jwt, policy)
}

// policyIsKept: what was stored comes back as it was, without its secrets, which stay where they were given for.
func (f *fleet) policyIsKept(t *testing.T, w *wall, key string) {
	t.Helper()
	secrets := append(strings.Split(key, "\n")[1:2], "the-password-of-the-proxy")
	exported := cli(t, f.control, "export")
	for _, secret := range secrets {
		if strings.Contains(exported, secret) {
			t.Errorf("the export holds %q", secret)
		}
	}
	if r := f.control.CLI(t, exported, "apply", "-f", "-"); r.Code != 0 || strings.Contains(r.Stdout, "updated") {
		t.Errorf("the export, applied: %s", r)
	}
	other := walled.StartProxy(t, "", "", nil)
	moved := strings.ReplaceAll(exported, w.proxy.URL, other.URL)
	r := f.control.CLI(t, moved, "apply", "-f", "-")
	for _, field := range []string{"spec.outbound.proxyPassword", "spec.introspection.clientSecret"} {
		if r.Code != 3 || !strings.Contains(r.Stderr, field) {
			t.Errorf("stored secrets through another proxy, %s: %s", field, r)
		}
	}
	if asked := other.Asked(); len(asked) != 0 { // not for the metadata either: the password would go along
		t.Errorf("the other proxy was asked: %v", asked)
	}
	nowhere(t, f.control.Dir, secrets...)
	nowhere(t, f.gateways[0].Dir, secrets...)
}

// policyChanges: each change counts on the gateway without a restart.
func (f *fleet) policyChanges(t *testing.T, w *wall, jwt string, policy func(proxy, password, more string) string) {
	t.Helper()
	apply(t, f.control, w.manager(policy(w.proxy.URL, "wrong", "")))
	f.wantPassage(t, jwt, 503, "key_manager_unavailable")
	second := walled.StartProxy(t, "keyward", "of-the-second", nil)
	apply(t, f.control, w.manager(policy(second.URL, "of-the-second", ", timeout: 8s")))
	f.wantPassage(t, jwt, 200, "")
	testbed.Eventually(t, "no tunnel of the first proxy", func() string { return testbed.Same(w.proxy.Open(), 0) })
	before := w.asked.Load()
	apply(t, f.control, w.manager(policy(second.URL, "of-the-second", ", maxAnswer: 1024")))
	f.wantPassage(t, jwt, 200, "")
	if w.asked.Load() == before {
		t.Error("nobody was asked about the opaque token")
	}
	// A gateway whose operator denies the server's address gets no further with the proxy's help, which is elsewhere.
	fenced := f.addGateway(t, "fenced", "KEYWARD_OUTBOUND_DENY=127.0.0.1")
	asked := len(second.Asked())
	for _, token := range []string{jwt, "opaque-token"} {
		until(t, fenced.Gateway, http.MethodGet, items, token, 503, "key_manager_unavailable")
	}
	if n := len(second.Asked()); n != asked {
		t.Errorf("the proxy was asked %d times for a denied address", n-asked)
	}
	f.keysSurviveARotation(t, w, jwt)
}

// keysSurviveARotation: a revoked gateway makes the group's key another one, with which the policy's secrets are sealed
// anew. They are the same, and so is the way by which the keys were read: nobody reads them again, and the server need not be
// there.
func (f *fleet) keysSurviveARotation(t *testing.T, w *wall, jwt string) {
	t.Helper()
	type seen struct {
		Name     string
		Revision uint64
		Lag      uint64
	}
	first := func() seen {
		list := cliJSON[[]seen](t, f.control, "gateway", "list")
		return list[slices.IndexFunc(list, func(g seen) bool { return g.Name == "g1" })]
	}
	before := first().Revision
	w.server.Close()
	cli(t, f.control, "gateway", "revoke", "fenced")
	testbed.Eventually(t, "the gateway has what was sealed anew", func() string {
		if now := first(); now.Revision == before || now.Lag != 0 {
			return fmt.Sprintf("%+v after revision %d", now, before)
		}
		return ""
	})
	g := f.gateways[0].Gateway
	if fault := call(t, g, http.MethodGet, items, jwt).want(200, ""); fault != "" {
		t.Errorf("after the rotation: %s", fault)
	}
	until(t, g, http.MethodGet, items, "opaque-token", 503, "key_manager_unavailable") // the server is away indeed
}

// TestACertificateVouchesForNoClient: the certificate of the outbound policy is Keyward's. A server that takes it for a
// client's authentication does not make a wrong secret right, neither where it is asked without one nor where it lets nobody
// in without one.
func TestACertificateVouchesForNoClient(t *testing.T) {
	t.Parallel()
	authority, n := walled.NewAuthority(t), serve(t)
	certificate, key := authority.Client(t, "keyward")
	tokens := func(vouches bool) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			_, secret, _ := r.BasicAuth()
			if secret == "right" || vouches && len(r.TLS.PeerCertificates) > 0 {
				_, _ = rw.Write([]byte(`{"access_token":"given","token_type":"Bearer"}`))
				return
			}
			rw.WriteHeader(http.StatusUnauthorized)
			_, _ = rw.Write([]byte(`{"error":"invalid_client"}`))
		})
	}
	dir := t.TempDir()
	file := func(secret string) string {
		path := filepath.Join(dir, secret)
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	apply(t, n, manifest("Application", "mobile", "owner: alice"))
	for name, c := range map[string]struct {
		server *httptest.Server
		right  bool // whether the right secret can be told from another
	}{
		"asking":    {authority.Asking(t, tokens(true)), true},
		"demanding": {authority.Server(t, true, tokens(false)), true},
		"vouching":  {authority.Server(t, true, tokens(true)), false},
	} {
		apply(t, n, manifest("KeyManager", name, fmt.Sprintf(`type: external, issuer: %q, keys: {jwks: %q},
  endpoints: {token: %q}, outbound: {ca: %q, certificate: %q, key: %q}`,
			c.server.URL, c.server.URL+"/jwks", c.server.URL+"/token", authority.PEM, certificate, key)))
		with := func(command, secret string, more ...string) program.Result {
			return n.CLI(t, "", append(place(command, name, "--client-secret-file", file(secret)), more...)...)
		}
		if r := with("map", "wrong", "--client-id", "abc"); r.Code != 3 || !containsText(r.Stderr, "invalid_client") {
			t.Errorf("%s: mapped with a wrong secret: %s", name, r)
		}
		if r := with("map", "right", "--client-id", "abc"); (r.Code == 0) != c.right {
			t.Errorf("%s: mapped with the right secret: %s", name, r)
		}
		if !c.right {
			cli(t, n, place("map", name, "--client-id", "abc")...) // an administrator's word
		}
		if r := with("token", "wrong"); r.Code != 3 || strings.Contains(r.Stdout, "given") {
			t.Errorf("%s: a token with a wrong secret: %s", name, r)
		}
		if r := with("token", "right"); strings.Contains(r.Stdout, "given") != c.right {
			t.Errorf("%s: a token with the right secret: %s", name, r)
		}
	}
}
