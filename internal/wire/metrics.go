package wire

import "github.com/prometheus/client_golang/prometheus"

// metrics of this room. Labels are outcomes only: nothing that a caller can choose.
type metrics struct {
	calls   *prometheus.CounterVec // answered, broken, failed, busy, left_alone
	repeats prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, broken func() float64) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyward_key_manager_calls_total",
			Help: "Calls of the control plane to key managers by outcome: answered, broken (502, 503 or 504), failed (no usable " +
				"answer), busy (no place among the calls under way) and left_alone (not made, after failures in a row).",
		}, []string{"outcome"}),
		repeats: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyward_key_manager_repeats_total",
			Help: "Calls that only read and were made again after no usable answer.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.calls, m.repeats, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "keyward_key_managers_left_alone",
			Help: "Key managers whose server failed again and again and has not answered since.",
		}, broken))
	}
	return m
}
