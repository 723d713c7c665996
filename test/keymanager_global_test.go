package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/testbed/program"
)

// moved writes manifests of the tenant default as those of another.
func moved(tenant string, manifests ...string) string {
	text := join(manifests...)
	return strings.ReplaceAll(text, "metadata: {name: ", "metadata: {tenant: "+tenant+", name: ")
}

// tenants makes tenants, and in each the usual API under the names of key managers.
func tenants(keyManagers, upstream string, names ...string) string {
	var list []string
	for _, name := range names {
		list = append(list, manifest("Tenant", name, ""), moved(name, orders(upstream, keyManagers, ", backendJWT: {enabled: true}"),
			manifest("API", "open-v1", fmt.Sprintf(`context: /open, version: v1, upstream: {production: %q}, keyManagers: all,
  subscription: none, backendJWT: {enabled: true}, operations: [{method: GET, path: /items}]`, upstream))))
	}
	return join(list...)
}

// whose is the tenant, the application and the key manager that the backend is told of.
func whose(t *testing.T, n *program.Node, target, token string) string {
	t.Helper()
	got := call(t, n.Gateway, http.MethodGet, target, token)
	inner, ok := testbed.Claims(t, got.echo.Header.Get("X-JWT-Assertion"))["keyward"].(map[string]any)
	if !ok {
		t.Fatalf("%s: no backend JWT: %d %s", target, got.status, got.body)
	}
	application := inner["application"]
	if application == nil {
		application = ""
	}
	return fmt.Sprint(inner["tenant"], " ", application, " ", inner["key_manager"])
}

// TestGlobalKeyManager: its tokens are taken in every tenant, and a client counts only for the APIs of the tenant whose
// application has it. A hold switches it off everywhere.
func TestGlobalKeyManager(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	sso, corp := issuer.Start(t, "sso", "RS256"), issuer.Start(t, "corp", "RS256")
	n := serve(t)
	apply(t, n, external("sso", sso, ", global: true"), external("corp", corp, ""),
		orders(up.URL, "[corp, sso]", ""), tenants("[sso]", up.URL, "acme", "beta"), moved("acme", mobile("sso")))
	token, local := mint(t, sso, issuer.Token{}), mint(t, corp, issuer.Token{})
	const acme, beta = "/t/acme" + items, "/t/beta" + items
	until(t, n.Gateway, http.MethodGet, acme, token, 200, "")
	refused := func(what string) {
		t.Helper()
		for target, code := range map[string]string{beta: "no_subscription", items: "no_subscription"} {
			status := 403
			if fault := call(t, n.Gateway, http.MethodGet, target, token).want(status, code); fault != "" {
				t.Errorf("%s: %s: %s", what, target, fault)
			}
		}
	}
	refused("a client of another tenant")
	if fault := call(t, n.Gateway, http.MethodGet, acme, local).want(401, "unknown_issuer"); fault != "" {
		t.Errorf("one that is not global: %s", fault)
	}
	for target, want := range map[string]string{
		acme: "acme mobile sso", "/t/acme/open/v1/items": "acme mobile sso", "/t/beta/open/v1/items": "beta  sso",
	} {
		if got := whose(t, n, target, token); got != want {
			t.Errorf("%s: the backend is told of %q, want %q", target, got, want)
		}
	}
	// The same client in another tenant is another application's.
	apply(t, n, moved("beta", strings.ReplaceAll(mobile("sso"), "mobile", "shop")))
	until(t, n.Gateway, http.MethodGet, beta, token, 200, "")
	if got := whose(t, n, beta, token) + ", " + whose(t, n, acme, token); got != "beta shop sso, acme mobile sso" {
		t.Errorf("the backends are told of %q", got)
	}
	cli(t, n, "hold", "key-manager", "sso", "--reason", "stolen")
	for _, target := range []string{acme, beta, items, "/t/beta/open/v1/items"} {
		until(t, n.Gateway, http.MethodGet, target, token, 401, "unknown_issuer")
	}
	cli(t, n, "unhold", "key-manager", "sso")
	until(t, n.Gateway, http.MethodGet, acme, token, 200, "")
	cli(t, n, "delete", "oauth-client", "shop-sso", "--tenant", "beta")
	until(t, n.Gateway, http.MethodGet, beta, token, 403, "no_subscription")
	for _, args := range [][]string{{"delete", "key-manager", "sso"}, {"apply", "-f", "-"}} {
		r := n.CLI(t, external("sso", sso, ""), args...)
		if r.Code != 3 || !containsText(r.Stderr, "acme/mobile-sso") || !containsText(r.Stderr, "beta/orders-v1") {
			t.Errorf("%v: who uses it is not said: %s", args, r)
		}
	}
	apply(t, n, external("sso", sso, ""), moved("acme", orders(up.URL, "[resident]", "")), moved("beta", orders(up.URL, "all", "")),
		moved("acme", manifest("OAuthClient", "mobile-sso", "application: mobile, keyManager: resident, clientId: other")))
	until(t, n.Gateway, http.MethodGet, acme, token, 401, "unknown_issuer")
	until(t, n.Gateway, http.MethodGet, "/t/beta/open/v1/items", token, 401, "unknown_issuer")
	until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
}

