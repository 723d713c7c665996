package token

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of this room. Labels are outcomes only: nothing that a caller can choose.
type metrics struct {
	fetches        *prometheus.CounterVec // ok, failed, limited
	introspections *prometheus.CounterVec // active, inactive, failed, rejected
	answers        *prometheus.CounterVec // hit, miss
}

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{
		fetches: register(reg, "keyward_jwks_fetches_total", "Fetches of key sets by outcome.", "outcome"),
		introspections: register(reg, "keyward_introspections_total",
			"Questions to introspection endpoints by outcome.", "outcome"),
		answers: register(reg, "keyward_introspection_cache_total", "Look-ups in the introspection cache.", "result"),
	}
}

// register shares a counter that another part of the room has registered already.
func register(reg prometheus.Registerer, name, help, label string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	if reg == nil {
		return c
	}
	var taken prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &taken) {
		if shared, ok := taken.ExistingCollector.(*prometheus.CounterVec); ok {
			return shared
		}
	}
	return c
}
