package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/feed"
	"keyward.dev/keyward/internal/registry"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
)

// bubble runs a test on a clock of its own, with a control plane and the named gateways, all connected. Time stands
// still while anything has something to do, so that what is asked about time is exact.
func bubble(t *testing.T, names []string, test func(t *testing.T, w *world, gateways []*gateway)) {
	t.Helper()
	o := empty.Options(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(o.DataDir, o.Key)
		must(t, w.start())
		var gateways []*gateway
		for i, name := range names {
			g, err := w.newGateway(name, uint64(i))
			must(t, err)
			gateways = append(gateways, g)
		}
		for _, g := range gateways {
			eventually(t, g.name+" is up to date", func() bool { return w.agrees(g) == "" && g.registry.Ready() == nil })
		}
		time.Sleep(3 * time.Second) // every gateway has heard the hub's heart beat
		test(t, w, gateways)
		for _, g := range gateways {
			must(t, g.stop())
		}
		must(t, w.stop())
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put commits an application of that name with an API that everybody may call, so that gateways are told of it.
func (w *world) put(t *testing.T, objects ...*keyward.Object) {
	t.Helper()
	must(t, w.now().store.Write(t.Context(), "test", func(tx *store.Tx) error {
		for _, o := range objects {
			fresh := *o
			fresh.Tenant = keyward.DefaultTenant
			extra := store.Extra{Row: []byte(`{}`)}
			if o.Kind == keyward.KindKeyManager {
				extra.Row = []byte(`{"enabled":true}`)
				extra.Secrets = map[string]string{"introspection.clientSecret": theSecret}
				extra.Introspection = &keyward.IntrospectionRow{ClientID: "gw", Method: "basic"}
			}
			if err := tx.Put(&fresh, extra); err != nil {
				return err
			}
		}
		return nil
	}))
}

const theSecret = "the introspection secret"

func planNamed(name string) *keyward.Object {
	return &keyward.Object{Kind: keyward.KindPlan, Name: name, Spec: &keyward.PlanSpec{
		Rate: []keyward.Rate{{Requests: 10, Per: keyward.Duration(time.Second)}},
	}}
}

// withSecret is a key manager with introspection, and an API that takes it.
func withSecret() []*keyward.Object {
	return []*keyward.Object{
		{Kind: keyward.KindKeyManager, Name: "corp", Spec: &keyward.KeyManagerSpec{
			Type: keyward.TypeOIDC, Issuer: "https://corp.example",
			Introspection: &keyward.Introspection{ClientID: "gw", ClientSecret: secret.Credential{Current: secret.Stored()}},
		}},
		{Kind: keyward.KindAPI, Name: "orders", Spec: &keyward.APISpec{
			Context: "/orders", Version: "v1", KeyManagers: keyward.KeyManagerSet{List: []keyward.KeyManagerUse{{Name: "corp"}}},
		}},
	}
}

func holdsPlan(g *gateway, name string) bool {
	rows, err := g.registry.View().Rows()
	if err != nil {
		panic(err)
	}
	for _, c := range rows {
		if c.Kind == keyward.RowPlan && strings.Contains(string(c.Row), fmt.Sprintf("%q", name)) {
			return true
		}
	}
	return false
}

// sealedSecret gives the one introspection row that a gateway holds.
func sealedSecret(t *testing.T, g *gateway) (*keyward.IntrospectionRow, bool) {
	t.Helper()
	for _, km := range g.registry.View().KeyManagers() {
		if row := g.registry.View().Introspection(km.ID); row != nil {
			return row, true
		}
	}
	return nil, false
}

func TestChangeIsInForceEverywhereWithinASecond(t *testing.T) {
	bubble(t, []string{"one", "two"}, func(t *testing.T, w *world, gateways []*gateway) {
		for i := range 20 {
			name := fmt.Sprintf("plan-%d", i)
			began := time.Now()
			w.put(t, planNamed(name))
			for _, g := range gateways {
				eventually(t, name+" is in force", func() bool { return holdsPlan(g, name) })
			}
			if took := time.Since(began); took > 250*time.Millisecond {
				t.Errorf("%s took %v over the hub", name, took)
			}
			time.Sleep(130 * time.Millisecond)
		}
	})
}

func TestLostChangeIsFetchedWithinASecondOrTwo(t *testing.T) {
	bubble(t, []string{"one", "hubless"}, func(t *testing.T, w *world, gateways []*gateway) {
		hubless := gateways[1]
		hubless.source.with(func() {
			hubless.source.chaos = 0
			hubless.source.tampers = func(m *stream.Message) { m.Signature = nil }
		})
		time.Sleep(4 * time.Second) // the hub counts as away
		began := time.Now()
		w.put(t, planNamed("gold"))
		eventually(t, "gold is in force without a hub", func() bool { return holdsPlan(hubless, "gold") })
		if took := time.Since(began); took > time.Second {
			t.Errorf("without a hub it took %v", took)
		}
	})
}

func TestControlPlaneGoesAndComesBack(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		w.put(t, planNamed("gold"))
		eventually(t, "gold is in force", func() bool { return holdsPlan(one, "gold") })
		must(t, w.stop())
		time.Sleep(time.Hour)
		if err := one.registry.Serving(); err != nil {
			t.Errorf("without the control plane: %v", err)
		}
		if stale, age := one.registry.Stale(); !stale || age < time.Hour || age > time.Hour+5*time.Second {
			t.Errorf("stale %v for %v, want for an hour", stale, age)
		}
		must(t, errors.Join(one.stop(), one.start()))
		if !holdsPlan(one, "gold") || one.registry.Ready() != nil {
			t.Errorf("from disk: ready %v, holds gold %v", one.registry.Ready(), holdsPlan(one, "gold"))
		}
		if stale, age := one.registry.Stale(); !stale || age < time.Hour {
			t.Errorf("from disk: stale %v for %v, want for an hour", stale, age)
		}
		must(t, w.start())
		began := time.Now()
		w.put(t, planNamed("silver"))
		eventually(t, "silver is in force", func() bool { return holdsPlan(one, "silver") })
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("after the control plane's return it took %v", took)
		}
		if stale, _ := one.registry.Stale(); stale {
			t.Error("stale although the control plane is back")
		}
	})
}