// TestGlobalKeyManagerRules: a rule takes tokens at its own tenant's APIs and nowhere else; two tenants may have the same.
func TestGlobalKeyManagerRules(t *testing.T) {
	t.Parallel()
	up, sso := newUpstream(t), issuer.Start(t, "sso", "RS256")
	n := serve(t)
	apply(t, n, external("sso", sso, ", global: true"), tenants("[sso]", up.URL, "acme", "beta"), moved("acme", mobile()),
		moved("beta", mobile("sso"), strings.ReplaceAll(mobile(), "mobile", "shop")))
	everybody := strings.ReplaceAll(rule("every", "mobile", "{any: true}"), "keyManager: a,", "keyManager: sso,")
	token := mint(t, sso, issuer.Token{Claims: map[string]any{"client_id": "x"}})
	mapped := mint(t, sso, issuer.Token{}) // beta's client
	const acme, beta = "/t/acme" + items, "/t/beta" + items
	until(t, n.Gateway, http.MethodGet, beta, mapped, 200, "")
	until(t, n.Gateway, http.MethodGet, acme, token, 403, "no_subscription")
	apply(t, n, moved("acme", everybody))
	until(t, n.Gateway, http.MethodGet, acme, token, 200, "")
	for _, target := range []string{acme, "/t/acme/open/v1/items"} {
		if got := whose(t, n, target, token); got != "acme mobile sso" {
			t.Errorf("%s: the backend is told of %q", target, got)
		}
	}
	if got := whose(t, n, acme, mapped) + ", " + whose(t, n, beta, mapped); got != "acme mobile sso, beta mobile sso" {
		t.Errorf("the backends are told of %q", got)
	}
	if fault := call(t, n.Gateway, http.MethodGet, beta, token).want(403, "no_subscription"); fault != "" {
		t.Errorf("another tenant's API: %s", fault)
	}
	if got := whose(t, n, "/t/beta/open/v1/items", token); got != "beta  sso" {
		t.Errorf("another tenant's open API: the backend is told of %q", got)
	}
	apply(t, n, moved("beta", strings.ReplaceAll(everybody, "mobile", "shop")))
	until(t, n.Gateway, http.MethodGet, beta, token, 200, "")
	if got := whose(t, n, acme, token) + ", " + whose(t, n, beta, token); got != "acme mobile sso, beta shop sso" {
		t.Errorf("the backends are told of %q", got)
	}
	again := moved("beta", strings.ReplaceAll(everybody, "every", "again"), manifest("Application", "late", ""))
	r := n.CLI(t, strings.ReplaceAll(again, "mobile", "late"), "apply", "-f", "-")
	if r.Code != 3 || !containsText(r.Stderr, "beta/every") || containsText(r.Stderr, "acme") {
		t.Errorf("the same rule twice in a tenant: %s", r)
	}
	cli(t, n, "delete", "oauth-client", "every", "--tenant", "acme")
	until(t, n.Gateway, http.MethodGet, acme, token, 403, "no_subscription")
	if fault := call(t, n.Gateway, http.MethodGet, beta, token).want(200, ""); fault != "" {
		t.Errorf("the other tenant's rule went too: %s", fault)
	}
}

// TestGlobalOpaqueTokens: gateways have the credential for a global key manager while an API of any tenant takes it.
func TestGlobalOpaqueTokens(t *testing.T) {
	t.Parallel()
	up, sso := newUpstream(t), issuer.Start(t, "sso", "RS256")
	n := serve(t)
	apply(t, n, strings.Replace(introspecting("sso", sso, "op_", ""), "spec: {", "spec: {global: true, ", 1),
		tenants("[sso]", up.URL, "acme", "beta"), moved("acme", mobile("sso")))
	sso.SetOpaque("op_1", map[string]any{"active": true, "client_id": "abc", "scope": "orders:read"})
	until(t, n.Gateway, http.MethodGet, "/t/acme"+items, "op_1", 200, "")
	if fault := call(t, n.Gateway, http.MethodGet, "/t/beta"+items, "op_1").want(403, "no_subscription"); fault != "" {
		t.Errorf("another tenant's API: %s", fault)
	}
}

// TestAManifestNamesItsTenant: for an administrator of it that is enough, without --tenant.
func TestAManifestNamesItsTenant(t *testing.T) {
	t.Parallel()
	n, i := serve(t), issuer.Start(t, "k", "ES256")
	apply(t, n, manifest("Tenant", "acme", "displayName: Acme"), moved("acme", manifest("User", "ada", "roles: [admin]")))
	ada := strings.TrimSpace(cli(t, n, "token", "create", "--user", "ada", "--tenant", "acme"))
	for _, args := range [][]string{
		{"keymanager", "check", "-f", "-", "--no-register"}, {"diff", "-f", "-"}, {"apply", "-f", "-"},
	} {
		if r := n.CLIAs(t, ada, moved("acme", external("corp", i, "")), args...); r.Code != 0 || !containsText(r.Stdout, "corp") &&
			args[1] != "check" {
			t.Errorf("%q: %s", args, r)
		}
		if r := n.CLIAs(t, ada, external("corp", i, ""), args...); r.Code != 3 || !containsText(r.Stderr, "forbidden") {
			t.Errorf("%q without a tenant: %s", args, r)
		}
	}
}

