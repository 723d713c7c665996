package feed

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
)

// desk is a relay over a database of its own that is moved by hand.
type desk struct {
	t        *testing.T
	store    *store.Store
	relay    *relay
	registry *prometheus.Registry
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir(), Key: seal.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	hub, err := stream.OpenHub(stream.HubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Close)
	d := &desk{t: t, store: st, registry: prometheus.NewRegistry()}
	f, err := New(t.Context(), st, hub, Options{Registerer: d.registry})
	if err != nil {
		t.Fatal(err)
	}
	d.relay = newRelay(f)
	return d
}

// plans commits so many changes.
func (d *desk) plans(prefix string, n int) {
	d.t.Helper()
	for i := range n {
		err := d.store.Write(d.t.Context(), "test", func(tx *store.Tx) error {
			return tx.Put(&keyward.Object{Kind: keyward.KindPlan, Name: fmt.Sprintf("%s-%d", prefix, i),
				Spec: &keyward.PlanSpec{}}, store.Extra{})
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *desk) head() keyward.Position {
	d.t.Helper()
	var head keyward.Position
	err := d.store.Read(d.t.Context(), func(tx *store.Tx) (err error) {
		head, err = tx.Head(keyward.DefaultGroup)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return head
}

// publish is one look of the relay; it must end at the head, with nothing left to do.
func (d *desk) publish(what string) {
	d.t.Helper()
	if _, err := d.relay.publish(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	head := d.head()
	if at := d.relay.cursors[keyward.DefaultGroup]; at != head {
		d.t.Errorf("%s: the relay is at revision %d, the head is %d", what, at.Revision, head.Revision)
	}
	if lag := d.gauge("keyward_relay_lag_revisions"); lag != 0 {
		d.t.Errorf("%s: the relay is said to be %v revisions behind", what, lag)
	}
	if at := d.gauge("keyward_relay_revision"); at != float64(head.Revision) {
		d.t.Errorf("%s: the relay is said to be at revision %v, the head is %d", what, at, head.Revision)
	}
}

func (d *desk) gauge(name string) float64 {
	d.t.Helper()
	families, err := d.registry.Gather()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	d.t.Fatalf("there is no metric %s", name)
	return 0
}

func TestRelayAheadOfARestoredDatabase(t *testing.T) {
	d := newDesk(t)
	d.plans("first", 3)
	d.publish("to begin with")
	ahead := d.head()
	ahead.Revision += 1000
	ahead.Chain = ahead.Chain.Next([]byte("a history that the database no longer has"))
	d.relay.cursors[keyward.DefaultGroup] = ahead
	d.publish("ahead of the database")
	d.plans("second", 2)
	d.publish("on the new history")
}

func TestRelayBehindATrimmedLog(t *testing.T) {
	d := newDesk(t)
	d.plans("first", 2)
	d.publish("to begin with")
	behind := d.relay.cursors[keyward.DefaultGroup]
	d.plans("second", 20)
	err := d.store.Write(t.Context(), "test", func(tx *store.Tx) error { return tx.TrimLog(keyward.DefaultGroup, 5) })
	if err != nil {
		t.Fatal(err)
	}
	if d.relay.cursors[keyward.DefaultGroup] != behind {
		t.Fatal("the relay moved by itself")
	}
	d.publish("behind what is left of the log")
	d.plans("third", 2)
	d.publish("and on from there")
}
