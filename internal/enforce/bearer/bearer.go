// Package bearer owns the reading of bearer tokens out of requests (RFC 6750, section 2): the one in the Authorization field, and
// whether there is another one in the query. It does not own what a token is worth.
package bearer

import (
	"net/url"
	"strings"
)

// Of gives the bearer token; "" without a fault means that there is none.
func Of(fields []string, query string) (raw, fault string) {
	if len(fields) > 1 {
		return "", "it has more than one Authorization field"
	}
	if len(fields) == 0 {
		return "", ""
	}
	scheme, rest, spaced := strings.Cut(fields[0], " ")
	if scheme == "" && rest == "" {
		return "", ""
	}
	if !isToken(scheme) {
		return "", "the Authorization field does not start with a scheme"
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ""
	}
	raw = strings.Trim(rest, " ")
	switch {
	case !spaced || raw == "":
		return "", "the Bearer scheme has no token"
	case !isOneWord(raw):
		return "", "what follows Bearer is not one token"
	case InQuery(query):
		return "", "it has a token in the Authorization field and another in the query"
	}
	return raw, ""
}

// isToken holds token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isOneWord tells that nothing in s separates, quotes or hides: what is not one word is no credential at all, what is
// one may be a token, however broken.
func isOneWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == ',' || c == '"' {
			return false
		}
	}
	return true
}

// IsToken68 holds token68 of RFC 9110, section 11.2, which is b64token of RFC 6750, section 2.1.
func IsToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		switch c := body[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '-' && c <= '9', c == '_', c == '~', c == '+':
		default:
			return false
		}
	}
	return body != ""
}

// InQuery tells whether the query has a parameter access_token (RFC 6750, section 2.3), however it is spelled.
func InQuery(query string) bool {
	if query == "" {
		return false
	}
	for pair := range strings.FieldsFuncSeq(query[1:], func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if strings.IndexByte(name, '%') >= 0 {
			if plain, err := url.QueryUnescape(name); err == nil {
				name = plain
			}
		}
		if name == "access_token" {
			return true
		}
	}
	return false
}