// TestGlobalKeyManagerOfOthers: people of other tenants see it without its secrets, make keys in it for applications of
// their own as its rules say, and change nothing.
func TestGlobalKeyManagerOfOthers(t *testing.T) {
	t.Parallel()
	up, op := newUpstream(t), oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	v, n := providerVendor(t, op), serve(t)
	spec := v.spec + ", global: true, environments: [production], permissions: {allow: [partners]}"
	apply(t, n, manifest("KeyManager", "op", spec), tenants("[op]", up.URL, "acme", "beta"), moved("acme", mobile(),
		manifest("User", "ada", "roles: [admin]"), manifest("User", "alice", "roles: [developer], groups: [partners]"),
		manifest("User", "dan", "roles: [developer]")), moved("beta", mobile(), manifest("User", "ben", "roles: [admin]")))
	as := func(tenant, user string) func(stdin string, args ...string) program.Result {
		token := strings.TrimSpace(cli(t, n, "token", "create", "--user", user, "--tenant", tenant))
		return func(stdin string, args ...string) program.Result {
			return n.CLIAs(t, token, stdin, append(args, "--tenant", tenant)...)
		}
	}
	ada, alice, dan, ben := as("acme", "ada"), as("acme", "alice"), as("acme", "dan"), as("beta", "ben")
	for who, run := range map[string]func(string, ...string) program.Result{"ada": ada, "alice": alice} {
		for _, args := range [][]string{{"get", "key-manager", "op", "-o", "json"}, {"get", "key-managers", "-o", "json"}} {
			r := run("", args...)
			if r.Code != 0 || !containsText(r.Stdout, `"op"`) || containsText(r.Stdout, "initialAccessToken") ||
				containsText(r.Stdout, "partners") {
				t.Errorf("%s sees: %s", who, r)
			}
		}
	}
	if r := dan("", "get", "key-managers", "-o", "json"); r.Code != 0 || containsText(r.Stdout, `"op"`) {
		t.Errorf("outside the list it is seen: %s", r)
	}
	for what, args := range map[string][]string{
		"delete": {"delete", "key-manager", "op"}, "hold": {"hold", "key-manager", "op", "--reason", "x"},
		"check": {"keymanager", "check", "op"}, "apply": {"apply", "-f", "-"},
	} {
		if r := ada(moved("acme", manifest("KeyManager", "op", v.spec)), args...); r.Code != 3 {
			t.Errorf("%s from another tenant: %s", what, r)
		}
	}
	if r := ada("", "keymanager", "check", "op"); !containsText(r.Stderr, "only its own administrators check it") {
		t.Errorf("check from another tenant: %s", r)
	}
	if r := ada(moved("acme", manifest("KeyManager", "mine", v.spec)), "apply", "-f", "-"); r.Code != 3 ||
		!containsText(r.Stderr, "issuer") {
		t.Errorf("its issuer is taken: %s", r)
	}
	if r := dan("", place("generate", "op")...); r.Code != 3 {
		t.Errorf("keys outside the list: %s", r)
	}
	if r := ben("", place("generate", "op")...); r.Code != 3 || !containsText(r.Stderr, "forbidden") {
		t.Errorf("keys of another tenant's administrator whom the rules leave out: %s", r)
	}
	cli(t, n, append(place("generate", "op", "--scope", v.scope), "--tenant", "beta")...) // by the operator
	k := cliJSON[madeKeys](t, n, append(place("generate", "op", "--scope", v.scope), "--tenant", "acme")...)
	if r := alice("", place("rotate", "op")...); r.Code != 3 || !containsText(r.Stderr, "rotation_unsupported") {
		t.Errorf("a partner is not let in: %s", r)
	}
	token := k.token(t, v)
	until(t, n.Gateway, http.MethodGet, "/t/acme"+items, token, 200, "")
	if fault := call(t, n.Gateway, http.MethodGet, "/t/beta"+items, token).want(403, "no_subscription"); fault != "" {
		t.Errorf("another tenant's API: %s", fault)
	}
	for tenant, run := range map[string]func(string, ...string) program.Result{"acme": ada, "beta": ben} {
		r := run("", "export")
		if r.Code != 0 || containsText(r.Stdout, "name: op\n") {
			t.Errorf("%s exports it: %s", tenant, r)
		}
		r = run("", "keys", "list", "--application", "mobile", "-o", "json")
		if r.Code != 0 || containsText(r.Stdout, k.ClientID) != (tenant == "acme") {
			t.Errorf("keys of %s: %s", tenant, r)
		}
	}
	for _, tenant := range []string{"acme", "beta"} {
		cli(t, n, append(place("delete", "op"), "--tenant", tenant)...)
	}
	if clients, err := op.Clients(t.Context()); err != nil || len(clients) != 0 {
		t.Errorf("left at the server: %v %v", clients, err)
	}
}
