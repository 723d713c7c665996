package enforce

import (
	"crypto/sha256"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/bearer"
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
		return p.known.Claims
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
	raw, fault := bearer.Of(authorization, r.query)
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
	case !bearer.IsToken68(raw):
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

func seenInstead(fields []string, query string) string {
	switch {
	case bearer.InQuery(query):
		return "a token in the query, where this gateway takes none"
	case len(fields) == 0:
		return "no Authorization field"
	default:
		return "another authentication scheme than Bearer"
	}
}

// messageOf gives the sentence of a person's error, and hides any other.
func messageOf(err error) string {
	if e, ok := asKeyward(err); ok {
		return e.Message
	}
	return "it could not be checked"
}
