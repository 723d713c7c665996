package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// manifest writes one manifest; the spec is YAML in flow style, one or more lines.
func manifest(kind, name, spec string) string {
	return fmt.Sprintf("apiVersion: keyward.dev/v1\nkind: %s\nmetadata: {name: %s}\nspec: {%s}\n", kind, name, spec)
}

// inTenant writes one manifest of another tenant.
func inTenant(tenant, kind, name, spec string) string {
	return fmt.Sprintf("apiVersion: keyward.dev/v1\nkind: %s\nmetadata: {name: %s, tenant: %s}\nspec: {%s}\n",
		kind, name, tenant, spec)
}

func join(manifests ...string) string { return strings.Join(manifests, "---\n") }

// apply must succeed.
func apply(t *testing.T, n *program.Node, manifests ...string) program.Result {
	t.Helper()
	r := n.CLI(t, join(manifests...), "apply", "-f", "-")
	if r.Code != 0 {
		t.Fatalf("apply: %s\n--- manifests\n%s", r, join(manifests...))
	}
	return r
}

// cli runs a command that must succeed and gives its standard output.
func cli(t *testing.T, n *program.Node, args ...string) string {
	t.Helper()
	r := n.CLI(t, "", args...)
	if r.Code != 0 {
		t.Fatalf("keyward %s: %s", strings.Join(args, " "), r)
	}
	return r.Stdout
}

// cliJSON runs a command that prints JSON.
func cliJSON[T any](t *testing.T, n *program.Node, args ...string) (v T) {
	t.Helper()
	out := cli(t, n, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("keyward %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return v
}

// serve runs everything in one process.
func serve(t *testing.T, settings ...string) *program.Node {
	t.Helper()
	n := binary.NewNode(t, "all", "", t.TempDir())
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		n.Env[name] = value
	}
	n.Start(t)
	return n
}

// orders is the API that most tests call: scopes, a public operation, a wildcard.
func orders(upstream, keyManagers, more string) string {
	return manifest("API", "orders-v1", fmt.Sprintf(`context: /orders, version: v1, upstream: {production: "%s"},
  keyManagers: %s, operations: [
    {method: GET, path: /items, scopes: ["orders:read"]},
    {method: POST, path: /items, scopes: ["orders:write"]},
    {method: GET, path: "/items/{id}", scopes: ["orders:read"]},
    {method: "*", path: "/files/**", scopes: ["orders:read"]},
    {method: GET, path: /admin, scopes: ["orders:admin"]},
    {method: "*", path: /open},
    {method: GET, path: /ping, security: none}]%s`, upstream, keyManagers, more))
}

// mobile is an application with a client "abc" in each of the key managers and a subscription to orders-v1.
func mobile(keyManagers ...string) string {
	list := []string{
		manifest("Application", "mobile", "owner: alice"),
		manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1"),
	}
	for _, k := range keyManagers {
		list = append(list, manifest("OAuthClient", "mobile-"+k,
			fmt.Sprintf("application: mobile, keyManager: %s, clientId: abc", k)))
	}
	return join(list...)
}

// external declares an issuer by its address and key set alone.
func external(name string, i *issuer.Issuer, more string) string {
	return manifest("KeyManager", name,
		fmt.Sprintf(`type: external, issuer: "%s", keys: {jwks: "%s/jwks"}%s`, i.Issuer, i.URL, more))
}

// mint must succeed.
func mint(t *testing.T, i *issuer.Issuer, token issuer.Token) string {
	t.Helper()
	s, err := i.Mint(token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
