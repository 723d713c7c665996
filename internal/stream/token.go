package stream

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
)

// TokenPrefix begins every gateway credential, so that a leaked one is recognised.
const TokenPrefix = "kwg_"

const (
	tokenIDBytes     = 16
	tokenSecretBytes = 32
	tokenBytes       = tokenIDBytes + tokenSecretBytes + sha256.Size
)

// ErrBadToken is returned for text that is not a gateway credential.
var ErrBadToken = errors.New("not a gateway credential: it begins with " + TokenPrefix + " and is printed by keyward gateway token")

// Token is a gateway's credential: who it is, a secret, and which key it believes. It never prints itself.
type Token struct {
	raw         string
	id          string
	fingerprint Fingerprint
}

// NewToken makes a credential for a new gateway that believes the given signing key.
func NewToken(believes Fingerprint) Token {
	var b [tokenBytes]byte
	rand.Read(b[:tokenIDBytes+tokenSecretBytes]) // never fails: crypto/rand ends the program instead
	copy(b[tokenIDBytes+tokenSecretBytes:], believes[:])
	return fromBytes(b)
}

// ParseToken reads a credential. It returns ErrBadToken, which does not repeat the text.
func ParseToken(raw string) (Token, error) {
	text, ok := strings.CutPrefix(raw, TokenPrefix)
	if !ok {
		return Token{}, ErrBadToken
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(decoded) != tokenBytes || strings.ContainsAny(text, "\r\n") {
		return Token{}, ErrBadToken
	}
	return fromBytes([tokenBytes]byte(decoded)), nil
}

func fromBytes(b [tokenBytes]byte) Token {
	return Token{
		raw:         TokenPrefix + base64.RawURLEncoding.EncodeToString(b[:]),
		id:          hex.EncodeToString(b[:tokenIDBytes]),
		fingerprint: Fingerprint(b[tokenIDBytes+tokenSecretBytes:]),
	}
}

// ID is the gateway's id: 32 hexadecimal digits.
func (t Token) ID() string { return t.id }

// Fingerprint names the only signing key that the gateway believes.
func (t Token) Fingerprint() Fingerprint { return t.fingerprint }

// Hash is what the control plane keeps of the credential: its SHA-256.
func (t Token) Hash() []byte {
	sum := sha256.Sum256([]byte(t.raw))
	return sum[:]
}

// Reveal gives the credential itself: the one door to it.
func (t Token) Reveal() string { return t.raw }

// IsZero tells that there is no credential.
func (t Token) IsZero() bool { return t.raw == "" }

// String hides the credential.
func (t Token) String() string { return TokenPrefix + "…" }

// GoString hides the credential.
func (t Token) GoString() string { return t.String() }

// LogValue hides the credential.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }
