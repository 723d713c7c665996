package view

import (
	"keyward.dev/keyward"
)

// API is an API as decisions use it.
type API struct {
	keyward.APIRow

	// Unusable says why this build must not serve the API; empty for all others. It keeps its place in the routes, so
	// that its calls do not fall to another API, and is refused.
	Unusable string

	operations *pathNode
	uses       map[string]*keyward.APIKeyManager
	everyUse   keyward.APIKeyManager
}

func compileAPI(row keyward.APIRow) *API {
	a := &API{APIRow: row, operations: &pathNode{}, uses: make(map[string]*keyward.APIKeyManager, len(row.KeyManagers))}
	for i := range a.Operations {
		a.operations.add(&a.Operations[i])
	}
	for i := range a.KeyManagers {
		a.uses[a.KeyManagers[i].ID] = &a.KeyManagers[i]
	}
	return a
}

// Use tells whether the API takes the key manager's tokens, and what it asks of them. A key manager of another tenant
// is taken only when it is global.
func (a *API) Use(km *KeyManager) (*keyward.APIKeyManager, bool) {
	if km.Tenant != a.Tenant && !km.Global {
		return nil, false
	}
	if use, ok := a.uses[km.ID]; ok {
		return use, true
	}
	if a.AllKeyManagers {
		return &a.everyUse, true
	}
	return nil, false
}
