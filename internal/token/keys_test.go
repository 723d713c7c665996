package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward"
)

func TestParseJWKSIgnoresBadKeysOneByOne(t *testing.T) {
	k := testKeys()
	private, err := json.Marshal(jose.JSONWebKey{Key: k.p256, KeyID: "private"})
	if err != nil {
		t.Fatal(err)
	}
	raw := func(n *big.Int, e string) string {
		return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":%q}`, encode(n.Bytes()), e)
	}
	bad := map[string]string{
		"another use":         jwk(t, k.rsa, `"use":"enc"`),
		"unknown use":         jwk(t, k.rsa, `"use":"SIG"`),
		"use a number":        jwk(t, k.rsa, `"use":1`),
		"key_ops without":     jwk(t, k.rsa, `"key_ops":["encrypt"]`),
		"key_ops empty":       jwk(t, k.rsa, `"key_ops":[]`),
		"key_ops a string":    jwk(t, k.rsa, `"key_ops":"verify"`),
		"alg of encryption":   jwk(t, k.rsa, `"alg":"RSA-OAEP"`),
		"alg symmetric":       jwk(t, k.rsa, `"alg":"HS256"`),
		"alg of another type": jwk(t, k.rsa, `"alg":"ES256"`),
		"alg of other curve":  jwk(t, k.p256, `"alg":"ES384"`),
		"alg none":            jwk(t, k.rsa, `"alg":"none"`),
		"kid a number":        jwk(t, k.rsa, `"kid":7`),
		"a member twice":      jwk(t, k.rsa, `"kid":"a","kid":"b"`),
		"twice below":         jwk(t, k.rsa, `"x":{"a":1,"A":2}`),
		"symmetric":           `{"kty":"oct","k":"c2VjcmV0"}`,
		"private":             string(private),
		"no kty":              `{"n":"AQAB","e":"AQAB"}`,
		"unknown kty":         `{"kty":"AKP"}`,
		"not an object":       `7`,
		"null":                `null`,
		"small":               raw(new(big.Int).SetBit(big.NewInt(1), 1023, 1), "AQAB"),
		"2047 bits":           raw(new(big.Int).SetBit(big.NewInt(1), 2046, 1), "AQAB"),
		"8193 bits":           raw(new(big.Int).SetBit(big.NewInt(1), 8192, 1), "AQAB"),
		"huge":                raw(new(big.Int).SetBit(big.NewInt(1), 200_000, 1), "AQAB"),
		"even modulus":        raw(new(big.Int).SetBit(big.NewInt(2), 2047, 1), "AQAB"),
		"exponent 1":          raw(k.rsa.N, "AQ"),
		"exponent 0":          raw(k.rsa.N, "AA"),
		"exponent 2":          raw(k.rsa.N, "Ag"),
		"exponent 65536":      raw(k.rsa.N, "AQAA"),
		"exponent too large":  raw(k.rsa.N, "AQAAAAAAAAAB"),
		"no exponent":         fmt.Sprintf(`{"kty":"RSA","n":%q}`, encode(k.rsa.N.Bytes())),
		"padding":             strings.Replace(raw(k.rsa.N, "AQAB"), `"e":"AQAB"`, `"e":"AQAB=="`, 1),
		"off the curve":       fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, encode(make([]byte, 32)), encode(make([]byte, 32))),
		"short coordinate":    fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, encode(make([]byte, 31)), encode(make([]byte, 32))),
		"wrong curve":         strings.Replace(jwk(t, k.p256, ""), "P-256", "P-384", 1),
		"unknown curve":       strings.Replace(jwk(t, k.p256, ""), "P-256", "secp256k1", 1),
		"X25519":              strings.Replace(jwk(t, k.ed, ""), "Ed25519", "X25519", 1),
		"short Ed25519":       fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, encode(make([]byte, 31))),
		"point zero":          fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, encode(make([]byte, 32))),
		"point one":           fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, encode(append([]byte{1}, make([]byte, 31)...))),
	}
	good := jwk(t, k.p384, `"kid":"good"`)
	for name, key := range bad {
		t.Run(name, func(t *testing.T) {
			keys, notes, err := ParseJWKS(jwks(key, good))
			if err != nil || len(keys) != 1 || keys[0].Kid != "good" || len(notes) != 1 {
				t.Fatalf("keys %v, notes %q, %v", keys, notes, err)
			}
			if _, _, err := ParseJWKS(jwks(key)); err == nil {
				t.Fatal("alone, it should leave no key and be an error")
			}
		})
	}
}

func TestParseJWKSTakesGoodKeys(t *testing.T) {
	k := testKeys()
	keys, notes, err := ParseJWKS(jwks(
		jwk(t, k.rsa, `"kid":"a","alg":"RS256","use":"sig","x5c":["x"],"x5t":"y","x5t#S256":"z"`),
		jwk(t, k.p256, `"kid":"b","key_ops":["verify","sign"]`),
		jwk(t, k.p521, ""), jwk(t, k.ed, `"alg":"EdDSA"`), jwk(t, k.ed, `"alg":"Ed25519"`),
	))
	if err != nil || len(keys) != 5 || len(notes) != 0 {
		t.Fatalf("%d keys, notes %q, %v", len(keys), notes, err)
	}
	if keys[0].Kid != "a" || keys[0].Alg != "RS256" || keys[0].Use != "sig" || keys[0].AnyKid || keys[2].Kid != "" {
		t.Errorf("members: %+v, %+v", keys[0], keys[2])
	}
}

