package declare

import (
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// keyManagerRow resolves what was declared and discovered into what gateways are told.
func (w *world) keyManagerRow(ch *change, s *keyward.KeyManagerSpec, e *store.Extra) error {
	if s.Type == keyward.TypeResident {
		status, row, err := w.c.resident.Resolve(w.tx, ch.object)
		ch.object.Status, e.Row = status, row
		return err
	}
	ch.object.Status = ch.status
	status, err := keyManagerStatus(ch.status)
	if err != nil {
		return err
	}
	row, introspection, faults := keymanager.Resolve(ch.object, s, status)
	if err := keyward.Invalid(faults); err != nil {
		return err
	}
	e.Introspection = introspection
	e.Row, err = json.Marshal(row)
	return err
}

// apiRow names key managers by id and spells operations out.
func (w *world) apiRow(ch *change, s *keyward.APISpec) (json.RawMessage, error) {
	row := keyward.APIRow{
		ID: ch.object.ID, Tenant: ch.ref.Tenant, Name: ch.ref.Name,
		Context: s.Context, Version: s.Version, Default: s.Default,
		Upstream:       s.Upstream,
		AllKeyManagers: s.KeyManagers.All,
		Audiences:      s.Audiences,
		KeepCredential: s.Credential == "keep",
		Operations:     ch.operations,
		Subscription:   s.SubscriptionRequired(),
		BackendJWT:     s.BackendJWT.Enabled,
		RawSubject:     s.BackendJWT.Subject == "raw",
	}
	for _, use := range s.KeyManagers.List {
		at, err := w.meant(keyward.Ref{Kind: keyward.KindKeyManager, Tenant: ch.ref.Tenant, Name: use.Name})
		if err != nil {
			return nil, err
		}
		km, err := w.get(at)
		if err != nil {
			return nil, err
		}
		if km == nil {
			return nil, fmt.Errorf("key manager %s was there a moment ago", use.Name)
		}
		row.KeyManagers = append(row.KeyManagers, keyward.APIKeyManager{
			ID: km.ID, Audiences: use.Audiences, Scopes: use.Scopes,
		})
	}
	return json.Marshal(row)
}
