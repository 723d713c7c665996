package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/secret"
)

func TestPutAndGetEveryKind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		objects := []*keyward.Object{
			acme(), user("alice"), keyManager("corp", "https://corp"), plan("gold"), api("orders", "/orders", "corp"),
			application("mobile", "alice", "group/payments"), subscription("mobile-orders", "mobile", "orders"),
			client("mobile-corp", "mobile", "corp", "abc"),
		}
		for _, o := range objects {
			o.Set = "first"
		}
		store(t, s, objects...)
		read(t, s, func(tx *Tx) error {
			for _, o := range objects {
				got, err := tx.Get(o.Kind, "", o.Name)
				if err != nil {
					return err
				}
				if diff := cmp.Diff(o, got, cmp.AllowUnexported(secret.Value{})); diff != "" {
					t.Errorf("Get %s (-want +got):\n%s", o.Ref(), diff)
				}
				if got, err = tx.GetByID(o.Kind, o.ID); err != nil || got.Name != o.Name {
					t.Errorf("GetByID %s: %v, %v", o.Ref(), got, err)
				}
			}
			if _, err := tx.Get(keyward.KindPlan, "", "silver"); keyward.CodeOf(err) != keyward.CodeNotFound {
				t.Errorf("Get of nothing: %v", err)
			}
			if _, err := tx.GetByID(keyward.KindPlan, objects[0].ID); keyward.CodeOf(err) != keyward.CodeNotFound {
				t.Errorf("GetByID of another kind: %v", err)
			}
			return nil
		})
	})
}

func TestVersions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		o := application("mobile")
		store(t, s, o)
		stale := *o
		o.Spec = &keyward.ApplicationSpec{DisplayName: "Mobile"}
		store(t, s, o)
		if o.Version != 2 || !o.UpdatedAt.After(o.CreatedAt) {
			t.Fatalf("after two writes: %+v", o)
		}
		refused(t, tryPut(t, s, &stale), keyward.CodeConflict, "")
		if stale.Version != 1 {
			t.Fatalf("a refused put left version %d", stale.Version)
		}
		refused(t, tryDelete(t, s, &stale), keyward.CodeConflict, "")
		if err := tryDelete(t, s, o); err != nil {
			t.Fatal(err)
		}
		refused(t, tryDelete(t, s, o), keyward.CodeNotFound, "")
		refused(t, tryPut(t, s, o), keyward.CodeNotFound, "")
	})
}

