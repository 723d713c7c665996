package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load merges the file (none when path is empty), the environment (as os.Environ gives it) and the flags, the later
// over the earlier; an empty value counts as not set. It gives the merged values, warnings about unknown KEYWARD_…
// variables, and every fault of the file at once.
func Load(path string, environ []string, flags Values) (Values, []string, error) {
	var merged Values
	var faults error
	if path != "" {
		faults = merged.readFile(path)
	}
	warnings := merged.readEnvironment(environ)
	for _, f := range fields() {
		if s := flags.get(f); s != "" {
			merged.set(f, s)
		}
	}
	return merged, warnings, faults
}

func (v *Values) readEnvironment(environ []string) (warnings []string) {
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
			warnings = append(warnings, name+" is no setting of Keyward and is ignored")
			continue
		}
		v.set(f, value)
	}
	slices.Sort(warnings)
	return warnings
}

// readFile takes a YAML mapping of file keys to scalars or lists of scalars.
func (v *Values) readFile(path string) error {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the configuration file %s does not exist", path)
		}
		return fmt.Errorf("read the configuration file: %w", err)
	}
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return syntaxFault(path, err)
	}
	known := map[string]field{}
	for _, f := range fields() {
		known[f.key] = f
	}
	var faults []error
	seen := map[string]bool{}
	for _, doc := range file.Docs {
		for _, entry := range entries(doc.Body, path, &faults) {
			at := entry.Key.GetToken().Position
			name := entry.Key.GetToken().Value
			f, ok := known[name]
			switch {
			case !ok:
				faults = append(faults, fmt.Errorf("%s:%d:%d: %q is no setting%s", path, at.Line, at.Column, name, near(name, known)))
				continue
			case seen[name]:
				faults = append(faults, fmt.Errorf("%s:%d:%d: %q is given twice", path, at.Line, at.Column, name))
				continue
			}
			seen[name] = true
			text, ok := scalarText(entry.Value)
			if !ok {
				faults = append(faults, fmt.Errorf("%s:%d:%d: %q must be a value or a list of values", path, at.Line, at.Column, name))
				continue
			}
			v.set(f, text)
		}
	}
	return errors.Join(faults...)
}

// syntaxFault names the place and not the text around it, which may hold a secret.
func syntaxFault(path string, err error) error {
	var syntax yaml.Error
	if errors.As(err, &syntax) && syntax.GetToken() != nil {
		at := syntax.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", path, at.Line, at.Column, syntax.GetMessage())
	}
	return fmt.Errorf("%s is not YAML", path)
}

// entries gives the mapping's entries; anything but a mapping (or nothing) is a fault.
func entries(body ast.Node, path string, faults *[]error) []*ast.MappingValueNode {
	switch n := body.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return nil
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		at := body.GetToken().Position
		*faults = append(*faults, fmt.Errorf("%s:%d:%d: settings are a mapping of names to values", path, at.Line, at.Column))
		return nil
	}
}

// scalarText gives a scalar's text; a list's entries are joined with commas, as the environment writes them.
func scalarText(n ast.Node) (string, bool) {
	if list, ok := n.(*ast.SequenceNode); ok {
		parts := make([]string, len(list.Values))
		for i, item := range list.Values {
			if parts[i], ok = scalarText(item); !ok {
				return "", false
			}
		}
		return strings.Join(parts, ","), true
	}
	switch s := n.(type) {
	case *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(s.Value.Value), true
	case ast.ScalarNode:
		return s.GetToken().Value, true
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
