package enforce

import (
	"strings"
	"testing"

	"keyward.dev/keyward"
)

func TestCredential(t *testing.T) {
	w := newWorld(t)
	good := w.claims(nil)
	for _, c := range []struct {
		what   string
		fields []string
		query  string
		want   keyward.Code
	}{
		{"the control", []string{"Bearer " + good}, "", ""},
		{"the scheme in small letters", []string{"bearer " + good}, "", ""},
		{"the scheme in capitals and two spaces", []string{"BEARER  " + good}, "", ""},
		{"another parameter in the query", []string{"Bearer " + good}, "?token=x&my_access_token=y", ""},
		{"no field", nil, "", keyward.CodeMissingCredentials},
		{"an empty field", []string{""}, "", keyward.CodeMissingCredentials},
		{"basic", []string{"Basic YTpi"}, "", keyward.CodeMissingCredentials},
		{"DPoP", []string{"DPoP " + good}, "", keyward.CodeMissingCredentials},
		{"no scheme", []string{good}, "", keyward.CodeMissingCredentials},
		{"a token in the query only", nil, "?access_token=" + good, keyward.CodeMissingCredentials},
		{"field and query", []string{"Bearer " + good}, "?access_token=" + good, keyward.CodeInvalidRequest},
		{"field and query, spelled otherwise", []string{"Bearer " + good}, "?x=1&access%5Ftoken=y", keyward.CodeInvalidRequest},
		{"field and empty query token", []string{"Bearer " + good}, "?access_token", keyward.CodeInvalidRequest},
		{"two fields", []string{"Bearer " + good, "Bearer " + good}, "", keyward.CodeInvalidRequest},
		{"two fields, one of another scheme", []string{"Bearer " + good, "Basic YTpi"}, "", keyward.CodeInvalidRequest},
		{"two tokens", []string{"Bearer " + good + " " + good}, "", keyward.CodeInvalidRequest},
		{"a list", []string{"Bearer " + good + ",Bearer " + good}, "", keyward.CodeInvalidRequest},
		{"a list with a space", []string{"Bearer " + good + ", Basic x"}, "", keyward.CodeInvalidRequest},
		{"no token", []string{"Bearer"}, "", keyward.CodeInvalidRequest},
		{"a space and no token", []string{"Bearer "}, "", keyward.CodeInvalidRequest},
		{"a tab", []string{"Bearer\t" + good}, "", keyward.CodeInvalidRequest},
		{"a tab in the token", []string{"Bearer " + good + "\tx"}, "", keyward.CodeInvalidRequest},
		{"a quoted token", []string{`Bearer "` + good + `"`}, "", keyward.CodeInvalidRequest},
		{"a leading space", []string{" Bearer " + good}, "", keyward.CodeInvalidRequest},
		{"a colon", []string{"Bearer: " + good}, "", keyward.CodeInvalidRequest},
		{"bytes that are not ASCII", []string{"Bearer \xff\xfe"}, "", keyward.CodeInvalidRequest},
		{"NUL", []string{"Bearer a\x00b"}, "", keyward.CodeInvalidRequest},
		{"only padding", []string{"Bearer ==="}, "", keyward.CodeInvalidToken},
		{"characters that no token has", []string{"Bearer <" + good + ">"}, "", keyward.CodeInvalidToken},
		{"one million dots", []string{"Bearer " + strings.Repeat(".", 1_000_000)}, "", keyward.CodeInvalidToken},
		{"one MiB", []string{"Bearer " + strings.Repeat("a", 1<<20)}, "", keyward.CodeInvalidToken},
		{"a good token made longer", []string{"Bearer " + good + strings.Repeat("A", 16<<10)}, "", keyward.CodeInvalidToken},
	} {
		w.want(c.what, Request{Method: "GET", Target: "/orders/v1/items" + c.query, Authorization: c.fields}, c.want)
	}
}