func TestUnique(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, acme(), keyManager("corp", "https://corp"), keyManager("other", "https://other"),
			api("orders", "/orders", "corp"), application("mobile"), application("web"), application("spare"),
			subscription("mobile-orders", "mobile", "orders"), client("mobile-corp", "mobile", "corp", "abc"))
		withDefault := func(name, version string) *keyward.Object {
			o := api(name, "/orders", "corp")
			specOf[*keyward.APISpec](o).Version, specOf[*keyward.APISpec](o).Default = version, true
			return o
		}
		store(t, s, withDefault("orders-v2", "v2"))
		inherits := keyManager("third", "https://third")
		specOf[*keyward.KeyManagerSpec](inherits).OtherIssuers = []keyward.OtherIssuer{
			{Issuer: "https://old"}, {Issuer: "https://corp"},
		}
		ruled := func(name, application, manager string, m keyward.ClientMatch) *keyward.Object {
			o := client(name, application, manager, "")
			specOf[*keyward.OAuthClientSpec](o).Match = &m
			return o
		}
		svc := keyward.ClientMatch{Claim: "sub", Prefix: "svc-"}
		store(t, s, ruled("web-svc", "web", "corp", svc))
		discovered := keyManager("fourth", "")
		discovered.Status = []byte(`{"issuer":"https://corp"}`)
		for _, c := range []struct {
			o     *keyward.Object
			code  keyward.Code
			field string
		}{
			{application("mobile"), keyward.CodeConflict, "metadata.name"},
			{acme(), keyward.CodeConflict, "metadata.name"},
			{keyManager("third", "https://corp"), keyward.CodeConflict, "spec.issuer"},
			{inherits, keyward.CodeConflict, "spec.otherIssuers[1].issuer"},
			{discovered, keyward.CodeConflict, "spec.issuer"},
			{api("orders-too", "/orders", "corp"), keyward.CodeConflict, "spec.version"},
			{withDefault("orders-v3", "v3"), keyward.CodeConflict, "spec.default"},
			{subscription("again", "mobile", "orders"), keyward.CodeConflict, "spec.api"},
			{client("again", "web", "corp", "abc"), keyward.CodeConflict, "spec.clientId"},
			{client("again", "mobile", "corp", "def"), keyward.CodeKeysExist, "spec.environment"},
			{ruled("again", "spare", "corp", svc), keyward.CodeConflict, "spec.match"},
			{ruled("again", "spare", "corp", keyward.ClientMatch{Claim: "/sub", Prefix: "svc-"}), keyward.CodeConflict, "spec.match"},
			{ruled("again", "mobile", "corp", keyward.ClientMatch{Any: true}), keyward.CodeKeysExist, "spec.environment"},
		} {
			refused(t, tryPut(t, s, c.o), c.code, c.field)
		}
		// The same elsewhere is nobody's conflict.
		elsewhere := keyManager("corp", "https://corp")
		elsewhere.Tenant = "acme"
		sandbox := client("again", "mobile", "corp", "def")
		specOf[*keyward.OAuthClientSpec](sandbox).Environment = keyward.Sandbox
		store(t, s, elsewhere, sandbox, client("mobile-other", "mobile", "other", "abc"),
			ruled("spare-any", "spare", "corp", keyward.ClientMatch{Any: true}), ruled("web-other", "web", "other", svc))
	})
}

func TestSharedIssuer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		apart := func(name, tid string) *keyward.Object {
			o := keyManager(name, "https://shared")
			specOf[*keyward.KeyManagerSpec](o).Tokens.Match = []keyward.MatchRule{{Claims: map[string]any{"tid": tid}}}
			return o
		}
		one := apart("one", "a")
		store(t, s, one, apart("two", "b"))
		refused(t, tryPut(t, s, keyManager("three", "https://shared")), keyward.CodeConflict, "spec.issuer")
		specOf[*keyward.KeyManagerSpec](one).Tokens.Match = nil
		refused(t, tryPut(t, s, one), keyward.CodeConflict, "spec.issuer")
	})
}

func TestReferences(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, acme(), keyManager("corp", "https://corp"), plan("gold"), api("orders", "/orders", "corp"),
			application("mobile"))
		foreign := subscription("foreign", "mobile", "orders")
		foreign.Tenant = "acme"
		nowhere := application("nowhere")
		nowhere.Tenant = "nobody"
		withPlan := api("plans", "/plans", "corp")
		specOf[*keyward.APISpec](withPlan).Plans = []string{"gold", "silver"}
		inGroup := api("group", "/group", "corp")
		specOf[*keyward.APISpec](inGroup).Gateways = []string{"default", "edge"}
		planned := subscription("planned", "mobile", "orders")
		specOf[*keyward.SubscriptionSpec](planned).Plan = "silver"
		for _, c := range []struct {
			o     *keyward.Object
			field string
		}{
			{subscription("a", "none", "orders"), "spec.application"},
			{subscription("a", "mobile", "none"), "spec.api"},
			{planned, "spec.plan"},
			{foreign, "spec.application"},
			{client("a", "none", "corp", "x"), "spec.application"},
			{client("a", "mobile", "none", "x"), "spec.keyManager"},
			{client("a", "mobile", "corp", strings.Repeat("x", longest+1)), "spec.clientId"},
			{client("a", "mobile", "corp", "x\x00"), "spec.clientId"},
			{client("a", "mobile", "corp", ""), "spec.clientId"},
			{api("a", "/a", "corp", "none"), "spec.keyManagers[1]"},
			{withPlan, "spec.plans[1]"},
			{inGroup, "spec.gateways[1]"},
			{nowhere, "metadata.tenant"},
			{application("No Name"), "metadata.name"},
		} {
			refused(t, tryPut(t, s, c.o), keyward.CodeInvalidInput, c.field)
		}
	})
}

