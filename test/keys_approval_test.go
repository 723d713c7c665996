package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/program"
	"keyward.dev/keyward/internal/testbed/vendorproxy"
)

// TestKeysAwaitApproval: what a developer asks for is made when an administrator approves it, through a kill -9 in the
// middle too, and its secret is the developer's alone; what is rejected leaves nothing; a client without its secret is
// mapped the same way.
func TestKeysAwaitApproval(t *testing.T) {
	t.Parallel()
	r := shared.Realm(t, "approval")
	proxy := vendorproxy.Start(t, r.Server.URL)
	v := behindProxy(r, proxy)
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, manifest("Tenant", "default", "keys: {approval: {production: manual}}"),
		manifest("User", "alice", "roles: [developer]"), manifest("KeyManager", v.name, v.spec),
		orders(up.URL, "["+v.name+"]", ""), mobile())
	token := strings.TrimSpace(cli(t, n, "token", "create", "--user", "alice"))
	alice := func(args ...string) program.Result { return n.CLIAs(t, token, "", args...) }
	before, err := v.clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	untouched := func() {
		t.Helper()
		if now, err := v.clients(t.Context()); err != nil || !slices.Equal(now, before) {
			t.Errorf("the server has %v (%v), and had %v", now, err, before)
		}
	}
	listed := func() string { return alice("keys", "list", "--application", "mobile").Stdout }

	asked := alice(place("generate", v.name, "--scope", "orders:read")...)
	if asked.Code != 0 || !containsText(asked.Stdout, "await an administrator's approval") || asked.Stderr != "" {
		t.Fatalf("asked: %s", asked)
	}
	untouched()
	if text := listed(); !containsText(text, "awaiting") || !containsText(text, "alice asks for it since") {
		t.Errorf("keys list: %s", text)
	}
	if r := alice(place("approve", v.name)...); r.Code != 3 || !containsText(r.Stderr, "forbidden") {
		t.Errorf("approved by a developer: %s", r)
	}
	if text := cli(t, n, "keys", "requests"); !containsText(text, "mobile") || !containsText(text, "orders:read") {
		t.Errorf("requests: %s", text)
	}
	if text := cli(t, n, "export"); containsText(text, "OAuthClient") {
		t.Errorf("what is asked for is exported: %s", text)
	}
	hold := proxy.HoldNext(http.MethodPost, "/clients", vendorproxy.Answer)
	background(t, n, place("approve", v.name)...)
	<-hold.Reached
	n.Kill()
	hold.Drop()
	n.Start(t)
	testbed.Eventually(t, "the approved client is there", func() string {
		if text := listed(); !containsText(text, "active") || !containsText(text, "alice fetches the secret with keys reveal") {
			return text
		}
		return ""
	})
	if r := n.CLI(t, "", place("reveal", v.name)...); r.Code != 3 {
		t.Errorf("revealed to who approved: %s", r)
	}
	shown := alice(append(place("reveal", v.name), "-o", "json")...)
	if shown.Code != 0 {
		t.Fatalf("reveal: %s", shown)
	}
	k := decode[madeKeys](t, shown.Stdout)
	until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
	if r := alice(place("reveal", v.name)...); r.Code != 3 {
		t.Errorf("revealed again: %s", r)
	}
	if r := alice(place("delete", v.name)...); r.Code != 0 {
		t.Fatalf("delete: %s", r)
	}

	alice(place("generate", v.name)...)
	cli(t, n, place("reject", v.name, "--reason", "use the sandbox first")...)
	if text := listed(); !containsText(text, "rejected by admin: use the sandbox first") {
		t.Errorf("keys list: %s", text)
	}
	untouched()
	sandbox := []string{"keys", "generate", "--application", "mobile", "--key-manager", v.name, "--environment", "sandbox", "-o", "json"}
	if r := alice(sandbox...); r.Code != 0 || decode[madeKeys](t, r.Stdout).ClientSecret == "" {
		t.Errorf("in the sandbox: %s", r)
	}

	if err := r.AddClient(t.Context(), "by-hand", "by-hand-secret"); err != nil {
		t.Fatal(err)
	}
	if r := alice(place("map", v.name, "--client-id", "by-hand")...); r.Code != 0 || !containsText(r.Stdout, "await") {
		t.Fatalf("map: %s", r)
	}
	name := manifest("OAuthClient", "mobile-kc-production", "application: mobile, keyManager: kc, clientId: by-hand")
	if r := n.CLI(t, name, "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, "awaits an administrator's approval") {
		t.Errorf("a manifest over a request: %s", r)
	}
	for _, args := range [][]string{{"--request", "nobody"}, {"--application", "mobile"},
		{"--request", request(t, n), "--application", "x"}} {
		if r := n.CLI(t, "", append([]string{"keys", "approve"}, args...)...); r.Code == 0 || !containsText(r.Stderr, "request") {
			t.Errorf("approve %v: %s", args, r)
		}
	}
	cli(t, n, "keys", "approve", "--request", request(t, n))
	k = madeKeys{ClientID: "by-hand", ClientSecret: "by-hand-secret", TokenEndpoint: k.TokenEndpoint}
	until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
}

// request is the id of the one request that waits.
func request(t *testing.T, n *program.Node) string {
	t.Helper()
	waiting := cliJSON[[]struct{ ID string }](t, n, "keys", "requests")
	if len(waiting) != 1 {
		t.Fatalf("%d requests wait", len(waiting))
	}
	return waiting[0].ID
}
