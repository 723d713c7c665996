package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// TestHold: what an administrator holds is off on every gateway, cached tokens included, stays off through apply, and
// is on again when the hold is lifted. Another issuer, client and application go on all the while.
func TestHold(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, false)
	n, up := f.control, newUpstream(t)
	a, b := issuer.Start(t, "a", "RS256"), issuer.Start(t, "b", "RS256")
	ta, tb := mint(t, a, issuer.Token{}), mint(t, b, issuer.Token{})
	stranger := mint(t, a, issuer.Token{Claims: map[string]any{"client_id": "stranger"}})
	open := manifest("API", "open", `context: /open, version: v1, upstream: {production: `+quoted(up.URL)+`}, keyManagers: all,
  subscription: none, operations: [{method: GET, path: /items}]`)
	apply(t, n, external("a", a, ""), external("b", b, ""), orders(up.URL, "[a, b]", ""), open, mobile("a"),
		manifest("Application", "other", "owners: [bob]"),
		manifest("OAuthClient", "other-b", "application: other, keyManager: b, clientId: abc"),
		manifest("Subscription", "other-orders", "application: other, api: orders-v1"))
	f.everywhere(t, ta, 200, "")
	f.everywhere(t, tb, 200, "")
	for _, c := range []struct {
		kind, name, manifest string
		status               int
		code, step           string
	}{
		{"key-manager", "a", external("a", a, ", displayName: Changed"), 401, "unknown_issuer", "key manager"},
		{"Application", "mobile", "", 403, "subscription_blocked", "application"},
		{"subscriptions", "mobile-orders", "", 403, "subscription_blocked", "subscription"},
		{"OAuthClient", "mobile-a", "", 403, "subscription_blocked", "application"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			out := cli(t, n, "hold", c.kind, c.name, "--reason", "stolen on the train")
			if !strings.HasSuffix(out, c.name+" held\n") {
				t.Errorf("hold printed %q", out)
			}
			f.everywhere(t, ta, c.status, c.code)
			f.everywhere(t, tb, 200, "")
			g := f.gateways[0].Gateway
			if c.step != "subscription" { // an API without subscriptions asks for none, but the others stay off there too
				until(t, g, http.MethodGet, "/open/v1/items", ta, c.status, c.code)
			}
			if c.step != "key manager" {
				until(t, g, http.MethodGet, "/open/v1/items", stranger, 200, "")
			}
			if refused := call(t, g, http.MethodGet, items, ta); containsText(refused.body, "train") ||
				containsText(refused.header.Get("WWW-Authenticate"), "train") {
				t.Errorf("the caller is told why: %s", refused.body)
			}
			saysWhy(t, n, ta, c.step, c.code)
			if shown := cli(t, n, "get", c.kind, c.name); !containsText(shown, "stolen on the train") {
				t.Errorf("get does not show the hold:\n%s", shown)
			}
			if exported := cli(t, n, "export"); containsText(exported, "train") {
				t.Errorf("the export speaks of the hold:\n%s", exported)
			}
			if c.manifest != "" {
				if again := apply(t, n, c.manifest); !strings.HasSuffix(again.Stdout, " held\n") {
					t.Errorf("apply printed %q", again.Stdout)
				}
				if shown := cli(t, n, "get", c.kind, c.name); !containsText(shown, "Changed") {
					t.Errorf("apply did not change the held object:\n%s", shown)
				}
			}
			f.everywhere(t, ta, c.status, c.code)
			cli(t, n, "unhold", c.kind, c.name)
			f.everywhere(t, ta, 200, "")
		})
	}
	if r := n.CLI(t, "", "hold", "api", "orders-v1", "--reason", "x"); r.Code != 2 {
		t.Errorf("an API was held: %s", r)
	}
	if r := n.CLI(t, "", "hold", "application", "mobile"); r.Code != 2 {
		t.Errorf("held without a reason: %s", r)
	}
	if r := n.CLI(t, "", "hold", "application", "nothing", "--reason", "x"); r.Code != 3 {
		t.Errorf("held what is not there: %s", r)
	}
}

