package feed_test

import (
	"testing"
	"time"

	"keyward.dev/keyward/internal/stream"
)

// A hub that delivers everything, but later and later, is as good as none: the gateway asks by itself.
func TestHubThatFallsBehindIsNotWaitedFor(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		next := 0
		one.source.with(func() {
			next = len(one.source.heard)
			one.source.tampers = func(m *stream.Message) { m.Signature = nil }
		})
		// One message of the hub's every two seconds, where at least two are due.
		deliver := func() {
			var due []byte
			one.source.with(func() {
				if next < len(one.source.heard) {
					due = one.source.heard[next]
					next++
				}
			})
			if due != nil {
				one.source.inject(due)
			}
		}
		for range 10 {
			time.Sleep(2 * time.Second)
			deliver()
		}
		began := time.Now()
		w.put(t, planNamed("gold"))
		for range 10 {
			if holdsPlan(one, "gold") {
				break
			}
			time.Sleep(time.Second)
			deliver()
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("behind a hub that is ten seconds late it took %v", took)
		}
		one.source.with(func() { one.source.tampers = nil })
		time.Sleep(10 * time.Second) // the hub is on time again
		w.put(t, planNamed("silver"))
		eventually(t, "silver is in force", func() bool { return holdsPlan(one, "silver") })
	})
}

// A gateway that lost its connection to the hub asks at once, and does not wait until the hub was silent for long.
func TestLostHubIsNotWaitedFor(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		one.source.with(func() { one.source.tampers = func(m *stream.Message) { m.Signature = nil } })
		one.source.inject(nil)
		began := time.Now()
		w.put(t, planNamed("gold"))
		eventually(t, "gold is in force", func() bool { return holdsPlan(one, "gold") })
		if took := time.Since(began); took > time.Second {
			t.Errorf("without the hub it took %v", took)
		}
	})
}
