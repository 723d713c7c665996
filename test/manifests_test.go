package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// everything is a set of manifests with every kind and many fields.
func everything(up *upstream, i *issuer.Issuer) string {
	return join(
		manifest("Tenant", "acme", "displayName: Acme, keys: {approval: {production: manual}}"),
		manifest("User", "alice",
			"email: alice@example.com, password: a-long-password, roles: [developer], groups: [payments]"),
		manifest("Plan", "gold", "rate: [{requests: 100, per: 1s}, {requests: 1000000, per: 24h}], approval: auto"),
		manifest("KeyManager", "corp", fmt.Sprintf(`type: oidc, displayName: Corporate, discovery: %q, global: false,
  environments: [production, sandbox], signIn: {enabled: false}, permissions: {},
  otherIssuers: [{issuer: "https://old.example", keys: {jwks: %q}, until: 2031-01-31T00:00:00Z}],
  display: {token: "https://sso.example/token"}, keys: {jwks: %q, refresh: 5m},
  connection: {initialAccessToken: an-initial-access-token}, introspection: {clientId: gateway, clientSecret: gateway-secret, cache: 0s},
  tokens: {algorithms: [RS256], audiences: ["urn:test"], clockSkew: 10s, require: {token_use: access},
  match: [{prefix: ory_at_}, {regex: "[0-9a-f]{8}"}]},
  claims: {clientId: [azp, client_id], scopes: scope, mapping: [{from: email, to: user_email}]},
  clients: {create: true, map: true, grantTypes: [client_credentials], approval: {sandbox: auto, production: manual}}`,
			i.URL+"/.well-known/openid-configuration", i.URL+"/jwks", i.URL+"/jwks")),
		manifest("KeyManager", "realm", fmt.Sprintf(`type: keycloak, issuer: %q, keys: {jwks: %q},
  endpoints: {token: %q}, connection: {ref: sso}`, i.URL+"/realms/a", i.URL+"/jwks", i.URL+"/realms/a/token")),
		manifest("Connection", "sso", fmt.Sprintf(`type: keycloak, displayName: Partners,
  connection: {realmUrl: %q, clientId: keyward, clientSecret: a-shared-secret}`, i.URL+"/realms/master")),
		orders(up.URL, `[{name: corp, audiences: ["urn:test"], scopes: {Orders.Read: "orders:read"}}]`,
			`, plans: [gold], title: Orders,
  credential: keep, state: published, gateways: [default], visibility: []`),
		manifest("Application", "mobile", "owners: [alice, group/payments]"),
		manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1, plan: gold, scopes: []"),
		manifest("OAuthClient", "mobile-corp",
			"application: mobile, keyManager: corp, environment: sandbox, clientId: abc"),
		inTenant("acme", "Application", "mobile", "owner: bob"),
	)
}

// TestExportAppliesToNothing: what is exported can be applied to where it came from and changes nothing; secrets stay.
func TestExportAppliesToNothing(t *testing.T) {
	t.Parallel()
	up, i := newUpstream(t), issuer.Start(t, "k", "RS256")
	n := serve(t)
	first := apply(t, n, everything(up, i))
	for _, name := range []string{"acme", "alice", "gold", "corp", "orders-v1", "mobile", "mobile-orders",
		"mobile-corp", "sso", "realm"} {
		if !containsText(first.Stdout, name) {
			t.Errorf("%s is not in what apply printed:\n%s", name, first.Stdout)
		}
	}
	if lines := strings.Count(first.Stdout, "\n"); lines != 11 {
		t.Errorf("%d lines for 11 objects:\n%s", lines, first.Stdout)
	}
	if first.Stderr != "" {
		t.Errorf("a success off a terminal says on standard error: %s", first.Stderr)
	}
	again := apply(t, n, everything(up, i))
	for line := range strings.Lines(again.Stdout) {
		// Secrets are written anew, so they alone may count as a change.
		if !containsText(line, "unchanged") && !containsText(line, "corp") &&
			!containsText(line, "alice") && !containsText(line, "sso") {
			t.Errorf("applied twice: %s", line)
		}
	}
	exported := cli(t, n, "export")
	for _, secret := range []string{"an-initial-access-token", "gateway-secret", "a-long-password", "a-shared-secret"} {
		if containsText(exported, secret) {
			t.Errorf("the export holds the secret %s", secret)
		}
	}
	if !containsText(exported, "stored: true") {
		t.Errorf("the export marks no secret:\n%s", exported)
	}
	diff := n.CLI(t, exported, "diff", "-f", "-")
	if diff.Code != 0 || containsText(diff.Stdout, "created") || containsText(diff.Stdout,
		"updated") || containsText(diff.Stdout, "deleted") {
		t.Errorf("diff of the export: %s", diff)
	}
	back := n.CLI(t, exported, "apply", "-f", "-")
	if back.Code != 0 {
		t.Fatalf("the export is not taken back: %s", back)
	}
	for line := range strings.Lines(back.Stdout) {
		if !containsText(line, "unchanged") {
			t.Errorf("the export changes something: %s", line)
		}
	}
	if after := cli(t, n, "export"); after != exported {
		t.Error("the second export differs from the first")
	}
	// On a fresh installation the markers have nothing behind them.
	other := serve(t)
	if r := other.CLI(t, exported, "apply", "-f", "-"); r.Code == 0 || !containsText(r.Stderr, "stored") {
		t.Errorf("{stored: true} on a new object: %s", r)
	}
}