// saysWhy: explain names the step, and the reason to an administrator.
func saysWhy(t *testing.T, n *program.Node, token, step, code string) {
	t.Helper()
	got := explain(t, n, items, token)
	for _, s := range got.Steps {
		if s.Result == "fail" && s.Step == step && containsText(s.Seen, "stolen on the train") && got.Code == code {
			return
		}
	}
	t.Errorf("explain: %+v", got)
}

// TestHoldEndsByItself: at its time, also on a gateway that has lost the control plane and one that starts without it.
func TestHoldEndsByItself(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, false)
	up, a := newUpstream(t), issuer.Start(t, "a", "RS256")
	token := mint(t, a, issuer.Token{})
	apply(t, f.control, external("a", a, ""), orders(up.URL, "[a]", ""), mobile("a"))
	f.everywhere(t, token, 200, "")
	end := time.Now().Add(20 * time.Second).Truncate(time.Second)
	cli(t, f.control, "hold", "keymanager", "a", "--reason", "looking", "--until", end.Format(time.RFC3339))
	cli(t, f.control, "hold", "application", "mobile", "--reason", "looking", "--until", end.Format(time.RFC3339))
	f.everywhere(t, token, 401, "unknown_issuer")
	f.stopControl(t)
	g := f.gateways[0]
	g.Kill()
	g.Start(t)
	until(t, g.Gateway, http.MethodGet, items, token, 401, "unknown_issuer")
	until(t, g.Gateway, http.MethodGet, items, token, 200, "")
	if time.Now().Before(end) {
		t.Error("the hold ended before its time")
	}
}

// TestHoldForbidsKeys: nobody gets new keys where a hold is; developers cannot replace what is held, nor read why.
func TestHoldForbidsKeys(t *testing.T) {
	t.Parallel()
	n := serve(t)
	apply(t, n, manifest("User", "alice", "roles: [developer]"), manifest("Application", "mobile", "owners: [alice]"),
		manifest("Application", "spare", "owners: [alice]"))
	alice := strings.TrimSpace(cli(t, n, "token", "create", "--user", "alice"))
	keys := func(verb, app string) program.Result {
		return n.CLIAs(t, alice, "", "keys", verb, "--application", app, "--key-manager", "resident", "--environment", "production")
	}
	if r := keys("generate", "mobile"); r.Code != 0 {
		t.Fatal(r)
	}
	wantHeld := func(what string, r program.Result) {
		t.Helper()
		if r.Code != 3 || !containsText(r.Stderr, "held") || containsText(r.Stderr, "train") {
			t.Errorf("%s: %s", what, r)
		}
	}
	cli(t, n, "hold", "keymanager", "resident", "--reason", "stolen on the train")
	wantHeld("generate", keys("generate", "spare"))
	wantHeld("rotate", keys("rotate", "mobile"))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantHeld("map", n.CLIAs(t, alice, "", "keys", "map", "--application", "spare", "--key-manager", "resident",
		"--environment", "production", "--client-id", "x", "--client-secret-file", secret))
	cli(t, n, "unhold", "keymanager", "resident")
	if r := keys("rotate", "mobile"); r.Code != 0 {
		t.Errorf("rotate after the hold: %s", r)
	}
	client := "mobile-resident-production"
	cli(t, n, "hold", "oauth-client", client, "--reason", "stolen on the train")
	wantHeld("delete", keys("delete", "mobile"))
	if r := n.CLIAs(t, alice, "", "unhold", "oauth-client", client); r.Code != 3 || !containsText(r.Stderr, "forbidden") {
		t.Errorf("a developer lifts a hold: %s", r)
	}
	if r := n.CLIAs(t, alice, "", "get", "oauth-client", client); r.Code != 0 || !containsText(r.Stdout, "hold:") ||
		containsText(r.Stdout, "train") {
		t.Errorf("what a developer sees of a hold: %s", r)
	}
	if shown := cli(t, n, "get", "oauth-client"); !containsText(shown, "held; ") {
		t.Errorf("the listing does not show the hold:\n%s", shown)
	}
	cli(t, n, "delete", "oauth-client", client)
	testbed.Eventually(t, "new keys after the deletion", func() string {
		if r := keys("generate", "mobile"); r.Code != 0 {
			return r.String()
		}
		return ""
	})
}
