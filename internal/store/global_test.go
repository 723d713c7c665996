package store

import (
	"slices"
	"testing"
	"time"

	"keyward.dev/keyward"
)

// global is a key manager of the tenant default that every tenant has.
func global(name, issuer string) *keyward.Object {
	o := keyManager(name, issuer)
	specOf[*keyward.KeyManagerSpec](o).Global = true
	return o
}

func in(tenant string, o *keyward.Object) *keyward.Object {
	o.Tenant = tenant
	return o
}

// TestGlobalKeyManagersShareNothing: neither name nor issuer with one of any tenant, whichever comes first; two tenants'
// own may have both in common.
func TestGlobalKeyManagersShareNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		beta := acme()
		beta.Name = "beta"
		store(t, s, acme(), beta, global("sso", "https://sso"), keyManager("corp", "https://corp"),
			in("acme", keyManager("own", "https://own")), in("beta", keyManager("own", "https://own")))
		refused(t, tryPut(t, s, in("acme", keyManager("sso", "https://other"))), keyward.CodeConflict, "metadata.name")
		refused(t, tryPut(t, s, in("acme", keyManager("other", "https://sso"))), keyward.CodeConflict, "spec.issuer")
		refused(t, tryPut(t, s, global("own", "https://new")), keyward.CodeConflict, "spec.global")
		refused(t, tryPut(t, s, global("new", "https://own")), keyward.CodeConflict, "spec.issuer")
		corp := keyManager("corp", "https://own")
		read(t, s, func(tx *Tx) error {
			o, err := tx.Get(keyward.KindKeyManager, "", "corp")
			corp.ID, corp.Version = o.ID, o.Version
			return err
		})
		store(t, s, corp) // beside those of other tenants, as long as it is not global
		specOf[*keyward.KeyManagerSpec](corp).Global = true
		refused(t, tryPut(t, s, corp), keyward.CodeConflict, "spec.issuer")
		store(t, s, in("acme", keyManager("corp", "https://corp"))) // the positive control
	})
}

// TestGlobalKeyManagerIsMeantByItsName: in every tenant; a client of it is one per tenant; and it stays global while
// others use it, at the end of the transaction that would take it away.
func TestGlobalKeyManagerIsMeantByItsName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		sso := global("sso", "https://sso")
		there := in("acme", api("orders", "/orders", "sso"))
		theirs := in("acme", client("abc", "mobile", "sso", "abc"))
		store(t, s, acme(), sso, keyManager("corp", "https://corp"), application("mobile"), client("abc", "mobile", "sso", "abc"),
			in("acme", application("mobile")), in("acme", application("web")), there, theirs)
		refused(t, tryPut(t, s, in("acme", api("other", "/other", "corp"))), keyward.CodeInvalidInput, "spec.keyManagers[0]")
		refused(t, tryPut(t, s, in("acme", client("again", "web", "sso", "abc"))), keyward.CodeConflict, "spec.clientId")
		row, _ := feedRow(t, s, keyward.RowClient, theirs.ID)
		if row.ID != "" { // nobody calls there yet
			t.Errorf("a client nobody needs: %+v", row)
		}
		read(t, s, func(tx *Tx) error {
			for tenant, want := range map[string]string{"acme": theirs.ID, "beta": ""} {
				o, err := tx.ClientByVendorID(tenant, sso.ID, "abc")
				if want == "" && keyward.CodeOf(err) != keyward.CodeNotFound || want != "" && (err != nil || o.ID != want) {
					t.Errorf("the client of %s: %v %v", tenant, o, err)
				}
			}
			list, _, err := tx.List(keyward.KindOAuthClient, Filter{Tenant: "acme", KeyManager: "sso"})
			if err != nil || len(list) != 1 || list[0].ID != theirs.ID {
				t.Errorf("clients of acme: %v %v", list, err)
			}
			list, _, err = tx.List(keyward.KindOAuthClient, Filter{ManagerID: sso.ID})
			if err != nil || len(list) != 2 {
				t.Errorf("clients of all tenants: %v %v", list, err)
			}
			_, err = tx.KeyManagerFor("acme", "corp")
			refused(t, err, keyward.CodeNotFound, "")
			return nil
		})
		specOf[*keyward.KeyManagerSpec](sso).Global = false
		err := tryPut(t, s, sso)
		refused(t, err, keyward.CodeInUse, "spec.global")
		users, ok := err.(*keyward.Error) //nolint:errorlint // refused has seen that it is one
		if !ok || !slices.Contains(users.Users, there.Ref()) || !slices.Contains(users.Users, theirs.Ref()) || len(users.Users) != 2 {
			t.Errorf("users %v", err)
		}
		refused(t, tryDelete(t, s, sso), keyward.CodeInUse, "")
		write(t, s, func(tx *Tx) error { // taken away where it is given up in the same transaction, whatever the order
			if err := tx.Put(sso, Extra{Row: enabled()}); err != nil {
				return err
			}
			if err := tx.Delete(theirs); err != nil {
				return err
			}
			return tx.Delete(there)
		})
		refused(t, tryPut(t, s, in("acme", api("orders", "/orders", "sso"))), keyward.CodeInvalidInput, "spec.keyManagers[0]")
	})
}