func TestDeleteWhileUsed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		corp, gold, orders := keyManager("corp", "https://corp"), plan("gold"), api("orders", "/orders", "corp")
		specOf[*keyward.APISpec](orders).Plans = []string{"gold"}
		mobile, sub := application("mobile"), subscription("mobile-orders", "mobile", "orders")
		specOf[*keyward.SubscriptionSpec](sub).Plan = "gold"
		key := client("mobile-corp", "mobile", "corp", "abc")
		second, hers := acme(), application("hers")
		hers.Tenant = "acme"
		store(t, s, corp, gold, orders, mobile, sub, key, second, hers)
		for _, c := range []struct {
			o     *keyward.Object
			users []*keyward.Object
		}{
			{corp, []*keyward.Object{orders, key}},
			{gold, []*keyward.Object{orders, sub}},
			{orders, []*keyward.Object{sub}},
			{mobile, []*keyward.Object{sub, key}},
			{second, []*keyward.Object{hers}},
		} {
			err := tryDelete(t, s, c.o)
			refused(t, err, keyward.CodeInUse, "")
			var e *keyward.Error
			errors.As(err, &e)
			var want []keyward.Ref
			for _, u := range c.users {
				want = append(want, u.Ref())
			}
			if diff := cmp.Diff(want, e.Users); diff != "" {
				t.Errorf("users of %s (-want +got):\n%s", c.o.Ref(), diff)
			}
		}
		for _, o := range []*keyward.Object{sub, key, mobile, orders, gold, corp, hers, second} {
			if err := tryDelete(t, s, o); err != nil {
				t.Errorf("delete %s: %v", o.Ref(), err)
			}
		}
	})
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		o := keyManager("corp", "https://corp")
		want := map[string]string{"connection.initialAccessToken": "iat-value", introspectionSecret: "very secret"}
		save := func(secrets map[string]string) {
			write(t, s, func(tx *Tx) error { return tx.Put(o, Extra{Secrets: secrets}) })
		}
		check := func(want map[string]string) {
			t.Helper()
			read(t, s, func(tx *Tx) error {
				got, err := tx.Secrets(o)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("secrets (-want +got):\n%s", diff)
				}
				return err
			})
		}
		save(want)
		check(want)
		save(nil)
		check(want)
		var raw string
		query := `SELECT spec || status || sealed FROM key_managers`
		if err := s.db.Read.QueryRowContext(t.Context(), query).Scan(&raw); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(raw, "iat-value") || strings.Contains(raw, "very secret") ||
			!strings.Contains(raw, "initialAccessToken") {
			t.Errorf("stored: %s", raw)
		}
		save(map[string]string{})
		check(map[string]string{})
	})
}

func TestSecretIsBoundToItsPlace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		one, two := keyManager("one", "https://one"), keyManager("two", "https://two")
		write(t, s, func(tx *Tx) error {
			return errors.Join(tx.Put(one, Extra{Secrets: map[string]string{"a": "first"}}),
				tx.Put(two, Extra{Secrets: map[string]string{"a": "second"}}))
		})
		if _, err := s.db.Write.ExecContext(t.Context(), `UPDATE key_managers SET sealed =
			(SELECT sealed FROM key_managers WHERE id = $1) WHERE id = $2`, one.ID, two.ID); err != nil {
			t.Fatal(err)
		}
		read(t, s, func(tx *Tx) error {
			if _, err := tx.Secrets(one); err != nil {
				return err
			}
			if got, err := tx.Secrets(two); err == nil {
				t.Errorf("a secret moved to another object opens: %v", got)
			}
			return nil
		})
	})
}

func TestListPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, acme())
		var want []string
		for _, in := range []string{"acme", "default"} {
			for i := range 7 {
				o := application(fmt.Sprintf("app-%d", i), "alice")
				o.Tenant, o.Set = in, "set"+fmt.Sprint(i%2)
				if i == 3 {
					specOf[*keyward.ApplicationSpec](o).Owners = []string{"bob", "group/payments"}
					specOf[*keyward.ApplicationSpec](o).DisplayName = "50%_Off"
				}
				store(t, s, o)
				want = append(want, in+"/"+o.Name)
			}
		}
		list := func(f Filter) []string {
			t.Helper()
			var got []string
			read(t, s, func(tx *Tx) error {
				for {
					page, next, err := tx.List(keyward.KindApplication, f)
					if err != nil {
						return err
					}
					for _, o := range page {
						got = append(got, o.Tenant+"/"+o.Name)
					}
					if f.After = next; next == "" {
						return nil
					}
				}
			})
			return got
		}
		third := []string{"acme/app-3", "default/app-3"}
		for name, c := range map[string]struct {
			f    Filter
			want []string
		}{
			"all at once":     {Filter{}, want},
			"pages":           {Filter{Limit: 3}, want},
			"page that fits":  {Filter{Limit: 7}, want},
			"tenant":          {Filter{Tenant: "default", Limit: 2}, want[7:]},
			"set":             {Filter{Tenant: "acme", Set: "set1"}, []string{want[1], want[3], want[5]}},
			"owner":           {Filter{Owners: []string{"bob"}}, third},
			"group":           {Filter{Owners: []string{"nobody", "group/payments"}, Limit: 1}, third},
			"search name":     {Filter{Search: "APP-3"}, third},
			"search title":    {Filter{Search: "50%_o"}, third},
			"search wildcard": {Filter{Search: "5_%"}, nil},
			"word of one":     {Filter{Search: "O", Tenant: "acme"}, third[:1]},
			"word of two":     {Filter{Search: "of", Tenant: "acme"}, third[:1]},
			"inside a word":   {Filter{Search: "ff", Tenant: "acme"}, nil},
			"over words":      {Filter{Search: "-3 50%", Tenant: "acme"}, third[:1]},
			"quotes":          {Filter{Search: `"'\"{,`, Tenant: "acme"}, nil},
			"separators":      {Filter{Search: "-", Tenant: "default", Limit: 2}, want[7:]},
			"a word's start":  {Filter{Search: "50%", SearchAt: WordStart, Tenant: "default"}, third[1:]},
			"not its start":   {Filter{Search: "0%_off", SearchAt: WordStart, Tenant: "default"}, nil},
			"a name's start":  {Filter{Search: "APP", SearchAt: NameStart, Tenant: "acme", Limit: 4}, want[:7]},
			"not a name's":    {Filter{Search: "50%", SearchAt: NameStart, Tenant: "acme"}, nil},
			"long":            {Filter{Search: strings.Repeat("app-3 50%_off ", 9), Tenant: "acme"}, nil},
			"strange text":    {Filter{Search: "\x00\xff", Tenant: "\xfe"}, nil},
		} {
			if diff := cmp.Diff(c.want, list(c.f)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		read(t, s, func(tx *Tx) error {
			_, _, err := tx.List(keyward.KindApplication, Filter{After: "nonsense"})
			refused(t, err, keyward.CodeInvalidInput, "cursor")
			_, _, err = tx.List(keyward.KindApplication, Filter{Tenant: "default", KeyManager: "corp"})
			refused(t, err, keyward.CodeInvalidInput, "filter")
			return nil
		})
	})
}

