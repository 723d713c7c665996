package store

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/gateways"
)

func hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func TestAudit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		o := application("mobile")
		o.Set = "team"
		store(t, s, acme(), o)
		store(t, s, o)
		if err := tryDelete(t, s, o); err != nil {
			t.Fatal(err)
		}
		write(t, s, func(tx *Tx) error {
			return tx.Audit(keyward.AuditEntry{
				Tenant: "acme", Actor: "system/keys", Action: "key.generated", Kind: "OAuthClient", Name: "x",
				Detail: "odd\x00\xff",
			})
		})
		list := func(f AuditFilter) (got []string) {
			read(t, s, func(tx *Tx) error {
				entries, err := tx.AuditEntries(f)
				for _, e := range entries {
					got = append(got, strings.Join([]string{e.Tenant, e.Actor, e.Action, e.Kind, e.Name, e.Detail}, " "))
					if time.Since(e.At) > time.Hour || e.ID == 0 {
						t.Errorf("entry %+v", e)
					}
				}
				return err
			})
			return got
		}
		want := []string{
			"acme system/keys key.generated OAuthClient x odd\uFFFD\uFFFD",
			"default alice deleted Application mobile set team",
			"default alice updated Application mobile set team",
			"default alice created Application mobile set team",
			"default alice created Tenant acme ",
			"default system/store created Tenant default ",
		}
		for name, c := range map[string]struct {
			f    AuditFilter
			want []string
		}{
			"all":    {AuditFilter{}, want},
			"tenant": {AuditFilter{Tenant: "acme"}, want[:1]},
			"limit":  {AuditFilter{Limit: 2}, want[:2]},
			"actor":  {AuditFilter{Actor: "system/store"}, want[5:]},
			"object": {AuditFilter{Kind: "Application", Name: "mobile"}, want[1:4]},
			"before": {AuditFilter{Before: 3}, want[4:]},
		} {
			if diff := cmp.Diff(c.want, list(c.f)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// TestDeletedObjectsKeepTheirNames: by the id that gateways had of them; those that were deleted before the upgrade have none.
func TestDeletedObjectsKeepTheirNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		early, late, kept := application("early"), application("late"), application("kept")
		store(t, s, acme(), early, late, kept)
		for _, statement := range []string{`DROP INDEX audit_deleted`, `ALTER TABLE audit DROP COLUMN deleted`} {
			if _, err := s.db.Write.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		upgrade(t, s, "00029_deleted.sql")
		if err := tryDelete(t, s, late); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]keyward.Ref{late.ID: late.Ref(), early.ID: {}, kept.ID: {}, "": {}, "\x00": {}} {
			read(t, s, func(tx *Tx) error {
				got, err := tx.Deleted(id)
				if got != want {
					t.Errorf("%q was %v, want %v", id, got, want)
				}
				return err
			})
		}
	})
}

func TestAPITokens(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		alice, bob := user("alice"), user("bob")
		bob.Tenant = "acme"
		store(t, s, acme(), alice, bob)
		mine, his := &keyward.APIToken{Tenant: "default", User: "alice"}, &keyward.APIToken{Tenant: "acme", User: "bob"}
		write(t, s, func(tx *Tx) error {
			return firstOf(tx.CreateAPIToken(mine, hash("mine")), tx.CreateAPIToken(his, hash("his")))
		})
		create := func(token *keyward.APIToken, text string) error {
			return s.Write(t.Context(), "alice", func(tx *Tx) error { return tx.CreateAPIToken(token, hash(text)) })
		}
		refused(t, create(&keyward.APIToken{Tenant: "acme", User: "alice"}, "new"), keyward.CodeInvalidInput, "user")
		refused(t, create(&keyward.APIToken{Tenant: "default", User: "alice"}, "mine"), keyward.CodeConflict, "token")
		revoke := func(tenant string) error {
			return s.Write(t.Context(), "alice", func(tx *Tx) error { return tx.RevokeAPIToken(tenant, his.ID) })
		}
		refused(t, revoke("default"), keyward.CodeNotFound, "")
		if err := firstOf(revoke("acme"), revoke("acme")); err != nil {
			t.Fatal(err)
		}
		used := time.Now().UTC().Truncate(time.Microsecond)
		write(t, s, func(tx *Tx) error { return tx.TouchAPIToken(mine.ID, used) })
		mine.LastUsed = &used
		read(t, s, func(tx *Tx) error {
			got, err := tx.APITokenByHash(hash("mine"))
			if diff := cmp.Diff(mine, got); diff != "" || err != nil {
				t.Errorf("token (-want +got):\n%s%v", diff, err)
			}
			if got, err := tx.APITokenByHash(hash("his")); err != nil || got.RevokedAt == nil || got.Tenant != "acme" {
				t.Errorf("revoked token: %+v, %v", got, err)
			}
			_, err = tx.APITokenByHash(hash("nobody's"))
			refused(t, err, keyward.CodeNotFound, "")
			for tenant, want := range map[string]int{"": 2, "acme": 1, "default": 1, "none": 0} {
				if list, err := tx.APITokens(tenant); err != nil || len(list) != want {
					t.Errorf("tokens of %q: %v, %v", tenant, list, err)
				}
			}
			return nil
		})
		if err := tryDelete(t, s, alice); err != nil {
			t.Fatal(err)
		}
		read(t, s, func(tx *Tx) error {
			_, err := tx.APITokenByHash(hash("mine"))
			refused(t, err, keyward.CodeNotFound, "")
			return nil
		})
	})
}

