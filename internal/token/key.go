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
	"slices"
)

// Sizes of RSA keys that are believed, in bits. Smaller ones can be broken, larger ones cost a caller nothing and us
// much.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Key is one public verification key of one issuer.
type Key struct {
	Kid        string // "" = the key has none
	Alg        string // the only algorithm that the key's owner allows; "" = any that fits its type
	Use        string // sig or ""
	AnyKid     bool   // from PEM: it has no name, so it may be tried for a token with any kid
	Thumbprint string // RFC 7638, SHA-256, base64url
	Public     any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey

	order []byte // of an elliptic curve's group, as long as r and s
}

// newKey checks a public key and completes it.
func newKey(public any) (*Key, error) {
	k := &Key{Public: public}
	var canonical string
	switch public := public.(type) {
	case *rsa.PublicKey:
		if err := checkRSA(public); err != nil {
			return nil, err
		}
		canonical = fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`,
			encode(big.NewInt(int64(public.E)).Bytes()), encode(public.N.Bytes()))
	case *ecdsa.PublicKey:
		name, ok := curveName(public.Curve)
		if !ok {
			return nil, fmt.Errorf("its curve is none of P-256, P-384, P-521")
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
		if err := checkEd25519(public); err != nil {
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

func checkRSA(k *rsa.PublicKey) error {
	switch bits := k.N.BitLen(); {
	case bits < minRSABits:
		return fmt.Errorf("its %d bits are too few: RSA keys need %d", bits, minRSABits)
	case bits > maxRSABits:
		return fmt.Errorf("its %d bits are too many: RSA keys have at most %d", bits, maxRSABits)
	case k.N.Bit(0) == 0:
		return fmt.Errorf("its modulus is even")
	case k.E < 3 || k.E%2 == 0:
		return fmt.Errorf("its exponent %d is even or 1", k.E)
	}
	return nil
}

// checkEd25519 refuses the points of small order, for which signatures of any message can be made without a private
// key. They are given without the sign bit, in all encodings that a verifier accepts.
func checkEd25519(k ed25519.PublicKey) error {
	if len(k) != ed25519.PublicKeySize {
		return fmt.Errorf("it has not %d bytes", ed25519.PublicKeySize)
	}
	y := [ed25519.PublicKeySize]byte(k)
	y[31] &= 0x7f
	highest := [ed25519.PublicKeySize]byte{}
	for i := range highest {
		highest[i] = 0xff
	}
	highest[31] = 0x7f
	prime := func(last byte) [ed25519.PublicKeySize]byte {
		p := highest
		p[0] = last
		return p
	}
	small := [][ed25519.PublicKeySize]byte{
		{}, {1}, prime(0xec), prime(0xed), prime(0xee),
		{
			0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
			0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
		},
		{
			0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
			0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
		},
	}
	if slices.Contains(small, y) {
		return fmt.Errorf("it is a point of small order")
	}
	return nil
}

func curveName(c elliptic.Curve) (string, bool) {
	switch c {
	case elliptic.P256():
		return "P-256", true
	case elliptic.P384():
		return "P-384", true
	case elliptic.P521():
		return "P-521", true
	}
	return "", false
}

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
