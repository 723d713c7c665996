package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// apiUsages is what `api usages -o json` prints of use.
type apiUsages struct {
	State         string
	Subscriptions []struct{ Name, Application, State string }
	Calls         calls
	Retire        struct {
		Calls        int
		Applications []string
	}
}

// TestStatesOfAnAPI: gateways have a published and a deprecated API and no other, in both directions; what exists of
// subscriptions stays, and what retiring would do is told before.
func TestStatesOfAnAPI(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, false)
	n, up, a := f.control, newUpstream(t), issuer.Start(t, "a", "RS256")
	token := mint(t, a, issuer.Token{})
	apply(t, n, external("a", a, ""), orders(up.URL, "[a]", ""), mobile("a"), manifest("Application", "web", "owner: alice"))
	f.everywhere(t, token, 200, "")
	u := cliJSON[apiUsages](t, n, "api", "usages", "orders-v1")
	if len(u.Subscriptions) != 1 || u.Subscriptions[0].Application != "mobile" || u.State != "published" ||
		len(u.Retire.Applications) != 1 || u.Retire.Applications[0] != "mobile" {
		t.Errorf("usages: %+v", u)
	}
	web := manifest("Subscription", "web-orders", "application: web, api: orders-v1")
	for _, c := range []struct {
		state  string
		status int
		code   string
		taken  bool // new subscriptions, by an administrator
	}{
		{"deprecated", 200, "", false}, {"retired", 404, "no_such_api", false}, {"draft", 404, "no_such_api", true},
		{"published", 200, "", true}, {"retired", 404, "no_such_api", false}, {"deprecated", 200, "", false},
	} {
		apply(t, n, orders(up.URL, "[a]", ", state: "+c.state))
		t.Logf("%s: in force everywhere after %s", c.state, f.everywhere(t, token, c.status, c.code))
		r := n.CLI(t, web, "apply", "-f", "-")
		if taken := r.Code == 0; taken != c.taken || !taken && !containsText(r.Stderr, "is "+c.state) {
			t.Errorf("%s: a new subscription: %s", c.state, r)
		}
		if c.taken {
			cli(t, n, "delete", "subscription", "web-orders")
		}
		if shown := cli(t, n, "get", "apis"); !containsText(shown, "/orders/v1, "+c.state) {
			t.Errorf("the listing: %s", shown)
		}
	}
	if r := n.CLI(t, "", "api", "usages", "nothing"); r.Code != 3 || !containsText(r.Stderr, "not_found") {
		t.Errorf("usages of nothing: %s", r)
	}
	until(t, f.gateways[0].Gateway, http.MethodGet, "/orders/v1/ping", "", 200, "")
}

// TestTheDefaultVersionMovesInOneStep: callers who leave out the version reach one of the two at every moment, and after the
// answer the new one, on every gateway.
func TestTheDefaultVersionMovesInOneStep(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, false)
	n, up := f.control, newUpstream(t)
	version := func(v, more string) string {
		return manifest("API", "orders-"+v, fmt.Sprintf(`context: /orders, version: %s, upstream: {production: "%s/%s"},
  keyManagers: all, operations: [{method: GET, path: /ping, security: none}]%s`, v, up.URL, v, more))
	}
	apply(t, n, version("v1", ", default: true"), version("v2", ""), version("v3", ", state: draft"))
	for _, g := range f.gateways {
		until(t, g.Gateway, http.MethodGet, "/orders/ping", "", 200, "")
		until(t, g.Gateway, http.MethodGet, "/orders/v2/ping", "", 200, "")
	}
	moved := make(chan struct{})
	var callers sync.WaitGroup
	for _, g := range f.gateways {
		callers.Go(func() {
			for calls := 1; ; calls++ {
				if a := call(t, g.Gateway, http.MethodGet, "/orders/ping", ""); a.status != 200 {
					t.Errorf("call %d without a version: %s", calls, a.want(200, ""))
					return
				}
				select {
				case <-moved:
					t.Logf("%d calls", calls)
					return
				default:
				}
			}
		})
	}
	for range 10 {
		cli(t, n, "api", "default", "orders-v2")
		cli(t, n, "api", "default", "orders-v1")
	}
	if said := cli(t, n, "api", "default", "orders-v2"); said != "API orders-v2 is the default version\n" {
		t.Errorf("said %q", said)
	}
	close(moved)
	callers.Wait()
	for _, g := range f.gateways {
		for reached := ""; reached != "/v2/ping"; { // within the test's own time
			reached = call(t, g.Gateway, http.MethodGet, "/orders/ping", "").echo.URI
		}
	}
	if r := n.CLI(t, "", "api", "default", "orders-v3"); r.Code != 3 || !containsText(r.Stderr, "orders-v3 is draft: publish it") {
		t.Errorf("a draft: %s", r)
	}
}

