// Package rest owns the HTTP door of the management plane: addresses, authentication by API token and session, the OpenAPI
// document and its page, and how use cases' answers and errors look on the wire. It does not own any rule about
// objects or who may do what: those are control's and keys'.
package rest

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/health"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/ownclient"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/rest/cookie"
	"keyward.dev/keyward/internal/rest/fair"
	"keyward.dev/keyward/internal/rest/packed"
	"keyward.dev/keyward/internal/rest/precondition"
	"keyward.dev/keyward/internal/rest/query"
	"keyward.dev/keyward/internal/session"
	"keyward.dev/keyward/internal/tryout"
)

// Limits of request bodies, in bytes. An apply carries many manifests at once, with OpenAPI documents in them.
const (
	maxBody      = 4 << 20
	maxApplyBody = 32 << 20
	bodyTimeout  = 30 * time.Second
)

// Deps are what the door opens to.
type Deps struct {
	Control   *control.Control
	Keys      *keys.Keys
	Probe     *probe.Probe
	Health    *health.Monitor
	Explainer Explainer

	Reconciler *reconcile.Reconciler
	OwnClients *ownclient.Clients
	Sessions   *session.Sessions
	Caller     *tryout.Caller
	// PasswordLink gives the address of a one-time link's value in a tenant.
	PasswordLink func(tenant, value string) string
}

// Options describe this process.
type Options struct {
	Version   string       // of the program, for the OpenAPI document
	PublicURL string       // how browsers reach this server
	Gateway   string       // how callers reach the gateway; "" = not known here
	Log       *slog.Logger // nil = silent
	// TrustedPeers are proxies whose X-Forwarded-For tells who comes back from a sign-in.
	TrustedPeers []netip.Prefix
}

// Server is the REST API with its document.
type Server struct {
	deps Deps
	log  *slog.Logger

	cookies *cookie.Cookies
	mux     *http.ServeMux
	handler http.Handler // mux, between what reads preconditions and what compresses answers
	api     huma.API
}

// New registers every route. It fails where a dependency is missing, or PublicURL cannot be read.
func New(d Deps, o Options) (*Server, error) {
	if d.Control == nil || d.Keys == nil || d.Probe == nil || d.Health == nil || d.Explainer == nil || d.Reconciler == nil ||
		d.PasswordLink == nil || d.OwnClients == nil || d.Sessions == nil || d.Caller == nil {
		return nil, errors.New("the REST API needs control, keys, checks, health, a reconciler, the console's clients, an explainer, " +
			"sessions and a caller")
	}
	made, err := cookie.New(o.PublicURL)
	if err != nil {
		return nil, err
	}
	s := &Server{deps: d, log: o.Log, mux: http.NewServeMux(), cookies: made}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.api = humago.New(s.mux, configuration(o.Version))
	s.api.UseMiddleware(s.authenticate, fair.New(person, s.refuse).Pass, s.readable)
	s.objectRoutes()
	s.searchRoute()
	s.applyRoutes()
	s.tokenRoutes()
	s.gatewayRoutes()
	s.keysRoutes()
	s.subscriptionApprovalRoutes()
	s.reconcileRoutes()
	s.ownClientRoutes()
	s.explainRoutes()
	s.decisionRoutes()
	s.tryRoute()
	s.openAPIRoutes()
	s.defaultRoute()
	s.holdRoutes()
	s.checkRoutes()
	s.usagesRoutes()
	s.healthRoutes()
	s.discoverRoute()
	s.sessionRoutes(o)
	s.sessionListRoutes()
	s.documentRoutes()
	answers, err := packed.Answers(s.mux)
	if err != nil {
		return nil, err
	}
	s.handler = precondition.Normalize(answers)
	return s, nil
}

