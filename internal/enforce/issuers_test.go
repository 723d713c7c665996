package enforce

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
)

func newKey(t testing.TB, kid, algorithm string) *issuer.Key {
	t.Helper()
	k, err := issuer.NewKey(kid, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// open is a call to the API that takes both key managers and needs no subscription.
func open(raw string) Request { return get("/open/v1/any", raw) }

// A1: two issuers with the same kid and different keys. One's key never speaks for the other, whoever's keys were
// fetched first, and when both are fetched together.
func TestSameKidTwoIssuers(t *testing.T) {
	for _, primed := range []string{"corp", "partner", "neither"} {
		t.Run(primed+" first", func(t *testing.T) {
			w := newWorld(t)
			switch primed {
			case "corp":
				w.want("the control", open(w.claims(nil)), "")
			case "partner":
				w.want("the control", open(w.mint(issuer.Token{}, w.partner)), "")
			}
			forged := w.mint(issuer.Token{Claims: map[string]any{"iss": w.partner.Issuer}})
			w.want("corp's key for partner", open(forged), keyward.CodeInvalidToken)
			forged = w.mint(issuer.Token{Claims: map[string]any{"iss": w.corp.Issuer}}, w.partner)
			w.want("partner's key for corp", open(forged), keyward.CodeInvalidToken)
			w.want("corp's own", open(w.claims(nil)), "")
			w.want("partner's own", open(w.mint(issuer.Token{}, w.partner)), "")
		})
	}
	t.Run("both in flight", func(t *testing.T) {
		w := newWorld(t)
		for _, i := range []*issuer.Issuer{w.corp, w.partner} {
			set, err := issuer.JWKS(i.Key())
			if err != nil {
				t.Fatal(err)
			}
			i.Fix("/jwks", issuer.Answer{Body: set, Delay: 200 * time.Millisecond})
		}
		var wrong atomic.Int32
		var together sync.WaitGroup
		for n := range 40 {
			from, other, want := w.corp, w.partner, keyward.Code("")
			if n%2 == 1 {
				from, other = other, from
			}
			claimed := from
			if n%4 >= 2 {
				claimed, want = other, keyward.CodeInvalidToken
			}
			raw := w.mint(issuer.Token{Claims: map[string]any{"iss": claimed.Issuer}}, from)
			together.Go(func() {
				_, ref := w.engine.Decide(t.Context(), w.view, open(raw))
				if (ref == nil) != (want == "") || ref != nil && ref.Code != want {
					wrong.Add(1)
				}
			})
		}
		together.Wait()
		if wrong.Load() != 0 {
			t.Errorf("%d of 40 decisions are wrong", wrong.Load())
		}
		if n := len(w.corp.Seen("/jwks")); n != 1 {
			t.Errorf("corp's keys were fetched %d times, want once", n)
		}
	})
}

// A2, A3: keys are found in the issuer's own set, by the very kid that the token names.
func TestKeysAreBoundToTheirIssuer(t *testing.T) {
	w := newWorld(t)
	second := newKey(t, "k2", "ES256")
	other := newKey(t, "only-at-partner", "ES256")
	w.corp.SetKeys(w.corp.Key(), second)
	w.partner.SetKeys(w.partner.Key(), other)
	w.want("the control", open(w.claims(nil)), "")
	w.want("the second key", open(w.mint(issuer.Token{Key: second})), "")
	w.want("partner's unique kid at partner", open(w.mint(issuer.Token{Key: other}, w.partner)), "")
	w.want("partner's unique kid at corp", open(w.mint(issuer.Token{Key: other})), keyward.CodeInvalidToken)
	w.want("kid k1, signed by the published k2", open(w.mint(issuer.Token{Key: second.As("k1", "")})), keyward.CodeInvalidToken)
	w.want("an unknown kid, signed by a published key", open(w.mint(issuer.Token{Key: second.As("k3", "")})),
		keyward.CodeInvalidToken)
	w.want("without a kid", open(w.mint(issuer.Token{Header: map[string]any{"kid": nil}})), "")
	w.want("without a kid, by partner's key", open(w.mint(issuer.Token{Key: other, Header: map[string]any{"kid": nil}})),
		keyward.CodeInvalidToken)
}

// A4, A5: the issuer is compared as a whole and is one string.
func TestIssuerIsExact(t *testing.T) {
	w := newWorld(t)
	iss := w.corp.Issuer
	host := strings.TrimPrefix(iss, "http://")
	w.want("the control", items(w.claims(nil)), "")
	for what, wrong := range map[string]any{
		"a trailing slash": iss + "/", "a prefix": iss[:len(iss)-1], "a suffix": iss +
			"x", "a substring": iss[1:], "upper case": strings.ToUpper(iss),
		"white space": iss + " ", "a look-alike": strings.Replace(iss, "1", "\uff11", 1), "user information": "http://user@" +
			host,
		"another scheme": "https://" + host, "a fragment": iss + "#", "empty": "", "NUL": iss + "\x00", "two in one": iss +
			"," + w.partner.Issuer,
		"an unknown one": "https://evil.example",
	} {
		w.want(what, items(w.claims(map[string]any{"iss": wrong})), keyward.CodeUnknownIssuer)
	}
	for what, wrong := range map[string]any{
		"an array": []string{iss}, "a number": 7, "an object": map[string]any{"iss": iss}, "true": true,
	} {
		w.want(what, items(w.claims(map[string]any{"iss": wrong})), keyward.CodeInvalidToken)
	}
	body := func(members string) string {
		return fmt.Sprintf(`{%s,"sub":"s","client_id":"abc","scope":"orders:read","exp":%d}`, members, time.Now().Unix()+600)
	}
	raw := func(members string) Request { return items(w.mint(issuer.Token{RawBody: body(members)})) }
	w.want("the raw control", raw(`"iss":"`+iss+`"`), "")
	w.want("null", raw(`"iss":null`), keyward.CodeInvalidToken)
	w.want("twice", raw(`"iss":"`+iss+`","iss":"`+iss+`"`), keyward.CodeInvalidToken)
	w.want("twice, case-folded", raw(`"iss":"`+iss+`","Iss":"https://evil.example"`), keyward.CodeInvalidToken)
	w.want("another case only", raw(`"ISS":"`+iss+`"`), keyward.CodeUnknownIssuer)
	w.want("missing", items(w.claims(map[string]any{"iss": nil})), keyward.CodeUnknownIssuer)
}

// A5, second half, and shared issuers: match.claims chooses where the issuer cannot.
func TestMatchClaims(t *testing.T) {
	w := newWorld(t)
	match := func(id string, name string, tid string) {
		row := w.keyManager(name, w.corp)
		row.Match = []keyward.MatchRule{{Prefix: "opaque-only"}, {Claims: map[string]any{"tid": tid, "ok": true}},
			{Claims: map[string]any{"/org/id": tid}}}
		w.put(keyward.RowKeyManager, id, row)
	}
	match("km-corp", "corp", "one")
	match("km-two", "two", "two")
	w.changeOrders(func(a *keyward.APIRow) { a.KeyManagers = append(a.KeyManagers, keyward.APIKeyManager{ID: "km-two"}) })
	w.put(keyward.RowClient, "c-two", clientRow("km-two", "abc", "app-mobile", keyward.Sandbox))
	environment := func(claims map[string]any) keyward.Environment {
		return w.decide(items(w.claims(claims))).Environment
	}
	if got := environment(map[string]any{"tid": "one", "ok": true}); got != keyward.Production {
		t.Errorf("tid one is %s", got)
	}
	if got := environment(map[string]any{"tid": "two", "ok": true}); got != keyward.Sandbox {
		t.Errorf("tid two is %s", got)
	}
	if got := environment(map[string]any{"org": map[string]any{"id": "two"}}); got != keyward.Sandbox {
		t.Errorf("org two is %s", got)
	}
	w.want("no claims", items(w.claims(nil)), keyward.CodeUnknownIssuer)
	w.want("one of two claims", items(w.claims(map[string]any{"tid": "one"})), keyward.CodeUnknownIssuer)
	w.want("a string for true", items(w.claims(map[string]any{"tid": "one", "ok": "true"})), keyward.CodeUnknownIssuer)
	w.want("both fit", items(w.claims(map[string]any{"tid": "one", "ok": true, "org": map[string]any{"id": "two"}})),
		keyward.CodeUnknownIssuer)
	w.want("no iss, one fits", items(w.claims(map[string]any{"iss": nil, "tid": "one", "ok": true})), "")
	w.want("no iss, none fits", items(w.claims(map[string]any{"iss": nil})), keyward.CodeUnknownIssuer)
	w.want("no iss, both fit", items(w.claims(map[string]any{
		"iss": nil, "tid": "one", "ok": true, "org": map[string]any{"id": "two"},
	})), keyward.CodeUnknownIssuer)
	forged := w.mint(issuer.Token{Claims: map[string]any{"iss": nil, "tid": "one", "ok": true}}, w.partner)
	w.want("no iss, partner's key", items(forged), keyward.CodeInvalidToken)

	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Enabled = false })
	w.want("the one that fits is disabled", items(w.claims(map[string]any{"tid": "one", "ok": true})), keyward.CodeUnknownIssuer)
	w.want("no iss, the one that fits is disabled", items(w.claims(map[string]any{"iss": nil, "tid": "one", "ok": true})),
		keyward.CodeUnknownIssuer)

	// Also where the issuer is unique, claims rules must fit.
	w.remove(keyward.RowKeyManager, "km-two")
	match("km-corp", "corp", "one")
	w.want("unique issuer, fits", items(w.claims(map[string]any{"tid": "one", "ok": true})), "")
	w.want("unique issuer, does not fit", items(w.claims(nil)), keyward.CodeUnknownIssuer)
}

