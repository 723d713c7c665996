// Package secret owns values that people write and never read back, and how such a value is changed at a server without
// a gap: it never prints, logs or encodes one. It does not seal or store them, and knows no noun that has one.
package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Value is what people write and never read back. Written, it is a string. Read back, it is {"stored": true},
// which sent again means: keep what is stored. It never prints, logs or encodes its value.
type Value struct {
	value  string
	stored bool
}

// New wraps a value.
func New(value string) Value { return Value{value: value} }

// Stored is the marker that stands in a spec for a value sealed elsewhere.
func Stored() Value { return Value{stored: true} }

// IsZero tells that neither a value nor a marker was given.
func (s Value) IsZero() bool { return s.value == "" && !s.stored }

// IsStored tells that the secret is the marker for a stored value.
func (s Value) IsStored() bool { return s.stored }

// Reveal gives the value: the one door to it, easy to search for.
func (s Value) Reveal() string { return s.value }

// UnmarshalJSON reads a string or the stored marker. The references that the CLI resolves ({env: …}, {file: …}) are
// refused by name, so that nobody can make the server read its own files.
func (s *Value) UnmarshalJSON(b []byte) error {
	var value string
	if err := json.Unmarshal(b, &value); err == nil {
		if value == "" {
			return fmt.Errorf("a secret cannot be empty: leave the field out")
		}
		*s = Value{value: value}
		return nil
	}
	var marker map[string]any
	if err := json.Unmarshal(b, &marker); err == nil && len(marker) == 1 {
		if marker["stored"] == true {
			*s = Value{stored: true}
			return nil
		}
		for ref := range marker {
			if ref == "env" || ref == "file" {
				return fmt.Errorf("{%s: …} is resolved by the command line, on the machine where it runs: send the value", ref)
			}
		}
	}
	return fmt.Errorf("a secret is a string, or {stored: true} to keep the stored one")
}

// MarshalJSON writes the marker, or null when there is nothing.
func (s Value) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`{"stored":true}`), nil
}

// String hides the value.
func (s Value) String() string {
	if s.IsZero() {
		return ""
	}
	return "<secret>"
}

// GoString hides the value from %#v.
func (s Value) GoString() string { return s.String() }

// LogValue hides the value from slog.
func (s Value) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Credential is a secret that some server knows Keyward by. While it is changed there it has a second value, and the two
// are tried in order: the next one after the server has refused the current one. Written, it is a Value, or
// {current: …, next: …} with a Value in each; read back, the marker for a stored one stands for each value.
type Credential struct {
	Current Value `json:"current,omitzero"`
	Next    Value `json:"next,omitzero"` // never without a current one
}

// NewCredential wraps a value that has no next one.
func NewCredential(value string) Credential { return Credential{Current: New(value)} }

// IsZero tells that neither a value nor a marker was given.
func (c Credential) IsZero() bool { return c.Current.IsZero() && c.Next.IsZero() }

// NextPath is the path of a credential's next value, beside that of its current one: introspection.clientSecret.next.
func NextPath(path string) string { return path + ".next" }

// UnmarshalJSON reads a Value, or an object with current and next.
func (c *Credential) UnmarshalJSON(b []byte) error {
	var both map[string]json.RawMessage
	if json.Unmarshal(b, &both) != nil || !IsPair(both) {
		return c.Current.UnmarshalJSON(b)
	}
	var read Credential
	var faults []error
	for name, value := range both {
		var err error
		switch name {
		case "current":
			err = read.Current.UnmarshalJSON(value)
		case "next":
			err = read.Next.UnmarshalJSON(value)
		default:
			err = errors.New("is unknown: a secret has current and next")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	if _, given := both["current"]; !given {
		faults = append(faults, errors.New("current: "+LacksCurrent))
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	*c = read
	return errors.Join(faults...)
}

// LacksCurrent is the fault of a next value that stands alone.
const LacksCurrent = "is required beside next: write {stored: true} to keep the stored one, or the one new value in place of both"

// IsPair tells that the members of a secret's object are meant as current and next.
func IsPair[V any](members map[string]V) bool {
	_, current := members["current"]
	_, next := members["next"]
	return current || next
}

// MarshalJSON writes the markers, or null when there is nothing.
func (c Credential) MarshalJSON() ([]byte, error) {
	if c.Next.IsZero() {
		return c.Current.MarshalJSON()
	}
	return []byte(`{"current":{"stored":true},"next":{"stored":true}}`), nil
}
