package e2e

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
)

// newGatewayKey makes a key pair for private_key_jwt: the private JWK, and the set with its public half.
func newGatewayKey(t *testing.T) (private, public string) {
	t.Helper()
	key, err := issuer.NewKey("gateway-1", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	jwk := jose.JSONWebKey{Key: key.Private, KeyID: "gateway-1", Algorithm: "ES256", Use: "sig"}
	text, err := jwk.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	half, err := jwk.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text), `{"keys":[` + string(half) + `]}`
}

// TestIntrospectionByAssertion: oidc-provider takes the gateway's signed assertions, and none by another key; the key is
// nowhere to be read.
func TestIntrospectionByAssertion(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	key, public := newGatewayKey(t)
	other, _ := newGatewayKey(t)
	s := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{IntrospectorKeys: public})
	id, secret, err := s.Register(ctx, "abc")
	if err != nil {
		t.Fatal(err)
	}
	up := newUpstream(t)
	n := serve(t)
	km := func(key string) string {
		return manifest("KeyManager", "op", fmt.Sprintf(`type: oidc, discovery: %q, tokens: {match: [{regex: "[A-Za-z0-9_-]{43}"}]},
  introspection: {clientId: %s, method: private_key_jwt, key: %s, cache: 0s}`, s.Issuer, oidcprovider.SigningIntrospector, key))
	}
	apply(t, n, km("'"+key+"'"), orders(up.URL, "[op]", ""), manifest("Application", "mobile", ""),
		manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1"),
		manifest("OAuthClient", "mobile-op", fmt.Sprintf("application: mobile, keyManager: op, clientId: %s", id)))
	token, err := s.Token(ctx, id, secret, oidcprovider.OpaqueResource, "orders:read")
	if err != nil {
		t.Fatal(err)
	}
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	until(t, n.Gateway, http.MethodGet, items, strings.Repeat("x", 43), 401, "token_inactive")
	if explained := explain(t, n, items, token); explained.Code != "" {
		t.Errorf("explain: %+v", explained)
	}
	exported := cli(t, n, "export")
	if !containsText(exported, "stored: true") || containsText(exported, "gateway-1") {
		t.Errorf("the export:\n%s", exported)
	}
	apply(t, n, km("{stored: true}"))
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	moved := manifest("KeyManager", "op", fmt.Sprintf(`type: oidc, discovery: %q, tokens: {match: [{regex: "[A-Za-z0-9_-]{43}"}]},
  endpoints: {introspection: "http://127.0.0.1:1/introspect"},
  introspection: {clientId: %s, method: private_key_jwt, key: {stored: true}}`, s.Issuer, oidcprovider.SigningIntrospector))
	if r := n.CLI(t, moved, "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, "spec.introspection.key") {
		t.Errorf("a stored key for another address: %s", r)
	}
	if r := n.CLI(t, km("secret"), "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, "spec.introspection.key") {
		t.Errorf("a key that is none: %s", r)
	}
	apply(t, n, km("'"+other+"'"))
	until(t, n.Gateway, http.MethodGet, items, token, 503, "key_manager_unavailable")
	apply(t, n, km("'"+key+"'"))
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	for _, k := range []string{key, other} {
		_, d, _ := strings.Cut(k, `"d":"`)
		d, _, _ = strings.Cut(d, `"`)
		nowhere(t, n.Dir, k, d)
	}
}

