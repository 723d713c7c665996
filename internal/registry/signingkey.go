package registry

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward/internal/seal"
)

// SigningKey is the ES256 key with which one gateway signs backend JWTs. No other gateway and no control plane has its
// private half.
type SigningKey struct {
	ID      string            // RFC 7638 thumbprint, the kid
	Private *ecdsa.PrivateKey // P-256
	JWK     json.RawMessage   // the public half (RFC 7517)
}

func newSigningKey() (*SigningKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make this gateway's signing key: %w", err)
	}
	return signingKeyOf(private)
}

func signingKeyOf(private *ecdsa.PrivateKey) (*SigningKey, error) {
	jwk := jose.JSONWebKey{Key: private.Public(), Algorithm: string(jose.ES256), Use: "sig"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("name this gateway's signing key: %w", err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	public, err := jwk.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode this gateway's public key: %w", err)
	}
	return &SigningKey{ID: jwk.KeyID, Private: private, JWK: public}, nil
}

// signingKeyContext binds the sealed private key to its place on disk.
func signingKeyContext() []byte { return []byte("gateway signing key") }

func (k *SigningKey) seal(with seal.Key) (string, error) {
	private, err := k.Private.Bytes()
	if err != nil {
		return "", fmt.Errorf("encode this gateway's signing key: %w", err)
	}
	return with.Seal(private, signingKeyContext()), nil
}

func openSigningKey(text string, with seal.Key) (*SigningKey, error) {
	raw, err := with.Open(text, signingKeyContext())
	if err != nil {
		return nil, fmt.Errorf("open this gateway's signing key: %w", err)
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil, fmt.Errorf("read this gateway's signing key: %w", err)
	}
	return signingKeyOf(private)
}
