package cookie

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestForeignOrigins: with a session, only pages of the public URL's origin change anything.
func TestForeignOrigins(t *testing.T) {
	for _, c := range []struct {
		public, origin, site string
		foreign              bool
	}{
		{"https://kw.example/keyward", "https://kw.example", "", false}, {"https://kw.example/keyward", "", "", false},
		{"https://kw.example/keyward", "https://kw.example", "same-origin", false}, {"http://kw.example", "http://kw.example", "", false},
		{"https://kw.example/keyward", "http://kw.example", "", true}, {"https://kw.example/keyward", "https://evil.example", "", true},
		{"https://kw.example/keyward", "null", "", true}, {"https://kw.example/keyward", "https://sub.kw.example", "", true},
		{"https://kw.example/keyward", "https://evil.example", "same-site", true}, {"https://kw.example/keyward", "", "cross-site", true},
		{"http://kw.example", "http://kw.example:8080", "", true},
	} {
		made, err := New(c.public)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "http://kw.example/api/v1/plans/gold", http.NoBody)
		for name, value := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if foreign := made.Ours(r) != nil; foreign != c.foreign {
			t.Errorf("%s, from %q, %q: foreign %v", c.public, c.origin, c.site, foreign)
		}
	}
}
