// Package secret owns values that people write and never read back, and how such a value is changed at a server without
// a gap: it never prints, logs or encodes one. It does not seal or store them, and knows no noun that has one.
package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// Value is what people write and never read back. Written, it is a string. Read back, it is {"stored": true},
// which sent again means: keep what is stored. It never prints, logs or encodes its value.
type Value struct {
	value  string
	stored bool
	next   bool // of a stored one: what is stored as the next value takes this place
}

// New wraps a value.
func New(value string) Value { return Value{value: value} }

// Stored is the marker that stands in a spec for a value sealed elsewhere.
func Stored() Value { return Value{stored: true} }

// IsZero tells that neither a value nor a marker was given.
func (s Value) IsZero() bool { return s.value == "" && !s.stored }

// IsStored tells that the secret is the marker for a stored value: its own, or the next one.
func (s Value) IsStored() bool { return s.stored }

// IsNext tells that the secret is {"stored": "next"}: what is stored as its next value becomes the current one.
func (s Value) IsNext() bool { return s.next }

// Reveal gives the value: the one door to it, easy to search for.
func (s Value) Reveal() string { return s.value }

// UnmarshalJSON reads a string or the stored marker. The references that the CLI resolves ({env: …}, {file: …}) are
// refused by name, so that nobody can make the server read its own files.
func (s *Value) UnmarshalJSON(b []byte) error {
	var written any
	if err := json.Unmarshal(b, &written); err != nil {
		return errors.New(form)
	}
	read, err := Read(written)
	if err == nil && read.next {
		err = errors.New(lacksNext)
	}
	if err == nil {
		*s = read
	}
	return err
}

const (
	form      = "a secret is a string, or {stored: true} to keep the stored one"
	lacksNext = "has no next value that could be stored: {stored: true} keeps the stored one"
)

// Read gives the current value of a credential as JSON has it in a map: a string, or a marker, {"stored": "next"} included. Its
// errors are for people, and have nothing of a value.
func Read(written any) (Value, error) {
	switch v := written.(type) {
	case string:
		if v == "" {
			return Value{}, errors.New("a secret cannot be empty: leave the field out")
		}
		return New(v), nil
	case Value:
		return v, nil
	case map[string]any:
		switch {
		case len(v) == 1 && v["stored"] == true:
			return Stored(), nil
		case len(v) == 1 && v["stored"] == "next":
			return Value{stored: true, next: true}, nil
		}
		for _, ref := range []string{"env", "file"} {
			if _, given := v[ref]; given {
				return Value{}, fmt.Errorf("{%s: …} is resolved by the command line, on the machine where it runs: send the value", ref)
			}
		}
	}
	return Value{}, errors.New(form)
}

// Current is the Value of a credential that may be {"stored": "next"}.
type Current struct{ Value }

// UnmarshalJSON reads what Value does, and {"stored": "next"}.
func (c *Current) UnmarshalJSON(b []byte) error {
	var written any
	if err := json.Unmarshal(b, &written); err != nil {
		return errors.New(form)
	}
	var err error
	c.Value, err = Read(written)
	return err
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
// {current: …, next: …} with a Value in each; read back, the marker for a stored one stands for each value. {stored: next}
// in the current one's place promotes what is stored as the next one, without anybody's typing it again.
type Credential struct {
	Current Value `json:"current,omitzero"`
	Next    Value `json:"next,omitzero"` // never without a current one
}

// IsZero tells that neither a value nor a marker was given.
func (c Credential) IsZero() bool { return c.Current.IsZero() && c.Next.IsZero() }

// NextPath is the path of a credential's next value, beside that of its current one: introspection.clientSecret.next.
func NextPath(path string) string { return path + ".next" }

// UnmarshalJSON reads a Value, or an object with current and next.
func (c *Credential) UnmarshalJSON(b []byte) error {
	var both map[string]json.RawMessage
	if json.Unmarshal(b, &both) != nil || !IsPair(both) {
		var alone Current
		err := alone.UnmarshalJSON(b)
		c.Current = alone.Value
		return err
	}
	var read Credential
	var faults []error
	for name, value := range both {
		var err error
		switch name {
		case "current":
			var current Current
			err = current.UnmarshalJSON(value)
			read.Current = current.Value
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
const LacksCurrent = "is required beside next: {stored: true} keeps the stored one; to use the next one at once, give it alone, " +
	"or {stored: next} where it is stored"

// Kept says which secrets of a spec stay as they are stored: by their paths, the path whose stored value each has from then
// on. That is its own, or its NextPath, and never another's: a stored secret does not move.
type Kept map[string]string

// Paths are those of the secrets after the write, sorted.
func (k Kept) Paths() []string { return slices.Sorted(maps.Keys(k)) }

// promotedPath is where it is noted that a secret's current value was its next one before: beside it, the value once more, so
// that the note holds for that value alone.
func promotedPath(path string) string { return path + ".promoted" }

// IsNote tells that what is stored at a path is no secret of its own, but a note about one.
func IsNote(path string) bool { return strings.HasSuffix(path, promotedPath("")) }

// Fill gives values, the secrets that a declaration gives by their paths, those that it keeps of the stored ones, and faults for
// what is not stored, where a stand-in is filled in. What was promoted before stays, so that the same declaration can be applied
// again: where no next value is stored, and where the next one that is given for the time after is stored already.
func (k Kept) Fill(values, stored map[string]string, standIn string, fault func(path, message string)) {
	for _, path := range k.Paths() {
		from := k[path]
		next, there := stored[from]
		promoted := from != path && stored[path] != "" && stored[promotedPath(path)] == stored[path]
		if promoted && (!there || next == values[from]) {
			from = path
		}
		value, there := stored[from]
		switch {
		case there:
		case from != path && stored[path] != "":
			fault(path, "no next value is stored: declare one, {current: {stored: true}, next: …}, or keep the current one, {stored: true}")
		default:
			fault(path, "nothing is stored for it: give the value")
		}
		if !there {
			value = standIn + from // so that nobody says it again
		}
		values[path] = value
		after := NextPath(path)
		forgotten := from == path && stored[after] != "" && values[after] == "" && k[after] == ""
		if from != path && there || stored[promotedPath(path)] == value && !forgotten {
			values[promotedPath(path)] = value
		}
	}
}

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
