package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/resident/signin"
	"keyward.dev/keyward/internal/rest/entry"
	"keyward.dev/keyward/internal/session"
)

const pathSession = "/api/v1/session"

// sessionCookie names the security scheme of the console's session.
const sessionCookie = "session"

const cookieSession = entry.Cookie

// SessionAnswer says who asks.
type SessionAnswer struct {
	User       string         `json:"user" doc:"As owners and the audit trail name them"`
	Name       string         `json:"name" doc:"What to call the person; nothing is decided by it"`
	Tenant     string         `json:"tenant"`
	Tenants    []string       `json:"tenants" doc:"Those whose objects they may see"`
	Roles      []keyward.Role `json:"roles"`
	Groups     []string       `json:"groups"`
	Gateway    string         `json:"gateway,omitempty" doc:"How callers reach the gateway, where that is known here"`
	KeyManager string         `json:"keyManager,omitempty" doc:"By which they signed in; absent for an account of the tenant"`
	Subject    string         `json:"subject,omitempty" doc:"sub at that key manager"`
	Since      *time.Time     `json:"since,omitempty" doc:"When they signed in; absent with an API token"`
	Expires    *time.Time     `json:"expires,omitempty" doc:"When the session ends in any case"`
	IdleUntil  *time.Time     `json:"idleUntil,omitempty" doc:"When it ends without a further request"`
}

// EndedAnswer says where the browser goes on.
type EndedAnswer struct {
	EndSession string `json:"endSession" doc:"Address at the key manager by which the person came: the browser signs out there too"`
}

// gone answers with a cookie that is taken out of the browser: 200 where there is something to go on to, else 204.
type gone struct {
	Status    int
	SetCookie string `header:"Set-Cookie"`
	Body      *EndedAnswer
}

func (s *Server) sessionRoutes(o Options) {
	pages := entry.Pages{
		Sessions: s.deps.Sessions, Cookies: s.cookies, Log: s.log, Trusted: o.TrustedPeers, Policy: signin.Policy(),
		Tell: func(ctx context.Context, err error) (int, []string) {
			p := s.problem(ctx, err)
			words := []string{p.Detail}
			for _, f := range p.Errors {
				words = append(words, f.Path+" "+f.Message)
			}
			return p.Status, words
		},
	}
	pages.Routes(s.mux, o.PublicURL)
	tags := []string{"session"}
	route(s, huma.Operation{
		OperationID: "get-session", Method: http.MethodGet, Path: pathSession, Tags: tags, Summary: "Who asks, and for how long",
	}, func(ctx context.Context, p keyward.Principal, _ *TenantQuery) (*answerOf[SessionAnswer], error) {
		tenants, err := s.deps.Control.TenantsOf(ctx, p)
		if err != nil {
			return nil, err
		}
		a := SessionAnswer{
			User: p.User, Name: p.User, Tenant: p.Tenant, Tenants: tenants, Roles: append([]keyward.Role{}, p.Roles...),
			Groups: append([]string{}, p.Groups...), Gateway: o.Gateway,
		}
		if held, ok := ctx.Value(sessionKey{}).(*heldSession); ok {
			a.Name, a.KeyManager, a.Subject = held.Shown, held.Via, held.Subject
			a.Since, a.Expires, a.IdleUntil = &held.Since, &held.Expires, &held.IdleUntil
		}
		return &answerOf[SessionAnswer]{Body: a}, nil
	})
	route(s, huma.Operation{
		OperationID: "end-session", Method: http.MethodDelete, Path: pathSession, Tags: tags,
		Summary:   "Sign out: the session, and the browser at the tenant's authorization server",
		Responses: map[string]*huma.Response{"204": {Description: "Signed out, and there is nowhere to go on to"}},
	}, func(ctx context.Context, _ keyward.Principal, _ *TenantQuery) (*gone, error) {
		held, ok := ctx.Value(sessionKey{}).(*heldSession)
		if !ok {
			return &gone{Status: http.StatusNoContent}, nil // an API token has none
		}
		farewell, err := s.deps.Sessions.End(ctx, held.value)
		out := &gone{Status: http.StatusNoContent, SetCookie: s.cookies.Made(cookieSession, "", -time.Second).String()}
		if farewell != "" {
			out.Status, out.Body = http.StatusOK, &EndedAnswer{EndSession: farewell}
		}
		return out, err
	})
	route(s, huma.Operation{
		OperationID: "list-session-ways", Method: http.MethodGet, Path: pathSession + "/ways", Tags: tags,
		Summary: "How people of the tenant can sign in", Security: []map[string][]string{},
	}, func(ctx context.Context, _ keyward.Principal, in *TenantQuery) (*answerOf[Listing[session.Offer]], error) {
		return whole(s.deps.Sessions.Ways(ctx, in.tenant()))
	})
}

