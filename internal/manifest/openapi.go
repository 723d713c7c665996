package manifest

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/pb33f/go-yaml"
	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"keyward.dev/keyward"
)

// documentPath is where an OpenAPI document stands in a manifest.
const documentPath = "spec.openapi.document"

// Operations reads an API's operations from an OpenAPI 3.0 or 3.1 document, JSON or YAML. What an operation asks for
// comes from its security requirements, else from the document's: scopes of oauth2 and openIdConnect schemes count;
// several requirements are alternatives, several scopes in one are all needed; an empty list means that no credential
// is looked at. Nothing outside the document is read, and of it nothing but that: schemas may be what they like. Every
// fault names line and column in the document.
func Operations(document string) (operations []keyward.Operation, faults []keyward.FieldError) {
	im := &importer{}
	defer func() {
		// The library walks whatever it was given; a document that makes it give up must not take the server along.
		if r := recover(); r != nil {
			operations, faults = nil, []keyward.FieldError{fault(documentPath, "cannot be read as an OpenAPI document")}
		}
	}()
	im.read(document)
	return im.operations, im.faults
}

// IsOpenAPI tells whether a text says of itself that it is an OpenAPI document, whatever its version and faults.
func IsOpenAPI(document string) bool {
	var root yaml.Node
	return yaml.Unmarshal([]byte(document), &root) == nil && mapping(&root)["openapi"] != nil
}

type importer struct {
	model      *v3.Document
	security   []*base.SecurityRequirement // of operations that say nothing; nil = the document says nothing either
	operations []keyward.Operation
	at         map[string]place // where operations were written, by method and path
	places     []place
	faults     []keyward.FieldError
}

// place is where in the document an operation was written.
type place struct{ line, column int }

func (p place) String() string {
	if p.line == 0 {
		return "the document"
	}
	return fmt.Sprintf("line %d, column %d", p.line, p.column)
}

func (im *importer) add(at place, format string, args ...any) {
	im.faults = append(im.faults, fault(documentPath, "%s: %s", at, fmt.Sprintf(format, args...)))
}

func (im *importer) read(document string) {
	var root yaml.Node
	p := &part{left: maxPartNodes, places: map[string]place{}}
	text, err := p.text(document, &root)
	if err != nil {
		im.unreadable(err)
		return
	}
	im.at = p.places
	doc, err := libopenapi.NewDocumentWithConfiguration(text, &datamodel.DocumentConfiguration{
		SkipExternalRefResolution:           true,
		SkipCircularReferenceCheck:          true,
		IgnorePolymorphicCircularReferences: true,
		IgnoreArrayCircularReferences:       true,
		Logger:                              slog.New(slog.DiscardHandler),
	})
	if err != nil {
		im.unreadable(err)
		return
	}
	defer doc.Release()
	if v := doc.GetVersion(); !strings.HasPrefix(v, "3.0") && !strings.HasPrefix(v, "3.1") {
		im.faults = append(im.faults, fault(documentPath, "is OpenAPI %s: use 3.0 or 3.1", v))
		return
	}
	built, err := doc.BuildV3Model()
	if built == nil {
		im.unreadable(err)
		return
	}
	im.model = &built.Model
	im.security = built.Model.Security
	if low := built.Model.GoLow(); im.security == nil && low != nil && low.Security.ValueNode != nil {
		im.security = []*base.SecurityRequirement{} // the document says so: security: []
	}
	im.outside(&root)
	im.paths()
	im.inside(&root)
	if len(im.faults) == 0 && len(im.operations) == 0 {
		im.faults = append(im.faults, fault(documentPath, "has no operations: write at least one under paths"))
	}
	keyward.ValidateOperations(im.operations, func(i int, field, format string, args ...any) {
		im.add(im.places[i], "%s of %s %s: %s", strings.TrimPrefix(field, "."),
			im.operations[i].Method, im.operations[i].Path, fmt.Sprintf(format, args...))
	})
}

// unreadable says why a document is none. Where the library says that it was, that is in the part that it has.
func (im *importer) unreadable(err error) {
	im.faults = append(im.faults, fault(documentPath, "cannot be read as an OpenAPI document: %s",
		regexp.MustCompile(` \[\d+:\d+\]`).ReplaceAllString(fmt.Sprint(err), "")))
}

