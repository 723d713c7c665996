package resident

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// SigningAlgorithm signs the access tokens. Every resource server must know it (RFC 9068, section 4).
const SigningAlgorithm = jose.RS256

const rsaBits = 2048

// Key is one signing key with its life: published from its creation, used from ActiveFrom, no longer published from
// RetireAt.
type Key struct {
	Private    jose.JSONWebKey // with kid, alg and use
	CreatedAt  time.Time
	ActiveFrom time.Time
	RetireAt   time.Time // zero while no successor is known
}

// GenerateKey makes a key that is used from activeFrom on. Its kid is its thumbprint (RFC 7638).
func GenerateKey(now, activeFrom time.Time) (Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return Key{}, fmt.Errorf("generate a signing key: %w", err)
	}
	jwk := jose.JSONWebKey{Key: private, Algorithm: string(SigningAlgorithm), Use: "sig"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, fmt.Errorf("name a signing key: %w", err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return Key{Private: jwk, CreatedAt: now, ActiveFrom: activeFrom}, nil
}

// KeyRing is the keys of one issuer.
type KeyRing []Key

// Signing gives the key that signs at a moment: the latest one whose time has come.
func (r KeyRing) Signing(now time.Time) (Key, error) {
	var found Key
	for _, k := range r {
		if !k.ActiveFrom.After(now) && (found.Private.Key == nil || k.ActiveFrom.After(found.ActiveFrom)) {
			found = k
		}
	}
	if found.Private.Key == nil {
		return Key{}, errors.New("no signing key is in use")
	}
	return found, nil
}

// newest is the key that takes over last. The ring must not be empty.
func (r KeyRing) newest() *Key {
	newest := &r[0]
	for i := range r {
		if r[i].ActiveFrom.After(newest.ActiveFrom) {
			newest = &r[i]
		}
	}
	return newest
}

// Published gives the keys that may verify a token at a moment, the next one included, oldest first.
func (r KeyRing) Published(now time.Time) KeyRing {
	published := slices.DeleteFunc(slices.Clone(r), func(k Key) bool { return k.retired(now) })
	slices.SortFunc(published, func(a, b Key) int {
		if c := a.ActiveFrom.Compare(b.ActiveFrom); c != 0 {
			return c
		}
		return strings.Compare(a.Private.KeyID, b.Private.KeyID)
	})
	return published
}

func (k Key) retired(now time.Time) bool { return !k.RetireAt.IsZero() && !now.Before(k.RetireAt) }

// JWKS gives the public halves of the published keys (RFC 7517, section 5).
func (r KeyRing) JWKS(now time.Time) jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range r.Published(now) {
		set.Keys = append(set.Keys, k.Private.Public())
	}
	return set
}

// PublicJSON is JWKS as bytes that are the same each time the same keys are published.
func (r KeyRing) PublicJSON(now time.Time) (json.RawMessage, error) {
	b, err := json.Marshal(r.JWKS(now))
	if err != nil {
		return nil, fmt.Errorf("encode the public keys: %w", err)
	}
	return b, nil
}

// VerifySignature implements the framework's key set: only the key that the token names may verify it.
func (r KeyRing) VerifySignature(_ context.Context, jws *jose.JSONWebSignature) ([]byte, error) {
	for _, k := range r {
		if len(jws.Signatures) == 1 && jws.Signatures[0].Header.KeyID == k.Private.KeyID {
			return jws.Verify(k.Private.Public())
		}
	}
	return nil, errors.New("the token names no key of this issuer")
}
