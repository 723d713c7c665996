package store

import (
	"fmt"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/counted"
)

// counting is a database with two key managers, an API, a client of the first, and a gateway of each of two groups: the
// other one has nothing of all this.
type counting struct {
	*Store
	t                   *testing.T
	corp, partner       *keyward.Object
	orders, mobile      *keyward.Object
	gateway, otherGroup keyward.Gateway
	now                 time.Time
}

func newCounting(t *testing.T, s *Store) *counting {
	t.Helper()
	// In the middle of its hour, so that a minute more or less changes nothing.
	c := &counting{Store: s, t: t, now: time.Now().UTC().Truncate(time.Hour).Add(32 * time.Minute)}
	c.corp, c.partner = keyManager("corp", "https://corp"), keyManager("partner", "https://partner")
	c.orders = api("orders", "/orders", "corp", "partner")
	c.mobile = client("mobile-corp", "mobile", "corp", "abc")
	store(t, s, c.corp, c.partner, c.orders, application("mobile"), c.mobile, subscription("mobile-orders", "mobile", "orders"))
	addGroup(t, s, "field")
	c.gateway, c.otherGroup = keyward.Gateway{Name: "g"}, keyward.Gateway{Name: "e", Group: "field"}
	write(t, s, func(tx *Tx) error {
		if err := tx.CreateGateway(&c.gateway, hash("g")); err != nil {
			return err
		}
		return tx.CreateGateway(&c.otherGroup, hash("e"))
	})
	return c
}

// portion is n calls of mobile to orders that passed, one that its scope refused, and one that nobody has.
func (c *counting) portion(run string, sequence uint64, n int64, at time.Time) UsagePortion {
	return UsagePortion{
		Gateway: c.gateway.ID, Group: c.gateway.Group, Run: run, Sequence: sequence,
		Calls: []UsageCalls{
			{KeyManager: c.corp.ID, API: c.orders.ID, Calls: n + 1, At: at},
			{KeyManager: c.corp.ID, API: c.orders.ID, Code: keyward.CodeInsufficientScope, Calls: 1, At: at},
		},
		Uses: []UsageOfClient{
			{Client: c.mobile.ID, Passed: n, Refused: 1, At: at}, {KeyManager: c.corp.ID, Passed: 1, At: at},
		},
	}
}

func (c *counting) count(p UsagePortion) {
	c.t.Helper()
	write(c.t, c.Store, func(tx *Tx) error { return tx.CountUsage(p, c.now) })
}

func (c *counting) want(km *keyward.Object, what string) {
	c.t.Helper()
	read(c.t, c.Store, func(tx *Tx) error {
		lately, err := tx.UsageLately(km.ID, c.now)
		if err != nil {
			return err
		}
		hours, err := tx.UsageHours(km.ID, "", c.now)
		if err != nil {
			return err
		}
		uses, err := tx.ClientUses([]*keyward.Object{c.mobile})
		if err != nil {
			return err
		}
		c.wantDay(tx, km, hours)
		got := fmt.Sprint(lately.APIs[c.orders.ID], lately.Clients[c.mobile.ID], lately.Clients[""])
		for _, h := range hours {
			got += fmt.Sprintf(" %s%+d=%d", h.Code, int(h.Start.Sub(c.now.Truncate(time.Hour)).Hours()), h.Calls)
		}
		if at := uses[c.mobile.ID].LastUsedAt; at != nil {
			got += fmt.Sprint(" used ", c.now.Sub(*at))
		}
		if got != what {
			c.t.Errorf("%s has %q, want %q", km.Name, got, what)
		}
		return nil
	})
}

