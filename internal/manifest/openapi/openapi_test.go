package openapi

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
		got, faults := operationsIn(strings.Replace(orders, "3.1.0", version, 1))
		if len(faults) > 0 {
			t.Fatalf("%s: %v", version, faults)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", version, diff)
		}
	}
}

func TestNoSecurityAnywhereStillAsksForAToken(t *testing.T) {
	got, faults := operationsIn("openapi: 3.0.0\ninfo: {title: a, version: b}\npaths: {/a: {get: {responses: {}}}}\n")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if diff := cmp.Diff([]keyward.Operation{{Method: "GET", Path: "/a"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEmptyRootSecurityMeansNone(t *testing.T) {
	got, faults := operationsIn("openapi: 3.0.0\ninfo: {title: a, version: b}\nsecurity: []\n" +
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
		"open bracket": {head + "paths:\n  /a:\n    get:\n      responses: [\n", "line 6: did not find"},
		"broken json":  {"{\"openapi\": \"3.1.0\"\n \"paths\": {\"/a\": {\"get\": {}}}\n}", "line 2, column 2: invalid character '\"'"},
		"a page":       {"<html><body>hi</body></html>", "does not say which version"},
		"a list":       {"[1, 2]", "does not say which version"},
		"twice": {head + "x: {a: 1, b: 2}\npaths:\n  /a:\n    get: {}\n    get: {}\n",
			`line 7, column 5: "get" is written here a second time, first in line 6`},
		"no part": {head + "paths:\n  /a:\n    $ref: '#/components/pathItems/none'\n", "line 5, column 11: path /a refers to"},
		"swagger": {"swagger: '2.0'\ninfo: {title: a, version: b}\npaths: {}\n",
			"it is Swagger 2.0, and OpenAPI 3.0 and 3.1 are read: convert"},
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
			operations, faults := operationsIn(test.document)
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
		"aliases in security":      {bomb + "security: *i\n" + plain, "is not a requirement"},
		"security of itself":       {"security: &s [*s]\n" + plain, "is not a requirement"},
		"path merged into itself":  {"paths: {/a: &p {<<: *p, get: {responses: {}}}}\n", "stand for more"},
		"path that is itself":      {"paths: {/a: {$ref: '#/paths/~1a'}, /b: {get: {responses: {}}}}\n", "in a circle"},
		"schemas that follow on":   {plain + "components: {schemas: {A: {$ref: '#/components/schemas/A'}}}\n", ""},
	} {
		operations, faults := operationsIn(head + test.document)
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
	got, faults := operationsIn("openapi: 3.1.0\ninfo: {title: a, version: b}\nx-all: &all {get: {security: []}, put: {}}\n" +
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

// schemes are security schemes of every kind, and some that are none.
const schemes = `components:
  securitySchemes:
    o: {type: oauth2, flows: {clientCredentials: {scopes: {a: A, b: B}}, authorizationCode: {scopes: {c: C}}}}
    key: {type: apiKey, in: header, name: X-Key}
    bearer: {type: http, scheme: Bearer}
    basic: {type: http, scheme: basic}
    tls: {type: mutualTLS}
    alias: {$ref: "#/components/securitySchemes/o"}
    far: {$ref: "other.yaml#/o"}
    round: {$ref: "#/components/securitySchemes/round"}
    odd: {type: OAuth2}
    empty: {}
  pathItems:
    P: {get: {security: [{o: [a]}]}}
    Q: {$ref: "#/components/pathItems/P"}
`

// TestNoOperationIsOpenedByAFault: what cannot be read as security requirements, or leads elsewhere, is refused; it never
// leaves an operation that asks for less than the document means.
func TestNoOperationIsOpenedByAFault(t *testing.T) {
	head := "openapi: 3.1.0\ninfo: {title: a, version: b}\n"
	of := func(security string) string {
		return head + "paths: {/a: {get: {security: " + security + "}}}\n" + schemes
	}
	tests := map[string]struct{ document, want string }{
		"a name in a list":      {of("[o]"), "lists something that is not a requirement"},
		"null in a list":        {of("[null]"), "lists something that is not a requirement"},
		"a list in a list":      {of("[[{o: [a]}]]"), "lists something that is not a requirement"},
		"null":                  {of("null"), "is not a list"},
		"a mapping":             {of("{o: [a]}"), "is not a list"},
		"a text":                {of("o"), "is not a list"},
		"scopes as a text":      {of("[{o: a}]"), "is not a list of texts"},
		"scopes as a mapping":   {of("[{o: {a: 1}}]"), "is not a list of texts"},
		"scopes null":           {of("[{o: null}]"), "is not a list of texts"},
		"a scope null":          {of("[{o: [null]}]"), "is not a list of texts"},
		"of the document":       {head + "security: [o]\npaths: {/a: {get: {}}}\n" + schemes, "security of the document lists"},
		"of the document, null": {head + "security:\npaths: {/a: {get: {}}}\n", "security of the document is not a list"},
		"in capitals": {head + "security: []\npaths: {/a: {get: {Security: [{o: [a]}]}}}\n" + schemes,
			`"Security" of GET /a counts`},
		"a method in capitals": {head + "paths: {/a: {GET: {}}}\n", `"GET" of path /a counts for nothing: write get`},
		"a scheme elsewhere":   {of("[{far: [a]}]"), `"far" refers to other.yaml#/o: write it in this document`},
		"a scheme of itself":   {of("[{round: [a]}]"), "in a circle"},
		"a type that is none":  {of("[{odd: [a]}]"), `has the type "OAuth2": write`},
		"no type":              {of("[{empty: [a]}]"), `has the type "": write`},
		"schemes elsewhere": {head + "paths: {/a: {get: {security: [{o: []}]}}}\ncomponents: {$ref: c.yaml}\n",
			"is not in components"},
		"an operation elsewhere": {head + "security: []\npaths: {/a: {get: {$ref: '#/x'}}}\n", "GET /a refers to #/x"},
		"an operation as a list": {head + "paths: {/a: {get: []}}\n", "GET /a is not a mapping"},
		"written here and there": {
			head + "paths: {/a: {$ref: '#/components/pathItems/P', get: {}}}\n" + schemes, "get of path /a is written here",
		},
		"paths elsewhere": {head + "paths: {$ref: paths.yaml}\n", "path $ref does not begin with /"},
		"two documents":   {head + "paths: {/a: {get: {}}}\n---\na: b\n", "a second document begins"},
		"not UTF-8": {"openapi: 3.1.0\ninfo: {title: caf\xe9}\npaths: {/a: {get: {}}}\n",
			"line 2, column 18: the byte 0xE9 is not UTF-8"},
		"UTF-16":          {"\xff\xfeo\x00", "line 1, column 1: the byte 0xFF is not UTF-8"},
		"a later version": {"openapi: 3.2.0\npaths: {/a: {get: {}}}\n", "it is OpenAPI 3.2.0, and 3.0 and 3.1 are read"},
		"3.10":            {"openapi: 3.10.0\npaths: {/a: {get: {}}}\n", "it is OpenAPI 3.10.0"},
	}
	for name, test := range tests {
		_, faults := operationsIn(test.document)
		if len(faults) == 0 || !strings.Contains(faults[0].Message, test.want) {
			t.Errorf("%s: got %v, want %q", name, faults, test.want)
		}
	}
}

// TestFindingsSayWhereAGatewayDoesOtherwise: what a publisher has to know of an import is said, once for all operations that
// it is about.
func TestFindingsSayWhereAGatewayDoesOtherwise(t *testing.T) {
	head := "openapi: 3.1.0\ninfo: {title: a, version: b}\n"
	open := func(path string) keyward.Operation {
		return keyward.Operation{Method: "GET", Path: path, Security: "none"}
	}
	asks := func(path string, scopes ...string) keyward.Operation {
		return keyward.Operation{Method: "GET", Path: path, Scopes: scopes}
	}
	tests := map[string]struct {
		security string
		want     keyward.Operation
		finding  string // how it begins; "" = none
		weaker   bool
	}{
		"scopes":               {"[{o: [a]}]", asks("/a", "a"), "", false},
		"a scheme by another":  {"[{alias: [a]}]", asks("/a", "a"), "", false},
		"a bearer token":       {"[{bearer: []}]", asks("/a"), "", false},
		"open":                 {"[]", open("/a"), "", false},
		"optional":             {"[{}, {o: [a]}]", open("/a"), "The document makes the credential optional", false},
		"an API key":           {"[{key: []}]", asks("/a"), "The document asks for an API key (key), which no gateway looks at", true},
		"a password":           {"[{basic: []}]", asks("/a"), "The document asks for HTTP basic (basic), which no", true},
		"a certificate beside": {"[{o: [a], tls: []}]", asks("/a", "a"), "The document asks for mutual TLS (tls) as well as a token", true},
		"a key beside bearer":  {"[{bearer: [], key: []}]", asks("/a"), "The document asks for an API key (key) as well as a token", true},
		"a key instead":        {"[{o: [a]}, {key: []}]", asks("/a", "a"), "The document lets callers in by an API key (key) too", false},
		"a key or bearer":      {"[{bearer: []}, {key: []}]", asks("/a"), "The document lets callers in by an API key (key) too", false},
		"bearer or scopes": {"[{bearer: []}, {o: [a]}]", asks("/a", "a"),
			"The document lets a bearer token in without scopes too", false},
		"roles of bearer":  {"[{bearer: [admin]}]", asks("/a", "admin"), "What the document lists for a bearer scheme is taken", false},
		"a misspelt scope": {"[{o: [aa]}]", asks("/a", "aa"), "The scope aa is asked for, and is not among", false},
	}
	for name, test := range tests {
		got := Read(head + "paths:\n  /a: {get: {security: " + test.security + "}}\n" + schemes)
		if len(got.Faults) > 0 || len(got.Operations) != 1 || !cmp.Equal(got.Operations[0], test.want) {
			t.Errorf("%s: %+v", name, got)
		}
		switch {
		case test.finding == "" && len(got.Findings) > 0:
			t.Errorf("%s: %+v", name, got.Findings)
		case test.finding != "" && (len(got.Findings) != 1 || !strings.HasPrefix(got.Findings[0].Message, test.finding) ||
			got.Findings[0].Weaker != test.weaker || got.Findings[0].Line != 4):
			t.Errorf("%s: %+v, want %q", name, got.Findings, test.finding)
		}
	}
	got := Read(head + "webhooks: {w: {post: {}}}\npaths:\n  /a: {get: {}, put: {}}\n" +
		"  /b: {servers: [{url: https://b}], query: {}, get: {security: []}}\n")
	want := []Finding{
		{Message: "Webhooks are left out: they are calls that the backend makes.", Line: 3},
		{Message: "The document says nothing of their security: a valid token is asked for, without any particular scope.", Line: 5,
			Operations: []string{"GET /a", "PUT /a"}},
		{Message: "The document names other servers for these; calls go to the API's own upstream.", Line: 6,
			Operations: []string{"/b"}, Weaker: true},
		{Message: "These are left out: they are no operations of OpenAPI 3.0 or 3.1.", Line: 6, Operations: []string{"query of /b"}},
	}
	if diff := cmp.Diff(want, got.Findings); diff != "" || len(got.Faults) > 0 {
		t.Errorf("%v %s", got.Faults, diff)
	}
}

// TestPathsByReference: a path may be written elsewhere in the document, by way of another.
func TestPathsByReference(t *testing.T) {
	got, faults := operationsIn("openapi: 3.1.0\ninfo: {title: a, version: b}\npaths:\n" +
		"  /a: {$ref: '#/components/pathItems/Q', put: {security: []}}\n  /b: {$ref: '#/paths/~1a~1%7Bx%7D'}\n" +
		"  /a/{x}: {get: {security: [{o: [b]}]}}\n" + schemes)
	want := []keyward.Operation{
		{Method: "PUT", Path: "/a", Security: "none"}, {Method: "GET", Path: "/a", Scopes: []string{"a"}},
		{Method: "GET", Path: "/b", Scopes: []string{"b"}}, {Method: "GET", Path: "/a/{x}", Scopes: []string{"b"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
		t.Errorf("%v %s", faults, diff)
	}
}

func operationsIn(document string) ([]keyward.Operation, []keyward.FieldError) {
	read := Read(document)
	return read.Operations, read.Faults
}
