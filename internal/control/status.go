package control

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
)

// noted adds to the status of a key manager or Connection what is not stored there: which of its secrets have turned to their
// next value, as far as this process has seen, and how the console's own client at the server stands.
func (c *Control) noted(tx *store.Tx, o *keyward.Object) (*keyward.Object, error) {
	if o.Kind != keyward.KindKeyManager && o.Kind != keyward.KindConnection {
		return o, nil
	}
	notes, err := c.turned(tx, o)
	if err != nil {
		return nil, err
	}
	var client json.RawMessage
	if o.Kind == keyward.KindKeyManager {
		if client, err = c.signIn(tx, o); err != nil {
			return nil, fmt.Errorf("read the console's client at %s: %w", o.Ref(), err)
		}
	}
	if len(notes) == 0 && client == nil {
		return o, nil
	}
	status := map[string]json.RawMessage{}
	var before keyward.ConnectionStatus // every status with notes has them so
	if len(o.Status) > 0 {
		if err := json.Unmarshal(o.Status, &status); err != nil {
			return nil, fmt.Errorf("read the status of %s: %w", o.Ref(), err)
		}
		if err := json.Unmarshal(o.Status, &before); err != nil {
			return nil, fmt.Errorf("read the notes of %s: %w", o.Ref(), err)
		}
	}
	if client != nil {
		status["signInClient"] = client
	}
	if len(notes) > 0 {
		if status["notes"], err = json.Marshal(append(before.Notes, notes...)); err != nil {
			return nil, fmt.Errorf("encode the notes of %s: %w", o.Ref(), err)
		}
	}
	seen := *o
	if seen.Status, err = json.Marshal(status); err != nil {
		return nil, fmt.Errorf("encode the status of %s: %w", o.Ref(), err)
	}
	return &seen, nil
}

// turned says which secrets have turned to their next value.
func (c *Control) turned(tx *store.Tx, o *keyward.Object) (notes []string, err error) {
	if c.takesNext == nil {
		return nil, nil
	}
	secrets, err := tx.Secrets(o)
	if err != nil {
		return nil, fmt.Errorf("read the secrets of %s: %w", o.Ref(), err)
	}
	for _, path := range slices.Sorted(maps.Keys(secrets)) {
		next := secrets[secret.NextPath(path)]
		if next != "" && c.takesNext(rollover.Credential{Owner: o.ID, Path: path, Current: secrets[path], Next: next}) {
			notes = append(notes, fmt.Sprintf("the server refuses the current value of spec.%s and takes the next one: declare that "+
				"alone, as {stored: next}", path))
		}
	}
	return notes, nil
}
