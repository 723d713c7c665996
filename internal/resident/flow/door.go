package flow

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"keyward.dev/keyward/internal/resident/form"
	"keyward.dev/keyward/internal/resident/signin"
)

// Doors serves everything that browsers are sent to, and userinfo. framework is the server that stands on the Flow.
func Doors(framework http.Handler, pages *signin.Pages) http.Handler {
	authorize := forPeople(framework, pages, true)
	end := forPeople(framework, pages, false)
	own := pages.Handler(authorize)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case PathAuthorize:
			methods(w, r, authorize)
		case PathEndSession:
			methods(w, r, end)
		case PathUserinfo:
			w.Header().Set("Cache-Control", "no-store")
			methods(&bearerWriter{w}, r, framework)
		default:
			own.ServeHTTP(w, r)
		}
	})
}

// Owns tells whether Doors answers a path below the issuer.
func Owns(path string) bool {
	return path == PathAuthorize || path == PathUserinfo || path == PathEndSession || signin.Owns(path)
}

// IsForPeople tells whether browsers are sent to a path below the issuer.
func IsForPeople(path string) bool { return Owns(path) && path != PathUserinfo }

// methods lets GET and a form by POST through (OpenID Connect Core 1.0, sections 3.1.2.1 and 5.3.1).
func methods(w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if r.ContentLength != 0 && (err != nil || kind != "application/x-www-form-urlencoded") {
			http.Error(w, "send the parameters as application/x-www-form-urlencoded", http.StatusUnsupportedMediaType)
			return
		}
		if form.Hold(w, r) != nil {
			http.Error(w, "the body is too long, or did not come in time", http.StatusBadRequest)
			return
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	next.ServeHTTP(w, r)
}

// forPeople puts the framework's answers into the form that browsers need: a refusal that goes to no client is a page, and
// an error that goes to one carries the issuer's name too (RFC 9207, section 2).
func forPeople(framework http.Handler, pages *signin.Pages, named bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", signin.Policy())
		held := &answer{ResponseWriter: w}
		if named {
			held.place = signin.PlaceOf(r.Context())
		}
		framework.ServeHTTP(held, r)
		if held.status < http.StatusBadRequest {
			return
		}
		var told struct {
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}
		if json.Unmarshal(held.body.Bytes(), &told) != nil || told.Description == "" {
			told.Description = http.StatusText(held.status)
		}
		if held.status >= http.StatusInternalServerError {
			told.Description = http.StatusText(held.status) // the log has what it was
		}
		pages.Refuse(w, r, held.status, told.Description)
	})
}

// answer passes a redirect on and holds an error back.
type answer struct {
	http.ResponseWriter

	place  signin.Place
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	a.status = status
	if status >= http.StatusBadRequest {
		return
	}
	if location := a.Header().Get("Location"); a.place.Issuer != "" && !strings.HasPrefix(location, a.place.Address("/oauth2/", nil)) {
		a.Header().Set("Location", withIssuer(location, a.place.Issuer))
	}
	a.ResponseWriter.WriteHeader(status)
}

func withIssuer(location, issuer string) string {
	u, err := url.Parse(location)
	if err != nil || u.Query().Has("iss") {
		return location
	}
	named, err := WithQuery(location, url.Values{"iss": {issuer}})
	if err != nil {
		return location
	}
	return named
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.status >= http.StatusBadRequest {
		return a.body.Write(b)
	}
	return a.ResponseWriter.Write(b)
}

// bearerWriter adds the challenge of a refused access token (RFC 6750, section 3).
type bearerWriter struct{ http.ResponseWriter }

// Unwrap lets http.ResponseController reach the connection.
func (w *bearerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *bearerWriter) WriteHeader(status int) {
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	case http.StatusForbidden:
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="openid"`)
	}
	w.ResponseWriter.WriteHeader(status)
}
