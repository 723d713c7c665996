package view

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/needs"
)

func rowPut(t interface{ Fatalf(string, ...any) }, kind keyward.RowKind, id string, row any, needs ...string) keyward.Change {
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatalf("encode a row: %v", err)
	}
	return keyward.Change{Kind: kind, ID: id, Row: text, Needs: needs, Last: true}
}

func rowDelete(kind keyward.RowKind, id string) keyward.Change {
	return keyward.Change{Kind: kind, ID: id, Deleted: true, Last: true}
}

func applied(t interface{ Fatalf(string, ...any) }, v *View, changes ...keyward.Change) *View {
	next, err := v.Apply(changes)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return next
}

// knowledge is everything that lookups can give, so that two views can be compared by what they answer.
func knowledge(t interface{ Fatalf(string, ...any) }, v *View) map[string]any {
	rows, err := v.Rows()
	if err != nil {
		t.Fatalf("read the rows: %v", err)
	}
	k := map[string]any{"rows": rows, "unused": len(v.Unused()), "counts": v.Counts()}
	for _, km := range v.KeyManagers() {
		k["sorted"] = fmt.Sprint(k["sorted"], " ", km.ID)
		k["settings "+km.ID] = km.Settings
	}
	ids := func(list []*KeyManager) (s []string) {
		for _, km := range list {
			s = append(s, km.ID)
		}
		return s
	}
	for _, tenant := range []string{"default", "acme"} {
		k["of "+tenant], k["claiming "+tenant] = ids(v.OfTenant(tenant)), ids(v.ClaimingOf(tenant))
		for i := range 4 {
			iss := fmt.Sprintf("https://issuer%d", i)
			k[tenant+" "+iss] = ids(v.ByIssuer(tenant, iss))
		}
	}
	for _, prefix := range []string{"", "/t/acme"} {
		for i := range 3 {
			for _, version := range []string{"", "/v0", "/v1"} {
				path := fmt.Sprintf("%s/c%d%s/x", prefix, i, version)
				if route, ok := v.Route(path); ok {
					k[path] = fmt.Sprint(route.API.ID, route.Rest, route.ByDefault, route.API.Unusable)
				}
			}
		}
	}
	for km := range 4 {
		for client := range 4 {
			for _, tenant := range []string{"default", "acme"} {
				at := &KeyManager{KeyManagerRow: keyward.KeyManagerRow{ID: fmt.Sprintf("km%d", km), Tenant: "default"}}
				if row := v.Client(tenant, at, fmt.Sprintf("client%d", client)); row != nil {
					k[fmt.Sprintf("client %s %d %d", tenant, km, client)] = *row
				}
				if client > 0 {
					continue
				}
				name := fmt.Sprintf("rules %s %d", tenant, km)
				for _, rule := range v.ClientRules(tenant, at.ID) {
					k[name] = fmt.Sprint(k[name], " ", rule.ID, " ", rule.Match)
				}
			}
			if row := v.Subscription(fmt.Sprintf("app%d", km), fmt.Sprintf("api%d", client)); row != nil {
				k[fmt.Sprintf("subscription %d %d", km, client)] = *row
			}
		}
	}
	return k
}

// anyChange draws changes that collide often: few ids, few keys, deletions, needs, rows that cannot be read, and kinds
// that this build does not know.
func anyChange(t *rapid.T) keyward.Change {
	n := func(what string, most int) int { return rapid.IntRange(0, most).Draw(t, what) }
	kind := rapid.SampledFrom([]keyward.RowKind{
		keyward.RowKeyManager, keyward.RowIntrospection, keyward.RowOutbound, keyward.RowPlan, keyward.RowAPI, keyward.RowApplication,
		keyward.RowSubscription, keyward.RowClient, keyward.RowGatewayKey, "from_the_future",
	}).Draw(t, "kind")
	id := map[keyward.RowKind]string{keyward.RowKeyManager: "km", keyward.RowAPI: "api", keyward.RowApplication: "app"}[kind]
	id = fmt.Sprintf("%s%d", id, n("id", 3))
	switch n("fate", 9) {
	case 0, 1:
		return rowDelete(kind, id)
	case 2:
		return keyward.Change{Kind: kind, ID: id, Row: json.RawMessage(`{"id": 7, "name": [`), Last: true}
	}
	tenant := rapid.SampledFrom([]string{"default", "acme"}).Draw(t, "tenant")
	var needs []string
	if n("needs", 9) == 0 {
		needs = []string{"telepathy"}
	}
	row := map[keyward.RowKind]any{
		keyward.RowKeyManager: keyward.KeyManagerRow{
			ID: id, Tenant: tenant, Name: fmt.Sprintf("name%d", n("name", 3)), Global: n("global", 4) == 0,
			Enabled: n("enabled", 1) == 0,
			Issuers: []keyward.IssuerRow{{Issuer: fmt.Sprintf("https://issuer%d", n("issuer", 3))}, {Issuer: "https://issuer0"}},
			Match:   []keyward.MatchRule{{Claims: map[string]any{"tid": id}}}[:n("claims", 1)],
		},
		keyward.RowIntrospection: keyward.IntrospectionRow{ID: id, ClientID: fmt.Sprint(n("client", 3))},
		keyward.RowOutbound: keyward.OutboundSecretsRow{ID: id, Secrets: map[string]keyward.Sealed{
			keyward.OutboundKey: {Key: fmt.Sprint(n("key", 2)), Text: "x"},
		}},
		keyward.RowPlan: keyward.PlanRow{ID: id, Name: fmt.Sprint(n("plan", 3))},
		keyward.RowAPI: keyward.APIRow{
			ID: id, Tenant: tenant, Context: fmt.Sprintf("/c%d", n("context", 2)), Version: fmt.Sprintf("v%d", n("version", 1)),
			Default: n("default", 1) == 0, Operations: []keyward.Operation{{Method: "GET", Path: "/x"}},
		},
		keyward.RowApplication: keyward.ApplicationRow{ID: id, Tenant: tenant, Name: fmt.Sprint(n("app", 3))},
		keyward.RowSubscription: keyward.SubscriptionRow{
			ID: id, ApplicationID: fmt.Sprintf("app%d", n("app", 1)), APIID: fmt.Sprintf("api%d", n("api", 1)), State: "active",
		},
		keyward.RowClient: keyward.ClientRow{
			ID: id, Tenant: rapid.SampledFrom([]string{"", "default", "acme"}).Draw(t, "of"),
			KeyManagerID: fmt.Sprintf("km%d", n("km", 1)), ClientID: fmt.Sprintf("client%d", n("client", 1)),
			Match: rapid.SampledFrom([]*keyward.ClientMatch{
				nil, {Any: true}, {Claim: "sub", Prefix: "a"}, {Claim: "sub", Prefix: "ab"}, {Claim: "/azp", Prefix: "ab"}, {},
			}).Draw(t, "match"),
		},
		keyward.RowGatewayKey: keyward.GatewayKeyRow{ID: id, Gateway: fmt.Sprint(n("gateway", 3))},
		"from_the_future":     map[string]string{"id": id},
	}[kind]
	return rowPut(t, kind, id, row, needs...)
}

// Whatever the cutting, the same changes end in the same view; and the rows that are left give that view too, in any
// order.
func TestApplySameViewWhateverTheBatching(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		changes := rapid.SliceOfN(rapid.Custom(anyChange), 0, 40).Draw(t, "changes")
		atOnce := applied(t, EmptyView(), changes...)
		want := knowledge(t, atOnce)

		oneByOne := EmptyView()
		for _, c := range changes {
			oneByOne = applied(t, oneByOne, c)
		}
		if diff := cmp.Diff(want, knowledge(t, oneByOne)); diff != "" {
			t.Fatalf("all at once and one by one differ (-all +one):\n%s", diff)
		}

		cut := EmptyView()
		for rest := changes; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "batch")
			before, known := cut, knowledge(t, cut)
			cut, rest = applied(t, cut, rest[:n]...), rest[n:]
			if diff := cmp.Diff(known, knowledge(t, before)); diff != "" {
				t.Fatalf("an older view changed:\n%s", diff)
			}
		}
		if diff := cmp.Diff(want, knowledge(t, cut)); diff != "" {
			t.Fatalf("all at once and in batches differ (-all +batches):\n%s", diff)
		}

		left := map[rowName]keyward.Change{}
		for _, c := range changes {
			left[rowName{c.Kind, c.ID}] = c
			if c.Deleted {
				delete(left, rowName{c.Kind, c.ID})
			}
		}
		snapshot := make([]keyward.Change, 0, len(left))
		for _, c := range left { // Go's order of maps is any order
			snapshot = append(snapshot, c)
		}
		if diff := cmp.Diff(want, knowledge(t, applied(t, EmptyView(), snapshot...))); diff != "" {
			t.Fatalf("the log and the snapshot differ (-log +snapshot):\n%s", diff)
		}
	})
}

