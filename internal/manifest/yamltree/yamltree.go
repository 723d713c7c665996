// Package yamltree owns the reading of a YAML document as a tree: its plain values, and where in the text each stands. It does
// not own what a document means.
package yamltree

import (
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what the aliases of a document may unfold to.
const maxNodes = 1 << 20

// unfolding turns a tree into plain values and counts them.
type unfolding struct{ nodes int }

// Plain turns a tree into plain values as JSON knows them. Text that looks like a date stays text, and a name that
// stands twice in a mapping is a fault, as are aliases that unfold without bound.
func Plain(n *yaml.Node) (any, error) {
	u := &unfolding{}
	return u.value(n)
}

func (u *unfolding) value(n *yaml.Node) (any, error) {
	if u.nodes++; u.nodes > maxNodes {
		return nil, fmt.Errorf("%d:%d: the document's aliases unfold to more than %d values", n.Line, n.Column, maxNodes)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return u.value(n.Alias)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			v, err := u.value(item)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.MappingNode:
		return u.mapping(n)
	}
	switch n.ShortTag() {
	case "!!null", "!!bool", "!!int", "!!float":
		var v any
		err := n.Decode(&v)
		return v, err
	default:
		return n.Value, nil
	}
}

func (u *unfolding) mapping(n *yaml.Node) (any, error) {
	mapping := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if name.ShortTag() == "!!merge" || name.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%d:%d: write each name out: merge keys and composed names are not taken", name.Line, name.Column)
		}
		if _, twice := mapping[name.Value]; twice {
			return nil, fmt.Errorf("%d:%d: %q is given twice", name.Line, name.Column, name.Value)
		}
		v, err := u.value(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		mapping[name.Value] = v
	}
	return mapping, nil
}

// Position gives line and column of a field, or of the nearest thing around it when the field is not written.
func Position(n *yaml.Node, path string) (line, column int) {
	line, column = n.Line, n.Column
	for _, step := range regexp.MustCompile(`[^.\[\]]+`).FindAllString(path, -1) {
		for n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		next, at := child(n, step)
		if next == nil {
			break
		}
		n, line, column = next, at.Line, at.Column
	}
	return line, column
}

// child finds a member by name, or an entry by index, and the node that people look for: the member's name.
func child(n *yaml.Node, step string) (found, at *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1], n.Content[i]
			}
		}
		if step == "0" { // what may stand alone for a list of one
			return n, n
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
	}
	return nil, nil
}
