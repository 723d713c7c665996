package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
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
	page, err := s.docsPage()
	if err != nil {
		return fmt.Errorf("write the page of the OpenAPI document: %w", err)
	}
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document) // the reader went away: nobody is left to tell
	})
	s.mux.HandleFunc("GET /docs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", pagePolicy())
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

const style = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #8886}
h3{font-size:1rem;margin:1.4rem 0 .2rem}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{overflow:auto;padding:.8rem;border:1px solid #8886;border-radius:6px}
.m{display:inline-block;min-width:4.2rem;font-weight:700}table{border-collapse:collapse}
td{padding:.1rem .9rem .1rem 0;vertical-align:top}p{margin:.2rem 0}`

// pagePolicy is the Content-Security-Policy of a page without script and form.
func pagePolicy() string {
	return "default-src 'none'; style-src '" + styleHash() + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func styleHash() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// docsOperation is one operation on the page.
type docsOperation struct {
	Method, Path, ID, Summary, Body, Answer string
	Parameters                              []*huma.Param
}

type docsGroup struct {
	Name       string
	Operations []docsOperation
}

type docsSchema struct{ Name, Text string }

// docsPage renders the document on the server: no script, nothing loaded from anywhere.
func (s *Server) docsPage() ([]byte, error) {
	o := s.api.OpenAPI()
	groups := map[string][]docsOperation{}
	for _, path := range slices.Sorted(maps.Keys(o.Paths)) {
		item := o.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op != nil {
				groups[op.Tags[0]] = append(groups[op.Tags[0]], docsOperationOf(path, op))
			}
		}
	}
	var view struct {
		Title, Version string
		Style          template.CSS
		Groups         []docsGroup
		Schemas        []docsSchema
	}
	view.Title, view.Version, view.Style = o.Info.Title, o.Info.Version, template.CSS(style) //nolint:gosec // our own constant
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		view.Groups = append(view.Groups, docsGroup{name, groups[name]})
	}
	all := o.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text, err := json.MarshalIndent(all[name], "", "  ")
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		view.Schemas = append(view.Schemas, docsSchema{name, string(text)})
	}
	t, err := template.New("docs").Parse(docsTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return nil, fmt.Errorf("fill the page: %w", err)
	}
	return b.Bytes(), nil
}

func docsOperationOf(path string, op *huma.Operation) docsOperation {
	d := docsOperation{Method: op.Method, Path: path, ID: op.OperationID, Summary: op.Summary, Parameters: op.Parameters}
	if op.RequestBody != nil {
		d.Body = contentName(op.RequestBody.Content)
	}
	for _, status := range []string{"200", "201"} {
		if r := op.Responses[status]; r != nil && d.Answer == "" {
			d.Answer = contentName(r.Content)
		}
	}
	return d
}

func contentName(content map[string]*huma.MediaType) string {
	if m := content["application/json"]; m != nil && m.Schema != nil {
		return strings.TrimPrefix(m.Schema.Ref, schemaPrefix)
	}
	return ""
}

const docsTemplate = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{.Title}} API</title>
<style>{{.Style}}</style></head><body>
<h1>{{.Title}} API {{.Version}}</h1>
<p>Send an API token with every call: <code>Authorization: Bearer …</code>. Browsers with a session need none.
<a href="/openapi.json">OpenAPI document</a></p>
{{range .Groups}}<h2>{{.Name}}</h2>
{{range .Operations}}<h3 id="{{.ID}}"><code><span class="m">{{.Method}}</span>{{.Path}}</code></h3><p>{{.Summary}}</p>
{{if .Parameters}}<table>{{range .Parameters}}<tr><td><code>{{.Name}}</code></td><td>{{.In}}</td>
<td>{{.Description}}</td></tr>{{end}}</table>{{end}}
{{if .Body}}<p>Body: <a href="#schema-{{.Body}}">{{.Body}}</a></p>{{end}}
{{if .Answer}}<p>Answer: <a href="#schema-{{.Answer}}">{{.Answer}}</a></p>{{end}}
{{end}}{{end}}<h2>Schemas</h2>
{{range .Schemas}}<h3 id="schema-{{.Name}}">{{.Name}}</h3><pre>{{.Text}}</pre>
{{end}}</body></html>
`
