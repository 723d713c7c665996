package daemon

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// newDoor serves what the mux has, below the path of the public URL too: a proxy may take that path off, or leave it there.
// An address that http.ServeMux would lead to another spelling of is missing: its redirects know nothing of that path.
func newDoor(mux *http.ServeMux, public *url.URL, missing http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header())
		if _, pattern := mux.Handler(r); pattern == "/" {
			r = below(public, r)
		}
		if clean := path.Clean(r.URL.Path); r.URL.Path != clean && r.URL.Path != clean+"/" || clean == "/api" {
			missing(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// protect sets what holds for every answer that does not say otherwise, errors too: a browser that opens it runs nothing of it,
// shows it in nobody's frame and tells no page that it came from there; no other origin's page can load it as if it were a
// picture or a script. Pages say what else they need.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// below takes the public URL's path off the request's. One that begins like an address of our own is never taken off: it
// would be read in addresses from which a proxy has taken it already.
func below(public *url.URL, r *http.Request) *http.Request {
	prefix, raw := strings.TrimSuffix(public.Path, "/"), strings.TrimSuffix(public.EscapedPath(), "/")
	first, _, _ := strings.Cut(strings.TrimPrefix(prefix, "/"), "/")
	rest, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok || rest != "" && rest[0] != '/' || slices.Contains([]string{"", "api", "session", "docs"}, first) {
		return r
	}
	if rest == "" {
		rest = "/"
	}
	shorter := *r.URL
	shorter.Path = rest
	if shorter.RawPath != "" {
		if shorter.RawPath, ok = strings.CutPrefix(shorter.RawPath, raw); !ok {
			return r
		}
	}
	inner := r.WithContext(r.Context())
	inner.URL = &shorter
	return inner
}
