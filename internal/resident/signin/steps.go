package signin

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keyward.dev/keyward/internal/account"
)

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// action gives a form's address: the page's own name, with the request that it is about.
func action(path string, r *http.Request) string {
	_, name, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if r.URL.RawQuery != "" {
		name += "?" + r.URL.Query().Encode()
	}
	return name
}

// asked gives what the authorization request in the address wants. Without one there is none; one that cannot be
// answered is told, and ok is false.
func (p *Pages) asked(w http.ResponseWriter, r *http.Request) (ask *Ask, ok bool) {
	query := r.URL.Query()
	if !query.Has("client_id") {
		return nil, true
	}
	ask, err := p.asker.Ask(r.Context(), query)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		p.Refuse(w, r, http.StatusBadRequest, refusal.Reason)
	case err != nil:
		p.fail(w, r, err)
	}
	return ask, err == nil
}

func signInView(r *http.Request, ask *Ask, name string) view {
	v := view{
		Title: textSignIn, Action: action(PathSignIn, r),
		Fields: []field{
			{Name: "name", Label: textName, Type: "text", Autocomplete: "username", Value: name, Focus: name == ""},
			{Name: "password", Label: textPassword, Type: "password", Autocomplete: "current-password", Focus: name != ""},
		},
		Buttons: []button{{Label: textSignIn}}, Links: []link{{Label: textForgotten}},
	}
	if ask != nil {
		v.Lead, v.callback = []string{textSignInTo + ask.Application}, ask.Callback
	}
	return v
}

func (p *Pages) showSignIn(w http.ResponseWriter, r *http.Request) {
	ask, ok := p.asked(w, r)
	if !ok {
		return
	}
	p.show(w, r, http.StatusOK, signInView(r, ask, clip(r.URL.Query().Get("login_hint"))))
}

func clip(name string) string { return name[:min(len(name), 200)] }

