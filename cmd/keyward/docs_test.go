package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/manifest/files"
	"keyward.dev/keyward/internal/testbed/conformance"
)

const docs = "../../docs"

// TestEveryTypeHasAPage: a page of its own, in the index.
func TestEveryTypeHasAPage(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(docs, "connectors.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range catalog.Types() {
		page := "connectors/" + string(kind.Name) + ".md"
		if !strings.Contains(string(index), "("+page+")") {
			t.Errorf("docs/connectors.md does not lead to %s", page)
		}
		text, err := os.ReadFile(filepath.Join(docs, page))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, part := range []string{"\n## Try it\n", "\n## When something is wrong\n", "curl ", "Requests to the server"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s lacks %q", page, part)
			}
		}
	}
}

// block is a fenced part of a page.
type block struct{ page, language, text string }

func blocks(t *testing.T) []block {
	t.Helper()
	var all []block
	collect := func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // the repository's own pages
		if err != nil {
			return err
		}
		for _, m := range regexp.MustCompile("(?ms)^( *)```([a-z]+)\n(.*?)^ *```$").FindAllStringSubmatch(string(text), -1) {
			body := regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(m[3], "")
			all = append(all, block{page: strings.TrimPrefix(path, docs+"/"), language: m[2], text: body})
		}
		return nil
	}
	for _, root := range []string{docs, "../../README.md"} {
		if err := filepath.WalkDir(root, collect); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestManifestsInTheDocs: what apply would read is read, and holds what its type wants.
func TestManifestsInTheDocs(t *testing.T) {
	read := 0
	all, key := blocks(t), conformance.CertifiedKey(t).Bundle
	t.Chdir(t.TempDir()) // for the files that manifests name
	for _, b := range all {
		if b.language != "yaml" {
			continue
		}
		if !strings.Contains(b.text, "kind:") {
			b.text = inASpec(b.text)
		}
		var environ []string
		for _, m := range regexp.MustCompile(`\{env: ([A-Z0-9_]+)\}`).FindAllStringSubmatch(b.text, -1) {
			environ = append(environ, m[1]+"=value-of-"+strings.ToLower(m[1]))
		}
		for _, m := range regexp.MustCompile(`\{file: ([a-z0-9.-]+)\}`).FindAllStringSubmatch(b.text, -1) {
			if err := os.WriteFile(m[1], []byte(key), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		sources, err := files.Reader{Environ: environ, Stdin: strings.NewReader(b.text)}.Load("-")
		if err != nil {
			t.Errorf("%s: %v\n%s", b.page, err, b.text)
			continue
		}
		for _, src := range sources {
			judge(t, b, src)
			read++
		}
	}
	if read < 12 {
		t.Errorf("only %d manifests were found", read)
	}
}

// inASpec makes a manifest of a part of a key manager's spec.
func inASpec(part string) string {
	indent := part[:len(part)-len(strings.TrimLeft(part, " "))]
	part = strings.TrimPrefix(strings.ReplaceAll(part, "\n"+indent, "\n"), indent)
	return "apiVersion: keyward.dev/v1\nkind: KeyManager\nmetadata: {name: part}\nspec:\n" +
		"  type: oidc\n  issuer: https://as.example\n  keys: {jwks: https://as.example/jwks}\n  " +
		strings.ReplaceAll(strings.TrimRight(part, "\n"), "\n", "\n  ") + "\n"
}

func judge(t *testing.T, b block, src files.Source) {
	t.Helper()
	raw, err := json.Marshal(src.Value)
	if err != nil {
		t.Fatal(err)
	}
	decoded, faults := manifest.Decode(raw)
	if len(faults) == 0 {
		if spec, ok := decoded.Spec.(*keyward.KeyManagerSpec); ok {
			var values map[string]string
			if values, _, faults = keymanager.TakeSecrets(spec); len(faults) == 0 {
				faults = keymanager.Validate(spec, values)
			}
		}
	}
	for _, f := range faults {
		t.Errorf("%s: %s %s\n%s", b.page, f.Path, f.Message, b.text)
	}
}

// TestCommandsInTheDocs: every command line is one that this build's grammar takes.
func TestCommandsInTheDocs(t *testing.T) {
	parsed := 0
	for _, b := range blocks(t) {
		if b.language != "sh" {
			continue
		}
		text := strings.ReplaceAll(b.text, "\\\n", " ")
		for _, m := range regexp.MustCompile(`(?m)(?:^ *|\$\()keyward ([^\n)|>]*)`).FindAllStringSubmatch(text, -1) {
			line, _, _ := strings.Cut(m[1], " #")
			parser, err := kong.New(&cli{}, kong.Name("keyward"), kong.Exit(func(int) {}))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(spelledOut(words(line))); err != nil {
				t.Errorf("%s: keyward %s: %v", b.page, line, err)
			}
			parsed++
		}
	}
	if parsed < 30 {
		t.Errorf("only %d command lines were found", parsed)
	}
}

// words splits a line as a shell does, as far as the docs go: blanks, and quotes around a whole word.
func words(line string) []string {
	var all []string
	for _, word := range strings.Fields(line) {
		all = append(all, strings.Trim(word, `"'`))
	}
	return all
}
