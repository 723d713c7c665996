package e2e

import (
	"net/http"
	"testing"

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
