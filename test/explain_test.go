package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

type explanation struct {
	Status int
	Code   string
	Steps  []struct{ Step, Result, Expected, Seen, Fix string }
}

func explain(t *testing.T, n *program.Node, path, token string) explanation {
	t.Helper()
	args := []string{"explain", "--method", "GET", "--path", path}
	if token != "" {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--token-file", file)
	}
	return cliJSON[explanation](t, n, args...)
}

// TestExplainSaysWhatTheGatewayDoes: the same status and code as the real call, with the steps in the contract's order
// and never the token.
func TestExplainSaysWhatTheGatewayDoes(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	a, b := issuer.Start(t, "a", "RS256"), issuer.Start(t, "b", "RS256")
	n := serve(t)
	apply(t, n, external("a", a, `, tokens: {audiences: ["urn:test"]}`), external("b", b, ""),
		orders(up.URL, "[a]", ""), mobile("a", "b"))
	good := mint(t, a, issuer.Token{})
	until(t, n.Gateway, http.MethodGet, items, good, 200, "")
	steps := []string{
		"route", "credential", "key manager", "allowed for this API", "signature", "time", "audience", "revocation", "sender constraint",
		"application", "subscription", "scope", "plan", "backend JWT",
	}
	for name, c := range map[string]struct{ path, token, fails string }{
		"good":        {items, good, ""},
		"no token":    {items, "", "credential"},
		"expired":     {items, mint(t, a, issuer.Token{Claims: map[string]any{"exp": 1000}}), "time"},
		"audience":    {items, mint(t, a, issuer.Token{Claims: map[string]any{"aud": "x"}}), "audience"},
		"signature":   {items, good[:len(good)-8] + "AAAAAAAA", "signature"},
		"scope":       {"/orders/v1/admin", good, "scope"},
		"not allowed": {items, mint(t, b, issuer.Token{}), "allowed for this API"},
		"unknown": {items, mint(t, b, issuer.Token{Claims: map[string]any{"iss": "https://nobody.example"}}),
			"key manager"},
		"client":        {items, mint(t, a, issuer.Token{Claims: map[string]any{"client_id": "xyz"}}), "application"},
		"no API":        {"/nowhere", good, "route"},
		"no operation":  {"/orders/v1/nothing", good, "route"},
		"public":        {"/orders/v1/ping", "", ""},
		"two dots":      {"/orders/v1/files/../admin", good, "route"},
		"encoded slash": {"/orders/v1/items%2f1", good, "route"},
	} {
		got := explain(t, n, c.path, c.token)
		gateway := rawCall(t, n.Gateway, "GET "+c.path+" HTTP/1.1", bearer(c.token)...)
		if got.Status != gateway.status || got.Code != gateway.problem.Code {
			t.Errorf("%s: explain says %d %s, the gateway %d %s", name, got.Status, got.Code, gateway.status,
				gateway.problem.Code)
		}
		var order []string
		failed := ""
		for _, s := range got.Steps {
			order = append(order, s.Step)
			if s.Result == "fail" {
				failed = s.Step
				if s.Expected == "" || s.Seen == "" || s.Fix == "" {
					t.Errorf("%s: the failed step does not say what to do: %+v", name, s)
				}
			}
			if c.token != "" && containsText(s.Seen+s.Expected+s.Fix, c.token) {
				t.Errorf("%s: step %s shows the token", name, s.Step)
			}
		}
		// A client that nobody has may be told at either of the two steps that look for it.
		either := c.fails == "application" && failed == "subscription"
		if failed != c.fails && !either {
			t.Errorf("%s: failed at %q, want %q", name, failed, c.fails)
		}
		if name == "good" && !slices.Equal(order, steps) {
			t.Errorf("steps %q, want %q", order, steps)
		}
	}
}

func bearer(token string) []string {
	if token == "" {
		return nil
	}
	return []string{"Authorization: Bearer " + token}
}

