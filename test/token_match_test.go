package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

func rule(name, application, match string) string {
	return manifest("OAuthClient", name, "application: "+application+", keyManager: a, match: "+match)
}

// TestClientMatch: a partner whose clients nobody can list. Rules give its tokens to applications on every gateway, in
// their order, within a second, also from disk; explain and the backend are told of the token's own client.
func TestClientMatch(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, false)
	n, up, i := f.control, newUpstream(t), issuer.Start(t, "k", "RS256")
	as := func(client, sub any) string {
		return mint(t, i, issuer.Token{Claims: map[string]any{"client_id": client, "sub": sub}})
	}
	web := join(manifest("Application", "web", "owners: [bob]"),
		manifest("Subscription", "web-orders", "application: web, api: orders-v1"), manifest("Application", "idle", "owners: [bob]"))
	introspection := `, endpoints: {introspection: "` + i.URL + `/introspect"}, introspection: {clientId: gateway, clientSecret: hush}`
	apply(t, n, external("a", i, introspection), orders(up.URL, "[a]", ", backendJWT: {enabled: true}"), mobile("a"), web)
	svc, other, nobody, exact := as("x", "svc-1"), as("y", "user-1"), as(nil, "svc-1"), as("abc", "svc-1")
	f.everywhere(t, exact, 200, "")
	f.everywhere(t, svc, 403, "no_subscription")
	f.everywhere(t, nobody, 401, "invalid_token")

	apply(t, n, rule("web-svc", "web", "{claim: sub, prefix: svc-}"))
	f.everywhere(t, svc, 200, "")
	f.everywhere(t, nobody, 200, "")
	f.everywhere(t, other, 403, "no_subscription")
	if got := backendApplication(t, f.gateways[0], svc); got != "web x" {
		t.Errorf("the backend is told of %q", got)
	}
	if got := backendApplication(t, f.gateways[1], exact); got != "mobile abc" {
		t.Errorf("the backend is told of %q", got)
	}
	for token, seen := range map[string]string{
		svc:    `application web, environment production, by match claim sub prefix svc-; the token has client id "x" (claim client_id)`,
		exact:  `application mobile, environment production, by client id "abc"`,
		nobody: `match claim sub prefix svc-; the token has no client id`,
	} {
		if got := applicationStep(explain(t, n, items, token)); !containsText(got, seen) {
			t.Errorf("explained as %q, want %q", got, seen)
		}
	}

	// Any for an application that calls nothing: no group needs it, and it opens nothing.
	apply(t, n, rule("idle-any", "idle", "{any: true}"))
	f.everywhere(t, svc, 200, "")
	f.everywhere(t, other, 403, "no_subscription")
	f.everywhere(t, as("gateway", "svc-1"), 403, "no_subscription") // the key manager's own
	apply(t, n, manifest("OAuthClient", "idle-any", "application: idle, keyManager: a, match: {claim: sub, prefix: svc-long-}"))
	f.everywhere(t, as("x", "svc-long-1"), 403, "no_subscription") // the longest prefix, whoever has it
	f.everywhere(t, svc, 200, "")

	cli(t, n, "hold", "oauth-client", "web-svc", "--reason", "stolen on the train")
	f.everywhere(t, svc, 403, "subscription_blocked")
	f.everywhere(t, exact, 200, "")
	cli(t, n, "unhold", "oauth-client", "web-svc")
	f.everywhere(t, svc, 200, "")

	// A client that is put out of use is nobody's, until the rule is all that is left of it.
	cli(t, n, "keys", "revoke", "--application", "mobile", "--key-manager", "a", "--environment", "production")
	f.everywhere(t, exact, 403, "no_subscription")
	f.everywhere(t, svc, 200, "")

	// From disk, without a control plane.
	f.stopControl(t)
	g := f.gateways[0]
	g.Kill()
	g.Start(t)
	until(t, g.Gateway, http.MethodGet, items, svc, 200, "")
	until(t, g.Gateway, http.MethodGet, items, nobody, 200, "")
	until(t, g.Gateway, http.MethodGet, items, exact, 403, "no_subscription")
	until(t, g.Gateway, http.MethodGet, items, other, 403, "no_subscription")
}

func applicationStep(x explanation) string {
	for _, s := range x.Steps {
		if s.Step == "application" {
			return s.Seen
		}
	}
	return ""
}

