package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
)

// TestListsLeaveOpenAPIDocumentsOut: they may be megabytes each. One API has its own, a list has them where it is asked to, and
// what a list gave is not stored as an API without one.
func TestListsLeaveOpenAPIDocumentsOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	document := "openapi: 3.1.0\ninfo: {title: Orders, version: '1'}\n" +
		"paths:\n  /items:\n    get: {responses: {'200': {description: fine}}}\n"
	quoted, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	const base = `"version":"v1","upstream":{"production":"http://127.0.0.1:9"},"keyManagers":"all"`
	h.apply(manifestOf(keyward.KindAPI, "orders-v1", `{"context":"/orders",`+base+`,"openapi":{"document":`+string(quoted)+`}}`),
		manifestOf(keyward.KindAPI, "plain-v1", `{"context":"/plain",`+base+`,"operations":[{"method":"GET","path":"/x"}]}`))
	type read struct {
		Spec struct {
			OpenAPI    *struct{ Document string }
			Operations []keyward.Operation
		}
	}
	listed := func(query string) (raw []json.RawMessage, apis []read) {
		t.Helper()
		a := h.must("admin", http.MethodGet, "/api/v1/apis?"+query, "")
		a.into(t, &struct{ Items *[]json.RawMessage }{&raw})
		a.into(t, &struct{ Items *[]read }{&apis})
		if len(apis) != 2 {
			t.Fatalf("%s", a.body)
		}
		return raw, apis
	}
	raw, short := listed("")
	_, whole := listed("documents=true")
	var one read
	h.must("admin", http.MethodGet, "/api/v1/apis/orders-v1", "").into(t, &one)
	if o := short[0].Spec.OpenAPI; o == nil || o.Document != "" || len(short[1].Spec.Operations) != 1 {
		t.Errorf("in a list: %s", raw)
	}
	for _, api := range []read{whole[0], one} {
		if o := api.Spec.OpenAPI; o == nil || o.Document != document {
			t.Errorf("whole: %+v", o)
		}
	}
	refused := h.call("admin", http.MethodPut, "/api/v1/apis/orders-v1", string(raw[0]))
	if refused.status != http.StatusBadRequest || !strings.Contains(string(refused.body), "spec.openapi.document") {
		t.Errorf("what a list gave was taken: %d %s", refused.status, refused.body)
	}
	h.must("admin", http.MethodPut, "/api/v1/apis/plain-v1", string(raw[1]))
	if exported := h.must("admin", http.MethodGet, "/api/v1/export", ""); !strings.Contains(string(exported.body), string(quoted)) {
		t.Errorf("an export has no document: %s", exported.body)
	}
}