// TestSubscriptionApproval: what a developer asks for under a plan that wants an approval has no effect until a publisher
// approves it, at gateways and at key managers, and asks again with another such plan.
func TestSubscriptionApproval(t *testing.T) {
	t.Parallel()
	n, up := serve(t), newUpstream(t)
	apply(t, n, manifest("User", "alice", "roles: [developer]"), manifest("User", "pat", "roles: [publisher]"),
		manifest("Plan", "platinum", "approval: manual"), manifest("Plan", "iron", "approval: manual"),
		orders(up.URL, "[resident]", ", plans: [platinum, iron]"), manifest("Application", "mobile", "owner: alice"))
	alice := strings.TrimSpace(cli(t, n, "token", "create", "--user", "alice"))
	pat := strings.TrimSpace(cli(t, n, "token", "create", "--user", "pat"))
	as := func(token, input string, args ...string) string {
		t.Helper()
		r := n.CLIAs(t, token, input, args...)
		if r.Code != 0 {
			t.Fatalf("keyward %s: %s", strings.Join(args, " "), r)
		}
		return r.Stdout
	}
	keys := func(verb string, more ...string) []string {
		place := []string{"--application", "mobile", "--key-manager", "resident", "--environment", "production"}
		return append(append([]string{"keys", verb}, place...), more...)
	}
	as(alice, manifest("Subscription", "s", "application: mobile, api: orders-v1, plan: platinum"), "apply", "-f", "-")
	as(alice, "", keys("generate")...)
	plain := strings.TrimSpace(as(alice, "", keys("token")...))
	if r := n.CLIAs(t, alice, "", keys("token", "--scope", "orders:read")...); r.Code == 0 {
		t.Errorf("a scope before the approval: %s", r)
	}
	until(t, n.Gateway, http.MethodGet, items, plain, 403, "no_subscription")
	if out := as(pat, "", "subscriptions", "requests"); !containsText(out, "platinum  alice") {
		t.Errorf("requests:\n%s", out)
	}
	if r := n.CLIAs(t, alice, "", "subscriptions", "approve", "s"); r.Code != 3 {
		t.Errorf("approved by who asked: %s", r)
	}
	if out := as(pat, "", "subscriptions", "approve", "s"); out != "Subscription s approved\n" {
		t.Errorf("approve printed %q", out)
	}
	var token string
	testbed.Eventually(t, "a token with the scope", func() string {
		r := n.CLIAs(t, alice, "", keys("token", "--scope", "orders:read")...)
		token = strings.TrimSpace(r.Stdout)
		return r.Stderr
	})
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	as(alice, manifest("Subscription", "s", "application: mobile, api: orders-v1, plan: iron"), "apply", "-f", "-")
	until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
	if r := n.CLIAs(t, alice, "", "subscriptions", "reject", "s", "--reason", "too many calls"); r.Code != 3 {
		t.Errorf("rejected by who asked: %s", r)
	}
	as(pat, "", "subscriptions", "reject", "s", "--reason", "too many calls")
	if out := as(alice, "", "get", "subscriptions"); !containsText(out, "rejected: too many calls") {
		t.Errorf("who asked reads:\n%s", out)
	}
	if out := as(alice, "", "subscriptions", "ask-again", "s"); out != "Subscription s asked for again\n" {
		t.Errorf("ask-again printed %q", out)
	}
	if r := n.CLIAs(t, alice, "", "subscriptions", "ask-again", "s"); r.Code != 3 {
		t.Errorf("asked for twice: %s", r)
	}
	if out := as(pat, "", "subscriptions", "requests"); !containsText(out, "iron  alice") {
		t.Errorf("requests after asking again:\n%s", out)
	}
	as(alice, "", "delete", "subscription", "s")
	if out := as(alice, "", "explain", "--path", items); !containsText(out, "API: orders-v1") {
		t.Errorf("explained to who sees the API: %s", out)
	}
	apply(t, n, orders(up.URL, "[resident]", ", plans: [platinum, iron], visibility: [partners]"))
	if r := n.CLIAs(t, alice, "", "explain", "--path", items); r.Code != 3 || containsText(r.Stdout+r.Stderr, "orders-v1") {
		t.Errorf("explained to who does not: %s", r)
	}
}

// remembered is what `decisions -o json` prints of use.
type remembered []struct {
	Decision, Gateway, API, Application, KeyManager, Code, Operation, Fingerprint string
}

