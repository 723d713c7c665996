// Package entry owns the addresses that browsers go to when people begin and end to sign in to the console, and the page that says
// why somebody is not signed in. It does not own sessions, what cookies are like, nor the API's answers.
package entry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/resident/form"
	"keyward.dev/keyward/internal/resident/peer"
	"keyward.dev/keyward/internal/resident/signin"
	"keyward.dev/keyward/internal/rest/cookie"
	"keyward.dev/keyward/internal/session"
	"keyward.dev/keyward/internal/throttle"
)

// Addresses that browsers go to.
const (
	pathStart    = "/session/start"
	pathCallback = "/session/callback"
	pathLogout   = "/session/backchannel"
)

// Pages are those addresses. All fields are needed but Trusted.
type Pages struct {
	Sessions *session.Sessions
	Cookies  *cookie.Cookies
	Log      *slog.Logger
	Trusted  []netip.Prefix // proxies whose X-Forwarded-For tells who comes
	Policy   string         // Content-Security-Policy
	// Tell gives the HTTP status of an error, and what people are told of it.
	Tell func(context.Context, error) (status int, words []string)

	vain *throttle.Throttle // answers with which servers were asked in vain, by where they come from
}

// How many answers with which a key manager's server is asked in vain are taken for it from one network: some at once, then one in
// each period. A server that is asked more often than it likes lets nobody in by the console's client.
const (
	vainBurst  = 60
	vainEvery  = 2 * time.Second
	vainMemory = 10_000
)

// Routes registers the addresses, below the public URL's path too, where a proxy leaves it on.
func (p *Pages) Routes(mux *http.ServeMux, publicURL string) {
	p.vain = throttle.New(vainEvery, vainBurst, vainMemory)
	prefixes := []string{""}
	if u, err := url.Parse(publicURL); err == nil && strings.Trim(u.Path, "/") != "" {
		prefixes = append(prefixes, strings.TrimSuffix(u.Path, "/"))
	}
	for _, prefix := range prefixes {
		mux.HandleFunc("POST "+prefix+pathLogout+"/{tenant}/{keyManager}", p.endThere)
		page(mux, prefix+pathStart, p.startSession)
		page(mux, prefix+pathCallback, p.finishSession)
		page(mux, prefix+pathCallback+"/{tenant}", p.finishSession)
		page(mux, prefix+pathCallback+"/{tenant}/{keyManager}", p.finishSession)
	}
}

func page(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Frame-Options", "DENY")
		h(w, r)
	})
}

// Cookie is called what a browser holds of its session.
const Cookie = "keyward-session"

const cookieStart = "keyward-start-" // and the beginning of the state: two tabs may begin at once

func startCookie(state string) string { return cookieStart + state[:min(len(state), 12)] }

// mostStarts is how many sign-ins a browser may have under way: more cookies than these could make every request of it too
// long to be taken, and any page can send it to the start again and again.
const mostStarts = 5

// makeRoom takes what the browser keeps of other sign-ins out of it where there are too many to begin one more.
func (p *Pages) makeRoom(w http.ResponseWriter, r *http.Request) {
	under := p.Cookies.Like(r, cookieStart)
	if len(under) < mostStarts {
		return
	}
	for _, name := range under {
		http.SetCookie(w, p.Cookies.Made(name, "", -time.Second))
	}
}

// startSession sends a browser to where its person signs in.
func (p *Pages) startSession(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ask := session.Ask{Tenant: q.Get("tenant"), Via: q.Get("via"), Return: q.Get("return")}
	if from := r.Header.Get("Sec-Fetch-Site"); ask.Via != "" && (from == "cross-site" || from == "same-site") {
		// That server alone decides who comes back: nobody is taken there by a page of another site, without a word.
		p.sayWhy(w, r, keyward.Errorf(keyward.CodeForbidden, "a page of another site sent you here, to sign in through %s in tenant %s: "+
			"try again only if that is what you want", ask.Via, cmp.Or(ask.Tenant, keyward.DefaultTenant)), ask)
		return
	}
	start, err := p.Sessions.Begin(r.Context(), ask)
	if err != nil {
		p.sayWhy(w, r, err, ask)
		return
	}
	p.makeRoom(w, r)
	http.SetCookie(w, p.Cookies.Made(startCookie(start.State), start.Kept, start.Life))
	http.Redirect(w, r, start.Location, http.StatusSeeOther)
}

