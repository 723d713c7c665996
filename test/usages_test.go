package e2e

import (
	"fmt"
	"slices"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
)

// usages is what `keymanager usages -o json` prints.
type usages struct {
	APIs []struct {
		Name string
		All  bool
	}
	Applications    []string
	Clients         []struct{ Name, Application, Mode, State string }
	Disable, Delete struct {
		RefusedBy          []struct{ Kind, Name string }
		APIs, Applications []string
	}
}

// TestUsagesOfAKeyManager: everything that depends on it is listed, by deletion too, and nothing once it is alone.
func TestUsagesOfAKeyManager(t *testing.T) {
	t.Parallel()
	a, b := issuer.Start(t, "a", "RS256"), issuer.Start(t, "b", "RS256")
	n := serve(t)
	api := func(name, keyManagers string) string {
		return manifest("API", name, fmt.Sprintf(`context: /%s, version: v1, upstream: {production: "http://127.0.0.1:1"},
  keyManagers: %s, operations: [{method: GET, path: /}]`, name, keyManagers))
	}
	apply(t, n, external("a", a, ""), external("b", b, ""), orders("http://127.0.0.1:1", "[a]", ""), api("both", "[a, b]"),
		api("every", "all"), api("apart", "[b]"), mobile("a", "b"), manifest("Application", "lone", "owner: alice"),
		manifest("OAuthClient", "lone-a", "application: lone, keyManager: a, clientId: xyz"))
	u := cliJSON[usages](t, n, "keymanager", "usages", "a")
	var apis, clients, refusing []string
	for _, x := range u.APIs {
		apis = append(apis, fmt.Sprint(x.Name, x.All))
	}
	for _, x := range u.Clients {
		clients = append(clients, x.Name+" "+x.Mode+" "+x.State)
	}
	for _, x := range u.Delete.RefusedBy {
		refusing = append(refusing, x.Kind+" "+x.Name)
	}
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"APIs", apis, []string{"bothfalse", "everytrue", "orders-v1false"}},
		{"applications", u.Applications, []string{"lone", "mobile"}},
		{"clients", clients, []string{"lone-a mapped active", "mobile-a mapped active"}},
		{"stranded APIs", u.Disable.APIs, []string{"orders-v1"}},
		{"lost applications", u.Disable.Applications, []string{"lone"}},
		{"those that refuse", refusing, []string{"API both", "API orders-v1", "OAuthClient lone-a", "OAuthClient mobile-a"}},
	} {
		if slices.Sort(c.got); !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	if out := cli(t, n, "keymanager", "usages", "a"); !containsText(out, "if it were disabled, no caller could reach: orders-v1") {
		t.Errorf("the table: %s", out)
	}
	dry, wet := n.CLI(t, "", "delete", "key-manager", "a", "--dry-run"), n.CLI(t, "", "delete", "key-manager", "a")
	if dry.Code != 3 || dry.Stderr != wet.Stderr {
		t.Errorf("the preview says %s, deletion %s", dry, wet)
	}
	for _, what := range [][]string{{"oauth-client", "lone-a"}, {"oauth-client", "mobile-a"}, {"api", "both"}, {"api", "orders-v1"}} {
		if what[1] == "orders-v1" {
			cli(t, n, "delete", "subscription", "mobile-orders")
		}
		cli(t, n, "delete", what[0], what[1])
	}
	if out := cli(t, n, "delete", "key-manager", "a", "--dry-run"); !containsText(out, "KeyManager a would be deleted") {
		t.Errorf("the preview: %s", out)
	}
	cli(t, n, "delete", "key-manager", "a")
	if r := n.CLI(t, "", "keymanager", "usages", "a"); r.Code != 3 || !containsText(r.Stderr, "not_found") {
		t.Errorf("of one that is gone: %s", r)
	}
	if r := n.CLI(t, "", "delete", "key-manager", "resident", "--dry-run"); r.Code != 3 {
		t.Errorf("of the resident one: %s", r)
	}
}
