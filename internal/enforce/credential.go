package enforce

import (
	"crypto/sha256"
	"net/url"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/token"
)

// presented is a credential of a well-formed request, its form judged and nothing else.
type presented struct {
	routed

	raw string
	sum [sha256.Size]byte
	jwt *token.JWT // nil for an opaque token and for one that the cache already knows
	// known is what an earlier request with this very token found out, to be held against today's settings and keys.
	known *verified
}

// claims are those of a JWT: unverified until the signature step.
func (p *presented) claims() strictjson.Object {
	if p.known != nil {
		return p.known.claims
	}
	return p.jwt.Claims()
}

// opaque tells that the token says nothing by itself.
func (p *presented) opaque() bool { return p.known == nil && p.jwt == nil }

// credential takes the one bearer token out of the request (RFC 6750, section 2.1). Tokens in the query are not taken,
// and beside a field they are a second credential.
func (e *Engine) credential(r *routed, authorization []string, t *trace) (presented, *Refusal) {
	t.expect(stepCredential, "one Authorization: Bearer field with one access token, and none in the query")
	p := presented{routed: *r}
	raw, fault := bearer(authorization, r.query)
	switch {
	case fault != "":
		t.fail(fault, "send exactly one field of the form Authorization: Bearer TOKEN")
		return p, refuseWith(keyward.CodeInvalidRequest, "The request's credential is malformed: "+fault+".")
	case raw == "":
		t.fail(seenInstead(authorization, r.query), "send the access token as Authorization: Bearer TOKEN")
		return p, refuse(keyward.CodeMissingCredentials)
	case len(raw) > token.MaxSize:
		t.fail("a token larger than 16 KiB", "ask the key manager for smaller tokens")
		return p, refuse(keyward.CodeInvalidToken)
	case !isToken68(raw):
		t.fail("characters that no access token has",
			"send the token unchanged, without quotes, padding or line ends inside")
		return p, refuse(keyward.CodeInvalidToken)
	}
	p.raw = raw
	p.sum = digest(raw)
	t.token(raw)
	if p.known = e.caches.verifiedToken(r.api.Tenant, p.sum); p.known != nil {
		t.pass("a JWT, fingerprint " + t.fingerprint())
		return p, nil
	}
	if !token.LooksLikeJWT(raw) {
		t.pass("an opaque token, fingerprint " + t.fingerprint())
		return p, nil
	}
	jwt, err := token.Parse(raw)
	if err != nil {
		t.fail("a malformed JWT: "+messageOf(err), "get a fresh token and send it unchanged")
		return p, refuseFor(err, keyward.CodeInvalidToken)
	}
	p.jwt = jwt
	t.pass("a JWT, fingerprint " + t.fingerprint())
	return p, nil
}

// digest is the token's SHA-256, without a copy of it on the heap.
func digest(raw string) [sha256.Size]byte {
	var space [4096]byte
	return sha256.Sum256(append(space[:0], raw...))
}

// bearer gives the bearer token; "" without a fault means that there is none.
func bearer(fields []string, query string) (raw, fault string) {
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
	case queryToken(query):
		return "", "it has a token in the Authorization field and another in the query"
	}
	return raw, ""
}

func seenInstead(fields []string, query string) string {
	switch {
	case queryToken(query):
		return "a token in the query, where this gateway takes none"
	case len(fields) == 0:
		return "no Authorization field"
	default:
		return "another authentication scheme than Bearer"
	}
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

// isToken68 holds token68 of RFC 9110, section 11.2, which is b64token of RFC 6750, section 2.1.
func isToken68(s string) bool {
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

// queryToken tells whether the query has a parameter access_token (RFC 6750, section 2.3), however it is spelled.
func queryToken(query string) bool {
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

// messageOf gives the sentence of a person's error, and hides any other.
func messageOf(err error) string {
	if e, ok := asKeyward(err); ok {
		return e.Message
	}
	return "it could not be checked"
}
