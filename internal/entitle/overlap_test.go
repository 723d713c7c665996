package entitle_test

import (
	"net/http"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/pingserver"
)

// What a client may follows subscriptions while two of its secrets live, too.
func TestTwoSecretsHoldNothingUp(t *testing.T) {
	key, err := issuer.NewKey("contract", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	s := contract.Start(t, func(origin string) http.Handler { return pingserver.Build(origin, key) })
	w := newWorld(t)
	w.register("ping", &keyward.KeyManagerSpec{
		Type: keyward.TypePing, Discovery: s.URL + "/.well-known/openid-configuration", Connection: map[string]any{
			"adminUrl": s.URL + "/pf-admin-api/v1", "username": pingserver.AdminUser, "password": secret.Stored(),
			"exclusiveScopes": []any{pingserver.ExclusiveScope},
		},
	}, map[string]string{"connection.password": pingserver.AdminPassword})
	w.api("orders", pingserver.ExclusiveScope)
	if e := w.generate("ping", keys.Ask{}).Entitlement; e.State != keyward.EntitlementGiven || len(e.Scopes) != 1 {
		t.Fatalf("%+v", e)
	}
	alice := keyward.Principal{User: "alice", Tenant: w.tenant, Roles: []keyward.Role{keyward.RoleDeveloper}}
	place := keys.Place{Tenant: w.tenant, Application: "mobile", KeyManager: "ping"}
	if _, err = w.keys.Rotate(t.Context(), alice, place, keys.RotateAsk{Overlap: time.Hour}); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.put(keyward.KindSubscription, "mobile-orders", &keyward.SubscriptionSpec{
		Application: "mobile", API: "orders", State: keyward.SubscriptionBlocked,
	})
	if s := w.until("ping", keyward.EntitlementGiven); s.OldSecretUntil == nil {
		t.Error("the older secret ended meanwhile")
	}
}