// outside reports paths that are written in another document: the library passes over them in silence.
func (im *importer) outside(root *yaml.Node) {
	for _, path := range entries(mapping(root)["paths"]) {
		ref := mapping(path.value)["$ref"]
		if ref != nil && !strings.HasPrefix(ref.Value, "#") {
			im.add(place{ref.Line, ref.Column}, "path %s refers to %s: write it in this document", path.key, ref.Value)
		}
	}
}

type entry struct {
	key   string
	at    place
	value *yaml.Node
}

func entries(n *yaml.Node) []entry {
	for n != nil && (n.Kind == yaml.DocumentNode && len(n.Content) > 0 || n.Kind == yaml.AliasNode) {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		} else {
			n = n.Content[0]
		}
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	out := make([]entry, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Kind == yaml.ScalarNode {
			out = append(out, entry{key.Value, place{key.Line, key.Column}, n.Content[i+1]})
		}
	}
	return out
}

func mapping(n *yaml.Node) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for _, e := range entries(n) {
		out[e.key] = e.value
	}
	return out
}

func (im *importer) paths() {
	if im.model.Paths == nil || im.model.Paths.PathItems == nil {
		return
	}
	for path, item := range im.model.Paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			im.operation(path, strings.ToUpper(method), op)
		}
	}
}

func (im *importer) operation(path, method string, op *v3.Operation) {
	at := im.at[method+" "+path]
	out := keyward.Operation{Method: method, Path: path}
	security := op.Security
	if security == nil {
		security = im.security
	}
	im.require(&out, security, at)
	im.operations = append(im.operations, out)
	im.places = append(im.places, at)
}

// require translates security requirements. Nothing said means a token without any particular scope.
func (im *importer) require(out *keyward.Operation, security []*base.SecurityRequirement, at place) {
	if security == nil {
		return
	}
	if len(security) == 0 || slices.ContainsFunc(security, anonymous) {
		out.Security = "none"
		return
	}
	alternatives := make([][]string, 0, len(security))
	for _, requirement := range security {
		if scopes, counts := im.scopes(requirement, at); counts {
			alternatives = append(alternatives, scopes)
		}
	}
	if !factor(out, alternatives) {
		im.add(at, "%s %s mixes alternatives of several scopes each in a way that cannot be carried out: "+
			"let each alternative add one scope to those common to all", out.Method, out.Path)
	}
}

func anonymous(r *base.SecurityRequirement) bool {
	return r.Requirements == nil || r.Requirements.Len() == 0
}

// scopes gives what one requirement asks for, and whether a token can meet it at all: an alternative by API key or
// password is none that a gateway offers, so it loosens nothing.
func (im *importer) scopes(r *base.SecurityRequirement, at place) ([]string, bool) {
	var scopes []string
	counts := false
	for name, wanted := range r.Requirements.FromOldest() {
		var scheme *v3.SecurityScheme
		if im.model.Components != nil && im.model.Components.SecuritySchemes != nil {
			scheme = im.model.Components.SecuritySchemes.GetOrZero(name)
		}
		switch {
		case scheme == nil:
			im.add(at, "security scheme %q is not in components.securitySchemes", name)
		case scheme.Type == "oauth2" || scheme.Type == "openIdConnect":
			counts = true
			scopes = append(scopes, wanted...)
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), counts
}

// factor writes alternatives of scopes as: all of these, and one of those. It tells whether that was possible.
func factor(out *keyward.Operation, alternatives [][]string) bool {
	if len(alternatives) == 0 {
		return true
	}
	common := slices.Clone(alternatives[0])
	for _, scopes := range alternatives[1:] {
		common = slices.DeleteFunc(common, func(s string) bool { return !slices.Contains(scopes, s) })
	}
	var oneOf []string
	for _, scopes := range alternatives {
		rest := slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return slices.Contains(common, s) })
		switch len(rest) {
		case 0: // this alternative needs nothing beyond the common ones, so nobody does
			out.Scopes, out.AllOf = single(common)
			return true
		case 1:
			oneOf = append(oneOf, rest[0])
		default:
			return false
		}
	}
	slices.Sort(oneOf)
	out.Scopes = slices.Compact(oneOf)
	out.AllOf = common
	if len(out.AllOf) == 0 {
		out.AllOf = nil
	}
	return true
}

// single writes one required scope in the form people use for it.
func single(all []string) (scopes, allOf []string) {
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all, nil
	default:
		return nil, all
	}
}
