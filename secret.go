package keyward

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Secret is a value that people write and never read back. Written, it is a string. Read back, it is {"stored": true},
// which sent again means: keep what is stored. It never prints, logs or encodes its value.
type Secret struct {
	value  string
	stored bool
}

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value: value} }

// StoredSecret is the marker that stands in a spec for a value sealed elsewhere.
func StoredSecret() Secret { return Secret{stored: true} }

// IsZero tells that neither a value nor a marker was given.
func (s Secret) IsZero() bool { return s.value == "" && !s.stored }

// IsStored tells that the secret is the marker for a stored value.
func (s Secret) IsStored() bool { return s.stored }

// Reveal gives the value: the one door to it, easy to search for.
func (s Secret) Reveal() string { return s.value }

// UnmarshalJSON reads a string or the stored marker. The references that the CLI resolves ({env: …}, {file: …}) are
// refused by name, so that nobody can make the server read its own files.
func (s *Secret) UnmarshalJSON(b []byte) error {
	var value string
	if err := json.Unmarshal(b, &value); err == nil {
		if value == "" {
			return fmt.Errorf("a secret cannot be empty: leave the field out")
		}
		*s = Secret{value: value}
		return nil
	}
	var marker map[string]any
	if err := json.Unmarshal(b, &marker); err == nil && len(marker) == 1 {
		if marker["stored"] == true {
			*s = Secret{stored: true}
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
func (s Secret) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`{"stored":true}`), nil
}

// String hides the value.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return "<secret>"
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
