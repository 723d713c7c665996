package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// echo is what the backend saw of a request; it is also the backend's answer.
type echo struct {
	Method  string      `json:"method"`
	URI     string      `json:"uri"` // the request-target as it came in
	Host    string      `json:"host"`
	Proto   string      `json:"proto"`
	Header  http.Header `json:"header"`
	Trailer http.Header `json:"trailer"`
	Body    string      `json:"body"`
}

// upstream is a backend that remembers every request.
type upstream struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []echo
	routes map[string]http.HandlerFunc // by path, in place of the echo
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{routes: map[string]http.HandlerFunc{}}
	u.Server = httptest.NewServer(u)
	t.Cleanup(func() {
		u.CloseClientConnections()
		u.Close()
	})
	return u
}

// handle serves a path differently; set it before traffic flows.
func (u *upstream) handle(path string, h http.HandlerFunc) { u.routes[path] = h }

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, ok := u.routes[r.URL.Path]; ok {
		u.record(r, "")
		h(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e := u.record(r, string(body))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(e)
}

func (u *upstream) record(r *http.Request, body string) echo {
	e := echo{
		Method: r.Method, URI: r.RequestURI, Host: r.Host, Proto: r.Proto, Header: r.Header, Trailer: r.Trailer, Body: body,
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = append(u.seen, e)
	return e
}

// count is how many requests have come through.
func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.seen)
}
