package enforce

import (
	"fmt"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// benchWorld has 50,000 applications, each with a client and a subscription, and no plan limit that a benchmark meets.
func benchWorld(b *testing.B) *world {
	b.Helper()
	w := newWorld(b)
	changes := make([]keyward.Change, 0, 150_000)
	add := func(kind keyward.RowKind, id, row string) {
		changes = append(changes, keyward.Change{Kind: kind, ID: id, Row: []byte(row), Last: true})
	}
	for i := range 50_000 {
		add(keyward.RowApplication, fmt.Sprintf("app%d", i), fmt.Sprintf(`{"tenant":"default","name":"app%d"}`, i))
		add(keyward.RowClient, fmt.Sprintf("c%d", i), fmt.Sprintf(
			`{"keyManagerId":"km-corp","clientId":"client%d","applicationId":"app%d","environment":"production"}`, i, i))
		add(keyward.RowSubscription, fmt.Sprintf("s%d", i), fmt.Sprintf(
			`{"applicationId":"app%d","apiId":"api-orders","planId":"plan-gold","state":"active"}`, i))
	}
	add(keyward.RowPlan, "plan-gold", `{"tenant":"default","name":"gold","rate":[{"requests":1000000000000,"per":"1h"}]}`)
	v, err := w.view.Apply(changes)
	if err != nil {
		b.Fatal(err)
	}
	w.view = v
	w.now = time.Now
	w.engine.o.Now = time.Now
	w.engine.Follow(v)
	return w
}

func benchDecide(b *testing.B, w *world, r Request) {
	b.Helper()
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, ref := w.engine.Decide(ctx, w.view, r); ref != nil {
			b.Fatalf("%+v", ref)
		}
	}
}

// BenchmarkDecideCached is a call with a token that was seen before, at 50,000 applications.
func BenchmarkDecideCached(b *testing.B) {
	for _, algorithm := range []string{"RS256", "ES256"} {
		b.Run(algorithm, func(b *testing.B) {
			w := benchWorld(b)
			w.corp.SetKeys(newKey(b, "k1", algorithm))
			raw := w.claims(map[string]any{"client_id": "client77"})
			benchDecide(b, w, items(raw))
		})
	}
	for _, counted := range []string{"parallel", "parallel and not counted"} {
		b.Run(counted, func(b *testing.B) { benchParallel(b, counted == "parallel", nil) })
	}
	b.Run("parallel and remembered", func(b *testing.B) { benchParallel(b, true, past.New("g")) })
}

// benchParallel has all cores call with one token: the most that counters can be in each other's way.
func benchParallel(b *testing.B, counted bool, lately *past.Ring) {
	b.Helper()
	w := benchWorld(b)
	w.engine.o.Past = lately
	if !counted {
		w.engine.o.Tally = nil
	}
	r := items(w.claims(map[string]any{"client_id": "client77"}))
	w.decide(r)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, ref := w.engine.Decide(b.Context(), w.view, r); ref != nil {
				b.Errorf("%+v", ref)
			}
		}
	})
}

// BenchmarkDecideCold is a call with a token that was never seen, its keys known.
func BenchmarkDecideCold(b *testing.B) {
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		b.Run(algorithm, func(b *testing.B) {
			w := benchWorld(b)
			w.changeOrders(func(a *keyward.APIRow) { a.BackendJWT = false })
			w.corp.SetKeys(newKey(b, "k1", algorithm))
			r := items(w.claims(nil))
			w.decide(r)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				w.engine.caches.tokens.InvalidateAll()
				if _, ref := w.engine.Decide(ctx, w.view, r); ref != nil {
					b.Fatalf("%+v", ref)
				}
			}
		})
	}
}

// BenchmarkDecideRefused is a forged token: what a flood of them costs.
func BenchmarkDecideRefused(b *testing.B) {
	for name, lately := range map[string]*past.Ring{"not remembered": nil, "remembered": past.New("g")} {
		b.Run(name, func(b *testing.B) {
			w := benchWorld(b)
			w.engine.o.Past = lately
			forged := items(w.mint(issuer.Token{Key: newKey(b, "k1", "ES256")}))
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, ref := w.engine.Decide(ctx, w.view, forged); ref == nil {
					b.Fatal("passed")
				}
			}
		})
	}
}

// BenchmarkDecideOpaqueCached is an opaque token whose answer is known.
func BenchmarkDecideOpaqueCached(b *testing.B) {
	w := opaqueWorld(b)
	w.engine.o.Now = time.Now
	w.put(keyward.RowPlan, "plan-gold", keyward.PlanRow{Name: "gold"})
	row := *w.view.Introspection("km-corp")
	row.Cache = keyward.Duration(time.Hour)
	w.put(keyward.RowIntrospection, "km-corp", row)
	w.corp.SetOpaque("corp_1", answer(nil))
	benchDecide(b, w, items("corp_1"))
}