func TestApplyRefusesWhatItLacksAndTakesItBack(t *testing.T) {
	api := keyward.APIRow{
		ID: "api1", Tenant: "default", Name: "orders", Context: "/orders", Version: "v1",
		Operations: []keyward.Operation{{Method: "GET", Path: "/**"}},
	}
	other := keyward.APIRow{
		ID: "api2", Tenant: "default", Name: "all", Context: "/orders", Version: "v0", Default: true,
		Operations: []keyward.Operation{{Method: "GET", Path: "/**"}},
	}
	v := applied(t, EmptyView(), rowPut(t, keyward.RowAPI, "api1", api), rowPut(t, keyward.RowAPI, "api2", other))
	if route, ok := v.Route("/orders/v1/items"); !ok || route.API.Name != "orders" || route.API.Unusable != "" {
		t.Fatalf("the control does not route: %+v", route)
	}
	v = applied(t, v, rowPut(t, keyward.RowAPI, "api1", api, "quantum"))
	route, ok := v.Route("/orders/v1/items")
	if !ok || route.API.Name != "orders" || route.API.Unusable == "" {
		t.Errorf("an API that needs a missing feature must keep its place and be unusable, got %+v", route)
	}
	if got := v.Unused(); len(got) != 1 || got[0].ID != "api1" {
		t.Errorf("Unused() = %+v", got)
	}
	v = applied(t, v, rowPut(t, keyward.RowAPI, "api1", api))
	if route, _ := v.Route("/orders/v1/items"); route.API.Unusable != "" || len(v.Unused()) != 0 {
		t.Error("an API that needs nothing any more must be usable again")
	}

	km := keyward.KeyManagerRow{
		ID: "km1", Tenant: "default", Name: "corp", Enabled: true, Issuers: []keyward.IssuerRow{{Issuer: "https://a"}},
		Match: []keyward.MatchRule{{Prefix: "ory_"}},
	}
	v = applied(t, v, rowPut(t, keyward.RowKeyManager, "km1", km))
	if got := v.ByIssuer("default", "https://a"); len(got) != 1 || !got[0].Usable() {
		t.Fatalf("the control is not usable")
	}
	v = applied(t, v, rowPut(t, keyward.RowKeyManager, "km1", km, "quantum"))
	if got := v.ByIssuer("default", "https://a"); len(got) != 1 || got[0].Usable() {
		t.Error("a key manager that needs a missing feature must keep its issuer and be unusable")
	}

	app := keyward.ApplicationRow{ID: "app1", Tenant: "default", Name: "mobile"}
	v = applied(t, v, rowPut(t, keyward.RowApplication, "app1", app))
	v = applied(t, v, rowPut(t, keyward.RowApplication, "app1", app, "quantum"))
	if v.Application("app1") != nil {
		t.Error("an application that needs a missing feature must not be used, its older form neither")
	}
	if _, err := v.Apply([]keyward.Change{{Kind: keyward.RowAPI}}); err == nil {
		t.Error("a change without an id must be an error")
	}
}

