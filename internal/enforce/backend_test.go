package enforce

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
)

func TestBackendJWT(t *testing.T) {
	w := newWorld(t)
	start := time.Now().Truncate(time.Second)
	w.now = func() time.Time { return start }
	w.changeCorp(func(r *keyward.KeyManagerRow) {
		r.Mapping = []keyward.ClaimMapping{
			{From: "email", To: "user_email"}, {From: "/org/id", To: "org"}, {From: "missing", To: "nothing"}, {From: "roles",
				To: "roles"},
			// A row that control would refuse: ours are never written over.
			{From: "email", To: "sub"}, {From: "email", To: "keyward"}, {From: "email", To: "nbf"}, {From: "email", To: "iss"},
		}
	})
	raw := w.claims(map[string]any{
		"exp": start.Unix() +
			3600, "scope": "orders:read extra", "email": "a@b", "org": map[string]any{"id": 7}, "roles": []string{"x", "y"},
	})
	d := w.decide(items(raw))
	claims := testbed.Claims(t, d.BackendJWT)
	jti, _ := claims["jti"].(string)
	if len(jti) < 20 {
		t.Errorf("jti %q", jti)
	}
	delete(claims, "jti")
	want := map[string]any{
		"iss": "https://gateway.example", "sub": "corp|service-abc", "aud": "orders", "iat": float64(start.Unix()),
		"exp": float64(start.Unix() +
			300), "client_id": "abc", "scope": "orders:read extra", "user_email": "a@b", "org": float64(7),
		"roles": []any{"x", "y"},
		"keyward": map[string]any{
			"tenant": "default", "key_manager": "corp", "application": "mobile", "environment": "production", "api": "orders",
			"version": "v1", "plan": "gold",
		},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(d.BackendJWT, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	var head struct{ Alg, Kid string }
	if err := json.Unmarshal(header, &head); err != nil || head.Alg != "ES256" || len(head.Kid) != 43 { // a SHA-256
		t.Errorf("header %s", header)
	}
	if w.decide(items(raw)).BackendJWT != d.BackendJWT {
		t.Error("a second call of the same caller gets another backend JWT")
	}
	seen := stepNamed(w.engine.Explain(t.Context(), w.view, items(raw)).Steps, "backend JWT").Seen
	if !strings.HasSuffix(seen, "; without what claims.mapping takes from missing: the token does not have it") {
		t.Errorf("explain says of the backend JWT: %s", seen)
	}
	w.later(4*time.Minute + time.Second)
	if again := w.decide(items(raw)).BackendJWT; again == d.BackendJWT {
		t.Error("a backend JWT near its end was used again")
	}
}

func TestBackendJWTEndsWithItsToken(t *testing.T) {
	w := newWorld(t)
	soon := time.Now().Unix() + 60
	got := testbed.Claims(t, w.decide(items(w.claims(map[string]any{"exp": soon}))).BackendJWT)["exp"]
	if got != float64(soon) {
		t.Errorf("exp %v, want the token's %d", got, soon)
	}
	gone := time.Now().Unix() - 10
	got = testbed.Claims(t, w.decide(items(w.claims(map[string]any{"exp": gone}))).BackendJWT)["exp"]
	if got != float64(gone) {
		t.Errorf("exp %v, want the token's %d: the skew does not make it longer", got, gone)
	}
}

// A cached backend JWT says what holds now, not what held when it was made.
func TestBackendJWTCacheSaysWhatHolds(t *testing.T) {
	w := newWorld(t)
	raw := w.claims(nil)
	said := func() map[string]any {
		c := testbed.Claims(t, w.decide(items(raw)).BackendJWT)
		context, _ := c["keyward"].(map[string]any)
		context["sub"], context["aud"] = c["sub"], c["aud"]
		return context
	}
	before := said()
	for _, c := range []struct {
		field string
		want  any
		do    func()
	}{
		{"plan", "silver", func() { w.put(keyward.RowPlan, "plan-gold", keyward.PlanRow{Name: "silver"}) }},
		{"application", "phone", func() {
			w.put(keyward.RowApplication, "app-mobile", keyward.ApplicationRow{Tenant: "default", Name: "phone"})
		}},
		{"key_manager", "corporate", func() { w.changeCorp(func(r *keyward.KeyManagerRow) { r.Name = "corporate" }) }},
		{"environment", "sandbox", func() {
			w.put(keyward.RowClient, "c-corp", clientRow("km-corp", "abc", "app-mobile", keyward.Sandbox))
		}},
		{"version", "v2", func() { w.changeOrders(func(a *keyward.APIRow) { a.Version = "v2" }) }},
		{"aud", "purchases", func() { w.changeOrders(func(a *keyward.APIRow) { a.Name = "purchases" }) }},
		{"sub", "service-abc", func() { w.changeOrders(func(a *keyward.APIRow) { a.RawSubject = true }) }},
	} {
		c.do()
		if c.field == "version" {
			context, _ := testbed.Claims(t, w.decide(get("/orders/v2/items", raw)).BackendJWT)["keyward"].(map[string]any)
			if context["version"] != c.want {
				t.Errorf("version is %v", context["version"])
			}
			w.changeOrders(func(a *keyward.APIRow) { a.Version = "v1" })
			continue
		}
		if got := said()[c.field]; got != c.want || before[c.field] == c.want {
			t.Errorf("%s is %v, want %v", c.field, got, c.want)
		}
	}
	w.changeOrders(func(a *keyward.APIRow) {
		a.KeyManagers = append(a.KeyManagers, keyward.APIKeyManager{ID: "km-partner"})
	})
	if got := said()["sub"]; got != "corporate|service-abc" {
		t.Errorf("raw subjects with two key managers: sub is %v", got)
	}
	w.changeOrders(func(a *keyward.APIRow) { a.BackendJWT = false })
	if d := w.decide(items(raw)); d.BackendJWT != "" {
		t.Error("an API that wants none gets one")
	}
}

// D5: a token that was refused, or not looked at, names nobody to the backend.
func TestNoIdentityFromUnverifiedTokens(t *testing.T) {
	w := newWorld(t)
	forged := w.mint(issuer.Token{Key: newKey(t, "k1", "ES256")})
	if d, ref := w.engine.Decide(t.Context(), w.view, items(forged)); d != nil || ref.Application != "" {
		t.Errorf("a forged token: %+v %+v", d, ref)
	}
	d := w.decide(get("/orders/v1/ping", forged))
	if d.BackendJWT != "" || d.KeyManager != "" || d.ClientID != "" {
		t.Errorf("a forged token on a public operation: %+v", d)
	}
	if d := w.decide(items(w.claims(nil))); d.BackendJWT == "" || d.Application != "mobile" {
		t.Errorf("the control: %+v", d)
	}
}

func TestEngineWithoutMinter(t *testing.T) {
	w := newWorld(t)
	w.engine.minter = nil
	if ref := w.refuse(items(w.claims(nil))); ref.Code != keyward.CodeGatewayStale {
		t.Errorf("%+v", ref)
	}
	if x := w.engine.Explain(t.Context(), w.view, items(w.claims(nil))); x.Code != "" {
		t.Errorf("explained as %s", x.Code)
	}
}
