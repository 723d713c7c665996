package manifest

import (
	"errors"
	"slices"
	"strings"

	"github.com/pb33f/go-yaml"
)

// Limits of what is read of a document.
const (
	maxPartNodes = 500_000 // with what aliases stand for
	maxPartDepth = 64
)

var errTooMuch = errors.New("its aliases or its nesting stand for more than can be read")

// part copies out of a document what operations are read from: paths, the security requirements of their operations, and
// security schemes. The library sees nothing else. It follows aliases and references of everything, schemas above all,
// without a bound: a few lines that contain themselves overflowed its stack, which no server survives.
type part struct {
	left   int
	places map[string]place // of operations, by method and path
}

// text gives the part as a document of its own, and reads the whole into root.
func (p *part) text(document string, root *yaml.Node) ([]byte, error) {
	if err := yaml.Unmarshal([]byte(document), root); err != nil {
		return nil, syntaxError(document, err)
	}
	if said := mapping(root); said["openapi"] == nil && said["swagger"] == nil {
		return nil, errNotOpenAPI
	}
	taken, err := p.take(root)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(taken)
}

// take gives the part of a whole document.
func (p *part) take(root *yaml.Node) (*yaml.Node, error) {
	out := object()
	members, err := p.members(root, 0)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		var value *yaml.Node
		switch m.key {
		case "openapi", "swagger", "info", "security":
			value, err = p.copied(m.value, 0)
		case "paths":
			value, err = p.items(m.value, true)
		case "components":
			value, err = p.components(m.value)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		put(out, m.key, value)
	}
	return out, nil
}

func (p *part) components(n *yaml.Node) (*yaml.Node, error) {
	return p.each(n, func(m entry) (*yaml.Node, error) {
		switch m.key {
		case "securitySchemes":
			return p.each(m.value, func(scheme entry) (*yaml.Node, error) {
				return p.picked(scheme.value, "type", "$ref")
			})
		case "pathItems":
			return p.items(m.value, false)
		default:
			return nil, errLeftOut
		}
	})
}

// methods are the members of a path item that are operations (OpenAPI 3.1, section 4.8.9).
func methods() []string {
	return []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}
}

func (p *part) items(n *yaml.Node, placed bool) (*yaml.Node, error) {
	return p.each(n, func(path entry) (*yaml.Node, error) {
		return p.each(path.value, func(m entry) (*yaml.Node, error) {
			if m.key == "$ref" {
				return p.copied(m.value, 0)
			}
			if !slices.Contains(methods(), m.key) {
				return nil, errLeftOut
			}
			if placed {
				p.places[strings.ToUpper(m.key)+" "+path.key] = m.at
			}
			return p.picked(m.value, "security")
		})
	})
}

// picked copies the members with these keys, and leaves the others out.
func (p *part) picked(n *yaml.Node, keys ...string) (*yaml.Node, error) {
	return p.each(n, func(m entry) (*yaml.Node, error) {
		if !slices.Contains(keys, m.key) {
			return nil, errLeftOut
		}
		return p.copied(m.value, 0)
	})
}

// errLeftOut is of a member that is no part.
var errLeftOut = errors.New("left out")

// each makes an object of what take gives for each member.
func (p *part) each(n *yaml.Node, take func(entry) (*yaml.Node, error)) (*yaml.Node, error) {
	members, err := p.members(n, 0)
	if err != nil {
		return nil, err
	}
	out := object()
	for _, m := range members {
		value, err := take(m)
		if errors.Is(err, errLeftOut) {
			continue
		}
		if err != nil {
			return nil, err
		}
		put(out, m.key, value)
	}
	return out, nil
}

// members are those of a mapping, and those that it merges from others where it has none of that name.
func (p *part) members(n *yaml.Node, depth int) ([]entry, error) {
	if depth > maxPartDepth {
		return nil, errTooMuch
	}
	var out, merged []entry
	seen := map[string]place{}
	for _, m := range entries(n) {
		if p.left--; p.left < 0 {
			return nil, errTooMuch
		}
		if m.key != "<<" {
			if first, again := seen[m.key]; again {
				return nil, twice(m, first)
			}
			out, seen[m.key] = append(out, m), m.at
			continue
		}
		sources := []*yaml.Node{m.value}
		if m.value.Kind == yaml.SequenceNode {
			sources = m.value.Content
		}
		for _, source := range sources {
			more, err := p.members(source, depth+1)
			if err != nil {
				return nil, err
			}
			merged = append(merged, more...)
		}
	}
	for _, m := range merged {
		if _, own := seen[m.key]; !own {
			out, seen[m.key] = append(out, m), m.at
		}
	}
	return out, nil
}

// copied gives a copy with what aliases stand for in their place.
func (p *part) copied(n *yaml.Node, depth int) (*yaml.Node, error) {
	if p.left--; p.left < 0 || depth > maxPartDepth {
		return nil, errTooMuch
	}
	if n.Kind == yaml.AliasNode {
		return p.copied(n.Alias, depth+1)
	}
	out := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value}
	for _, c := range n.Content {
		inside, err := p.copied(c, depth+1)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, inside)
	}
	return out, nil
}

func object() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func put(to *yaml.Node, key string, value *yaml.Node) {
	to.Content = append(to.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}