func TestMaxStaleHoldsAcrossRestarts(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		must(t, one.stop())
		one.o.MaxStale = 20 * time.Second
		must(t, one.start())
		eventually(t, "one serves", func() bool { return one.registry.Serving() == nil })
		time.Sleep(time.Minute)
		if err := one.registry.Serving(); err != nil {
			t.Fatalf("with heartbeats: %v", err)
		}
		must(t, w.stop())
		time.Sleep(14 * time.Second)
		if err := one.registry.Serving(); err != nil {
			t.Errorf("before the time is over: %v", err)
		}
		must(t, errors.Join(one.stop(), one.start()))
		if err := one.registry.Serving(); err != nil {
			t.Errorf("after a restart, before the time is over: %v", err)
		}
		time.Sleep(7 * time.Second)
		for range 2 {
			if err := one.registry.Serving(); keyward.CodeOf(err) != keyward.CodeGatewayStale {
				t.Errorf("after the time is over: %v", err)
			}
			if one.registry.Ready() == nil {
				t.Error("ready although it must not serve")
			}
			must(t, errors.Join(one.stop(), one.start()))
		}
		must(t, w.start())
		eventually(t, "one serves again", func() bool { return one.registry.Serving() == nil })
	})
}

// A gateway whose clock is ahead cannot tell the news from recordings: it says what is wrong.
func TestAClockThatIsAheadIsNamed(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, _ *world, gateways []*gateway) {
		one := gateways[0]
		must(t, one.stop())
		one.o.MaxStale, one.o.Now = time.Minute, func() time.Time { return time.Now().Add(5 * time.Minute) }
		must(t, one.start())
		eventually(t, "one says that its clock is ahead", func() bool {
			err := one.registry.Serving()
			return keyward.CodeOf(err) == keyward.CodeGatewayStale && strings.Contains(err.Error(), "clock is 5m0s ahead")
		})
		must(t, one.stop())
		one.o.Now = func() time.Time { return time.Now().Add(-5 * time.Minute) }
		must(t, one.start())
		eventually(t, "one serves with a clock that is behind", func() bool { return one.registry.Serving() == nil })
	})
}

