// Package paging owns cursors of lists in order of tenant and name. It does not own what a list is of, and runs no statement.
package paging

import (
	"encoding/base64"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

// Cursor is that of what follows the object of this name.
func Cursor(tenant, name string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tenant + "/" + name))
}

// Following is the condition for what comes after a cursor, in a form for which the order's index is used: by name where the list
// is of one tenant, else by tenant and name. ok is false for a cursor that such a list never gave.
func Following(cursor, tenant string, v *database.Values) (where string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	after, name, cut := strings.Cut(string(raw), "/")
	switch {
	case err != nil || !cut || !keyward.ValidName(after) || !keyward.ValidName(name) || tenant != "" && tenant != after:
		return "", false
	case tenant == "":
		return "(x.tenant, x.name) > (" + v.Add(after) + ", " + v.Add(name) + ")", true
	}
	return "x.name > " + v.Add(name), true
}