// TestPastDecisions: the id of a 401 leads to the steps of that very decision at the gateway that made it, as explain gives
// them, without the token; a gateway that is away is told of; developers read what concerns their applications, in safe words.
func TestPastDecisions(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, false)
	n, up, a := f.control, newUpstream(t), issuer.Start(t, "a", "RS256")
	good, forged := mint(t, a, issuer.Token{}), mint(t, a, issuer.Token{})+"x"
	apply(t, n, external("a", a, ""), orders(up.URL, "[a]", ""), mobile("a"), manifest("User", "alice", "roles: [developer]"),
		manifest("User", "dora", "roles: [developer]"))
	f.everywhere(t, good, 200, "")
	ids := map[string]string{}
	for _, g := range f.gateways {
		id := call(t, g.Gateway, http.MethodGet, items, forged).header.Get("X-Keyward-Decision")
		call(t, g.Gateway, http.MethodGet, "/orders/v1/admin", good)
		ids[g.Name] = id
		x := cliJSON[explanation](t, n, "explain", "--decision", id)
		if want := explain(t, n, items, forged); x.Code != "invalid_token" || stepsOf(x) != stepsOf(want) || x.Status != want.Status {
			t.Errorf("remembered %+v, explained %+v", x, want)
		}
		if out := cli(t, n, "explain", "--decision", id); !containsText(out, "gateway: "+g.Name) || containsText(out, forged) {
			t.Errorf("explain printed %s", out)
		}
		list := cliJSON[remembered](t, n, "decisions", "--gateway", g.Name, "--code", "invalid_token")
		if len(list) != 1 || list[0].Decision != id || list[0].Gateway != g.Name || list[0].API != "orders-v1" {
			t.Errorf("of %s: %+v", g.Name, list)
		}
	}
	alice := strings.TrimSpace(cli(t, n, "token", "create", "--user", "alice"))
	dora := strings.TrimSpace(cli(t, n, "token", "create", "--user", "dora"))
	if r := n.CLIAs(t, alice, "", "decisions", "--code", "insufficient_scope", "-o", "json"); !containsText(r.Stdout, "/admin") ||
		containsText(r.Stdout, "fingerprint") || containsText(r.Stdout, "keyManager") {
		t.Errorf("alice reads of her application: %s", r)
	}
	if r := n.CLIAs(t, dora, "", "decisions", "-o", "json"); r.Code != 0 || containsText(r.Stdout, "orders-v1") {
		t.Errorf("dora reads of others: %s", r)
	}
	if r := n.CLIAs(t, dora, "", "explain", "--decision", ids["g1"]); r.Code != 3 || !containsText(r.Stderr, "not_found") {
		t.Errorf("dora explains others' decisions: %s", r)
	}
	hiddenFromOutside(t, f, up.URL, good, alice)
	f.gateways[0].Kill()
	testbed.Eventually(t, "the gateway is known to be away", func() string {
		r := n.CLI(t, "", "explain", "--decision", ids["g1"])
		if r.Code != 3 || !containsText(r.Stderr, "gateway_away") || !containsText(r.Stderr, "ateway g1,") {
			return r.String()
		}
		return ""
	})
	r := n.CLI(t, "", "decisions")
	if r.Code != 0 || !containsText(r.Stderr, "could not be asked: g1") || !containsText(r.Stdout, ids["g2"]) {
		t.Errorf("with one gateway away: %s", r)
	}
	r = n.CLIAs(t, alice, "", "decisions")
	if r.Code != 0 || !containsText(r.Stderr, "could not be asked: a gateway") || containsText(r.Stderr, "g1") {
		t.Errorf("alice, with one gateway away: %s", r)
	}
	if r := n.CLI(t, "", "explain", "--decision", ids["g2"]+"x"); r.Code != 3 || !containsText(r.Stderr, "not_found") {
		t.Errorf("of none: %s", r)
	}
}

// hiddenFromOutside: who may not see an API, and whose application is not subscribed to it, does not learn what it is called and
// offers from calls that find it all the same.
func hiddenFromOutside(t *testing.T, f *fleet, upstream, token, alice string) {
	t.Helper()
	n := f.control
	apply(t, n, manifest("API", "plans-of-2031", fmt.Sprintf(`context: /p, version: v1, upstream: {production: "%s"}, keyManagers: [a],
  visibility: [partners], operations: [{method: GET, path: "/secret/{id}"}]`, upstream)))
	for _, g := range f.gateways {
		until(t, g.Gateway, http.MethodGet, "/p/v1/secret/1", token, 403, "no_subscription")
	}
	id := call(t, f.gateways[1].Gateway, http.MethodGet, "/p/v1/secret/1", token).header.Get("X-Keyward-Decision")
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, args := range map[string][]string{
		"a decision": {"explain", "--decision", id}, "all decisions": {"decisions", "--code", "no_subscription"},
		"those of the API": {"decisions", "--api", "plans-of-2031"},
		"an explanation":   {"explain", "--path", "/p/v1/secret/1", "--token-file", file},
	} {
		args = append(args, "-o", "json")
		if out := cli(t, n, args...); !containsText(out, "plans-of-2031") {
			t.Errorf("%s: the administrator reads %s", what, out)
		}
		r := n.CLIAs(t, alice, "", args...)
		if containsText(r.Stdout+r.Stderr, "plans-of") || containsText(r.Stdout+r.Stderr, "secret") ||
			(r.Code == 0) == (what == "an explanation") || what == "those of the API" && containsText(r.Stdout, id) {
			t.Errorf("%s: alice reads %s", what, r)
		}
	}
}

func stepsOf(x explanation) string {
	var all []string
	for _, s := range x.Steps {
		all = append(all, s.Step, s.Result, s.Expected, s.Seen, s.Fix)
	}
	return strings.Join(all, "\n")
}
