package feed_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/tally"
)

// calls counts n calls on a gateway as its engine does: of the one client to the one API that everybody knows here.
func (g *gateway) calls(t *testing.T, n int, code keyward.Code) {
	t.Helper()
	v := g.registry.View()
	km, api := v.KeyManagers()[0], v.APIs()[0]
	client := v.Client(keyward.DefaultTenant, km, "abc")
	if client == nil {
		t.Fatal("the gateway does not know the client")
	}
	counted, ok := g.o.Usage.(*tally.Tally)
	if !ok {
		t.Fatal("the gateway does not count")
	}
	for range n {
		counted.Count(tally.Call{KeyManager: km, API: api, Identified: true, Client: client, Code: code}, time.Now())
	}
}

// restart begins another life of the gateway.
func (g *gateway) restart(t *testing.T) {
	t.Helper()
	must(t, g.stop())
	g.o.Usage = tally.New()
	must(t, g.start())
}

// counted is what the control plane knows: calls that passed and were refused, by API and by client, and when the client
// was used last.
func (w *world) counted(t *testing.T) (what string, used time.Time) {
	t.Helper()
	must(t, w.now().store.Read(t.Context(), func(tx *store.Tx) error {
		km, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, "corp")
		if err != nil {
			return err
		}
		api, err := tx.Get(keyward.KindAPI, keyward.DefaultTenant, "orders")
		if err != nil {
			return err
		}
		client, err := tx.Get(keyward.KindOAuthClient, keyward.DefaultTenant, "mobile-corp")
		if err != nil {
			return err
		}
		lately, err := tx.UsageLately(km.ID, time.Now())
		if err != nil {
			return err
		}
		uses, err := tx.ClientUses([]*keyward.Object{client})
		if at := uses[client.ID].LastUsedAt; at != nil {
			used = *at
		}
		what = fmt.Sprint(lately.APIs[api.ID], lately.Clients[client.ID])
		return err
	}))
	return what, used
}

func (w *world) wantCounted(t *testing.T, when, want string) {
	t.Helper()
	if got, _ := w.counted(t); got != want {
		t.Errorf("%s, %s is known, want %s", when, got, want)
	}
}

// oneClient is an application with a client that may call an API.
func oneClient() []*keyward.Object {
	return append(withSecret(),
		&keyward.Object{Kind: keyward.KindApplication, Name: "mobile", Spec: &keyward.ApplicationSpec{Owners: []string{"alice"}}},
		&keyward.Object{Kind: keyward.KindOAuthClient, Name: "mobile-corp", Spec: &keyward.OAuthClientSpec{
			Application: "mobile", KeyManager: "corp", ClientID: "abc",
		}},
		&keyward.Object{Kind: keyward.KindSubscription, Name: "mobile-orders", Spec: &keyward.SubscriptionSpec{
			Application: "mobile", API: "orders", State: keyward.SubscriptionActive,
		}},
	)
}

// What gateways count arrives within their report's period, once, whatever is lost or restarted in between.
func TestUsageIsCountedOnce(t *testing.T) {
	const period = 2*time.Second + 100*time.Millisecond
	bubble(t, []string{"one", "two"}, func(t *testing.T, w *world, gateways []*gateway) {
		one, two := gateways[0], gateways[1]
		w.put(t, oneClient()...)
		for _, g := range gateways {
			g.restart(t)
			eventually(t, g.name+" is up to date", func() bool { return w.agrees(g) == "" && g.registry.Ready() == nil })
		}

		one.calls(t, 3, keyward.CodeInsufficientScope)
		time.Sleep(period)
		w.wantCounted(t, "after refused calls", "{0 3} {0 3}")
		if _, used := w.counted(t); !used.IsZero() {
			t.Errorf("refused calls are a use, at %v", used)
		}

		began := time.Now()
		one.calls(t, 10, "")
		two.calls(t, 100, "")
		time.Sleep(period)
		w.wantCounted(t, "after a period", "{110 3} {110 3}")
		if _, used := w.counted(t); used.Sub(began).Abs() > time.Millisecond {
			t.Errorf("the client was used at %v, it says %v", began, used)
		}

		one.source.with(func() { one.source.mute = true }) // counted, and the gateway does not hear of it
		one.calls(t, 1000, "")
		time.Sleep(5 * period)
		one.calls(t, 1, "")
		w.wantCounted(t, "while answers are lost", "{1110 3} {1110 3}")
		one.source.with(func() { one.source.mute = false })
		time.Sleep(3 * period)
		w.wantCounted(t, "after lost answers", "{1111 3} {1111 3}")

		began = time.Now()
		must(t, w.stop())
		one.calls(t, 5, "")
		time.Sleep(time.Minute)
		must(t, w.start())
		w.wantCounted(t, "after a restart of the control plane", "{1111 3} {1111 3}")
		time.Sleep(3 * period)
		w.wantCounted(t, "after what it missed was told", "{1116 3} {1116 3}")
		if _, used := w.counted(t); used.Sub(began).Abs() > time.Millisecond {
			t.Errorf("the client was used at %v, it says %v", began, used)
		}

		one.calls(t, 7, "")
		one.restart(t) // it tells at the end what it counted
		w.wantCounted(t, "when a gateway has ended", "{1123 3} {1123 3}")
		one.calls(t, 7, "")
		time.Sleep(period)
		w.wantCounted(t, "in a gateway's next life", "{1130 3} {1130 3}")
	})
}

