package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// usages is what `keymanager usages -o json` prints.
type usages struct {
	APIs []struct {
		Name  string
		All   bool
		Calls calls
	}
	Applications []string
	Clients      []struct {
		Name, Application, Mode, State string
		LastUsedAt                     *time.Time
		Calls                          calls
	}
	Calls struct {
		Since           time.Time
		Passed, Refused int
		Nobody          *calls
	}
	Disable, Delete struct {
		RefusedBy          []struct{ Kind, Name string }
		APIs, Applications []string
		Calls              int
	}
}

type calls struct{ Passed, Refused int }

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

// listedKeys is what `keys list -o json` prints of use.
type listedKeys []struct {
	KeyManager                                        string
	LastUsedAt, SecretLastUsedAt, OldSecretLastUsedAt *time.Time
}

func useOf(t *testing.T, n *program.Node, keyManager string) string {
	t.Helper()
	for _, k := range cliJSON[listedKeys](t, n, "keys", "list", "--application", "mobile") {
		if k.KeyManager == keyManager {
			return fmt.Sprint(k.LastUsedAt != nil, k.SecretLastUsedAt != nil, k.OldSecretLastUsedAt != nil)
		}
	}
	return "not listed"
}

// callsOf says what is known of a key manager's calls: all, those of API orders-v1, of the client, and of nobody's clients.
func callsOf(t *testing.T, n *program.Node, keyManager string) string {
	t.Helper()
	u := cliJSON[usages](t, n, "keymanager", "usages", keyManager)
	return fmt.Sprint(calls{u.Calls.Passed, u.Calls.Refused}, u.APIs[0].Calls, u.Clients[0].Calls, *u.Calls.Nobody)
}

// TestCallsAreKnownToTheControlPlane: what two gateways let pass and refused adds up, with the time of the last use, within
// their reports' period, through restarts of all of them; a refused call is no use, and a flood of clients that nobody has
// is one number.
func TestCallsAreKnownToTheControlPlane(t *testing.T) {
	t.Parallel()
	up, a := newUpstream(t), issuer.Start(t, "a", "ES256")
	f := newFleet(t, 2, false)
	apply(t, f.control, external("a", a, ""), orders(up.URL, "[a, resident]", ""), mobile("a"))
	good := mint(t, a, issuer.Token{})
	ask := func(times int, method, token, code string, status int) {
		t.Helper()
		for range times {
			for _, g := range f.gateways {
				if bad := call(t, g.Gateway, method, items, token).want(status, code); bad != "" {
					t.Fatal(bad)
				}
			}
		}
	}
	settled := func(what, want string) {
		t.Helper()
		testbed.Eventually(t, what, func() string {
			if got := callsOf(t, f.control, "a"); got != want {
				return got + ", want " + want
			}
			return ""
		})
	}
	for _, g := range f.gateways { // until it knows the client: how many calls that takes, nobody knows before
		until(t, g.Gateway, http.MethodPost, items, good, 403, "insufficient_scope")
	}
	before := cliJSON[usages](t, f.control, "keymanager", "usages", "a")
	testbed.Eventually(t, "the first calls are told", func() string {
		before = cliJSON[usages](t, f.control, "keymanager", "usages", "a")
		if before.Clients[0].Calls.Refused < 2 {
			return fmt.Sprint(before.Clients)
		}
		return ""
	})
	if use := useOf(t, f.control, "a"); use != "false false false" || before.Clients[0].LastUsedAt != nil {
		t.Errorf("after refused calls the use of the client is %s", use)
	}
	forged := good[:len(good)-8] + "AAAAAAAA"
	ask(3, http.MethodGet, good, "", 200)
	ask(1, http.MethodPost, good, "insufficient_scope", 403)
	ask(1, http.MethodGet, forged, "invalid_token", 401)
	for i := range 30 {
		unknown := mint(t, a, issuer.Token{Claims: map[string]any{"client_id": fmt.Sprint("nobody-", i)}})
		ask(1, http.MethodGet, unknown, "no_subscription", 403)
	}
	client := calls{6, before.Clients[0].Calls.Refused + 2}
	nobody := calls{0, before.Calls.Nobody.Refused + 60}
	all := calls{6, before.Calls.Refused + 2 + 2 + 60}
	settled("two gateways add up", fmt.Sprint(all, all, client, nobody))
	if use := useOf(t, f.control, "a"); use != "true false false" {
		t.Errorf("after calls that passed the use of the client is %s", use)
	}

	ask(1, http.MethodGet, good, "", 200)
	f.gateways[0].Stop() // at its end it tells the rest
	f.control.Kill()
	f.control.Start(t)
	f.gateways[0].Start(t)
	client.Passed, all.Passed = 8, 8
	settled("nothing is lost by restarts, nothing comes twice", fmt.Sprint(all, all, client, nobody))
	ask(1, http.MethodGet, good, "", 200)
	client.Passed, all.Passed = 10, 10
	settled("it goes on after them", fmt.Sprint(all, all, client, nobody))
	f.showCalls(t, all)
	f.useSecrets(t)

	apply(t, f.control, orders(up.URL, "[resident]", ""))
	cli(t, f.control, "delete", "oauth-client", "mobile-a")
	dry := cli(t, f.control, "delete", "key-manager", "a", "--dry-run")
	want := fmt.Sprintf("if it were deleted, as many calls would be refused as passed in the last hour: %d", all.Passed)
	if !strings.Contains(dry, want) {
		t.Errorf("the preview of the deletion: %s", dry)
	}
}

