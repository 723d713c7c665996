package health

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keyward.dev/keyward/internal/store"
)

// metrics tells Prometheus of every key manager that was looked at. It is filled by the process that looks; what is gone is
// told no more.
type metrics struct {
	now   func() time.Time
	about map[string]*prometheus.Desc

	mu sync.Mutex
	of map[string]measured // by key manager's id
}

type measured struct {
	tenant, name string
	state        *state
}

func newMetrics(reg prometheus.Registerer, now func() time.Time) *metrics {
	m := &metrics{now: now, about: map[string]*prometheus.Desc{}, of: map[string]measured{}}
	for name, help := range map[string]string{
		"up":                              "1 when the last look could read its keys and its introspection endpoint answered, else 0.",
		"looks_total":                     "Looks at its server.",
		"failures_total":                  "Looks at its server that failed.",
		"last_success_timestamp_seconds":  "When a look last succeeded.",
		"keys_up":                         "1 when its keys could be read, else 0.",
		"keys_seconds":                    "How long its keys took to be read, with a connection of its own; of several sets the slowest.",
		"keys":                            "Keys that can verify tokens.",
		"newest_key_age_seconds":          "How long the newest of its keys has been known.",
		"last_rotation_timestamp_seconds": "When a change of its keys was last seen.",
		"introspection_up":                "1 when its introspection endpoint answered, else 0.",
		"introspection_seconds":           "How long its introspection endpoint took to answer, with a connection of its own.",
		"tls_days":                        "Days until the first certificate of its servers expires.",
		"clock_offset_seconds":            "How far its clock is ahead of the control plane's, to about a second.",
	} {
		m.about[name] = prometheus.NewDesc("keyward_key_manager_"+name, help, []string{"tenant", "key_manager"}, nil)
	}
	m.about["alert"] = prometheus.NewDesc("keyward_key_manager_alert", "1 while an alert stands, else 0.",
		[]string{"tenant", "key_manager", "alert"}, nil)
	if reg != nil {
		reg.MustRegister(m)
	}
	return m
}

// retain forgets key managers that are not listed, and learns states that were stored before.
func (m *metrics) retain(all []store.ObservedKeyManager, known map[string]*state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	listed := make(map[string]measured, len(all))
	for _, k := range all {
		one, there := m.of[k.ID]
		if s := known[k.ID]; s != nil {
			one, there = measured{k.Tenant, k.Name, s}, true
		}
		if there {
			listed[k.ID] = one
		}
	}
	m.of = listed
}

func (m *metrics) set(id, tenant, name string, s *state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for other, one := range m.of { // one of that name that was deleted a moment ago
		if other != id && one.tenant == tenant && one.name == name {
			delete(m.of, other)
		}
	}
	m.of[id] = measured{tenant, name, s}
}

func (m *metrics) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.of)
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range m.about {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.of {
		if one.state.Condition == Unknown || one.state.Disabled {
			continue
		}
		for name, value := range one.state.gauges(m.now()) {
			to <- prometheus.MustNewConstMetric(m.about[name], prometheus.GaugeValue, value, one.tenant, one.name)
		}
		for name, value := range map[string]int64{"looks_total": one.state.Looks, "failures_total": one.state.Failed} {
			to <- prometheus.MustNewConstMetric(m.about[name], prometheus.CounterValue, float64(value), one.tenant, one.name)
		}
		for _, code := range alertCodes() {
			stands := one.state.raised(code)
			to <- prometheus.MustNewConstMetric(m.about["alert"], prometheus.GaugeValue, truth(stands), one.tenant, one.name, code)
		}
	}
}

func (s *state) raised(code string) bool {
	for _, a := range s.Alerts {
		if a.Code == code {
			return true
		}
	}
	return false
}

// gauges are what is measured now. What does not apply to a key manager is not there.
func (s *state) gauges(now time.Time) map[string]float64 {
	g := map[string]float64{"up": truth(s.Failures == 0)}
	if s.LastSuccess != nil {
		g["last_success_timestamp_seconds"] = seconds(*s.LastSuccess)
	}
	if len(s.Sets) > 0 {
		g["keys_up"] = 1
	}
	keys, slowest := 0, int64(-1)
	for _, set := range s.Sets {
		keys += len(set.Keys)
		switch {
		case set.Error != "":
			g["keys_up"] = 0
		case set.Source != "":
			slowest = max(slowest, set.Millis)
		}
	}
	g["keys"] = float64(keys)
	if slowest >= 0 {
		g["keys_seconds"] = float64(slowest) / 1000
	}
	if newest := s.newestKey(); newest != nil {
		g["newest_key_age_seconds"] = now.Sub(*newest).Seconds()
	}
	if rotated := s.lastRotation(); rotated != nil {
		g["last_rotation_timestamp_seconds"] = seconds(*rotated)
	}
	if s.Asked != nil && (s.Asked.AskedAt != nil || s.Asked.Error != "") {
		g["introspection_up"] = truth(s.Asked.Error == "")
		if s.Asked.Error == "" {
			g["introspection_seconds"] = float64(s.Asked.Millis) / 1000
		}
	}
	if until := s.tlsUntil(); until != nil {
		g["tls_days"] = until.Sub(now).Hours() / 24
	}
	if offset := s.clockOffset(); offset != nil {
		g["clock_offset_seconds"] = float64(*offset) / 1000
	}
	return g
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
