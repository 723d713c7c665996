package enforce

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/quota"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
)

func TestClientID(t *testing.T) {
	w := newWorld(t)
	w.put(keyward.RowClient, "c-azp", clientRow("km-corp", "by-azp", "app-mobile", keyward.Production))
	client := func(claims map[string]any) Request { return items(w.claims(claims)) }
	w.want("client_id", client(nil), "")
	w.want("azp, where client_id is absent", client(map[string]any{"client_id": nil, "azp": "by-azp"}), "")
	w.want("the first present counts", client(map[string]any{"client_id": "nobody", "azp": "by-azp"}), keyward.CodeNoSubscription)
	w.want("an unknown client", client(map[string]any{"client_id": "nobody"}), keyward.CodeNoSubscription)
	w.want("another case", client(map[string]any{"client_id": "ABC"}), keyward.CodeNoSubscription)
	for what, v := range map[string]any{
		"empty": "", "an array": []string{"abc"}, "a number": 5, "an object": map[string]any{"abc": 1}, "true": true,
	} {
		w.want(what, client(map[string]any{"client_id": v, "azp": "by-azp"}), keyward.CodeInvalidToken)
	}
	w.want("null", items(w.mint(issuer.Token{RawBody: strings.Replace(body(w, ""), `"client_id":"abc"`,
		`"client_id":null,"azp":"by-azp"`, 1)})), keyward.CodeInvalidToken)
	w.want("none", client(map[string]any{"client_id": nil}), keyward.CodeInvalidToken)
	w.want("a sub that is not a string", client(map[string]any{"sub": 5}), keyward.CodeInvalidToken)
	w.want("no sub", client(map[string]any{"sub": nil}), "")
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.ClientID = []string{"/ext/app~1id", "azp"} })
	w.want("by pointer", client(map[string]any{"ext": map[string]any{"app/id": "abc"}}), "")
	w.want("a pointer to nothing, then azp", client(map[string]any{"ext": "x", "azp": "by-azp"}), "")
	w.want("a pointer to a number", client(map[string]any{"ext": map[string]any{"app/id": 1}, "azp": "by-azp"}),
		keyward.CodeInvalidToken)
	w.remove(keyward.RowApplication, "app-mobile")
	w.want("a client without its application", client(map[string]any{"azp": "by-azp"}), keyward.CodeNoSubscription)
}

func TestSubscriptionStates(t *testing.T) {
	w := newWorld(t)
	production, sandbox := w.claims(nil), w.claims(map[string]any{"client_id": "abc-sandbox"})
	for _, c := range []struct {
		state               keyward.SubscriptionState
		production, sandbox keyward.Code
	}{
		{keyward.SubscriptionActive, "", ""},
		{keyward.SubscriptionBlocked, keyward.CodeSubscriptionBlocked, keyward.CodeSubscriptionBlocked},
		{keyward.SubscriptionProductionBlocked, keyward.CodeSubscriptionBlocked, ""},
		{keyward.SubscriptionOnHold, keyward.CodeSubscriptionInactive, keyward.CodeSubscriptionInactive},
		{keyward.SubscriptionRejected, keyward.CodeSubscriptionInactive, keyward.CodeSubscriptionInactive},
		{"from the future", keyward.CodeSubscriptionInactive, keyward.CodeSubscriptionInactive},
		{keyward.SubscriptionActive, "", ""},
	} {
		w.changeSubscription(func(s *keyward.SubscriptionRow) { s.State = c.state })
		w.want(string(c.state)+" production", items(production), c.production)
		w.want(string(c.state)+" sandbox", items(sandbox), c.sandbox)
	}
	w.changeSubscription(func(s *keyward.SubscriptionRow) { s.PlanID = "plan-nowhere" })
	w.want("a plan that is not known", items(production), keyward.CodeGatewayStale)
	w.remove(keyward.RowSubscription, "s-mobile")
	w.want("unsubscribed", items(production), keyward.CodeNoSubscription)
	if ref := w.refuse(items(production)); ref.Status() != 403 || ref.Challenge {
		t.Errorf("no other token would help, and yet one is asked for: %+v", ref)
	}
}

