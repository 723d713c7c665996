package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
)

func containsText(s, part string) bool { return strings.Contains(s, part) }

// TestHostilePaths is row D4: one canonical form for routing, scopes and upstream; what is ambiguous is refused before
// anything else is looked at, and never reaches the backend.
func TestHostilePaths(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	i := issuer.Start(t, "k", "RS256")
	n := serve(t)
	apply(t, n, external("a", i, ""), orders(up.URL+"/base", "[a]", ", default: true"), mobile("a"))
	token := mint(t, i, issuer.Token{})
	until(t, n.Gateway, http.MethodGet, "/orders/v1/items", token, 200, "")
	auth := "Authorization: Bearer " + token

	for _, path := range ambiguousPaths() {
		t.Run(fmt.Sprintf("%q", path), func(t *testing.T) {
			before := up.count()
			got := rawCall(t, n.Gateway, "GET "+path+" HTTP/1.1", auth)
			if got.status != http.StatusBadRequest {
				t.Errorf("status %d %s, want 400: %.200s", got.status, got.problem.Code, got.body)
			}
			if up.count() != before {
				t.Error("it reached the backend")
			}
		})
	}
	for path, want := range map[string]string{
		"/orders/v1/items": "/base/items", "/orders/v1/%69tems": "/base/items",
		"/orders/v1/items?a=%2e%2e/%2F&b=//;": "/base/items?a=%2e%2e/%2F&b=//;",
		"/%6frders/%76%31/items":              "/base/items", "/orders/items": "/base/items", "/orders/v1/items/a%20b": "/base/items/a%20b",
		"/orders/v1/items/a%3Fb": "/base/items/a%3Fb", "/orders/v1/items/%7Ebob": "/base/items/~bob",
		"/orders/v1/items/%C3%A9": "/base/items/%C3%A9", "/orders/v1/items/...": "/base/items/...",
		"/orders/v1/items/a..b":  "/base/items/a..b",
		"/orders/v1/files/a/b/c": "/base/files/a/b/c", "/orders/v1/items/a%23b": "/base/items/a%23b", "/orders/v1/items?": "/base/items?",
		"/orders/v1/items/a:b@c": "/base/items/a:b@c", "http://anywhere.example/orders/v1/items": "/base/items",
	} {
		t.Run("good "+path, func(t *testing.T) {
			got := rawCall(t, n.Gateway, "GET "+path+" HTTP/1.1", auth)
			if got.status != http.StatusOK || got.echo.URI != want {
				t.Errorf("status %d %s, backend asked for %q, want %q", got.status, got.problem.Code, got.echo.URI,
					want)
			}
		})
	}
	for path, want := range map[string]string{
		"/orders/v1/items/": "no_such_operation", "/orders/v1/ITEMS": "no_such_operation", "/orders/v1/items/1/2": "no_such_operation",
		"/Orders/v1/items": "no_such_api", "/orders/V1/items": "no_such_operation", "/ordersx/v1/items": "no_such_api", "/": "no_such_api",
		"/orders": "no_such_operation", "/orders/v1": "no_such_operation", "/t/": "no_such_api", "/orders/v2/items": "no_such_operation",
		"/order/v1/items": "no_such_api",
	} {
		t.Run("unknown "+path, func(t *testing.T) {
			got := rawCall(t, n.Gateway, "GET "+path+" HTTP/1.1", auth)
			if path == "/t/" && got.status == http.StatusBadRequest {
				return // an empty segment after /t is as good a reason
			}
			if fault := got.want(404, want); fault != "" {
				t.Error(fault)
			}
		})
	}
	got := rawCall(t, n.Gateway, "DELETE /orders/v1/items HTTP/1.1", auth)
	if fault := got.want(405, "no_such_operation"); fault != "" {
		t.Error(fault)
	}
	for _, method := range []string{"GET", "POST"} {
		if !strings.Contains(got.header.Get("Allow"), method) {
			t.Errorf("Allow is %q", got.header.Get("Allow"))
		}
	}
	// 404 and 405 are decided before a credential is looked at.
	if fault := rawCall(t, n.Gateway, "DELETE /orders/v1/items HTTP/1.1").want(405, "no_such_operation"); fault != "" {
		t.Error(fault)
	}
	if fault := rawCall(t, n.Gateway, "GET /nowhere HTTP/1.1", "Authorization: Bearer x").want(404,
		"no_such_api"); fault != "" {
		t.Error(fault)
	}
}

func ambiguousPaths() []string {
	return []string{
		"//orders/v1/items", "/orders//v1/items", "/orders/v1//items", "/orders/v1/items//", "/orders/v1/files//a", "//",
		"/./orders/v1/items", "/orders/./v1/items", "/orders/v1/./items", "/orders/v1/items/.", "/orders/v1/items/./",
		"/../orders/v1/items", "/orders/../orders/v1/items", "/orders/v1/open/../admin", "/orders/v1/items/..", "/orders/v1/files/../admin",
		"/orders/v1/files/a/../../admin", "/orders/v1/%2e%2e/items", "/orders/v1/%2E%2E/items", "/orders/v1/.%2e/items",
		"/orders/v1/%2e./items", "/orders/v1/%2e/items", "/orders/v1/files/%2e%2e/admin", "/orders/v1/files/%2e%2e%2fadmin",
		"/orders/v1/files/..%2fadmin", "/orders/v1/files/..%5cadmin", "/orders/v1/files/..\\admin", "/orders/v1\\items",
		"\\orders\\v1\\items", "/orders%2fv1/items", "/orders/v1%2Fitems", "/orders/v1/items%2f1",
		"/orders/v1/items%2F", "/%2forders/v1/items",
		"/orders/v1/items%5c1", "/orders/v1/items%5C", "/orders/v1/items;x=1", "/orders/v1;x/items",
		"/orders/v1/items;", "/orders/v1/files/;/a",
		"/orders/v1/files/..;/admin", "/orders/v1/files/.;/admin", "/orders/v1/items%00", "/orders/v1/items%00.json", "/orders/v1/%00items",
		"/orders/v1/items%0a", "/orders/v1/items%0d%0aX:1", "/orders/v1/items%09", "/orders/v1/items%1f", "/orders/v1/items%7f",
		"/orders/v1/items/%1B", "/orders/v1/items%", "/orders/v1/items%2", "/orders/v1/items%zz",
		"/orders/v1/items%u002f", "/orders/v1/items%%32%66",
		"/orders/v1/items/%c0%af", "/orders/v1/files/%c0%ae%c0%ae/admin", "/orders/v1/items/%e0%80%af", "/orders/v1/items/%f0%80%80%af",
		"/orders/v1/items/%ff", "/orders/v1/items/%fe%ff", "/orders/v1/items/%c3", "/orders/v1/items/%ed%a0%80", "/orders/v1/items/\xff",
		"/orders/v1/items/\xc0\xaf", "/orders/v1/files/%252e%252e/admin", "/orders/v1/files/%252e%252e%252fadmin",
		"/orders/v1/files/%25%32%65",
		"/orders/v1/items/%c2%80", "/orders/v1/items/%c2%9f", "/orders/v1/items/..", "/orders/v1/items/%2e",
		"/orders/v1/..", "/..", "/.", "/%2e%2e",
		"http://anywhere.example/orders/v1/files/../admin", "http://anywhere.example//orders/v1/items",
		"/orders/v1/items\x01", "/orders/v1/items\x7f",
		"orders/v1/items", "*",
	}
}