// TestUpgradeOfMany: what is searched follows each write, and is filled by the upgrade of a database that is older than it; the
// upgrade puts OpenAPI documents where lists do not read them.
func TestUpgradeOfMany(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, acme())
		const document = "openapi: 3.1.0\n# \"document\":\"<é>\\\"\n"
		described := api("described", "/described")
		specOf[*keyward.APISpec](described).Title = `"document":"`
		specOf[*keyward.APISpec](described).OpenAPI = &keyward.OpenAPI{Document: document}
		store(t, s, described)
		o := application("mobile", "alice")
		named := func(title string) { specOf[*keyward.ApplicationSpec](o).DisplayName = title; store(t, s, o) }
		found := func(text string) (n int) {
			t.Helper()
			read(t, s, func(tx *Tx) error {
				found, _, err := tx.List(keyward.KindApplication, Filter{Tenant: "default", Search: text})
				n = len(found)
				return err
			})
			return n
		}
		named("Warehouse Étage")
		named("Orders Étage")
		if a, b, c := found("ware"), found("ers é"), found("ÉT"); a != 0 || b != 1 || c != 1 {
			t.Errorf("found after a change: %d by the old title, %d and %d by the new one", a, b, c)
		}
		for _, statement := range undone(t, s) {
			if _, err := s.db.Write.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		for _, migration := range []string{"00025_search.sql", "00027_documents.sql"} {
			upgrade(t, s, migration)
		}
		if n := found("orders"); n != 1 {
			t.Errorf("found %d after the upgrade", n)
		}
		for brief, want := range map[bool]string{false: document, true: ""} {
			read(t, s, func(tx *Tx) error {
				list, _, err := tx.List(keyward.KindAPI, Filter{Tenant: "default", Brief: brief})
				if err != nil || len(list) != 1 {
					return fmt.Errorf("%d APIs: %w", len(list), err)
				}
				spec := specOf[*keyward.APISpec](list[0])
				if spec.OpenAPI.Document != want || spec.Title != `"document":"` {
					t.Errorf("brief is %v: title %q, document %q", brief, spec.Title, spec.OpenAPI.Document)
				}
				return nil
			})
		}
		err := s.Write(t.Context(), "alice", func(tx *Tx) error { return tx.Delete(o) })
		if n := found("orders"); n != 0 || err != nil {
			t.Errorf("found %d after it was deleted: %v", n, err)
		}
	})
}

// upgrade does what one migration does.
func upgrade(t *testing.T, s *Store, migration string) {
	t.Helper()
	folder, mode := "sqlite", []any{}
	if s.db.Read == s.db.Write {
		folder, mode = "postgres", []any{pgx.QueryExecModeSimpleProtocol} // which takes several statements
	}
	text, err := os.ReadFile(filepath.Join("database", "migrations", folder, migration))
	if err == nil {
		_, err = s.db.Write.ExecContext(t.Context(), string(text), mode...)
	}
	if err != nil {
		t.Fatalf("%s: %v", migration, err)
	}
}

// undone are the statements that make the schema the one before searches and documents.
func undone(t *testing.T, s *Store) []string {
	t.Helper()
	statements := []string{
		`UPDATE apis SET spec = replace(spec, '"document":""', '"document":' || document)`, `ALTER TABLE apis DROP COLUMN document`,
	}
	if s.db.Read == s.db.Write { // PostgreSQL
		return append(statements, `DROP FUNCTION keyward_trigrams CASCADE`)
	}
	rows, err := s.db.Read.QueryContext(t.Context(), `SELECT 'DROP ' || type || ' ' || name FROM sqlite_master
		WHERE type = 'trigger' AND name LIKE '%_searched%' OR name IN ('searching', 'searched', 'search_places', 'trigrams')`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			t.Fatal(err)
		}
		statements = append(statements, statement)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return statements
}

