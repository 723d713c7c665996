package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// TestSameKidNeverCrosses is row A1: two issuers with the same kid, each primed first in turn, and both at once on a
// gateway that has seen neither.
func TestSameKidNeverCrosses(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"a", "b", "together"} {
		t.Run("primed first: "+first, func(t *testing.T) {
			up := newUpstream(t)
			a, b := issuer.Start(t, "k", "RS256"), issuer.Start(t, "k", "RS256")
			n := serve(t)
			apply(t, n, external("a", a, ""), external("b", b, ""), orders(up.URL, "[a, b]", ""), mobile("a", "b"))
			good := map[string]string{"a": mint(t, a, issuer.Token{}), "b": mint(t, b, issuer.Token{})}
			forged := []string{
				mint(t, a, issuer.Token{Claims: map[string]any{"iss": b.Issuer}}),
				mint(t, b, issuer.Token{Claims: map[string]any{"iss": a.Issuer}}),
			}
			if first != "together" {
				until(t, n.Gateway, http.MethodGet, "/orders/v1/items", good[first], 200, "")
			}
			var wg sync.WaitGroup
			for range 20 {
				for _, token := range forged {
					wg.Go(func() {
						if got := call(t, n.Gateway, http.MethodGet, "/orders/v1/items", token); got.status != 401 {
							t.Errorf("a forged token got %d %s", got.status, got.problem.Code)
						}
					})
				}
				for _, token := range good {
					wg.Go(func() {
						if fault := call(t, n.Gateway, http.MethodGet, "/orders/v1/items", token).want(200,
							""); fault != "" {
							t.Errorf("a good token: %s", fault)
						}
					})
				}
			}
			wg.Wait()
		})
	}
}

// TestCredentialIsIgnoredWhereNoneIsAsked is row A6: on an operation without security a bad token changes nothing and
// makes no identity, while the same token is refused where one is asked.
func TestCredentialIsIgnoredWhereNoneIsAsked(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	i := issuer.Start(t, "k", "RS256")
	n := serve(t)
	apply(t, n, external("a", i, ""), orders(up.URL, "[a]", ", backendJWT: {enabled: true}"), mobile("a"))
	good := mint(t, i, issuer.Token{})
	until(t, n.Gateway, http.MethodGet, "/orders/v1/items", good, 200, "")
	for name, token := range map[string]string{"none": "", "good": good, "bad": good[:len(good)-8] + "AAAAAAAA",
		"word": "x"} {
		got := call(t, n.Gateway, http.MethodGet, "/orders/v1/ping", token)
		if fault := got.want(200, ""); fault != "" {
			t.Errorf("%s: %s", name, fault)
		}
		if id := got.echo.Header.Get("X-JWT-Assertion"); id != "" {
			t.Errorf("%s: an identity was made for a caller nobody looked at: %s", name, id)
		}
	}
	if got := call(t, n.Gateway, http.MethodGet, "/orders/v1/items",
		good); got.echo.Header.Get("X-JWT-Assertion") == "" {
		t.Error("no identity where one was checked")
	}
	if fault := call(t, n.Gateway, http.MethodGet, "/orders/v1/items", "x").want(401, "invalid_token"); fault != "" {
		t.Error(fault)
	}
}

