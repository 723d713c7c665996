package store

import (
	"slices"
	"testing"

	"keyward.dev/keyward"
)

// swapping is a pair of each kind that has something unique beside its name, and what makes each take the other's.
func swapping(t *testing.T, s *Store) (pairs [][2]*keyward.Object, swap func()) {
	t.Helper()
	one, two := keyManager("one", "https://one"), keyManager("two", "https://two")
	first, second := api("first", "/first", "one"), api("second", "/second", "one")
	specOf[*keyward.APISpec](first).Default, specOf[*keyward.APISpec](second).Default = true, true
	mobile, web := application("mobile"), application("web")
	left, right := subscription("left", "mobile", "first"), subscription("right", "web", "second")
	a, b := client("a", "mobile", "one", "id-a"), client("b", "web", "one", "id-b")
	store(t, s, one, two, first, second, mobile, web, left, right, a, b)
	return [][2]*keyward.Object{{one, two}, {first, second}, {left, right}, {a, b}}, func() {
		x, y := specOf[*keyward.KeyManagerSpec](one), specOf[*keyward.KeyManagerSpec](two)
		x.Issuer, y.Issuer = y.Issuer, x.Issuer
		for _, pair := range [][2]*keyward.Object{{first, second}, {left, right}} {
			pair[0].Spec, pair[1].Spec = pair[1].Spec, pair[0].Spec
		}
		c, d := specOf[*keyward.OAuthClientSpec](a), specOf[*keyward.OAuthClientSpec](b)
		*c, *d = *d, *c
	}
}

func TestObjectsOfOneTransactionSwapWhatIsUnique(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		pairs, swap := swapping(t, s)
		swap()
		for i, pair := range pairs {
			for _, o := range pair {
				if err := tryPut(t, s, o); err == nil {
					t.Fatalf("pair %d: %s took what another has", i, o.Ref())
				}
			}
		}
		before := heldRows(t, s)
		for _, backwards := range []bool{false, true} {
			write(t, s, func(tx *Tx) error {
				var all []*keyward.Object
				for _, pair := range pairs {
					all = append(all, pair[0], pair[1])
				}
				for _, o := range all {
					if err := tx.Vacate(o); err != nil {
						return err
					}
				}
				if backwards {
					slices.Reverse(all)
				}
				for _, o := range all {
					if err := tx.Put(o, Extra{Row: enabled()}); err != nil {
						return err
					}
				}
				return nil
			})
			if after := heldRows(t, s); !slices.Equal(before, after) {
				t.Errorf("gateways hold %v, before the swap %v", after, before)
			}
			swap()
		}
		read(t, s, func(tx *Tx) error {
			for _, pair := range pairs {
				for _, o := range pair {
					got, err := tx.Get(o.Kind, "", o.Name)
					if err != nil || got.Version != 3 || !got.CreatedAt.Equal(o.CreatedAt) {
						t.Errorf("%s: %+v, %v", o.Ref(), got, err)
					}
				}
			}
			return nil
		})
	})
}

// heldRows names what gateways of the default group hold.
func heldRows(t *testing.T, s *Store) []string {
	t.Helper()
	var rows []string
	read(t, s, func(tx *Tx) (err error) {
		rows, err = tx.run.Texts(`SELECT kind || ' ' || id FROM feed_rows WHERE group_name = 'default' ORDER BY kind, id`)
		return err
	})
	return rows
}

func TestVacateIsNoWayAroundVersionsNorForgotten(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		pairs, _ := swapping(t, s)
		for _, pair := range pairs {
			o := pair[0]
			vacate := func(o *keyward.Object) error {
				return s.Write(t.Context(), "alice", func(tx *Tx) error { return tx.Vacate(o) })
			}
			if err := vacate(o); err == nil {
				t.Errorf("%s was vacated for good", o.Ref())
			}
			stale := *o
			stale.Version = 7
			refused(t, vacate(&stale), keyward.CodeConflict, "")
			if err := tryPut(t, s, o); err != nil { // the positive control: nothing of it was kept
				t.Errorf("%s: %v", o.Ref(), err)
			}
		}
	})
}