// heldKids lists the gateway keys in the default group's feed.
func heldKids(t *testing.T, s *Store) []string {
	t.Helper()
	var kids []string
	read(t, s, func(tx *Tx) (err error) {
		kids, err = tx.run.Texts(`SELECT id FROM feed_rows WHERE group_name = 'default' AND kind = 'gateway_key' ORDER BY id`)
		return err
	})
	return kids
}

func TestGateways(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		one, two := &keyward.Gateway{Name: "one"}, &keyward.Gateway{Name: "two"}
		create := func(g *keyward.Gateway, token string) error {
			return s.Write(t.Context(), "alice", func(tx *Tx) error { return tx.CreateGateway(g, hash(token)) })
		}
		if err := firstOf(create(one, "t1"), create(two, "t2")); err != nil {
			t.Fatal(err)
		}
		refused(t, create(&keyward.Gateway{Name: "one"}, "t3"), keyward.CodeConflict, "name")
		refused(t, create(&keyward.Gateway{Name: "No"}, "t3"), keyward.CodeInvalidInput, "name")
		refused(t, create(&keyward.Gateway{Name: "three", Group: "edge"}, "t3"), keyward.CodeInvalidInput, "group")
		start := time.Now().UTC().Truncate(time.Second)
		key := func(g *keyward.Gateway, kid string, at time.Time) error {
			return s.Write(t.Context(), "alice", func(tx *Tx) error {
				return tx.PutGatewayKey(g.ID, kid, json.RawMessage(`{"kty":"EC"}`), at)
			})
		}
		err := firstOf(key(one, "a", start), key(two, "b", start), key(one, "a", start), key(one, "c", start))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, key(two, "a", start), keyward.CodeConflict, "jwk")
		for _, c := range []struct {
			after time.Duration
			want  string
		}{{gateways.KeyOverlap - time.Second, "[a b c]"}, {gateways.KeyOverlap, "[b c]"}} {
			write(t, s, func(tx *Tx) error {
				_, err := tx.DropExpiredGatewayKeys(start.Add(c.after))
				return err
			})
			if got := fmt.Sprint(heldKids(t, s)); got != c.want {
				t.Errorf("keys after %v: %s, want %s", c.after, got, c.want)
			}
		}
		write(t, s, func(tx *Tx) error {
			return firstOf(tx.ReportGateway(one.ID, GatewayReport{Revision: 2, Build: "v1", At: start}),
				tx.ReportGateway(one.ID, GatewayReport{Revision: 3, Stale: true, At: start}))
		})
		write(t, s, func(tx *Tx) error { return tx.RevokeGateway(two.ID, start) })
		refused(t, key(two, "d", start), keyward.CodeForbidden, "")
		if got := fmt.Sprint(heldKids(t, s)); got != "[c]" {
			t.Errorf("keys after the revocation: %s", got)
		}
		if err := create(&keyward.Gateway{Name: "two"}, "t4"); err != nil {
			t.Errorf("the name of a revoked gateway is not free: %v", err)
		}
		read(t, s, func(tx *Tx) error {
			head, err := tx.Head("default")
			if err != nil {
				return err
			}
			got, err := tx.GatewayByName("one")
			want := *one
			want.Revision, want.Lag, want.Stale, want.Build, want.LastSeen = 3, head.Revision-3, true, "v1", &start
			if diff := cmp.Diff(&want, got); diff != "" || err != nil {
				t.Errorf("gateway (-want +got):\n%s%v", diff, err)
			}
			if got, err := tx.GatewayByTokenHash(hash("t2")); err != nil || got.RevokedAt == nil {
				t.Errorf("revoked gateway: %+v, %v", got, err)
			}
			if got, err := tx.GatewayByName("two"); err != nil || got.RevokedAt != nil {
				t.Errorf("the name's gateway: %+v, %v", got, err)
			}
			_, err = tx.GatewayByTokenHash(hash("t9"))
			refused(t, err, keyward.CodeNotFound, "")
			if all, err := tx.Gateways(); err != nil || len(all) != 3 {
				t.Errorf("gateways: %v, %v", all, err)
			}
			return nil
		})
	})
}