// showCalls holds the previews and the traffic by outcome against what is known.
func (f *fleet) showCalls(t *testing.T, all calls) {
	t.Helper()
	u := cliJSON[usages](t, f.control, "keymanager", "usages", "a")
	if since := time.Since(u.Calls.Since); u.Disable.Calls != all.Passed || u.Delete.Calls != all.Passed || since < time.Hour {
		t.Errorf("the previews say %d and %d calls since %s", u.Disable.Calls, u.Delete.Calls, u.Calls.Since)
	}
	table := cli(t, f.control, "keymanager", "usages", "a")
	want := fmt.Sprintf("if it were disabled, as many calls would be refused as passed in the last hour: %d", all.Passed)
	if !strings.Contains(table, want) {
		t.Errorf("the table has no %q: %s", want, table)
	}
	type hours struct {
		Hours []struct {
			Passed, Refused int
			Codes           map[string]int
		}
	}
	var sum calls
	codes := map[string]int{}
	for _, h := range cliJSON[hours](t, f.control, "keymanager", "traffic", "a").Hours {
		sum.Passed += h.Passed
		sum.Refused += h.Refused
		for code, n := range h.Codes {
			codes[code] += n
		}
	}
	if sum != all || codes["invalid_token"] != 2 || codes["no_subscription"] < 60 || codes["insufficient_scope"] < 4 {
		t.Errorf("the traffic is %v by %v, want %v", sum, codes, all)
	}
	if table := cli(t, f.control, "keymanager", "traffic", "a"); !strings.Contains(table, "invalid_token 2") {
		t.Errorf("the traffic: %s", table)
	}
}

// useSecrets: the resident key manager sees which of a client's two secrets is still used.
func (f *fleet) useSecrets(t *testing.T) {
	t.Helper()
	v := vendor{name: "resident", scope: "orders:read"}
	first := cliJSON[madeKeys](t, f.control, place("generate", v.name)...)
	want := func(what, use string) {
		t.Helper()
		testbed.Eventually(t, what, func() string {
			if got := useOf(t, f.control, v.name); got != use {
				return got + ", want " + use
			}
			return ""
		})
	}
	want("a new client", "false false false")
	token := first.token(t, v)
	want("its secret was used", "false true false")
	second := cliJSON[madeKeys](t, f.control, place("rotate", v.name, "--overlap", "1h")...)
	want("that secret is the old one now", "false false true")
	second.token(t, v)
	want("both were used", "false true true")
	until(t, f.gateways[1].Gateway, http.MethodGet, items, token, 200, "")
	want("the client was used", "true true true")
}
