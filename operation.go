package keyward

import (
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/pathtemplate"
)

func (s *APISpec) validateOperations(f *faults) {
	switch {
	case len(s.Operations) == 0 && s.OpenAPI == nil:
		f.missing("spec.operations", "list at least one, or give openapi")
	case len(s.Operations) > 0 && s.OpenAPI != nil:
		f.add("spec.openapi", "give operations or openapi, not both")
	case s.OpenAPI != nil && s.OpenAPI.Document == "":
		f.missing("spec.openapi.document", "the document's text, which lists leave out: the command line fills it from openapi.file")
	}
	ValidateOperations(s.Operations, func(i int, field, format string, args ...any) {
		f.add(fmt.Sprintf("spec.operations[%d]%s", i, field), format, args...)
	})
}

// ValidateOperations reports each fault of the list by index and field (".method", ".path", ".scopes", …). It serves
// operations written by hand and those read from an OpenAPI document alike.
func ValidateOperations(operations []Operation, report func(i int, field, format string, args ...any)) {
	seen := map[string]int{}
	for i, op := range operations {
		if !validMethod(op.Method) {
			report(i, ".method", "%q is not an HTTP method in capitals, nor *", op.Method)
		}
		if fault := pathtemplate.Fault(op.Path); fault != "" {
			report(i, ".path", "%s", fault)
		}
		key := op.Method + " " + pathtemplate.Shape(op.Path)
		if first, taken := seen[key]; taken {
			report(i, ".path", "is the same operation as %s %s", operations[first].Method, operations[first].Path)
		}
		seen[key] = i
		if op.Security != "" && op.Security != "none" {
			report(i, ".security", "%q is not none", op.Security)
		}
		if op.Security == "none" && len(op.Scopes)+len(op.AllOf) > 0 {
			report(i, ".scopes", "security none asks for no token, so it cannot ask for scopes")
		}
		for _, scope := range append(append([]string{}, op.Scopes...), op.AllOf...) {
			if !validScope(scope) {
				report(i, ".scopes", "%q is not a scope (RFC 6749, section 3.3)", scope)
			}
		}
	}
}

func validMethod(m string) bool {
	if m == "*" {
		return true
	}
	return m != "" && m != "CONNECT" && !strings.ContainsFunc(m, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' })
}

// scopes reports what is no scope, and what is listed twice.
func (f *faults) scopes(path string, scopes []string) {
	for i, scope := range scopes {
		at := fmt.Sprintf("%s[%d]", path, i)
		if !validScope(scope) {
			f.add(at, "%q is not a scope (RFC 6749, section 3.3)", scope)
		} else if slices.Contains(scopes[:i], scope) {
			f.add(at, "%q is listed twice", scope)
		}
	}
}

// validScope holds scope-token of RFC 6749, section 3.3.
func validScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}
