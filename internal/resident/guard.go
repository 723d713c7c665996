package resident

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/resident/flow"
	"keyward.dev/keyward/internal/resident/form"
)

// guard holds, before the framework, what it leaves open: which method each endpoint takes, that nothing secret stands
// in a query, that no parameter is given twice (RFC 6749, section 3.2), that a client authenticates in one way only
// (section 2.3), that answers are never stored (section 5.1) and that a 401 says how to authenticate (section 5.2). What
// browsers are sent to is behind doors; nil = there is no such thing here.
func guard(next, doors http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		people := doors != nil && authority(r.Context()).Tenant != ""
		if people && fromPages(w, r) {
			return
		}
		switch r.URL.Path {
		case pathToken, pathIntrospect, pathRevoke:
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Pragma", "no-cache")
			if fault := checkForm(w, r); fault != nil {
				fault.write(w)
				return
			}
			if !people && mayBePublic(r, url.Values{"grant_type": r.Form["grant_type"]}) && r.URL.Path == pathToken {
				(&oauthFault{
					status: http.StatusBadRequest, code: "unsupported_grant_type", description: "nobody signs in at this server",
				}).write(w)
				return
			}
			next.ServeHTTP(&challengeWriter{ResponseWriter: w}, r)
		case pathKeys, pathDiscovery:
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				(&oauthFault{status: http.StatusMethodNotAllowed, allow: "GET, HEAD"}).write(w)
				return
			}
			w.Header().Set("Cache-Control", "public, max-age=60")
			next.ServeHTTP(w, r)
		default:
			if people && flow.Owns(r.URL.Path) {
				doors.ServeHTTP(w, r)
				return
			}
			(&oauthFault{status: http.StatusNotFound}).write(w)
		}
	})
}

// fromPages lets scripts of other origins, which is what public clients are in browsers, read what is answered to what
// they know themselves: no cookie counts at these endpoints. It tells whether that was all that was asked.
func fromPages(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case pathToken, pathRevoke, pathKeys, pathDiscovery, flow.PathUserinfo:
	default:
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// oauthFault is a refusal in the form of RFC 6749, section 5.2.
type oauthFault struct {
	status      int
	code        string
	description string
	allow       string
}

func badRequest(description string) *oauthFault {
	return &oauthFault{status: http.StatusBadRequest, code: "invalid_request", description: description}
}

func notAuthenticated(description string) *oauthFault {
	return &oauthFault{status: http.StatusUnauthorized, code: "invalid_client", description: description}
}

func (f *oauthFault) write(w http.ResponseWriter) {
	if f.allow != "" {
		w.Header().Set("Allow", f.allow)
	}
	if f.status == http.StatusUnauthorized {
		challenge(w.Header())
	}
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	if f.code == "" {
		f.code, f.description = "invalid_request", http.StatusText(f.status)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	// The caller may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": f.code, "error_description": f.description})
}

// unread is the answer where it could not be read what there is here.
func unread(err error) *oauthFault {
	if keyward.CodeOf(err) == keyward.CodeDatabaseUnavailable {
		return &oauthFault{status: http.StatusServiceUnavailable, code: flow.ErrorNotNow, description: flow.TextNotNow}
	}
	return &oauthFault{status: http.StatusInternalServerError, code: "server_error"}
}

func challenge(h http.Header) { h.Set("WWW-Authenticate", `Basic realm="oauth2", charset="UTF-8"`) }

func checkForm(w http.ResponseWriter, r *http.Request) *oauthFault {
	if r.Method != http.MethodPost {
		return &oauthFault{status: http.StatusMethodNotAllowed, allow: http.MethodPost}
	}
	if r.URL.RawQuery != "" {
		return badRequest("parameters belong in the body, not in the address")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return badRequest("send the parameters as application/x-www-form-urlencoded")
	}
	body, err := form.Read(w, r)
	if err != nil {
		return badRequest("the body is too long, or did not come in time")
	}
	fields, err := url.ParseQuery(string(body))
	if err != nil {
		return badRequest("the body is not a form")
	}
	for name, values := range fields {
		if len(values) > 1 && !mayRepeat(fields, name) {
			return badRequest("the parameter " + printable(name) + " is given more than once")
		}
	}
	r.Form, r.PostForm = fields, fields
	return checkClient(r, fields)
}

// mayRepeat knows the parameters of token exchange that may be given several times (RFC 8693, section 2.1).
func mayRepeat(form url.Values, name string) bool {
	return (name == "audience" || name == "resource") && form.Get("grant_type") == keyward.GrantTokenExchange
}

// checkClient lets only requests through that carry one client and one secret, whichever way.
func checkClient(r *http.Request, form url.Values) *oauthFault {
	headers := r.Header.Values("Authorization")
	if form.Get("client_assertion") != "" || form.Get("client_assertion_type") != "" {
		return notAuthenticated("client assertions are not supported: use client_secret_basic or client_secret_post")
	}
	if len(headers) == 0 {
		if form.Get("client_id") == "" || form.Get("client_secret") == "" && !mayBePublic(r, form) {
			return notAuthenticated("authenticate with client id and secret")
		}
		return nil
	}
	id, secret, ok := r.BasicAuth()
	if !ok || len(headers) > 1 {
		return notAuthenticated("one Authorization header of the scheme Basic is expected")
	}
	id, idErr := url.QueryUnescape(id)
	_, secretErr := url.QueryUnescape(secret)
	if idErr != nil || secretErr != nil || id == "" || secret == "" {
		return notAuthenticated("authenticate with client id and secret")
	}
	if form.Has("client_secret") {
		return badRequest("client authentication must not use more than one method")
	}
	if form.Has("client_id") && form.Get("client_id") != id {
		return badRequest("client_id in the body is not the authenticated client")
	}
	return nil
}

// mayBePublic knows the requests of clients that have no secret: those that prove something else, and the end of what
// they hold (RFC 7009, section 2.1).
func mayBePublic(r *http.Request, form url.Values) bool {
	if form.Has("client_secret") {
		return false
	}
	grant := form.Get("grant_type")
	return r.URL.Path == pathRevoke ||
		r.URL.Path == pathToken && (grant == grantCode || grant == grantRefresh)
}

// printable keeps a caller's parameter name from carrying anything but itself into the answer.
func printable(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
	return clean[:min(len(clean), 40)]
}

// challengeWriter adds the challenge that a 401 must carry.
type challengeWriter struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *challengeWriter) WriteHeader(status int) {
	switch status {
	case http.StatusUnauthorized:
		challenge(w.Header())
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
	}
	w.ResponseWriter.WriteHeader(status)
}