// finishSession takes the answer of the server, and gives the browser a session: a new one, whatever it held.
func (p *Pages) finishSession(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !q.Has("state") && !q.Has("code") && !q.Has("error") { // back from signing out at a key manager
		w.Header().Set("Location", sideways(r)+"../")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	name := startCookie(q.Get("state"))
	kept := p.Cookies.Of(r, name)
	http.SetCookie(w, p.Cookies.Made(name, "", -time.Second))
	from, now := peer.Of(peer.With(r.Context(), r, p.Trusted))+" "+answeredAt(r), time.Now()
	if wait := p.vain.Wait(from, now); wait > 0 {
		p.sayWhy(w, r, tooMany(wait), session.Ask{})
		return
	}
	opened, err := p.Sessions.Finish(r.Context(), kept, answeredAt(r), q, r.UserAgent(), p.Cookies.Of(r, Cookie))
	if err != nil {
		if keyward.CodeOf(err) == keyward.CodeKeyManagerFailed {
			p.vain.Take(from, now)
		}
		p.sayWhy(w, r, err, opened.Ask)
		return
	}
	http.SetCookie(w, p.Cookies.Made(Cookie, opened.Value, 0))
	http.Redirect(w, r, opened.Return, http.StatusSeeOther)
}

func tooMany(wait time.Duration) error {
	e := keyward.Errorf(keyward.CodeTooManyRequests, "too many sign-ins from your network came to nothing: wait a moment, then begin again")
	e.RetryAfter = wait
	return e
}

// sayWhy tells a person before a browser why there is no session.
func (p *Pages) sayWhy(w http.ResponseWriter, r *http.Request, err error, again session.Ask) {
	status, words := p.Tell(r.Context(), err)
	var b bytes.Buffer
	page, fault := template.New("session").Parse(sessionPage)
	view := struct {
		Style        string
		Words        []string
		Again, Other string
	}{sideways(r) + ".." + signin.PathStyle, words, sideways(r) + startAddress(again), sideways(r) + "../"}
	if again.Return != "" && session.SafeReturn(again.Return) {
		view.Other = again.Return // the console shows the ways in at each of its pages
	}
	if fault == nil {
		fault = page.Execute(&b, view)
	}
	if fault != nil {
		p.Log.ErrorContext(r.Context(), "a page could not be made", "error", fault)
	}
	h := w.Header()
	if told, ok := errors.AsType[*keyward.Error](err); ok && told.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(told.RetryAfter.Seconds()))))
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.Policy)
	w.WriteHeader(status)
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

// endThere takes what a key manager's server says of somebody who signed out there. It comes with no cookie: a signature says whose
// it is (OpenID Connect Back-Channel Logout 1.0, sections 2.5 and 2.8).
func (p *Pages) endThere(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	var err error = keyward.Errorf(keyward.CodeInvalidRequest, "the request has no logout_token")
	if form.Hold(w, r) != nil {
		err = keyward.Errorf(keyward.CodeInvalidRequest, "the body is too long, or did not come in time")
	} else if raw := r.PostFormValue("logout_token"); raw != "" {
		err = p.Sessions.LogOut(r.Context(), r.PathValue("tenant"), r.PathValue("keyManager"), raw)
	}
	if err == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	status, words := p.Tell(r.Context(), err)
	code := "invalid_request"
	if status >= http.StatusInternalServerError { // the server may say it again
		code = "temporarily_unavailable"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{ // the server went away: nobody is left to tell
		"error": code, "error_description": strings.Join(words, "; "),
	})
}

const sessionPage = `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Not signed in · Keyward</title><link rel="stylesheet" href="{{.Style}}"></head><body><main>
<p class="brand">Keyward</p><h1>You are not signed in</h1>
{{range .Words}}<p class="lead">{{.}}</p>
{{end}}<ul class="links"><li><a href="{{.Again}}">Try again</a></li>
<li><a href="{{.Other}}">Sign in another way</a></li></ul></main></body></html>
`
