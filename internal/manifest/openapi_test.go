package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
)

const orders = `openapi: 3.1.0
info: {title: Orders, version: "1"}
security:
  - oauth: [orders:read]
paths:
  /items:
    get: {responses: {"200": {description: ok}}}
    post:
      security: [{oauth: [orders:write]}, {oidc: [orders:admin]}]
      responses: {"200": {description: ok}}
  /items/{id}:
    delete:
      security: [{oauth: [orders:write, orders:delete]}]
      responses: {"204": {description: gone}}
  /ping:
    get: {security: [], responses: {"200": {description: ok}}}
  /maybe:
    get: {security: [{}, {oauth: [x]}], responses: {"200": {description: ok}}}
  /both:
    get: {security: [{oauth: [a, b]}, {oauth: [a, c]}], responses: {"200": {description: ok}}}
  /key:
    get: {security: [{key: []}, {oauth: [a]}], responses: {"200": {description: ok}}}
  /only-key:
    get: {security: [{key: []}], responses: {"200": {description: ok}}}
components:
  schemas:
    Tree: {type: object, properties: {child: {$ref: "#/components/schemas/Tree"}, far: {$ref: "other.yaml#/X"}}}
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    oidc: {type: openIdConnect, openIdConnectUrl: "https://example.com/x"}
    oauth:
      type: oauth2
      flows: {clientCredentials: {tokenUrl: "https://example.com/t", scopes: {"orders:read": r}}}
`

func TestOperationsComeFromTheDocument(t *testing.T) {
	want := []keyward.Operation{
		{Method: "GET", Path: "/items", Scopes: []string{"orders:read"}},
		{Method: "POST", Path: "/items", Scopes: []string{"orders:admin", "orders:write"}},
		{Method: "DELETE", Path: "/items/{id}", AllOf: []string{"orders:delete", "orders:write"}},
		{Method: "GET", Path: "/ping", Security: "none"},
		{Method: "GET", Path: "/maybe", Security: "none"},
		{Method: "GET", Path: "/both", Scopes: []string{"b", "c"}, AllOf: []string{"a"}},
		{Method: "GET", Path: "/key", Scopes: []string{"a"}},
		{Method: "GET", Path: "/only-key"},
	}
	for _, version := range []string{"3.1.0", "3.0.3"} {
		got, faults := Operations(strings.Replace(orders, "3.1.0", version, 1))
		if len(faults) > 0 {
			t.Fatalf("%s: %v", version, faults)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", version, diff)
		}
	}
}

