package rest_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/rest"
)

func TestCreateReadReplaceDelete(t *testing.T) {
	h := newHouse(t)
	const body = `{"apiVersion":"keyward.dev/v1","kind":"Plan","metadata":{"name":"gold"},"spec":{"rate":[{"requests":10,` +
		`"per":"60s"}]}}`
	made := h.call("admin", http.MethodPost, "/api/v1/plans", body)
	if made.status != http.StatusCreated || made.header.Get("ETag") == "" ||
		made.header.Get("Location") != "/api/v1/plans/gold" {
		t.Fatalf("create: %d %v %s", made.status, made.header, made.body)
	}
	if again := h.call("admin", http.MethodPost, "/api/v1/plans", body); again.status != http.StatusConflict ||
		again.code(t) != keyward.CodeConflict {
		t.Errorf("create twice: %d %s", again.status, again.body)
	}
	got := h.must("admin", http.MethodGet, "/api/v1/plans/gold", "")
	var m keyward.Manifest
	got.into(t, &m)
	if m.Kind != keyward.KindPlan || string(m.Spec) != `{"rate":[{"requests":10,"per":"1m"}]}` {
		t.Errorf("read: %s", got.body)
	}
	etag := got.header.Get("ETag")
	put := h.call("admin", http.MethodPut, "/api/v1/plans/gold", `{"spec":{"rate":[{"requests":20,"per":"1m"}]}}`,
		"If-Match", etag)
	if put.status != http.StatusOK || put.header.Get("ETag") == etag {
		t.Errorf("replace: %d %v %s", put.status, put.header, put.body)
	}
	stale := h.call("admin", http.MethodPut, "/api/v1/plans/gold", `{"spec":{}}`, "If-Match", etag)
	if stale.status != http.StatusPreconditionFailed || stale.code(t) != keyward.CodePreconditionFailed {
		t.Errorf("replace an older version: %d %s", stale.status, stale.body)
	}
	for field, want := range map[string][2]int{ // what a PUT and a GET answer
		"*": {412, 304}, put.header.Get("ETag"): {412, 304}, `"77", W/` + put.header.Get("ETag"): {412, 304}, etag: {200, 200},
	} {
		got := h.call("admin", http.MethodGet, "/api/v1/plans/gold", "", "If-None-Match", field)
		if got.status != want[1] || got.header.Get("ETag") != put.header.Get("ETag") || (want[1] == 304) != (len(got.body) == 0) {
			t.Errorf("read with If-None-Match %s: %d %v %s", field, got.status, got.header, got.body)
		}
		same := h.call("admin", http.MethodPut, "/api/v1/plans/gold", `{"spec":{"rate":[{"requests":20,"per":"1m"}]}}`,
			"If-None-Match", field)
		if same.status != want[0] || want[0] == 412 && same.code(t) != keyward.CodePreconditionFailed {
			t.Errorf("replace with If-None-Match %s: %d %s", field, same.status, same.body)
		}
	}
	if a := h.call("admin", http.MethodPut, "/api/v1/plans/fresh", `{"spec":{}}`, "If-None-Match", "*"); a.status != http.StatusCreated {
		t.Errorf("create with If-None-Match *: %d %s", a.status, a.body)
	}
	if made := h.call("admin", http.MethodPut, "/api/v1/plans/new", `{"spec":{}}`); made.status != http.StatusCreated {
		t.Errorf("create by PUT: %d %s", made.status, made.body)
	}
	if a := h.call("admin", http.MethodDelete, "/api/v1/plans/gold", "", "If-Match",
		etag); a.status != http.StatusPreconditionFailed {
		t.Errorf("delete an older version: %d", a.status)
	}
	if a := h.call("admin", http.MethodDelete, "/api/v1/plans/gold", ""); a.status != http.StatusNoContent {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
	if a := h.call("admin", http.MethodGet, "/api/v1/plans/gold", ""); a.status != http.StatusNotFound ||
		a.code(t) != keyward.CodeNotFound {
		t.Errorf("read what is gone: %d %s", a.status, a.body)
	}
}

// TestTagsAreOfOneObject: what is made anew under an old name, and what is held by now, is not what was read before; a field
// may name several tags; and an approval, a hold and its end are of what was looked at.
func TestTagsAreOfOneObject(t *testing.T) {
	h := newHouse(t)
	h.users(map[string][]keyward.Role{"otto": {keyward.RoleDeveloper}}, "default")
	const at = "/api/v1/applications/mobile"
	put := func() string {
		return h.must("admin", http.MethodPut, at, `{"spec":{"owner":"otto"}}`).header.Get("ETag")
	}
	first := put()
	if got := h.must("admin", http.MethodGet, at, "").header.Get("ETag"); got != first {
		t.Errorf("made as %s, read as %s", first, got)
	}
	h.must("admin", http.MethodDelete, at, "")
	second := put()
	decides := func(verb, body, tag string, want int) {
		t.Helper()
		if a := h.call("admin", http.MethodPost, at+"/"+verb, body, "If-Match", tag); a.status != want {
			t.Errorf("%s where it is %s: %d %s", verb, tag, a.status, a.body)
		}
	}
	decides("hold", `{"reason":"r"}`, first, http.StatusPreconditionFailed)
	decides("hold", `{"reason":"r"}`, second, http.StatusOK)
	now := h.call("admin", http.MethodGet, at, "", "If-None-Match", second)
	held := now.header.Get("ETag")
	if now.status != http.StatusOK {
		t.Errorf("a hold is not told of: %d", now.status)
	}
	for tag, want := range map[string]int{
		first: http.StatusPreconditionFailed, second: http.StatusPreconditionFailed, "W/" + held: http.StatusPreconditionFailed,
		held: http.StatusOK, `"x", ` + held: http.StatusOK, "*": http.StatusOK, "": http.StatusPreconditionFailed,
	} {
		if a := h.call("admin", http.MethodPut, at, `{"spec":{"owner":"otto"}}`, "If-Match", tag); a.status != want {
			t.Errorf("replaced where it is %s: %d %s", tag, a.status, a.body)
		}
	}
	decides("unhold", "", second, http.StatusPreconditionFailed)
	decides("unhold", "", held, http.StatusOK)
	h.apply(manifestOf(keyward.KindPlan, "iron", `{"approval":"manual"}`),
		manifestOf(keyward.KindAPI, "orders", strings.Replace(walkAPI, `"/orders"`, `"/orders","plans":["iron"]`, 1)))
	seen := h.must("otto", http.MethodPut, "/api/v1/subscriptions/s", `{"spec":{"application":"mobile","api":"orders","plan":"iron"}}`)
	for _, tag := range []string{first, seen.header.Get("ETag")} {
		a := h.call("admin", http.MethodPost, "/api/v1/subscriptions/s/approve", "{}", "If-Match", tag)
		if (a.status == http.StatusOK) != (tag != first) || tag == first && a.status != http.StatusPreconditionFailed {
			t.Errorf("approved where it is %s: %d %s", tag, a.status, a.body)
		}
	}
}

func TestObjectsNameTheirSet(t *testing.T) {
	h := newHouse(t)
	const plan = `{"apiVersion":"keyward.dev/v1","kind":"Plan","metadata":{"name":"gold"},"spec":{}}`
	h.must("admin", http.MethodPost, "/api/v1/apply", `{"objects":[`+plan+`],"set":"site"}`)
	set := func(path string) string {
		var listed struct {
			Items []struct{ Status struct{ Set string } }
		}
		h.must("admin", http.MethodGet, path, "").into(t, &listed)
		if len(listed.Items) != 1 {
			t.Fatalf("%s lists %d objects", path, len(listed.Items))
		}
		return listed.Items[0].Status.Set
	}
	if got := set("/api/v1/plans?set=site"); got != "site" {
		t.Errorf("the plan is of set %q", got)
	}
	var read map[string]any // what was read is taken back, status and all, and stays of the set
	h.must("admin", http.MethodGet, "/api/v1/plans/gold", "").into(t, &read)
	back, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	h.must("admin", http.MethodPut, "/api/v1/plans/gold", strings.Replace(string(back), `"spec":{}`, `"spec":{"approval":"manual"}`, 1))
	if got := set("/api/v1/plans?search=gold"); got != "site" {
		t.Errorf("after a PUT the plan is of set %q", got)
	}
	other := h.call("admin", http.MethodPost, "/api/v1/apply", `{"objects":[`+plan+`],"set":"other"}`)
	if other.status != http.StatusConflict || other.code(t) != keyward.CodeOtherSet {
		t.Errorf("applied by another set: %d %s", other.status, other.body)
	}
	h.must("admin", http.MethodPut, "/api/v1/plans/free", `{"spec":{}}`)
	if got := set("/api/v1/plans?search=free"); got != "" {
		t.Errorf("a plan of no set is of set %q", got)
	}
}

// TestAQueryIsReadWhole: what cannot be read would else count as not said, and something in the tenant default would be changed in
// the place of what was meant.
func TestAQueryIsReadWhole(t *testing.T) {
	h := newHouse(t)
	h.apply(manifestOf(keyward.KindPlan, "gold", `{}`))
	for _, query := range []string{"tenant=%zz", "tenant=ac%me", "limit=5;tenant=acme", "owner=%"} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			a := h.call("admin", method, "/api/v1/plans/gold?"+query, "")
			var p rest.Problem
			a.into(t, &p)
			if a.status != http.StatusBadRequest || p.Code != keyward.CodeInvalidInput {
				t.Errorf("%s with ?%s: %d %s", method, query, a.status, a.body)
			}
		}
	}
	if a := h.call("admin", http.MethodDelete, "/api/v1/plans/gold?tenant=default", ""); a.status != http.StatusNoContent {
		t.Errorf("the control: %d %s", a.status, a.body)
	}
}

