package e2e

import (
	"fmt"
	"net/http"
	"testing"
)

// TestThinnestPath is the product in one test: everything runs, a key manager and an API are applied, and a token of a
// real Keycloak passes; before, and without it, it does not.
func TestThinnestPath(t *testing.T) {
	t.Parallel()
	r := shared.Realm(t, "thin")
	up := newUpstream(t)
	n := serve(t)
	if err := r.AddClient(t.Context(), "abc", "abc-secret"); err != nil {
		t.Fatal(err)
	}
	token, err := r.Token(t.Context(), "abc", "abc-secret", "orders:read")
	if err != nil {
		t.Fatal(err)
	}
	if fault := call(t, n.Gateway, http.MethodGet, "/orders/v1/items", token).want(404, "no_such_api"); fault != "" {
		t.Error(fault)
	}
	apply(t, n, manifest("KeyManager", "corp", fmt.Sprintf("type: keycloak, discovery: %q", r.Discovery())),
		orders(up.URL+"/base", "[corp]", ""), mobile("corp"))
	until(t, n.Gateway, http.MethodGet, "/orders/v1/items", token, 200, "")
	a := call(t, n.Gateway, http.MethodGet, "/orders/v1/items?page=2", token)
	if a.status != 200 || a.echo.URI != "/base/items?page=2" {
		t.Errorf("status %d, the backend was asked for %q", a.status, a.echo.URI)
	}
	if a.echo.Header.Get("Authorization") != "" {
		t.Error("the caller's token reached the backend")
	}
	if fault := call(t, n.Gateway, http.MethodGet, "/orders/v1/items", "").want(401,
		"missing_credentials"); fault != "" {
		t.Error(fault)
	}
	if fault := call(t, n.Gateway, http.MethodPost, "/orders/v1/items", token).want(403,
		"insufficient_scope"); fault != "" {
		t.Error(fault)
	}
}
