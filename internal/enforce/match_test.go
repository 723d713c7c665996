package enforce

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
)

func ruleRow(app string, m keyward.ClientMatch) keyward.ClientRow {
	row := clientRow("km-corp", "", app, keyward.Production)
	row.Match, row.Tenant = &m, "default"
	return row
}

func prefixed(claim, prefix string) keyward.ClientMatch {
	return keyward.ClientMatch{Claim: claim, Prefix: prefix}
}

// ruledWorld has, for corp's tokens, a rule of application mobile: sub begins with svc-. Introspect is corp's own client.
func ruledWorld(t testing.TB) *world {
	w := newWorld(t)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.OwnClients = []string{"Introspect", "admin-cli"} })
	w.put(keyward.RowClient, "r-svc", ruleRow("app-mobile", prefixed("sub", "svc-")))
	return w
}

func (w *world) of(client, sub any) Request {
	return items(w.claims(map[string]any{"client_id": client, "sub": sub}))
}

// seen is what explain says of the application.
func (w *world) seen(r Request) string {
	w.t.Helper()
	for _, s := range w.engine.Explain(w.t.Context(), w.view, r).Steps {
		if s.Step == stepApplication {
			return s.Seen
		}
	}
	return ""
}

// TestMatchRules: a rule takes what nobody has by its client id, and nothing else.
func TestMatchRules(t *testing.T) {
	w := ruledWorld(t)
	for _, c := range []struct {
		what        string
		client, sub any
		want        keyward.Code
	}{
		{"a client of the rule", "x", "svc-1", ""},
		{"the prefix alone", "x", "svc-", ""},
		{"no client id at all", nil, "svc-1", ""},
		{"an exact client", "abc", "whoever", ""},
		{"a shorter sub", "x", "svc", keyward.CodeNoSubscription},
		{"another case", "x", "SVC-1", keyward.CodeNoSubscription},
		{"the prefix inside", "x", "a svc-1", keyward.CodeNoSubscription},
		{"a space before", "x", " svc-1", keyward.CodeNoSubscription},
		{"a hyphen that looks the same", "x", "svc\u20101", keyward.CodeNoSubscription},
		{"no sub", "svc-1", nil, keyward.CodeNoSubscription},
		{"a sub that is a list", "x", []string{"svc-1"}, keyward.CodeInvalidToken},
		{"a sub that is a number", "x", 7, keyward.CodeInvalidToken},
		{"neither", nil, nil, keyward.CodeInvalidToken},
		{"no client id and no rule", nil, "user-1", keyward.CodeInvalidToken},
		{"an empty client id", "", "svc-1", keyward.CodeInvalidToken},
		{"a client id that is a number", 7, "svc-1", keyward.CodeInvalidToken},
		{"a client id that is a list", []string{"x"}, "svc-1", keyward.CodeInvalidToken},
		{"a client id that is null", json.RawMessage("null"), "svc-1", keyward.CodeInvalidToken},
		{"the key manager's own", "Introspect", "svc-1", keyward.CodeNoSubscription},
		{"the key manager's own in another case", "introspect", "svc-1", keyward.CodeNoSubscription},
		{"a built-in", "admin-cli", "svc-1", keyward.CodeNoSubscription},
	} {
		w.want(c.what, w.of(c.client, c.sub), c.want)
	}
	for _, claim := range []string{"azp", "appid", "cid"} {
		w.want("own, by "+claim, items(w.claims(map[string]any{"client_id": "x", "sub": "svc-1", claim: "admin-cli"})),
			keyward.CodeNoSubscription)
		w.want("another, by "+claim, items(w.claims(map[string]any{"client_id": "x", "sub": "svc-1", claim: "y"})), "")
	}
	w.want("another key manager's", get("/open/v1/items", w.mint(issuer.Token{Claims: map[string]any{"client_id": nil, "sub": "svc-1"}},
		w.partner)), keyward.CodeInvalidToken)

	d := w.decide(w.of("x", "svc-1"))
	if claims := testbed.Claims(t, d.BackendJWT); d.Application != "mobile" || d.ClientID != "x" || claims["client_id"] != "x" ||
		claims["sub"] != "corp|svc-1" {
		t.Errorf("%+v: %v", d, claims)
	}
	if claims := testbed.Claims(t, w.decide(w.of(nil, "svc-1")).BackendJWT); claims["sub"] != "corp|svc-1" || claims["client_id"] != nil {
		t.Errorf("the backend is told of a client that the token does not name: %v", claims)
	}
	if seen := w.seen(w.of("x", "svc-1")); seen != `application mobile, environment production, by match claim sub prefix `+
		`svc-; the token has client id "x" (claim client_id)` {
		t.Errorf("explained as %s", seen)
	}
	if seen := w.seen(w.of("ADMIN-CLI", "svc-1")); !strings.Contains(seen, "a client of the key manager's own") {
		t.Errorf("explained as %s", seen)
	}

	w.changeCorp(func(r *keyward.KeyManagerRow) { r.OwnClients = nil })
	w.want("nobody knows which clients are the key manager's own", w.of("x", "svc-1"), keyward.CodeNoSubscription)
	w.want("an exact client all the same", w.of("abc", "svc-1"), "")
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.OwnClients = []string{} })
	w.want("there are none", w.of("x", "svc-1"), "")
	w.put(keyward.RowClient, "r-svc", clientRow("km-corp", "one", "app-mobile", keyward.Production))
	w.want("the rule became a client", w.of("x", "svc-1"), keyward.CodeNoSubscription)
	w.want("the client that it became", w.of("one", "user-1"), "")
}

