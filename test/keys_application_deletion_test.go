package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/vendorproxy"
)

// TestApplicationGoesWithItsKeys: without the flag deletion is refused with the list of users; with it the application
// is out of use everywhere at once, its clients are gone at both servers, and a client made by hand is only unmapped.
func TestApplicationGoesWithItsKeys(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	n := serve(t)
	kc := keycloakVendor(t, "kc-gone", true)
	apply(t, n, manifest("KeyManager", kc.name, kc.spec), orders(up.URL, "[resident, "+kc.name+"]", ""), mobile())
	byHand, secret, err := kc.byHand(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	apply(t, n, manifest("OAuthClient", "by-hand", fmt.Sprintf("application: mobile, keyManager: %s, environment: sandbox, clientId: %s",
		kc.name, byHand)))
	tokens := map[string]string{}
	var made madeKeys
	for _, v := range []vendor{kc, {name: "resident", scope: "orders:read"}} {
		k := cliJSON[madeKeys](t, n, place("generate", v.name, "--scope", "orders:read")...)
		tokens[v.name] = k.token(t, v)
		if v.name == kc.name {
			made = k
		}
		until(t, n.Gateway, http.MethodGet, items, tokens[v.name], 200, "")
	}
	if r := n.CLI(t, "", "delete", "application", "mobile"); r.Code != 3 || !containsText(r.Stderr, "mobile-orders") {
		t.Errorf("without the flag: %s", r)
	}
	if r := n.CLI(t, "", "delete", "plan", "mobile", "--with-keys"); r.Code != 2 {
		t.Errorf("a plan with keys: %s", r)
	}
	if r := n.CLI(t, "", "delete", "application", "mobile", "--with-keys"); r.Code != 0 || r.Stderr != "" ||
		!strings.Contains(r.Stdout, "deleted") {
		t.Errorf("with the flag: %s", r)
	}
	for _, token := range tokens {
		until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
	}
	if r := n.CLI(t, "", "get", "application", "mobile"); r.Code != 3 {
		t.Errorf("still there: %s", r)
	}
	ids, err := kc.clients(t.Context())
	if err != nil || slices.Contains(ids, made.ClientID) || !slices.Contains(ids, byHand) {
		t.Errorf("at the server: %v, error %v", ids, err)
	}
	made.ClientID, made.ClientSecret = byHand, secret
	if _, err := made.tryToken(t.Context(), kc); err != nil {
		t.Errorf("the client made by hand: %v", err)
	}
	apply(t, n, mobile()) // the name is free
}

// TestKillDuringAnApplicationsDeletion ends the control plane with kill -9 before and after the server has deleted the
// client: the application is out of use at once and goes by itself afterwards.
func TestKillDuringAnApplicationsDeletion(t *testing.T) {
	t.Parallel()
	for _, side := range []vendorproxy.Side{vendorproxy.Request, vendorproxy.Answer} {
		t.Run(fmt.Sprint(side), func(t *testing.T) {
			n, v, clientID, token := killedIn(t, "kill-gone", side, "delete", "application", "mobile", "--with-keys")
			testbed.Eventually(t, "the application is gone", func() string {
				got := n.CLI(t, "", "get", "application", "mobile")
				if got.Code == 3 && containsText(got.Stderr, "not_found") {
					return ""
				}
				return got.String()
			})
			ids, err := v.clients(t.Context())
			if err != nil || slices.Contains(ids, clientID) {
				t.Errorf("at the server: %v, error %v", ids, err)
			}
			until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
		})
	}
}
