package conformance

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// OddServer is a registration endpoint that answers as some vendor does.
type OddServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string // METHOD path authorization body
	answer   func(w http.ResponseWriter, r *http.Request, body map[string]any)
}

// NewOddServer starts one, which lives as long as the test.
func NewOddServer(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body map[string]any)) *OddServer {
	t.Helper()
	s := &OddServer{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(raw))
		s.mu.Unlock()
		var body map[string]any
		_ = json.Unmarshal(raw, &body)
		s.answer(w, r, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// Seen lists the requests: METHOD path authorization body.
func (s *OddServer) Seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.requests...)
}

// Say makes an answer that is the same to every request.
func Say(status int, body string) func(http.ResponseWriter, *http.Request, map[string]any) {
	return func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
