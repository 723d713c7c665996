package view

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
)

func operations(list ...string) []keyward.Operation {
	var ops []keyward.Operation
	for _, o := range list {
		method, path, _ := strings.Cut(o, " ")
		ops = append(ops, keyward.Operation{Method: method, Path: path})
	}
	return ops
}

func TestOperation(t *testing.T) {
	api := compileAPI(keyward.APIRow{Operations: operations(
		"GET /items", "POST /items", "GET /items/{id}", "DELETE /items/{id}", "GET /items/special", "* /items/special",
		"GET /items/{id}/parts", "GET /items/special/{part}", "* /files/**", "GET /files/{name}", "GET /dir/",
		"GET /caf\u00e9", "GET /a:b", "GET /{x}", "GET /deep/**", "GET /deep/{a}/{b}", "PUT /deep/{a}/c", "GET /",
	)})
	for _, c := range []struct{ method, rest, want string }{
		{"GET", "/items", "GET /items"},
		{"POST", "/items", "POST /items"},
		{"GET", "/items/", ""},        // a trailing slash is another path
		{"GET", "/Items", "GET /{x}"}, // case counts
		{"GET", "/items/7", "GET /items/{id}"},
		{"GET", "/items/special", "GET /items/special"},
		{"PATCH", "/items/special", "* /items/special"},
		{"DELETE", "/items/special", "* /items/special"},
		{"GET", "/items/special/parts", "GET /items/special/{part}"}, // literal before parameter, from the left
		{"GET", "/items/7/parts", "GET /items/{id}/parts"},
		{"GET", "/files", "* /files/**"},
		{"GET", "/files/", "* /files/**"},
		{"GET", "/files/a", "GET /files/{name}"},
		{"PUT", "/files/a", "* /files/**"},
		{"PUT", "/files/a/b/c/", "* /files/**"},
		{"GET", "/dir/", "GET /dir/"},
		{"GET", "/dir", "GET /{x}"},
		{"GET", "/caf%C3%A9", "GET /caf\u00e9"},
		{"GET", "/a:b", "GET /a:b"},
		{"GET", "/a%3Ab", "GET /a:b"}, // another spelling is no way around the template
		{"GET", "/deep/1/2", "GET /deep/{a}/{b}"},
		{"GET", "/deep/1/c", "GET /deep/{a}/{b}"}, // the more specific path has another method
		{"PUT", "/deep/1/c", "PUT /deep/{a}/c"},
		{"GET", "/deep/1/2/3", "GET /deep/**"},
		{"GET", "/", "GET /"},
		{"GET", "", ""},
		{"GET", "/x/y", ""},
	} {
		op, _ := api.Operation(c.method, c.rest)
		got := ""
		if op != nil {
			got = op.Method + " " + op.Path
		}
		if got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.method, c.rest, got, c.want)
		}
	}
	for rest, want := range map[string][]string{
		"/items":     {"GET", "POST"},
		"/items/7":   {"DELETE", "GET"},
		"/deep/1/c":  {"GET", "PUT"},
		"/nowhere/x": nil,
		"/items/":    nil,
	} {
		if op, allow := api.Operation("TRACE", rest); op != nil || !cmp.Equal(allow, want) {
			t.Errorf("allowed at %s: %v, want %v", rest, allow, want)
		}
	}
}

func TestRoute(t *testing.T) {
	api := func(id, tenant, context, version string, byDefault bool) keyward.Change {
		return rowPut(t, keyward.RowAPI, id, keyward.APIRow{
			ID: id, Tenant: tenant, Context: context, Version: version, Default: byDefault, Operations: operations("* /**"),
		})
	}
	changes := []keyward.Change{
		api("orders1", "default", "/orders", "v1", false),
		api("orders2", "default", "/orders", "v2", true),
		api("deep", "default", "/orders/v2/reports", "v1", true),
		api("shadow", "default", "/shop", "a", false),
		api("shadowed", "default", "/shop/a", "b", true), // its default place is the explicit place of the other
		api("acme", "acme", "/orders", "v1", true),
		api("escape", "default", "/x", "t", false),
	}
	for range 64 { // a contest ends in the same way in whatever order the APIs are looked at
		if route, _ := applied(t, EmptyView(), changes...).Route("/shop/a/x"); route.API.ID != "shadow" {
			t.Fatalf("the default place of %s hides an explicit one", route.API.ID)
		}
	}
	v := applied(t, EmptyView(), changes...)
	for path, want := range map[string]string{
		"/orders/v1/items":            "orders1 /items",
		"/orders/v1":                  "orders1 ",
		"/orders/v1/":                 "orders1 /",
		"/orders/v2/items":            "orders2 /items",
		"/orders/items":               "orders2 /items default",
		"/orders":                     "orders2  default",
		"/orders/v11/items":           "orders2 /v11/items default",
		"/orders/v2/reports/v1/x":     "deep /x",
		"/orders/v2/reports/x":        "deep /x default",
		"/shop/a/x":                   "shadow /x",
		"/shop/a/b/x":                 "shadowed /x",
		"/shop":                       "",
		"/ordersv1/items":             "",
		"/Orders/v1/items":            "",
		"/":                           "",
		"/t/acme/orders/v1/items":     "acme /items",
		"/t/acme/orders/items":        "acme /items default",
		"/t/acme":                     "",
		"/t/":                         "",
		"/t":                          "",
		"/t/default/orders/v1/items":  "", // one place only
		"/t/nobody/orders/v1/items":   "",
		"/t/acme/t/acme/orders/items": "",
		"/x/t/y":                      "escape /y",
	} {
		got := ""
		if route, ok := v.Route(path); ok {
			got = route.API.ID + " " + route.Rest
			if route.ByDefault {
				got += " default"
			}
		}
		if got != want {
			t.Errorf("Route(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestKeyManagersStayInTheirTenant(t *testing.T) {
	km := func(id, tenant, name string, global bool) keyward.Change {
		return rowPut(t, keyward.RowKeyManager, id, keyward.KeyManagerRow{
			ID: id, Tenant: tenant, Name: name, Global: global, Enabled: true,
			Issuers: []keyward.IssuerRow{{Issuer: "https://" + id}},
		})
	}
	v := applied(t, EmptyView(),
		km("a", "acme", "b-corp", false), km("b", "umbrella", "corp", false), km("g", "default", "a-all", true))
	for _, c := range []struct {
		tenant, issuer string
		want           int
	}{
		{"acme", "https://a", 1},
		{"acme", "https://b", 0},
		{"acme", "https://g", 1},
		{"umbrella", "https://a", 0},
		{"default", "https://a", 0},
		{"default", "https://g", 1},
	} {
		if got := len(v.ByIssuer(c.tenant, c.issuer)); got != c.want {
			t.Errorf("tenant %s has %d key managers of issuer %s, want %d", c.tenant, got, c.issuer, c.want)
		}
	}
	if got := v.OfTenant("acme"); len(got) != 2 || got[0].Name != "a-all" {
		t.Errorf("the key managers of acme are not in the order of names")
	}
	api := compileAPI(keyward.APIRow{Tenant: "umbrella", AllKeyManagers: true, KeyManagers: []keyward.APIKeyManager{{ID: "a"}}})
	if _, ok := api.Use(v.KeyManager("a")); ok {
		t.Error("an API must not take another tenant's key manager, even when it lists its id")
	}
	if _, ok := api.Use(v.KeyManager("b")); !ok {
		t.Error("the control: its own tenant's key manager is taken")
	}
	if _, ok := api.Use(v.KeyManager("g")); !ok {
		t.Error("the control: a global key manager is taken by all")
	}
}
