package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

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

// documentRoutes serve what nobody needs a token for: the document and its page.
func (s *Server) documentRoutes() error {
	document, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	page, err := docs.Page(s.api.OpenAPI())
	if err != nil {
		return fmt.Errorf("write the page of the OpenAPI document: %w", err)
	}
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document) // the reader went away: nobody is left to tell
	})
	s.mux.HandleFunc("GET /docs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", docs.Policy())
		_, _ = w.Write(page) // as above
	})
	s.mux.HandleFunc(elsewhere, s.answerElsewhere)
	return nil
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
