// Package issuer owns a small authorization server for tests that can lie: it publishes keys, metadata and
// introspection answers over real HTTP, mints any token however malformed, fails on command, and remembers every
// request. It does not own good behaviour: the real servers in the rooms beside it show that.
package issuer

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward/internal/testbed"
)

// Who may introspect.
const (
	IntrospectionClient = "gateway"
	IntrospectionSecret = "gateway-secret"
)

// Answer is a fixed answer of a path, in place of the true one.
type Answer struct {
	Status   int // default 200
	Type     string
	Body     string
	Location string        // of a redirect
	Delay    time.Duration // before anything is sent
	HangUp   bool          // close the connection instead
}

// Request is one that the issuer has seen.
type Request struct {
	Method string
	Path   string
	Auth   string // the Authorization header
	Form   string // the body
}

// Issuer is a running server.
type Issuer struct {
	URL    string // http://127.0.0.1:PORT
	Issuer string // iss of its tokens; the URL unless changed before use
	server *httptest.Server

	mu      sync.Mutex
	keys    []*Key
	answers map[string]Answer
	opaque  map[string]map[string]any
	seen    []Request
	tokens  int
}

// Start runs an issuer with one key of the algorithm. It is stopped with the test.
func Start(t testbed.TB, kid, algorithm string) *Issuer {
	t.Helper()
	key, err := NewKey(kid, algorithm)
	if err != nil {
		t.Fatalf("%v", err)
	}
	i := &Issuer{keys: []*Key{key}, answers: map[string]Answer{}, opaque: map[string]map[string]any{}}
	i.server = httptest.NewServer(http.HandlerFunc(i.serve))
	i.URL, i.Issuer = i.server.URL, i.server.URL
	t.Cleanup(i.Close)
	return i
}

// Close stops the server; it refuses connections from then on.
func (i *Issuer) Close() {
	i.server.CloseClientConnections()
	i.server.Close()
}

// Key is the first published key.
func (i *Issuer) Key() *Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0]
}

// SetKeys publishes these keys, the first of which signs.
func (i *Issuer) SetKeys(keys ...*Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Fix makes a path answer this until Mend.
func (i *Issuer) Fix(path string, a Answer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answers[path] = a
}

// Mend makes every path answer truly again.
func (i *Issuer) Mend() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.answers)
}

// SetOpaque makes the introspection endpoint know an opaque token (RFC 7662, section 2.2). Nil forgets it.
func (i *Issuer) SetOpaque(token string, answer map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if answer == nil {
		delete(i.opaque, token)
		return
	}
	i.opaque[token] = answer
}

// Seen gives the requests to a path since Forget; an empty path gives all.
func (i *Issuer) Seen(path string) []Request {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(i.seen), func(r Request) bool { return path != "" && r.Path != path })
}

// Forget empties the memory of requests.
func (i *Issuer) Forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seen = nil
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	i.mu.Lock()
	i.seen = append(i.seen, Request{Method: r.Method, Path: r.URL.Path, Auth: r.Header.Get("Authorization"), Form: string(body)})
	fixed, isFixed := i.answers[r.URL.Path]
	i.mu.Unlock()
	if isFixed {
		fixed.send(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server":
		writeJSON(w, i.metadata())
	case "/jwks":
		i.mu.Lock()
		set, err := JWKS(i.keys...)
		i.mu.Unlock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, set)
	case "/introspect":
		i.introspect(w, r, string(body))
	default:
		http.NotFound(w, r)
	}
}

func (a Answer) send(w http.ResponseWriter, r *http.Request) {
	if a.Delay > 0 {
		select {
		case <-time.After(a.Delay):
		case <-r.Context().Done():
			return
		}
	}
	if a.HangUp {
		panic(http.ErrAbortHandler)
	}
	kind := a.Type
	if kind == "" {
		kind = "application/json"
	}
	w.Header().Set("Content-Type", kind)
	if a.Location != "" {
		w.Header().Set("Location", a.Location)
	}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}

func (i *Issuer) metadata() map[string]any {
	return map[string]any{
		"issuer": i.Issuer, "jwks_uri": i.URL + "/jwks", "token_endpoint": i.URL + "/token",
		"introspection_endpoint": i.URL + "/introspect", "revocation_endpoint": i.URL + "/revoke",
		"authorization_endpoint": i.URL + "/authorize", "registration_endpoint": i.URL + "/register",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"grant_types_supported":                 []string{"client_credentials"},
	}
}

func (i *Issuer) introspect(w http.ResponseWriter, r *http.Request, body string) {
	id, secret, _ := r.BasicAuth()
	form, _ := url.ParseQuery(body) // a fault in it leaves the rest
	if id == "" {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if id != IntrospectionClient || secret != IntrospectionSecret {
		w.WriteHeader(http.StatusUnauthorized)
		writeJSON(w, map[string]any{"error": "invalid_client"})
		return
	}
	i.mu.Lock()
	answer, known := i.opaque[form.Get("token")]
	i.mu.Unlock()
	if !known {
		answer = map[string]any{"active": false}
	}
	writeJSON(w, answer)
}

func writeJSON(w http.ResponseWriter, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	_ = json.NewEncoder(w).Encode(v)
}

// HostPort is the server's address without the scheme.
func (i *Issuer) HostPort() string { return strings.TrimPrefix(i.URL, "http://") }