// TestRevocationSealsAgain: what a revoked gateway can open is not what the group gets afterwards.
func TestRevocationSealsAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		corp, g := keyManager("corp", "https://corp"), &keyward.Gateway{Name: "one"}
		write(t, s, func(tx *Tx) error {
			return firstOf(
				tx.Put(corp, Extra{
					Row: enabled(), Introspection: &keyward.IntrospectionRow{ClientID: "gw"},
					Secrets: map[string]string{introspectionSecret: "s3cret"},
				}),
				tx.Put(api("orders", "/orders", "corp"), Extra{Row: enabled()}), tx.CreateGateway(g, hash("t")))
		})
		type state struct {
			row  keyward.IntrospectionRow
			keys []seal.Key
			head keyward.Position
		}
		look := func() (st state) {
			read(t, s, func(tx *Tx) error {
				err := tx.Snapshot("default", func(record []byte) error {
					var c keyward.Change
					if err := json.Unmarshal(record, &c); err != nil || c.Kind != keyward.RowIntrospection {
						return err
					}
					return json.Unmarshal(c.Row, &st.row)
				})
				if err != nil {
					return err
				}
				if st.keys, err = tx.GroupKeys("default"); err != nil {
					return err
				}
				st.head, err = tx.Head("default")
				return err
			})
			return st
		}
		before := look()
		store(t, s, corp) // without introspection: its row leaves
		if got := look(); got.row.ID != "" {
			t.Fatalf("credentials that are gone are held: %+v", got.row)
		}
		write(t, s, func(tx *Tx) error {
			return tx.Put(corp, Extra{Row: enabled(), Introspection: &keyward.IntrospectionRow{ClientID: "gw"}})
		})
		unchanged := look()
		write(t, s, func(tx *Tx) error { return tx.Put(corp, Extra{}) })
		if got := look(); got.head != unchanged.head {
			t.Errorf("a write that changes nothing for gateways took revision %d", got.head.Revision)
		}
		for range 2 { // the second changes nothing
			write(t, s, func(tx *Tx) error { return tx.RevokeGateway(g.ID, time.Now()) })
		}
		after := look()
		if after.head.Revision != unchanged.head.Revision+1 || len(after.keys) != 2 || after.keys[1] != before.keys[0] {
			t.Fatalf("after the revocation: %+v, before %+v", after, unchanged)
		}
		context := seal.RowContext(keyward.RowIntrospection, corp.ID, "secret")
		if plain, err := after.keys[0].Open(after.row.Secret.Text, context); err != nil || string(plain) != "s3cret" {
			t.Errorf("the current key: %q, %v", plain, err)
		}
		if after.row.Secret.Key != after.keys[0].ID() {
			t.Errorf("the row names key %s", after.row.Secret.Key)
		}
		if plain, err := before.keys[0].Open(after.row.Secret.Text, context); err == nil {
			t.Errorf("the key that the revoked gateway has opens %q", plain)
		}
	})
}