func TestNoSecurityAnywhereStillAsksForAToken(t *testing.T) {
	got, faults := Operations("openapi: 3.0.0\ninfo: {title: a, version: b}\npaths: {/a: {get: {responses: {}}}}\n")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if diff := cmp.Diff([]keyward.Operation{{Method: "GET", Path: "/a"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEmptyRootSecurityMeansNone(t *testing.T) {
	got, faults := Operations("openapi: 3.0.0\ninfo: {title: a, version: b}\nsecurity: []\n" +
		"paths: {/a: {get: {responses: {}}}}\n")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if diff := cmp.Diff([]keyward.Operation{{Method: "GET", Path: "/a", Security: "none"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDocumentFaultsNameTheirPlace(t *testing.T) {
	head := "openapi: 3.0.0\ninfo: {title: a, version: b}\n"
	tests := map[string]struct{ document, want string }{
		"not yaml":     {"{{{", "cannot be read as an OpenAPI document"},
		"open bracket": {head + "paths:\n  /a:\n    get:\n      responses: [\n", "line 7, column 1: did not find"},
		"broken json":  {"{\"openapi\": \"3.1.0\"\n \"paths\": {\"/a\": {\"get\": {}}}\n}", "line 2, column 2: invalid character '\"'"},
		"a page":       {"<html><body>hi</body></html>", "does not say which version"},
		"a list":       {"[1, 2]", "does not say which version"},
		"twice": {head + "x: {a: 1, b: 2}\npaths:\n  /a:\n    get: {}\n    get: {}\n",
			`line 7, column 5: "get" is written here a second time, first in line 6`},
		"no part":      {head + "paths:\n  /a:\n    $ref: '#/components/pathItems/none'\n", "line 5, column 11: path /a refers to"},
		"swagger":      {"swagger: '2.0'\ninfo: {title: a, version: b}\npaths: {}\n", "use 3.0 or 3.1"},
		"no operation": {head + "paths: {}\n", "has no operations"},
		"unknown scheme": {head + "paths:\n  /a:\n    get:\n      security: [{nope: []}]\n      responses: {}\n",
			"line 5, column 5: security scheme \"nope\""},
		"partial parameter": {head + "paths:\n  /report.{format}:\n    get:\n      responses: {}\n",
			"line 5, column 5: path of GET /report.{format}"},
		"reference to files": {head + "paths:\n  /a:\n    $ref: other.yaml\n", "other.yaml"},
		"mixed alternatives": {head + "paths:\n  /a:\n    get:\n      security: [{o: [a, b]}, {o: [c, d]}]\n      responses: {}\n" +
			"components: {securitySchemes: {o: {type: oauth2, flows: {}}}}\n", "line 5, column 5: GET /a mixes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			operations, faults := Operations(test.document)
			if len(faults) == 0 {
				t.Fatalf("no fault, operations %v", operations)
			}
			if faults[0].Path != documentPath || !strings.Contains(faults[0].Message, test.want) {
				t.Errorf("got %v, want %q", faults, test.want)
			}
		})
	}
}

// TestDocumentsThatContainThemselves: what of a document follows itself takes nothing along, and nothing of it counts twice.
func TestDocumentsThatContainThemselves(t *testing.T) {
	head := "openapi: 3.1.0\ninfo: {title: a, version: b}\n"
	plain := "paths: {/a: {get: {responses: {}}}}\n"
	bomb := "x-a: &a [{s: [x]}]\n"
	for i, c := range "bcdefghi" {
		before := string("abcdefgh"[i])
		bomb += "x-" + string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+before+",", 9) + "]\n"
	}
	for name, test := range map[string]struct{ document, fault string }{
		"callback of its own path": {"paths:\n  /a: &p\n    get: {responses: {}, callbacks: {x: {'{$url}': *p}}}\n", ""},
		"schema of itself":         {"x: &a {self: *a}\npaths: {/a: {get: {responses: {'200': {x: *a}}}}}\n", ""},
		"aliases in schemas":       {bomb + "components: {schemas: {A: *i}}\npaths: {/a: {get: {responses: {}}}}\n", ""},
		"aliases in security":      {bomb + "security: *i\n" + plain, "stand for more"},
		"security of itself":       {"security: &s [*s]\n" + plain, "stand for more"},
		"path merged into itself":  {"paths: {/a: &p {<<: *p, get: {responses: {}}}}\n", "stand for more"},
		"path that is itself":      {"paths: {/a: {$ref: '#/paths/~1a'}, /b: {get: {responses: {}}}}\n", "circular"},
		"schemas that follow on":   {plain + "components: {schemas: {A: {$ref: '#/components/schemas/A'}}}\n", ""},
	} {
		operations, faults := Operations(head + test.document)
		switch {
		case test.fault == "" && (len(faults) > 0 || len(operations) != 1 || operations[0].Path != "/a" || operations[0].Method != "GET"):
			t.Errorf("%s: %v, %v", name, operations, faults)
		case test.fault != "" && (len(faults) != 1 || !strings.Contains(faults[0].Message, test.fault)):
			t.Errorf("%s: %v, %v", name, operations, faults)
		}
	}
}

// TestAliasesAndMergesCount: a document is read as YAML means it, and its faults stand where they were written.
func TestAliasesAndMergesCount(t *testing.T) {
	got, faults := Operations("openapi: 3.1.0\ninfo: {title: a, version: b}\nx-all: &all {get: {security: []}, put: {}}\n" +
		"paths:\n  /a: {<<: *all, put: {security: []}}\n  /b: *all\n  /c: {$ref: '#/components/pathItems/C'}\n" +
		"components: {pathItems: {C: {post: {}}}}\n")
	want := []keyward.Operation{
		{Method: "PUT", Path: "/a", Security: "none"}, {Method: "GET", Path: "/a", Security: "none"},
		{Method: "GET", Path: "/b", Security: "none"}, {Method: "PUT", Path: "/b"}, {Method: "POST", Path: "/c"},
	}
	order := func(a, b keyward.Operation) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
		t.Errorf("%v %s", faults, diff)
	}
}