// On an operation without security nothing of a credential counts, and nobody is named.
func TestSecurityNone(t *testing.T) {
	w := newWorld(t)
	for what, fields := range map[string][]string{
		"none": nil, "good": {"Bearer " + w.claims(nil)}, "bad": {"Bearer x.y.z"}, "two": {"Bearer a",
			"Bearer b"}, "malformed": {"\x00"},
	} {
		d := w.decide(Request{Method: "GET", Target: "/orders/v1/ping", Authorization: fields})
		if d.BackendJWT != "" || d.KeyManager != "" || d.Application != "" || d.ClientID != "" || d.Fingerprint() != "" {
			t.Errorf("%s: somebody is named: %+v", what, d)
		}
		if d.Upstream != "http://10.0.0.1:9000/base" || d.Path != "/ping" {
			t.Errorf("%s: goes to %s %s", what, d.Upstream, d.Path)
		}
	}
	w.changeOrders(func(a *keyward.APIRow) { a.Upstream.Production = "" })
	if d := w.decide(get("/orders/v1/ping", "")); d.Environment != keyward.Sandbox || d.Upstream != "http://10.0.0.2:9000" {
		t.Errorf("without production it goes to %s", d.Upstream)
	}
	if len(w.corp.Seen("")) != 0 {
		t.Error("the key manager was asked")
	}
	w.want("the control: the next operation looks", get("/orders/v1/items", ""), keyward.CodeMissingCredentials)
}

func TestRouteDecisions(t *testing.T) {
	w := newWorld(t)
	good := w.claims(nil)
	for _, target := range []string{
		"", "*", "//orders/v1", "/orders//v1/items", "/orders/../orders/v1/items", "/orders/%2e/v1", "/orders/v1/items;x",
		"/orders\\v1/items", "/orders%2fv1/items", "/orders/%252e%252e/x", "/orders/%00", "/orders/%", "/orders/\xff",
	} { // onepath has them all
		w.want("ambiguous path", get(target, good), keyward.CodeInvalidRequest)
	}
	for target, want := range map[string]keyward.Code{
		"/orders/v1/items": "", "/orders/items": "", "/%6frders/v1/item%73": "", "/orders/v1/items?x=%2e%2e%2f": "",
		"/orders/v1/items/": keyward.CodeNoSuchOperation, "/orders/v1/Items": keyward.CodeNoSuchOperation,
		"/Orders/v1/items": keyward.CodeNoSuchAPI, "/nowhere": keyward.CodeNoSuchAPI, "/t/acme/orders/v1/items": keyward.CodeNoSuchAPI,
		"/t/default/orders/v1/items": keyward.CodeNoSuchAPI, "/.well-known/jwks.json": keyward.CodeNoSuchAPI,
	} {
		w.want(target, get(target, good), want)
		if want != "" {
			w.want(target+" without a credential", get(target, ""), want) // decided before a credential is looked at
		}
	}
	for _, method := range []string{"", "G ET", "GET\t", "GET\r\nX", "A(B", "é", "CONNECT"} {
		w.want("method "+method, Request{Method: method, Target: "/orders/v1/items"}, keyward.CodeInvalidRequest)
	}
	w.want("an odd method that is one", Request{Method: "x~M|1", Target: "/orders/v1/items"}, keyward.CodeNoSuchOperation)
	ref := w.refuse(Request{Method: "DELETE", Target: "/orders/v1/items"})
	if ref.Status() != 405 || strings.Join(ref.Allow, " ") != "GET POST PUT" {
		t.Errorf("another method: %d with Allow %v", ref.Status(), ref.Allow)
	}
	if ref := w.refuse(get("/orders/v1/nothing", "")); ref.Status() != 404 || ref.Allow != nil || ref.Challenge {
		t.Errorf("no such path: %+v", ref)
	}
	d := w.decide(get("/orders/v1/items?q=a%2Fb&r", good))
	if d.Path != "/items" || d.Query != "?q=a%2Fb&r" || d.Upstream != "http://10.0.0.1:9000/base" {
		t.Errorf("the backend gets %s %s %s", d.Upstream, d.Path, d.Query)
	}
}