// TestObjectsByName: what a page has the names of it asks for at once, not one by one.
func TestObjectsByName(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var texts []string
	for _, name := range []string{"a", "b", "c", "d"} {
		texts = append(texts, manifestOf(keyward.KindApplication, name, `{"owners":["alice"]}`))
	}
	h.apply(texts...)
	for query, want := range map[string]string{
		"names=d,b":                  "b d",
		"names=d,b,nothing,resident": "b d",
		"names=d,b&limit=1":          "b …",
		"names=nothing":              "",
		"names=a,b&search=b":         "b",
		"names=a,b&owner=alice":      "a b",
		"names=a,b&owner=bob":        "",
		"":                           "a b c d",
		"names=" + strings.Repeat("a,", 99) + "a": "a",
	} {
		var page struct {
			Items []struct{ Metadata struct{ Name string } }
			Next  string
		}
		h.must("admin", http.MethodGet, "/api/v1/applications?"+query, "").into(t, &page)
		var got []string
		for _, o := range page.Items {
			got = append(got, o.Metadata.Name)
		}
		if page.Next != "" {
			got = append(got, "…")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	many := h.call("admin", http.MethodGet, "/api/v1/applications?names="+strings.Repeat("a,", 100)+"a", "")
	if many.status != http.StatusBadRequest {
		t.Errorf("101 names: %d %s", many.status, many.body)
	}
}

// TestKeyManagersThatAnAPITakes: all that there are or those that it lists, to whoever sees the API.
func TestKeyManagersThatAnAPITakes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	external := func(name string) string {
		return manifestOf(keyward.KindKeyManager, name, `{"type":"external","enabled":false,"issuer":"https://`+name+
			`.example","keys":{"jwks":"https://`+name+`.example/keys"}}`)
	}
	api := func(name, takes, more string) string {
		return manifestOf(keyward.KindAPI, name, `{"context":"/`+name+`","version":"v1","upstream":{"production":"http://127.0.0.1:9"},`+
			`"operations":[{"method":"GET","path":"/x"}],"keyManagers":`+takes+more+`}`)
	}
	h.apply(external("a"), external("b"), external("c"), api("some", `["c","a"]`, ""), api("every", `"all"`, ""),
		api("hidden", `["b"]`, `,"visibility":["partners"]`))
	h.users(map[string][]keyward.Role{"dev": {keyward.RoleDeveloper}}, "default")
	for _, c := range []struct{ user, query, want string }{
		{"admin", "api=some", "a c"}, {"dev", "api=some", "a c"}, {"dev", "api=some&names=c,b", "c"}, {"dev", "api=some&names=b", ""},
		{"dev", "api=every", "a b c resident"}, {"dev", "api=every&names=b", "b"}, {"dev", "api=some&search=//a.", "a"},
		{"admin", "api=hidden", "b"}, {"dev", "api=hidden", ""}, {"dev", "api=nothing", ""},
	} {
		var page struct {
			Items []struct{ Metadata struct{ Name string } }
		}
		h.must(c.user, http.MethodGet, "/api/v1/key-managers?"+c.query, "").into(t, &page)
		var got []string
		for _, o := range page.Items {
			got = append(got, o.Metadata.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s as %s: %q, want %q", c.query, c.user, got, c.want)
		}
	}
}

// TestSearchOverEverything: the best come first, of every kind that somebody sees; who sees none is refused.
func TestSearchOverEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.users(map[string][]keyward.Role{"alice": {keyward.RoleDeveloper}, "eve": nil}, "default")
	h.apply(
		manifestOf(keyward.KindApplication, "a-reorder", `{"owner":"admin","displayName":"Stock"}`),
		manifestOf(keyward.KindApplication, "b-order", `{"owner":"alice","displayName":"Shop"}`),
		manifestOf(keyward.KindApplication, "order-desk", `{"owner":"admin","displayName":"Desk"}`),
		manifestOf(keyward.KindPlan, "order", `{}`), manifestOf(keyward.KindPlan, "other", `{}`),
		manifestOf(keyward.KindKeyManager, "ext", `{"displayName":"Order house",`+strings.TrimPrefix(nowhere, "{")),
		manifestOf(keyward.KindOAuthClient, "hers", `{"application":"b-order","keyManager":"ext","clientId":"Order-0451"}`))
	found := func(user, query string) string {
		var page struct{ Items []control.Hit }
		h.must(user, http.MethodGet, "/api/v1/search?"+query, "").into(t, &page)
		var names []string
		for _, hit := range page.Items {
			names = append(names, string(hit.Kind)+"/"+hit.Name+strings.TrimSuffix(" in "+hit.Application, " in "))
		}
		return strings.Join(names, ", ")
	}
	for _, c := range []struct{ user, query, want string }{
		{"admin", "text=ORDER", "Plan/order, Application/order-desk, OAuthClient/hers in b-order, Application/b-order, KeyManager/ext, " +
			"Application/a-reorder"},
		{"admin", "text=order&some=1", "Plan/order, Application/order-desk, OAuthClient/hers in b-order, KeyManager/ext"},
		{"alice", "text=order", "Plan/order, OAuthClient/hers in b-order, Application/b-order, KeyManager/ext"},
		{"admin", "text=0451", "OAuthClient/hers in b-order"},
		{"admin", "text=order-0451", "OAuthClient/hers in b-order"},
		{"admin", "text=rder", "Application/a-reorder, Application/b-order, Application/order-desk, KeyManager/ext, Plan/order, " +
			"OAuthClient/hers in b-order"}, // ids of clients are letters without a meaning: they come last
		{"admin", "text=nothing", ""},
		{"admin", "text=", ""},
		{"alice", "text=desk", ""},
	} {
		if got := found(c.user, c.query); got != c.want {
			t.Errorf("%s finds by %s: %s; want %s", c.user, c.query, got, c.want)
		}
	}
	for user, query := range map[string]string{"alice": "text=order&tenant=elsewhere", "eve": "text=order"} {
		if a := h.call(user, http.MethodGet, "/api/v1/search?"+query, ""); a.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", user, a.status, a.body)
		}
	}
	for _, some := range []string{"0", "51", "x"} {
		if a := h.call("admin", http.MethodGet, "/api/v1/search?text=a&some="+some, ""); a.status != http.StatusBadRequest {
			t.Errorf("some=%s: %d %s", some, a.status, a.body)
		}
	}
}

// TestWhatAwaitsAnApprovalIsCounted as far as the requests of a tenant list it: keys for administrators and auditors, subscriptions
// for publishers too, and another tenant's for nobody.
func TestWhatAwaitsAnApprovalIsCounted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(manifestOf(keyward.KindTenant, "acme", `{}`), manifestOf(keyward.KindApplication, "mobile", `{"owners":["alice"]}`))
	h.users(map[string][]keyward.Role{"alice": {keyward.RoleDeveloper}, "pat": {keyward.RolePublisher}}, "default")
	h.users(map[string][]keyward.Role{"foreman": {keyward.RoleAdmin}}, "acme")
	counted := func(user, tenant string, want control.Waiting) {
		t.Helper()
		var got control.Waiting
		h.must(user, http.MethodGet, "/api/v1/waiting?tenant="+tenant, "").into(t, &got)
		if got != want {
			t.Errorf("%s in %s: %+v, want %+v", user, tenant, got, want)
		}
	}
	counted("admin", "default", control.Waiting{})
	attempt(h, keyward.ClientAwaiting)
	h.apply(manifestOf(keyward.KindPlan, "manual", `{"approval":"manual"}`),
		manifestOf(keyward.KindAPI, "planned", strings.Replace(walkAPI, `"/orders"`, `"/planned","plans":["manual"]`, 1)))
	for _, name := range []string{"one", "two"} {
		h.apply(manifestOf(keyward.KindApplication, name, `{"owners":["alice"]}`))
		h.must("alice", http.MethodPut, "/api/v1/subscriptions/"+name,
			`{"spec":{"application":"`+name+`","api":"planned","plan":"manual"}}`)
	}
	counted("admin", "default", control.Waiting{Keys: 1, Subscriptions: 2})
	counted("pat", "default", control.Waiting{Subscriptions: 2}) // a publisher does not read clients
	counted("foreman", "acme", control.Waiting{})
	if a := h.call("foreman", http.MethodGet, "/api/v1/waiting?tenant=default", ""); a.status != http.StatusForbidden {
		t.Errorf("of another tenant: %d %s", a.status, a.body)
	}
	h.must("pat", http.MethodPost, "/api/v1/subscriptions/one/approve", `{}`)
	counted("pat", "default", control.Waiting{Subscriptions: 1})
}