// TestMatchOrder: the exact client id, then the longest prefix, then any; whoever it is that comes first decides.
func TestMatchOrder(t *testing.T) {
	w := ruledWorld(t)
	w.put(keyward.RowClient, "r-any", ruleRow("app-rival", keyward.ClientMatch{Any: true}))
	w.want("any: an application without a subscription", w.of("x", "user-1"), keyward.CodeNoSubscription)
	w.want("the prefix before any", w.of("x", "svc-1"), "")
	w.put(keyward.RowClient, "r-long", ruleRow("app-rival", prefixed("sub", "svc-a")))
	w.want("the longer prefix", w.of("x", "svc-a1"), keyward.CodeNoSubscription)
	w.want("the shorter prefix", w.of("x", "svc-b1"), "")
	w.want("the exact client before both", w.of("abc", "svc-a1"), "")
	if seen := w.seen(w.of("x", "svc-b")); !strings.Contains(seen, "match any would fit too, and comes later") {
		t.Errorf("explained as %s", seen)
	}
	// Equally long: by claim, whatever the order of arrival.
	w.put(keyward.RowClient, "r-aaa", ruleRow("app-rival", prefixed("email", "eve@")))
	both := items(w.claims(map[string]any{"client_id": "x", "sub": "svc-1", "email": "eve@x"}))
	w.want("equally long", both, keyward.CodeNoSubscription)
	if seen := w.seen(both); !strings.Contains(seen, "rival is not") && !strings.Contains(seen, "match claim email prefix eve@") {
		t.Errorf("explained as %s", seen)
	}
	w.remove(keyward.RowClient, "r-aaa")
	w.put(keyward.RowClient, "r-zzz", ruleRow("app-rival", prefixed("zone", "abcd")))
	w.want("equally long, the other way", items(w.claims(map[string]any{"client_id": "x", "sub": "svc-1", "zone": "abcde"})), "")
	w.put(keyward.RowClient, "r-ptr", ruleRow("app-mobile", prefixed("/org/id", "acme-eu")))
	w.want("a pointer", items(w.claims(map[string]any{"client_id": "x", "org": map[string]any{"id": "acme-eu-1"}})), "")

	// An application that this gateway does not have, or a rule of another tenant.
	w.put(keyward.RowClient, "r-gone", ruleRow("app-gone", prefixed("sub", "svc-gone")))
	w.want("a longer rule of an application that is elsewhere", w.of("x", "svc-gone"), keyward.CodeNoSubscription)
	foreign := ruleRow("app-gone", prefixed("sub", "svc-far"))
	foreign.Tenant = "acme"
	w.put(keyward.RowClient, "r-far", foreign)
	w.want("a longer rule of another tenant", w.of("x", "svc-far"), "")
	w.put(keyward.RowClient, "c-elsewhere", clientRow("km-corp", "elsewhere", "app-gone", keyward.Production))
	w.want("an exact client of an application that is elsewhere", w.of("elsewhere", "svc-1"), keyward.CodeNoSubscription)
}

