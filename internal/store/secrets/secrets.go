// Package secrets owns how the secrets of an object stand in its row: by path, each sealed for that object and path
// alone; and those that wait to be looked at once more. It does not own the seal key, nor which secrets an object has.
package secrets

import (
	"encoding/json"
	"fmt"

	"keyward.dev/keyward/internal/seal"
)

// Context binds a sealed secret to its object and path.
func Context(id, path string) []byte { return []byte("keyward secret\x00" + id + "\x00" + path) }

// Column seals the secrets as a JSON object from path to sealed value; no secrets are "".
func Column(key seal.Key, id string, values map[string]string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	sealed := make(map[string]string, len(values))
	for path, value := range values {
		sealed[path] = key.Seal([]byte(value), Context(id, path))
	}
	text, err := json.Marshal(sealed)
	if err != nil {
		return "", fmt.Errorf("encode the secrets of %s: %w", id, err)
	}
	return string(text), nil
}

// Open gives the secrets in a column by path.
func Open(key seal.Key, id, column string) (map[string]string, error) {
	values := map[string]string{}
	if column == "" {
		return values, nil
	}
	if err := json.Unmarshal([]byte(column), &values); err != nil {
		return nil, fmt.Errorf("read the secrets of %s: %w", id, err)
	}
	for path, text := range values {
		plain, err := key.Open(text, Context(id, path))
		if err != nil {
			return nil, fmt.Errorf("open the secret %s of %s: %w", path, id, err)
		}
		values[path] = string(plain)
	}
	return values, nil
}
