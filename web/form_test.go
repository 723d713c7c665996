package web_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"keyward.dev/keyward/internal/connector/catalog"
)

// schema is the part of a schema in the OpenAPI document that fields are found by.
type schema struct {
	Ref        string            `yaml:"$ref"`
	Properties map[string]schema `yaml:"properties"`
}

// TestTheFormHasEveryField: a field that the manifest of a key manager gains has a place in the console's form, or in those of
// its types, from which the form is drawn.
func TestTheFormHasEveryField(t *testing.T) {
	text, err := os.ReadFile("../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Schemas map[string]schema `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	schemas := document.Components.Schemas
	placed := placedFields(t)
	found := 0
	var walk func(s schema, path []string)
	walk = func(s schema, path []string) {
		if name, is := strings.CutPrefix(s.Ref, "#/components/schemas/"); is {
			s = schemas[name]
		}
		field := strings.Join(path, ".")
		switch {
		case field == "connection": // has the type's own
		case slices.Contains(placed, field):
			found++
		case len(s.Properties) == 0:
			t.Errorf("the form of a key manager has no place for spec.%s", field)
		default:
			for name, below := range s.Properties {
				walk(below, append(slices.Clone(path), name))
			}
		}
	}
	walk(schemas["KeyManagerSpec"], nil)
	if found < 50 {
		t.Errorf("%d fields have a place: too few to believe", found)
	}
}

// placedFields are those that the form names, and those of every type.
func placedFields(t *testing.T) []string {
	t.Helper()
	var fields []string
	for _, kind := range catalog.Types() {
		for _, f := range kind.AdminFields {
			fields = append(fields, f.Name)
		}
	}
	sources, err := fs.Glob(os.DirFS("src/admin/key-managers"), "*.tsx")
	if err != nil || len(sources) == 0 {
		t.Fatal(sources, err)
	}
	const names = `"spec", ((?:"\w+"(?:, )?)+)`
	named := regexp.MustCompile(`path(?:=\{| = )?\[` + names + `\]|\[\[` + names + `\],|put\([^;]*` + names + `\)`)
	for _, source := range sources {
		text, err := os.ReadFile("src/admin/key-managers/" + source)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllStringSubmatch(string(text), -1) {
			fields = append(fields, strings.ReplaceAll(strings.ReplaceAll(match[1]+match[2]+match[3], `"`, ""), ", ", "."))
		}
	}
	return fields
}
