package bearer

import (
	"strings"
	"testing"
)

// FuzzBearer: whatever the fields are, what is taken is one word after the scheme, or there is a fault.
func FuzzBearer(f *testing.F) {
	for _, field := range []string{
		"Bearer abc", "bearer abc", "BEARER  abc", "Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer\tabc", "Basic YQ==",
		"Bearer abc==", "Bearer =", "", " ", "Bearer abc\r\nX: y", "\xff", "Bearer \xff", "Bearer a\x00", "Digest x=y, z=\"w\"",
	} {
		f.Add(field, "?access_token=x")
		f.Add(field, "")
	}
	f.Fuzz(func(t *testing.T, field, query string) {
		if query != "" && query[0] != '?' {
			query = "?" + query
		}
		raw, fault := Of([]string{field}, query)
		if raw != "" && fault != "" {
			t.Fatalf("%q: both a token and a fault", field)
		}
		if raw == "" {
			return
		}
		if strings.ContainsAny(raw, " \t\r\n,;\"'\\\x00") || !strings.EqualFold(field[:6], "bearer") {
			t.Fatalf("%q: the token is %q", field, raw)
		}
	})
}
