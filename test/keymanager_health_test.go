package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/testbed/program"
)

// healthOfOne is what `keymanager health NAME -o json` prints.
type healthOfOne struct {
	State    string
	Failures int
	Alerts   []string
	KeySets  []struct {
		Error     string
		Keys      []struct{ Kid, FirstSeen string }
		LeftOut   []string
		Rotations []struct{ Added, Removed []string }
	}
	Introspection struct{ AskedAt, Error string }
	Metadata      struct{ ReadAt, Differ string }
	LastHour      struct{ Looks, Failures int }
}

// kids are those of its first set.
func (h healthOfOne) kids() []string {
	var list []string
	for _, k := range h.KeySets[0].Keys {
		list = append(list, k.Kid)
	}
	return list
}

// measuredHealth gives the lines about a key manager's health that Prometheus reads.
func measuredHealth(t *testing.T, n *program.Node, name string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(metricsOf(t, n)) {
		if strings.HasPrefix(line, "keyward_key_manager_") && strings.Contains(line, fmt.Sprintf(`key_manager=%q`, name)) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestHealthOfAKeyManager: what is seen of a real server, by itself and on request, its keys' rotation, over a restart and
// through the server's end.
func TestHealthOfAKeyManager(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	n := serve(t)
	apply(t, n, manifest("KeyManager", "op", fmt.Sprintf("type: oidc, discovery: %q, introspection: {clientId: %q, clientSecret: %q}",
		op.Discovery(), oidcprovider.IntrospectionClient, oidcprovider.IntrospectionSecret)))
	of := func() healthOfOne { return cliJSON[healthOfOne](t, n, "keymanager", "health", "op") }
	first := cliJSON[healthOfOne](t, n, "keymanager", "refresh", "op")
	if len(first.kids()) != 1 || first.Introspection.AskedAt == "" || len(first.Alerts) != 0 {
		t.Fatalf("at first: %+v", first)
	}
	both, err := op.AddKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	added := cliJSON[healthOfOne](t, n, "keymanager", "refresh", "op")
	if r := added.KeySets[0].Rotations; len(added.kids()) != 2 || len(r) != 1 || len(r[0].Added) != 1 || len(r[0].Removed) != 0 ||
		!slices.Contains(both.Kids, r[0].Added[0]) {
		t.Errorf("a key came: %+v", added)
	}
	if _, err := op.RetireKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	retired := cliJSON[healthOfOne](t, n, "keymanager", "refresh", "op")
	if r := retired.KeySets[0].Rotations; len(r) != 2 || !slices.Equal(r[0].Removed, first.kids()) || retired.State != "ok" {
		t.Errorf("the old key went: %+v", retired)
	}

	n.Kill()
	n.Start(t)
	again := of()
	if fmt.Sprint(again.KeySets) != fmt.Sprint(retired.KeySets) || again.LastHour.Looks == 0 {
		t.Errorf("after a restart: %+v, before: %+v", again, retired)
	}
	testbed.Eventually(t, "metrics after the restart", func() string {
		return testbed.Same(containsText(measuredHealth(t, n, "op"), `keyward_key_manager_up{key_manager="op",tenant="default"} 1`), true)
	})
	if history := cliJSON[[]struct{ Looks int }](t, n, "keymanager", "health", "op", "--history", "--since", "1h"); len(history) == 0 {
		t.Error("there is no history")
	}
	if out := cli(t, n, "keymanager", "health"); !containsText(out, "op ") || !containsText(out, "resident ") {
		t.Errorf("the table: %s", out)
	}

	op.Kill()
	r := n.CLI(t, "", "keymanager", "refresh", "op")
	if r.Code != 1 || !containsText(r.Stdout, "keys_failing") || !containsText(r.Stdout, "connection refused") ||
		!containsText(r.Stderr, "cannot be read") {
		t.Errorf("refresh of a server that is gone: %s", r)
	}
	down := of()
	if down.State != "failing" || down.Failures == 0 || !slices.Equal(down.kids(), retired.kids()) || down.LastHour.Failures == 0 {
		t.Errorf("of a server that is gone: %+v", down)
	}
	testbed.Eventually(t, "metrics of the failure", func() string {
		return testbed.Same(containsText(measuredHealth(t, n, "op"), `alert="keys_failing",key_manager="op",tenant="default"} 1`), true)
	})
	cli(t, n, "delete", "key-manager", "op")
	testbed.Eventually(t, "metrics of one that is deleted", func() string { return testbed.Same(measuredHealth(t, n, "op"), "") })
	if r := n.CLI(t, "", "keymanager", "health", "op"); r.Code != 3 || !containsText(r.Stderr, "not_found") {
		t.Errorf("of one that is deleted: %s", r)
	}
	nowhere(t, n.Dir, oidcprovider.IntrospectionSecret)
}

// TestRefreshReachesGateways: a server replaces its key under the same kid, which no gateway can see. After a refresh each
// reads the keys anew: the new key's token passes and the old one's is refused, without a restart, and asking again and again
// has the server asked a few times.
func TestRefreshReachesGateways(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, false)
	up, i := newUpstream(t), issuer.Start(t, "k", "ES256")
	for _, g := range f.gateways { // a rise can only be seen from what is there
		if text := metricsOf(t, g); !strings.Contains(text, `keyward_gateway_messages_refused_total{reason="forged"} 0`) {
			t.Error("refused messages are not counted from 0")
		}
	}
	apply(t, f.control, manifest("KeyManager", "a", fmt.Sprintf("type: external, issuer: %q, keys: {jwks: %q, refresh: 1h}",
		i.Issuer, i.URL+"/jwks")), orders(up.URL, "[a]", ""), mobile("a"))
	old := mint(t, i, issuer.Token{})
	f.everywhere(t, old, 200, "")
	key, err := issuer.NewKey("k", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	i.SetKeys(key)
	fresh := mint(t, i, issuer.Token{})
	for _, g := range f.gateways { // as long as an hour
		if fault := call(t, g.Gateway, http.MethodGet, items, fresh).want(401, "invalid_token"); fault != "" {
			t.Error(fault)
		}
		if fault := call(t, g.Gateway, http.MethodGet, items, old).want(200, ""); fault != "" {
			t.Error(fault)
		}
	}
	i.Forget()
	for range 3 {
		cli(t, f.control, "keymanager", "refresh", "a")
	}
	f.everywhere(t, fresh, 200, "")
	f.everywhere(t, old, 401, "invalid_token")
	if r := f.control.CLI(t, "", "get", "key-manager", "a", "-o", "yaml"); containsText(r.Stdout, "keysAsked") {
		t.Errorf("the object shows it: %s", r)
	}
}

// metricsOf gives what Prometheus reads of a process.
func metricsOf(t *testing.T, n *program.Node) string {
	t.Helper()
	resp, err := http.Get("http://" + n.Ops + "/metrics") //nolint:noctx // a test's own question
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
