package enforce

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/tally"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/view"
)

// world is a gateway's knowledge with real key managers behind it: real keys, real HTTP.
type world struct {
	t       testing.TB
	engine  *Engine
	corp    *issuer.Issuer
	partner *issuer.Issuer
	group   seal.Key

	mu   sync.Mutex
	view *view.View
	now  func() time.Time
}

// newWorld has two key managers, corp and partner, both with the client abc. API orders takes corp's tokens only, API
// open takes both. Corp's abc is application mobile, which has plan gold for orders; partner's abc is application rival,
// without a subscription.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, view: view.EmptyView(), now: time.Now, group: seal.NewKey()}
	w.corp, w.partner = issuer.Start(t, "k1", "ES256"), issuer.Start(t, "k1", "ES256")
	client := outbound.NewClient(outbound.Rules{}, outbound.Options{})
	options := token.Options{Now: w.clock}
	introspector, err := token.NewIntrospector(client, options)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	minter, err := token.NewMinter(private)
	if err != nil {
		t.Fatal(err)
	}
	w.engine, err = NewEngine(token.NewKeySets(client, options), introspector, minter, Options{
		Issuer: "https://gateway.example", Now: w.clock, Tally: tally.New(),
		OpenSealed: func(_ context.Context, s keyward.Sealed, about []byte) (string, error) {
			plain, err := w.group.Open(s.Text, about)
			return string(plain), err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.put(keyward.RowKeyManager, "km-corp", w.keyManager("corp", w.corp))
	w.put(keyward.RowKeyManager, "km-partner", w.keyManager("partner", w.partner))
	w.put(keyward.RowAPI, "api-orders", ordersAPI())
	open := ordersAPI()
	open.ID, open.Name, open.Context, open.Subscription = "api-open", "open", "/open", false
	open.KeyManagers = []keyward.APIKeyManager{{ID: "km-partner"}, {ID: "km-corp"}}
	w.put(keyward.RowAPI, "api-open", open)
	w.put(keyward.RowPlan, "plan-gold", keyward.PlanRow{Tenant: "default", Name: "gold", Rate: []keyward.Rate{
		{Requests: 1000, Per: keyward.Duration(time.Minute)}, {Requests: 100_000, Per: keyward.Duration(24 * time.Hour)},
	}})
	w.put(keyward.RowApplication, "app-mobile", keyward.ApplicationRow{Tenant: "default", Name: "mobile"})
	w.put(keyward.RowApplication, "app-rival", keyward.ApplicationRow{Tenant: "default", Name: "rival"})
	w.put(keyward.RowClient, "c-corp", clientRow("km-corp", "abc", "app-mobile", keyward.Production))
	w.put(keyward.RowClient, "c-sandbox", clientRow("km-corp", "abc-sandbox", "app-mobile", keyward.Sandbox))
	w.put(keyward.RowClient, "c-partner", clientRow("km-partner", "abc", "app-rival", keyward.Production))
	w.put(keyward.RowSubscription, "s-mobile", keyward.SubscriptionRow{
		ApplicationID: "app-mobile", APIID: "api-orders", PlanID: "plan-gold", State: keyward.SubscriptionActive,
	})
	return w
}

func clientRow(km, client, app string, e keyward.Environment) keyward.ClientRow {
	return keyward.ClientRow{KeyManagerID: km, ClientID: client, ApplicationID: app, Environment: e}
}

func (w *world) keyManager(name string, i *issuer.Issuer) keyward.KeyManagerRow {
	return keyward.KeyManagerRow{
		Tenant: "default", Name: name, Enabled: true, Environments: []keyward.Environment{keyward.Production, keyward.Sandbox},
		Issuers:   []keyward.IssuerRow{{Issuer: i.Issuer, JWKS: i.URL + "/jwks", Refresh: keyward.Duration(time.Hour)}},
		TokenType: "access", ClockSkew: keyward.Duration(30 * time.Second),
		ClientID: []string{"client_id", "azp"}, Scopes: []string{"scope", "scp"},
	}
}

func ordersAPI() keyward.APIRow {
	return keyward.APIRow{
		Tenant: "default", Name: "orders", Context: "/orders", Version: "v1", Default: true,
		Upstream:    keyward.Upstream{Production: "http://10.0.0.1:9000/base", Sandbox: "http://10.0.0.2:9000"},
		KeyManagers: []keyward.APIKeyManager{{ID: "km-corp"}}, Subscription: true, BackendJWT: true,
		Operations: []keyward.Operation{
			{Method: "GET", Path: "/items", Scopes: []string{"orders:read"}},
			{Method: "POST", Path: "/items", Scopes: []string{"orders:write"}},
			{Method: "PUT", Path: "/items", AllOf: []string{"orders:read", "orders:write"}},
			{Method: "GET", Path: "/any"},
			{Method: "GET", Path: "/ping", Security: "none"},
		},
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now()
}

// later moves the clock.
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.now
	w.now = func() time.Time { return before().Add(d) }
}

func (w *world) put(kind keyward.RowKind, id string, row any) {
	w.t.Helper()
	text, err := json.Marshal(row)
	if err != nil {
		w.t.Fatal(err)
	}
	w.apply(keyward.Change{Kind: kind, ID: id, Row: text, Last: true})
}

func (w *world) apply(c keyward.Change) {
	w.t.Helper()
	v, err := w.view.Apply([]keyward.Change{c})
	if err != nil {
		w.t.Fatal(err)
	}
	w.view = v
	w.engine.Follow(v)
}

func (w *world) remove(kind keyward.RowKind, id string) {
	w.t.Helper()
	w.apply(keyward.Change{Kind: kind, ID: id, Deleted: true, Last: true})
}

// change rewrites a row that is there.
func change[R any](w *world, kind keyward.RowKind, id string, row R, f func(*R)) {
	w.t.Helper()
	f(&row)
	w.put(kind, id, row)
}

func (w *world) changeCorp(f func(*keyward.KeyManagerRow)) {
	w.t.Helper()
	change(w, keyward.RowKeyManager, "km-corp", w.view.KeyManager("km-corp").KeyManagerRow, f)
}

func (w *world) changeOrders(f func(*keyward.APIRow)) {
	w.t.Helper()
	change(w, keyward.RowAPI, "api-orders", w.view.API("api-orders").APIRow, f)
}

func (w *world) changeSubscription(f func(*keyward.SubscriptionRow)) {
	w.t.Helper()
	change(w, keyward.RowSubscription, "s-mobile", *w.view.Subscription("app-mobile", "api-orders"), f)
}

// mint makes a token of corp unless another issuer is given.
func (w *world) mint(t issuer.Token, from ...*issuer.Issuer) string {
	w.t.Helper()
	i := w.corp
	if len(from) > 0 {
		i = from[0]
	}
	raw, err := i.Mint(t)
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

func (w *world) claims(c map[string]any) string {
	w.t.Helper()
	return w.mint(issuer.Token{Claims: c})
}

func get(target, raw string) Request {
	r := Request{Method: "GET", Target: target}
	if raw != "" {
		r.Authorization = []string{"Bearer " + raw}
	}
	return r
}

func items(raw string) Request { return get("/orders/v1/items", raw) }

// code decides and gives the code, or "" for a call that passes. It holds what is true of every decision.
func (w *world) code(r Request) keyward.Code {
	w.t.Helper()
	d, ref := w.engine.Decide(w.t.Context(), w.view, r)
	if (d == nil) == (ref == nil) {
		w.t.Fatalf("%s %s: exactly one of decision and refusal is wanted, got %v and %v", r.Method, r.Target, d, ref)
	}
	if d != nil {
		if d.ID == "" || d.Upstream == "" {
			w.t.Errorf("%s %s: a decision without id or upstream: %+v", r.Method, r.Target, d)
		}
		return ""
	}
	if ref.ID == "" || ref.Detail == "" {
		w.t.Errorf("%s %s: a refusal without id or detail: %+v", r.Method, r.Target, ref)
	}
	w.holdsNoSecret(r, ref.Detail)
	return ref.Code
}

// holdsNoSecret fails when a text for callers repeats a token, or an address of the inside.
func (w *world) holdsNoSecret(r Request, text string) {
	w.t.Helper()
	for _, a := range r.Authorization {
		for part := range strings.SplitSeq(strings.TrimPrefix(a, "Bearer "), ".") {
			if len(part) > 16 && strings.Contains(text, part) {
				w.t.Errorf("a token is in %q", text)
			}
		}
	}
	for _, secret := range []string{"127.0.0.1", "10.0.0.", issuer.IntrospectionSecret} {
		if strings.Contains(text, secret) {
			w.t.Errorf("%s is in %q", secret, text)
		}
	}
}

// want decides the request, and explains it: both must come to the same code.
func (w *world) want(what string, r Request, want keyward.Code) {
	w.t.Helper()
	if got := w.code(r); got != want {
		w.t.Errorf("%s: got %q, want %q", what, got, want)
	}
	x := w.engine.Explain(w.t.Context(), w.view, r)
	if x.Code != want && x.Code != keyward.CodePlanExhausted { // the decision may have been the last call of the plan
		w.t.Errorf("%s: explained as %q, want %q", what, x.Code, want)
	}
	text, err := json.Marshal(x)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range r.Authorization {
		raw := strings.TrimPrefix(a, "Bearer ")
		if i := strings.LastIndexByte(raw, '.'); i >= 0 && len(raw)-i > 16 && strings.Contains(string(text), raw[i+1:]) {
			w.t.Errorf("%s: the explanation shows the token: %s", what, text)
		}
	}
}

// decide gives the decision of a call that must pass.
func (w *world) decide(r Request) *Decision {
	w.t.Helper()
	d, ref := w.engine.Decide(w.t.Context(), w.view, r)
	if ref != nil {
		w.t.Fatalf("%s %s: refused: %+v", r.Method, r.Target, ref)
	}
	return d
}

// refuse gives the refusal of a call that must not pass.
func (w *world) refuse(r Request) *Refusal {
	w.t.Helper()
	d, ref := w.engine.Decide(w.t.Context(), w.view, r)
	if d != nil {
		w.t.Fatalf("%s %s: passed: %+v", r.Method, r.Target, d)
	}
	return ref
}
