package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"keyward.dev/keyward"
)

// SigningKey is the ES256 key with which one gateway signs backend JWTs. It never leaves the gateway but sealed.
type SigningKey struct {
	private *ecdsa.PrivateKey
	keyID   string
	header  string // encoded, with the dot after it
}

// NewSigningKey makes a fresh key.
func NewSigningKey() (*SigningKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return newSigningKey(private)
}

// ParseSigningKey reads what Marshal wrote.
func ParseSigningKey(der []byte) (*SigningKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, errors.New("read the signing key: it is no P-256 key")
	}
	return newSigningKey(private)
}

func newSigningKey(private *ecdsa.PrivateKey) (*SigningKey, error) {
	public, err := newKey(&private.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	header := fmt.Sprintf(`{"alg":"ES256","kid":"%s","typ":"JWT"}`, public.Thumbprint)
	return &SigningKey{private: private, keyID: public.Thumbprint, header: encode([]byte(header)) + "."}, nil
}

// Marshal writes the private key (PKCS #8), for sealing.
func (k *SigningKey) Marshal() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("write the signing key: %w", err)
	}
	return der, nil
}

// KeyID is the key's RFC 7638 thumbprint, which is also its kid and the id of its row.
func (k *SigningKey) KeyID() string { return k.keyID }

// String names the key and hides it.
func (k *SigningKey) String() string { return "signing key " + k.keyID }

// PublicJWK is the public half as a JWK (RFC 7517) with kid, use and alg.
func (k *SigningKey) PublicJWK() (json.RawMessage, error) {
	point, err := k.private.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("write the public key: %w", err)
	}
	return json.RawMessage(fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":"%s","y":"%s","kid":"%s","use":"sig","alg":"ES256"}`,
		encode(point[1:33]), encode(point[33:65]), k.keyID)), nil
}

// Row is the public half as gateways publish it.
func (k *SigningKey) Row(gateway string) (keyward.GatewayKeyRow, error) {
	jwk, err := k.PublicJWK()
	return keyward.GatewayKeyRow{ID: k.keyID, Gateway: gateway, JWK: jwk}, err
}

// Minter signs this gateway's backend JWTs.
type Minter struct{ key func() *SigningKey }

// NewMinter makes a minter. The function gives the gateway's key, or nil as long as there is none that the group's
// gateways publish.
func NewMinter(key func() *SigningKey) *Minter { return &Minter{key: key} }

// Mint signs claims, which are one JSON object, and gives the compact JWS.
func (m *Minter) Mint(claims []byte) (string, error) {
	k := m.key()
	if k == nil {
		return "", errors.New("sign a backend JWT: the gateway has no key yet")
	}
	message := append([]byte(k.header), encode(claims)...)
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign a backend JWT: %w", err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return string(message) + "." + encode(signature[:]), nil
}
