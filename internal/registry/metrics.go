package registry

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	revision prometheus.Gauge
	lag      prometheus.Gauge
	pulls    *prometheus.CounterVec
	refused  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, age func() float64) *metrics {
	m := &metrics{
		revision: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyward_gateway_revision", Help: "Revision of the group's log that is in force on this gateway.",
		}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyward_gateway_lag_revisions", Help: "How many revisions the newest one heard of is ahead.",
		}),
		pulls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyward_gateway_pulls_total", Help: "Questions to the internal API by how they ended.",
		}, []string{"result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyward_gateway_messages_refused_total", Help: "Messages of the hub that changed nothing, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{"forged", "gap", "known", "late", "old", "overflow", "unknown", "unreadable"} {
		m.refused.WithLabelValues(reason) // so that it is there as 0: an alert on its rise misses the first one otherwise
	}
	if reg != nil {
		reg.MustRegister(m.revision, m.lag, m.pulls, m.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "keyward_gateway_heartbeat_age_seconds", Help: "Time since the last heartbeat that counted.",
		}, age))
	}
	return m
}
