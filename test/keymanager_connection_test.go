package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/oktaserver"
	"keyward.dev/keyward/internal/testbed/program"
)

// TestOneConnectionForTwoRealms: a service account of the realm master makes the clients of two realms; it is rotated in
// one place, and its secret goes to no other server.
func TestOneConnectionForTwoRealms(t *testing.T) {
	t.Parallel()
	one, two := shared.Realm(t, "connection-one"), shared.Realm(t, "connection-two")
	account := "keyward-" + one.Name
	home, err := one.Server.NewManager(t.Context(), account, "first-shared-secret", one, two)
	if err != nil {
		t.Fatal(err)
	}
	up, n := newUpstream(t), serve(t)
	connection := func(secret string) string {
		return manifest("Connection", "sso", fmt.Sprintf("type: keycloak, connection: {realmUrl: %q, clientId: %s, clientSecret: %s}",
			home, account, secret))
	}
	realm := func(name, issuer string) string {
		return manifest("KeyManager", name, fmt.Sprintf(`type: keycloak, issuer: %q, connection: {ref: sso}`, issuer))
	}
	apply(t, n, orders(up.URL, "[one, two]", ""), mobile(), realm("one", one.Issuer), realm("two", two.Issuer),
		connection("first-shared-secret"))
	rotated := map[string]madeKeys{}
	for name, r := range map[string]*keycloak.Realm{"one": one, "two": two} {
		k := cliJSON[madeKeys](t, n, place("generate", name, "--scope", "orders:read")...)
		token, err := r.Token(t.Context(), k.ClientID, k.ClientSecret, "orders:read")
		if err != nil {
			t.Fatal(err)
		}
		until(t, n.Gateway, http.MethodGet, items, token, 200, "")
		rotated[name] = k
	}
	if err := one.Server.SetManagerSecret(t.Context(), account, "second-shared-secret"); err != nil {
		t.Fatal(err)
	}
	apply(t, n, connection("second-shared-secret"))
	for name, k := range rotated {
		fresh := cliJSON[madeKeys](t, n, place("rotate", name)...)
		if fresh.ClientID != k.ClientID || fresh.ClientSecret == k.ClientSecret {
			t.Errorf("%s: rotate after the account's own secret was rotated", name)
		}
		cli(t, n, place("delete", name)...)
	}
	foreign := n.CLI(t, realm("three", strings.Replace(one.Issuer, "127.0.0.1", "localhost", 1)), "apply", "-f", "-")
	if foreign.Code != 3 || !containsText(foreign.Stderr, "spec.issuer") || !containsText(foreign.Stderr, "not a realm beside") {
		t.Errorf("a realm at another address: %s", foreign)
	}
	readConnections(t, func(args ...string) (string, int) {
		r := n.CLI(t, "", args...)
		return r.Stdout + r.Stderr, r.Code
	})
}

// readConnections: what is read back holds no secret, what is exported is taken back, what is used stays.
func readConnections(t *testing.T, run func(...string) (string, int)) {
	t.Helper()
	for _, args := range [][]string{
		{"get", "connections"}, {"get", "connection", "sso", "-o", "yaml"}, {"export"}, {"keymanager", "types"},
	} {
		if out, code := run(args...); code != 0 || containsText(out, "second-shared-secret") {
			t.Errorf("%v: exit code %d: %s", args, code, out)
		}
	}
	if out, code := run("delete", "connection", "sso"); code != 3 || !containsText(out, "in_use") || !containsText(out, "KeyManager two") {
		t.Errorf("delete while it is used: exit code %d: %s", code, out)
	}
	if out, code := run("get", "connection", "sso", "-o", "yaml"); code != 0 || !containsText(out, "stored: true") {
		t.Errorf("the connection: exit code %d: %s", code, out)
	}
}