// A gateway that makes things up harms nobody: what cannot be true is left out, the report counts.
func TestUsageThatCannotBeTrue(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		w.put(t, oneClient()...)
		eventually(t, "the gateway is up to date", func() bool { return w.agrees(gateways[0]) == "" })
		v := gateways[0].registry.View()
		km, api := v.KeyManagers()[0].ID, v.APIs()[0].ID
		client := v.Client(keyward.DefaultTenant, v.KeyManagers()[0], "abc").ID
		sequence := uint64(0)
		told := func(calls []stream.CallCount, clients []stream.UseCount) *stream.Usage {
			sequence++
			return &stream.Usage{Run: "run", Sequence: sequence, Calls: calls, Clients: clients}
		}
		report := func(u *stream.Usage) {
			reply, err := w.now().feed.Local(gateways[0].token).Report(context.Background(), stream.Report{Usage: u})
			must(t, err)
			if reply.Counted != u.Sequence {
				t.Errorf("%+v is answered with %d", u, reply.Counted)
			}
		}
		good := stream.CallCount{KeyManager: km, API: api, Calls: 1}
		for name, change := range map[string]func(*stream.CallCount){
			"an unknown code":        func(c *stream.CallCount) { c.Code = "no_such_code" },
			"an unknown key manager": func(c *stream.CallCount) { c.KeyManager = store.NewID() },
			"no API":                 func(c *stream.CallCount) { c.API = "" },
			"an id of another form":  func(c *stream.CallCount) { c.API = "'; DROP TABLE apis; --" },
			"a call of tomorrow":     func(c *stream.CallCount) { c.Ago = -1 },
			"a call of long ago":     func(c *stream.CallCount) { c.Ago = 1 << 62 },
			"too many calls":         func(c *stream.CallCount) { c.Calls = 1 << 63 },
		} {
			bad := good
			change(&bad)
			report(told([]stream.CallCount{bad}, nil))
			w.wantCounted(t, "after "+name, "{0 0} {0 0}")
		}
		for name, bad := range map[string]stream.UseCount{
			"a client that nobody has": {Client: store.NewID(), Passed: 1},
			"a client named twice":     {Client: client, KeyManager: km, Passed: 1},
			"nobody":                   {Passed: 1},
			"too many calls":           {Client: client, Passed: 1 << 63},
		} {
			report(told(nil, []stream.UseCount{bad}))
			w.wantCounted(t, "after "+name, "{0 0} {0 0}")
		}
		report(&stream.Usage{Run: "", Sequence: 1, Calls: []stream.CallCount{good}})
		report(&stream.Usage{Run: "run", Sequence: 1 << 63, Calls: []stream.CallCount{good}})
		report(told(make([]stream.CallCount, stream.MaxUsageEntries+1), nil))
		w.wantCounted(t, "after what is not a usage", "{0 0} {0 0}")
		report(told([]stream.CallCount{good}, []stream.UseCount{{Client: client, Passed: 1}}))
		w.wantCounted(t, "after one that can be true", "{1 0} {1 0}")
	})
}
