package issuer

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// Token is a JWT in the making. The zero value of each part is what a good issuer writes.
type Token struct {
	Key     *Key           // signs; nil = the issuer's first key
	Header  map[string]any // added to alg, kid and typ; a nil value removes one
	Claims  map[string]any // added to iss, sub, client_id, aud, scope, iat, exp, jti; a nil value removes one
	RawHead string         // the header's JSON, as it is
	RawBody string         // the claims' JSON, as it is
}

// Mint signs a token.
func (i *Issuer) Mint(t Token) (string, error) {
	key := t.Key
	if key == nil {
		key = i.Key()
	}
	head := t.RawHead
	if head == "" {
		header := merge(map[string]any{"alg": key.Algorithm, "kid": key.Kid, "typ": "at+jwt"}, t.Header)
		b, err := json.Marshal(header)
		if err != nil {
			return "", fmt.Errorf("encode the header: %w", err)
		}
		head = string(b)
	}
	body := t.RawBody
	if body == "" {
		b, err := json.Marshal(merge(i.Claims(), t.Claims))
		if err != nil {
			return "", fmt.Errorf("encode the claims: %w", err)
		}
		body = string(b)
	}
	return key.compact(head, body)
}

// Mint signs a token with these claims and this header typ; an empty one is left out.
func (k *Key) Mint(typ string, claims map[string]any) (string, error) {
	header := map[string]any{"alg": k.Algorithm, "kid": k.Kid}
	if typ != "" {
		header["typ"] = typ
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("encode the header: %w", err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode the claims: %w", err)
	}
	return k.compact(string(head), string(body))
}

func (k *Key) compact(head, body string) (string, error) {
	input := Encode(head) + "." + Encode(body)
	signature, err := k.Sign(input)
	if err != nil {
		return "", err
	}
	return input + "." + Encode(string(signature)), nil
}

// Claims are those of a good token of the client "abc".
func (i *Issuer) Claims() map[string]any {
	now := time.Now().Unix()
	i.mu.Lock()
	i.tokens++
	n := i.tokens
	i.mu.Unlock()
	return map[string]any{
		"iss": i.Issuer, "sub": "service-abc", "client_id": "abc", "aud": "urn:test", "scope": "orders:read",
		"iat": now, "exp": now + 600, "jti": fmt.Sprintf("%s-%d", i.Issuer, n),
	}
}

func merge(base, more map[string]any) map[string]any {
	for name, v := range maps.All(more) {
		if v == nil {
			delete(base, name)
			continue
		}
		base[name] = v
	}
	return base
}
