package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
)

func introspecting(name string, i *issuer.Issuer, prefix, more string) string {
	return external(name, i,
		fmt.Sprintf(`, endpoints: {introspection: %q}, introspection: {clientId: %s, clientSecret: %s%s},
  tokens: {match: [{prefix: %s}, {regex: "[0-9a-f]{8}-%s"}]}`,
			i.URL+"/introspect", issuer.IntrospectionClient, issuer.IntrospectionSecret, more, prefix, name))
}

// TestOpaqueTokens: which key manager is asked, what its answers mean, and that nobody is asked in vain.
func TestOpaqueTokens(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	a, b, other := issuer.Start(t, "a", "RS256"), issuer.Start(t, "b", "RS256"), issuer.Start(t, "c", "RS256")
	n := serve(t)
	apply(t, n, introspecting("a", a, "a_", ""), introspecting("b", b, "b_", ", method: post, cache: 0s"),
		introspecting("other", other, "o_", ""),
		external("plain", issuer.Start(t, "d", "RS256"), ""),
		orders(up.URL, "[b, a, plain]", ""), mobile("a", "b", "other"))
	good := func(more map[string]any) map[string]any {
		answer := map[string]any{"active": true, "client_id": "abc", "scope": "orders:read",
			"exp": time.Now().Unix() + 600}
		for k, v := range more {
			answer[k] = v
		}
		return answer
	}
	a.SetOpaque("a_good", good(nil))
	b.SetOpaque("b_good", good(map[string]any{"sub": "user"}))
	a.SetOpaque("01234567-a", good(nil))
	other.SetOpaque("o_good", good(nil))
	until(t, n.Gateway, http.MethodGet, items, "a_good", 200, "")
	until(t, n.Gateway, http.MethodGet, items, "b_good", 200, "")
	until(t, n.Gateway, http.MethodGet, items, "01234567-a", 200, "")

	now := time.Now().Unix()
	for name, c := range map[string]struct {
		answer map[string]any
		status int
		code   string
	}{
		"inactive":          {map[string]any{"active": false}, 401, "token_inactive"},
		"unknown":           {nil, 401, "token_inactive"},
		"expired":           {good(map[string]any{"exp": now - 300}), 401, "token_expired"},
		"not yet":           {good(map[string]any{"nbf": now + 300}), 401, "token_not_yet_valid"},
		"foreign issuer":    {good(map[string]any{"iss": "https://evil.example"}), 401, ""},
		"right issuer":      {good(map[string]any{"iss": a.Issuer}), 200, ""},
		"active as string":  {good(map[string]any{"active": "true"}), 503, "key_manager_unavailable"},
		"active as number":  {good(map[string]any{"active": 1}), 503, "key_manager_unavailable"},
		"active missing":    {map[string]any{"client_id": "abc"}, 503, "key_manager_unavailable"},
		"no client id":      {map[string]any{"active": true, "scope": "orders:read"}, 401, "invalid_token"},
		"client id a list":  {good(map[string]any{"client_id": []string{"abc"}}), 401, "invalid_token"},
		"another client":    {good(map[string]any{"client_id": "xyz"}), 403, "no_subscription"},
		"no scope":          {good(map[string]any{"scope": ""}), 403, "insufficient_scope"},
		"bound to a key":    {good(map[string]any{"cnf": map[string]any{"jkt": "x"}}), 401, "sender_constraint_failed"},
		"exp in the answer": {good(map[string]any{"exp": "soon"}), 401, ""},
	} {
		token := "a_" + issuer.Encode(name)
		a.SetOpaque(token, c.answer)
		got := call(t, n.Gateway, http.MethodGet, items, token)
		if got.status != c.status || c.code != "" && got.problem.Code != c.code {
			t.Errorf("%s: got %d %s, want %d %s", name, got.status, got.problem.Code, c.status, c.code)
		}
	}

	for _, i := range []*issuer.Issuer{a, b, other} {
		i.Forget()
	}
	for token, code := range map[string]string{
		"o_good": "key_manager_not_allowed", "nobody": "invalid_token", "xa_good": "invalid_token", "A_good": "invalid_token",
		"x01234567-a": "invalid_token", "01234567-ax": "invalid_token",
	} {
		if fault := call(t, n.Gateway, http.MethodGet, items, token).want(401, code); fault != "" {
			t.Errorf("%s: %s", token, fault)
		}
	}
	for name, i := range map[string]*issuer.Issuer{"a": a, "b": b, "other": other} {
		if seen := i.Seen(""); len(seen) != 0 {
			t.Errorf("%s was asked: %+v", name, seen)
		}
	}

	// Faults of the endpoint are its own: no guess, no retry on 4xx.
	for name, fault := range map[string]issuer.Answer{
		"500": {Status: 500}, "401": {Status: 401,
			Body: `{"error":"invalid_client"}`}, "not JSON": {Body: "<html>"}, "empty": {}, "an array": {Body: `[{"active":true}]`},
		"400": {Status: 400,
			Body: `{"error":"unsupported_token_type"}`}, "204": {Status: 204}, "hang up": {HangUp: true},
		"twice":    {Body: `{"active":false,"active":true,"client_id":"abc","scope":"orders:read"}`},
		"redirect": {Status: 302, Location: other.URL + "/introspect"},
	} {
		a.Fix("/introspect", fault)
		a.Forget()
		got := call(t, n.Gateway, http.MethodGet, items, "a_fault"+issuer.Encode(name))
		if fault := got.want(503, "key_manager_unavailable"); fault != "" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %s, Retry-After %q", name, fault, got.header.Get("Retry-After"))
		}
		if asked := len(a.Seen("/introspect")); fault.Status >= 400 && fault.Status < 500 && asked > 1 {
			t.Errorf("%s: asked %d times", name, asked)
		}
		a.Mend()
		// The other issuers are not affected.
		if fault := call(t, n.Gateway, http.MethodGet, items, "b_good").want(200, ""); fault != "" {
			t.Errorf("%s: the neighbour: %s", name, fault)
		}
	}
}

