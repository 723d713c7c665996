package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// Minter signs this gateway's backend JWTs with its ES256 key.
type Minter struct {
	private *ecdsa.PrivateKey
	header  string // encoded, with the dot after it
}

// NewMinter makes a minter with the gateway's P-256 key. The kid of what it signs, and the id of the key's row, is the
// key's RFC 7638 thumbprint.
func NewMinter(private *ecdsa.PrivateKey) (*Minter, error) {
	if private == nil || private.Curve != elliptic.P256() {
		return nil, errors.New("a gateway signs with a P-256 key")
	}
	public, err := newKey(&private.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("name the gateway's signing key: %w", err)
	}
	header := fmt.Sprintf(`{"alg":"ES256","kid":"%s","typ":"JWT"}`, public.Thumbprint)
	return &Minter{private: private, header: encode([]byte(header)) + "."}, nil
}

// Mint signs claims, which are one JSON object, and gives the compact JWS.
func (m *Minter) Mint(claims []byte) (string, error) {
	message := base64.RawURLEncoding.AppendEncode([]byte(m.header), claims)
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, m.private, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign a backend JWT: %w", err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return string(message) + "." + encode(signature[:]), nil
}