// backendApplication calls and gives the application and the client id that the backend was told of.
func backendApplication(t *testing.T, g *program.Node, token string) string {
	t.Helper()
	a := call(t, g.Gateway, http.MethodGet, items, token)
	if fault := a.want(200, ""); fault != "" {
		t.Fatal(fault)
	}
	var claims struct {
		ClientID string `json:"client_id"`
		Keyward  struct{ Application string }
	}
	_, rest, _ := strings.Cut(a.echo.Header.Get("X-JWT-Assertion"), ".")
	body, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(claims.Keyward.Application + " " + claims.ClientID)
}

// TestClientMatchIsForAdministrators, and is refused where it says nothing or says what another says.
func TestClientMatchIsForAdministrators(t *testing.T) {
	t.Parallel()
	up, i := newUpstream(t), issuer.Start(t, "k", "RS256")
	n := serve(t)
	apply(t, n, external("a", i, ""), orders(up.URL, "[a]", ""), mobile(), manifest("User", "alice", "roles: [developer]"),
		manifest("User", "pat", "roles: [publisher]"), manifest("Application", "web", ""))
	for field, match := range map[string]string{
		"spec.match.prefix":             "{claim: sub}",
		"spec.match":                    "{}",
		"spec.match: give any":          "{any: true, claim: sub, prefix: svc-}",
		"spec.match: give clientId":     "{any: true}, clientId: abc",
		"spec.match.claim":              "{claim: /a~b, prefix: x}",
		"spec.match.regex":              "{regex: x}",
		"spec.match: give any: true, o": "{any: false}",
	} {
		if r := n.CLI(t, rule("r", "mobile", match), "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, field) {
			t.Errorf("%s: %s", match, r)
		}
	}
	mine := rule("r", "mobile", "{claim: sub, prefix: svc-}")
	for _, user := range []string{"alice", "pat"} {
		token := strings.TrimSpace(cli(t, n, "token", "create", "--user", user))
		if r := n.CLIAs(t, token, mine, "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, "forbidden") {
			t.Errorf("%s makes a rule: %s", user, r)
		}
		body := `{"apiVersion":"keyward.dev/v1","kind":"OAuthClient","metadata":{"name":"r"},` +
			`"spec":{"application":"mobile","keyManager":"a","match":{"any":true}}}`
		if status := putAs(t, n, token, "/api/v1/oauth-clients/r", body); status != http.StatusForbidden {
			t.Errorf("%s makes a rule by REST: %d", user, status)
		}
	}
	apply(t, n, mine)
	for what, text := range map[string]string{
		"the same rule":            rule("s", "web", "{claim: sub, prefix: svc-}"),
		"in another spelling":      rule("s", "web", "{claim: /sub, prefix: svc-}"),
		"in the place of a client": manifest("OAuthClient", "s", "application: mobile, keyManager: a, clientId: def"),
	} {
		if r := n.CLI(t, text, "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, "already") {
			t.Errorf("%s: %s", what, r)
		}
	}
	alice := strings.TrimSpace(cli(t, n, "token", "create", "--user", "alice"))
	at := []string{"--application", "mobile", "--key-manager", "a", "--environment", "production"}
	for verb, words := range map[string]string{
		"delete": "forbidden", "revoke": "forbidden", "rotate": "a rule", "token": "a rule", "generate": "",
	} {
		r := n.CLIAs(t, alice, "", append([]string{"keys", verb}, at...)...)
		if r.Code != 3 || !containsText(r.Stderr, words) {
			t.Errorf("keys %s of a rule by a developer: %s", verb, r)
		}
	}
	if r := n.CLIAs(t, alice, "", "delete", "application", "mobile", "--with-keys"); r.Code == 0 {
		t.Errorf("a developer deletes the application with its rule: %s", r)
	}
	if r := n.CLIAs(t, alice, "", "keys", "list", "--application", "mobile"); !containsText(r.Stdout, "match claim sub prefix svc-") {
		t.Errorf("keys list: %s", r)
	}
	if list := cli(t, n, "get", "oauth-clients"); !containsText(list, "match claim sub prefix svc- of mobile in a") {
		t.Errorf("get oauth-clients:\n%s", list)
	}
	if r := n.CLI(t, cli(t, n, "export"), "apply", "-f", "-"); r.Code != 0 || containsText(r.Stdout, "updated") {
		t.Errorf("export, then apply: %s", r)
	}
	until(t, n.Gateway, http.MethodGet, items, mint(t, i, issuer.Token{Claims: map[string]any{"client_id": "z", "sub": "svc-1"}}), 200, "")
	cli(t, n, append([]string{"keys", "delete"}, at...)...)
	until(t, n.Gateway, http.MethodGet, items, mint(t, i, issuer.Token{Claims: map[string]any{"client_id": "z", "sub": "svc-1"}}), 403,
		"no_subscription")
}
