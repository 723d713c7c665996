package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/rest"
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

// TestDecisionsOfAnUnknownCode: they are refused with the code that was meant. An empty list would say that no call was refused so.
func TestDecisionsOfAnUnknownCode(t *testing.T) {
	h := newHouse(t)
	for code, want := range map[string]string{
		"no-such-api":       "did you mean no_such_api?",
		"Token_Expired":     "did you mean token_expired?",
		"insuficient_scope": "did you mean insufficient_scope?",
		"conflict":          "The codes are invalid_request, missing_credentials,",
		"xyz":               "upstream_unreachable, upstream_timeout",
	} {
		if a := h.call("admin", http.MethodGet, "/api/v1/decisions?code="+code, ""); a.status != http.StatusBadRequest ||
			!strings.Contains(string(a.body), want) || !strings.Contains(string(a.body), `"path":"code"`) {
			t.Errorf("%s: %d %s, want %q", code, a.status, a.body, want)
		}
	}
	for _, code := range append(keyward.GatewayCodes(), "") {
		if a := h.call("admin", http.MethodGet, "/api/v1/decisions?code="+string(code), ""); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", code, a.status, a.body)
		}
	}
}

// TestHoldsAreExplainedOnce: however often a gateway names a held row, and however many steps it calls failed.
func TestHoldsAreExplainedOnce(t *testing.T) {
	h := newHouse(t)
	h.apply(manifestOf(keyward.KindApplication, "mobile", `{}`))
	ctx, admin := context.Background(), keyward.Principal{
		User: "admin", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleAdmin},
	}
	o, err := h.control.Hold(ctx, admin, keyward.Ref{Kind: keyward.KindApplication, Tenant: keyward.DefaultTenant, Name: "mobile"},
		control.HoldRequest{Reason: "leaked"})
	if err != nil {
		t.Fatal(err)
	}
	var got rest.Explanation
	h.must("admin", http.MethodPost, "/api/v1/explain", fmt.Sprintf(`{"path":"/held/%s"}`, o.ID)).into(t, &got)
	if len(got.Steps) != 3 || strings.Count(got.Steps[1].Seen, "leaked") != 1 || got.Steps[0].Seen != "a" || got.Steps[2].Seen != "c" {
		t.Errorf("the steps are %+v", got.Steps)
	}
}
