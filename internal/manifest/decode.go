// Package manifest owns the written form of objects: reading it strictly, with the path of every fault, comparing two
// specs, and reading an API's operations from an OpenAPI document. It does not own what a field means or whether
// other objects exist, and it touches no store, no file and no network.
package manifest

import (
	"encoding/json"
	"reflect"
	"strings"

	"keyward.dev/keyward"
)

// Decoded is a manifest that was read: its header as written, and its spec in the type of its kind.
type Decoded struct {
	Manifest keyward.Manifest
	Spec     keyward.Spec // nil when the kind is unknown
}

// Decode reads one manifest and validates its spec on its own. It gives every fault at once, by the path from the
// manifest's root; what it returns beside faults is fit only for telling which object they belong to. An empty tenant
// stays empty: which one that means is the caller's to say. A status is accepted, because a manifest that was read
// back has one, and ignored.
func Decode(raw []byte) (Decoded, []keyward.FieldError) { return DecodeAs(raw, "") }

// DecodeAs is Decode where the kind is known from elsewhere, as from an address: apiVersion and kind may then be left
// out, and another kind is a fault.
func DecodeAs(raw []byte, kind keyward.Kind) (Decoded, []keyward.FieldError) {
	root, err := parse(raw)
	if err != nil {
		return Decoded{}, []keyward.FieldError{fault("", "the manifest %v", err)}
	}
	s := &strict{}
	clean := s.walk(root, reflect.TypeFor[keyward.Manifest](), "")
	if clean == nil {
		return Decoded{}, s.faults
	}
	var d Decoded
	if err := json.Unmarshal(clean.encode(), &d.Manifest); err != nil && len(s.faults) == 0 {
		s.add("", "cannot be read: %v", err)
	}
	d.Manifest.Status = nil
	s.header(&d.Manifest, kind)
	spec, known := d.Manifest.Kind.NewSpec()
	if !known {
		return d, s.faults
	}
	d.Spec = spec
	s.spec(root.get("spec"), spec)
	return d, s.faults
}

func (s *strict) header(m *keyward.Manifest, kind keyward.Kind) {
	if kind != "" && m.APIVersion == "" {
		m.APIVersion = keyward.APIVersion
	}
	if m.APIVersion != keyward.APIVersion {
		s.add("apiVersion", "must be %s", keyward.APIVersion)
	}
	_, known := m.Kind.NewSpec()
	switch {
	case m.Kind == "" && kind != "":
		m.Kind = kind
	case kind != "" && m.Kind != kind:
		s.add("kind", "must be %s here, not %q", kind, m.Kind)
	case m.Kind == "":
		s.add("kind", "is required")
	case !known:
		s.add("kind", "%q is not one of %s", m.Kind, kindNames())
	}
	if kind == "" || m.Metadata.Name != "" {
		if !keyward.ValidName(m.Metadata.Name) {
			s.add("metadata.name", "%q is not a name: use lower-case letters, digits and inner hyphens, at most 63",
				m.Metadata.Name)
		}
	}
	if t := m.Metadata.Tenant; t != "" && !keyward.ValidName(t) {
		s.add("metadata.tenant", "%q is not a name", t)
	}
}

func kindNames() string {
	names := make([]string, 0, len(keyward.Kinds()))
	for _, k := range keyward.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// spec decodes what is sound of the spec and validates that, so that a misspelt field does not hide other faults.
func (s *strict) spec(n *node, spec keyward.Spec) {
	before := len(s.faults)
	if n != nil && n.shape != shapeNull {
		clean := s.walk(n, reflect.TypeOf(spec).Elem(), "spec")
		if clean == nil {
			return
		}
		if err := json.Unmarshal(clean.encode(), spec); err != nil && len(s.faults) == before {
			s.add("spec", "cannot be read: %v", err)
			return
		}
	}
	decoding := s.faults[before:]
	for _, f := range spec.Validate() {
		if !Covered(f.Path, decoding) {
			s.faults = append(s.faults, f)
		}
	}
}

// Covered tells whether a fault only follows from one already reported: at the same place, above it or below it.
func Covered(path string, faults []keyward.FieldError) bool {
	for _, f := range faults {
		if within(path, f.Path) || within(f.Path, path) {
			return true
		}
	}
	return false
}

func within(path, parent string) bool {
	rest, ok := strings.CutPrefix(path, parent)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