func TestEnvironments(t *testing.T) {
	w := newWorld(t)
	production, sandbox := w.claims(nil), w.claims(map[string]any{"client_id": "abc-sandbox"})
	if d := w.decide(items(production)); d.Upstream != "http://10.0.0.1:9000/base" || d.Environment != keyward.Production {
		t.Errorf("production goes to %s", d.Upstream)
	}
	if d := w.decide(items(sandbox)); d.Upstream != "http://10.0.0.2:9000" || d.Environment != keyward.Sandbox {
		t.Errorf("sandbox goes to %s", d.Upstream)
	}
	w.changeOrders(func(a *keyward.APIRow) { a.Upstream.Sandbox = "" })
	w.want("no upstream for sandbox", items(sandbox), keyward.CodeEnvironmentMismatch)
	w.want("the control", items(production), "")
	w.changeOrders(func(a *keyward.APIRow) { a.Upstream = keyward.Upstream{Sandbox: "http://10.0.0.2:9000"} })
	w.want("no upstream for production", items(production), keyward.CodeEnvironmentMismatch)
	w.want("the control", items(sandbox), "")
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Environments = []keyward.Environment{keyward.Production} })
	w.want("a key manager without sandbox", items(sandbox), keyward.CodeEnvironmentMismatch)
	w.want("an unknown client is production", open(w.claims(map[string]any{"client_id": "nobody"})), "")
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Environments = []keyward.Environment{keyward.Sandbox} })
	w.want("an unknown client at a sandbox key manager", open(w.claims(map[string]any{"client_id": "nobody"})),
		keyward.CodeEnvironmentMismatch)
}

func TestSubscriptionNone(t *testing.T) {
	w := newWorld(t)
	d := w.decide(open(w.claims(map[string]any{"client_id": "nobody"})))
	if d.Application != "" || d.Plan != "" || d.Environment != keyward.Production || d.ClientID != "nobody" {
		t.Errorf("an unknown client: %+v", d)
	}
	d = w.decide(open(w.claims(map[string]any{"client_id": "abc-sandbox"})))
	if d.Application != "mobile" || d.Plan != "" || d.Environment != keyward.Sandbox {
		t.Errorf("a known client: %+v", d)
	}
	w.put(keyward.RowSubscription, "s-open", keyward.SubscriptionRow{
		ApplicationID: "app-mobile", APIID: "api-open", State: keyward.SubscriptionBlocked,
	})
	w.want("a subscription that is there and blocked", open(w.claims(nil)), keyward.CodeSubscriptionBlocked)
	w.want("the control: another application", open(w.mint(issuer.Token{}, w.partner)), "")
}

// A key manager that several tenants use names clients of all of them; each tenant's APIs know its own applications.
func TestGlobalKeyManagerKeepsApplicationsApart(t *testing.T) {
	w := newWorld(t)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Global = true })
	acme := ordersAPI()
	acme.Tenant, acme.Subscription = "acme", false
	w.put(keyward.RowAPI, "api-acme", acme)
	theirs := get("/t/acme/orders/v1/items", w.claims(nil))
	if d := w.decide(theirs); d.Application != "" || d.Environment != keyward.Production {
		t.Errorf("an application of another tenant is named: %+v", d)
	}
	w.put(keyward.RowApplication, "app-theirs", keyward.ApplicationRow{Tenant: "acme", Name: "theirs"})
	w.put(keyward.RowClient, "client-theirs", keyward.ClientRow{
		Tenant: "acme", KeyManagerID: "km-corp", ClientID: "abc", ApplicationID: "app-theirs", Environment: keyward.Sandbox,
	})
	if d := w.decide(theirs); d.Application != "theirs" || d.Environment != keyward.Sandbox {
		t.Errorf("the control: %+v", d)
	}
	if d := w.decide(get("/orders/v1/items", w.claims(nil))); d.Application != "mobile" || d.Environment != keyward.Production {
		t.Errorf("the same client of the other tenant: %+v", d)
	}
}