// A recording of heartbeats keeps no gateway alive, and a clock that jumps ahead holds nobody for ever.
func TestOnlyLaterHeartbeatsCount(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		var recorded [][]byte
		one.source.with(func() { recorded = append(recorded, one.source.heard...) })
		if len(recorded) < 3 {
			t.Fatalf("only %d messages were heard", len(recorded))
		}
		must(t, w.stop())
		_, before := one.registry.Stale()
		for range 30 {
			time.Sleep(time.Second)
			for _, b := range recorded {
				one.source.inject(b)
			}
		}
		if _, age := one.registry.Stale(); age < before+30*time.Second {
			t.Errorf("old heartbeats made it %v, it was %v half a minute ago", age, before)
		}
		must(t, w.start())
		eventually(t, "a new heartbeat counts", func() bool { stale, _ := one.registry.Stale(); return !stale })
	})
}

func TestRestoredDatabaseEndsInASnapshot(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		w.put(t, planNamed("gold"))
		must(t, w.stop())
		synctest.Wait()
		backup := w.dir + "/backup"
		must(t, copyFolder(w.dir, backup))
		must(t, w.start())
		w.put(t, planNamed("regretted"))
		eventually(t, "regretted is in force", func() bool { return holdsPlan(one, "regretted") })
		var recorded [][]byte
		one.source.with(func() { recorded = append(recorded, one.source.heard...) })
		must(t, w.stop())
		synctest.Wait()
		must(t, w.restore(backup))
		must(t, w.start())
		eventually(t, "what the database no longer holds is gone", func() bool {
			return !holdsPlan(one, "regretted") && holdsPlan(one, "gold") && w.agrees(one) == ""
		})
		// The genuine record of the history that was left fits exactly where the gateway stands now.
		time.Sleep(2 * time.Second)
		for _, b := range recorded {
			one.source.inject(b)
		}
		synctest.Wait()
		if holdsPlan(one, "regretted") {
			t.Error("a recording of the history that was left is in force")
		}
		w.put(t, planNamed("other"))
		eventually(t, "the new history is followed", func() bool { return holdsPlan(one, "other") && w.agrees(one) == "" })
	})
}

func TestWithdrawnGatewayStops(t *testing.T) {
	bubble(t, []string{"one", "two", "deaf"}, func(t *testing.T, w *world, gateways []*gateway) {
		one, two, deaf := gateways[0], gateways[1], gateways[2]
		deaf.source.with(func() { deaf.source.tampers = func(m *stream.Message) { m.Signature = nil } })
		key := one.registry.SigningKey().ID
		for _, g := range []*gateway{one, deaf} {
			began := time.Now()
			must(t, w.now().feed.RevokeGateway(t.Context(), "test", g.name))
			eventually(t, g.name+" stops", func() bool { return g.registry.Withdrawn() })
			if took := time.Since(began); g == one && took > time.Second {
				t.Errorf("told over the hub, it took %v to stop", took)
			}
			if keyward.CodeOf(g.registry.Serving()) != keyward.CodeGatewayStale || g.registry.Ready() == nil {
				t.Errorf("%s still serves: %v", g.name, g.registry.Serving())
			}
		}
		eventually(t, "its key left the others", func() bool { return !two.registry.View().HasGatewayKey(key) })
		if two.registry.Withdrawn() || two.registry.Serving() != nil || !two.registry.View().HasGatewayKey(two.registry.SigningKey().ID) {
			t.Error("another gateway stopped too")
		}
		must(t, w.stop())
		must(t, errors.Join(one.stop(), one.start()))
		if !one.registry.Withdrawn() || one.registry.Serving() == nil {
			t.Error("a restart from disk, without the control plane, undoes the withdrawal")
		}
	})
}