// wantDay holds the day's calls against the hours that they are of, and a tenant's without any against nothing.
func (c *counting) wantDay(tx *Tx, km *keyward.Object, hours []counted.Hour) {
	c.t.Helper()
	var want UsageDay
	for _, h := range hours {
		i := len(want) - 1 + int(h.Start.Sub(c.now.Truncate(time.Hour)).Hours())
		switch {
		case i < 0:
		case h.Code == "":
			want[i].Passed += h.Calls
		default:
			want[i].Refused += h.Calls
		}
	}
	for tenant, w := range map[string]UsageDay{"": want, "default": want, "acme": {}} {
		days, err := tx.UsageDays([]string{km.ID, "nobody"}, tenant, c.now)
		if err != nil {
			c.t.Fatal(err)
		}
		got := days[km.ID]
		if got == nil {
			got = &UsageDay{}
		}
		if *got != w || len(days) > 1 {
			c.t.Errorf("the day of %s in tenant %q is %v of %d, want %v", km.Name, tenant, *got, len(days), w)
		}
	}
}

func TestWhatGatewaysCount(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		c := newCounting(t, s)
		var before string
		state := func() (all string) {
			read(t, s, func(tx *Tx) error {
				head, err := tx.Head("default")
				entries, auditErr := tx.AuditEntries(AuditFilter{Limit: 1000})
				o, getErr := tx.Get(keyward.KindOAuthClient, "default", "mobile-corp")
				all = fmt.Sprint(head, len(entries), o.Version)
				return firstOf(err, auditErr, getErr)
			})
			return all
		}
		before = state()
		c.want(c.corp, "{0 0} {0 0} {0 0}")

		c.count(c.portion("first", 1, 10, c.now.Add(-time.Minute)))
		one := "{11 1} {10 1} {1 0} +0=11 insufficient_scope+0=1 used 1m0s"
		c.want(c.corp, one)
		c.want(c.partner, "{0 0} {0 0} {0 0} used 1m0s")
		c.count(c.portion("first", 1, 10, c.now)) // its answer was lost: it comes again
		c.want(c.corp, one)

		c.count(c.portion("first", 2, 100, c.now.Add(-time.Second)))
		c.count(c.portion("first", 1, 10, c.now)) // overtaken on its way
		c.count(c.portion("second", 1, 1000, c.now.Add(-2*time.Second)))
		all := "{1113 3} {1110 3} {3 0} +0=1113 insufficient_scope+0=3 used 1s"
		c.want(c.corp, all)

		// A refused call is no use.
		refused := c.portion("second", 2, 0, c.now)
		refused.Calls, refused.Uses = refused.Calls[1:], refused.Uses[:1]
		c.count(refused)
		all = "{1113 4} {1110 4} {3 0} +0=1113 insufficient_scope+0=4 used 1s"
		c.want(c.corp, all)

		// What the gateway's group does not have, it cannot have counted; nor what nobody has.
		foreign := c.portion("other", 1, 5, c.now)
		foreign.Gateway, foreign.Group = c.otherGroup.ID, "field"
		c.count(foreign)
		unknown := c.portion("other", 1, 5, c.now)
		for i := range unknown.Calls {
			unknown.Calls[i].KeyManager = NewID()
		}
		unknown.Uses[0].Client, unknown.Uses[1].KeyManager = NewID(), c.orders.ID
		c.count(unknown)
		c.want(c.corp, all)

		if after := state(); after != before {
			t.Errorf("counting changed the feed, the audit trail or a version: %s became %s", before, after)
		}
		c.want(c.corp, all)
		c.growOld(all)
	})
}