func TestLease(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		take := func(name, holder string, ttl time.Duration) bool {
			t.Helper()
			got, err := s.Lease(t.Context(), name, holder, ttl)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for range 2 { // taken, then renewed
			if !take("relay", "a", time.Hour) || take("relay", "b", time.Hour) {
				t.Error("a holds the lease")
			}
		}
		if !take("other", "b", time.Microsecond) {
			t.Error("another lease is free")
		}
		deadline := time.Now().Add(time.Minute)
		for !take("other", "a", time.Hour) {
			if time.Now().After(deadline) {
				t.Fatal("a lease never ends")
			}
		}
		take("relay", "b", 0)
		if take("relay", "b", time.Hour) {
			t.Error("who does not hold a lease gave it back")
		}
		take("relay", "a", 0)
		if !take("relay", "b", time.Hour) {
			t.Error("a lease that was given back is not free")
		}
	})
}

func TestUsersOfAUserAreWhatTheyOwnAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		user := func(name string) *keyward.Object {
			return &keyward.Object{Kind: keyward.KindUser, Tenant: keyward.DefaultTenant, Name: name, Spec: &keyward.UserSpec{}}
		}
		alice := user("alice")
		store(t, s, alice, user("bob"), application("alone", "alice"), application("ghosted", "alice", "nobody"),
			application("both", "alice", "bob"), application("grouped", "alice", "group/payments"),
			application("through", "alice", "corp|007"), application("others", "bob"))
		var names []string
		write(t, s, func(tx *Tx) error {
			users, err := tx.Users(alice)
			for _, u := range users {
				names = append(names, u.Name)
			}
			return err
		})
		if got := strings.Join(names, " "); got != "alone ghosted" {
			t.Errorf("got %q", got)
		}
	})
}

func TestReveal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		c := client("mobile-corp", "mobile", "corp", "abc")
		store(t, s, keyManager("corp", "https://corp"), application("mobile"), c)
		id, end := c.ID, time.Now().Add(time.Minute)
		keep := func() {
			write(t, s, func(tx *Tx) error { return tx.PutReveal(c.ID, "alice", "s3cret", end) })
		}
		take := func(who string, at time.Time) (secret string, err error) {
			err = s.Write(t.Context(), "alice", func(tx *Tx) (err error) {
				secret, err = tx.TakeReveal(c.ID, who, at)
				return err
			})
			return secret, err
		}
		keep()
		keep()
		for _, c := range []struct {
			who  string
			at   time.Time
			want int
		}{{"alice", end.Add(-time.Second), 1}, {"alice", end, 0}, {"bob", end.Add(-time.Second), 0}} {
			var until map[string]time.Time
			write(t, s, func(tx *Tx) (err error) {
				until, err = tx.RevealsUntil([]string{id, "another"}, c.who, c.at)
				return err
			})
			if len(until) != c.want || c.want == 1 && !until[id].Equal(end.Truncate(time.Microsecond)) {
				t.Errorf("RevealsUntil for %s at %s: %v", c.who, c.at, until)
			}
		}
		_, err := take("bob", end.Add(-time.Second))
		refused(t, err, keyward.CodeNotFound, "")
		_, err = take("alice", end)
		refused(t, err, keyward.CodeNotFound, "")
		if got, err := take("alice", end.Add(-time.Second)); err != nil || got != "s3cret" {
			t.Errorf("TakeReveal: %q, %v", got, err)
		}
		_, err = take("alice", end.Add(-time.Second))
		refused(t, err, keyward.CodeNotFound, "")
		keep()
		write(t, s, func(tx *Tx) error { return tx.DropExpiredReveals(end) })
		_, err = take("alice", end.Add(-time.Second))
		refused(t, err, keyward.CodeNotFound, "")
		keep()
		if err := tryDelete(t, s, c); err != nil {
			t.Errorf("a secret to be fetched keeps its client: %v", err)
		}
	})
}

