// Package docs owns the page of the OpenAPI document, and how pages of the management API look. It does not own the document.
package docs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"path"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// style is how the page looks.
const style = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #8886}
h3{font-size:1rem;margin:1.4rem 0 .2rem}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{overflow:auto;padding:.8rem;border:1px solid #8886;border-radius:6px}
.m{display:inline-block;min-width:4.2rem;font-weight:700}table{border-collapse:collapse}
td{padding:.1rem .9rem .1rem 0;vertical-align:top}p{margin:.2rem 0}`

// Policy is the Content-Security-Policy of a page with that style, without script and form.
func Policy() string {
	return "default-src 'none'; style-src '" + styleHash() + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func styleHash() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// operation is one operation on the page.
type operation struct {
	Method, Path, ID, Summary, Body, Answer string
	Parameters                              []*huma.Param
}

type group struct {
	Name       string
	Operations []operation
}

type schema struct{ Name, Text string }

// Page renders the document on the server: no script, nothing loaded from anywhere.
func Page(o *huma.OpenAPI) ([]byte, error) {
	groups := map[string][]operation{}
	for _, at := range slices.Sorted(maps.Keys(o.Paths)) {
		item := o.Paths[at]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op != nil {
				groups[op.Tags[0]] = append(groups[op.Tags[0]], operationOf(at, op))
			}
		}
	}
	var view struct {
		Title, Version string
		Style          template.CSS
		Groups         []group
		Schemas        []schema
	}
	view.Title, view.Version, view.Style = o.Info.Title, o.Info.Version, template.CSS(style) //nolint:gosec // our own constant
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		view.Groups = append(view.Groups, group{name, groups[name]})
	}
	all := o.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		described, err := json.MarshalIndent(all[name], "", "  ")
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		view.Schemas = append(view.Schemas, schema{name, string(described)})
	}
	t, err := template.New("docs").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return nil, fmt.Errorf("fill the page: %w", err)
	}
	return b.Bytes(), nil
}

func operationOf(at string, op *huma.Operation) operation {
	d := operation{Method: op.Method, Path: at, ID: op.OperationID, Summary: op.Summary, Parameters: op.Parameters}
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
		return path.Base(m.Schema.Ref)
	}
	return ""
}

const text = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{.Title}} API</title>
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