// TestNoRuleTakesAConnectionsClient: its tokens are nobody's in a key manager that names the connection, and another client
// of it counts on the gateway at once, whether the key manager is applied along or not.
func TestNoRuleTakesAConnectionsClient(t *testing.T) {
	t.Parallel()
	up, n, i := newUpstream(t), serve(t), issuer.Start(t, "k", "ES256")
	i.Issuer = i.URL + "/realms/corp"
	connection := func(client string) string {
		return manifest("Connection", "sso", fmt.Sprintf(
			"type: keycloak, connection: {realmUrl: %q, clientId: %s, clientSecret: hush-secret}", i.URL+"/realms/master", client))
	}
	realm := manifest("KeyManager", "a", fmt.Sprintf("type: keycloak, issuer: %q, keys: {jwks: %q}, connection: {ref: sso}",
		i.Issuer, i.URL+"/jwks"))
	is := func(client string, status int, code string) {
		t.Helper()
		token := mint(t, i, issuer.Token{Claims: map[string]any{"azp": client, "client_id": client}})
		until(t, n.Gateway, http.MethodGet, items, token, status, code)
	}
	apply(t, n, realm, connection("first"), orders(up.URL, "[a]", ""), mobile(), rule("any", "mobile", "{any: true}"))
	is("partner", 200, "")
	is("first", 403, "no_subscription")
	is("second", 200, "")
	apply(t, n, connection("second"))
	is("second", 403, "no_subscription")
	is("first", 200, "")
	r := apply(t, n, realm, connection("third"))
	if !strings.Contains(r.Stdout, "unchanged") {
		t.Errorf("the key manager is said to be changed: %s", r)
	}
	is("third", 403, "no_subscription")
	is("partner", 200, "")
}

// TestOneConnectionForAnOrganization: two authorization servers of an Okta organization.
func TestOneConnectionForAnOrganization(t *testing.T) {
	t.Parallel()
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return oktaserver.Build(origin, key) })
	up, n := newUpstream(t), serve(t)
	server := func(name, id string) string {
		return manifest("KeyManager", name, fmt.Sprintf("type: okta, issuer: %q, connection: {ref: acme, proofScope: %q}",
			s.URL+"/oauth2/"+id, oktaserver.Scope))
	}
	apply(t, n, server("first", oktaserver.Server), server("second", oktaserver.OtherServer),
		manifest("Connection", "acme", fmt.Sprintf("type: okta, connection: {orgUrl: %q, apiToken: %q}", s.URL, oktaserver.APIToken)),
		orders(up.URL, "[first, second]", ""), mobile())
	for _, name := range []string{"first", "second"} {
		v := vendor{name: name, scope: oktaserver.Scope}
		k := cliJSON[madeKeys](t, n, place("generate", name, "--scope", oktaserver.Scope)...)
		until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
	}
	reuseOne(t, n, vendor{name: "second", scope: oktaserver.Scope})
}

// reuseOne: the application's client at first is its client at second too, with the same secret.
func reuseOne(t *testing.T, n *program.Node, v vendor) {
	t.Helper()
	cli(t, n, place("delete", v.name)...)
	own := cliJSON[madeKeys](t, n, place("rotate", "first")...)
	k := cliJSON[madeKeys](t, n, place("generate", v.name, "--reuse-client-of", "first")...)
	if k.ClientID != own.ClientID || k.ClientSecret != "" {
		t.Errorf("reused: client %s for %s, with a secret: %v", k.ClientID, own.ClientID, k.ClientSecret != "")
	}
	k.ClientSecret = own.ClientSecret
	until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
	if out := n.CLI(t, "", place("token", v.name, "--scope", v.scope)...); out.Code != 0 || out.Stdout == "" {
		t.Errorf("a token for trying out: %s", out)
	}
	if got := cli(t, n, "keys", "list", "--application", "mobile"); !containsText(got, "reuses first") {
		t.Errorf("the list:\n%s", got)
	}
	if out := n.CLI(t, "", place("delete", "first")...); out.Code != 3 || !containsText(out.Stderr, "in_use") ||
		!containsText(out.Stderr, "mobile-second-production") {
		t.Errorf("the owner was deleted: %s", out)
	}
	cli(t, n, place("delete", v.name)...)
	cli(t, n, place("delete", "first")...)
}