func TestResident(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		now := time.Now().UTC().Truncate(time.Second)
		key := ResidentKey{
			Tenant: "default", Kid: "k1", Alg: "ES256", PrivateJWK: []byte(`{"d":"private"}`), CreatedAt: now, ActiveFrom: now,
		}
		token := ResidentToken{
			ID: "t1", Tenant: "default", ClientID: "abc", Subject: "abc", Scopes: []string{"a", "b"}, IssuedAt: now,
			ExpiresAt: now.Add(time.Hour),
		}
		write(t, s, func(tx *Tx) error { return firstOf(tx.PutResidentKey(key), tx.PutResidentToken(token)) })
		key.RetireAt = now.Add(time.Hour)
		write(t, s, func(tx *Tx) error { return tx.PutResidentKey(key) })
		var raw string
		if err := s.db.Read.QueryRowContext(t.Context(), `SELECT sealed FROM resident_keys`).Scan(&raw); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(raw, "private") {
			t.Errorf("stored: %s", raw)
		}
		read(t, s, func(tx *Tx) error {
			got, err := tx.ResidentKeys("default")
			if diff := cmp.Diff([]ResidentKey{key}, got); diff != "" || err != nil {
				t.Errorf("keys (-want +got):\n%s%v", diff, err)
			}
			if got, err := tx.ResidentKeys("acme"); err != nil || len(got) != 0 {
				t.Errorf("another tenant's keys: %v, %v", got, err)
			}
			one, err := tx.ResidentToken("default", "t1")
			if diff := cmp.Diff(&token, one); diff != "" || err != nil {
				t.Errorf("token (-want +got):\n%s%v", diff, err)
			}
			_, err = tx.ResidentToken("acme", "t1")
			refused(t, err, keyward.CodeNotFound, "")
			return nil
		})
		write(t, s, func(tx *Tx) error {
			return firstOf(tx.RevokeResidentToken("default", "t1", now), tx.RevokeResidentToken("default", "none", now),
				tx.DropResidentKey("default", "k1"))
		})
		read(t, s, func(tx *Tx) error {
			one, err := tx.ResidentToken("default", "t1")
			if err != nil || one.RevokedAt == nil {
				t.Errorf("revoked token: %+v, %v", one, err)
			}
			keys, err := tx.ResidentKeys("default")
			if len(keys) != 0 {
				t.Errorf("keys after the drop: %v", keys)
			}
			return err
		})
		for _, c := range []struct {
			at   time.Time
			want int
		}{{token.ExpiresAt.Add(-time.Second), 0}, {token.ExpiresAt, 1}} {
			write(t, s, func(tx *Tx) error {
				n, err := tx.DropExpiredResidentTokens(c.at)
				if n != c.want {
					t.Errorf("dropped %d at %v", n, c.at)
				}
				return err
			})
		}
	})
}

func TestSigningKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		read(t, s, func(tx *Tx) error {
			key, err := tx.SigningKey()
			if err != nil {
				return err
			}
			public, ok := key.Public().(ed25519.PublicKey)
			if !ok || !ed25519.Verify(public, []byte("x"), ed25519.Sign(key, []byte("x"))) {
				t.Error("the key does not verify what it signs")
			}
			_, err = tx.Head("none")
			refused(t, err, keyward.CodeNotFound, "")
			_, err = tx.GroupKeys("none")
			refused(t, err, keyward.CodeNotFound, "")
			return nil
		})
	})
}

// TestManyApplications: the pages of a large tenant, from the first to the last; and a change that brings thousands of
// applications to the gateways at once, in one transaction.
func TestManyApplications(t *testing.T) {
	t.Parallel()
	const many, some, page = 12_000, 3_000, 5_000
	each(t, func(t *testing.T, s *Store) {
		store(t, s, acme())
		write(t, s, func(tx *Tx) error {
			for in, count := range map[string]int{"default": many, "acme": some} {
				if _, err := tx.run.Exec(`INSERT INTO applications (id, tenant, name, set_name, version, spec, status, sealed,
					gateway_row, search, created_at, updated_at)
					WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
					SELECT $2 || i, $3, 'app-' || i, '', 1, '{}', '', '', '{"name":"app-' || i || '"}', 'app-' || i, 0, 0
					FROM n`, count, in, in); err != nil {
					return err
				}
			}
			return nil
		})
		open := api("open", "/open")
		open.Tenant, specOf[*keyward.APISpec](open).Subscription = "acme", "none"
		store(t, s, open)
		read(t, s, func(tx *Tx) error {
			seen := 0
			for f := (Filter{Tenant: "default", Limit: page}); ; {
				list, next, err := tx.List(keyward.KindApplication, f)
				if err != nil {
					return err
				}
				if seen += len(list); next == "" {
					break
				}
				f.After = next
			}
			held := 0
			err := tx.Snapshot("default", func([]byte) error { held++; return nil })
			if seen != many || held != some+1 {
				t.Errorf("listed %d, held %d", seen, held)
			}
			return err
		})
	})
}