// A6: a key manager that the API does not take is refused, whatever else holds.
func TestKeyManagerNotAllowed(t *testing.T) {
	w := newWorld(t)
	w.put(keyward.RowClient, "c-partner", clientRow("km-partner", "abc", "app-mobile", keyward.Production))
	foreign := w.mint(issuer.Token{}, w.partner)
	w.want("partner's token", items(foreign), keyward.CodeKeyManagerNotAllowed)
	w.want("partner's token, badly signed", items(foreign[:len(foreign)-4]+"AAAA"), keyward.CodeKeyManagerNotAllowed)
	if len(w.partner.Seen("")) != 0 {
		t.Error("the key manager that is not allowed was asked")
	}
	w.want("the control: the API that takes it", open(foreign), "")
	w.changeOrders(func(a *keyward.APIRow) {
		a.KeyManagers = append(a.KeyManagers, keyward.APIKeyManager{ID: "km-partner"})
	})
	w.want("the control: added to the list", items(foreign), "")
	w.changeOrders(func(a *keyward.APIRow) { a.KeyManagers, a.AllKeyManagers = nil, true })
	w.want("the control: all", items(foreign), "")
}

// A7: the same client id in another key manager is another client: no subscription, and no shared counter.
func TestSameClientIDTwoKeyManagers(t *testing.T) {
	w := newWorld(t)
	w.changeOrders(func(a *keyward.APIRow) { a.KeyManagers, a.AllKeyManagers = nil, true })
	w.put(keyward.RowPlan, "plan-gold", keyward.PlanRow{Name: "gold", Rate: []keyward.Rate{{Requests: 1,
		Per: keyward.Duration(time.Hour)}}})
	theirs := w.mint(issuer.Token{}, w.partner)
	w.want("partner's abc", items(theirs), keyward.CodeNoSubscription)
	w.want("corp's abc", items(w.claims(nil)), "")
	w.put(keyward.RowSubscription, "s-rival", keyward.SubscriptionRow{
		ApplicationID: "app-rival", APIID: "api-orders", PlanID: "plan-gold", State: keyward.SubscriptionActive,
	})
	w.want("partner's abc, subscribed: its counter is its own", items(theirs), "")
	if ref := w.refuse(items(w.claims(nil))); ref.Code != keyward.CodePlanExhausted || ref.Application != "mobile" {
		t.Errorf("corp's abc a second time: %+v", ref)
	}
	one, two := w.decide(open(w.claims(nil))), w.decide(open(theirs))
	if a, b := testbed.Claims(t, one.BackendJWT)["sub"], testbed.Claims(t, two.BackendJWT)["sub"]; a != "corp|service-abc" ||
		b != "partner|service-abc" {
		t.Errorf("the backend cannot tell %v and %v apart", a, b)
	}
}

