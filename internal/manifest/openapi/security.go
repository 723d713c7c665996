package openapi

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"keyward.dev/keyward"
)

// asked is a list of security requirements, which are alternatives.
type asked struct{ alternatives []requirement }

// requirement is what one of them asks for, all of it.
type requirement struct {
	token  bool     // a token with these scopes, which may be none
	scopes []string // sorted, each once
	bearer bool     // a token of which nothing is said
	others []string // what no gateway looks at, in words
	listed []string // what a bearer scheme lists
}

func (a requirement) empty() bool { return !a.token && !a.bearer && len(a.others) == 0 }

// requirements reads a list of them; of is whose they are. What is no such list is a fault, and asks for a token.
func (r *reader) requirements(n *yaml.Node, at place, of string) *asked {
	n = resolved(n)
	if n.Kind != yaml.SequenceNode {
		r.fault(at, "security of %s is not a list: write [] where no credential is asked for, or leave it out", of)
		return nil
	}
	out := &asked{}
	for _, item := range n.Content {
		if r.left--; r.left < 0 {
			r.once(at, errTooMuch.Error())
			return nil
		}
		if resolved(item).Kind != yaml.MappingNode {
			r.fault(placeOf(item), "security of %s lists something that is not a requirement: write each as in {scheme: [scope]}", of)
			return nil
		}
		members, err := r.members(item, 0)
		if err != nil {
			r.check(err, placeOf(item))
			return nil
		}
		var one requirement
		for _, m := range members {
			r.scheme(&one, m, at, of)
		}
		slices.Sort(one.scopes)
		one.scopes = slices.Compact(one.scopes)
		out.alternatives = append(out.alternatives, one)
	}
	return out
}

// scheme adds to a requirement what one of its members asks for: a security scheme and scopes of it.
func (r *reader) scheme(to *requirement, m entry, at place, of string) {
	names, ok := textsOf(m.value)
	if !ok {
		r.fault(m.at, "security of %s: what is asked of %q is not a list of texts: write [] where it is nothing", of, m.key)
		return
	}
	r.left -= len(names)
	members, err := r.schemeOf(m.key)
	if err != nil {
		r.once(at, err.Error())
		return
	}
	kind := textOf(members, "type")
	switch kind {
	case "oauth2", "openIdConnect":
		to.token, to.scopes = true, append(to.scopes, names...)
		r.undeclared(members, m.key, names, at)
	case "http":
		way := textOf(members, "scheme")
		switch {
		case !strings.EqualFold(way, "bearer") && !strings.EqualFold(way, "dpop"):
			to.others = append(to.others, fmt.Sprintf("HTTP %s (%s)", way, m.key))
		case len(names) > 0:
			to.token, to.scopes, to.listed = true, append(to.scopes, names...), append(to.listed, names...)
		default:
			to.bearer = true
		}
	case "apiKey":
		to.others = append(to.others, fmt.Sprintf("an API key (%s)", m.key))
	case "mutualTLS":
		to.others = append(to.others, fmt.Sprintf("mutual TLS (%s)", m.key))
	default:
		r.once(at, fmt.Sprintf("security scheme %q has the type %q: write apiKey, http, mutualTLS, oauth2 or openIdConnect", m.key, kind))
	}
}

// schemeOf gives the members of a security scheme, wherever in the document it is.
func (r *reader) schemeOf(name string) ([]entry, error) {
	schemes, err := r.mapping(r.schemes, "components.securitySchemes")
	if err != nil {
		return nil, err
	}
	n := valueOf(schemes, name)
	if n == nil {
		return nil, fmt.Errorf("security scheme %q is not in components.securitySchemes", name)
	}
	for range maxDepth {
		members, err := r.mapping(n, fmt.Sprintf("security scheme %q", name))
		if err != nil {
			return nil, err
		}
		ref := valueOf(members, "$ref")
		if ref == nil {
			return members, nil
		}
		if n = r.pointed(ref.Value); n == nil {
			return nil, fmt.Errorf("security scheme %q refers to %s: write it in this document", name, ref.Value)
		}
	}
	return nil, fmt.Errorf("security scheme %q refers to others in a circle, or too far", name)
}

// undeclared notes scopes that an oauth2 scheme does not list: a misspelt one is in nobody's token.
func (r *reader) undeclared(scheme []entry, name string, scopes []string, at place) {
	var known []string
	flows, _ := r.members(valueOf(scheme, "flows"), 0)
	for _, flow := range flows {
		inside, _ := r.members(flow.value, 0)
		listed, _ := r.members(valueOf(inside, "scopes"), 0)
		for _, scope := range listed {
			known = append(known, scope.key)
		}
	}
	for _, scope := range scopes {
		if len(known) > 0 && !slices.Contains(known, scope) {
			r.note(at, "", false, fmt.Sprintf("The scope %s is asked for, and is not among those that the scheme %s lists.", scope, name))
		}
	}
}

// ask translates security requirements into what an operation asks for, and notes what cannot be. Nothing said means a token
// without any particular scope.
func (r *reader) ask(out *keyward.Operation, security *asked, at place) {
	what := out.Method + " " + out.Path
	if security == nil {
		r.note(at, what, false, "The document says nothing of their security: a valid token is asked for, without any particular scope.")
		return
	}
	if optional := slices.ContainsFunc(security.alternatives, requirement.empty); optional || len(security.alternatives) == 0 {
		out.Security = "none"
		if len(security.alternatives) > 1 {
			r.note(at, what, false, "The document makes the credential optional: they are open to everybody. No token is looked at, "+
				"and the backend is not told who calls.")
		}
		return
	}
	var alternatives [][]string
	for _, a := range security.alternatives {
		if a.token {
			alternatives = append(alternatives, a.scopes)
		}
	}
	r.noteRest(what, at, security, len(alternatives) > 0)
	if !factor(out, alternatives) {
		r.fault(at, "%s mixes alternatives of several scopes each in a way that cannot be carried out: "+
			"let each alternative add one scope to those common to all", what)
	}
}

// noteRest notes what the alternatives of an operation ask for and no gateway looks at, and how some of it was taken. An
// alternative without a token is none that a gateway offers, so that it loosens nothing where there is one with scopes.
func (r *reader) noteRest(what string, at place, security *asked, scoped bool) {
	for _, a := range security.alternatives {
		others := strings.Join(a.others, " and ")
		switch {
		case a.token && others != "", a.bearer && others != "":
			r.note(at, what, true, fmt.Sprintf("The document asks for %s as well as a token; gateways look at the token alone.", others))
		case others != "" && !scoped && slices.ContainsFunc(security.alternatives, func(b requirement) bool { return b.bearer }),
			others != "" && scoped:
			r.note(at, what, false, fmt.Sprintf("The document lets callers in by %s too; gateways let them in by a token alone.", others))
		case others != "":
			r.note(at, what, true, fmt.Sprintf("The document asks for %s, which no gateway looks at: every valid token opens them, "+
				"whatever its scopes. Give them scopes where that is too much.", others))
		}
		if a.bearer && scoped {
			r.note(at, what, false, "The document lets a bearer token in without scopes too; "+
				"gateways ask for the scopes of the other way in.")
		}
		if len(a.listed) > 0 {
			r.note(at, what, false, "What the document lists for a bearer scheme is taken for scopes: "+strings.Join(a.listed, " ")+".")
		}
	}
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
