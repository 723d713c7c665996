package manifest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/secret"
)

// Into decodes one JSON document into v, a pointer to a struct, as strictly as a manifest: an unknown field, a
// repeated one, another case and a wrong type are faults, and all of them are reported, by their path from the
// document's root. What is faulty is left out of v.
func Into(raw []byte, v any) []keyward.FieldError {
	root, err := parse(raw)
	if err != nil {
		return []keyward.FieldError{fault("", "the document %v", err)}
	}
	s := &strict{}
	clean := s.walk(root, reflect.TypeOf(v).Elem(), "")
	if clean != nil {
		if err := json.Unmarshal(clean.encode(), v); err != nil && len(s.faults) == 0 {
			s.add("", "cannot be read: %v", err)
		}
	}
	return s.faults
}

// strict compares a JSON tree with a Go type. It collects faults and gives the tree without its faulty parts.
type strict struct {
	faults []keyward.FieldError
	seen   map[keyward.FieldError]bool
}

// maxFaults bounds the answer to a document that is wrong throughout.
const maxFaults = 500

func fault(path, format string, args ...any) keyward.FieldError {
	return keyward.FieldError{Path: path, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...)}
}

// add reports a fault once: a spec is walked as part of its manifest and again in its own type.
func (s *strict) add(path, format string, args ...any) *node {
	f := fault(path, format, args...)
	if !s.seen[f] && len(s.faults) < maxFaults {
		if s.seen == nil {
			s.seen = map[keyward.FieldError]bool{}
		}
		s.seen[f] = true
		s.faults = append(s.faults, f)
	}
	return nil
}

func (s *strict) wrong(path string, want string, n *node) *node {
	return s.add(path, "must be %s, not %s", want, n.shape)
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// walk gives nil for a node that is faulty or null.
func (s *strict) walk(n *node, t reflect.Type, path string) *node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[keyward.KeyManagerSet]():
		return s.keyManagers(n, path)
	case reflect.TypeFor[secret.Credential]():
		return s.credential(n, path)
	case reflect.TypeFor[keyward.StringList]():
		if n.shape == shapeString {
			return n
		}
		return s.list(n, reflect.TypeFor[string](), path)
	case reflect.TypeFor[keyward.RateList]():
		if n.shape == shapeObject { // one that stands alone is a list of one
			n = &node{shape: shapeList, items: []*node{n}}
		}
		return s.list(n, reflect.TypeFor[keyward.Rate](), path)
	case reflect.TypeFor[json.RawMessage]():
		return s.free(n, path)
	case reflect.TypeFor[time.Time]():
		if _, err := time.Parse(time.RFC3339, n.text); n.shape != shapeString || err != nil {
			return s.add(path, "write a time as in 2027-01-31T00:00:00Z (RFC 3339)")
		}
		return n
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return s.own(n, t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return s.object(n, t, path)
	case reflect.Map:
		return s.mapping(n, t.Elem(), path)
	case reflect.Slice:
		return s.list(n, t.Elem(), path)
	case reflect.Interface:
		return s.free(n, path)
	default:
		return s.scalar(n, t, path)
	}
}

// own lets a type that reads itself judge the value.
func (s *strict) own(n *node, t reflect.Type, path string) *node {
	v, ok := reflect.New(t).Interface().(json.Unmarshaler)
	if !ok {
		return s.add(path, "cannot be read")
	}
	if err := v.UnmarshalJSON(n.encode()); err != nil {
		return s.add(path, "%v", err)
	}
	return s.free(n, path)
}

func (s *strict) scalar(n *node, t reflect.Type, path string) *node {
	switch t.Kind() {
	case reflect.String:
		if n.shape != shapeString {
			return s.wrong(path, "a string", n)
		}
	case reflect.Bool:
		if n.shape != shapeBool {
			return s.wrong(path, "true or false", n)
		}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		if n.shape != shapeNumber {
			return s.wrong(path, "a whole number", n)
		}
		if _, err := strconv.ParseInt(n.text, 10, 64); err != nil {
			return s.add(path, "must be a whole number, not %s", n.text)
		}
	default:
		if n.shape != shapeNumber {
			return s.wrong(path, "a number", n)
		}
	}
	return n
}