func (p *Pages) signIn(w http.ResponseWriter, r *http.Request) {
	ask, ok := p.asked(w, r)
	if !ok {
		return
	}
	name, text := clip(strings.TrimSpace(r.PostForm.Get("name"))), r.PostForm.Get("password")
	v := signInView(r, ask, name)
	switch {
	case !p.sent(w, r):
		p.show(w, r, http.StatusForbidden, v.failing("", textFormOld))
		return
	case name == "":
		v = v.failing("name", textNameMissing)
	case text == "":
		v = v.failing("password", textPassMissing)
	}
	if len(v.Faults) > 0 {
		p.show(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	a, err := p.prove(r, name, text)
	if err != nil {
		p.refusePassword(w, r, v, "name", textWrong, err)
		return
	}
	err = p.begin(w, r, a)
	switch {
	case errors.Is(err, account.ErrNone): // by now
		p.refusePassword(w, r, v, "name", textWrong, errPassword)
	case err != nil:
		p.fail(w, r, err)
	default:
		p.onward(w, r)
	}
}

// refusePassword tells why a password was not taken.
func (p *Pages) refusePassword(w http.ResponseWriter, r *http.Request, v view, at, wrong string, err error) {
	var late *errWait
	switch {
	case errors.As(err, &late):
		seconds := int(math.Ceil(late.wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		p.show(w, r, http.StatusTooManyRequests, v.failing("", fmt.Sprintf(textTooMany, seconds)))
	case errors.Is(err, errPassword):
		p.show(w, r, http.StatusUnprocessableEntity, v.failing(at, wrong))
	default:
		p.fail(w, r, err)
	}
}

// onward leads from a page to where people wanted to go: back to the authorization request, which is judged anew.
func (p *Pages) onward(w http.ResponseWriter, r *http.Request) {
	place, query := PlaceOf(r.Context()), r.URL.Query()
	if !query.Has("client_id") {
		http.Redirect(w, r, place.Address(PathAccount, nil), http.StatusSeeOther)
		return
	}
	// What asked for this sign-in has been done.
	prompts := slices.DeleteFunc(strings.Fields(query.Get("prompt")), func(s string) bool {
		return s == "login" || s == "select_account"
	})
	if query.Del("prompt"); len(prompts) > 0 {
		query.Set("prompt", strings.Join(prompts, " "))
	}
	if query.Get("max_age") == "0" {
		query.Del("max_age")
	}
	query.Set(Answered, "1")
	http.Redirect(w, r, place.Address(pathAuthorize, query), http.StatusSeeOther) //nolint:gosec // below our own issuer
}

// present gives who is signed in, or leads to the page where one does that.
func (p *Pages) present(w http.ResponseWriter, r *http.Request) *Signed {
	signed, err := p.Browser(r.Context(), r.Header)
	switch {
	case err != nil:
		p.fail(w, r, err)
	case signed == nil:
		to := PlaceOf(r.Context()).Address(PathSignIn, r.URL.Query())
		http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // below our own issuer
	}
	return signed
}

// ScopeText says what a scope lets an application do.
func scopeText(scope string) string {
	switch scope {
	case "openid":
		return textScopeOpenID
	case "profile":
		return textScopeProfile
	case "email":
		return textScopeEmail
	case "offline_access":
		return textScopeOffline
	default:
		return fmt.Sprintf(textScopeOther, scope)
	}
}

func consentView(r *http.Request, ask *Ask, s *Signed) view {
	v := view{
		Title: fmt.Sprintf(textConsent, ask.Application), Lead: []string{fmt.Sprintf(textConsentAs, s.Account.Name())},
		Action: action(PathConsent, r), callback: ask.Callback,
		Buttons: []button{
			{Name: "decision", Value: "allow", Label: textAllow}, {Name: "decision", Value: "deny", Label: textDeny, Plain: true},
		},
	}
	for _, scope := range ask.Scopes {
		v.List = append(v.List, scopeText(scope))
	}
	if len(v.List) == 0 {
		v.List = []string{textScopeNothing}
	}
	return v
}

func (p *Pages) showConsent(w http.ResponseWriter, r *http.Request) {
	if ask, ok := p.asked(w, r); ok && ask != nil {
		if signed := p.present(w, r); signed != nil {
			p.show(w, r, http.StatusOK, consentView(r, ask, signed))
		}
	} else if ok {
		p.leading(w, r, http.StatusNotFound, note(textNotFound, textNotFoundLead))
	}
}

// consent has the authorization request answered with the user's decision.
func (p *Pages) consent(authorize http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ask, ok := p.asked(w, r)
		if !ok {
			return
		}
		signed := p.present(w, r)
		if signed == nil {
			return
		}
		decision := r.PostForm.Get("decision")
		if ask == nil || decision != "allow" && decision != "deny" {
			p.leading(w, r, http.StatusNotFound, note(textNotFound, textNotFoundLead))
			return
		}
		if !p.sent(w, r) {
			p.show(w, r, http.StatusForbidden, consentView(r, ask, signed).failing("", textFormOld))
			return
		}
		again := r.Clone(withDecision(r.Context(), decision == "allow"))
		again.Method, again.URL.Path, again.Body, again.Form, again.PostForm = http.MethodGet, pathAuthorize, http.NoBody, nil, nil
		authorize.ServeHTTP(w, again)
	}
}

func (p *Pages) showSignOut(w http.ResponseWriter, r *http.Request) {
	signed, err := p.Browser(r.Context(), r.Header)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if signed == nil {
		p.farewell(w, r)
		return
	}
	p.show(w, r, http.StatusOK, p.signOutView(r, signed))
}

func (p *Pages) signOutView(r *http.Request, s *Signed) view {
	return view{
		Title: textSignOut, Lead: []string{fmt.Sprintf(textSignOutLead, s.Account.Name())}, Action: action(PathSignOut, r),
		callback: p.asker.Farewell(r.Context(), r.URL.Query()),
		Buttons:  []button{{Label: textSignOutDo}}, Links: []link{{p.options.Home, textStay}},
	}
}

func (p *Pages) signOut(w http.ResponseWriter, r *http.Request) {
	signed, err := p.Browser(r.Context(), r.Header)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if signed != nil && !p.sent(w, r) {
		p.show(w, r, http.StatusForbidden, p.signOutView(r, signed).failing("", textFormOld))
		return
	}
	if err := p.end(w, r); err != nil {
		p.fail(w, r, err)
		return
	}
	p.farewell(w, r)
}

// farewell leads to where the client wants people who signed out, or says that they have.
func (p *Pages) farewell(w http.ResponseWriter, r *http.Request) {
	to := p.asker.Farewell(r.Context(), r.URL.Query())
	if to == "" {
		to = PlaceOf(r.Context()).Address(PathSignedOut, url.Values{})
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // registered to the letter, or our own
}

func (p *Pages) showSignedOut(w http.ResponseWriter, r *http.Request) {
	v := note(textSignedOut, textSignedOutLead)
	v.Links = []link{{p.options.Home, textAgain}}
	p.show(w, r, http.StatusOK, v)
}