// A change of one row at 50,000 applications must not copy the others.
func TestApplySharesWhatDidNotChange(t *testing.T) {
	v := manyRows(t, 2000)
	next := applied(t, v, rowPut(t, keyward.RowApplication, "new", keyward.ApplicationRow{ID: "new", Name: "new"}))
	shared := 0
	for i := range v.applications.table {
		a, b := v.applications.table[i], next.applications.table[i]
		if len(a) == len(b) {
			shared++
		}
	}
	if shared != shardCount-1 {
		t.Errorf("%d of %d shards are shared", shared, shardCount)
	}
	if v.clients.byID.table != next.clients.byID.table || v.subscriptions.byKey.table != next.subscriptions.byKey.table {
		t.Error("tables of other kinds must be shared whole")
	}
	if v.Application("new") != nil || next.Application("new") == nil {
		t.Error("the new row must be in the new view only")
	}
}

func manyRows(t interface{ Fatalf(string, ...any) }, applications int) *View {
	changes := make([]keyward.Change, 0, 3*applications)
	for i := range applications {
		app, n := fmt.Sprintf("app%d", i), fmt.Sprint(i)
		changes = append(changes,
			rowPut(t, keyward.RowApplication, app, keyward.ApplicationRow{ID: app, Tenant: "default", Name: app}),
			rowPut(t, keyward.RowClient, "c"+n, keyward.ClientRow{
				ID: "c" + n, KeyManagerID: "km", ClientID: "client" + n, ApplicationID: app, Environment: keyward.Production,
			}),
			rowPut(t, keyward.RowSubscription, "s"+n, keyward.SubscriptionRow{
				ID: "s" + n, ApplicationID: app, APIID: "api", State: keyward.SubscriptionActive,
			}))
	}
	return applied(t, EmptyView(), changes...)
}

func BenchmarkApplyOneClientAmong50000(b *testing.B) {
	v := manyRows(b, 50_000)
	change := rowPut(b, keyward.RowClient, "new", keyward.ClientRow{
		ID: "new", KeyManagerID: "km", ClientID: "new", ApplicationID: "app1", Environment: keyward.Sandbox,
	})
	b.ReportAllocs()
	for b.Loop() {
		applied(b, v, change)
	}
}

func BenchmarkApplySnapshotOf50000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		manyRows(b, 50_000)
	}
}

// A gateway that does not know ceilings refuses the subscription instead of letting everything through.
func TestNeedsOfASubscription(t *testing.T) {
	for scopes, want := range map[string]int{``: 0, `,"scopes":[]`: 0, `,"scopes":["a"]`: 1} {
		features, err := needs.Of(keyward.RowSubscription, json.RawMessage(`{"id":"s"`+scopes+`}`))
		if err != nil || len(features) != want {
			t.Errorf("scopes %q: needs %v, %v", scopes, features, err)
		}
		row := keyward.SubscriptionRow{ApplicationID: "app", APIID: "api"}
		if v := applied(t, EmptyView(), rowPut(t, keyward.RowSubscription, "s", row, features...)); v.Subscription("app", "api") == nil {
			t.Errorf("scopes %q: this build refuses its own need", scopes)
		}
		if v := applied(t, EmptyView(), rowPut(t, keyward.RowSubscription, "s", row, "telepathy")); v.Subscription("app", "api") != nil {
			t.Error("an unknown need is ignored")
		}
	}
}

func TestKeyManagerSettings(t *testing.T) {
	row := keyward.KeyManagerRow{ID: "km", Name: "a", Enabled: true, Audiences: []string{"x"}}
	settings := func(change func(*keyward.KeyManagerRow)) string {
		changed := row
		change(&changed)
		km, err := compileKeyManager(changed)
		if err != nil {
			t.Fatal(err)
		}
		return km.Settings
	}
	same := settings(func(*keyward.KeyManagerRow) {})
	if settings(func(r *keyward.KeyManagerRow) { r.Name = "b" }) != same {
		t.Error("a changed name must not empty the caches")
	}
	if settings(func(r *keyward.KeyManagerRow) { r.Enabled = false }) != same {
		t.Error("the switch is asked at every request, not kept in caches")
	}
	for name, change := range map[string]func(*keyward.KeyManagerRow){
		"audiences": func(r *keyward.KeyManagerRow) { r.Audiences = []string{"y"} },
		"client id": func(r *keyward.KeyManagerRow) { r.ClientID = []string{"azp"} },
		"require":   func(r *keyward.KeyManagerRow) { r.Require = map[string]any{"a": "b"} },
		"digest":    func(r *keyward.KeyManagerRow) { r.Digest = "other" },
	} {
		if settings(change) == same {
			t.Errorf("a change of %s must change the settings' digest", name)
		}
	}
}

