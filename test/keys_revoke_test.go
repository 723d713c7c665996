package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"keyward.dev/keyward/internal/testbed"
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

// untilRevoked waits for it: a server that takes its time is not waited for by whoever revokes.
func untilRevoked(t *testing.T, n *program.Node, km string) {
	t.Helper()
	testbed.Eventually(t, "the clients' states", func() string { return testbed.Same(clientStates(t, n, km), "revoked ") })
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
				untilRevoked(t, n, v.name)
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
			untilRevoked(t, n, v.name)
			cli(t, n, place("delete", v.name)...)
			if got := clientStates(t, n, v.name); got != "" {
				t.Errorf("states: %s", got)
			}
		})
	}
}

// TestRevokeAtAServerThatHangs: whoever revokes is told that it counts, and that the server has not ended the client yet,
// while that server holds the request; afterwards it goes on by itself.
func TestRevokeAtAServerThatHangs(t *testing.T) {
	t.Parallel()
	r := shared.Realm(t, "revoke-hangs")
	p := vendorproxy.Start(t, r.Server.URL)
	v := behindProxy(r, p)
	up, n := newUpstream(t), serve(t)
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "["+v.name+"]", ""), mobile())
	k := cliJSON[madeKeys](t, n, place("generate", v.name, "--scope", "orders:read")...)
	token := k.token(t, v)
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	hold := p.HoldAll(http.MethodDelete, "/clients/", vendorproxy.Request) // the sweep asks again in its time
	if said := cli(t, n, place("revoke", v.name)...); !containsText(said, "revoked; its server has not ended it yet") {
		t.Errorf("revoke: %s", said)
	}
	until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
	if ids, err := v.clients(t.Context()); err != nil || !slices.Contains(ids, k.ClientID) {
		t.Errorf("at the server: %v, error %v", ids, err)
	}
	hold.Drop()
	untilRevoked(t, n, v.name)
	if ids, err := v.clients(t.Context()); err != nil || slices.Contains(ids, k.ClientID) {
		t.Errorf("at the server afterwards: %v, error %v", ids, err)
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
			untilRevoked(t, n, v.name)
			ids, err := v.clients(t.Context())
			if err != nil || slices.Contains(ids, clientID) {
				t.Errorf("at the server: %v, error %v", ids, err)
			}
			fresh := cliJSON[madeKeys](t, n, place("generate", v.name, "--scope", "orders:read")...)
			until(t, n.Gateway, http.MethodGet, items, fresh.token(t, v), 200, "")
		})
	}
}
