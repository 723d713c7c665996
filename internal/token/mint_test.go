package token

import (
	"crypto/ecdsa"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestMint(t *testing.T) {
	private := testKeys().p256
	m, err := NewMinter(private)
	if err != nil {
		t.Fatal(err)
	}
	kid := mustKey(t, &private.PublicKey).Thumbprint
	const claims = `{"sub":"a|b"}`
	for range 50 {
		raw, err := m.Mint([]byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		// A library of others must read it as we do.
		jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := jws.Verify(&private.PublicKey)
		if err != nil || string(payload) != claims || jws.Signatures[0].Header.KeyID != kid {
			t.Fatalf("payload %s, %v", payload, err)
		}
		if err := mustParse(t, raw).Verify(mustKey(t, &private.PublicKey), []string{"ES256"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, wrong := range []*ecdsa.PrivateKey{nil, testKeys().p384} {
		if _, err := NewMinter(wrong); err == nil {
			t.Error("only P-256 keys sign with ES256")
		}
	}
}

func BenchmarkMint(b *testing.B) {
	m, err := NewMinter(testKeys().p256)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Mint([]byte(`{"sub":"corp|abc","aud":"orders-v1"}`)); err != nil {
			b.Fatal(err)
		}
	}
}
