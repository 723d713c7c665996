// Package precondition owns the form in which If-Match and If-None-Match reach the operations: one line each, which is empty only
// where a client sent no such field (RFC 9110, section 13.1). It does not own what they say of an object, which is package etag's.
package precondition

import (
	"net/http"
	"strings"
)

// Normalize joins the lines of each of the two fields into one (RFC 9110, section 5.3). An If-Match that names nothing is made to
// name a tag that no object has: operations take an empty one for none at all, and would change the object whatever its version.
func Normalize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, field := range []string{"If-Match", "If-None-Match"} {
			if lines := r.Header.Values(field); len(lines) > 0 {
				r.Header.Set(field, strings.Join(lines, ", "))
			}
		}
		if lines := r.Header.Values("If-Match"); len(lines) > 0 && strings.Trim(lines[0], ", \t") == "" {
			r.Header.Set("If-Match", `""`)
		}
		next.ServeHTTP(w, r)
	})
}
