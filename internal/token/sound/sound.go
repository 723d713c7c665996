// Package sound owns which public keys can be believed: their sizes, curves and points, whoever published them. It does not own
// how a key is read, nor what is verified with it.
package sound

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"slices"
)

// Sizes of RSA keys that are believed, in bits. Smaller ones can be broken, larger ones cost a caller nothing and us
// much.
const (
	MinRSABits = 2048
	MaxRSABits = 8192
)

// RSA says what is wrong with a key: its size, its modulus or its exponent; nil for one that can be believed.
func RSA(k *rsa.PublicKey) error {
	switch bits := k.N.BitLen(); {
	case bits < MinRSABits:
		return fmt.Errorf("its %d bits are too few: RSA keys need %d", bits, MinRSABits)
	case bits > MaxRSABits:
		return fmt.Errorf("its %d bits are too many: RSA keys have at most %d", bits, MaxRSABits)
	case k.N.Bit(0) == 0:
		return fmt.Errorf("its modulus is even")
	case k.E < 3 || k.E%2 == 0:
		return fmt.Errorf("its exponent %d is even or 1", k.E)
	}
	return nil
}

// Ed25519 refuses the points of small order, for which signatures of any message can be made without a private
// key. They are given without the sign bit, in all encodings that a verifier accepts.
func Ed25519(k ed25519.PublicKey) error {
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

// Curve gives the name of a curve that is taken (RFC 7518, section 6.2.1.1), and false for any other.
func Curve(c elliptic.Curve) (string, bool) {
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
