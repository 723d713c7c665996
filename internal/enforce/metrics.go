package enforce

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of this room. Their labels are names that administrators chose and codes of the contract: nothing that a
// caller can make up.
type metrics struct {
	decisions *prometheus.CounterVec
	latency   prometheus.Histogram

	verifiedHits, verifiedMisses, backendHits, backendMisses prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	cache := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "keyward_decision_cache_total", Help: "Look-ups of facts by cache and result.",
	}, []string{"cache", "result"}))
	return &metrics{
		decisions: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyward_decisions_total", Help: "Decisions by tenant, API, key manager and code.",
		}, []string{"tenant", "api", "key_manager", "code"})),
		latency: register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keyward_decision_seconds", Help: "Time that decisions take, waiting for keys and answers included.",
			Buckets: []float64{2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2, 1e-1, 1, 5},
		})),
		verifiedHits:   cache.WithLabelValues("verified", "hit"),
		verifiedMisses: cache.WithLabelValues("verified", "miss"),
		backendHits:    cache.WithLabelValues("backend_jwt", "hit"),
		backendMisses:  cache.WithLabelValues("backend_jwt", "miss"),
	}
}

// register shares a collector that another engine of the process has registered already.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	var taken prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &taken) {
		if shared, ok := taken.ExistingCollector.(C); ok {
			return shared
		}
	}
	return c
}