func TestScopes(t *testing.T) {
	w := newWorld(t)
	call := func(method string, claims map[string]any) Request {
		return Request{Method: method, Target: "/orders/v1/items", Authorization: []string{"Bearer " + w.claims(claims)}}
	}
	scope := func(v any) map[string]any { return map[string]any{"scope": v} }
	w.want("any of", call("GET", scope("x orders:read y")), "")
	w.want("an array", call("GET", scope([]string{"x", "orders:read"})), "")
	w.want("the union", call("PUT", map[string]any{"scope": "orders:read", "scp": []string{"orders:write"}}), "")
	w.want("all of", call("PUT", scope("orders:read orders:write")), "")
	w.want("one of all", call("PUT", scope("orders:read")), keyward.CodeInsufficientScope)
	w.want("another", call("POST", scope("orders:read")), keyward.CodeInsufficientScope)
	for what, v := range map[string]any{
		"none": nil, "empty": "", "a number": 5, "mixed": []any{"orders:read",
			5}, "a longer one": "orders:read2", "another case": "Orders:Read",
		"commas": "orders:read,x", "a tab": "x\torders:read", "in one element": []string{"x orders:read"},
	} {
		w.want(what, call("GET", scope(v)), keyward.CodeInsufficientScope)
	}
	if ref := w.refuse(call("PUT", scope("x"))); ref.Status() != 403 || !ref.Challenge || !cmp.Equal(ref.Scopes,
		[]string{"orders:read", "orders:write"}) {
		t.Errorf("the challenge: %+v", ref)
	}
	w.want("an operation without scopes", get("/orders/v1/any", w.claims(scope(nil))), "")
	w.changeOrders(func(a *keyward.APIRow) {
		a.KeyManagers[0].Scopes = map[string]string{"Orders.Read": "orders:read", "orders:write": "other"}
	})
	w.want("renamed", call("GET", scope("Orders.Read")), "")
	w.want("not renamed", call("GET", scope("orders:read")), "")
	w.want("renamed away", call("POST", scope("orders:write")), keyward.CodeInsufficientScope)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Scopes = []string{"/realm/roles"} })
	w.want("by pointer", call("GET", map[string]any{"realm": map[string]any{"roles": []string{"Orders.Read"}}}), "")
	w.want("no more by scope", call("GET", scope("orders:read")), keyward.CodeInsufficientScope)
}

// The scopes of a call are those of the token that the subscription lists too, under the API's names.
func TestSubscriptionIsACeiling(t *testing.T) {
	w := newWorld(t)
	both := w.claims(map[string]any{"scope": "orders:read orders:write x"})
	call := func(method string) Request {
		return Request{Method: method, Target: "/orders/v1/items", Authorization: []string{"Bearer " + both}}
	}
	ceiling := func(scopes ...string) {
		w.changeSubscription(func(s *keyward.SubscriptionRow) { s.Scopes = scopes })
	}
	said := func(r Request) any { return testbed.Claims(t, w.decide(r).BackendJWT)["scope"] }
	w.want("no ceiling: read", call("GET"), "")
	w.want("no ceiling: all of", call("PUT"), "")
	if got := said(call("GET")); got != "orders:read orders:write x" {
		t.Errorf("without a ceiling the backend is told %v", got)
	}
	ceiling("orders:read", "orders:admin")
	w.want("listed", call("GET"), "")
	w.want("not listed", call("POST"), keyward.CodeInsufficientScope)
	w.want("one of all not listed", call("PUT"), keyward.CodeInsufficientScope)
	w.want("no scope asked for", get("/orders/v1/any", both), "")
	if got := said(call("GET")); got != "orders:read" {
		t.Errorf("below the ceiling the backend is told %v", got)
	}
	steps := w.engine.Explain(t.Context(), w.view, call("POST")).Steps
	if s := stepNamed(steps, "scope"); !strings.Contains(s.Seen, "lets through only orders:read orders:admin") ||
		s.Fix != "add orders:write to spec.scopes of the subscription" {
		t.Errorf("explained as %+v", s)
	}
	ceiling("orders:write")
	w.want("the other one", call("GET"), keyward.CodeInsufficientScope)
	w.want("the other one, listed", call("POST"), "")
	w.want("listed, but not in the token",
		Request{Method: "POST", Target: "/orders/v1/items", Authorization: []string{"Bearer " + w.claims(nil)}},
		keyward.CodeInsufficientScope)
	w.changeOrders(func(a *keyward.APIRow) { a.KeyManagers[0].Scopes = map[string]string{"x": "orders:read"} })
	ceiling("x")
	w.want("the ceiling has the API's names", call("GET"), keyward.CodeInsufficientScope)
	ceiling("orders:read")
	w.want("renamed and listed", call("GET"), "")
	ceiling()
	w.want("lifted", call("PUT"), "")
}

func stepNamed(steps []Step, name string) Step {
	for _, s := range steps {
		if s.Step == name {
			return s
		}
	}
	return Step{}
}

