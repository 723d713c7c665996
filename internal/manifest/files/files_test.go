package files

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyward.dev/keyward"
)

const twoManifests = `# two objects
apiVersion: keyward.dev/v1
kind: KeyManager
metadata: {name: corp}
spec:
  type: oidc
  introspection:
    clientId: gw
    clientSecret: {env: CORP_SECRET}
  tokens:
    require: {env: prod}
---
apiVersion: keyward.dev/v1
kind: API
metadata:
  name: orders-v1
spec:
  context: /orders
  openapi: {file: orders.yaml}
  operations:
    - {method: GET, path: /items, scopes: [orders:read]}
    - method: POST
      path: items
`

func load(t *testing.T, text string, environ ...string) ([]Source, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "all.yaml")
	for name, content := range map[string]string{"all.yaml": text, "orders.yaml": "openapi: 3.1.0\n", ".hidden.yaml": "nonsense"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Reader{Environ: environ}.Load(file)
}

// member walks down the names.
func member(src Source, names ...string) any {
	var v any = src.Value
	for _, name := range names {
		mapping, _ := v.(map[string]any)
		v = mapping[name]
	}
	return v
}

func text(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestReferencesAreResolvedWhereSecretsStand(t *testing.T) {
	sources, err := load(t, twoManifests, "CORP_SECRET=hush")
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, member(sources[0], "spec", "introspection", "clientSecret")); got != `"hush"` {
		t.Errorf("the secret is %v", got)
	}
	if got := text(t, member(sources[0], "spec", "tokens", "require", "env")); got != `"prod"` {
		t.Errorf("a claim called env became %v", got)
	}
	operations, _ := member(sources[1], "spec", "operations").([]any)
	if got := text(t, operations[0]); got != `{"method":"GET","path":"/items","scopes":["orders:read"]}` {
		t.Errorf("the operation is %s", got)
	}
	if got := text(t, member(sources[1], "spec", "openapi", "document")); got != `"openapi: 3.1.0\n"` {
		t.Errorf("the document is %q", got)
	}
}

func TestAMissingVariableNamesItsLine(t *testing.T) {
	_, err := load(t, twoManifests)
	want := "all.yaml:9:5: spec.introspection.clientSecret: the environment variable CORP_SECRET is not set"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

func TestFaultsNameFileLineAndField(t *testing.T) {
	sources, err := load(t, twoManifests, "CORP_SECRET=hush")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"spec.operations[1].path":   ":23:7",
		"spec.operations[0].method": ":21:8",
		"spec.upstream":             ":17:1", // not written: the mapping it belongs into
		"metadata.name":             ":16:3",
		"":                          ":13:1",
	} {
		if got := sources[1].At(path); !strings.HasSuffix(got, "all.yaml"+want) {
			t.Errorf("%q is at %s, want %s", path, got, want)
		}
	}
	err = Locate(&keyward.Error{Code: keyward.CodeInvalidInput, Message: "no", Fields: []keyward.FieldError{
		{Path: "objects[1].spec.operations[1].path", Message: "must start with /"},
	}}, sources)
	if want := "all.yaml:23:7: spec.operations[1].path: must start with /"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v lacks %s", err, want)
	}
}

func TestBrokenYAMLNamesItsLine(t *testing.T) {
	_, err := load(t, "kind: API\n  metadata: {\n")
	if err == nil || !strings.Contains(err.Error(), "all.yaml:2: ") {
		t.Errorf("%v", err)
	}
}

// TestWhatManifestsNameIsNoManifest: documents stand in a folder beside the manifests that name them; one that nobody names
// is a manifest with faults, and what says that it is a manifest is one, whoever names it.
func TestWhatManifestsNameIsNoManifest(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.openapi.yaml": "openapi: 3.1.0\n", "keys.json": `{"keys":[]}`, "broken.yaml": "a: [",
		"orders.yaml": "apiVersion: keyward.dev/v1\nkind: API\nspec: {openapi: {file: a.openapi.yaml}}",
		"corp.yaml": "apiVersion: keyward.dev/v1\nkind: KeyManager\n" +
			"spec: {keys: {jwksInline: {file: ./keys.json}}, connection: {x: {file: broken.yaml}}}",
		"odd.yaml": "apiVersion: keyward.dev/v1\nkind: API\nspec: {openapi: {file: corp.yaml}}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := Reader{}.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, src := range sources {
		kinds = append(kinds, fmt.Sprint(src.Value["kind"]))
	}
	if got := strings.Join(kinds, " "); got != "KeyManager API API" {
		t.Errorf("manifests: %s", got)
	}
	if sources, err = (Reader{}).Load(filepath.Join(dir, "a.openapi.yaml"), dir); err != nil || len(sources) != 4 {
		t.Errorf("%d manifests where a document is named at the command line, %v", len(sources), err)
	}
	if err := os.Remove(filepath.Join(dir, "corp.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err = (Reader{}).Load(dir); err == nil || !strings.Contains(err.Error(), "broken.yaml:1") {
		t.Errorf("a file that nobody names any more: %v", err)
	}
}

func TestAFolderIsReadWhole(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"b.yaml": "kind: B", "a.yml": "kind: A\n---\n", "sub/c.json": `{"kind":"C"}`, "d.txt": "no", ".e.yaml": "no",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := Reader{}.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := ""
	for _, src := range sources {
		kinds += fmt.Sprint(src.Value["kind"])
	}
	if kinds != "ABC" {
		t.Errorf("read %s", kinds)
	}
}

// TestAliases: a document may use aliases, yet not so that a few lines unfold without bound.
func TestAliases(t *testing.T) {
	t.Parallel()
	got, err := load(t, "limit: &limit {requests: 5, per: 1s}\nspec:\n  rate: [*limit, *limit]\n")
	if err != nil {
		t.Fatal(err)
	}
	if rate, ok := member(got[0], "spec", "rate").([]any); !ok || len(rate) != 2 {
		t.Errorf("rate = %v, want two limits", rate)
	}
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	if _, err := load(t, bomb); err == nil || !strings.Contains(err.Error(), "unfold") {
		t.Errorf("err = %v, want one about what the aliases unfold to", err)
	}
}
