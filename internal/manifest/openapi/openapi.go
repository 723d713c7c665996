// Package openapi owns what an API gets from an OpenAPI document: its operations with what each asks of a token, and what a
// publisher should know of the difference. It does not own where documents come from, nor anything else that is in them.
package openapi

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"keyward.dev/keyward"
)

// documentPath is where an OpenAPI document stands in a manifest.
const documentPath = "spec.openapi.document"

// Reading is what a document gives. Where it has faults the rest of it is what could be read beside them.
type Reading struct {
	Operations []keyward.Operation
	Findings   []Finding
	Faults     []keyward.FieldError
}

// Finding is where a gateway does something else than the document says, or the document says less than one might think.
type Finding struct {
	Message    string   `json:"message"`
	Operations []string `json:"operations,omitempty" doc:"As in GET /items; absent where it is about the whole document"`
	Line       int      `json:"line" doc:"Of the document, where the first of them is"`
	Weaker     bool     `json:"weaker" doc:"The document asks for something that no gateway looks at"`
}

// Read reads an OpenAPI 3.0 or 3.1 document, JSON or YAML. What an operation asks for comes from its security requirements,
// else from the document's: scopes of oauth2 and openIdConnect schemes count, and what a bearer scheme lists; several
// requirements are alternatives, several scopes in one are all needed; an empty list means that no credential is looked at.
// A requirement that cannot be read is a fault: an operation is never opened by it. Nothing outside the document is read,
// and of it nothing but that: schemas may be what they like. Every fault names line and column in the document.
func Read(document string) Reading {
	r := newReader()
	r.read(document)
	return r.Reading
}

// Is tells whether a text says of itself that it is an OpenAPI document, or one of Swagger, whatever its version and faults.
func Is(document string) bool {
	var root yaml.Node
	if yaml.Unmarshal([]byte(document), &root) != nil {
		return begins(document)
	}
	members, err := newReader().members(&root, 0)
	return err == nil && (valueOf(members, "openapi") != nil || valueOf(members, "swagger") != nil)
}

// begins tells whether a text that cannot be read says which version it is of, outside of everything else in it.
func begins(document string) bool {
	const head = 4096 // bytes
	return regexp.MustCompile(`(?m)^(\s*\{\s*"(openapi|swagger)"|(openapi|swagger))[ \t]*:[ \t]*["']?[0-9]`).
		MatchString(document[:min(head, len(document))])
}

type reader struct {
	Reading
	left     int // nodes that may still be looked at
	known    map[*yaml.Node][]entry
	root     *yaml.Node
	schemes  *yaml.Node // of the document's components
	security *asked     // of operations that say nothing; nil = the document says nothing either
	places   []place    // of the operations
	noted    map[string]int
	faulted  map[string]bool
}

func newReader() *reader {
	return &reader{left: maxNodes, known: map[*yaml.Node][]entry{}, noted: map[string]int{}, faulted: map[string]bool{}}
}

func (r *reader) read(document string) {
	root, err := parsed(document)
	if err != nil {
		r.unreadable(err)
		return
	}
	r.root = root
	members, err := r.members(root, 0)
	if err == nil {
		err = version(members)
	}
	if err != nil {
		r.unreadable(err)
		return
	}
	r.whole(members)
	if len(r.Faults) == 0 && len(r.Operations) == 0 {
		r.Faults = append(r.Faults, fault("has no operations: write at least one under paths"))
	}
	keyward.ValidateOperations(r.Operations, func(i int, field, format string, args ...any) {
		r.fault(r.places[i], "%s of %s %s: %s", strings.TrimPrefix(field, "."),
			r.Operations[i].Method, r.Operations[i].Path, fmt.Sprintf(format, args...))
	})
}

// errNotOpenAPI is of a text that can be read and does not say that it is an OpenAPI document.
var errNotOpenAPI = errors.New("it does not say which version it is of: begin it with openapi: 3.1.0, or look whether it is a page " +
	"about the document instead of the document")

func version(members []entry) error {
	said := valueOf(members, "openapi")
	switch {
	case said != nil && regexp.MustCompile(`^3\.[01](\.|$)`).MatchString(said.Value):
		return nil
	case said != nil && strings.HasPrefix(said.Value, "3."):
		return fmt.Errorf("it is OpenAPI %s, and 3.0 and 3.1 are read: where it has nothing that came later, "+
			"write openapi: 3.1.0", said.Value)
	case valueOf(members, "swagger") != nil:
		return fmt.Errorf("it is Swagger %s, and OpenAPI 3.0 and 3.1 are read: convert it first, as the Swagger Editor "+
			"(Convert to OpenAPI 3) and swagger2openapi do", valueOf(members, "swagger").Value)
	case said != nil:
		return fmt.Errorf("it says that it is OpenAPI %q, and 3.0 and 3.1 are read", said.Value)
	default:
		return errNotOpenAPI
	}
}