func TestNobodyElseWithdrawsAGateway(t *testing.T) {
	bubble(t, []string{"one", "two"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		stranger := newStranger(t)
		forged := &stream.Message{Type: stream.TypeWithdrawal, Group: "default", Gateway: one.token.ID(), Time: time.Now()}
		stranger.Sign(forged)
		// What the control plane signed for another gateway, genuine.
		must(t, w.now().feed.RevokeGateway(t.Context(), "test", "two"))
		eventually(t, "two stops", func() bool { return gateways[1].registry.Withdrawn() })
		_, _, err := w.now().feed.Authenticate(t.Context(), gateways[1].token.Reveal())
		var genuine *stream.WithdrawnError
		if !errors.As(err, &genuine) {
			t.Fatalf("a withdrawn credential gives %v", err)
		}
		renamed := *genuine.Statement
		renamed.Gateway = one.token.ID()
		for what, refusal := range map[string]error{
			"a plain refusal":                      fmt.Errorf("%w: it answered 403", stream.ErrRefused),
			"no statement":                         &stream.WithdrawnError{PublicKey: genuine.PublicKey},
			"another gateway's statement":          genuine,
			"another gateway's statement, altered": &stream.WithdrawnError{PublicKey: genuine.PublicKey, Statement: &renamed},
			"a stranger's statement":               &stream.WithdrawnError{PublicKey: genuine.PublicKey, Statement: forged},
			"a stranger's statement, with its key": &stream.WithdrawnError{
				PublicKey: stream.EncodePublicKey(stranger.Public()), Statement: forged,
			},
			"a statement of another kind, ours too": &stream.WithdrawnError{
				PublicKey: genuine.PublicKey, Statement: enrolmentOf(t, w, one),
			},
		} {
			one.source.with(func() { one.source.refuse = refusal })
			for _, m := range []*stream.Message{forged, &renamed} {
				data, err := m.Encode()
				must(t, err)
				one.source.inject(data)
			}
			time.Sleep(10 * time.Second)
			if one.registry.Withdrawn() || one.registry.Serving() != nil {
				t.Fatalf("%s stops the gateway", what)
			}
		}
		// With the control plane's own word in the same place, it does.
		must(t, w.now().feed.RevokeGateway(t.Context(), "test", "one"))
		eventually(t, "the genuine statement stops it", func() bool { return one.registry.Withdrawn() })
	})
}

func enrolmentOf(t *testing.T, w *world, g *gateway) *stream.Message {
	t.Helper()
	reply, err := w.now().feed.Local(g.token).Enrol(t.Context(), stream.EnrolRequest{JWK: g.registry.SigningKey().JWK, Nonce: "n"})
	must(t, err)
	return reply.Statement
}

func TestWithdrawalChangesTheGroupKey(t *testing.T) {
	bubble(t, []string{"one", "two"}, func(t *testing.T, w *world, gateways []*gateway) {
		one, two := gateways[0], gateways[1]
		w.put(t, withSecret()...)
		var before *keyward.IntrospectionRow
		for _, g := range gateways {
			eventually(t, "the secret arrives", func() bool { row, ok := sealedSecret(t, g); before = row; return ok })
			if got := open(t, g, before); got != theSecret {
				t.Errorf("%s opens %q", g.name, got)
			}
		}
		synctest.Wait()
		must(t, w.now().feed.RevokeGateway(t.Context(), "test", "one"))
		var after *keyward.IntrospectionRow
		eventually(t, "it is sealed anew", func() bool {
			row, ok := sealedSecret(t, two)
			after = row
			return ok && row.Secret.Key != before.Secret.Key
		})
		if got := open(t, two, after); got != theSecret {
			t.Errorf("the other gateway opens %q", got)
		}
		// The withdrawn one may still hear the row on a hub that cannot cut it off. It has the old key only.
		if _, err := one.registry.OpenSealed(t.Context(), after.Secret, rowContext(after)); err == nil {
			t.Error("the withdrawn gateway opens what was sealed after")
		}
		if got := open(t, one, before); got != theSecret {
			t.Errorf("the old key does not even open the old row: %q", got)
		}
		var withdrawn *stream.WithdrawnError
		if _, err := w.now().feed.Local(one.token).GroupKey(t.Context(), after.Secret.Key); !errors.As(err, &withdrawn) {
			t.Errorf("the new key is handed to the withdrawn gateway: %v", err)
		}
		wrong := keyward.Sealed{Key: before.Secret.Key, Text: after.Secret.Text}
		if _, err := one.registry.OpenSealed(t.Context(), wrong, rowContext(after)); err == nil {
			t.Error("the old key opens what was sealed after")
		}
	})
}

func rowContext(row *keyward.IntrospectionRow) []byte {
	return seal.RowContext(keyward.RowIntrospection, row.ID, "secret")
}

func open(t *testing.T, g *gateway, row *keyward.IntrospectionRow) string {
	t.Helper()
	text, err := g.registry.OpenSealed(t.Context(), row.Secret, rowContext(row))
	must(t, err)
	return text
}

// The key is there before the first token needs it, and after a restart without the control plane.
func TestGroupKeySurvivesWithoutTheControlPlane(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		w.put(t, withSecret()...)
		eventually(t, "the secret arrives", func() bool { _, ok := sealedSecret(t, one); return ok })
		synctest.Wait()
		must(t, w.stop())
		for range 2 {
			row, _ := sealedSecret(t, one)
			if got := open(t, one, row); got != theSecret {
				t.Errorf("got %q", got)
			}
			must(t, errors.Join(one.stop(), one.start()))
		}
	})
}

