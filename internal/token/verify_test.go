package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
)

// algorithms pairs every supported algorithm with a key of its type.
func algorithms() map[string]crypto.Signer {
	k := testKeys()
	return map[string]crypto.Signer{
		"RS256": k.rsa, "RS384": k.rsa, "RS512": k.rsa, "PS256": k.rsa, "PS384": k.rsa, "PS512": k.rsa,
		"ES256": k.p256, "ES384": k.p384, "ES512": k.p521, "EdDSA": k.ed, "Ed25519": k.ed,
	}
}

func TestVerifyEachAlgorithm(t *testing.T) {
	keys := algorithms()
	if len(keys) != len(keyward.Algorithms()) {
		t.Fatalf("%d algorithms are tested, %d are offered", len(keys), len(keyward.Algorithms()))
	}
	for alg, signer := range keys {
		t.Run(alg, func(t *testing.T) {
			raw := simple(t, alg, "k", signer)
			key := mustKey(t, signer.Public())
			if err := mustParse(t, raw).Verify(key, nil); err != nil {
				t.Fatalf("positive control: %v", err)
			}
			if err := mustParse(t, raw).Verify(key, []string{alg}); err != nil {
				t.Fatalf("its own allow-list: %v", err)
			}
			wantCode(t, mustParse(t, raw).Verify(key, []string{"RS999"}), keyward.CodeInvalidToken)

			key.Alg = alg
			if err := mustParse(t, raw).Verify(key, nil); err != nil {
				t.Fatalf("its own alg: %v", err)
			}
			key.Alg = "HS256"
			wantCode(t, mustParse(t, raw).Verify(key, nil), keyward.CodeInvalidToken)
			key.Alg = ""

			header, claims, _ := strings.Cut(raw, ".")
			claims, sig, _ := strings.Cut(claims, ".")
			other := encode([]byte(`{"iss":"https://b.example","exp":2000000000}`))
			wantCode(t, mustParse(t, header+"."+other+"."+sig).Verify(key, nil), keyward.CodeInvalidToken)
			swapped := encode([]byte(`{"alg":"` + alg + `","kid":"other"}`))
			wantCode(t, mustParse(t, swapped+"."+claims+"."+sig).Verify(key, nil), keyward.CodeInvalidToken)
			flipped := []byte(mustParse(t, raw).signature)
			for _, at := range []int{0, len(flipped) / 2, len(flipped) - 1} {
				flipped[at] ^= 0x10
				wantCode(t, mustParse(t, header+"."+claims+"."+encode(flipped)).Verify(key, nil), keyward.CodeInvalidToken)
				flipped[at] ^= 0x10
			}
			for _, wrong := range [][]byte{flipped[1:], append([]byte{0}, flipped...), append(flipped[:len(flipped):len(flipped)], 0)} {
				wantCode(t, mustParse(t, header+"."+claims+"."+encode(wrong)).Verify(key, nil), keyward.CodeInvalidToken)
			}
		})
	}
}

func TestVerifyNeverCrossesAlgorithms(t *testing.T) {
	for made, signer := range algorithms() {
		raw := simple(t, made, "k", signer)
		_, rest, _ := strings.Cut(raw, ".")
		for claimed := range algorithms() {
			edwards := strings.HasPrefix(made, "Ed") && strings.HasPrefix(claimed, "Ed")
			if claimed == made {
				continue
			}
			// The header is signed, so change it before signing: the signature is made as one algorithm and said to be another.
			header := encode([]byte(`{"alg":"` + claimed + `"}`))
			claims, _, _ := strings.Cut(rest, ".")
			message := header + "." + claims
			j := mustParse(t, message+"."+encode(signature(t, made, signer, message)))
			err := j.Verify(mustKey(t, signer.Public()), nil)
			if edwards && err != nil {
				t.Errorf("%s and %s are one algorithm: %v", made, claimed, err)
			}
			if !edwards && err == nil {
				t.Errorf("a signature made with %s was taken as %s", made, claimed)
			}
		}
	}
}

