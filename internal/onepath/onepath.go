// Package onepath owns the one form of a request's path that routing, scopes and the backend read alike, and which paths
// are refused because two readers may read them in two ways. It does not own what is at a path.
package onepath

import (
	"strings"
	"unicode/utf8"
)

// maxPath is the longest path that is looked at, in bytes.
const maxPath = 8 << 10

// maxUnescape is how many layers of percent-encoding are looked through for something ambiguous.
const maxUnescape = 4

// Canonical gives the one form of a request target's path that serves routing, scopes and the backend, and the query
// with its question mark, unchanged. Percent-encoded unreserved characters are decoded, what must be encoded is, with
// capital digits; every path has exactly one such form. fault says why a target is ambiguous or malformed: dot
// segments, empty segments, semicolons, slashes, backslashes and control characters in any spelling, encoded more than
// once included, bad percent-encoding, bytes that are not UTF-8 (contract, section 5; RFC 3986, section 6.2.2).
func Canonical(target string) (path, query, fault string) {
	path, query, fault = splitTarget(target)
	if fault != "" {
		return "", "", fault
	}
	if !isPlain(path) {
		if path, fault = normalise(path); fault != "" {
			return "", "", fault
		}
	}
	if fault = segmentFault(path); fault != "" {
		return "", "", fault
	}
	return path, query, ""
}

// splitTarget takes the path and query out of an origin-form or absolute-form target (RFC 9112, section 3.2).
func splitTarget(target string) (path, query, fault string) {
	if !strings.HasPrefix(target, "/") {
		_, after, ok := cutScheme(target)
		if !ok {
			return "", "", "the request target is not a path"
		}
		at := strings.IndexAny(after, "/?")
		if at < 0 {
			at = len(after)
		}
		// RFC 9110, sections 4.2.1 and 4.2.4: a host must be named, and nobody in front of it.
		if at == 0 || strings.IndexByte(after[:at], '@') >= 0 {
			return "", "", "the request target names no host, or a user beside it"
		}
		if target = after[at:]; !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
	}
	path = target
	if i := strings.IndexByte(target, '?'); i >= 0 {
		path, query = target[:i], target[i:]
	}
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c == 0x7f || c == '#' {
			return "", "", "the query has a character that must be percent-encoded"
		}
	}
	if len(path) > maxPath {
		return "", "", "the path is too long"
	}
	return path, query, ""
}

func cutScheme(target string) (scheme, after string, ok bool) {
	scheme, after, ok = strings.Cut(target, "://")
	ok = ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
	return scheme, after, ok
}

// isPlain tells that a path has only characters that stand for themselves.
func isPlain(path string) bool {
	for i := range len(path) {
		if c := path[i]; c != '/' && !isPathChar(c) {
			return false
		}
	}
	return true
}

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// isPathChar accepts pchar of RFC 3986, section 3.3, except the percent sign and the semicolon.
func isPathChar(c byte) bool {
	return isUnreserved(c) || strings.IndexByte("!$&'()*+,=:@", c) >= 0
}

func normalise(path string) (string, string) {
	var b strings.Builder
	b.Grow(len(path) + 16)
	for i := 0; i < len(path); i++ {
		c, encoded := path[i], false
		if c == '%' {
			v, ok := unhex(path, i)
			if !ok {
				return "", "the path has a bad percent-encoding"
			}
			c, encoded, i = v, true, i+2
		}
		switch {
		case c == '\\' || c == ';' || c < ' ' || c == 0x7f || encoded && c == '/':
			return "", ambiguous
		case !encoded && (c == ' ' || c == '#'):
			return "", "the path has a character that must be percent-encoded"
		case c == '/' || isUnreserved(c) || !encoded && isPathChar(c):
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String(), manyTimes(path)
}

const (
	hexDigits = "0123456789ABCDEF"
	ambiguous = "the path is ambiguous: it has a slash, a backslash, a semicolon, a control character or a dot segment " +
		"in a form that others may read in another way"
)

// manyTimes looks through the layers of encoding of a path, as a backend that decodes too often would.
func manyTimes(path string) string {
	for layer := range maxUnescape {
		if layer > 0 && (strings.ContainsAny(path, "\\;") || hasControl(path) || segmentFault(path) != "") {
			return ambiguous
		}
		plain, changed := unescapeOnce(path)
		if layer == 0 && !utf8.ValidString(plain) {
			return "the path is not UTF-8"
		}
		if layer > 0 && strings.Count(plain, "/") != strings.Count(path, "/") {
			return ambiguous
		}
		if !changed {
			return ""
		}
		path = plain
	}
	return "the path is percent-encoded too many times"
}

// unescapeOnce decodes what can be decoded and leaves the rest.
func unescapeOnce(path string) (string, bool) {
	if strings.IndexByte(path, '%') < 0 {
		return path, false
	}
	plain, changed := make([]byte, 0, len(path)), false
	for i := 0; i < len(path); i++ {
		if path[i] == '%' {
			if v, ok := unhex(path, i); ok {
				plain, changed, i = append(plain, v), true, i+2
				continue
			}
		}
		plain = append(plain, path[i])
	}
	return string(plain), changed
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

// segmentFault refuses dot segments and empty ones; the last may be empty, a trailing slash.
func segmentFault(path string) string {
	for rest := path[1:]; ; {
		segment, further, more := strings.Cut(rest, "/")
		if segment == "." || segment == ".." {
			return ambiguous
		}
		if !more {
			return ""
		}
		if segment == "" {
			return "the path has an empty segment"
		}
		rest = further
	}
}

func unhex(s string, at int) (byte, bool) {
	if at+2 >= len(s) {
		return 0, false
	}
	high, ok := digit(s[at+1])
	low, ok2 := digit(s[at+2])
	return high<<4 | low, ok && ok2
}

func digit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	default:
		return 0, false
	}
}
