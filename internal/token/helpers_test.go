package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"keyward.dev/keyward"
)

// keyring has one private key of each kind, made once for all tests.
type keyring struct {
	rsa, otherRSA    *rsa.PrivateKey
	p256, p384, p521 *ecdsa.PrivateKey
	ed               ed25519.PrivateKey
}

var testKeys = sync.OnceValue(func() keyring {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var k keyring
	var err error
	k.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	k.otherRSA, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	k.p256, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	k.p384, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	k.p521, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	must(err)
	_, k.ed, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	return k
})

// signature signs as RFC 7518, section 3, says.
func signature(t testing.TB, alg string, key crypto.Signer, message string) []byte {
	t.Helper()
	sum, hash := digest(nil, alg+"256", []byte(message))
	if strings.HasSuffix(alg, "384") || strings.HasSuffix(alg, "512") || strings.HasSuffix(alg, "256") {
		sum, hash = digest(nil, alg, []byte(message))
	}
	var sig []byte
	var err error
	switch key := key.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(message))
	case *rsa.PrivateKey:
		if alg[0] == 'P' {
			sig, err = rsa.SignPSS(rand.Reader, key, hash, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(nil, key, hash, sum)
		}
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, sum)
		size := (key.Params().BitSize + 7) / 8
		sig, err = make([]byte, 2*size), signErr
		r.FillBytes(sig[:size])
		s.FillBytes(sig[size:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func sign(t testing.TB, alg string, key crypto.Signer, header, claims string) string {
	t.Helper()
	message := encode([]byte(header)) + "." + encode([]byte(claims))
	return message + "." + encode(signature(t, alg, key, message))
}

func simple(t testing.TB, alg, kid string, key crypto.Signer) string {
	t.Helper()
	return sign(t, alg, key, fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT"}`, alg, kid), `{"iss":"https://a.example","exp":2000000000}`)
}

func mustParse(t testing.TB, raw string) *JWT {
	t.Helper()
	j, err := Parse(raw)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return j
}

func mustKey(t testing.TB, public any) *Key {
	t.Helper()
	k, err := newKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// jwk writes the public half of a key, with more members at its end.
func jwk(t testing.TB, key crypto.Signer, members string) string {
	t.Helper()
	var text string
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		text = fmt.Sprintf(`"kty":"RSA","n":%q,"e":"AQAB"`, encode(public.N.Bytes()))
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := (len(point) - 1) / 2
		text = fmt.Sprintf(`"kty":"EC","crv":%q,"x":%q,"y":%q`,
			public.Params().Name, encode(point[1:1+half]), encode(point[1+half:]))
	case ed25519.PublicKey:
		text = fmt.Sprintf(`"kty":"OKP","crv":"Ed25519","x":%q`, encode(public))
	}
	if members != "" {
		members = "," + members
	}
	return "{" + text + members + "}"
}

func jwks(keys ...string) json.RawMessage {
	return json.RawMessage(`{"keys":[` + strings.Join(keys, ",") + `]}`)
}

func wantCode(t testing.TB, err error, code keyward.Code) {
	t.Helper()
	if got := keyward.CodeOf(err); got != code {
		t.Fatalf("code %q (%v), want %q", got, err, code)
	}
}
