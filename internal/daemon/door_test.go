package daemon

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// TestTheDoorBelowAPath: behind a proxy that leaves the public URL's path there, and behind one that takes it off, the same
// answers; and no answer leads to an address outside that path.
func TestTheDoorBelowAPath(t *testing.T) {
	mux := http.NewServeMux()
	say := func(what string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, what+" "+r.URL.EscapedPath()) }
	}
	mux.HandleFunc("/", say("api"))
	mux.HandleFunc("/{$}", say("front"))
	mux.HandleFunc("/console/", say("console"))
	mux.HandleFunc("/kw/oauth2/", say("issuer"))
	missing := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "missing") }
	for _, c := range []struct{ public, path, want string }{
		{"https://h.example/kw", "/api/v1/plans/a%2Fb", "api /api/v1/plans/a%2Fb"},
		{"https://h.example/kw", "/kw/api/v1/plans/a%2Fb", "api /api/v1/plans/a%2Fb"},
		{"https://h.example/kw", "/kw", "front /"}, {"https://h.example/kw", "/kw/", "front /"}, {"https://h.example/kw", "/", "front /"},
		{"https://h.example/kw", "/kw/console/x", "console /console/x"}, {"https://h.example/kw", "/console/x", "console /console/x"},
		{"https://h.example/kw", "/kw/oauth2/x", "issuer /kw/oauth2/x"}, {"https://h.example/kw", "/kwx/api", "api /kwx/api"},
		{"https://h.example/kw", "/kw/api/v1//plans", "missing"}, {"https://h.example/kw", "/api/v1/../plans", "missing"},
		{"https://h.example/kw", "/kw//h.example/", "missing"}, {"https://h.example/kw", "/kw/api", "missing"},
		{"https://h.example/k%20w", "/k%20w/api/v1/a%2Fb", "api /api/v1/a%2Fb"},
		{"https://h.example/api", "/api/v1/plans", "api /api/v1/plans"}, {"https://h.example", "/api/v1/plans", "api /api/v1/plans"},
		{"https://h.example", "//api/v1/plans", "missing"},
	} {
		public, err := url.Parse(c.public)
		if err != nil {
			t.Fatal(err)
		}
		r, w := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://h.example"+c.path, http.NoBody), httptest.NewRecorder()
		newDoor(mux, public, missing).ServeHTTP(w, r)
		if policy := w.Header().Get("Content-Security-Policy"); policy == "" || w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s at %s: no policy: %v", c.path, c.public, w.Header())
		}
		if got := w.Body.String(); got != c.want || w.Code != http.StatusOK {
			t.Errorf("%s at %s: %d %q, not %q", c.path, c.public, w.Code, got, c.want)
		}
	}
}