// growOld holds that what is kept of calls ends: minutes after two hours, hours after two days, a client's last use with
// the client.
func (c *counting) growOld(all string) {
	c.t.Helper()
	drop := func() { write(c.t, c.Store, func(tx *Tx) error { return tx.DropUsage(c.now) }) }
	drop()
	c.want(c.corp, all)
	long := c.portion("second", 3, 7, c.now.Add(-47*time.Hour))
	c.count(long)
	c.count(UsagePortion{Gateway: c.gateway.ID, Group: c.gateway.Group, Run: "second", Sequence: 4, Calls: []UsageCalls{
		{KeyManager: c.corp.ID, API: c.orders.ID, Calls: 1, At: c.now.Add(-49 * time.Hour)},
	}})
	c.want(c.corp, "{1113 4} {1110 4} {3 0} -47=8 insufficient_scope-47=1 +0=1113 insufficient_scope+0=4 used 1s")
	c.now = c.now.Add(4 * time.Hour)
	drop()
	c.want(c.corp, "{0 0} {0 0} {0 0} -4=1113 insufficient_scope-4=4 used 4h0m1s")
	rows := func(table string) (n int) {
		read(c.t, c.Store, func(tx *Tx) error {
			_, err := tx.run.One(`SELECT COUNT(*) FROM `+table, nil, &n)
			return err
		})
		return n
	}
	for table, want := range map[string]int{"usage_apis": 0, "usage_clients": 0, "usage_hours": 2, "client_usage": 1} {
		if n := rows(table); n != want {
			c.t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
	for i := range 20 { // a gateway that begins a run with each portion
		c.count(UsagePortion{Gateway: c.gateway.ID, Group: c.gateway.Group, Run: fmt.Sprint("run ", i), Sequence: 1})
	}
	if n := rows("usage_told"); n > 8 {
		c.t.Errorf("%d runs are remembered", n)
	}
	if err := tryDelete(c.t, c.Store, c.mobile); err != nil {
		c.t.Fatal(err)
	}
	c.now = c.now.Add(72 * time.Hour)
	drop()
	for _, table := range []string{"usage_hours", "client_usage"} {
		if n := rows(table); n != 0 {
			c.t.Errorf("%s still has %d rows", table, n)
		}
	}
}

// A count that is as large as it can be stays, and does not break the report of whoever counts on.
func TestCountsDoNotOverflow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		c := newCounting(t, s)
		write(t, s, func(tx *Tx) error {
			_, err := tx.run.Exec(`INSERT INTO usage_hours (key_manager_id, hour, tenant, code, calls) VALUES ($1, $2, 'default', '', $3)`,
				c.corp.ID, c.now.Truncate(time.Hour).UnixMicro(), int64(1)<<52)
			return err
		})
		c.count(c.portion("first", 1, 1<<40, c.now))
		c.want(c.corp, fmt.Sprintf("{%d 1} {%d 1} {1 0} +0=%d insufficient_scope+0=1 used 0s", 1<<40+1, 1<<40, int64(1)<<52))
	})
}

// Which secret was taken is told of those that a client has now, by whatever name they have now.
func TestSecretsThatWereTaken(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		c := newCounting(t, s)
		secrets := func(values map[string]string) {
			write(t, s, func(tx *Tx) error { return tx.Put(c.mobile, Extra{Row: enabled(), Secrets: values}) })
		}
		taken := func(secret string, ago time.Duration) {
			use := map[SecretUse]time.Time{s.UseOfSecret(c.mobile.ID, secret): c.now.Add(-ago)}
			write(t, s, func(tx *Tx) error { return tx.NoteSecretUses(use) })
		}
		want := func(what string) {
			t.Helper()
			read(t, s, func(tx *Tx) error {
				uses, err := tx.ClientUses([]*keyward.Object{c.mobile})
				got := map[string]time.Duration{}
				for path, at := range uses[c.mobile.ID].Secrets {
					got[path] = c.now.Sub(at)
				}
				if fmt.Sprint(got) != what {
					t.Errorf("taken were %v, want %s", got, what)
				}
				return err
			})
		}
		secrets(map[string]string{"new": "s1"})
		want("map[]")
		taken("s1", time.Hour)
		taken("s1", 2*time.Hour) // another control plane was slow to tell
		want("map[new:1h0m0s]")
		secrets(map[string]string{"new": "s2", "old": "s1"})
		want("map[old:1h0m0s]")
		taken("s2", time.Minute)
		want("map[new:1m0s old:1h0m0s]")
		for i := range 20 {
			taken(fmt.Sprint("rotated ", i), time.Duration(i)*time.Second)
		}
		write(t, s, func(tx *Tx) error { return tx.DropUsage(c.now) })
		read(t, s, func(tx *Tx) error {
			used, err := tx.SecretsUsed([]string{c.mobile.ID})
			if n := len(used[c.mobile.ID]); n != 8 {
				t.Errorf("%d secrets are remembered", n)
			}
			return err
		})
	})
}