// A8: what belongs to one tenant is invisible to another, also when two tenants know one issuer.
func TestTenantsAreApart(t *testing.T) {
	w := newWorld(t)
	acme := ordersAPI()
	acme.Tenant = "acme"
	acme.KeyManagers = []keyward.APIKeyManager{{ID: "km-corp"}, {ID: "km-acme"}}
	w.put(keyward.RowAPI, "api-acme", acme)
	good := w.claims(nil)
	theirs := get("/t/acme/orders/v1/items", good)
	w.want("the control", items(good), "")
	w.want("tenant default's key manager at tenant acme's API", theirs, keyward.CodeUnknownIssuer)
	row := w.keyManager("corp", w.corp)
	row.Tenant, row.Audiences = "acme", []string{"urn:acme"}
	w.put(keyward.RowKeyManager, "km-acme", row)
	w.want("acme's own rules for the same issuer", theirs, keyward.CodeAudienceMismatch)
	w.want("the control, again", items(good), "")
	row.Audiences = nil
	w.put(keyward.RowKeyManager, "km-acme", row)
	w.want("acme's own clients", theirs, keyward.CodeNoSubscription)
	w.put(keyward.RowClient, "c-acme", clientRow("km-acme", "abc", "app-mobile", keyward.Production))
	w.want("a client of an application of another tenant", theirs, keyward.CodeNoSubscription)
	w.put(keyward.RowApplication, "app-acme", keyward.ApplicationRow{Tenant: "acme", Name: "mobile"})
	w.put(keyward.RowClient, "c-acme", clientRow("km-acme", "abc", "app-acme", keyward.Production))
	w.put(keyward.RowSubscription, "s-acme", keyward.SubscriptionRow{ApplicationID: "app-acme", APIID: "api-acme",
		State: keyward.SubscriptionActive})
	w.want("the control: all of acme", theirs, "")
	if d := w.decide(theirs); d.Tenant != "acme" || d.KeyManagerID != "km-acme" {
		t.Errorf("decided as %+v", d)
	}
}