func (s *strict) object(n *node, t reflect.Type, path string) *node {
	if n.shape != shapeObject {
		return s.wrong(path, "an object", n)
	}
	fields := fieldsOf(t)
	out := &node{shape: shapeObject}
	for _, m := range s.once(n, path) {
		at := below(path, m.name)
		field, known := fields[m.name]
		switch {
		case !known:
			s.unknown(fields, m.name, at)
		case m.node.shape == shapeNull: // null says nothing: the field is left out
		default:
			if clean := s.walk(m.node, field, at); clean != nil {
				out.members = append(out.members, member{m.name, clean})
			}
		}
	}
	return out
}

// credential judges each value of a secret at its own place.
func (s *strict) credential(n *node, path string) *node {
	if n.shape != shapeObject || n.get("current") == nil && n.get("next") == nil {
		return s.own(n, reflect.TypeFor[secret.Current](), path)
	}
	before := len(s.faults)
	type pair struct {
		Current secret.Current `json:"current"`
		Next    secret.Value   `json:"next"`
	}
	clean := s.object(n, reflect.TypeFor[pair](), path)
	if current := n.get("current"); current == nil || current.shape == shapeNull {
		s.add(path+".current", secret.LacksCurrent)
	}
	if len(s.faults) > before {
		return nil // half a pair would be another one
	}
	return clean
}

func (s *strict) unknown(fields map[string]reflect.Type, name, path string) {
	for known := range fields {
		if strings.EqualFold(known, name) {
			s.add(path, "is not a field: write %s", known)
			return
		}
	}
	s.add(path, "is not a known field")
}

// once gives the members of an object, each name once, and reports repeated ones.
func (s *strict) once(n *node, path string) []member {
	seen := make(map[string]bool, len(n.members))
	out := make([]member, 0, len(n.members))
	for _, m := range n.members {
		if seen[m.name] {
			s.add(below(path, m.name), "is given twice")
			continue
		}
		seen[m.name] = true
		out = append(out, m)
	}
	return out
}

func (s *strict) mapping(n *node, elem reflect.Type, path string) *node {
	if n.shape != shapeObject {
		return s.wrong(path, "an object", n)
	}
	out := &node{shape: shapeObject}
	for _, m := range s.once(n, path) {
		if clean := s.walk(m.node, elem, below(path, m.name)); clean != nil {
			out.members = append(out.members, member{m.name, clean})
		}
	}
	return out
}

func (s *strict) list(n *node, elem reflect.Type, path string) *node {
	if n.shape != shapeList {
		return s.wrong(path, "a list", n)
	}
	out := &node{shape: shapeList}
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.shape == shapeNull {
			s.add(at, "must not be null")
			continue
		}
		if clean := s.walk(item, elem, at); clean != nil {
			out.items = append(out.items, clean)
		}
	}
	return out
}

// free accepts any value, yet no repeated member at any depth.
func (s *strict) free(n *node, path string) *node {
	switch n.shape {
	case shapeObject:
		out := &node{shape: shapeObject}
		for _, m := range s.once(n, path) {
			out.members = append(out.members, member{m.name, s.free(m.node, below(path, m.name))})
		}
		return out
	case shapeList:
		for i, item := range n.items {
			n.items[i] = s.free(item, fmt.Sprintf("%s[%d]", path, i))
		}
	}
	return n
}

// keyManagers reads the word all, or names and objects mixed.
func (s *strict) keyManagers(n *node, path string) *node {
	switch {
	case n.shape == shapeString && n.text == "all":
		return n
	case n.shape != shapeList:
		return s.add(path, "write all, or a list of key managers")
	}
	out := &node{shape: shapeList}
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch item.shape {
		case shapeString:
			out.items = append(out.items, item)
		case shapeObject:
			if clean := s.object(item, reflect.TypeFor[keyward.KeyManagerUse](), at); clean != nil {
				out.items = append(out.items, clean)
			}
		default:
			s.add(at, "must be a name, or {name, audiences, scopes}")
		}
	}
	return out
}

// fieldsOf gives a struct's JSON fields by name.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}
