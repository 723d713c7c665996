package rest_test

import (
	"fmt"
	"net/http"
	"testing"

	"keyward.dev/keyward"
)

// TestExplainStaysInItsTenant: however an address that leads into another tenant is spelled, only those of that tenant
// and operators learn how it is decided.
func TestExplainStaysInItsTenant(t *testing.T) {
	h := newHouse(t)
	h.apply(manifestOf(keyward.KindTenant, "acme", "{}"))
	h.users(map[string][]keyward.Role{
		"ann": {keyward.RoleAuditor}, "pat": {keyward.RolePublisher}, "dora": {keyward.RoleDeveloper},
	}, keyward.DefaultTenant)
	h.users(map[string][]keyward.Role{"zoe": {keyward.RoleAuditor}}, "acme")
	h.apply(manifestOf(keyward.KindApplication, "mobile", `{"owner":"dora"}`))
	for _, c := range []struct {
		user, path, token string
		status            int
	}{
		{"ann", "/orders/v1/a", "t", http.StatusOK},
		{"pat", "/orders/v1/a", "t", http.StatusOK},
		{"dora", "/orders/v1/a", "t", http.StatusOK},
		{"zoe", "/t/acme/orders/v1/a", "t", http.StatusOK},
		{"admin", "/t/acme/orders/v1/a", "t", http.StatusOK},
		{"admin", "/%74/acme/orders/v1/a", "t", http.StatusOK},
		{"zoe", "/orders/v1/a", "t", http.StatusForbidden},
		{"ann", "/t/acme/orders/v1/a", "t", http.StatusForbidden},
		{"ann", "/%74/acme/orders/v1/a", "t", http.StatusForbidden},
		{"ann", "/%74/acme/orders/v1/a", "", http.StatusForbidden},
		{"pat", "/%74/%61cme/orders/v1/a", "t", http.StatusForbidden},
		{"dora", "/%74/acme/orders/v1/a", "t", http.StatusForbidden}, // an application of this name is hers, in default
		{"dora", "/%74/acme/orders/v1/a", "", http.StatusForbidden},
	} {
		body := fmt.Sprintf(`{"path":%q,"token":%q}`, c.path, c.token)
		if got := h.call(c.user, http.MethodPost, "/api/v1/explain", body); got.status != c.status {
			t.Errorf("%s asks about %s with the token %q: %d %s, want %d", c.user, c.path, c.token, got.status, got.body, c.status)
		}
	}
}
