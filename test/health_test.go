package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed"
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
	resp, err := http.Get("http://" + n.Ops + "/metrics") //nolint:noctx // a test's own question
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
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
