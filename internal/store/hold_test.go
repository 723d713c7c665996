package store

import (
	"encoding/json"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/needs"
)

// feedRow gives what the group default holds of a row, with its needs.
func feedRow(t *testing.T, s *Store, kind keyward.RowKind, id string) (c keyward.Change, hold *keyward.HoldRow) {
	t.Helper()
	read(t, s, func(tx *Tx) error {
		return tx.Snapshot(keyward.DefaultGroup, func(record []byte) error {
			var one keyward.Change
			if err := json.Unmarshal(record, &one); err != nil || one.Kind != kind || one.ID != id {
				return err
			}
			c = one
			var row struct{ Hold *keyward.HoldRow }
			err := json.Unmarshal(one.Row, &row)
			hold = row.Hold
			return err
		})
	})
	return c, hold
}

// TestHoldStaysWithItsObject: it is in the feed with the need that keeps older gateways from ignoring it, survives
// writes of the object and a swap, ends with the object, and one whose time is over is told to nobody any more.
func TestHoldStaysWithItsObject(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		km, orders, mobile := keyManager("corp", "https://corp"), api("orders", "/orders", "corp"), application("mobile")
		sub, c := subscription("sub", "mobile", "orders"), client("client", "mobile", "corp", "abc")
		store(t, s, km, orders, mobile, sub, c)
		for kind, o := range map[keyward.RowKind]*keyward.Object{
			keyward.RowKeyManager: km, keyward.RowApplication: mobile, keyward.RowSubscription: sub, keyward.RowClient: c,
		} {
			hold := &keyward.Hold{Reason: "leaked", By: "ada", Since: time.Now().UTC().Truncate(time.Microsecond)}
			write(t, s, func(tx *Tx) error {
				_, err := tx.Hold(o, hold)
				return err
			})
			write(t, s, func(tx *Tx) error {
				if err := tx.Vacate(o); err != nil {
					return err
				}
				return tx.Put(o, Extra{Row: enabled()})
			})
			change, held := feedRow(t, s, kind, o.ID)
			if !held.Holds(time.Now()) || len(change.Needs) != 1 || change.Needs[0] != needs.Hold {
				t.Errorf("%s: the feed has %s, needs %v", kind, change.Row, change.Needs)
			}
			read(t, s, func(tx *Tx) error {
				stored, err := tx.Get(o.Kind, o.Tenant, o.Name)
				if err == nil && (stored.Hold == nil || *stored.Hold != *hold) {
					t.Errorf("%s: stored %+v", kind, stored.Hold)
				}
				return err
			})
			write(t, s, func(tx *Tx) error {
				changed, err := tx.Hold(o, nil)
				if err == nil && !changed {
					t.Errorf("%s: lifting changed nothing", kind)
				}
				return err
			})
			if change, held = feedRow(t, s, kind, o.ID); held != nil || len(change.Needs) > 0 {
				t.Errorf("%s: after the hold the feed has %s, needs %v", kind, change.Row, change.Needs)
			}
		}
		over := time.Now().Add(-time.Second)
		write(t, s, func(tx *Tx) error {
			_, err := tx.Hold(c, &keyward.Hold{Reason: "x", By: "ada", Since: over, Until: &over})
			return err
		})
		if _, held := feedRow(t, s, keyward.RowClient, c.ID); held != nil {
			t.Errorf("a hold that is over is in the feed: %+v", held)
		}
		write(t, s, func(tx *Tx) error { return tx.Delete(c) })
		read(t, s, func(tx *Tx) error {
			left, err := tx.run.Texts(`SELECT object_id FROM holds`)
			if len(left) > 0 {
				t.Errorf("holds of nothing: %v", left)
			}
			return err
		})
	})
}