func TestKeyManagerTakesOpaqueAnchored(t *testing.T) {
	km, err := compileKeyManager(keyward.KeyManagerRow{Match: []keyward.MatchRule{
		{Prefix: "ory_at_"}, {Regex: "[0-9a-f]{8}|[x-z]{4}"}, {Claims: map[string]any{"tid": "acme"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]bool{
		"ory_at_abc": true, "ory_a": false, "xory_at_abc": false,
		"0123abcd": true, "0123abcde": false, "a0123abcd": false, "xyzx": true, "xyzxx": false, "0123abcd\n": false, "": false,
	} {
		if got := km.TakesOpaque(token); got != want {
			t.Errorf("TakesOpaque(%q) = %t, want %t", token, got, want)
		}
	}
	if len(km.ClaimRules) != 1 {
		t.Errorf("%d claim rules, want 1", len(km.ClaimRules))
	}
}

// TestClientRules: the longest prefix first and any last, whatever the order of arrival; and one row is in one table.
func TestClientRules(t *testing.T) {
	rule := func(m keyward.ClientMatch) keyward.ClientRow {
		return keyward.ClientRow{Tenant: "acme", KeyManagerID: "km", ApplicationID: "app", ClientID: "ignored", Match: &m}
	}
	km := &KeyManager{KeyManagerRow: keyward.KeyManagerRow{ID: "km", Tenant: "acme"}}
	any1, long := rule(keyward.ClientMatch{Any: true}), rule(keyward.ClientMatch{Claim: "/sub", Prefix: "svc-a"})
	short, early := rule(keyward.ClientMatch{Claim: "sub", Prefix: "svc"}), rule(keyward.ClientMatch{Claim: "email", Prefix: "bob"})
	v := applied(t, EmptyView(), rowPut(t, keyward.RowClient, "1", any1), rowPut(t, keyward.RowClient, "2", short),
		rowPut(t, keyward.RowClient, "3", long), rowPut(t, keyward.RowClient, "4", early))
	order := func(v *View) (ids string) {
		for _, r := range v.ClientRules("acme", "km") {
			ids += r.ID
		}
		return ids
	}
	if got := order(v); got != "3421" || v.ClientRules("acme", "km")[0].Match.Claim != "sub" || v.Client("acme", km, "ignored") != nil {
		t.Errorf("order %s, %+v", got, v.ClientRules("acme", "km")[0].Match)
	}
	next := applied(t, v, rowPut(t, keyward.RowClient, "3", keyward.ClientRow{KeyManagerID: "km", ClientID: "abc"}))
	if order(next) != "421" || next.Client("acme", km, "abc") == nil || next.Counts()[keyward.RowClient] != 4 || order(v) != "3421" {
		t.Errorf("a rule that became a client: %s, %+v", order(next), next.Counts())
	}
	back := applied(t, next, rowPut(t, keyward.RowClient, "3", long), rowDelete(keyward.RowClient, "1"))
	if order(back) != "342" || back.Client("acme", km, "abc") != nil {
		t.Errorf("a client that became a rule: %s", order(back))
	}
	broken := applied(t, v, rowPut(t, keyward.RowClient, "2", rule(keyward.ClientMatch{Claim: "sub"})))
	if order(broken) != "341" || len(broken.Unused()) != 1 {
		t.Errorf("a rule that says nothing: %s, %+v", order(broken), broken.Unused())
	}
	moved := long
	moved.Tenant = "beta"
	two := applied(t, v, rowPut(t, keyward.RowClient, "3", moved))
	theirs := two.ClientRules("beta", "km")
	if order(two) != "421" || len(theirs) != 1 || theirs[0].ID != "3" || len(two.ClientRules("", "km")) != 0 {
		t.Errorf("a rule of another tenant: %s, %+v", order(two), theirs)
	}
}