func TestParseJWKSRefusesDocuments(t *testing.T) {
	good := jwk(t, testKeys().p256, "")
	if _, _, err := ParseJWKS([]byte(`{"keys":[` + good + `],"more":1}`)); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	for _, text := range []string{
		``, `[]`, `{}`, `{"keys":{}}`, `{"keys":[]}`, `{"keys":null}`, `<html></html>`, `{"keys":[` + good, good,
		`{"keys":[` + good + `]}{}`, `{"keys":[],"keys":[` + good + `]}`, `{"keys":[` + good + `],"Keys":[]}`,
	} {
		if _, _, err := ParseJWKS([]byte(text)); err == nil {
			t.Errorf("%.40q should be refused", text)
		}
	}
}

func TestParseJWKSLooksAtHundredKeys(t *testing.T) {
	many := make([]string, 0, 10_001)
	for range 10_000 {
		many = append(many, jwk(t, testKeys().p256, ""))
	}
	keys, notes, err := ParseJWKS(jwks(many...))
	if err != nil || len(keys) != 100 || len(notes) != 1 {
		t.Fatalf("%d keys, %d notes, %v", len(keys), len(notes), err)
	}
}

func TestParsePEM(t *testing.T) {
	k := testKeys()
	pkix, err := x509.MarshalPKIXPublicKey(&k.p256.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &k.rsa.PublicKey, k.rsa)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k.rsa)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	smallDER, err := x509.MarshalPKIXPublicKey(&small.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	keys, notes, err := ParseKeys(keyward.IssuerRow{PEM: []string{
		block("PUBLIC KEY", pkix) + block("CERTIFICATE", certificate),
		block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.otherRSA.PublicKey)),
		block("PRIVATE KEY", secret), block("PUBLIC KEY", smallDER), block("PUBLIC KEY", []byte("x")), "rubbish",
	}})
	if err != nil || len(keys) != 3 || len(notes) != 4 {
		t.Fatalf("%d keys, notes %q, %v", len(keys), notes, err)
	}
	for _, key := range keys {
		if !key.AnyKid || key.Kid != "" {
			t.Errorf("a PEM key has no kid: %+v", key)
		}
	}
	if _, _, err := ParsePEM([]string{block("PRIVATE KEY", secret)}); err == nil {
		t.Error("no key at all should be an error")
	}
	if keys, _, err := ParseKeys(keyward.IssuerRow{JWKS: "https://x"}); err != nil || keys != nil {
		t.Error("keys of an address are not in the row")
	}
}

func TestThumbprintIsTheStandardOne(t *testing.T) {
	k := testKeys()
	for _, public := range []any{&k.rsa.PublicKey, &k.p256.PublicKey, &k.p384.PublicKey, &k.p521.PublicKey, k.ed.Public()} {
		reference := jose.JSONWebKey{Key: public}
		want, err := reference.Thumbprint(5) // crypto.SHA256
		if err != nil {
			t.Fatal(err)
		}
		if got := mustKey(t, public).Thumbprint; got != encode(want) {
			t.Errorf("%T: thumbprint %s, want %s", public, got, encode(want))
		}
	}
	// The example of RFC 7638, section 3.1.
	modulus := "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc" +
		"_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ" +
		"R0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bF" +
		"TWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	text := `{"kty":"RSA","n":"` + modulus + `","e":"AQAB"}`
	keys, _, err := ParseJWKS(jwks(text))
	if err != nil || keys[0].Thumbprint != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Fatalf("%v, %v", keys, err)
	}
}

func TestKeyBounds(t *testing.T) {
	edge := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8191, 1), E: 3}
	if _, err := newKey(edge); err != nil {
		t.Errorf("8192 bits and exponent 3 are allowed: %v", err)
	}
	if _, err := newKey("text"); err == nil {
		t.Error("a string is not a key")
	}
}

// Keys are told by their kid, with the thumbprint only where the kid does not tell them apart, or is missing.
func TestKeysHaveNames(t *testing.T) {
	k := testKeys()
	keys, notes, err := ParseJWKS([]byte(`{"keys":[` + jwk(t, k.rsa, `"kid":"a"`) + "," + jwk(t, k.p256, `"kid":"twice"`) + "," +
		jwk(t, k.p384, `"kid":"twice"`) + "," + jwk(t, k.ed, "") + `,{"kty":"oct","kid":"shared","k":"c2VjcmV0"},7]}`))
	if err != nil || len(keys) != 4 {
		t.Fatalf("%v, %v", keys, err)
	}
	want := []string{`kid "a"`, `kid "twice", thumbprint ` + keys[1].Thumbprint, `kid "twice", thumbprint ` + keys[2].Thumbprint,
		"thumbprint " + keys[3].Thumbprint}
	for i, key := range keys {
		if key.Name != want[i] {
			t.Errorf("key %d is called %s, want %s", i, key.Name, want[i])
		}
	}
	if len(notes) != 2 || !strings.HasPrefix(notes[0], `key 4 (kid "shared") is ignored: `) ||
		!strings.HasPrefix(notes[1], "key 5 is ignored: ") {
		t.Errorf("notes %q", notes)
	}
}