// TestMatchOutOfUse: what is held, revoked or sandbox is so for rules too, and no rule takes up what an exact client or
// a longer rule lost.
func TestMatchOutOfUse(t *testing.T) {
	w := ruledWorld(t)
	w.put(keyward.RowClient, "r-any", ruleRow("app-mobile", keyward.ClientMatch{Any: true}))
	token := w.of("x", "svc-1")
	open := Request{Method: "GET", Target: "/open/v1/items", Authorization: token.Authorization}
	w.want("before", token, "")
	held := ruleRow("app-mobile", prefixed("sub", "svc-"))
	until := w.clock().Add(time.Minute)
	held.Hold = &keyward.HoldRow{Until: &until}
	w.put(keyward.RowClient, "r-svc", held)
	w.want("held", token, keyward.CodeSubscriptionBlocked)
	w.want("held, where no subscription is needed", open, keyward.CodeSubscriptionBlocked)
	if x := w.engine.Explain(t.Context(), w.view, token); len(x.Held) != 1 || x.Held[0].ID != "r-svc" {
		t.Errorf("explain names %+v", x.Held)
	}
	w.want("the other rule is not held", w.of("x", "user-1"), "")
	w.later(2 * time.Minute)
	w.want("the hold is over", token, "")

	off := ruleRow("app-mobile", prefixed("sub", "svc-"))
	off.Revoked = true
	w.put(keyward.RowClient, "r-svc", off)
	w.want("revoked", token, keyward.CodeNoSubscription)
	gone := clientRow("km-corp", "abc", "app-mobile", keyward.Production)
	gone.Revoked = true
	w.put(keyward.RowClient, "c-corp", gone)
	w.want("an exact client that was revoked", w.of("abc", "user-1"), keyward.CodeNoSubscription)
	if seen := w.seen(w.of("abc", "user-1")); !strings.Contains(seen, "put out of use") {
		t.Errorf("explained as %s", seen)
	}
	w.want("a client that nobody has named", w.of("y", "user-1"), "")

	sandbox := ruleRow("app-mobile", prefixed("sub", "dev-"))
	sandbox.Environment = keyward.Sandbox
	w.put(keyward.RowClient, "r-dev", sandbox)
	if d := w.decide(w.of("x", "dev-1")); d.Environment != keyward.Sandbox || d.Upstream != "http://10.0.0.2:9000" {
		t.Errorf("%+v", d)
	}
}

// TestRulesOfAGlobalKeyManager: a tenant's rule takes tokens at the tenant's APIs alone, whatever other tenants' clients
// and rules in the key manager say, and is not spoken of elsewhere.
func TestRulesOfAGlobalKeyManager(t *testing.T) {
	w := ruledWorld(t)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Global, r.OwnClients = true, []string{"admin-cli"} })
	w.remove(keyward.RowClient, "r-svc")
	theirs := ordersAPI()
	theirs.Tenant = "acme"
	w.put(keyward.RowAPI, "api-acme", theirs)
	w.put(keyward.RowApplication, "app-acme", keyward.ApplicationRow{Tenant: "acme", Name: "shop"})
	w.put(keyward.RowSubscription, "s-acme", keyward.SubscriptionRow{
		ApplicationID: "app-acme", APIID: "api-acme", State: keyward.SubscriptionActive,
	})
	at := func(r Request) Request {
		return Request{Method: r.Method, Target: "/t/acme" + r.Target, Authorization: r.Authorization}
	}
	want := func(what string, r Request, here, there string) {
		t.Helper()
		for application, request := range map[*string]Request{&here: r, &there: at(r)} {
			if *application == "" {
				w.want(what, request, keyward.CodeNoSubscription)
			} else if d := w.decide(request); d.Application != *application {
				t.Errorf("%s: %s is called by %q, want %q", what, request.Target, d.Application, *application)
			}
		}
	}
	service, user, exact := w.of("x", "svc-1"), w.of("x", "user-1"), w.of("abc", "user-1")
	want("no rule", service, "", "")
	mine := ruleRow("app-acme", keyward.ClientMatch{Any: true})
	mine.Tenant = "acme"
	w.put(keyward.RowClient, "r-acme", mine)
	want("a rule of acme", service, "", "shop")
	want("any", user, "", "shop")
	want("a client that another tenant has is nobody's in acme", exact, "mobile", "shop")
	if seen := w.seen(service); !strings.Contains(seen, "there is no match rule") {
		t.Errorf("acme's rule is spoken of elsewhere: %s", seen)
	}
	w.put(keyward.RowClient, "r-svc", ruleRow("app-mobile", prefixed("sub", "svc-")))
	want("a longer rule of another tenant", service, "mobile", "shop")
	if seen := w.seen(service); strings.Contains(seen, "would fit too") {
		t.Errorf("acme's rule is spoken of elsewhere: %s", seen)
	}
	w.put(keyward.RowClient, "r-same", ruleRow("app-mobile", keyward.ClientMatch{Any: true}))
	want("the same rule in both", user, "mobile", "shop")
	w.remove(keyward.RowClient, "r-acme")
	want("acme's is gone", user, "mobile", "")
	w.put(keyward.RowClient, "r-acme", mine)
	gone := clientRow("km-corp", "abc", "app-acme", keyward.Production)
	gone.Tenant, gone.Revoked = "acme", true
	w.put(keyward.RowClient, "c-acme", gone)
	want("a client of acme that is out of use", exact, "mobile", "")
	want("no other client", user, "mobile", "shop")
}