// whole reads the members of a document.
func (r *reader) whole(members []entry) {
	r.misspelt(members, "the document", "security", "paths", "components", "webhooks")
	if components := valueOf(members, "components"); components != nil {
		inside, err := r.mapping(components, "components")
		r.check(err, placeOf(components))
		r.misspelt(inside, "components", "securitySchemes")
		r.schemes = valueOf(inside, "securitySchemes")
	}
	for _, m := range members {
		switch m.key {
		case "security":
			r.security = r.requirements(m.value, m.at, "the document")
		case "webhooks":
			r.note(m.at, "", false, "Webhooks are left out: they are calls that the backend makes.")
		}
	}
	paths := valueOf(members, "paths")
	if paths == nil {
		return
	}
	items, err := r.mapping(paths, "paths")
	r.check(err, placeOf(paths))
	for _, item := range items {
		if !strings.HasPrefix(item.key, "x-") {
			r.item(item)
		}
	}
}

// check reports what made a part unreadable, if anything did.
func (r *reader) check(err error, at place) {
	var placed *placedError
	switch {
	case err == nil:
	case errors.As(err, &placed):
		r.fault(placed.at, "%s", placed.what)
	default:
		r.fault(at, "%v", err)
	}
}

// misspelt reports members that are meant to be one of these: written in another case they would count for nothing.
func (r *reader) misspelt(members []entry, of string, names ...string) {
	for _, m := range members {
		for _, name := range names {
			if m.key != name && strings.EqualFold(m.key, name) {
				r.fault(m.at, "%q of %s counts for nothing: write %s", m.key, of, name)
			}
		}
	}
}

// methods are the members of a path item that are operations (OpenAPI 3.1, section 4.8.9).
func methods() []string {
	return []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}
}

// item reads the operations of a path, those of what it refers to as well.
func (r *reader) item(path entry) {
	if !strings.HasPrefix(path.key, "/") {
		r.fault(path.at, "path %s does not begin with /: each path is written in this document", path.key)
		return
	}
	members, err := r.followed(path)
	if err != nil {
		r.check(err, path.at)
		return
	}
	r.misspelt(members, "path "+path.key, methods()...)
	for _, m := range members {
		switch {
		case slices.Contains(methods(), m.key):
			r.operation(path.key, m)
		case m.key == "servers":
			r.note(m.at, path.key, true, "The document names other servers for these; calls go to the API's own upstream.")
		case !slices.Contains([]string{"summary", "description", "parameters"}, m.key) && !strings.HasPrefix(m.key, "x-"):
			r.note(m.at, m.key+" of "+path.key, false, "These are left out: they are no operations of OpenAPI 3.0 or 3.1.")
		}
	}
}

// followed gives the members of a path item, and of the one that it refers to, and so on.
func (r *reader) followed(path entry) ([]entry, error) {
	var all []entry
	own := path.value
	for range maxDepth {
		members, err := r.mapping(own, "path "+path.key)
		if err != nil {
			return nil, err
		}
		var ref *entry
		for i, m := range members {
			if m.key == "$ref" {
				ref = &members[i]
				continue
			}
			if slices.ContainsFunc(all, func(o entry) bool { return o.key == m.key }) {
				return nil, &placedError{m.at, fmt.Sprintf("%s of path %s is written here and where the path refers to: leave one of them",
					m.key, path.key)}
			}
			all = append(all, m)
		}
		if ref == nil {
			return all, nil
		}
		at := placeOf(ref.value)
		if !strings.HasPrefix(ref.value.Value, "#/") {
			return nil, &placedError{at, fmt.Sprintf("path %s refers to %s: write it in this document", path.key, ref.value.Value)}
		}
		if own = r.pointed(ref.value.Value); own == nil || !r.hasOperation(own) {
			return nil, &placedError{at, fmt.Sprintf("path %s refers to %s, where no operation is", path.key, ref.value.Value)}
		}
	}
	return nil, fmt.Errorf("path %s refers to others in a circle, or too far", path.key)
}

// hasOperation tells whether a part of the document is a path item, or refers to one.
func (r *reader) hasOperation(n *yaml.Node) bool {
	members, err := r.members(n, 0)
	return err != nil || slices.ContainsFunc(members, func(m entry) bool { return m.key == "$ref" || slices.Contains(methods(), m.key) })
}

func (r *reader) operation(path string, m entry) {
	out := keyward.Operation{Method: strings.ToUpper(m.key), Path: path}
	what := out.Method + " " + path
	members, err := r.mapping(m.value, what)
	if err != nil {
		r.check(err, m.at)
		return
	}
	r.misspelt(members, what, "security")
	wanted := r.security
	for _, member := range members {
		switch member.key {
		case "security":
			wanted = r.requirements(member.value, m.at, what)
		case "$ref":
			r.fault(m.at, "%s refers to %s: an operation has no references, write it here", what, member.value.Value)
		case "servers":
			r.note(member.at, what, true, "The document names other servers for these; calls go to the API's own upstream.")
		}
	}
	r.ask(&out, wanted, m.at)
	r.Operations = append(r.Operations, out)
	r.places = append(r.places, m.at)
}
