package keymanager

import (
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/token"
)

// parsableKeys says what of a source that stands in the spec cannot verify a signature, or gives "". Keys that are there
// for something else, such as encryption, may stay: sets are pasted as they are.
func parsableKeys(row keyward.IssuerRow) string {
	keys, notes, err := token.ParseKeys(row)
	unusable := slices.DeleteFunc(slices.Clone(notes), token.OtherUse)
	switch {
	case len(unusable) > 0:
		return "holds what cannot be used: " + strings.Join(unusable, "; ") + ": correct it, or leave it out"
	case len(keys) == 0 && len(notes) > 0:
		return "has no key that can verify a token: " + strings.Join(notes, "; ")
	case err != nil:
		return "cannot be read: " + err.Error()
	default:
		return ""
	}
}
