package gateway

import "github.com/prometheus/client_golang/prometheus"

// metrics of this room. Labels are names that administrators chose and codes; nothing that a caller can invent.
type metrics struct {
	decisions *prometheus.CounterVec
	latency   prometheus.Histogram
	streams   prometheus.Gauge
	cut       prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyward_decisions_total", Help: "Answers by tenant, key manager, API and code.",
		}, []string{"tenant", "key_manager", "api", "code"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keyward_decision_seconds", Help: "Time that decisions took.",
			Buckets: []float64{5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 0.025, 0.1, 0.5, 1, 3, 5},
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyward_exchanges_open", Help: "Requests with a token that are under way, streams included.",
		}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyward_exchanges_cut_total", Help: "Requests under way that were cut because their token lost its ground.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.decisions, m.latency, m.streams, m.cut)
	}
	return m
}