// A grant gives scopes to tokens whose claim has the value, and to no others.
func TestGrantsGiveScopes(t *testing.T) {
	w := newWorld(t)
	grant := func(claim string, equals any, scopes ...string) {
		w.changeCorp(func(r *keyward.KeyManagerRow) {
			r.Grants = []keyward.Grant{{Claim: claim, Equals: equals, Scopes: scopes}}
		})
	}
	call := func(method string, claims map[string]any) Request {
		return Request{Method: method, Target: "/orders/v1/items", Authorization: []string{"Bearer " + w.claims(claims)}}
	}
	warehouse := map[string]any{"groups": []string{"x", "warehouse"}}
	w.want("no grant yet", call("POST", warehouse), keyward.CodeInsufficientScope)
	cached := call("POST", warehouse)
	w.want("before, the same token", cached, keyward.CodeInsufficientScope)
	grant("groups", "warehouse", "orders:write")
	w.want("the same token, judged anew", cached, "")
	w.want("what the token has stays", call("PUT", warehouse), "")
	if s := stepNamed(w.engine.Explain(t.Context(), w.view, cached).Steps, "scope"); !strings.Contains(s.Seen,
		"orders:write by claims.grants[0] of the key manager: claim groups has the value") {
		t.Errorf("explained as %+v", s)
	}
	for _, c := range []struct {
		what   string
		equals any
		value  any
		want   keyward.Code
	}{
		{"the text itself", "warehouse", "warehouse", ""},
		{"a word of it", "warehouse", "a warehouse b", ""},
		{"a text with blanks, whole", "a b", "a b", ""},
		{"a list", "warehouse", []any{1, "warehouse"}, ""},
		{"a number", 7.0, 7, ""},
		{"a number in a list", 7.0, []any{"7", 7}, ""},
		{"a boolean", true, true, ""},
		{"false", false, []any{false}, ""},
		{"another text", "warehouse", "warehouses", keyward.CodeInsufficientScope},
		{"another case", "warehouse", "Warehouse", keyward.CodeInsufficientScope},
		{"a part", "warehouse", "my-warehouse", keyward.CodeInsufficientScope},
		{"commas", "warehouse", "a,warehouse", keyward.CodeInsufficientScope},
		{"a tab", "warehouse", "a\twarehouse", keyward.CodeInsufficientScope},
		{"a list in a list", "warehouse", []any{[]string{"warehouse"}}, keyward.CodeInsufficientScope},
		{"a word in a list", "warehouse", []string{"a warehouse"}, keyward.CodeInsufficientScope},
		{"a member's name", "warehouse", map[string]any{"warehouse": true}, keyward.CodeInsufficientScope},
		{"a number as text", 7.0, "7", keyward.CodeInsufficientScope},
		{"a text as number", "7", 7, keyward.CodeInsufficientScope},
		{"a boolean as text", true, "true", keyward.CodeInsufficientScope},
		{"nothing", "warehouse", nil, keyward.CodeInsufficientScope},
	} {
		grant("groups", c.equals, "orders:write")
		w.want(c.what, call("POST", map[string]any{"groups": c.value}), c.want)
	}
	grant("/realm/roles", "boss", "orders:write")
	w.want("by pointer", call("POST", map[string]any{"realm": map[string]any{"roles": []string{"boss"}}}), "")
	w.want("of that name", call("POST", map[string]any{"/realm/roles": "boss"}), keyward.CodeInsufficientScope)
	w.changeSubscription(func(s *keyward.SubscriptionRow) { s.Scopes = []string{"orders:read"} })
	w.want("below the subscription's ceiling", call("POST", map[string]any{"realm": map[string]any{"roles": "boss"}}),
		keyward.CodeInsufficientScope)
}

func TestPlan(t *testing.T) {
	w := newWorld(t)
	rate := func(r ...keyward.Rate) {
		w.put(keyward.RowPlan, "plan-gold", keyward.PlanRow{Tenant: "default", Name: "gold", Rate: r})
	}
	per := func(d time.Duration) keyward.Duration { return keyward.Duration(d) }
	start := time.Now().Truncate(time.Second)
	w.now = func() time.Time { return start }
	raw := w.claims(map[string]any{"exp": start.Unix() + 100_000})
	rate(keyward.Rate{Requests: 3, Per: per(10 * time.Second)}, keyward.Rate{Requests: 5, Per: per(time.Hour)})
	passes := func(what string, want int) {
		t.Helper()
		n := 0
		for w.code(items(raw)) == "" {
			n++
		}
		if n != want {
			t.Errorf("%s: %d calls pass, want %d", what, n, want)
		}
	}
	for range 10 {
		if x := w.engine.Explain(t.Context(), w.view, items(raw)); x.Code != "" {
			t.Fatalf("explaining used the plan up: %s", x.Code)
		}
	}
	passes("the first window", 3)
	ref := w.refuse(items(raw))
	want := RateLimit{
		Limit: `"gold-10s";r=0;t=10, "gold-1h";r=2;t=3600`, Policy: `"gold-10s";q=3;w=10, "gold-1h";q=5;w=3600`,
	}
	if ref.Code != keyward.CodePlanExhausted || ref.Status() != 429 || ref.RetryAfter != 10 || ref.RateLimit != want {
		t.Errorf("exhausted: %+v", ref)
	}
	w.later(9999 * time.Millisecond)
	passes("just before its end", 0)
	w.later(time.Millisecond)
	passes("the second window, within the hour's limit", 2)
	w.later(10 * time.Second)
	if ref := w.refuse(items(raw)); ref.RetryAfter != 3580 {
		t.Errorf("the hour is used up: retry after %d", ref.RetryAfter)
	}
	rate(keyward.Rate{Requests: 3, Per: per(10 * time.Second)}, keyward.Rate{Requests: 6, Per: per(time.Hour)})
	passes("a plan that was widened keeps its count", 1)
	w.later(time.Hour)
	passes("the next hour", 3)
	w.want("the control: the API without a plan", open(raw), "")
	rate()
	w.want("a plan without limits", items(raw), "")
}