// TestOneFaultChangesNothing: all or nothing, with file, line and field; every fault at once.
func TestOneFaultChangesNothing(t *testing.T) {
	t.Parallel()
	n := serve(t)
	dir := t.TempDir()
	files := map[string]string{
		"good.yaml": manifest("Plan", "gold", "rate: [{requests: 1, per: 1s}]"),
		"bad.yaml": "apiVersion: keyward.dev/v1\nkind: Plan\nmetadata: {name: silver}\nspec:\n  rate:\n    - {requests: 0, per: 1s}\n" +
			"---\napiVersion: keyward.dev/v1\nkind: Application\nmetadata: {name: mobile}\nspec:\n  onwer: alice\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := n.CLI(t, "", "apply", "-f", dir)
	if r.Code == 0 {
		t.Fatalf("want a failure: %s", r)
	}
	for _, part := range []string{"bad.yaml:6", "spec.rate[0].requests", "bad.yaml:12", "onwer"} {
		if !containsText(r.Stderr, part) {
			t.Errorf("%q is not in the report: %s", part, r)
		}
	}
	if list := cli(t, n, "get", "plans"); containsText(list, "gold") {
		t.Errorf("a part was applied: %s", list)
	}
	cli(t, n, "apply", "-f", filepath.Join(dir, "good.yaml"))
	dry := cli(t, n, "apply", "--dry-run", "-f", filepath.Join(dir, "good.yaml"))
	if !containsText(dry, "unchanged") {
		t.Errorf("dry run: %s", dry)
	}
	if list := cli(t, n, "get", "plans"); !containsText(list, "gold") {
		t.Errorf("nothing was applied: %s", list)
	}
}

// TestSetsAndPrune: a set owns its objects; prune deletes only its own, and refuses the whole apply where something
// outside still uses one.
func TestSetsAndPrune(t *testing.T) {
	t.Parallel()
	up, i := newUpstream(t), issuer.Start(t, "k", "RS256")
	n := serve(t)
	team := join(external("a", i, ""), orders(up.URL, "[a]", ""),
		manifest("Plan", "gold", "rate: [{requests: 9, per: 1s}]"))
	set := func(set, text string, more ...string) program.Result {
		return n.CLI(t, text, append([]string{"apply", "-f", "-", "--set", set}, more...)...)
	}
	if r := set("team", team); r.Code != 0 {
		t.Fatalf("apply a set: %s", r)
	}
	if r := set("other", manifest("Plan", "gold", "rate: []")); r.Code != 3 || !containsText(r.Stderr, "other_set") {
		t.Errorf("an object of another set: %s", r)
	}
	apply(t, n, manifest("Plan", "gold", "rate: [{requests: 8, per: 1s}]"), manifest("Application", "mobile", ""))
	if r := set("other", manifest("Plan", "gold", "rate: []")); r.Code != 3 {
		t.Errorf("an apply without a set took the object out of its set: %s", r)
	}
	apply(t, n, manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1"))
	less := external("a", i, "")
	if r := set("team", less, "--prune"); r.Code != 3 || !containsText(r.Stderr, "mobile-orders") {
		t.Errorf("prune of what others use: %s", r)
	}
	if list := cli(t, n, "get", "plans"); !containsText(list, "gold") {
		t.Errorf("a refused prune deleted something: %s", list)
	}
	cli(t, n, "delete", "subscription", "mobile-orders")
	r := set("team", less, "--prune")
	if r.Code != 0 || strings.Count(r.Stdout, "deleted") != 2 {
		t.Errorf("prune: %s", r)
	}
	for _, name := range []string{"resident", "a"} {
		if r := n.CLI(t, "", "get", "key-manager", name); r.Code != 0 {
			t.Errorf("prune took too much: %s", r)
		}
	}
	if list := cli(t, n, "get", "Applications"); !containsText(list, "mobile") {
		t.Errorf("prune took what is in no set: %s", list)
	}
}

// TestMissingPartsAreRefusedByName: nothing is stored without being enforced.
func TestMissingPartsAreRefusedByName(t *testing.T) {
	t.Parallel()
	up, i := newUpstream(t), issuer.Start(t, "k", "RS256")
	n := serve(t)
	apply(t, n, external("a", i, ""), orders(up.URL, "[a]", ""), mobile("a"))
	for part, text := range map[string]string{
		"introspect": external("a", i, ", tokens: {jwt: introspect}"),
		"at+jwt":     external("a", i, `, tokens: {type: "at+jwt"}`),
		"gateways":   orders(up.URL, "[a]", ", gateways: [edge]"),
		"dialect":    orders(up.URL, "[a]", ", backendJWT: {enabled: true, dialect: wso2}"),
	} {
		r := n.CLI(t, text, "apply", "-f", "-")
		if r.Code != 3 || !containsText(r.Stderr, "not_supported") && !containsText(r.Stderr,
			"does not carry out") || !containsText(r.Stderr, part) {
			t.Errorf("%s: %s", part, r)
		}
	}
	until(t, n.Gateway, http.MethodGet, items, mint(t, i, issuer.Token{}), 200, "")
}

// TestReferencesOnTheCommandLine: diff says where a gateway does otherwise than an OpenAPI document, and apply keeps to a line
// for each object. {env: …}, {file: …} and openapi.file are resolved where the command runs, and only there.
func TestReferencesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	up, i := newUpstream(t), issuer.Start(t, "k", "RS256")
	n := serve(t)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret", "gateway-secret\n")
	write("orders.yaml", `openapi: 3.1.0
info: {title: Orders, version: "1"}
paths:
  /items:
    get:
      security: [{oauth: ["orders:read"]}]
      responses: {"200": {description: ok}}
    post:
      security: [{oauth: ["orders:read"], key: []}]
      responses: {"200": {description: ok}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: "https://x.example/token", scopes: {"orders:read": read}}}}
`)
	write("all.yaml", join(
		manifest("KeyManager", "a",
			fmt.Sprintf(`type: external, issuer: %q, keys: {jwks: %q}, endpoints: {introspection: %q},
  introspection: {clientId: gateway, clientSecret: {file: secret}}, tokens: {match: [{prefix: op_}]}`,
				i.Issuer, i.URL+"/jwks", i.URL+"/introspect")),
		manifest("API", "orders-v1",
			fmt.Sprintf(`context: /orders, version: v1, upstream: {production: %q}, keyManagers: [a], openapi: {file: orders.yaml}`,
				up.URL)),
		mobile("a")))
	weaker := "  weaker: line 8 of the OpenAPI document: The document asks for an API key (key) as well as a token"
	if r := n.CLI(t, "", "diff", "-f", filepath.Join(dir, "all.yaml")); r.Code != 0 || !containsText(r.Stdout, weaker) ||
		!containsText(r.Stdout, "(POST /items)\n") {
		t.Fatalf("diff: %s", r)
	}
	if r := n.CLI(t, "", "apply", "-f", filepath.Join(dir, "all.yaml")); r.Code != 0 || r.Stderr != "" ||
		containsText(r.Stdout, "OpenAPI") {
		t.Fatalf("apply: %s", r)
	}
	i.SetOpaque("op_1", map[string]any{"active": true, "client_id": "abc", "scope": "orders:read"})
	until(t, n.Gateway, http.MethodGet, items, "op_1", 200, "")
	if fault := call(t, n.Gateway, http.MethodGet, "/orders/v1/nothing", "op_1").want(404,
		"no_such_operation"); fault != "" {
		t.Error(fault)
	}
	missing := manifest("User", "bob", "password: {env: NOBODY_SET_THIS}")
	if r := n.CLI(t, missing, "apply", "-f", "-"); r.Code == 0 || !containsText(r.Stderr, "NOBODY_SET_THIS") {
		t.Errorf("a variable that is not set: %s", r)
	}
	token, err := n.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{`{"file":"/etc/passwd"}`, `{"env":"HOME"}`} {
		body := `{"apiVersion":"keyward.dev/v1","kind":"User","metadata":{"name":"bob"},"spec":{"password":` + ref + `}}`
		if status := putAs(t, n, token, "/api/v1/users/bob", body); status < 400 || status >= 500 {
			t.Errorf("%s over REST: status %d", ref, status)
		}
	}
}

// putAs puts an object over REST and gives the answer's status.
func putAs(t *testing.T, n *program.Node, token, path, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+n.Control+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	return send(t, req).status
}
