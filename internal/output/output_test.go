package output

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"keyward.dev/keyward/internal/manifest/files"
)

func TestExportedTextReadsBack(t *testing.T) {
	var out bytes.Buffer
	in := map[string]any{
		"a": "12", "b": []any{"x: y", "- z", true}, "c": "two\nlines\n", "d": map[string]any{},
		"e": 1.5, "f": "null", "g": "0x1F", "h": "2027-01-31T00:00:00Z", "i": " padded ",
		"l": "yes", "m": "0o14", "n": "1e3", "o": "- a\n  b: c",
		"p": "trailing \nspace", "q": "2026-01-01", "j": "#no", "k": "Ω{}",
	}
	if err := YAML(&out, in); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sources, err := files.Reader{}.Load(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for key, want := range in {
		a, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := json.Marshal(sources[0].Value[key]); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %s came back as %s, %v\n%s", key, a, b, err, out.String())
		}
	}
}

// TestTables: a line of its own widens no column and parts no columns; what would break a line does not.
func TestTables(t *testing.T) {
	var out bytes.Buffer
	rows := [][]string{
		{"NAME", "STATE", "ABOUT"}, {"a", "changed"}, {"  a sentence that is longer than any column"},
		{"long-name", "ok", "two\nlines\tand a tab"},
		{"x", "\x1b[2J", "a\u202eb\u009b"}, {"a line\x1b[0m"},
	}
	if err := printRows(&out, rows); err != nil {
		t.Fatal(err)
	}
	want := "NAME       STATE    ABOUT\na          changed\n  a sentence that is longer than any column\n" +
		"long-name  ok       two lines and a tab\nx          \ufffd[2J     a\ufffdb\ufffd\na line\ufffd[0m\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