func TestGatewaysReport(t *testing.T) {
	bubble(t, []string{"one", "lags"}, func(t *testing.T, w *world, gateways []*gateway) {
		lags := gateways[1]
		lags.source.with(func() { lags.source.tampers = func(m *stream.Message) { m.Signature = nil } })
		lags.source.with(func() { lags.source.pulled = func(m *stream.Message) { m.Signature = nil } })
		time.Sleep(5 * time.Second)
		w.put(t, planNamed("gold"), planNamed("silver"))
		time.Sleep(5 * time.Second)
		list, err := w.now().feed.Gateways(t.Context())
		must(t, err)
		if len(list) != 2 || list[0].Name != "lags" || list[0].Lag != 2 || list[1].Lag != 0 || list[1].Revision != list[0].Revision+2 {
			t.Errorf("got %+v", list)
		}
		for _, g := range list {
			if g.LastSeen == nil || time.Since(*g.LastSeen) > 3*time.Second {
				t.Errorf("%s was last seen %v", g.Name, g.LastSeen)
			}
		}
	})
}

func TestNewGatewayWaitsForTheOthersToHaveItsKey(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		one.source.with(func() { one.source.tampers = func(m *stream.Message) { m.Signature = nil } })
		one.source.with(func() { one.source.pulled = func(m *stream.Message) { m.Signature = nil } })
		fresh, err := w.newGateway("fresh", 7)
		must(t, err)
		began := time.Now()
		eventually(t, "fresh has its view", func() bool { return w.agrees(fresh) == "" })
		time.Sleep(2 * time.Second)
		if fresh.registry.Ready() == nil {
			t.Error("ready although the other gateway reports without its key")
		}
		eventually(t, "it waits no longer than five seconds", func() bool { return fresh.registry.Ready() == nil })
		if took := time.Since(began); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("it waited for %v", took)
		}
		one.source.with(func() { one.source.tampers, one.source.pulled = nil, nil })
		quick, err := w.newGateway("quick", 8)
		must(t, err)
		began = time.Now()
		eventually(t, "quick is ready", func() bool { return quick.registry.Ready() == nil })
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("with everybody up to date it waited for %v", took)
		}
		must(t, errors.Join(fresh.stop(), quick.stop()))
	})
}

// A lost disk brings a new key under the same credential; the old one stays for a while.
func TestSameCredentialEnrolsANewKey(t *testing.T) {
	bubble(t, []string{"one", "two"}, func(t *testing.T, _ *world, gateways []*gateway) {
		one, two := gateways[0], gateways[1]
		old := one.registry.SigningKey().ID
		must(t, one.stop())
		one.dir += "-new"
		one.o.Dir = one.dir
		must(t, one.start())
		fresh := one.registry.SigningKey().ID
		if fresh == old {
			t.Fatal("the key is the old one")
		}
		eventually(t, "both are published", func() bool {
			return two.registry.View().HasGatewayKey(fresh) && two.registry.View().HasGatewayKey(old)
		})
		time.Sleep(9 * time.Minute)
		if !two.registry.View().HasGatewayKey(old) {
			t.Error("the old key went within ten minutes")
		}
		time.Sleep(2 * time.Minute)
		if two.registry.View().HasGatewayKey(old) || !two.registry.View().HasGatewayKey(fresh) {
			t.Error("after ten minutes the old key is still there, or the new one is not")
		}
	})
}

