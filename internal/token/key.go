package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"

	"keyward.dev/keyward/internal/token/sound"
)

// Key is one public verification key of one issuer.
type Key struct {
	Kid        string // "" = the key has none
	Alg        string // the only algorithm that the key's owner allows; "" = any that fits its type
	Use        string // sig or ""
	AnyKid     bool   // from PEM: it has no name, so it may be tried for a token with any kid
	Thumbprint string // RFC 7638, SHA-256, base64url
	Name       string // for people, as KeyName makes it
	Public     any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey

	order []byte // of an elliptic curve's group, as long as r and s
}

// newKey checks a public key and completes it.
func newKey(public any) (*Key, error) {
	k := &Key{Public: public}
	var canonical string
	switch public := public.(type) {
	case *rsa.PublicKey:
		if err := sound.RSA(public); err != nil {
			return nil, err
		}
		canonical = fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`,
			encode(big.NewInt(int64(public.E)).Bytes()), encode(public.N.Bytes()))
	case *ecdsa.PublicKey:
		name, ok := sound.Curve(public.Curve)
		if !ok {
			return nil, fmt.Errorf("its curve is not one of P-256, P-384, P-521")
		}
		point, err := public.Bytes()
		if err != nil {
			return nil, fmt.Errorf("its point is not on its curve")
		}
		k.order = public.Params().N.Bytes()
		half := (len(point) - 1) / 2
		canonical = fmt.Sprintf(`{"crv":"%s","kty":"EC","x":"%s","y":"%s"}`,
			name, encode(point[1:1+half]), encode(point[1+half:]))
	case ed25519.PublicKey:
		if err := sound.Ed25519(public); err != nil {
			return nil, err
		}
		canonical = fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":"%s"}`, encode(public))
	default:
		return nil, fmt.Errorf("its type cannot verify signatures here")
	}
	sum := sha256.Sum256([]byte(canonical))
	k.Thumbprint = encode(sum[:])
	return k, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// permits tells whether the key may be used with the algorithm at all: its type, its curve and its own alg decide.
func (k *Key) permits(algorithm string) bool {
	if k.Alg != "" && !sameAlgorithm(k.Alg, algorithm) {
		return false
	}
	switch public := k.Public.(type) {
	case *rsa.PublicKey:
		switch algorithm {
		case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
			return true
		}
	case *ecdsa.PublicKey:
		switch algorithm {
		case "ES256":
			return public.Curve == elliptic.P256()
		case "ES384":
			return public.Curve == elliptic.P384()
		case "ES512":
			return public.Curve == elliptic.P521()
		}
	case ed25519.PublicKey:
		return algorithm == "EdDSA" || algorithm == "Ed25519"
	}
	return false
}

// sameAlgorithm knows that, with the one curve accepted here, EdDSA (RFC 8037) and Ed25519 (RFC 9864) are one
// algorithm.
func sameAlgorithm(a, b string) bool {
	edwards := func(s string) bool { return s == "EdDSA" || s == "Ed25519" }
	return a == b || edwards(a) && edwards(b)
}
