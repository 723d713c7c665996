package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Key is a signing key. Its fields are open, so that a test can lie with them.
type Key struct {
	Kid       string
	Algorithm string // what a token's header says, and how it is signed
	Private   crypto.Signer
}

// NewKey makes a key for the algorithm (RFC 7518, section 3.1; RFC 8037).
func NewKey(kid, algorithm string) (*Key, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", algorithm, err)
	}
	return &Key{Kid: kid, Algorithm: algorithm, Private: private}, nil
}

// As gives the same key under another kid or algorithm; an empty one stays.
func (k *Key) As(kid, algorithm string) *Key {
	other := *k
	if kid != "" {
		other.Kid = kid
	}
	if algorithm != "" {
		other.Algorithm = algorithm
	}
	return &other
}

// JWK is the key's public half as RFC 7517 writes it.
func (k *Key) JWK() (string, error) {
	jwk := jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.Kid, Algorithm: k.Algorithm, Use: "sig"}
	b, err := jwk.MarshalJSON()
	return string(b), err
}

// PEM is the key's public half as a SubjectPublicKeyInfo block.
func (k *Key) PEM() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(k.Private.Public())
	if err != nil {
		return "", fmt.Errorf("encode the public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// JWKS is a JWK set of the keys' public halves.
func JWKS(keys ...*Key) (string, error) {
	members := make([]string, len(keys))
	for i, k := range keys {
		var err error
		if members[i], err = k.JWK(); err != nil {
			return "", err
		}
	}
	return `{"keys":[` + strings.Join(members, ",") + `]}`, nil
}

// Sign gives the JWS signature of the input (RFC 7515, section 5.1) for the key's algorithm.
func (k *Key) Sign(input string) ([]byte, error) {
	if p, ok := k.Private.(ed25519.PrivateKey); ok {
		return ed25519.Sign(p, []byte(input)), nil
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[k.size()]
	if hash == 0 {
		return nil, fmt.Errorf("no way to sign %s", k.Algorithm)
	}
	h := hash.New()
	h.Write([]byte(input))
	digest := h.Sum(nil)
	switch p := k.Private.(type) {
	case *rsa.PrivateKey:
		if strings.HasPrefix(k.Algorithm, "PS") {
			return rsa.SignPSS(rand.Reader, p, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, p, hash, digest)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, p, digest)
		if err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		size := (p.Curve.Params().BitSize + 7) / 8
		out := make([]byte, 2*size)
		r.FillBytes(out[:size])
		s.FillBytes(out[size:])
		return out, nil
	default:
		return nil, fmt.Errorf("no way to sign with a %T", p)
	}
}

func (k *Key) size() string { return k.Algorithm[max(0, len(k.Algorithm)-3):] }

// HMAC gives a compact token signed with HS256, whatever its header says.
func HMAC(secret []byte, header, payload string) string {
	input := Encode(header) + "." + Encode(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + Encode(string(mac.Sum(nil)))
}

// Encode is base64url without padding (RFC 7515, section 2).
func Encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
