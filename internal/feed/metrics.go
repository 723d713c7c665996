package feed

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	revision *prometheus.GaugeVec
	lag      *prometheus.GaugeVec
	leader   prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		revision: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "keyward_relay_revision", Help: "Revision up to which a group's log was published.",
		}, []string{"group"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "keyward_relay_lag_revisions", Help: "Revisions of a group's log that are committed and not published yet.",
		}, []string{"group"}),
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyward_relay_leader", Help: "1 while this control plane publishes changes.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.revision, m.lag, m.leader)
	}
	return m
}

func boolGauge(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