// TestIntrospectionByCertificateAndToken: against a server that takes nothing but what the method says.
func TestIntrospectionByCertificateAndToken(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue(t, "server", "localhost", "127.0.0.1")
	a.issue(t, "gateway", "gateway")
	a.issue(t, "stranger", "stranger")
	read := func(name, kind string) string {
		text, err := os.ReadFile(a.path(name, kind))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	known, _ := pem.Decode([]byte(read("gateway", "crt")))
	var issued atomic.Int32
	takes := map[string]func(*http.Request) bool{
		"/tls": func(r *http.Request) bool {
			shown := r.TLS.PeerCertificates
			return len(shown) > 0 && string(shown[0].Raw) == string(known.Bytes) && r.PostForm.Get("client_id") == "gateway"
		},
		"/fixed": func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer fixed-token-0123456789" },
		"/got": func(r *http.Request) bool {
			return r.Header.Get("Authorization") == fmt.Sprintf("Bearer got-%d", issued.Load())
		},
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		id, secret, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/token" && id == "gateway" && secret == "gateway-secret-0123456789":
			_, _ = fmt.Fprintf(w, `{"access_token":"got-%d","token_type":"Bearer","expires_in":600}`, issued.Add(1))
		case takes[r.URL.Path] == nil || !takes[r.URL.Path](r) || r.PostForm.Has("client_secret"):
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = fmt.Fprint(w, `{"active":true,"client_id":"abc","scope":"orders:read"}`)
		}
	}))
	pair, err := tls.LoadX509KeyPair(a.path("server", "crt"), a.path("server", "key"))
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	up, i := newUpstream(t), issuer.Start(t, "k", "RS256")
	n := serve(t, "SSL_CERT_FILE="+a.file)
	km := func(path, credentials string) string {
		return external("a", i, fmt.Sprintf(`, endpoints: {introspection: %q, token: %q}, introspection: {%s, cache: 0s},
  tokens: {match: [{prefix: op_}]}`, server.URL+path, server.URL+"/token", credentials))
	}
	certificate := func(of, key string) string {
		return fmt.Sprintf("clientId: gateway, method: tls, certificate: %q, key: %q", read(of, "crt"), read(key, "key"))
	}
	apply(t, n, km("/fixed", "method: bearer, token: fixed-token-0123456789"), orders(up.URL, "[a]", ""), mobile("a"))
	for _, c := range []struct {
		path, credentials string
		status            int
	}{
		{"/fixed", "method: bearer, token: fixed-token-0123456789", 200},
		{"/fixed", "method: bearer, token: another-token-0123456789", 503},
		{"/got", "method: bearer, clientId: gateway, clientSecret: gateway-secret-0123456789", 200},
		{"/got", "method: bearer, clientId: gateway, clientSecret: wrong-secret-0123456789", 503},
		{"/tls", certificate("gateway", "gateway"), 200},
		{"/tls", certificate("stranger", "stranger"), 503},
		{"/tls", "method: post, clientId: gateway, clientSecret: gateway-secret-0123456789", 503},
		{"/tls", certificate("gateway", "gateway"), 200},
	} {
		apply(t, n, km(c.path, c.credentials))
		code := map[int]string{200: "", 503: "key_manager_unavailable"}[c.status]
		until(t, n.Gateway, http.MethodGet, items, "op_1", c.status, code)
	}
	issued.Add(1) // the server took the token back: the gateway gets another one
	apply(t, n, km("/got", "method: bearer, clientId: gateway, clientSecret: gateway-secret-0123456789"))
	until(t, n.Gateway, http.MethodGet, items, "op_1", 200, "")
	issued.Add(1)
	until(t, n.Gateway, http.MethodGet, items, "op_1", 200, "")
	for _, wrong := range []struct{ credentials, field string }{
		{certificate("gateway", "stranger"), "spec.introspection.certificate"},
		{"clientId: gateway, method: tls, key: x", "spec.introspection.certificate"},
		{"method: bearer", "spec.introspection.token"},
		{"clientId: gateway, clientSecret: x, key: y", "spec.introspection.key"},
	} {
		if r := n.CLI(t, km("/tls", wrong.credentials), "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, wrong.field) {
			t.Errorf("%s: %s", wrong.field, r)
		}
	}
	plain := external("a", i, fmt.Sprintf(`, endpoints: {introspection: %q}, tokens: {match: [{prefix: op_}]},
  introspection: {%s}`, i.URL+"/introspect", certificate("gateway", "gateway")))
	if r := n.CLI(t, plain, "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, "must be https") {
		t.Errorf("a certificate without TLS: %s", r)
	}
	block, _ := pem.Decode([]byte(read("gateway", "key")))
	nowhere(t, n.Dir, string(block.Bytes), read("gateway", "key"), strings.Split(read("gateway", "key"), "\n")[1],
		"fixed-token-0123456789", "gateway-secret-0123456789")
}
