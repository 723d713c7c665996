package keymanager

import (
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
)

// ServerOf gives a stored key manager as its connector needs it, with its opened secrets.
func ServerOf(km *keyward.Object, secrets map[string]string) (connector.Server, error) {
	spec, ok := km.Spec.(*keyward.KeyManagerSpec)
	if !ok {
		return connector.Server{}, fmt.Errorf("%s has a spec of another kind", km.Ref())
	}
	s := connector.Server{ID: km.ID, Tenant: km.Tenant, Name: km.Name, Spec: spec, Secrets: secrets}
	if len(km.Status) > 0 {
		if err := json.Unmarshal(km.Status, &s.Status); err != nil {
			return s, fmt.Errorf("read the status of %s: %w", km.Ref(), err)
		}
	}
	return s, nil
}
