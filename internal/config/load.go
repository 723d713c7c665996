package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load merges the file (none when path is empty), the environment (as os.Environ gives it) and the flags, the later
// over the earlier; an empty value counts as not set. It gives the merged values, warnings about unknown KEYWARD_…
// variables, and every fault of the file at once.
func Load(path string, environ []string, flags Values) (Loaded, []string, error) {
	merged := Loaded{Places: Places{}}
	var faults error
	if path != "" {
		faults = merged.readFile(path)
	}
	warnings := merged.readEnvironment(environ)
	for _, f := range fields() {
		if s := flags.get(f); s != "" {
			merged.put(f, s, "")
		}
	}
	return merged, warnings, faults
}

// Loaded is what came together from all sources.
type Loaded struct {
	Values
	Places Places
}

// Places says which settings the file decides and where, by the setting's variable: FILE:LINE:COLUMN: key.
type Places map[string]string

// put sets a value, which is the file's while place is not empty.
func (v *Loaded) put(f field, s, place string) {
	v.set(f, s)
	delete(v.Places, f.env)
	if place != "" {
		v.Places[f.env] = place
	}
}

func (v *Loaded) readEnvironment(environ []string) (warnings []string) {
	known := map[string]field{}
	for _, f := range fields() {
		known[f.env] = f
	}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, "KEYWARD_") || value == "" || name == "KEYWARD_CONFIG" {
			continue
		}
		f, ok := known[name]
		if !ok {
			warnings = append(warnings, name+" is not a setting of Keyward and is ignored")
			continue
		}
		v.put(f, value, "")
	}
	slices.Sort(warnings)
	return warnings
}

// readFile takes a YAML mapping of file keys to scalars or lists of scalars.
func (v *Loaded) readFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the configuration file %s does not exist", path)
		}
		return fmt.Errorf("read the configuration file: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return syntaxFault(path, err)
	}
	known := map[string]field{}
	for _, f := range fields() {
		known[f.key] = f
	}
	var faults []error
	seen := map[string]bool{}
	names, err := entries(&document, path)
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(names); i += 2 {
		name, value := names[i], names[i+1]
		at := fmt.Sprintf("%s:%d:%d", path, name.Line, name.Column)
		f, ok := known[name.Value]
		switch {
		case !ok:
			faults = append(faults, fmt.Errorf("%s: %q is not a setting%s", at, name.Value, near(name.Value, known)))
			continue
		case seen[name.Value]:
			faults = append(faults, fmt.Errorf("%s: %q is given twice", at, name.Value))
			continue
		}
		seen[name.Value] = true
		text, ok := scalarText(value)
		if !ok {
			faults = append(faults, fmt.Errorf("%s: %q must be a value or a list of values", at, name.Value))
			continue
		}
		v.put(f, text, at+": "+name.Value)
	}
	return errors.Join(faults...)
}

// syntaxFault names the place and not the text around it, which may hold a secret.
func syntaxFault(path string, err error) error {
	if line := regexp.MustCompile(`line (\d+)`).FindStringSubmatch(err.Error()); line != nil {
		return fmt.Errorf("%s:%s: the file is not YAML from here on", path, line[1])
	}
	return fmt.Errorf("%s is not YAML", path)
}

// entries gives the names and values of the document's mapping in turn; an empty document has none.
func entries(document *yaml.Node, path string) ([]*yaml.Node, error) {
	if len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null" {
		return nil, nil
	}
	body := document.Content[0]
	if body.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d:%d: settings are a mapping of names to values", path, body.Line, body.Column)
	}
	return body.Content, nil
}

// scalarText gives a scalar's text; a list's entries are joined with commas, as the environment writes them.
func scalarText(n *yaml.Node) (string, bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.ShortTag() == "!!null" {
			return "", true
		}
		return strings.TrimSpace(n.Value), true
	case yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", false
			}
			parts[i] = item.Value
		}
		return strings.Join(parts, ","), true
	default:
		return "", false
	}
}

// near suggests the setting that differs only in case, hyphens or underscores.
func near(name string, known map[string]field) string {
	plain := func(s string) string { return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s)) }
	wanted := strings.TrimPrefix(plain(name), "keyward")
	for key := range known {
		if plain(key) == wanted {
			return fmt.Sprintf(": did you mean %s?", key)
		}
	}
	return ""
}