// TestGlobalKeyManagersAreListed: with those of the tenant in order of name, over pages, and only where they are asked
// for.
func TestGlobalKeyManagersAreListed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, acme(), global("b", "https://b"), keyManager("hidden", "https://h"),
			in("acme", keyManager("a", "https://a")), in("acme", keyManager("c", "https://c")))
		read(t, s, func(tx *Tx) error {
			var names []string
			for after, more := "", true; more; more = after != "" {
				page, next, err := tx.List(keyward.KindKeyManager, Filter{Tenant: "acme", Offered: true, Limit: 1, After: after})
				if err != nil {
					return err
				}
				for _, o := range page {
					names = append(names, o.Name)
				}
				after = next
			}
			own, _, err := tx.List(keyward.KindKeyManager, Filter{Tenant: "acme"})
			if !slices.Equal(names, []string{"a", "b", "c"}) || len(own) != 2 {
				t.Errorf("offered %v, own %d", names, len(own))
			}
			return err
		})
	})
}

// TestOneGlobalWinner: of two tenants' key managers, and a global one, that want a name or an issuer at the same time,
// never both get it; and none is used anew while it ceases to be global.
func TestOneGlobalWinner(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, acme())
		for round := range 8 {
			name := "k" + string(rune('a'+round))
			for _, pair := range [][2]*keyward.Object{
				{global(name+"-n", "https://g/"+name), in("acme", keyManager(name+"-n", "https://t/"+name))},
				{global(name+"-g", "https://i/"+name), in("acme", keyManager(name+"-t", "https://i/"+name))},
			} {
				errs := together(func() error { return tryPut(t, s, pair[0]) }, func() error { return tryPut(t, s, pair[1]) })
				if (errs[0] == nil) == (errs[1] == nil) {
					t.Fatalf("not one winner: %v", errs)
				}
				for _, err := range errs {
					if err != nil {
						refused(t, err, keyward.CodeConflict, "")
					}
				}
			}
			sso := global(name, "https://s/"+name)
			store(t, s, sso)
			specOf[*keyward.KeyManagerSpec](sso).Global = false
			errs := together(func() error { return tryPut(t, s, sso) },
				func() error { return tryPut(t, s, in("acme", api(name, "/"+name, name))) })
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("used while it ceased to be global: %v", errs)
			}
		}
	})
}

// TestGlobalCredentialsFollowTheAPIsOfEveryTenant: introspection credentials are where an API of any tenant takes the key
// manager, by name or with all, and leave with it.
func TestGlobalCredentialsFollowTheAPIsOfEveryTenant(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		sso, own := global("sso", "https://sso"), keyManager("own", "https://own")
		put := func(o *keyward.Object) {
			t.Helper()
			write(t, s, func(tx *Tx) error {
				return tx.Put(o, Extra{
					Secrets: map[string]string{"introspection.clientSecret": "hush"}, Row: enabled(),
					Introspection: &keyward.IntrospectionRow{ClientID: "gateway", Method: "basic", Cache: keyward.Duration(time.Second)},
				})
			})
		}
		store(t, s, acme())
		put(sso)
		put(own)
		want := func(what string, global bool) {
			t.Helper()
			for o, want := range map[*keyward.Object]bool{sso: global, own: false} {
				if row, _ := feedRow(t, s, keyward.RowIntrospection, o.ID); (row.ID != "") != want {
					t.Errorf("%s: the credential of %s is there: %v", what, o.Name, !want)
				}
			}
		}
		want("no API", false)
		named := in("acme", api("named", "/named", "sso"))
		store(t, s, named)
		want("an API of another tenant names it", true)
		write(t, s, func(tx *Tx) error { return tx.Delete(named) })
		want("and is gone", false)
		every := in("acme", api("every", "/every"))
		store(t, s, every)
		want("an API of another tenant takes all", true)
		specOf[*keyward.KeyManagerSpec](sso).Global = false
		put(sso)
		want("it is global no more", false)
		specOf[*keyward.KeyManagerSpec](sso).Global = true
		put(sso)
		want("it is again", true)
		write(t, s, func(tx *Tx) error { return tx.Delete(every) })
		want("that one is gone too", false)
	})
}