// Many calls at once never pass more often than the plan allows, and the counters do not grow without end.
// Who only explains, away from all gateways, knows no counts and says so; beside a gateway it has the gateway's.
func TestPlanExplainedElsewhere(t *testing.T) {
	w := newWorld(t)
	w.put(keyward.RowPlan, "plan-gold", keyward.PlanRow{
		Tenant: "default", Name: "gold", Rate: []keyward.Rate{{Requests: 1, Per: keyward.Duration(time.Hour)}},
	})
	raw := w.claims(nil)
	w.want("the only call", items(raw), "")
	for name, c := range map[string]struct {
		counts *quota.Counts
		code   keyward.Code
		seen   string
	}{
		"beside the gateway": {w.engine.counts, keyward.CodePlanExhausted, "0 of 1 calls per hour left"},
		"away from it":       {nil, "", "nothing is counted here: each gateway counts the calls that it lets pass"},
	} {
		e, err := NewEngine(w.engine.keySets, w.engine.introspector, nil, Options{Counts: c.counts})
		if err != nil {
			t.Fatal(err)
		}
		x := e.Explain(t.Context(), w.view, items(raw))
		i := slices.IndexFunc(x.Steps, func(s Step) bool { return s.Step == stepPlan })
		if x.Code != c.code || x.Steps[i].Seen != c.seen {
			t.Errorf("%s: %s, %q", name, x.Code, x.Steps[i].Seen)
		}
	}
}

// The order of section 7: of two faults, the earlier step is the answer.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	past := time.Now().Unix() - 600
	foreign := newKey(t, "k1", "ES256")
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Audiences = []string{"urn:test"} })
	all := map[string]any{
		"exp": past, "aud": "urn:other", "cnf": map[string]any{"jkt": "x"}, "client_id": "nobody", "scope": "x",
	}
	with := func(fix ...string) map[string]any {
		c := map[string]any{}
		for name, v := range all {
			c[name] = v
		}
		for _, name := range fix {
			delete(c, name)
		}
		return c
	}
	w.want("all right", items(w.claims(nil)), "")
	w.want("path before credential", Request{Method: "GET", Target: "/orders/../x", Authorization: []string{"a", "b"}},
		keyward.CodeInvalidRequest)
	w.want("issuer before signature", items(w.mint(issuer.Token{Key: foreign, Claims: map[string]any{"iss": "https://x"}})),
		keyward.CodeUnknownIssuer)
	w.want("signature before time", items(w.mint(issuer.Token{Key: foreign, Claims: with()})), keyward.CodeInvalidToken)
	w.want("time before audience", items(w.claims(with())), keyward.CodeTokenExpired)
	w.want("audience before sender", items(w.claims(with("exp"))), keyward.CodeAudienceMismatch)
	w.want("sender before application", items(w.claims(with("exp", "aud"))), keyward.CodeSenderConstraintFailed)
	w.want("application before scope", items(w.claims(with("exp", "aud", "cnf"))), keyward.CodeNoSubscription)
	w.want("scope", items(w.claims(with("exp", "aud", "cnf", "client_id"))), keyward.CodeInsufficientScope)
	w.put(keyward.RowPlan, "plan-gold", keyward.PlanRow{Name: "gold", Rate: []keyward.Rate{{Requests: 1,
		Per: keyward.Duration(time.Hour)}}})
	w.changeSubscription(func(s *keyward.SubscriptionRow) { s.State = keyward.SubscriptionBlocked })
	w.want("subscription before scope", items(w.claims(with("exp", "aud", "cnf", "client_id"))), keyward.CodeSubscriptionBlocked)
	w.changeSubscription(func(s *keyward.SubscriptionRow) { s.State = keyward.SubscriptionActive })
	w.want("the plan's one call", items(w.claims(nil)), "")
	w.want("scope before plan", items(w.claims(map[string]any{"scope": "x"})), keyward.CodeInsufficientScope)
	w.want("plan", items(w.claims(nil)), keyward.CodePlanExhausted)
}
