package connector

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-jose/go-jose/v4"
)

// Own is a client that Keyward has of its own at a server: who the console is there for people who sign in.
type Own struct {
	ID     string // client_id
	Method string // how it proves itself at the token endpoint, as spec.signIn.method says it
	Secret string // "" = it has none
	Key    string // with private_key_jwt: the private key, a JWK
}

// LogValue keeps the secrets out of logs.
func (o Own) LogValue() slog.Value { return slog.StringValue(o.String()) }

// String names the client without its secrets.
func (o Own) String() string { return "client " + o.ID }

// GoString hides the secrets from %#v.
func (o Own) GoString() string { return o.String() }

// keyBits are of an own client's key. RS256 is what servers support that support anything (OpenID Connect Core 1.0, section 9).
const keyBits = 2048

// NewKey makes the private key of an own client, as a JWK; id names it.
func NewKey(id string) (string, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	text, err := json.Marshal(jose.JSONWebKey{Key: private, KeyID: id, Algorithm: string(jose.RS256), Use: "sig"})
	if err != nil {
		return "", fmt.Errorf("encode a key: %w", err)
	}
	return string(text), nil
}

// PublicKeys gives the JWK set with the public half of a key that NewKey made. No error repeats anything of it.
func PublicKeys(private string) (json.RawMessage, error) {
	var key jose.JSONWebKey
	if json.Unmarshal([]byte(private), &key) != nil || !key.Valid() {
		return nil, errors.New("the key cannot be read")
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		return nil, errors.New("the key's public half cannot be encoded")
	}
	return set, nil
}