func TestProblemsNameEveryField(t *testing.T) {
	h := newHouse(t)
	a := h.call("admin", http.MethodPut, "/api/v1/plans/gold",
		`{"kind":"Plan","spec":{"rates":[],"rate":[{"requests":0,"per":1}]},"spce":1}`)
	if a.status != http.StatusBadRequest || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	var p rest.Problem
	a.into(t, &p)
	var paths []string
	for _, f := range p.Errors {
		paths = append(paths, f.Path)
	}
	if got := strings.Join(paths, " "); p.Code != keyward.CodeInvalidInput ||
		got != "spce spec.rates spec.rate[0].per spec.rate[0].requests" {
		t.Errorf("%s at %s: %s", p.Code, got, a.body)
	}
	later := h.call("admin", http.MethodPut, "/api/v1/apis/gold", `{"spec":`+
		strings.Replace(walkAPI, "{", `{"gateways":["eu"],`, 1)+`}`)
	if later.status != http.StatusBadRequest || later.code(t) != keyward.CodeNotSupported {
		t.Errorf("not supported: %d %s", later.status, later.body)
	}
	for name, a := range map[string]answer{
		"limit":  h.call("admin", http.MethodGet, "/api/v1/plans?limit=0", ""),
		"cursor": h.call("admin", http.MethodGet, "/api/v1/audit?cursor=x", ""),
		"body":   h.call("admin", http.MethodPut, "/api/v1/plans/gold", ""),
		"name":   h.call("admin", http.MethodPut, "/api/v1/plans/Gold", `{"spec":{}}`),
		"kind":   h.call("admin", http.MethodPut, "/api/v1/plans/gold", `{"kind":"API","spec":{}}`),
	} {
		if a.status != http.StatusBadRequest || a.code(t) != keyward.CodeInvalidInput {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	h.call("admin", http.MethodPost, "/api/v1/plans", `{"metadata":{"name":"p"},"spec":{}}`).into(t, &p)
	twice := h.call("admin", http.MethodPost, "/api/v1/plans", `{"metadata":{"name":"p"},"spec":{}}`)
	if twice.into(t, &p); p.Detail != "metadata.name: Plan p exists already" {
		t.Errorf("the detail is %q", p.Detail)
	}
	if a := h.call("admin", http.MethodPut, "/api/v1/plans/gold",
		`{"spec":{}}`+strings.Repeat(" ", 5<<20)); a.status != http.StatusRequestEntityTooLarge ||
		!strings.Contains(string(a.body), "at most 4194304 bytes are taken") {
		t.Errorf("a body too large: %d %s", a.status, a.body)
	}
	if a := h.call("admin", http.MethodGet, "/api/v1/nothing", ""); a.status != http.StatusNotFound ||
		a.code(t) != keyward.CodeNotFound {
		t.Errorf("no such address: %d %s", a.status, a.body)
	}
	h.apply(manifestOf(keyward.KindApplication, "a", `{}`),
		manifestOf(keyward.KindAPI, "x", `{"context":"/x","version":"v1","upstream":{"production":"http://127.0.0.1:9"},`+
			`"keyManagers":"all","operations":[{"method":"GET","path":"/"}]}`),
		manifestOf(keyward.KindSubscription, "s", `{"application":"a","api":"x"}`))
	used := h.call("admin", http.MethodDelete, "/api/v1/apis/x", "")
	used.into(t, &p)
	if used.status != http.StatusConflict || p.Code != keyward.CodeInUse || len(p.Users) != 1 || p.Users[0].Name != "s" {
		t.Errorf("in use: %d %s", used.status, used.body)
	}
}

func TestListingsArePaged(t *testing.T) {
	h := newHouse(t)
	h.apply(manifestOf(keyward.KindPlan, "a", `{}`), manifestOf(keyward.KindPlan, "b", `{}`),
		manifestOf(keyward.KindPlan, "c", `{}`))
	var names []string
	for cursor := ""; ; {
		var page rest.Listing[keyward.Manifest]
		h.must("admin", http.MethodGet, "/api/v1/plans?limit=2&cursor="+cursor, "").into(t, &page)
		for _, m := range page.Items {
			names = append(names, m.Metadata.Name)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for _, list := range []string{"gateways", "tokens"} {
		for _, name := range []string{"a", "b", "c"} {
			h.must("admin", http.MethodPost, "/api/v1/"+list,
				map[string]string{"gateways": `{"name":"` + name + `"}`, "tokens": `{"user":"admin"}`}[list])
		}
		var first, second rest.Listing[map[string]any]
		h.must("admin", http.MethodGet, "/api/v1/"+list+"?limit=2", "").into(t, &first)
		h.must("admin", http.MethodGet, "/api/v1/"+list+"?cursor="+first.Next, "").into(t, &second)
		if len(first.Items) != 2 || first.Next == "" || len(second.Items) < 1 || second.Next != "" ||
			first.Items[1]["id"] == second.Items[0]["id"] {
			t.Errorf("%s: %v, then %v", list, first, second)
		}
		if a := h.call("admin", http.MethodGet, "/api/v1/"+list+"?cursor=x", ""); a.status != http.StatusBadRequest {
			t.Errorf("%s after an unknown entry: %d", list, a.status)
		}
	}
	if strings.Join(names, "") != "abc" {
		t.Errorf("got %v", names)
	}
}

// TestOtherMethodsAndMediaTypes: an address that exists says which methods it has; a body that says it is not JSON is
// not read, one that says nothing is.
func TestOtherMethodsAndMediaTypes(t *testing.T) {
	h := newHouse(t)
	for path, want := range map[string]string{
		"/api/v1/plans": "GET, HEAD, POST", "/api/v1/plans/gold": "GET, HEAD, PUT, DELETE", "/api/v1/apply": "POST",
	} {
		for _, method := range []string{http.MethodPatch, http.MethodOptions} {
			a := h.call("admin", method, path, "")
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != want ||
				a.code(t) != keyward.CodeMethodNotAllowed {
				t.Errorf("%s %s: %d %v %s", method, path, a.status, a.header, a.body)
			}
		}
	}
	for kind, want := range map[string]int{
		"text/plain": http.StatusUnsupportedMediaType, "application/x-www-form-urlencoded": http.StatusUnsupportedMediaType,
		"application/yaml": http.StatusUnsupportedMediaType, "nonsense/": http.StatusUnsupportedMediaType,
		"application/json; charset=utf-8": http.StatusCreated, "": http.StatusOK,
	} {
		a := h.call("admin", http.MethodPut, "/api/v1/plans/typed", `{"spec":{}}`, "Content-Type", kind)
		if a.status != want && (want >= 300 || a.status >= 300) {
			t.Errorf("%q: %d %s", kind, a.status, a.body)
		}
	}
}

func TestWithoutAValidTokenNothingOpens(t *testing.T) {
	h := newHouse(t)
	h.tokens["stranger"] = "kwt_nobody-knows-this-one"
	for _, user := range []string{"", "stranger"} {
		a := h.call(user, http.MethodGet, "/api/v1/plans", "")
		if a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") ||
			a.code(t) != keyward.CodeUnauthenticated {
			t.Errorf("%q: %d %v %s", user, a.status, a.header, a.body)
		}
	}
	if a := h.call("", http.MethodGet, "/api/v1/plans", "", "Authorization",
		"Basic "+adminToken); a.status != http.StatusUnauthorized {
		t.Errorf("another scheme: %d", a.status)
	}
}

func TestThePageOfTheDocumentLoadsNothingFromElsewhere(t *testing.T) {
	h := newHouse(t)
	page := h.call("", http.MethodGet, "/docs", "")
	if page.status != http.StatusOK || !strings.HasPrefix(page.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", page.status, page.header)
	}
	for _, bad := range []string{"<script", "src=", "@import", "<link"} {
		if strings.Contains(string(page.body), bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	if !strings.Contains(string(page.body), "/api/v1/key-managers/{name}") {
		t.Error("the page lists no operation")
	}
}

var update = flag.Bool("update", false, "write docs/openapi.yaml")

func TestTheDocumentIsTheOneInTheTree(t *testing.T) {
	h := newHouse(t)
	got, err := h.rest.Document()
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../docs/openapi.yaml"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil { //nolint:gosec // a document for everybody
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("docs/openapi.yaml is not what the server says: run go test ./internal/rest -update")
	}
}