type sessionKey struct{}

// heldSession is the session of a request, with what the browser holds.
type heldSession struct {
	*session.Session

	value string
}

// bySession lets a browser with a session through. What another origin makes the browser send is refused, for the cookie
// goes along with that too.
func (s *Server) bySession(ctx huma.Context, next func(huma.Context)) bool {
	r, _ := humago.Unwrap(ctx)
	value := s.cookies.Of(r, cookieSession)
	if value == "" {
		return false
	}
	if err := s.cookies.Ours(r); err != nil {
		s.refuse(ctx, keyward.Errorf(keyward.CodeForbidden,
			"with a session, only our own pages may send this: it came from another origin"))
		return true
	}
	held, err := s.deps.Sessions.Who(ctx.Context(), value, s.cookies.Idle(r))
	if err != nil {
		s.refuse(ctx, err)
		return true
	}
	next(huma.WithValue(huma.WithValue(ctx, principalKey{}, held.Principal), sessionKey{}, &heldSession{held, value}))
	return true
}

// PeopleQuery says whose sessions are meant.
type PeopleQuery struct {
	User      string `query:"user" doc:"As owners and the audit trail name the person; default is who asks"`
	Everybody bool   `query:"everybody" doc:"Everybody's in the tenant, 500 at most; for administrators"`
}

type sessionsInput struct {
	TenantQuery
	PeopleQuery
}

// person is whose sessions are meant; "" = everybody's.
func (in *sessionsInput) person(p keyward.Principal) string {
	switch {
	case in.Everybody:
		return ""
	case in.User != "":
		return in.User
	default:
		return p.User
	}
}

// EndSessionsBody says who is signed out everywhere.
type EndSessionsBody struct {
	User string `json:"user,omitempty" doc:"As owners and the audit trail name the person; default is who asks"`
}

// sessionListRoutes serve the sessions that people have.
func (s *Server) sessionListRoutes() {
	const path = "/api/v1/sessions"
	sessions, tags := s.deps.Sessions, []string{"session"}
	route(s, huma.Operation{
		OperationID: "list-sessions", Method: http.MethodGet, Path: path, Tags: tags,
		Summary: "A person's sessions at the console, those that were used last first; administrators see everybody's",
	}, func(ctx context.Context, p keyward.Principal, in *sessionsInput) (*answerOf[Listing[session.Listed]], error) {
		value := ""
		if held, ok := ctx.Value(sessionKey{}).(*heldSession); ok {
			value = held.value
		}
		return whole(sessions.List(ctx, p, in.tenantOf(p), in.person(p), value))
	})
	route(s, huma.Operation{
		OperationID: "get-group", Method: http.MethodGet, Path: "/api/v1/groups/{name}", Tags: tags,
		Summary: "Who comes into a group by rules of key managers; its users are listed by group",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[session.Group], error) {
		return answered(sessions.Group(ctx, p, in.tenant(), in.Name))
	})
	route(s, huma.Operation{
		OperationID: "end-one-session", Method: http.MethodDelete, Path: path + "/{id}", Tags: tags,
		Summary: "End one of one's own sessions; administrators end everybody's",
	}, func(ctx context.Context, p keyward.Principal, in *idInput) (*nothing, error) {
		return &nothing{}, sessions.EndByID(ctx, p, in.ID)
	})
	accept(s, huma.Operation{
		OperationID: "end-sessions", Method: http.MethodPost, Path: path + "/end", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Sign a person out everywhere: the console, and browsers and applications at the tenant's authorization server",
	}, func(ctx context.Context, p keyward.Principal, tenant string, body EndSessionsBody) (*EndSessionsBody, error) {
		if body.User == "" {
			tenant, body.User = p.Tenant, p.User
		}
		return &body, sessions.EndAll(ctx, p, tenant, body.User)
	})
}

// tenantOf is the tenant that is named, or else the principal's own.
func (t TenantQuery) tenantOf(p keyward.Principal) string {
	if t.Tenant == "" {
		return p.Tenant
	}
	return t.Tenant
}
