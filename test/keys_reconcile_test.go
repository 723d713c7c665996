package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/testbed/program"
)

// reconciled runs keymanager reconcile and gives its report and its exit code.
func reconciled(t *testing.T, n *program.Node, more ...string) (reconcile.Reconciliation, int) {
	t.Helper()
	r := n.CLI(t, "", append([]string{"keymanager", "reconcile", "kc", "-o", "json"}, more...)...)
	var report reconcile.Reconciliation
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil {
		t.Fatalf("%v in %s%s", err, r.Stdout, r.Stderr)
	}
	return report, r.Code
}

// TestReconcile: what somebody did to a client by hand in the realm is told and mended, gateways take the client all the
// while, and what is known of it survives a restart.
func TestReconcile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	realm := shared.Realm(t, "reconciled")
	v := vendor{name: "kc"}
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, manifest("KeyManager", "kc", keycloakSpec(realm, realm.Registration(), true)), orders(up.URL, "[kc]", ""), mobile())
	k := cliJSON[madeKeys](t, n, place("generate", "kc")...)
	token := k.token(t, v)
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	verdict := func(want reconcile.Verdict, code int, more ...string) reconcile.StandingClient {
		t.Helper()
		report, got := reconciled(t, n, more...)
		if len(report.Lines) != 1 || report.Lines[0].Verdict != want || got != code {
			t.Fatalf("exit code %d, %+v, want %s and %d", got, report, want, code)
		}
		return report.Lines[0]
	}
	verdict(reconcile.InStep, 0)
	if err := realm.Change(ctx, k.ClientID, map[string]any{"redirectUris": []string{"https://evil.example/cb"}}); err != nil {
		t.Fatal(err)
	}
	line := verdict(reconcile.Changed, 1)
	cli(t, n, strings.Fields(strings.TrimPrefix(line.Mend, "keyward "))...)
	verdict(reconcile.InStep, 0)

	if err := realm.DeleteClient(ctx, k.ClientID); err != nil {
		t.Fatal(err)
	}
	verdict(reconcile.Vanished, 1)
	if list := cli(t, n, "keys", "list", "--application", "mobile"); !strings.Contains(list, "drifted") ||
		!strings.Contains(list, "no longer has client") {
		t.Errorf("keys list says: %s", list)
	}
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	n.Kill()
	n.Start(t)
	verdict(reconcile.Vanished, 1, "--last")
	anew := cliJSON[madeKeys](t, n, place("mend", "kc")...)
	if anew.ClientID == k.ClientID || anew.ClientSecret == "" {
		t.Fatalf("made anew as %s", anew.ClientID)
	}
	until(t, n.Gateway, http.MethodGet, items, anew.token(t, v), 200, "")
	until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
	verdict(reconcile.InStep, 0)
}
