package syncapi_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/registry"
	"keyward.dev/keyward/internal/store"
)

// The leading control plane was killed and still holds the relay's lease. What the other one commits reaches gateways
// over the hub all the same, and what the killed one committed and did not publish any more reaches them when the lease
// is over: the gateway here can ask nobody.
func TestLeaderKilled(t *testing.T) {
	database, hub := common(t)
	killed := &plane{}
	var err error
	killed.store, err = store.Open(t.Context(), database)
	must(t, err)
	t.Cleanup(func() { must(t, killed.store.Close()) })
	held, err := killed.store.Lease(t.Context(), "relay", "the killed one", time.Hour)
	must(t, err)
	if !held {
		t.Fatal("somebody else leads")
	}
	left := newPlaneOn(t, database, hub, false)
	metrics := prometheus.NewRegistry()
	g := left.countedGateway(t, metrics)
	left.put(t, "before")
	eventually(t, "the gateway holds the first plan", holds(g, 1))
	eventually(t, "the gateway listens to the hub", func() bool {
		must(t, left.hub.Publish(t.Context(), keyward.DefaultGroup, []byte("not a message")))
		return refusals(t, metrics) > 0
	})

	left.refuse.Store(true)
	left.put(t, "at-the-other")
	eventually(t, "what the other control plane commits arrives", holds(g, 2))
	killed.put(t, "unpublished")
	_, err = killed.store.Lease(t.Context(), "relay", "the killed one", 0)
	must(t, err)
	eventually(t, "what the killed one committed arrives", holds(g, 3))
}

// countedGateway is a gateway whose counters can be read.
func (p *plane) countedGateway(t *testing.T, metrics prometheus.Registerer) *registry.Registry {
	t.Helper()
	_, token, err := p.feed.CreateGateway(t.Context(), "test", "counted", "")
	must(t, err)
	return p.gatewayWith(t, token, metrics)
}

// refusals counts the messages of the hub that a gateway took for what they are.
func refusals(t *testing.T, metrics prometheus.Gatherer) float64 {
	t.Helper()
	families, err := metrics.Gather()
	must(t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() == "keyward_gateway_messages_refused_total" {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
