package e2e

import (
	"net/http"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// TestSubscriptionScopesAreACeiling: a call has no scope that the subscription does not list, whichever server issued
// the token, and the resident one gives no more either.
func TestSubscriptionScopesAreACeiling(t *testing.T) {
	t.Parallel()
	up, i := newUpstream(t), issuer.Start(t, "k", "RS256")
	n := serve(t)
	with := func(scopes string) string {
		return manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1, scopes: "+scopes)
	}
	apply(t, n, external("a", i, ""), orders(up.URL, "all", ""), mobile("a"))
	token := mint(t, i, issuer.Token{Claims: map[string]any{"scope": "orders:read orders:write"}})
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	until(t, n.Gateway, http.MethodPost, items, token, 200, "")
	cli(t, n, place("generate", "resident")...)
	own := func() (token, scope string) {
		got := cliJSON[triedToken](t, n, place("token", "resident")...)
		return got.Token, got.Scope
	}

	apply(t, n, with(`["orders:write"]`))
	until(t, n.Gateway, http.MethodGet, items, token, 403, "insufficient_scope")
	until(t, n.Gateway, http.MethodPost, items, token, 200, "")
	x := explain(t, n, items, token)
	if s := failedStep(x); s.Step != "scope" || !containsText(s.Seen, "the subscription lets through only orders:write") ||
		!containsText(s.Fix, "spec.scopes of the subscription") {
		t.Errorf("explained as %+v", s)
	}
	resident, scope := own()
	if scope != "orders:write" {
		t.Errorf("the resident server gave %q", scope)
	}
	until(t, n.Gateway, http.MethodPost, items, resident, 200, "")
	until(t, n.Gateway, http.MethodGet, items, resident, 403, "insufficient_scope")
	apply(t, n, with("[]"))
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	until(t, n.Gateway, http.MethodGet, items, resident, 403, "insufficient_scope") // the token was given under the ceiling
	resident, scope = own()
	if scope != "orders:admin orders:read orders:write" {
		t.Errorf("without a ceiling the resident server gave %q", scope)
	}
	until(t, n.Gateway, http.MethodGet, items, resident, 200, "")

	for field, scopes := range map[string]string{"spec.scopes[0]": `["a b"]`, "spec.scopes[1]": "[x, x]"} {
		if r := n.CLI(t, with(scopes), "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, field) {
			t.Errorf("%s: %s", field, r)
		}
	}
	apply(t, n, with(`["orders:read"]`))
	if r := n.CLI(t, cli(t, n, "export"), "apply", "-f", "-"); r.Code != 0 || containsText(r.Stdout, "updated") {
		t.Errorf("export, then apply: %s", r)
	}
}

func failedStep(x explanation) (failed struct{ Step, Result, Expected, Seen, Fix string }) {
	for _, s := range x.Steps {
		if s.Result == "fail" {
			return s
		}
	}
	return failed
}

// TestGrantsTurnClaimsIntoScopes: groups and roles of a token give scopes, on the running gateway and in explain.
func TestGrantsTurnClaimsIntoScopes(t *testing.T) {
	t.Parallel()
	up, i := newUpstream(t), issuer.Start(t, "k", "RS256")
	n := serve(t)
	apply(t, n, external("a", i, ""), orders(up.URL, "[a]", ""), mobile("a"))
	boss := mint(t, i, issuer.Token{Claims: map[string]any{"scope": nil, "realm": map[string]any{"roles": []string{"x", "boss"}}}})
	clerk := mint(t, i, issuer.Token{Claims: map[string]any{"scope": nil, "realm": map[string]any{"roles": []string{"clerk"}}}})
	until(t, n.Gateway, http.MethodGet, items, boss, 403, "insufficient_scope")
	apply(t, n, external("a", i, `, claims: {grants: [{claim: level, equals: 3, scopes: [x]},
  {claim: /realm/roles, equals: boss, scopes: ["orders:read", "orders:write"]}]}`))
	until(t, n.Gateway, http.MethodGet, items, boss, 200, "")
	until(t, n.Gateway, http.MethodPost, items, boss, 200, "")
	until(t, n.Gateway, http.MethodGet, items, clerk, 403, "insufficient_scope")
	wantSeen(t, n, boss, "scope", "by claims.grants[1] of the key manager: claim /realm/roles")
	if r := n.CLI(t, cli(t, n, "export"), "apply", "-f", "-"); r.Code != 0 || containsText(r.Stdout, "updated") {
		t.Errorf("export, then apply: %s", r)
	}
	for grant, field := range map[string]string{
		"{equals: x, scopes: [y]}":                          "claim",
		"{claim: /a~2, equals: x, scopes: [y]}":             "claim",
		"{claim: g, scopes: [y]}":                           "equals",
		"{claim: g, equals: [x], scopes: [y]}":              "equals",
		`{claim: g, equals: "", scopes: [y]}`:               "equals",
		"{claim: g, equals: 9007199254740993, scopes: [y]}": "equals",
		"{claim: g, equals: x}":                             "scopes",
		`{claim: g, equals: x, scopes: ["a b"]}`:            "scopes[0]",
		"{claim: g, equals: x, scopes: [a, a]}":             "scopes[1]",
	} {
		r := n.CLI(t, external("a", i, ", claims: {grants: ["+grant+"]}"), "apply", "-f", "-")
		if r.Code != 3 || !containsText(r.Stderr, "spec.claims.grants[0]."+field) {
			t.Errorf("%s: %s", grant, r)
		}
	}
	apply(t, n, external("a", i, ""))
	until(t, n.Gateway, http.MethodGet, items, boss, 403, "insufficient_scope")
}

// wantSeen expects a text in what a step of the explanation saw.
func wantSeen(t *testing.T, n *program.Node, token, step, text string) {
	t.Helper()
	x := explain(t, n, items, token)
	for _, s := range x.Steps {
		if s.Step == step && containsText(s.Seen, text) {
			return
		}
	}
	t.Errorf("step %s does not say %q: %+v", step, text, x.Steps)
}