func TestVerifyRefusesSymmetricAndNone(t *testing.T) {
	public := &testKeys().rsa.PublicKey
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	secrets := [][]byte{
		der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), x509.MarshalPKCS1PublicKey(public),
		[]byte(jwk(t, testKeys().rsa, "")), {},
	}
	key := mustKey(t, public)
	for _, alg := range []string{
		"HS256", "HS384", "HS512", "hs256", "none", "None", "nOnE", "NONE", "rs256", "RS256 ", "RS1", "ES256K", "X",
	} {
		for _, secret := range secrets {
			message := encode([]byte(`{"alg":"`+alg+`"}`)) + "." + encode([]byte(`{}`))
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(message))
			j := mustParse(t, message+"."+encode(mac.Sum(nil)))
			wantCode(t, j.Verify(key, nil), keyward.CodeInvalidToken)
			wantCode(t, j.Verify(key, []string{alg}), keyward.CodeInvalidToken)
		}
	}
}

func TestVerifyRefusesPsychicSignatures(t *testing.T) {
	public := &testKeys().p256.PublicKey
	key := mustKey(t, public)
	order := public.Params().N
	message := encode([]byte(`{"alg":"ES256"}`)) + "." + encode([]byte(`{}`))
	good := signature(t, "ES256", testKeys().p256, message)
	if err := mustParse(t, message+"."+encode(good)).Verify(key, nil); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	pair := func(r, s *big.Int) []byte {
		b := make([]byte, 64)
		r.FillBytes(b[:32])
		s.FillBytes(b[32:])
		return b
	}
	r, s := new(big.Int).SetBytes(good[:32]), new(big.Int).SetBytes(good[32:])
	zero := new(big.Int)
	bad := [][]byte{
		pair(zero, zero), pair(zero, s), pair(r, zero), pair(order, order), pair(order, s), pair(r, order),
		make([]byte, 63), make([]byte, 65), {0x30, 6, 2, 1, 1, 2, 1, 1},
		slices.Concat(good[:32], []byte{0}, good[32:]), // the same pair, one byte longer
	}
	der, err := ecdsa.SignASN1(nil, testKeys().p256, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range append(bad, der) {
		wantCode(t, mustParse(t, message+"."+encode(sig)).Verify(key, nil), keyward.CodeInvalidToken)
	}
	// Another form of the same pair must not be another token: r + n would be, if it fitted.
	if sum := new(big.Int).Add(r, order); sum.BitLen() <= 256 {
		wantCode(t, mustParse(t, message+"."+encode(pair(sum, s))).Verify(key, nil), keyward.CodeInvalidToken)
	}
}

// TestVerifyManySignatures meets values of r and s with leading zeros and with the highest bit set.
func TestVerifyManySignatures(t *testing.T) {
	for _, alg := range []string{"ES256", "ES512"} {
		signer := algorithms()[alg]
		key := mustKey(t, signer.Public())
		for range 100 {
			if err := mustParse(t, simple(t, alg, "k", signer)).Verify(key, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestVerifyRefusesAnotherKey(t *testing.T) {
	raw := simple(t, "RS256", "k", testKeys().rsa)
	wantCode(t, mustParse(t, raw).Verify(mustKey(t, &testKeys().otherRSA.PublicKey), nil), keyward.CodeInvalidToken)
	for _, signer := range []crypto.Signer{testKeys().p256, testKeys().ed} {
		wantCode(t, mustParse(t, raw).Verify(mustKey(t, signer.Public()), nil), keyward.CodeInvalidToken)
	}
}

func TestVerifyPSSWantsTheHashsLength(t *testing.T) {
	message := encode([]byte(`{"alg":"PS256"}`)) + "." + encode([]byte(`{}`))
	sum := sha256.Sum256([]byte(message))
	key := mustKey(t, &testKeys().rsa.PublicKey)
	for length, good := range map[int]bool{32: true, 20: false, 222: false} {
		sig, err := rsa.SignPSS(randReader{}, testKeys().rsa, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: length})
		if err != nil {
			t.Fatal(err)
		}
		if err := mustParse(t, message+"."+encode(sig)).Verify(key, nil); (err == nil) != good {
			t.Errorf("salt of %d bytes: %v", length, err)
		}
	}
}

// randReader gives bytes whose quality matters to no test.
type randReader struct{}

func (randReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i*7 + 1)
	}
	return len(p), nil
}
