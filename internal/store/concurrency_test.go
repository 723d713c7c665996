package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
)

// writeAtRandom runs transactions of random steps. A refusal ends the transaction it is met in.
func writeAtRandom(t *testing.T, s *Store, round, writer uint64) error {
	source := rand.New(rand.NewPCG(round, writer))
	for range 10 {
		seed := source.Uint64()
		err := s.Write(t.Context(), "test", func(tx *Tx) error {
			c := chooser(rand.New(rand.NewPCG(seed, 0)).IntN)
			for range 1 + c(4) {
				if err := c.step(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && !game(err) {
			return err
		}
	}
	return nil
}

// together runs fns at the same time and gives their errors in order.
func together(fns ...func() error) []error {
	errs := make([]error, len(fns))
	var all sync.WaitGroup
	for i, fn := range fns {
		all.Go(func() { errs[i] = fn() })
	}
	all.Wait()
	return errs
}

// TestOneWinner: of writers that want the same unique thing at the same time, one gets it and the others are told which
// field is taken.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, keyManager("corp", "https://corp"), application("mobile"), application("web"), api("orders", "/orders"))
		for round := range 10 {
			manager := fmt.Sprintf("k%d-won", round)
			store(t, s, keyManager(manager, fmt.Sprint("https://won/", round)))
			// name gives each contender, and each round, an object of its own.
			name := func(i int) string { return fmt.Sprintf("o%d-%d", round, i) }
			for field, make := range map[string]func(i int) *keyward.Object{
				"metadata.name": func(int) *keyward.Object { return application(name(0)) },
				"spec.issuer":   func(i int) *keyward.Object { return keyManager(name(i), fmt.Sprint("https://", round)) },
				"spec.version":  func(i int) *keyward.Object { return api(name(i), fmt.Sprint("/ctx", round)) },
				"spec.clientId": func(i int) *keyward.Object {
					return client(name(i), []string{"mobile", "web"}[i], manager, "x")
				},
				"spec.environment": func(i int) *keyward.Object {
					return client(name(i), "mobile", manager, fmt.Sprint("y", i))
				},
			} {
				clearClients(t, s, manager)
				errs := together(func() error { return tryPut(t, s, make(0)) }, func() error { return tryPut(t, s, make(1)) })
				if (errs[0] == nil) == (errs[1] == nil) {
					t.Fatalf("%s: %v", field, errs)
				}
				code := keyward.CodeConflict
				if field == "spec.environment" {
					code = keyward.CodeKeysExist
				}
				refused(t, firstOf(errs...), code, field)
			}
		}
	})
}

// clearClients deletes the clients of the key manager.
func clearClients(t *testing.T, s *Store, manager string) {
	t.Helper()
	write(t, s, func(tx *Tx) error {
		list, _, err := tx.List(keyward.KindOAuthClient, Filter{Tenant: keyward.DefaultTenant, KeyManager: manager})
		for _, o := range list {
			err = firstOf(err, tx.Delete(o))
		}
		return err
	})
}

// TestUseAgainstDelete: an object is never deleted while another transaction begins to use it, and the one that comes
// second is told why.
func TestUseAgainstDelete(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, keyManager("corp", "https://corp"))
		for round := range 20 {
			app := application(fmt.Sprint("app", round))
			orders := api(fmt.Sprint("api", round), fmt.Sprint("/ctx", round), "corp")
			store(t, s, app, orders)
			sub := subscription(fmt.Sprint("sub", round), app.Name, orders.Name)
			errs := together(
				func() error { return tryPut(t, s, sub) },
				func() error { return tryDelete(t, s, []*keyward.Object{app, orders}[round%2]) },
			)
			switch {
			case errs[0] == nil:
				refused(t, errs[1], keyward.CodeInUse, "")
			case errs[1] == nil:
				refused(t, errs[0], keyward.CodeInvalidInput, []string{"spec.application", "spec.api"}[round%2])
			default:
				t.Fatalf("nobody won: %v", errs)
			}
		}
	})
}

// TestWritersOfOneObject: each of many writers of one object sees the version before it, and none is lost.
func TestWritersOfOneObject(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, application("mobile"))
		var writers []func() error
		for range 5 {
			writers = append(writers, func() error {
				return s.Write(t.Context(), "alice", func(tx *Tx) error {
					o, err := tx.Get(keyward.KindApplication, "", "mobile")
					if err != nil {
						return err
					}
					return tx.Put(o, Extra{})
				})
			})
		}
		if err := firstOf(together(writers...)...); err != nil {
			t.Fatal(err)
		}
		read(t, s, func(tx *Tx) error {
			o, err := tx.Get(keyward.KindApplication, "", "mobile")
			if err == nil && o.Version != 6 {
				t.Errorf("after five writers the version is %d", o.Version)
			}
			return err
		})
	})
}

// TestAKeyManagersRowIsOfTheConnectionThatCounts: one that was made of what a Connection said before another transaction
// changed it is made anew. SQLite has one writer at a time.
func TestAKeyManagersRowIsOfTheConnectionThatCounts(t *testing.T) {
	t.Parallel()
	s := open(t, backends()[1].open(t, seal.NewKey()))
	sso := &keyward.Object{Kind: keyward.KindConnection, Name: "sso", Spec: &keyward.ConnectionSpec{
		Type: keyward.TypeKeycloak, Connection: map[string]any{"clientId": "before"},
	}}
	store(t, s, sso)
	corp := keyManager("corp", "https://corp")
	specOf[*keyward.KeyManagerSpec](corp).Connection = map[string]any{"ref": "sso"}
	var made []any
	write(t, s, func(tx *Tx) error {
		o, err := tx.Get(keyward.KindConnection, "", "sso")
		if err != nil {
			return err
		}
		own := specOf[*keyward.ConnectionSpec](o).Connection["clientId"]
		made = append(made, own)
		if len(made) == 1 {
			specOf[*keyward.ConnectionSpec](sso).Connection["clientId"] = "after"
			if err := tryPut(t, s, sso); err != nil {
				return err
			}
		}
		return tx.Put(corp, Extra{Row: fmt.Appendf(nil, `{"enabled":true,"ownClients":[%q]}`, own)})
	})
	if fmt.Sprint(made) != "[before after]" {
		t.Errorf("the row was made of %v", made)
	}
}