func configuration(version string) huma.Config {
	json := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: huma.DefaultJSONFormat.Unmarshal}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Keyward", Version: version,
				Description: "The management plane. Bodies are manifests as JSON; errors are problem documents (RFC 9457) " +
					"with a stable code.",
			},
			Components: &huma.Components{
				Schemas: schemas(),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					apiToken: {Type: "http", Scheme: "bearer", Description: "An API token, as made by keyward token create."},
					sessionCookie: {
						Type: "apiKey", In: "cookie", Name: cookieSession,
						Description: "The console's session, begun at /session/start. Its name begins with __Host- where the public " +
							"URL is https; requests of other origins are refused.",
					},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": json, "json": json},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{plainProblem},
	}
}

// apiToken names the security scheme of every operation.
const apiToken = "apiToken"

// MarkHeader is in every answer of the API, refusals included, with the API's version: whoever calls it can tell it from
// another server that says yes to everything.
const MarkHeader = "X-Keyward-Api"

// Handler serves /api/v1, /openapi.json and /docs.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		marked(w.Header(), r)
		s.handler.ServeHTTP(w, r)
	})
}

func marked(h http.Header, r *http.Request) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if strings.HasPrefix(r.URL.Path, "/api/") {
		h.Set("Cache-Control", "no-store")
		h.Set(MarkHeader, "v1")
	}
}

type principalKey struct{}

// authenticate lets only valid API tokens and sessions through, before any body is read. An Authorization field counts
// before a cookie; what needs neither says so in the document.
func (s *Server) authenticate(ctx huma.Context, next func(huma.Context)) {
	if security := ctx.Operation().Security; security != nil && len(security) == 0 {
		next(ctx)
		return
	}
	token, ok := bearer(ctx)
	if !ok {
		if ctx.Header("Authorization") == "" && s.bySession(ctx, next) {
			return
		}
		s.refuse(ctx, keyward.Errorf(keyward.CodeUnauthenticated, "sign in, or send an API token: Authorization: Bearer …"))
		return
	}
	p, err := s.deps.Control.Authenticate(ctx.Context(), token)
	if err != nil {
		s.refuse(ctx, err)
		return
	}
	next(huma.WithValue(ctx, principalKey{}, p))
}

// readable refuses a query that would be read in part, and a body that says it is something else. A form or plain text is what
// a page of another host can make a browser send; what is compressed may be a thousand times as long as it looks.
func (s *Server) readable(ctx huma.Context, next func(huma.Context)) {
	if err := query.Fault(ctx.Operation(), ctx.URL()); err != nil {
		s.refuse(ctx, err)
		return
	}
	if coding := ctx.Header("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		ctx.SetHeader("Accept-Encoding", "identity") // RFC 9110, section 15.5.16
		s.refuse(ctx, keyward.Errorf(keyward.CodeUnsupportedMedia, "send the body as it is, not with Content-Encoding %q", coding))
		return
	}
	given := ctx.Header("Content-Type")
	if op := ctx.Operation(); given != "" && op.RequestBody != nil {
		kind, _, err := mime.ParseMediaType(given)
		if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
			s.refuse(ctx, keyward.Errorf(keyward.CodeUnsupportedMedia, "send the body as application/json, not %q", given))
			return
		}
	}
	next(ctx)
}

// bearer gives the token of the one Authorization field (RFC 6750, section 2.1).
func bearer(ctx huma.Context) (string, bool) {
	r, _ := humago.Unwrap(ctx)
	fields := r.Header.Values("Authorization")
	if len(fields) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(fields[0], " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

func principal(ctx context.Context) keyward.Principal {
	p, _ := ctx.Value(principalKey{}).(keyward.Principal)
	return p
}

// person names who makes a request; "" for nobody.
func person(ctx huma.Context) string { return principal(ctx.Context()).Actor() }

// refuse answers before a handler is reached.
func (s *Server) refuse(ctx huma.Context, err error) {
	r, w := humago.Unwrap(ctx)
	s.tell(w, r, err)
}

// tell answers with a problem document.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(r.Context(), err)
	maps.Copy(w.Header(), p.GetHeaders())
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = huma.DefaultJSONFormat.Marshal(w, p) // the client went away: nobody is left to tell
}
