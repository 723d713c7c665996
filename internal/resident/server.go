package resident

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"keyward.dev/keyward/internal/resident/flow"
	"keyward.dev/keyward/internal/resident/peer"
	"keyward.dev/keyward/internal/resident/signin"
)

// Server speaks the protocol for any number of authorities.
type Server struct {
	handler http.Handler
	trusted []netip.Prefix // proxies whose word counts about who asks
}

// NewServer prepares the protocol for authorities at which nobody signs in. now is the clock that tokens are dated by.
func NewServer(now func() time.Time) *Server { return newServer(newProtocol(now), nil, nil) }

func newServer(p *protocol, pages *signin.Pages, trusted []netip.Prefix) *Server {
	endpoints := op.Endpoints{
		Token:         op.NewEndpoint(pathToken),
		Introspection: op.NewEndpoint(pathIntrospect),
		Revocation:    op.NewEndpoint(pathRevoke),
		JwksURI:       op.NewEndpoint(pathKeys),
		Authorization: op.NewEndpoint(flow.PathAuthorize),
		Userinfo:      op.NewEndpoint(flow.PathUserinfo),
		EndSession:    op.NewEndpoint(flow.PathEndSession),
	}
	// The guard says what other origins may read.
	framework := op.RegisterServer(p, endpoints, op.WithServerCORSOptions(nil))
	if pages == nil {
		return &Server{handler: guard(framework, nil), trusted: trusted}
	}
	return &Server{handler: guard(framework, flow.Doors(framework, pages)), trusted: trusted}
}

// Serve answers for one authority. The request's path must be the one below the issuer.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, a Authority) {
	s.handler.ServeHTTP(w, r.WithContext(withAuthority(peer.With(r.Context(), r, s.trusted), a)))
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
