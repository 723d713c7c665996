package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"slices"

	"keyward.dev/keyward/internal/token/sound"
)

// Verify checks the signature with one key. The algorithm must be one that the key's type, its curve and its own alg
// permit, and in the key manager's list when that has entries; the token's header only chooses among those. There is no
// key type for HS* and none. Its only error is a *keyward.Error with invalid_token.
func (j *JWT) Verify(k *Key, allowed []string) error {
	if !k.permits(j.algorithm) {
		return invalid("the token's algorithm is not one of its key")
	}
	if !j.allowedBy(allowed) {
		return invalid("the token's algorithm is not allowed by its key manager")
	}
	if !j.verify(k) {
		return invalid("the token's signature is not valid")
	}
	return nil
}

// allowedBy knows, as permits does, that EdDSA and Ed25519 are two names of one algorithm.
func (j *JWT) allowedBy(allowed []string) bool {
	return len(allowed) == 0 || slices.ContainsFunc(allowed, func(a string) bool { return sameAlgorithm(a, j.algorithm) })
}

func (j *JWT) verify(k *Key) bool {
	var space [3072]byte
	message := append(space[:0], j.signed...)
	var signatureSpace [sound.MaxRSABits / 8]byte
	signature := append(signatureSpace[:0], j.signature...)
	if public, ok := k.Public.(ed25519.PublicKey); ok {
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(public, message, signature)
	}
	var sumSpace [sha512.Size]byte
	sum, hash := digest(sumSpace[:0], j.algorithm, message)
	switch public := k.Public.(type) {
	case *rsa.PublicKey:
		if len(signature) != public.Size() {
			return false
		}
		if j.algorithm[0] == 'P' {
			options := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
			return rsa.VerifyPSS(public, hash, sum, signature, &options) == nil
		}
		return rsa.VerifyPKCS1v15(public, hash, sum, signature) == nil
	case *ecdsa.PublicKey:
		return verifyECDSA(public, k.order, sum, signature)
	}
	return false
}

// digest hashes with the function that the last three digits of the algorithm name.
func digest(dst []byte, algorithm string, message []byte) ([]byte, crypto.Hash) {
	switch algorithm[2:] {
	case "384":
		sum := sha512.Sum384(message)
		return append(dst, sum[:]...), crypto.SHA384
	case "512":
		sum := sha512.Sum512(message)
		return append(dst, sum[:]...), crypto.SHA512
	default:
		sum := sha256.Sum256(message)
		return append(dst, sum[:]...), crypto.SHA256
	}
}

// verifyECDSA takes r || s of exactly the curve's length (RFC 7518, section 3.4), each above 0 and below the group's
// order.
func verifyECDSA(public *ecdsa.PublicKey, order, sum, signature []byte) bool {
	size := len(order)
	if len(signature) != 2*size {
		return false
	}
	r, s := signature[:size], signature[size:]
	if !inRange(r, order) || !inRange(s, order) {
		return false
	}
	var space [160]byte
	return ecdsa.VerifyASN1(public, sum, appendDER(space[:0], r, s))
}

func inRange(v, order []byte) bool {
	for _, b := range v {
		if b != 0 {
			return bytes.Compare(v, order) < 0
		}
	}
	return false
}

// appendDER writes ECDSA-Sig-Value (RFC 3279, section 2.2.3), the form that the standard library verifies.
func appendDER(dst, r, s []byte) []byte {
	r, s = trimmed(r), trimmed(s)
	content := integerSize(r) + integerSize(s)
	dst = append(dst, 0x30)
	if content >= 0x80 {
		dst = append(dst, 0x81)
	}
	dst = append(dst, byte(content)) //nolint:gosec // at most 2 * 69
	return appendInteger(appendInteger(dst, r), s)
}

func trimmed(b []byte) []byte {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

func integerSize(b []byte) int {
	if b[0]&0x80 != 0 {
		return 3 + len(b)
	}
	return 2 + len(b)
}

func appendInteger(dst, b []byte) []byte {
	dst = append(dst, 0x02, byte(integerSize(b)-2)) //nolint:gosec // at most 67
	if b[0]&0x80 != 0 {
		dst = append(dst, 0)
	}
	return append(dst, b...)
}
