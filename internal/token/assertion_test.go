package token_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/token"
)

// A key with its certificate, wherever in the text the two stand, names the certificate in what it signs.
func TestCertifiedKeys(t *testing.T) {
	own, other := conformance.CertifiedKey(t), conformance.CertifiedKey(t)
	certificate := strings.TrimPrefix(own.Bundle, own.PEM)
	foreign := strings.TrimPrefix(other.Bundle, other.PEM)
	for name, text := range map[string]string{
		"key first": own.Bundle, "certificate first": certificate + own.PEM,
		"among others": foreign + own.PEM + foreign + certificate, "with words before": "Bag Attributes\n" + own.Bundle,
	} {
		key, err := token.ParseCertifiedKey(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		now := time.Now()
		text, err := key.Sign("client", "https://as.example/token", now)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.PS256})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var claims jwt.Claims
		if err := signed.Claims(own.Certificate.PublicKey, &claims); err != nil || claims.NotBefore == nil ||
			claims.Issuer != "client" || claims.Subject != "client" || len(claims.ID) != len("00aa00aa-bb11-cc22-dd33-44ee44ee44ee") {
			t.Errorf("%s: claims %+v, error %v", name, claims, err)
		}
		h := signed.Headers[0]
		if h.ExtraHeaders["x5t#S256"] != own.Thumbprint || h.ExtraHeaders[jose.HeaderType] != "JWT" || h.KeyID != "" {
			t.Errorf("%s: header %+v", name, h)
		}
	}
	curve := conformance.AccountKey(t, "", "ES256")
	for name, text := range map[string]string{
		"no certificate": own.PEM, "another key's": own.PEM + foreign, "no key": certificate, "a JWK": own.JWK, "nothing": "",
		"not RSA": curve.PEM + certificate,
		"broken":  own.PEM + "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
	} {
		if _, err := token.ParseCertifiedKey(text); err == nil || strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := token.ParseAssertionKey(certificate + own.PEM); err != nil {
		t.Errorf("without need of a certificate: %v", err)
	}
}
