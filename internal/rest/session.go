package rest

import (
	"bytes"
	"cmp"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/session"
)

// Addresses that browsers go to.
const (
	pathStart    = "/session/start"
	pathCallback = "/session/callback"
	pathSession  = "/api/v1/session"
)

// sessionCookie names the security scheme of the console's session.
const sessionCookie = "session"

const (
	cookieSession = "keyward-session"
	cookieStart   = "keyward-start-" // and the beginning of the state: two tabs may begin at once
)

func startCookie(state string) string { return cookieStart + state[:min(len(state), 12)] }

// startSession sends a browser to where its person signs in.
func (s *Server) startSession(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ask := session.Ask{Tenant: q.Get("tenant"), Via: q.Get("via"), Return: q.Get("return")}
	if from := r.Header.Get("Sec-Fetch-Site"); ask.Via != "" && (from == "cross-site" || from == "same-site") {
		// That server alone decides who comes back: nobody is taken there by a page of another site, without a word.
		s.sayWhy(w, r, keyward.Errorf(keyward.CodeForbidden, "a page of another site sent you here, to sign in through %s in tenant %s: "+
			"try again only if that is what you want", ask.Via, cmp.Or(ask.Tenant, keyward.DefaultTenant)), ask)
		return
	}
	start, err := s.deps.Sessions.Begin(r.Context(), ask)
	if err != nil {
		s.sayWhy(w, r, err, ask)
		return
	}
	http.SetCookie(w, s.cookies.Made(startCookie(start.State), start.Kept, start.Life))
	http.Redirect(w, r, start.Location, http.StatusSeeOther)
}

// finishSession takes the answer of the server, and gives the browser a session: a new one, whatever it held.
func (s *Server) finishSession(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !q.Has("state") && !q.Has("code") && !q.Has("error") { // back from signing out at a key manager
		w.Header().Set("Location", sideways(r)+"../")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	name := startCookie(q.Get("state"))
	kept := s.cookies.Of(r, name)
	http.SetCookie(w, s.cookies.Made(name, "", -time.Second))
	opened, err := s.deps.Sessions.Finish(r.Context(), kept, answeredAt(r), q, s.cookies.Of(r, cookieSession))
	if err != nil {
		s.sayWhy(w, r, err, opened.Ask)
		return
	}
	http.SetCookie(w, s.cookies.Made(cookieSession, opened.Value, 0))
	http.Redirect(w, r, opened.Return, http.StatusSeeOther)
}

// sayWhy tells a person before a browser why there is no session.
func (s *Server) sayWhy(w http.ResponseWriter, r *http.Request, err error, again session.Ask) {
	p := s.problem(r.Context(), err)
	words := []string{p.Detail}
	for _, f := range p.Errors {
		words = append(words, f.Path+" "+f.Message)
	}
	var b bytes.Buffer
	page, fault := template.New("session").Parse(sessionPage)
	view := struct {
		Style        template.CSS
		Words        []string
		Again, Other string
	}{template.CSS(style), words, sideways(r) + startAddress(again), sideways(r) + "../"} //nolint:gosec // our own constant
	if again.Return != "" && session.SafeReturn(again.Return) {
		view.Other = again.Return // the console shows the ways in at each of its pages
	}
	if fault == nil {
		fault = page.Execute(&b, view)
	}
	if fault != nil {
		s.log.ErrorContext(r.Context(), "a page could not be made", "error", fault)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy())
	w.WriteHeader(p.Status)
	_, _ = w.Write(b.Bytes()) // the reader went away: nobody is left to tell
}

// answeredAt is what follows the plain address in the one at which a server's answer comes: TENANT, TENANT/KEYMANAGER or "".
func answeredAt(r *http.Request) string {
	return strings.Trim(r.PathValue("tenant")+"/"+r.PathValue("keyManager"), "/")
}

// sideways leads from a page about sessions to where the others are: seen from the browser, whatever a proxy takes off its
// path.
func sideways(r *http.Request) string {
	return strings.Repeat("../", len(strings.FieldsFunc(answeredAt(r), func(c rune) bool { return c == '/' })))
}

// startAddress leads to where the same sign-in begins anew.
func startAddress(again session.Ask) string {
	q := url.Values{}
	for name, value := range map[string]string{"tenant": again.Tenant, "via": again.Via, "return": again.Return} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return (&url.URL{Path: "start", RawQuery: q.Encode()}).String()
}

const sessionPage = `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Not signed in · Keyward</title>
<style>{{.Style}}</style></head><body><main><h1>You are not signed in</h1>
{{range .Words}}<p>{{.}}</p>
{{end}}<p><a href="{{.Again}}">Try again</a></p>
<p><a href="{{.Other}}">Sign in another way</a></p></main></body></html>
`

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
	prefixes := []string{""}
	if u, err := url.Parse(o.PublicURL); err == nil && strings.Trim(u.Path, "/") != "" {
		prefixes = append(prefixes, strings.TrimSuffix(u.Path, "/")) // where a proxy leaves it on
	}
	for _, prefix := range prefixes {
		s.page(prefix+pathStart, s.startSession)
		s.page(prefix+pathCallback, s.finishSession)
		s.page(prefix+pathCallback+"/{tenant}", s.finishSession)
		s.page(prefix+pathCallback+"/{tenant}/{keyManager}", s.finishSession)
	}
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
		ways, err := s.deps.Sessions.Ways(ctx, in.tenant())
		if err != nil {
			return nil, err
		}
		return listed(ways), nil
	})
}

func (s *Server) page(path string, h http.HandlerFunc) {
	s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Frame-Options", "DENY")
		h(w, r)
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
	held, err := s.deps.Sessions.Who(ctx.Context(), value)
	if err != nil {
		s.refuse(ctx, err)
		return true
	}
	next(huma.WithValue(huma.WithValue(ctx, principalKey{}, held.Principal), sessionKey{}, &heldSession{held, value}))
	return true
}
