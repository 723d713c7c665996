package resident

import (
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// Server speaks the protocol for any number of authorities.
type Server struct {
	handler http.Handler
}

// NewServer prepares the protocol. now is the clock that tokens are dated by.
func NewServer(now func() time.Time) *Server {
	endpoints := op.Endpoints{
		Token:         op.NewEndpoint(pathToken),
		Introspection: op.NewEndpoint(pathIntrospect),
		Revocation:    op.NewEndpoint(pathRevoke),
		JwksURI:       op.NewEndpoint(pathKeys),
	}
	// No cross-origin access: every caller that has a secret is a server.
	framework := op.RegisterServer(newProtocol(now), endpoints, op.WithServerCORSOptions(nil))
	return &Server{handler: guard(framework)}
}

// Serve answers for one authority. The request's path must be the one below the issuer.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, a Authority) {
	s.handler.ServeHTTP(w, r.WithContext(withAuthority(withPeer(r.Context(), r), a)))
}

// Alone gives a handler for a single authority whose issuer is the root of a listener. RFC 8414's address is served
// too.
func (s *Server) Alone(a Authority) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pathMetadata {
			r = withPath(r, pathDiscovery)
		}
		s.Serve(w, r, a)
	})
}

// withPath gives a request for another path. Only decoded paths count from here on.
func withPath(r *http.Request, path string) *http.Request {
	clone := r.Clone(r.Context())
	clone.URL.Path, clone.URL.RawPath = path, ""
	return clone
}