// TestEnvironmentsAndStates: the client's environment picks the upstream; a subscription's state decides.
func TestEnvironmentsAndStates(t *testing.T) {
	t.Parallel()
	production, sandbox := newUpstream(t), newUpstream(t)
	i := issuer.Start(t, "a", "RS256")
	n := serve(t)
	api := orders(production.URL, "[a]", "")
	both := manifest("API", "both",
		`context: /both, version: v1, upstream: {production: `+quoted(production.URL)+`, sandbox: `+quoted(sandbox.URL)+`},
  keyManagers: [a], operations: [{method: GET, path: /x}]`)
	apply(t, n, external("a", i, ""), api, both, mobile("a"),
		manifest("OAuthClient", "mobile-sandbox",
			"application: mobile, keyManager: a, environment: sandbox, clientId: sand"),
		manifest("Subscription", "mobile-both", "application: mobile, api: both"))
	live := mint(t, i, issuer.Token{})
	sand := mint(t, i, issuer.Token{Claims: map[string]any{"client_id": "sand"}})
	until(t, n.Gateway, http.MethodGet, "/both/v1/x", live, 200, "")
	until(t, n.Gateway, http.MethodGet, "/both/v1/x", sand, 200, "")
	if production.count() != 1 || sandbox.count() != 1 {
		t.Errorf("production got %d calls, sandbox %d", production.count(), sandbox.count())
	}
	if fault := call(t, n.Gateway, http.MethodGet, items, sand).want(403, "environment_mismatch"); fault != "" {
		t.Error(fault)
	}
	for state, want := range map[string][2]string{ // production's code, sandbox's code
		"blocked": {"subscription_blocked", "subscription_blocked"}, "production-blocked": {"subscription_blocked", ""},
		"on-hold": {"subscription_inactive", "subscription_inactive"}, "rejected": {"subscription_inactive",
			"subscription_inactive"},
		"active": {"", ""},
	} {
		apply(t, n, manifest("Subscription", "mobile-both", "application: mobile, api: both, state: "+state))
		for k, token := range []string{live, sand} {
			status := 403
			if want[k] == "" {
				status = 200
			}
			until(t, n.Gateway, http.MethodGet, "/both/v1/x", token, status, want[k])
		}
	}
	apply(t, n, manifest("Subscription", "mobile-both", "application: mobile, api: both"))
	// A key manager's environments can be narrowed once no client of the other is left.
	if r := n.CLI(t, external("a", i, ", environments: [production]"), "apply", "-f", "-"); r.Code != 3 {
		t.Errorf("clients of sandbox are left: %s", r)
	}
	cli(t, n, "delete", "oauth-client", "mobile-sandbox")
	apply(t, n, external("a", i, ", environments: [production]"))
	until(t, n.Gateway, http.MethodGet, "/both/v1/x", sand, 403, "no_subscription")
	until(t, n.Gateway, http.MethodGet, "/both/v1/x", live, 200, "")
}

// TestExplainKnowsWhatIsLeftOfAPlan: in one process with the gateway it counts with it, and uses nothing up.
func TestExplainKnowsWhatIsLeftOfAPlan(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	a := issuer.Start(t, "a", "RS256")
	n := serve(t)
	apply(t, n, external("a", a, ""), manifest("Plan", "few", "rate: [{requests: 3, per: 1h}]"),
		orders(up.URL, "[a]", ", plans: [few]"), manifest("Application", "mobile", "owner: alice"),
		manifest("OAuthClient", "mobile-a", "application: mobile, keyManager: a, clientId: abc"),
		manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1, plan: few"))
	token := mint(t, a, issuer.Token{})
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	for range 5 {
		if x := explain(t, n, items, token); x.Status != 200 {
			t.Fatalf("%+v", x)
		}
	}
	until(t, n.Gateway, http.MethodGet, items, token, 429, "plan_exhausted")
	x := explain(t, n, items, token)
	if x.Status != 429 || x.Code != "plan_exhausted" {
		t.Errorf("the gateway says 429, explain %d %s: %+v", x.Status, x.Code, x.Steps)
	}
}
