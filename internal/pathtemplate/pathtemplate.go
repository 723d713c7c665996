// Package pathtemplate owns the written form of an operation's path: plain segments, {name} for any one segment, and ** at
// the end for any rest. It does not match requests: view does, over paths that onepath has made canonical.
package pathtemplate

import (
	"fmt"
	"strings"
	"unicode"
)

// Fault says in words what is wrong with a path template, or gives "".
func Fault(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "must start with /"
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case s == "" && !last:
			return "has an empty segment"
		case s == "**" && !last:
			return "** can stand only at the end"
		case s == "**" || s == "":
		case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}"):
			if strings.ContainsAny(s[1:len(s)-1], "{}*") || len(s) < 3 {
				return fmt.Sprintf("%q is not a parameter: write {name}", s)
			}
		case s == "." || s == "..":
			return "has a dot segment"
		case strings.ContainsAny(s, "{}*;\\?#%"):
			return fmt.Sprintf("%q: a segment is plain text without %% ; \\ ? #, {name}, or ** at the end", s)
		case strings.ContainsFunc(s, unicode.IsControl):
			return "has a control character"
		case strings.ContainsFunc(s, func(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' }):
			return "has a character that turns the order of others around"
		}
	}
	return ""
}

// Shape is the template without parameter names: /a/{x} and /a/{y} are one path.
func Shape(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}
