package gateway

import "github.com/prometheus/client_golang/prometheus"

// metrics of this room. Labels are names that administrators chose and codes; nothing that a caller can invent.
type metrics struct {
	requests *prometheus.CounterVec
	latency  prometheus.Histogram
	streams  prometheus.Gauge
	cut      prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyward_requests_total", Help: "Answered requests by tenant, API, key manager and code.",
		}, []string{"tenant", "api", "key_manager", "code"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keyward_request_seconds", Help: "Time until the end of an answer, the backend's share included.",
			Buckets: []float64{1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 60},
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyward_exchanges_open", Help: "Requests under way to backends, streams included.",
		}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyward_exchanges_cut_total", Help: "Requests cut because their decision lost its ground.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.latency, m.streams, m.cut)
	}
	return m
}