// A9: ten thousand hostile tokens cost not one outbound call.
func TestHostileTokensCostNoCalls(t *testing.T) {
	w := newWorld(t)
	evil := issuer.Start(t, "evil", "ES256")
	for _, km := range []string{"km-corp", "km-partner"} {
		change(w, keyward.RowKeyManager, km, w.view.KeyManager(km).KeyManagerRow, func(r *keyward.KeyManagerRow) {
			r.Introspection = w.corp.URL + "/introspect"
			r.Match = []keyward.MatchRule{{Prefix: "known_"}}
		})
	}
	w.want("the control", items(w.claims(nil)), "")
	w.corp.Forget()
	evilKey := evil.Key()
	jwk, err := evilKey.JWK()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10_000 {
		head := map[string]any{
			"jku": evil.URL + "/jwks", "x5u": evil.URL + "/cert", "x5c": []string{"MIIB"}, "jwk": jwk, "kid": evil.URL +
				fmt.Sprint("/", n),
		}
		var raw string
		switch n % 5 {
		case 0: // an issuer that can be asked, with everything that could lead there
			raw = w.mint(issuer.Token{Header: head}, evil)
		case 1:
			raw = w.mint(issuer.Token{Header: head, Claims: map[string]any{"iss": evil.URL +
				"/.well-known/openid-configuration"}}, evil)
		case 2:
			raw = w.mint(issuer.Token{Claims: map[string]any{"iss": nil}}, evil)
		case 3: // opaque, fitting nobody
			raw = fmt.Sprintf("opaque-%d", n)
		case 4: // a JWT in form, broken within: goes nowhere either
			raw = strings.Replace(w.mint(issuer.Token{Header: head}, evil), ".", ".A", 1)
		}
		if _, ref := w.engine.Decide(t.Context(), w.view, items(raw)); ref == nil || ref.Status() != http.StatusUnauthorized {
			t.Fatalf("token %d: %+v", n, ref)
		}
	}
	if n := len(evil.Seen("")) + len(w.corp.Seen("")) + len(w.partner.Seen("")); n != 0 {
		t.Errorf("%d outbound calls, want none", n)
	}
	w.want("the control, after the storm", items(w.claims(nil)), "")
}