// TestClientIDsOfTwoIssuersAreTwoClients is row A7.
func TestClientIDsOfTwoIssuersAreTwoClients(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	a, b := issuer.Start(t, "k", "RS256"), issuer.Start(t, "k", "ES256")
	n := serve(t)
	apply(t, n, external("a", a, ""), external("b", b, ""),
		manifest("Plan", "few", "rate: [{requests: 3, per: 1h}]"),
		orders(up.URL, "[a, b]", ", plans: [few]"),
		manifest("Application", "mobile", ""), manifest("Application", "web", ""),
		manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1, plan: few"),
		manifest("OAuthClient", "mobile-a", "application: mobile, keyManager: a, clientId: abc"))
	ta, tb := mint(t, a, issuer.Token{}), mint(t, b, issuer.Token{})
	until(t, n.Gateway, http.MethodGet, "/orders/v1/items", ta, 200, "")
	if fault := call(t, n.Gateway, http.MethodGet, "/orders/v1/items", tb).want(403, "no_subscription"); fault != "" {
		t.Error("the client of the other issuer: ", fault)
	}
	// The same id in b belongs to another application, which then has limits of its own.
	apply(t, n, manifest("OAuthClient", "web-b", "application: web, keyManager: b, clientId: abc"),
		manifest("Subscription", "web-orders", "application: web, api: orders-v1, plan: few"))
	until(t, n.Gateway, http.MethodGet, "/orders/v1/items", tb, 200, "")
	testbed.Eventually(t, "the plan of mobile is used up", func() string {
		return call(t, n.Gateway, http.MethodGet, "/orders/v1/items", ta).want(429, "plan_exhausted")
	})
	limited := call(t, n.Gateway, http.MethodGet, "/orders/v1/items", ta)
	if limited.header.Get("Retry-After") == "" || limited.header.Get("RateLimit") == "" {
		t.Errorf("a 429 without its fields: %v", limited.header)
	}
	if fault := call(t, n.Gateway, http.MethodGet, "/orders/v1/items", tb).want(200, ""); fault != "" {
		t.Error("counters are mixed: ", fault)
	}
}

// TestTenantsDoNotMix is row A8.
func TestTenantsDoNotMix(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	ours, theirs := issuer.Start(t, "k", "RS256"), issuer.Start(t, "k", "RS256")
	n := serve(t)
	tenant := func(kind, name, spec string) string { return inTenant("acme", kind, name, spec) }
	api := fmt.Sprintf(`context: /orders, version: v1, upstream: {production: %q}, keyManagers: [km],
  operations: [{method: GET, path: /items, scopes: ["orders:read"]}]`, up.URL)
	km := func(i *issuer.Issuer) string {
		return fmt.Sprintf("type: external, issuer: %q, keys: {jwks: %q}", i.Issuer, i.URL+"/jwks")
	}
	set := func(m func(kind, name, spec string) string, i *issuer.Issuer) string {
		return join(m("KeyManager", "km", km(i)), m("API", "orders-v1", api), m("Application", "app", ""),
			m("Subscription", "app-orders", "application: app, api: orders-v1"),
			m("OAuthClient", "app-km", "application: app, keyManager: km, clientId: abc"))
	}
	apply(t, n, manifest("Tenant", "acme", "displayName: Acme"), set(manifest, ours), set(tenant, theirs))
	tokens := map[string]string{"ours": mint(t, ours, issuer.Token{}), "theirs": mint(t, theirs, issuer.Token{})}
	until(t, n.Gateway, http.MethodGet, "/orders/v1/items", tokens["ours"], 200, "")
	until(t, n.Gateway, http.MethodGet, "/t/acme/orders/v1/items", tokens["theirs"], 200, "")
	for _, c := range []struct{ target, token string }{
		{"/orders/v1/items", "theirs"}, {"/t/acme/orders/v1/items", "ours"},
	} {
		got := call(t, n.Gateway, http.MethodGet, c.target, tokens[c.token])
		if fault := got.want(401, "unknown_issuer"); fault != "" {
			t.Errorf("%s with the token of %s: %s", c.target, c.token, fault)
		}
	}
	for _, target := range []string{"/t/nobody/orders/v1/items", "/t/default2/orders/v1/items", "/t", "/t/acme",
		"/t/ACME/orders/v1/items"} {
		if got := call(t, n.Gateway, http.MethodGet, target, tokens["ours"]); got.want(404, "no_such_api") != "" {
			t.Errorf("%s: %s", target, got.want(404, "no_such_api"))
		}
	}
}

