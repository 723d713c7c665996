package openapi

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of what is read of a document: a few lines that contain themselves stand for more than any server has.
const (
	maxNodes = 500_000 // with what aliases stand for
	maxDepth = 64
)

var errTooMuch = errors.New("its aliases or its nesting stand for more than can be read")

// place is where in the document something was written.
type place struct{ line, column int }

func (p place) String() string {
	switch {
	case p.line == 0:
		return "the document"
	case p.column == 0:
		return fmt.Sprintf("line %d", p.line)
	default:
		return fmt.Sprintf("line %d, column %d", p.line, p.column)
	}
}

func placeOf(n *yaml.Node) place { return place{n.Line, n.Column} }

// entry is a member of a mapping.
type entry struct {
	key   string
	at    place
	value *yaml.Node
}

// resolved gives what a node stands for.
func resolved(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		switch {
		case n.Kind == yaml.AliasNode:
			n = n.Alias
		case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
			n = n.Content[0]
		default:
			return n
		}
	}
	return n
}

// mapping gives the members of what must be a mapping, or nothing at all; what says which it is.
func (r *reader) mapping(n *yaml.Node, what string) ([]entry, error) {
	if n == nil {
		return nil, nil
	}
	found := resolved(n)
	if found.Kind != yaml.MappingNode && found.ShortTag() != "!!null" {
		return nil, &placedError{placeOf(n), what + " is not a mapping"}
	}
	return r.members(found, 0)
}

// members are those of a mapping, and those that it merges from others where it has none of that name.
func (r *reader) members(n *yaml.Node, depth int) ([]entry, error) {
	if n == nil {
		return nil, nil
	}
	if depth > maxDepth {
		return nil, errTooMuch
	}
	if n = resolved(n); n.Kind != yaml.MappingNode {
		return nil, nil
	}
	if known, done := r.known[n]; done {
		return known, nil
	}
	out, err := r.membersOf(n, depth)
	if err == nil {
		r.known[n] = out
	}
	return out, err
}

func (r *reader) membersOf(n *yaml.Node, depth int) ([]entry, error) {
	var out, merged []entry
	seen := map[string]place{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if r.left--; r.left < 0 {
			return nil, errTooMuch
		}
		key := resolved(n.Content[i])
		if key.Kind != yaml.ScalarNode {
			continue
		}
		m := entry{key.Value, placeOf(n.Content[i]), n.Content[i+1]}
		if m.key == "<<" {
			more, err := r.merged(m.value, depth)
			if err != nil {
				return nil, err
			}
			merged = append(merged, more...)
			continue
		}
		if first, again := seen[m.key]; again {
			return nil, twice(m, first)
		}
		out, seen[m.key] = append(out, m), m.at
	}
	for _, m := range merged {
		if _, own := seen[m.key]; !own {
			out, seen[m.key] = append(out, m), m.at
		}
	}
	return out, nil
}

// merged are the members of what a mapping merges: one mapping, or a list of them.
func (r *reader) merged(n *yaml.Node, depth int) ([]entry, error) {
	sources := []*yaml.Node{n}
	if list := resolved(n); list.Kind == yaml.SequenceNode {
		sources = list.Content
	}
	var out []entry
	for _, source := range sources {
		more, err := r.members(source, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// valueOf gives a member's value; nil where there is none of that name.
func valueOf(members []entry, key string) *yaml.Node {
	for _, m := range members {
		if m.key == key {
			return resolved(m.value)
		}
	}
	return nil
}

// textOf gives a member that is a text; "" where it is none.
func textOf(members []entry, key string) string {
	if n := valueOf(members, key); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// textsOf gives a list of texts, and whether it is one.
func textsOf(n *yaml.Node) ([]string, bool) {
	n = resolved(n)
	if n.Kind != yaml.SequenceNode {
		return nil, false
	}
	out := make([]string, 0, len(n.Content))
	for _, item := range n.Content {
		if item = resolved(item); item.Kind != yaml.ScalarNode || item.ShortTag() == "!!null" {
			return nil, false
		}
		out = append(out, item.Value)
	}
	return out, true
}

// pointed gives the part of the document that a reference such as #/paths/~1a points to (RFC 6901, section 6); nil where it
// points nowhere, or into another document.
func (r *reader) pointed(ref string) *yaml.Node {
	steps, inside := strings.CutPrefix(ref, "#/")
	if !inside {
		return nil
	}
	n := r.root
	for step := range strings.SplitSeq(steps, "/") {
		members, err := r.members(n, 0)
		if err != nil {
			return nil
		}
		if n = valueOf(members, strings.NewReplacer("~1", "/", "~0", "~").Replace(unescaped(step))); n == nil {
			return nil
		}
	}
	return n
}