// Transactions larger than a message are in force as a whole or not at all.
func TestLargeTransaction(t *testing.T) {
	bubble(t, []string{"one", "joins"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		const many = 40 // of 30 KiB each: three messages
		wake, stop := one.registry.Watch()
		defer stop()
		quit, seen := make(chan struct{}), make(chan int, 1000)
		go func() {
			defer close(seen)
			for {
				select {
				case <-wake:
					seen <- one.registry.View().Counts()[keyward.RowAPI]
				case <-quit:
					return
				}
			}
		}()
		must(t, w.now().store.Write(t.Context(), "test", func(tx *store.Tx) error {
			for i := range many {
				if err := putAPI(tx, fmt.Sprintf("api-%02d", i), 400); err != nil {
					return err
				}
			}
			return nil
		}))
		eventually(t, "all are in force", func() bool { return one.registry.View().Counts()[keyward.RowAPI] == many })
		close(quit)
		for n := range seen {
			if n != 0 && n != many {
				t.Errorf("%d of %d APIs of one transaction were in force", n, many)
			}
		}
		// One record that no hub takes: gateways ask for it.
		must(t, w.now().store.Write(t.Context(), "test", func(tx *store.Tx) error { return putAPI(tx, "huge", 15_000) }))
		for _, g := range gateways {
			eventually(t, "the huge row is in force", func() bool { return g.registry.View().Counts()[keyward.RowAPI] == many+1 })
			if c := w.agrees(g); c != "" {
				t.Errorf("%s: %s", g.name, c)
			}
		}
		must(t, errors.Join(one.stop(), one.start()))
		if c := w.agrees(one); c != "" {
			t.Errorf("from disk: %s", c)
		}
	})
}

// putAPI stores an API whose row has so many operations, of about 80 bytes each.
func putAPI(tx *store.Tx, name string, operations int) error {
	spec := &keyward.APISpec{Context: "/" + name, Version: "v1", KeyManagers: keyward.KeyManagerSet{All: true}}
	row := keyward.APIRow{Context: spec.Context, Version: "v1"}
	for i := range operations {
		row.Operations = append(row.Operations,
			keyward.Operation{Method: "GET", Path: fmt.Sprintf("/a/rather/long/path/for/an/operation/%06d", i)})
	}
	text, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return tx.Put(&keyward.Object{Kind: keyward.KindAPI, Tenant: keyward.DefaultTenant, Name: name, Spec: spec}, store.Extra{Row: text})
}

func TestOneRelayLeads(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		second, err := feed.New(t.Context(), w.now().store, w.now().hub, feed.Options{})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- second.Run(ctx) }()
		count := func() (n int) {
			one.source.with(func() { one.source.heard = nil })
			time.Sleep(10 * time.Second)
			one.source.with(func() { n = len(one.source.heard) })
			return n
		}
		if n := count(); n < 9 || n > 11 {
			t.Errorf("with two relays the heart beats %d times in ten seconds", n)
		}
		// The first one ends as a process would: the second takes over.
		w.now().relay()
		if err := <-w.now().done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		w.now().done <- nil
		if n := count(); n < 5 || n > 11 {
			t.Errorf("after the first relay ended the heart beats %d times in ten seconds", n)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestGatewayNames(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world, _ []*gateway) {
		f := w.now().feed
		g, token, err := f.CreateGateway(t.Context(), "test", "edge", "")
		must(t, err)
		if g.ID != token.ID() || g.Group != keyward.DefaultGroup {
			t.Errorf("got %+v for the credential of %s", g, token.ID())
		}
		for _, c := range []struct {
			name, group string
			code        keyward.Code
		}{
			{"edge", "", keyward.CodeConflict}, {"Edge", "", keyward.CodeInvalidInput}, {"", "", keyward.CodeInvalidInput},
			{"other", "elsewhere", keyward.CodeNotSupported},
		} {
			if _, _, err := f.CreateGateway(t.Context(), "test", c.name, c.group); keyward.CodeOf(err) != c.code {
				t.Errorf("%q in %q: got %v, want %s", c.name, c.group, err, c.code)
			}
		}
		if err := f.RevokeGateway(t.Context(), "test", "nobody"); keyward.CodeOf(err) != keyward.CodeNotFound {
			t.Errorf("withdrawing nobody: %v", err)
		}
		local, err := f.LocalToken(t.Context(), "local", "")
		must(t, err)
		again, err := f.LocalToken(t.Context(), "local", local.Reveal())
		must(t, err)
		if again != local {
			t.Error("the local gateway's credential does not last")
		}
		lost, err := f.LocalToken(t.Context(), "local", "")
		must(t, err)
		if lost == local {
			t.Error("a lost credential came back")
		}
		if _, _, err := f.Authenticate(t.Context(), local.Reveal()); err == nil {
			t.Error("the lost credential still opens")
		}
		must(t, f.RevokeGateway(t.Context(), "test", "local"))
		kept, err := f.LocalToken(t.Context(), "local", lost.Reveal())
		must(t, err)
		if kept != lost {
			t.Error("a restart undoes the withdrawal of the local gateway")
		}
	})
}

var _ registry.Source = (*feed.Local)(nil)