// TestIntrospectionCache: an answer is kept no longer than allowed, and a disabled key manager's not at all.
func TestIntrospectionCache(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	a, b := issuer.Start(t, "a", "RS256"), issuer.Start(t, "b", "RS256")
	n := serve(t)
	apply(t, n, introspecting("a", a, "a_", ""), introspecting("b", b, "b_", ", cache: 0s"),
		orders(up.URL, "[a, b]", ""), mobile("a", "b"))
	answer := map[string]any{"active": true, "client_id": "abc", "scope": "orders:read"}
	a.SetOpaque("a_1", answer)
	b.SetOpaque("b_1", answer)
	until(t, n.Gateway, http.MethodGet, items, "a_1", 200, "")
	until(t, n.Gateway, http.MethodGet, items, "b_1", 200, "")
	a.Forget()
	b.Forget()
	for range 5 {
		call(t, n.Gateway, http.MethodGet, items, "a_1")
		call(t, n.Gateway, http.MethodGet, items, "b_1")
	}
	if got := len(a.Seen("/introspect")); got > 1 {
		t.Errorf("with a cache the server was asked %d times for 5 calls", got)
	}
	if got := len(b.Seen("/introspect")); got != 5 {
		t.Errorf("without a cache the server was asked %d times for 5 calls", got)
	}
	b.SetOpaque("b_1", nil)
	if fault := call(t, n.Gateway, http.MethodGet, items, "b_1").want(401, "token_inactive"); fault != "" {
		t.Error(fault)
	}
	// Facts are cached, decisions are not: another operation's scope is asked of the cached answer.
	if fault := call(t, n.Gateway, http.MethodGet, "/orders/v1/admin", "a_1").want(403,
		"insufficient_scope"); fault != "" {
		t.Error(fault)
	}
	apply(t, n, introspecting("a", a, "a_", "")+"", external("b", b, ", enabled: false"))
	apply(t, n, manifest("KeyManager", "a", fmt.Sprintf("type: external, enabled: false, issuer: %q, keys: {jwks: %q}",
		a.Issuer, a.URL+"/jwks")))
	until(t, n.Gateway, http.MethodGet, items, "a_1", 401, "invalid_token")
}

// TestOpaqueTokensOfRealServers: oidc-provider's opaque tokens, and Keycloak's introspection.
func TestOpaqueTokensOfRealServers(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{IssuerPath: "/tenant1", Algorithm: "ES256"})
	id, secret, err := s.Register(ctx, "app")
	if err != nil {
		t.Fatal(err)
	}
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, manifest("KeyManager", "op",
		fmt.Sprintf(`type: oidc, discovery: %q, introspection: {clientId: %s, clientSecret: %s},
  tokens: {match: [{regex: "[A-Za-z0-9_-]{43}"}]}`, s.Issuer, oidcprovider.IntrospectionClient, oidcprovider.IntrospectionSecret)),
		orders(up.URL, "[op]", ""), manifest("Application", "mobile", ""), manifest("Subscription", "mobile-orders",
			"application: mobile, api: orders-v1"),
		manifest("OAuthClient", "mobile-op", fmt.Sprintf("application: mobile, keyManager: op, clientId: %s", id)))
	for _, resource := range []string{oidcprovider.JWTResource, oidcprovider.OpaqueResource} {
		token, err := s.Token(ctx, id, secret, resource, "orders:read")
		if err != nil {
			t.Fatal(err)
		}
		until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	}
	r := shared.Realm(t, "introspect")
	if err := r.AddClient(ctx, "abc", "abc-secret"); err != nil {
		t.Fatal(err)
	}
	// Keycloak's tokens are JWTs, so they are verified here and its endpoint is never asked.
	apply(t, n, manifest("KeyManager", "kc",
		fmt.Sprintf(`type: keycloak, discovery: %q, introspection: {clientId: %s, clientSecret: %s}`,
			r.Discovery(), keycloak.IntrospectionClient, keycloak.IntrospectionSecret)), orders(up.URL, "[op, kc]", ""), mobile("kc"))
	token, err := r.Token(ctx, "abc", "abc-secret", "orders:read")
	if err != nil {
		t.Fatal(err)
	}
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
}
