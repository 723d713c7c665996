package signin

import (
	"bytes"
	_ "embed"
	"net/http"
	"net/url"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/resident/form"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText []byte

// view is what a page shows. Only what is set is there.
type view struct {
	Title   string
	Lead    []string
	List    []string
	Code    string // shown as it is
	Faults  []fault
	Action  string // where the form goes: below the folder of the pages
	Token   string
	Hidden  []hidden
	Fields  []field
	Buttons []button
	Links   []link

	callback string // where the form may lead in the end
}

type fault struct{ Field, Text string }

type hidden struct{ Name, Value string }

type field struct {
	Name, Label, Type, Autocomplete, Value, Hint string
	Fault                                        string
	Focus                                        bool
}

type button struct {
	Name, Value, Label string
	Plain              bool // not the one that most people want
}

type link struct{ Address, Label string }

// Brand is the name over every page.
func (v view) Brand() string { return textBrand }

// Problem heads the list of faults.
func (v view) Problem() string { return textProblem }

// Tag begins the title of a page with faults, so that a screen reader tells at once.
func (v view) Tag() string {
	if len(v.Faults) > 0 {
		return textErrorTag
	}
	return ""
}

func note(title string, lead ...string) view { return view{Title: title, Lead: lead} }

// failing adds a fault to the page and to its field.
func (v view) failing(name, text string) view {
	v.Faults = append(v.Faults, fault{name, text})
	for i := range v.Fields {
		if v.Fields[i].Name == name {
			v.Fields[i].Fault = text
		}
	}
	return v
}

// Policy is the Content-Security-Policy of a page whose form leads to the addresses: no script at all, our own style
// sheet, in nobody's frame. A browser holds form-action against redirects too, so the client's origin is named.
func Policy(addresses ...string) string {
	targets := []string{"'self'"}
	for _, address := range addresses {
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Scheme == "":
		case u.Scheme == "http" || u.Scheme == "https":
			if !strings.ContainsAny(u.Host, " ;,'\"") {
				targets = append(targets, u.Scheme+"://"+u.Host)
			}
		default:
			targets = append(targets, u.Scheme+":")
		}
	}
	return "default-src 'none'; style-src 'self'; form-action " + strings.Join(targets, " ") +
		"; base-uri 'none'; frame-ancestors 'none'"
}

// protect sets the fields that every page has.
func protect(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer a browser would not say where a form is from
	h.Set("Cache-Control", "no-store")
}

func (p *Pages) show(w http.ResponseWriter, r *http.Request, status int, v view) {
	if len(v.Buttons) > 0 {
		v.Token = p.formToken(w, r)
	}
	var b bytes.Buffer
	if err := p.page.Execute(&b, v); err != nil {
		p.options.Log.ErrorContext(r.Context(), "a page could not be made", "title", v.Title, "error", err)
		http.Error(w, textFault, http.StatusInternalServerError)
		return
	}
	protect(w.Header(), Policy(PlaceOf(r.Context()).Issuer, v.callback))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader went away: nobody is left to tell
}

// leading shows a page on which nothing can be done, with the way to the console.
func (p *Pages) leading(w http.ResponseWriter, r *http.Request, status int, v view) {
	v.Links = []link{{p.options.Home, textToConsole}}
	p.show(w, r, status, v)
}

// fail shows that something is wrong here, and logs what.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	p.options.Log.ErrorContext(r.Context(), "a page of the authorization server failed", "path", r.URL.Path, "error", err)
	p.Sorry(w, r, err)
}

// Sorry shows that something is wrong here. What the page looks like is there all the same.
func (p *Pages) Sorry(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.URL.Path == PathStyle:
		p.style(w, r)
	case keyward.CodeOf(err) == keyward.CodeDatabaseUnavailable:
		w.Header().Set("Retry-After", "6")
		p.show(w, r, http.StatusServiceUnavailable, note(textFault, textNotNowLead))
	default:
		p.show(w, r, http.StatusInternalServerError, note(textFault, textFaultLead))
	}
}

// Refuse shows a person why an authorization request is not answered, and sends the browser nowhere.
func (p *Pages) Refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	v := note(textBadRequest, textBadRequestLead)
	v.Code = reason
	p.show(w, r, status, v)
}

func (p *Pages) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(styleText) // the reader went away: nobody is left to tell
}

// form lets only what our own page in this browser sent come to a handler.
func (p *Pages) form(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if form.Hold(w, r) != nil || r.ParseForm() != nil {
			p.show(w, r, http.StatusBadRequest, note(textFault, textOtherOriginDo))
			return
		}
		if err := protection(PlaceOf(r.Context())).Check(r); err != nil {
			p.show(w, r, http.StatusForbidden, note(textOtherOrigin, textOtherOriginDo))
			return
		}
		next(w, r)
	}
}

// sent tells whether the form carries what this browser's forms carry.
func (p *Pages) sent(w http.ResponseWriter, r *http.Request) bool {
	return equal(p.formToken(w, r), r.PostForm.Get("token"))
}
