package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"keyward.dev/keyward/internal/testbed/program"
	"keyward.dev/keyward/internal/testbed/vendorproxy"
)

// clientStates reads the states of the application's clients of a key manager.
func clientStates(t *testing.T, n *program.Node, km string) string {
	t.Helper()
	all := cliJSON[[]struct{ Status struct{ State string } }](t, n, "keys", "list", "--application", "mobile",
		"--key-manager", km)
	states := ""
	for _, c := range all {
		states += c.Status.State + " "
	}
	return states
}

// TestRevokedKeysAreOutOfUse: refused on the gateway, dead at the server, listed, and replaced by the next ones.
func TestRevokedKeysAreOutOfUse(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	n := serve(t)
	for _, v := range []vendor{keycloakVendor(t, "kc-revoke", true), {name: "resident", scope: "orders:read"}} {
		t.Run(v.name, func(t *testing.T) {
			if v.spec != "" {
				apply(t, n, manifest("KeyManager", v.name, v.spec))
			}
			apply(t, n, orders(up.URL, "["+v.name+"]", ""), mobile())
			k := cliJSON[madeKeys](t, n, place("generate", v.name, "--scope", "orders:read")...)
			token := k.token(t, v)
			until(t, n.Gateway, http.MethodGet, items, token, 200, "")
			for range 2 {
				cli(t, n, place("revoke", v.name)...)
				until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
				if got := clientStates(t, n, v.name); got != "revoked " {
					t.Errorf("states: %s", got)
				}
			}
			if _, err := k.tryToken(t.Context(), v); err == nil {
				t.Error("the secret still gets tokens")
			}
			fresh := cliJSON[madeKeys](t, n, place("generate", v.name, "--scope", "orders:read")...)
			until(t, n.Gateway, http.MethodGet, items, fresh.token(t, v), 200, "")
			if got := clientStates(t, n, v.name); got != "active " {
				t.Errorf("states: %s", got)
			}
			cli(t, n, place("revoke", v.name)...)
			cli(t, n, place("delete", v.name)...)
			if got := clientStates(t, n, v.name); got != "" {
				t.Errorf("states: %s", got)
			}
		})
	}
}

// TestKillDuringARevocation ends the control plane with kill -9 before and after the server has deleted the client: it
// is refused all the same, and ends revoked.
func TestKillDuringARevocation(t *testing.T) {
	t.Parallel()
	for _, side := range []vendorproxy.Side{vendorproxy.Request, vendorproxy.Answer} {
		t.Run(fmt.Sprint(side), func(t *testing.T) {
			n, v, clientID, token := killedIn(t, "kill-revoke", side, place("revoke", "kc")...)
			until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
			// The sweep ends it in its time; whoever asks again need not wait for it.
			cli(t, n, place("revoke", v.name)...)
			if got := clientStates(t, n, v.name); got != "revoked " {
				t.Errorf("states: %s", got)
			}
			ids, err := v.clients(t.Context())
			if err != nil || slices.Contains(ids, clientID) {
				t.Errorf("at the server: %v, error %v", ids, err)
			}
			fresh := cliJSON[madeKeys](t, n, place("generate", v.name, "--scope", "orders:read")...)
			until(t, n.Gateway, http.MethodGet, items, fresh.token(t, v), 200, "")
		})
	}
}