// A10: whatever was known of a token, a switched-off key manager ends it with the next decision.
func TestDisabledKeyManagerEndsCachedTokens(t *testing.T) {
	w := newWorld(t)
	good := w.claims(nil)
	before := w.view
	w.want("the control", items(good), "")
	w.want("the control, cached", items(good), "")
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Enabled = false })
	w.want("disabled", items(good), keyward.CodeUnknownIssuer)
	if _, ref := w.engine.Decide(t.Context(), before, items(good)); ref != nil {
		t.Errorf("a request over the older view is decided by it: %+v", ref)
	}
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Enabled = true })
	w.want("enabled again", items(good), "")
	past := time.Now().Add(-time.Minute)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Issuers[0].Until = &past })
	w.want("the issuer's time is over", items(good), keyward.CodeUnknownIssuer)
	soon := time.Now().Add(time.Hour)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Issuers[0].Until = &soon })
	w.want("the issuer's time is not over", items(good), "")
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Audiences = []string{"urn:other"} })
	w.want("a new rule counts for tokens seen before", items(good), keyward.CodeAudienceMismatch)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Audiences, r.Algorithms = nil, []string{"RS256"} })
	w.want("so does a new list of algorithms", items(good), keyward.CodeInvalidToken)
	w.remove(keyward.RowKeyManager, "km-corp")
	w.want("deleted", items(good), keyward.CodeUnknownIssuer)
}

func TestOtherIssuersHaveTheirOwnKeys(t *testing.T) {
	w := newWorld(t)
	w.changeCorp(func(r *keyward.KeyManagerRow) {
		r.Issuers = append(r.Issuers, keyward.IssuerRow{Issuer: "https://old.example", JWKS: w.partner.URL + "/jwks"})
	})
	old := map[string]any{"iss": "https://old.example"}
	w.want("the main issuer", items(w.claims(nil)), "")
	w.want("the other issuer by its key", items(w.mint(issuer.Token{Claims: old}, w.partner)), "")
	w.want("the other issuer by the main one's key", items(w.claims(old)), keyward.CodeInvalidToken)
	w.want("the main issuer by the other's key", items(w.mint(issuer.Token{Claims: map[string]any{"iss": w.corp.Issuer}},
		w.partner)), keyward.CodeInvalidToken)
}

func TestKeysOutOfReach(t *testing.T) {
	w := newWorld(t)
	w.corp.Fix("/jwks", issuer.Answer{Status: 503})
	ref := w.refuse(items(w.claims(nil)))
	if ref.Code != keyward.CodeKeyManagerUnavailable || ref.RetryAfter < 1 || ref.Status() != 503 {
		t.Errorf("without keys: %+v", ref)
	}
	w.want("the other key manager", open(w.mint(issuer.Token{}, w.partner)), "")
	w.corp.Mend()
	w.later(5 * time.Second)
	good := w.claims(nil)
	w.want("with keys", items(good), "")
	w.corp.Fix("/jwks", issuer.Answer{Status: 503})
	w.want("the cached keys go on", items(w.claims(nil)), "")
	w.want("an unknown kid while the server is down", items(w.mint(issuer.Token{Key: newKey(t, "k7", "ES256")})),
		keyward.CodeInvalidToken)
}
