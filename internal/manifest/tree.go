package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a manifest, so that a hostile one cannot exhaust the stack.
const maxDepth = 64

// shape is the JSON type of a node.
type shape byte

const (
	shapeNull shape = iota
	shapeBool
	shapeNumber
	shapeString
	shapeList
	shapeObject
)

// String is the word people use for the type.
func (s shape) String() string {
	return [...]string{"null", "true or false", "a number", "a string", "a list", "an object"}[s]
}

// node is one JSON value with everything encoding/json forgets: member order and repeated members.
type node struct {
	shape   shape
	text    string // the value of a string, the digits of a number
	yes     bool
	items   []*node
	members []member
}

type member struct {
	name string
	node *node
}

// parse reads exactly one JSON value.
func parse(raw []byte) (*node, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("is not valid UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("is not valid JSON at byte %d: %s", syntax.Offset, syntax.Error())
		}
		return nil, fmt.Errorf("is not valid JSON: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return parseValue(d, 0)
}

func parseValue(d *json.Decoder, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("is nested deeper than %d levels", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("is not valid JSON: %w", err)
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return parseObject(d, depth)
		}
		return parseList(d, depth)
	case string:
		return &node{shape: shapeString, text: v}, nil
	case json.Number:
		return &node{shape: shapeNumber, text: v.String()}, nil
	case bool:
		return &node{shape: shapeBool, yes: v}, nil
	default:
		return &node{shape: shapeNull}, nil
	}
}

func parseObject(d *json.Decoder, depth int) (*node, error) {
	n := &node{shape: shapeObject}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("is not valid JSON: %w", err)
		}
		value, err := parseValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		text, _ := name.(string)
		n.members = append(n.members, member{name: text, node: value})
	}
	_, err := d.Token()
	return n, err
}

func parseList(d *json.Decoder, depth int) (*node, error) {
	n := &node{shape: shapeList}
	for d.More() {
		item, err := parseValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
	}
	_, err := d.Token()
	return n, err
}

// encode writes the node back as JSON.
func (n *node) encode() []byte { return n.append(nil) }

func (n *node) append(b []byte) []byte {
	switch n.shape {
	case shapeBool:
		return strconv.AppendBool(b, n.yes)
	case shapeNumber:
		return append(b, n.text...)
	case shapeString:
		return append(b, quote(n.text)...)
	case shapeList:
		b = append(b, '[')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.append(b)
		}
		return append(b, ']')
	case shapeObject:
		b = append(b, '{')
		for i, m := range n.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, quote(m.name)...), ':')
			b = m.node.append(b)
		}
		return append(b, '}')
	default:
		return append(b, "null"...)
	}
}

// quote writes a JSON string without the HTML escapes of encoding/json.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return []byte(`""`) // cannot happen: strings always encode
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// get gives the first member of that name.
func (n *node) get(name string) *node {
	for _, m := range n.members {
		if m.name == name {
			return m.node
		}
	}
	return nil
}
