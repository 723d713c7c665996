package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/rest/docs"
)

// Document gives the OpenAPI document as YAML.
func (s *Server) Document() ([]byte, error) {
	text, err := s.api.OpenAPI().YAML()
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return text, nil
}

// documentRoutes serve what nobody needs a token for: the document and its page. Each is written when it is first asked for,
// which takes longer than all else of a control plane's start.
func (s *Server) documentRoutes() {
	s.serveOnce("GET /openapi.json", "application/json", "", func() ([]byte, error) { return json.Marshal(s.api.OpenAPI()) })
	s.serveOnce("GET /docs", "text/html; charset=utf-8", docs.Policy(), func() ([]byte, error) { return docs.Page(s.api.OpenAPI()) })
	s.mux.HandleFunc(elsewhere, s.answerElsewhere)
}

// serveOnce serves what is the same for everybody.
func (s *Server) serveOnce(pattern, contentType, policy string, write func() ([]byte, error)) {
	written := sync.OnceValues(write)
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		text, err := written()
		if err != nil {
			s.tell(w, r, fmt.Errorf("write what %s gives: %w", pattern, err))
			return
		}
		w.Header().Set("Content-Type", contentType)
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		_, _ = w.Write(text) // the reader went away: nobody is left to tell
	})
}

// elsewhere is the pattern of everything that no route takes.
const elsewhere = "/api/"

// Missing says that there is nothing at an address.
func (s *Server) Missing(w http.ResponseWriter, r *http.Request) {
	marked(w.Header(), r)
	s.tell(w, r, nothingAt(r))
}

// answerElsewhere tells an address that does not exist from one that exists with other methods.
func (s *Server) answerElsewhere(w http.ResponseWriter, r *http.Request) {
	err := nothingAt(r)
	if allowed := s.methods(r); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		err = keyward.Errorf(keyward.CodeMethodNotAllowed, "%s takes %s, not %s",
			r.URL.Path, strings.Join(allowed, ", "), r.Method)
	}
	s.tell(w, r, err)
}

func nothingAt(r *http.Request) error {
	return keyward.Errorf(keyward.CodeNotFound, "there is no %s %s; /docs lists what there is", r.Method, r.URL.Path)
}

// methods lists those that the request's address has routes for.
func (s *Server) methods(r *http.Request) []string {
	var allowed []string
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := s.mux.Handler(probe); pattern != elsewhere && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}
