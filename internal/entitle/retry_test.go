package entitle_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/secret"
)

// What a client in use lacks is asked for again when its developer says so, whatever the next try was put off to: nobody
// runs the queue here.
func TestRetryTellsTheKeyManagerNow(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	realm, other := shared.Realm(t, "entitle-retry"), shared.Realm(t, "entitle-retry-by-hand")
	w.managed("kc", realm)
	w.keyManager("dcr", other, map[string]any{"initialAccessToken": secret.Stored()},
		map[string]string{"connection.initialAccessToken": other.InitialAccessToken})
	w.api("orders", "orders:new")
	alice := keyward.Principal{User: "alice", Tenant: w.tenant, Roles: []keyward.Role{keyward.RoleDeveloper}}
	retry := func(p keyward.Principal, keyManager string) (*keys.Result, error) {
		return w.keys.Retry(ctx, p, keys.Place{Tenant: w.tenant, Application: "mobile", KeyManager: keyManager})
	}
	refused := func(p keyward.Principal, keyManager string, code keyward.Code, words string) {
		t.Helper()
		if _, err := retry(p, keyManager); keyward.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
			t.Errorf("retry in %s: %v, want %s with %q", keyManager, err, code, words)
		}
	}
	w.road.close("/client-scopes", http.StatusServiceUnavailable, "3600")
	made := w.generate("kc", keys.Ask{})
	if e := made.Entitlement; e.State != keyward.EntitlementFailed || e.NextTry == nil {
		t.Fatalf("the server was told: %+v", e)
	}
	refused(alice, "kc", keyward.CodeKeyManagerFailed, "answered 503")
	w.road.close("", 0, "")
	refused(keyward.Principal{User: "bob", Tenant: w.tenant, Roles: []keyward.Role{keyward.RoleDeveloper}}, "kc", keyward.CodeForbidden, "")
	again, err := retry(alice, "kc")
	if err != nil {
		t.Fatal(err)
	}
	if again.State != keyward.ClientActive || again.ClientSecret != "" || again.Entitlement.State != keyward.EntitlementGiven ||
		!slices.Contains(again.Entitlement.Scopes, "orders:new") {
		t.Errorf("%v, %+v", again, again.Entitlement)
	}
	if has, _, err := realm.Carried(ctx, made.ClientID); err != nil || !slices.Contains(has, "orders:new") {
		t.Errorf("the client carries %q (%v)", has, err)
	}
	refused(alice, "kc", keyward.CodeConflict, "nothing to try again")

	// What an administrator of the realm has given meanwhile is seen at once.
	byHand := w.generate("dcr", keys.Ask{})
	if e := byHand.Entitlement; e.State != keyward.EntitlementLacking {
		t.Fatalf("%+v", e)
	}
	if again, err := retry(alice, "dcr"); err != nil || again.Entitlement.State != keyward.EntitlementLacking {
		t.Errorf("before: %v, error %v", again, err)
	}
	if err := other.AddScope(ctx, "orders:new"); err != nil {
		t.Fatal(err)
	}
	if err := other.Attach(ctx, byHand.ClientID, "orders:new", "optional"); err != nil {
		t.Fatal(err)
	}
	if again, err := retry(alice, "dcr"); err != nil || again.Entitlement.State != keyward.EntitlementGiven {
		t.Errorf("afterwards: %+v, error %v", again, err)
	}
}
