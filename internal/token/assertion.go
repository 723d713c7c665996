package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"keyward.dev/keyward/internal/token/sound"
)

// assertionLife is how long an assertion is good: it is made for one request.
const assertionLife = time.Minute

// AssertionKey signs the assertions by which a client authenticates (RFC 7523, section 2.2).
type AssertionKey struct {
	signer    jose.Signer
	certified bool
}

// ParseAssertionKey reads a private key: PEM (PKCS #8, PKCS #1, SEC 1) or a JWK (RFC 7517), whose kid and alg are then
// used. No error repeats anything of it.
func ParseAssertionKey(text string) (*AssertionKey, error) {
	var jwk jose.JSONWebKey
	var err error
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		if json.Unmarshal([]byte(text), &jwk) != nil {
			return nil, errors.New("it is not a JWK")
		}
	} else if jwk.Key, err = parsePrivatePEM(text); err != nil {
		return nil, err
	}
	allowed, err := signingAlgorithms(jwk.Key)
	if err != nil {
		return nil, err
	}
	algorithm := allowed[0]
	if jwk.Algorithm != "" {
		algorithm = jose.SignatureAlgorithm(jwk.Algorithm)
		if !slices.Contains(allowed, algorithm) {
			return nil, fmt.Errorf("its alg is not one of %v, which such a key signs with", allowed)
		}
	}
	return newAssertionKey(algorithm, jwk, (&jose.SignerOptions{}).WithType("JWT"))
}

// ParseCertifiedKey reads an RSA private key and its certificate, both PEM, in any order; other certificates may stand
// beside it. Assertions are signed with PS256, and name the certificate by its SHA-256 thumbprint (RFC 7515, section
// 4.1.8). No error repeats anything of the key.
func ParseCertifiedKey(text string) (*AssertionKey, error) {
	private, err := parsePrivatePEM(text)
	if err != nil {
		return nil, err
	}
	key, ok := private.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("it is not an RSA key")
	}
	if _, err := signingAlgorithms(key); err != nil {
		return nil, err
	}
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("its certificate is not beside it: write both, PEM, one after the other")
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("the certificate beside it cannot be read")
		}
		if !key.PublicKey.Equal(certificate.PublicKey) {
			continue
		}
		thumbprint := sha256.Sum256(certificate.Raw)
		options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("x5t#S256", base64.RawURLEncoding.EncodeToString(thumbprint[:]))
		signing, err := newAssertionKey(jose.PS256, jose.JSONWebKey{Key: key}, options)
		if err == nil {
			signing.certified = true
		}
		return signing, err
	}
}

func newAssertionKey(algorithm jose.SignatureAlgorithm, key jose.JSONWebKey, options *jose.SignerOptions) (*AssertionKey, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		return nil, errors.New("it cannot be used to sign")
	}
	return &AssertionKey{signer: signer}, nil
}

// parsePrivatePEM reads the first private key among the blocks.
func parsePrivatePEM(text string) (any, error) {
	block, rest := pem.Decode([]byte(text))
	for block != nil && block.Type == "CERTIFICATE" {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("it is neither PEM nor a JWK, or a certificate alone")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, errors.New("the PEM holds no private key that is not encrypted")
	}
	if err != nil {
		return nil, errors.New("the private key cannot be read")
	}
	return key, nil
}

// signingAlgorithms lists what a private key signs with (RFC 7518, section 3.1; RFC 8037), the usual one first.
func signingAlgorithms(key any) ([]jose.SignatureAlgorithm, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < sound.MinRSABits {
			return nil, fmt.Errorf("an RSA key of less than %d bits is too weak", sound.MinRSABits)
		}
		return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}, nil
	case *ecdsa.PrivateKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return []jose.SignatureAlgorithm{jose.ES256}, nil
		case 384:
			return []jose.SignatureAlgorithm{jose.ES384}, nil
		case 521:
			return []jose.SignatureAlgorithm{jose.ES512}, nil
		}
	case ed25519.PrivateKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}, nil
	}
	return nil, errors.New("it is not a private key of RSA, P-256, P-384, P-521 or Ed25519")
}

// Sign makes an assertion of the client for the server with this issuer. It is good once, and for a minute.
func (k *AssertionKey) Sign(clientID, audience string, now time.Time) (string, error) {
	claims := jwt.Claims{
		Issuer: clientID, Subject: clientID, Audience: jwt.Audience{audience}, ID: uuid.NewString(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertionLife)),
	}
	if k.certified { // as Entra ID wants it; Okta documents no nbf
		claims.NotBefore = claims.IssuedAt
	}
	signed, err := jwt.Signed(k.signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a client assertion: %w", err)
	}
	return signed, nil
}
