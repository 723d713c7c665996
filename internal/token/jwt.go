package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/strictjson"
)

// MaxSize is the longest token, in bytes, that is looked at.
const MaxSize = 16 << 10

// JWT is a compact JWS (RFC 7515, section 7.1) whose form has been checked and whose signature has not: believe nothing
// in it before Verify has returned nil.
type JWT struct {
	signed    string // the first two parts and the dot between them
	signature string // decoded
	parts     strictjson.Pair
	algorithm string
	keyID     string
	hasKeyID  bool
}

// LooksLikeJWT tells whether the credential must be treated as a JWT: it has three parts and the first one is, read
// with every leniency, the beginning of a JSON object that names an algorithm. A JWT goes to no introspection
// endpoint, however malformed it is; everything else is opaque.
func LooksLikeJWT(raw string) bool {
	if len(raw) > MaxSize {
		return false
	}
	header, rest, found := strings.Cut(raw, ".")
	_, rest, second := strings.Cut(rest, ".")
	if !found || !second || strings.IndexByte(rest, '.') >= 0 {
		return false
	}
	var space [1024]byte
	text := lenientDecode(space[:0], header)
	start := 0
	for start < len(text) && (text[start] <= ' ' || text[start] >= 0x80) { // white space, a byte order mark
		start++
	}
	if start == len(text) || text[start] != '{' {
		return false
	}
	return mentionsAlg(text[start:])
}

// lenientDecode reads either base64 alphabet, skips what belongs to neither, and drops incomplete bytes at the end.
func lenientDecode(dst []byte, part string) []byte {
	var bits uint32
	held := 0
	for i := range len(part) {
		v := sextet(part[i])
		if v < 0 {
			continue
		}
		bits, held = bits<<6|uint32(v), held+6 //nolint:gosec // six bits
		if held >= 8 {
			held -= 8
			dst = append(dst, byte(bits>>held)) //nolint:gosec // the low eight bits are meant
		}
	}
	return dst
}

func sextet(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '-' || c == '+':
		return 62
	case c == '_' || c == '/':
		return 63
	}
	return -1
}

// mentionsAlg finds alg in any case, or an escape that may hide it.
func mentionsAlg(text []byte) bool {
	for i := range text {
		if i+1 < len(text) && text[i] == '\\' && text[i+1] == 'u' {
			return true
		}
		if i+2 < len(text) && text[i]|0x20 == 'a' && text[i+1]|0x20 == 'l' && text[i+2]|0x20 == 'g' {
			return true
		}
	}
	return false
}

// Parse reads a compact JWS strictly: base64url without padding and with zero trailing bits, valid UTF-8, one JSON
// object in the header and one in the payload, no member twice (case-folded too) at any depth, nothing after them, at
// most 32 deep, no crit and no b64 (RFC 7515, section 4.1.11; RFC 7797), at most MaxSize bytes. Its only error is a
// *keyward.Error with invalid_token.
func Parse(raw string) (*JWT, error) {
	if len(raw) > MaxSize {
		return nil, invalid("the token is larger than 16 KiB")
	}
	first := strings.IndexByte(raw, '.')
	second := first + 1 + strings.IndexByte(raw[first+1:], '.')
	if first <= 0 || second <= first+1 || second == len(raw)-1 {
		return nil, invalid("the token has not three parts")
	}
	var space [3072]byte
	text := space[:0]
	var err error
	if text, err = appendDecoded(text, raw[:first]); err != nil {
		return nil, err
	}
	headerEnd := len(text)
	if text, err = appendDecoded(text, raw[first+1:second]); err != nil {
		return nil, err
	}
	claimsEnd := len(text)
	if text, err = appendDecoded(text, raw[second+1:]); err != nil {
		return nil, err
	}
	source := string(text)
	j := &JWT{signed: raw[:second], signature: source[claimsEnd:]}
	if err := j.parse(source[:claimsEnd], headerEnd); err != nil {
		return nil, err
	}
	return j, j.readHeader()
}

// appendDecoded decodes one part. The alphabet is checked here because the standard decoder skips line ends.
func appendDecoded(dst []byte, part string) ([]byte, error) {
	for i := range len(part) {
		if c := part[i]; c == '+' || c == '/' || sextet(c) < 0 {
			return nil, invalid("a part of the token is not base64url")
		}
	}
	var in [1024]byte // a multiple of four characters, so that pieces decode on their own
	for len(part) > len(in) {
		dst, _ = base64.RawURLEncoding.AppendDecode(dst, append(in[:0], part[:len(in)]...))
		part = part[len(in):]
	}
	dst, err := base64.RawURLEncoding.Strict().AppendDecode(dst, append(in[:0], part...))
	if err != nil {
		return nil, invalid("a part of the token is not base64url without padding")
	}
	return dst, nil
}

// parse reads header and claims.
func (j *JWT) parse(source string, headerEnd int) error {
	header, claims := j.parts.Parse(source, headerEnd)
	switch {
	case header != nil:
		return invalid("the token's header cannot be read: %w", header)
	case claims != nil:
		return invalid("the token's claims cannot be read: %w", claims)
	default:
		return nil
	}
}

// readHeader checks the members that decide how the token is verified.
func (j *JWT) readHeader() error {
	h := j.Header()
	alg, _ := h.Get("alg")
	var ok bool
	if j.algorithm, ok = alg.Str(); !ok || j.algorithm == "" {
		return invalid("the token's header names no algorithm")
	}
	for _, name := range []string{"crit", "b64"} {
		if _, found := h.Get(name); found {
			return invalid("the token's header demands an extension (%s) that is not understood", name)
		}
	}
	if kid, found := h.Get("kid"); found {
		if j.keyID, ok = kid.Str(); !ok {
			return invalid("the token's kid is not a string")
		}
		j.hasKeyID = true
	}
	return nil
}

// Header is the JOSE header.
func (j *JWT) Header() strictjson.Object { return j.parts.First() }

// Claims is the payload.
func (j *JWT) Claims() strictjson.Object { return j.parts.Second() }

// Algorithm is the header's alg. What it may be is decided by the key, not by the token.
func (j *JWT) Algorithm() string { return j.algorithm }

// KeyID is the header's kid, and whether there is one.
func (j *JWT) KeyID() (string, bool) { return j.keyID, j.hasKeyID }

// Fingerprint is how a token is shown and logged: enough of its SHA-256 to tell two tokens apart, nothing of the token.
func Fingerprint(raw string) string {
	sum := sha256.Sum256([]byte(raw))
	return "sha256:" + hex.EncodeToString(sum[:8])
}

func invalid(format string, args ...any) *keyward.Error {
	return keyward.Errorf(keyward.CodeInvalidToken, format, args...)
}
