package entitle_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// A connection that may make clients and not give them anything goes on to make them; the developer reads what somebody
// has to give by hand, or to allow. What was given while it was allowed is not forgotten.
func TestAConnectionThatMayNotGive(t *testing.T) {
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	s := contract.Start(t, func(origin string) http.Handler { return entraserver.Build(origin, key, 0) })
	w := newWorld(t)
	w.register("entra", &keyward.KeyManagerSpec{
		Type: keyward.TypeEntra, Discovery: s.URL + "/" + entraserver.Tenant + "/v2.0", Connection: map[string]any{
			"clientId": entraserver.ManagementClient, "clientSecret": secret.Stored(), "graphUrl": s.URL + "/v1.0",
			"resource": entraserver.Resource,
		},
	}, map[string]string{"connection.clientSecret": entraserver.ManagementSecret})
	use := keyward.KeyManagerUse{Name: "entra", Audiences: []string{entraserver.ResourceID}}
	const right = "or to allow its connection the application permissions AppRoleAssignment.ReadWrite.All"

	w.road.close("/appRoleAssign", http.StatusForbidden, "")
	w.api("orders", entraserver.Role, use)
	made := w.generate("entra", keys.Ask{})
	if e := made.Entitlement; e.State != keyward.EntitlementLacking || !slices.Equal(e.LackingScopes, []string{entraserver.Role}) ||
		!strings.Contains(e.Advice, entraserver.Role+" of "+entraserver.ResourceID) || !strings.Contains(e.Advice, right) {
		t.Errorf("without the right to see roles: %+v", e)
	}
	w.run()
	w.road.close("", 0, "")
	w.ahead.Add(int64(time.Hour))
	w.until("entra", keyward.EntitlementGiven, entraserver.Role)

	w.road.close("/appRoleAssignedTo", http.StatusForbidden, "")
	w.api("stock", entraserver.StockRole, use)
	e := w.until("entra", keyward.EntitlementLacking, entraserver.Role).Entitlement
	if !slices.Equal(e.LackingScopes, []string{entraserver.StockRole}) || !strings.Contains(e.Advice, right) {
		t.Errorf("without the right to give roles: %+v", e)
	}
	stop := func(api string) {
		w.put(keyward.KindSubscription, "mobile-"+api, &keyward.SubscriptionSpec{
			Application: "mobile", API: api, State: keyward.SubscriptionBlocked,
		})
	}
	stop("stock")
	w.until("entra", keyward.EntitlementGiven, entraserver.Role)

	// What has to be taken away is tried again until it can be.
	stop("orders")
	e = w.until("entra", keyward.EntitlementFailed, entraserver.Role).Entitlement
	if !strings.Contains(e.Reason, "403") || !strings.Contains(e.Reason, "it needs the application permissions AppRole") {
		t.Errorf("what cannot be taken away: %+v", e)
	}
	w.road.close("", 0, "")
	w.ahead.Add(int64(time.Hour))
	w.until("entra", keyward.EntitlementGiven)
	taken := 0
	for _, q := range s.Seen() {
		if q.Method == http.MethodDelete && strings.Contains(q.URI, "/appRoleAssignedTo/") && q.Status == http.StatusNoContent {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("%d roles were taken away", taken)
	}
}