// TestKeyManagerComesAndGoes is row A10 on one process: tokens that were validated before are refused too.
func TestKeyManagerComesAndGoes(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	a, b := issuer.Start(t, "a", "RS256"), issuer.Start(t, "b", "RS256")
	n := serve(t)
	api := func(list string) string { return orders(up.URL, list, "") }
	apply(t, n, external("a", a, ""), external("b", b, ""), api("[a, b]"), mobile("a", "b"))
	ta, tb := mint(t, a, issuer.Token{}), mint(t, b, issuer.Token{})
	target := "/orders/v1/items"
	until(t, n.Gateway, http.MethodGet, target, ta, 200, "")
	until(t, n.Gateway, http.MethodGet, target, tb, 200, "")

	apply(t, n, external("a", a, ", enabled: false"))
	until(t, n.Gateway, http.MethodGet, target, ta, 401, "unknown_issuer")
	until(t, n.Gateway, http.MethodGet, target, tb, 200, "")
	apply(t, n, external("a", a, ""))
	until(t, n.Gateway, http.MethodGet, target, ta, 200, "")

	apply(t, n, api("[b]"))
	until(t, n.Gateway, http.MethodGet, target, ta, 401, "key_manager_not_allowed")
	for _, object := range [][]string{{"delete", "OAuthClient", "mobile-a"}, {"delete", "KeyManager", "a"}} {
		cli(t, n, object...)
	}
	until(t, n.Gateway, http.MethodGet, target, ta, 401, "unknown_issuer")
	if fault := call(t, n.Gateway, http.MethodGet, target, tb).want(200, ""); fault != "" {
		t.Error(fault)
	}
}

// TestDeleteIsRefusedWhileUsed names who uses the object.
func TestDeleteIsRefusedWhileUsed(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	a := issuer.Start(t, "a", "RS256")
	n := serve(t)
	apply(t, n, external("a", a, ""), orders(up.URL, "[a]", ""), mobile("a"))
	r := n.CLI(t, "", "delete", "keymanager", "a")
	if r.Code != 3 {
		t.Fatalf("want exit 3: %s", r)
	}
	for _, user := range []string{"orders-v1", "mobile-a"} {
		if !containsText(r.Stderr, user) {
			t.Errorf("%s is not named: %s", user, r)
		}
	}
}

// TestKeyRotationAtTheIssuer: a new kid is fetched once, a withdrawn key ends what it signed, and unknown kids cost a
// bounded number of fetches.
func TestKeyRotationAtTheIssuer(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	i := issuer.Start(t, "first", "RS256")
	n := serve(t)
	apply(t, n, external("a", i, ""), orders(up.URL, "[a]", ""), mobile("a"))
	old := mint(t, i, issuer.Token{})
	target := "/orders/v1/items"
	until(t, n.Gateway, http.MethodGet, target, old, 200, "")

	second, err := issuer.NewKey("second", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	first := i.Key()
	i.SetKeys(second, first)
	fresh := mint(t, i, issuer.Token{})
	if fault := call(t, n.Gateway, http.MethodGet, target, fresh).want(200, ""); fault != "" {
		t.Errorf("a token with the new key: %s", fault)
	}
	if fault := call(t, n.Gateway, http.MethodGet, target, old).want(200, ""); fault != "" {
		t.Errorf("a token with the old key: %s", fault)
	}

	i.SetKeys(second)
	i.Forget()
	for k := range 300 {
		token := mint(t, i, issuer.Token{Header: map[string]any{"kid": fmt.Sprintf("unknown-%d", k)}})
		if fault := call(t, n.Gateway, http.MethodGet, target, token).want(401, "invalid_token"); fault != "" {
			t.Fatal(fault)
		}
	}
	// Burst of 3, then one in 10 s; this took a moment.
	if fetches := len(i.Seen("/jwks")); fetches == 0 || fetches > 12 {
		t.Errorf("300 unknown kids cost %d fetches", fetches)
	}
	// One of those fetches told that the old key is gone: what it signed and was cached is refused.
	if fault := call(t, n.Gateway, http.MethodGet, target, old).want(401, "invalid_token"); fault != "" {
		t.Errorf("a cached token whose key was withdrawn: %s", fault)
	}
	if fault := call(t, n.Gateway, http.MethodGet, target, fresh).want(200, ""); fault != "" {
		t.Error(fault)
	}
}
