package control

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/outbound"
)

const importable = `openapi: 3.1.0
info: {title: Orders, version: v1}
components:
  securitySchemes:
    corp: {type: oauth2, flows: {clientCredentials: {tokenUrl: https://sso.example/token, scopes: {"orders:read": read}}}}
paths:
  /items:
    get: {security: [{corp: ["orders:read"]}], responses: {"200": {description: ok}}}
`

// TestImport: the document at an address becomes operations; of anything else there nothing is shown; the operator's rules
// hold on redirects too.
func TestImport(t *testing.T) {
	const hidden = "internal-secret-42"
	mux := http.NewServeMux()
	put := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
	}
	put("/good.yaml", importable)
	put("/page", "<html>"+hidden+"</html>")
	put("/other.yaml", "password: "+hidden)
	put("/broken.yaml", "openapi: 3.1.0\npaths: ["+hidden)
	put("/broken.json", `{"openapi": "3.1.0", "paths" {"`+hidden+`": {}}}`)
	put("/swagger.yaml", "swagger: '2.0'\nhost: "+hidden)
	put("/near.yaml", "a: [\n  openapi: 3.1.0\nsecret: "+hidden)
	put("/faulty.yaml", strings.ReplaceAll(importable, "{corp: [", "{nowhere: ["))
	put("/large", strings.Repeat(" ", maxDocument+1))
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good.yaml", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	c := &Control{Writer: declare.New(nil, nil, nil, nil), client: outbound.NewClient(outbound.Rules{}, outbound.Options{})}
	publisher := keyward.Principal{User: "p", Tenant: "acme", Roles: []keyward.Role{keyward.RolePublisher}}
	for _, path := range []string{"/good.yaml", "/moved", "/good.yaml#/paths"} {
		got, err := c.Import(context.Background(), publisher, "acme", Source{URL: server.URL + path})
		if err != nil || got.Document != importable || len(got.Operations) != 1 || got.Operations[0].Scopes[0] != "orders:read" {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	if got, err := c.Import(context.Background(), publisher, "acme", Source{Document: importable}); err != nil || len(got.Operations) != 1 {
		t.Errorf("as text: %+v, %v", got, err)
	}
	if _, err := c.Import(context.Background(), publisher, "acme", Source{URL: server.URL, Document: importable}); err == nil {
		t.Error("both an address and a text are taken")
	}
	for address, field := range map[string]string{
		server.URL + "/page": "url", server.URL + "/other.yaml": "url", server.URL + "/broken.yaml": "document",
		server.URL + "/large":       "url",
		server.URL + "/broken.json": "document", server.URL + "/swagger.yaml": "document", server.URL + "/near.yaml": "url",
		server.URL + "/none": "url", server.URL + "/away": "url", server.URL + "/faulty.yaml": "document", "file:///etc/passwd": "url",
		"": "url", "http://u:" + hidden + "@127.0.0.1/": "url", "http://127.0.0.1:1/": "url",
	} {
		_, err := c.Import(context.Background(), publisher, "acme", Source{URL: address})
		e, _ := err.(*keyward.Error) //nolint:errorlint // as it is made
		if e == nil || e.Code != keyward.CodeInvalidInput || len(e.Fields) == 0 || e.Fields[0].Path != field {
			t.Errorf("%s: %v", address, err)
		} else if strings.Contains(e.Error()+e.Fields[0].Message, hidden) {
			t.Errorf("%s shows what is there: %v", address, err)
		}
	}
	good := Source{URL: server.URL + "/good.yaml"}
	for _, role := range []keyward.Role{keyward.RoleDeveloper, keyward.RoleAuditor} {
		p := keyward.Principal{User: "d", Tenant: "acme", Roles: []keyward.Role{role}}
		if _, err := c.Import(context.Background(), p, "acme", good); keyward.CodeOf(err) != keyward.CodeForbidden {
			t.Errorf("a %s: %v", role, err)
		}
	}
	if _, err := c.Import(context.Background(), publisher, "other", good); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("in another tenant: %v", err)
	}
}
