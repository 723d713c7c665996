package store

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"
)

// What was seen of a key manager is kept and found again, and goes with it.
func TestObservations(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		corp, other := keyManager("corp", "https://corp"), keyManager("other", "https://other")
		store(t, s, corp, other)
		noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
		look := func() (list []string) {
			read(t, s, func(tx *Tx) error {
				all, err := tx.ObservedKeyManagers()
				for _, k := range all {
					due := "never"
					if !k.DueAt.IsZero() {
						due = k.DueAt.Format(time.TimeOnly)
					}
					list = append(list, fmt.Sprint(k.Tenant, "/", k.Name, " ", k.Version, " ", k.Seen, " ", due))
				}
				return err
			})
			return list
		}
		if got := fmt.Sprint(look()); got != "[default/corp 1 0 never default/other 1 0 never]" {
			t.Errorf("before the first look: %s", got)
		}
		write(t, s, func(tx *Tx) error {
			o := Observation{Version: corp.Version, DueAt: noon, State: json.RawMessage(`{"n":1}`)}
			return firstOf(tx.LockObservation(corp.ID), tx.KeepObservation(corp.ID, o), tx.LockObservation(other.ID))
		})
		if got := fmt.Sprint(look()); got != "[default/other 1 0 never default/corp 1 1 12:00:00]" {
			t.Errorf("after the first look: %s", got)
		}
		read(t, s, func(tx *Tx) error {
			o, err := tx.Observation(corp.ID)
			if err != nil || o == nil || string(o.State) != `{"n":1}` || o.Version != 1 || !o.DueAt.Equal(noon) {
				t.Errorf("observation %+v, %v", o, err)
			}
			if o, err := tx.Observation(other.ID); err != nil || o != nil {
				t.Errorf("of one that was only locked: %+v, %v", o, err)
			}
			return nil
		})
		var all sync.WaitGroup // nobody overwrites what another has just kept
		for range 10 {
			all.Go(func() {
				write(t, s, func(tx *Tx) error {
					if err := tx.LockObservation(corp.ID); err != nil {
						return err
					}
					o, err := tx.Observation(corp.ID)
					if err != nil {
						return err
					}
					var n struct{ N int }
					if err := json.Unmarshal(o.State, &n); err != nil {
						return err
					}
					o.State = json.RawMessage(fmt.Sprintf(`{"n":%d}`, n.N+1))
					return tx.KeepObservation(corp.ID, *o)
				})
			})
		}
		all.Wait()
		read(t, s, func(tx *Tx) error {
			o, err := tx.Observation(corp.ID)
			if err == nil && string(o.State) != `{"n":11}` {
				t.Errorf("after ten who each added one: %s", o.State)
			}
			return err
		})
		put := func(at time.Time, span time.Duration, text string) {
			write(t, s, func(tx *Tx) error {
				return tx.PutSample(corp.ID, Sample{At: at, Span: span, Measured: json.RawMessage(text)})
			})
		}
		samples := func() (texts string) {
			read(t, s, func(tx *Tx) error {
				list, err := tx.Samples(corp.ID, noon, noon.Add(time.Hour))
				for _, m := range list {
					texts += fmt.Sprint(m.At.Format(time.TimeOnly), " ", m.Span, " ", string(m.Measured), "; ")
				}
				return err
			})
			return texts
		}
		put(noon.Add(-time.Minute), 0, `{"n":0}`)
		put(noon.Add(time.Minute), 0, `{"n":2}`)
		put(noon.Add(time.Minute), 0, `{"n":3}`) // in its place
		put(noon, 0, `{"n":1}`)
		put(noon, time.Hour, `{"n":9}`)
		if got := samples(); got != `12:00:00 0s {"n":1}; 12:00:00 1h0m0s {"n":9}; 12:01:00 0s {"n":3}; ` {
			t.Errorf("samples: %s", got)
		}
		read(t, s, func(tx *Tx) error {
			first, found, err := tx.FirstSampleOf(corp.ID, 0)
			if err != nil || !found || !first.Equal(noon.Add(-time.Minute)) {
				t.Errorf("first: %s %v %v", first, found, err)
			}
			_, found, err = tx.FirstSampleOf(other.ID, 0)
			if found {
				t.Error("another one has a sample")
			}
			return err
		})
		write(t, s, func(tx *Tx) error { return tx.DropSamples(corp.ID, 0, noon, noon.Add(time.Minute)) })
		if got := samples(); got != `12:00:00 1h0m0s {"n":9}; 12:01:00 0s {"n":3}; ` {
			t.Errorf("samples after some were dropped: %s", got)
		}
		if err := tryDelete(t, s, corp); err != nil {
			t.Fatal(err)
		}
		if got := look(); len(got) != 1 || samples() != "" {
			t.Errorf("after the key manager is gone: %s, samples %s", got, samples())
		}
	})
}