func TestListByRelation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, keyManager("corp", "https://corp"), keyManager("other", "https://other"),
			api("orders", "/orders", "corp"), api("stock", "/stock"), application("mobile", "alice"), application("web", "bob"),
			subscription("mobile-orders", "mobile", "orders"), subscription("web-stock", "web", "stock"),
			client("mobile-corp", "mobile", "corp", "a"), client("web-other", "web", "other", "b"))
		for _, c := range []struct {
			kind keyward.Kind
			f    Filter
			want string
		}{
			{keyward.KindSubscription, Filter{Application: "mobile"}, "mobile-orders"},
			{keyward.KindSubscription, Filter{API: "stock"}, "web-stock"},
			{keyward.KindSubscription, Filter{Owners: []string{"bob"}}, "web-stock"},
			{keyward.KindOAuthClient, Filter{KeyManager: "corp"}, "mobile-corp"},
			{keyward.KindOAuthClient, Filter{Application: "web"}, "web-other"},
			{keyward.KindOAuthClient, Filter{Owners: []string{"alice"}}, "mobile-corp"},
			{keyward.KindAPI, Filter{KeyManager: "corp"}, "orders"},
			{keyward.KindAPI, Filter{Context: "/stock"}, "stock"},
		} {
			c.f.Tenant = keyward.DefaultTenant
			read(t, s, func(tx *Tx) error {
				got, _, err := tx.List(c.kind, c.f)
				if err != nil || len(got) != 1 || got[0].Name != c.want {
					t.Errorf("List %s %+v: %v, %v; want %s", c.kind, c.f, got, err, c.want)
				}
				return nil
			})
		}
	})
}

func TestClients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		store(t, s, keyManager("corp", "https://corp"), application("mobile"))
		pending := client("mobile-corp", "mobile", "corp", "")
		pending.Status = []byte(`{"mode":"generated","state":"pending"}`)
		save := func(o *keyward.Object, row []byte) error {
			return s.Write(t.Context(), "alice", func(tx *Tx) error { return tx.Put(o, Extra{Row: row}) })
		}
		if err := save(pending, nil); err != nil {
			t.Fatal(err)
		}
		second := client("second", "mobile", "corp", "x")
		refused(t, save(second, enabled()), keyward.CodeKeysExist, "spec.environment")
		count := func(olderThan time.Time) (n int) {
			read(t, s, func(tx *Tx) error {
				list, err := tx.PendingClients(olderThan)
				n = len(list)
				return err
			})
			return n
		}
		if got := count(time.Now().Add(time.Minute)); got != 1 {
			t.Errorf("pending clients: %d", got)
		}
		if got := count(pending.UpdatedAt); got != 0 {
			t.Errorf("pending clients before they were: %d", got)
		}
		pending.Status = []byte(`{"mode":"generated","state":"failed"}`)
		pending.Name = "mobile-corp-failed"
		if err := save(pending, nil); err != nil {
			t.Fatal(err)
		}
		if err := save(second, enabled()); err != nil {
			t.Fatalf("a failed client holds its place: %v", err)
		}
		if got := count(time.Now().Add(time.Minute)); got != 0 {
			t.Errorf("pending clients after the failure: %d", got)
		}
		read(t, s, func(tx *Tx) error {
			manager, err := tx.Get(keyward.KindKeyManager, "", "corp")
			if err != nil {
				return err
			}
			got, err := tx.ClientByVendorID("default", manager.ID, "x")
			if err != nil || got.Name != "second" {
				t.Errorf("ClientByVendorID: %v, %v", got, err)
			}
			for _, id := range []string{"y", "", "\x00", "\xff"} {
				_, err = tx.ClientByVendorID("default", manager.ID, id)
				refused(t, err, keyward.CodeNotFound, "")
			}
			if got, err = tx.ClientSpelledAlike("default", manager.ID, "X"); err != nil || got.Name != "second" {
				t.Errorf("ClientSpelledAlike: %v, %v", got, err)
			}
			for _, id := range []string{"x", "xx", "", "\x00"} {
				_, err = tx.ClientSpelledAlike("default", manager.ID, id)
				refused(t, err, keyward.CodeNotFound, "")
			}
			return nil
		})
	})
}
