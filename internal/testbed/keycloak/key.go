package keycloak

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

const keyBits = 2048 // as Keycloak's own

// components are the keys that a realm begins with: those that Keycloak gives a realm by itself, but that its RSA keys are made
// here. Keycloak, which is started with a compiler that knows no arithmetic, takes one to three seconds of CPU time for each,
// which was most of what it took in a run of all tests.
func components() (map[string]any, error) {
	sign, err := privateKey()
	if err != nil {
		return nil, err
	}
	encrypt, err := privateKey()
	if err != nil {
		return nil, err
	}
	provider := func(id string, config map[string][]string) map[string]any {
		config["priority"] = []string{"100"}
		return map[string]any{"name": id, "providerId": id, "config": config}
	}
	return map[string]any{"org.keycloak.keys.KeyProvider": []any{
		provider("rsa", map[string][]string{"privateKey": {sign}, "algorithm": {"RS256"}}),
		provider("rsa-enc", map[string][]string{"privateKey": {encrypt}, "algorithm": {"RSA-OAEP"}}),
		provider("hmac-generated", map[string][]string{"algorithm": {"HS512"}}),
		provider("aes-generated", map[string][]string{}),
	}}, nil
}

func privateKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return "", fmt.Errorf("make a realm's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("encode a realm's key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}
