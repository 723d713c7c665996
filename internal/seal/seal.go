// Package seal owns authenticated encryption of secrets, at rest and on the wire, and the derivation of keys from
// other secrets. It does not own where keys are kept or who may ask for them.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"keyward.dev/keyward"
)

// keySize is the length of a key in bytes: AES-256.
const keySize = 32

// ErrOpen is returned when a sealed text was made with another key or for another context, or was altered. Which of
// them it was cannot be told.
var ErrOpen = errors.New("the sealed value does not open: wrong key, wrong place, or altered")

// Key is a symmetric key of 32 bytes. The zero Key is no key: it seals and opens nothing. A Key never prints or logs
// its bytes; Reveal is the one door to them.
type Key struct {
	bytes [keySize]byte
	set   bool
}

// NewKey makes a key from the system's random source.
func NewKey() Key {
	k := Key{set: true}
	_, _ = rand.Read(k.bytes[:]) // crypto/rand.Read never fails: it ends the program instead
	return k
}

// ParseKey reads 32 bytes in base64 or base64url, with or without padding, surrounding white space ignored.
func ParseKey(text string) (Key, error) {
	plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimSpace(text)), "=")
	raw, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil || len(raw) != keySize {
		return Key{}, fmt.Errorf("a key is %d bytes in base64, as `openssl rand -base64 %d` prints them", keySize, keySize)
	}
	return Key{bytes: [keySize]byte(raw), set: true}, nil
}

// Derive makes a key from a secret of enough entropy (a token, another key) for one purpose: HKDF with SHA-256
// (RFC 5869), so that neither the secret nor a key of another purpose follows from it.
func Derive(secret []byte, purpose string) Key {
	raw, err := hkdf.Key(sha256.New, secret, nil, "keyward "+purpose, keySize)
	if err != nil {
		return Key{} // only a length above 8160 bytes fails; the zero key seals and opens nothing
	}
	return Key{bytes: [keySize]byte(raw), set: true}
}

// Derive makes a key of one purpose from this one.
func (k Key) Derive(purpose string) Key {
	if !k.set {
		return Key{}
	}
	return Derive(k.bytes[:], purpose)
}

// IsZero tells that there is no key.
func (k Key) IsZero() bool { return !k.set }

// Reveal gives the key in base64url without padding, as ParseKey reads it.
func (k Key) Reveal() string { return base64.RawURLEncoding.EncodeToString(k.bytes[:]) }

// ID is a short name of the key, from which the key does not follow: 16 characters of base64url.
func (k Key) ID() string {
	sum := sha256.Sum256(append([]byte("keyward key id\x00"), k.bytes[:]...))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// String names the key by its ID.
func (k Key) String() string {
	if !k.set {
		return "no key"
	}
	return "key " + k.ID()
}

// GoString hides the key from %#v.
func (k Key) GoString() string { return k.String() }

// LogValue hides the key from slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText refuses: a key is written out by Reveal only.
func (k Key) MarshalText() ([]byte, error) { return nil, errors.New("a key is never encoded") }

// Seal encrypts plain with AES-256-GCM under a random nonce and binds it to context, the place where it belongs: it
// opens only with the same one. The text is base64url of nonce and ciphertext, without padding. Sealing with the zero
// Key gives a text that nothing opens.
func (k Key) Seal(plain, context []byte) string {
	if !k.set {
		return ""
	}
	sealed := k.aead().Seal(nil, nil, plain, context) //nolint:gosec // this AEAD makes its nonce itself and takes none
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Open gives back what Seal was given, or ErrOpen.
func (k Key) Open(text string, context []byte) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || !k.set {
		return nil, ErrOpen
	}
	plain, err := k.aead().Open(nil, nil, raw, context)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// MAC is HMAC-SHA256 (RFC 2104) of data under the key.
func (k Key) MAC(data []byte) []byte {
	h := hmac.New(sha256.New, k.bytes[:])
	h.Write(data)
	return h.Sum(nil)
}

func (k Key) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.bytes[:])
	if err != nil {
		panic(err) // a key of 32 bytes is always accepted
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // an AES block is always accepted
	}
	return aead
}

// RowContext is the context of a sealed field in a feed row: control seals it for the group, gateways open it, with
// the same kind, row id and field name ("secret" for the introspection credential).
func RowContext(kind keyward.RowKind, id, field string) []byte {
	return []byte("keyward row\x00" + string(kind) + "\x00" + id + "\x00" + field)
}
