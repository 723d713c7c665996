package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/program"
	"keyward.dev/keyward/internal/testbed/vendorproxy"
)

// stock is an API whose scope and audience no key manager knows beforehand.
func stock(upstream, keyManagers, scope string) string {
	return manifest("API", "stock-v1", fmt.Sprintf(`context: /stock, version: v1, upstream: {production: "%s"}, keyManagers: %s,
  audiences: ["urn:stock"], operations: [{method: GET, path: /items, scopes: [%q]}]`, upstream, keyManagers, scope))
}

const (
	stockItems     = "/stock/v1/items"
	stockSubscribe = "application: mobile, api: stock-v1"
)

// entitlementOf is what keys list says of the application's only client.
func entitlementOf(t *testing.T, n *program.Node) keyward.ClientEntitlement {
	t.Helper()
	type listed struct{ Status keyward.OAuthClientStatus }
	all := cliJSON[[]listed](t, n, "keys", "list", "--application", "mobile")
	if len(all) != 1 || all[0].Status.Entitlement == nil {
		t.Fatalf("no entitlement in %+v", all)
	}
	return *all[0].Status.Entitlement
}

// carries waits until every token of the client carries exactly these of the scopes that tests know, and this audience.
func carries(t *testing.T, r *keycloak.Realm, client string, scopes []string, audience bool) {
	t.Helper()
	testbed.Eventually(t, "the realm's client carries what it should", func() string {
		got, audiences, err := r.Carried(t.Context(), client)
		if err != nil {
			return err.Error()
		}
		for _, s := range []string{"orders:read", "orders:write", "orders:admin", "stock:read", "stock:list"} {
			if slices.Contains(got, s) != slices.Contains(scopes, s) {
				return fmt.Sprintf("scopes %q, want %q", got, scopes)
			}
		}
		if slices.Contains(audiences, "urn:stock") != audience {
			return fmt.Sprintf("audiences %q", audiences)
		}
		return ""
	})
}

// TestAKeyThatWorksAtOnce: what a developer asks for works without anybody opening the realm's console, and ends with
// the subscription; what an administrator gave by hand stays.
func TestAKeyThatWorksAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := shared.Realm(t, "at-once")
	v := vendor{name: "kc"}
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, manifest("KeyManager", "kc", keycloakSpec(r, r.Registration(), true)), orders(up.URL, "[kc]", ""), mobile(),
		stock(up.URL, "[kc]", "stock:read"))
	k := cliJSON[madeKeys](t, n, place("generate", "kc")...)
	token := k.token(t, v)
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	until(t, n.Gateway, http.MethodGet, "/orders/v1/admin", token, 200, "") // a scope that the realm did not have
	until(t, n.Gateway, http.MethodGet, stockItems, token, 401, "audience_mismatch")
	ordered := []string{"orders:read", "orders:write", "orders:admin"}
	carries(t, r, k.ClientID, ordered, false)

	apply(t, n, manifest("Subscription", "mobile-stock", stockSubscribe))
	carries(t, r, k.ClientID, append(ordered, "stock:read"), true)
	token = k.token(t, v)
	until(t, n.Gateway, http.MethodGet, stockItems, token, 200, "")
	if e := entitlementOf(t, n); e.State != keyward.EntitlementGiven || !slices.Contains(e.Scopes, "stock:read") ||
		!slices.Equal(e.Audiences, []string{"urn:stock"}) {
		t.Errorf("status %+v", e)
	}
	// The API asks for another scope; then the subscription stops, goes on, and ends.
	apply(t, n, stock(up.URL, "[kc]", "stock:list"))
	carries(t, r, k.ClientID, append(ordered, "stock:list"), true)
	// An administrator's rule limits what subscriptions give, and what they gave before.
	rule := ", clients: {constraints: {scopes: {regex: \"orders:.*\"}}}"
	apply(t, n, manifest("KeyManager", "kc", keycloakSpec(r, r.Registration(), true)+rule))
	carries(t, r, k.ClientID, ordered, true)
	testbed.Eventually(t, "keys list names the rule", func() string {
		e := entitlementOf(t, n)
		if e.State != keyward.EntitlementLacking || !slices.Equal(e.LackingScopes, []string{"stock:list"}) ||
			!containsText(e.Advice, "clients.constraints.scopes of key manager kc allows what fits orders:.*") {
			return fmt.Sprintf("%+v", e)
		}
		return ""
	})
	apply(t, n, manifest("KeyManager", "kc", keycloakSpec(r, r.Registration(), true)))
	carries(t, r, k.ClientID, append(ordered, "stock:list"), true)
	apply(t, n, manifest("Subscription", "mobile-stock", stockSubscribe+", state: blocked"))
	carries(t, r, k.ClientID, ordered, false)
	apply(t, n, manifest("Subscription", "mobile-stock", stockSubscribe))
	carries(t, r, k.ClientID, append(ordered, "stock:list"), true)
	apply(t, n, stock(up.URL, "[resident]", "stock:list"))
	carries(t, r, k.ClientID, ordered, false)

	// What somebody gave by hand is never taken away.
	if err := r.Attach(ctx, k.ClientID, "stock:read", "default"); err != nil {
		t.Fatal(err)
	}
	apply(t, n, stock(up.URL, "[kc]", "stock:read"))
	carries(t, r, k.ClientID, append(ordered, "stock:read"), true)
	until(t, n.Gateway, http.MethodGet, stockItems, k.token(t, v), 200, "")
	cli(t, n, "delete", "subscription", "mobile-stock")
	cli(t, n, "delete", "subscription", "mobile-orders")
	carries(t, r, k.ClientID, []string{"stock:read"}, false)

	// A mapped client is the realm's own.
	if err := r.AddClient(ctx, "by-hand", "by-hand-secret"); err != nil {
		t.Fatal(err)
	}
	before, _, err := r.Carried(ctx, "by-hand")
	if err != nil {
		t.Fatal(err)
	}
	cli(t, n, place("delete", "kc")...)
	apply(t, n, mobile(), manifest("OAuthClient", "mobile-kc", "application: mobile, keyManager: kc, clientId: by-hand"))
	other := cliJSON[madeKeys](t, n, append(place("generate", "kc")[:7], "sandbox")...)
	carries(t, r, other.ClientID, ordered, false)
	after, _, err := r.Carried(ctx, "by-hand") // in no order
	slices.Sort(before)
	slices.Sort(after)
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("the mapped client carries %q, then %q (%v)", before, after, err)
	}
}

// TestKillBetweenTheStepsOfAnEntitlement ends the control plane before the realm has seen a change and after it has made
// it. Afterwards the client has what it should, and what was given is known as Keyward's: it ends with the subscription.
func TestKillBetweenTheStepsOfAnEntitlement(t *testing.T) {
	t.Parallel()
	for name, side := range map[string]vendorproxy.Side{"before": vendorproxy.Request, "after": vendorproxy.Answer} {
		t.Run(name, func(t *testing.T) {
			r := shared.Realm(t, "kill-entitle-"+name)
			proxy := vendorproxy.Start(t, r.Server.URL)
			up := newUpstream(t)
			n := serve(t)
			apply(t, n, manifest("KeyManager", "kc", behindProxy(r, proxy).spec), orders(up.URL, "[kc]", ""), mobile(),
				stock(up.URL, "[kc]", "stock:read"))
			k := cliJSON[madeKeys](t, n, place("generate", "kc")...)
			ordered := []string{"orders:read", "orders:write", "orders:admin"}
			for _, step := range []struct{ method, part string }{ // in each turn the realm has more of it already
				{http.MethodPost, "/client-scopes"}, {http.MethodPut, "/default-client-scopes/"}, {http.MethodPost, "/protocol-mappers/"},
			} {
				hold := proxy.HoldNext(step.method, step.part, side)
				apply(t, n, manifest("Subscription", "mobile-stock", stockSubscribe))
				<-hold.Reached
				n.Kill()
				hold.Drop()
				n.Start(t)
				carries(t, r, k.ClientID, append(ordered, "stock:read"), true)
				cli(t, n, "delete", "subscription", "mobile-stock")
				carries(t, r, k.ClientID, ordered, false)
			}
		})
	}
}

// TestTheRuleOnScopesBindsTheResidentKeyManager: its tokens carry no scope that the rule does not allow, whatever APIs ask
// for.
func TestTheRuleOnScopesBindsTheResidentKeyManager(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, orders(up.URL, "[resident]", ""), mobile())
	k := cliJSON[madeKeys](t, n, place("generate", "resident")...)
	v := vendor{name: "resident"}
	until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
	until(t, n.Gateway, http.MethodGet, "/orders/v1/admin", k.token(t, v), 200, "")
	apply(t, n, manifest("KeyManager", "resident", "type: resident, clients: {constraints: {scopes: {enum: [\"orders:read\"]}}}"))
	token := k.token(t, v)
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	until(t, n.Gateway, http.MethodGet, "/orders/v1/admin", token, 403, "insufficient_scope")
	testbed.Eventually(t, "keys list names the rule", func() string {
		if e := entitlementOf(t, n); !slices.Equal(e.LackingScopes, []string{"orders:admin", "orders:write"}) ||
			!containsText(e.Advice, "allows one of orders:read") {
			return fmt.Sprintf("%+v", e)
		}
		return ""
	})
}
