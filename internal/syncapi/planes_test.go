package syncapi_test

import (
	"testing"
	"time"

	"keyward.dev/keyward/internal/registry"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/testbed/natsserver"
	"keyward.dev/keyward/internal/testbed/postgres"
)

// common is what several control planes use together: a PostgreSQL and an external hub.
func common(t *testing.T) (store.Options, stream.HubOptions) {
	t.Helper()
	cluster, err := postgres.Start(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Stop()) })
	url, err := cluster.Database(t.Context())
	must(t, err)
	server := natsserver.Start(t, t.TempDir())
	return store.Options{URL: url, Key: seal.NewKey()}, stream.HubOptions{URL: server.URL, GatewayURL: server.GatewayURL()}
}

// Two control planes share a PostgreSQL and an external hub. Whoever leads relays what either commits, and a gateway
// of one is answered by the other.
func TestTwoControlPlanes(t *testing.T) {
	database, hub := common(t)
	first := newPlaneOn(t, database, hub, false)
	second := newPlaneOn(t, database, hub, false)
	one, _ := first.newGateway(t, "one")
	_, token, err := first.feed.CreateGateway(t.Context(), "test", "two", "")
	must(t, err)
	two := second.gateway(t, token)
	for n := range 6 {
		[]*plane{first, second}[n%2].put(t, "plan-"+string(rune('a'+n)))
		for _, g := range []*registry.Registry{one, two} {
			eventually(t, "the plan is in force", holds(g, n+1))
		}
	}
	for _, p := range []*plane{first, second} {
		// A stranger asks for the lease that one of them holds.
		got, err := p.store.Lease(t.Context(), "relay", "a stranger", time.Second)
		must(t, err)
		if got {
			t.Error("nobody held the relay's lease")
		}
	}
	must(t, second.feed.RevokeGateway(t.Context(), "test", "one"))
	eventually(t, "withdrawn at the other control plane, it stops", one.Withdrawn)
	list, err := first.feed.Gateways(t.Context())
	must(t, err)
	if len(list) != 2 || list[0].RevokedAt == nil || list[1].RevokedAt != nil {
		t.Errorf("the first control plane lists %+v", list)
	}
}
