package health_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/health"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/blank"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// world is a monitor over a database of its own, with a clock that the test moves.
type world struct {
	*testing.T
	options  store.Options
	store    *store.Store
	monitor  *health.Monitor
	registry *prometheus.Registry
	client   *http.Client
	clock    atomic.Int64 // microseconds since 1970
}

// empty is the database that each world begins with.
var empty blank.Database

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, options: empty.Options(t), client: http.DefaultClient}
	w.clock.Store(time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC).UnixMicro())
	w.open(true)
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

func (w *world) pass(d time.Duration) { w.clock.Add(d.Microseconds()) }

// open opens the database with a monitor that knows nothing but what is in it.
func (w *world) open(sole bool) {
	w.Helper()
	if w.store == nil {
		var err error
		if w.store, err = store.Open(w.Context(), w.options); err != nil {
			w.Fatal(err)
		}
	}
	w.registry = prometheus.NewRegistry()
	w.monitor = w.another(sole, w.registry)
}

func (w *world) another(sole bool, registry prometheus.Registerer) *health.Monitor {
	w.Helper()
	p, err := probe.New(w.store, w.client, nil, probe.Options{})
	if err != nil {
		w.Fatal(err)
	}
	m, err := health.New(w.store, p, health.Options{Sole: sole, Now: w.now, Registerer: registry})
	if err != nil {
		w.Fatal(err)
	}
	return m
}

// restart closes the database and opens it again.
func (w *world) restart() {
	w.Helper()
	if err := w.store.Close(); err != nil {
		w.Fatal(err)
	}
	w.store = nil
	w.open(true)
}

// put stores a key manager as control would, with JSON members of its spec after the first ones.
func (w *world) put(name, issuer, jwks, more string) *keyward.Object {
	w.Helper()
	var spec keyward.KeyManagerSpec
	text := fmt.Sprintf(`{"type":"external","issuer":%q,"keys":{"jwks":%q}%s}`, issuer, jwks, more)
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		w.Fatalf("%s: %v", text, err)
	}
	return w.write(&keyward.Object{Name: name, Spec: &spec}, nil)
}

// write stores a key manager, new or changed.
func (w *world) write(o *keyward.Object, status *keyward.KeyManagerStatus) *keyward.Object {
	w.Helper()
	o.Kind, o.Tenant = keyward.KindKeyManager, keyward.DefaultTenant
	spec, err := keyward.SpecOf[*keyward.KeyManagerSpec](o)
	if err != nil {
		w.Fatal(err)
	}
	values, _, _ := keymanager.TakeSecrets(spec)
	if status != nil {
		if o.Status, err = json.Marshal(status); err != nil {
			w.Fatal(err)
		}
	}
	err = w.store.Write(w.Context(), "test", func(tx *store.Tx) error {
		if old, err := tx.Get(o.Kind, o.Tenant, o.Name); err == nil {
			o.ID, o.Version = old.ID, old.Version
		}
		return tx.Put(o, store.Extra{Secrets: values})
	})
	if err == nil {
		err = w.monitor.Sweep(w.Context()) // sees that it is new or changed: the first look comes a minute later
	}
	if err != nil {
		w.Fatal(err)
	}
	return o
}

func (w *world) issuer(name string, i *issuer.Issuer, more string) *keyward.Object {
	w.Helper()
	return w.put(name, i.Issuer, i.URL+"/jwks", more)
}

// sweep looks at what is due after the time has passed.
func (w *world) sweep(after time.Duration) {
	w.Helper()
	w.pass(after)
	if err := w.monitor.Sweep(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func admin() keyward.Principal {
	return keyward.Principal{User: "admin", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleAdmin}}
}

func (w *world) of(name string) *health.Health {
	w.Helper()
	h, err := w.monitor.Of(w.Context(), admin(), keyward.DefaultTenant, name)
	if err != nil {
		w.Fatal(err)
	}
	return h
}

// want holds a key manager against a state and the alerts that stand, and gives what is known of it.
func (w *world) want(name string, state health.Condition, alerts ...string) *health.Health {
	w.Helper()
	h := w.of(name)
	if h.State != state || !slices.Equal(h.Alerts, alerts) {
		w.Fatalf("%s: %s %v, want %s %v: %+v", name, h.State, h.Alerts, state, alerts, h)
	}
	if len(h.Attention) != len(alerts) || slices.ContainsFunc(h.Attention, func(a health.Alert) bool {
		return a.Message == "" || a.Fix == "" || a.About == "" || a.Since.IsZero()
	}) {
		w.Errorf("%s: alerts %+v", name, h.Attention)
	}
	return h
}

// measured gives what Prometheus is told of the key manager corp, by name without keyward_key_manager_.
func (w *world) measured() map[string]float64 {
	w.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["key_manager"] != "corp" || labels["tenant"] != keyward.DefaultTenant {
				continue
			}
			what := strings.TrimPrefix(f.GetName(), "keyward_key_manager_")
			if alert := labels["alert"]; alert != "" {
				what += " " + alert
			}
			values[what] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}
