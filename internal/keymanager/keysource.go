package keymanager

import (
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/token"
)

// parsableKeys says why a source gives no key that could verify a signature, or gives "".
func parsableKeys(row keyward.IssuerRow) string {
	keys, notes, err := token.ParseKeys(row)
	switch {
	case err != nil:
		return "cannot be read: " + err.Error()
	case len(keys) > 0:
		return ""
	case len(notes) > 0:
		return "has no usable key: " + strings.Join(notes, "; ")
	default:
		return "has no key"
	}
}
