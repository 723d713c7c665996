package feedlog

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store/secrets"
)

// sealRow gives a row with its secrets sealed for the group, and what tells it from others: the row and the secrets in
// clear, for a keyed digest only. The row is nil where a secret that it needs is not stored.
func (l *Log) sealRow(kind keyward.RowKind, id, row, sealed string, key seal.Key) (text json.RawMessage, plain string, err error) {
	stored, err := secrets.Open(l.key, id, sealed)
	if err != nil {
		return nil, "", err
	}
	seals := l.sealOutbound
	if kind == keyward.RowIntrospection {
		seals = sealIntrospection
	}
	text, bare, err := seals(id, row, stored, key)
	return text, row + "\x00" + key.ID() + "\x00" + bare, err
}

// sealIntrospection gives the row with the one secret that its method needs, sealed, with its next value where there is
// one, and those values.
func sealIntrospection(id, row string, stored map[string]string, key seal.Key) (text json.RawMessage, bare string, err error) {
	var r keyward.IntrospectionRow
	if err := json.Unmarshal([]byte(row), &r); err != nil {
		return nil, "", fmt.Errorf("read the introspection row of key manager %s: %w", id, err)
	}
	if bare = stored[r.SecretPath()]; bare == "" {
		return nil, "", nil
	}
	r.Secret = sealed(key, bare, keyward.RowIntrospection, id, "secret")
	if next := stored[secret.NextPath(r.SecretPath())]; next != "" {
		after := sealed(key, next, keyward.RowIntrospection, id, "next")
		r.Next, bare = &after, bare+"\x00"+next
	}
	if text, err = json.Marshal(r); err != nil {
		return nil, "", fmt.Errorf("encode the introspection row of key manager %s: %w", id, err)
	}
	return text, bare, nil
}

// sealOutbound gives the secrets of an outbound policy, sealed, and themselves; row lists their paths.
func (l *Log) sealOutbound(id, row string, stored map[string]string, key seal.Key) (text json.RawMessage, bare string, err error) {
	var paths []string
	if err := json.Unmarshal([]byte(row), &paths); err != nil {
		return nil, "", fmt.Errorf("read the outbound secrets' names of key manager %s: %w", id, err)
	}
	r := keyward.OutboundSecretsRow{ID: id, Secrets: map[string]keyward.Sealed{}}
	for _, path := range paths {
		secret := stored[path]
		if secret == "" {
			return nil, "", nil
		}
		r.Secrets[path] = sealed(key, secret, keyward.RowOutbound, id, path)
		bare += path + "\x00" + secret + "\x00"
	}
	r.Digest = hex.EncodeToString(l.digest.MAC([]byte("outbound\x00" + id + "\x00" + bare)))
	if text, err = json.Marshal(r); err != nil {
		return nil, "", fmt.Errorf("encode the outbound secrets of key manager %s: %w", id, err)
	}
	return text, bare, nil
}

func sealed(key seal.Key, secret string, kind keyward.RowKind, id, field string) keyward.Sealed {
	return keyward.Sealed{Key: key.ID(), Text: key.Seal([]byte(secret), seal.RowContext(kind, id, field))}
}
