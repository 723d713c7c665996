package declare

import (
	"bytes"
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// keyManagerRow resolves what was declared and discovered into what gateways are told. The fields of the Connection that
// it names count as its own: its client is one of the key manager's.
func (w *world) keyManagerRow(ch *change, s *keyward.KeyManagerSpec, e *store.Extra) error {
	if s.Type == keyward.TypeResident {
		status, row, err := w.c.resident.Resolve(w.tx, ch.object)
		ch.object.Status, e.Row = status, row
		return err
	}
	ch.object.Status = ch.status
	whole, _, err := w.through(s, ch.ref.Tenant)
	if err != nil {
		return err
	}
	return resolve(w.tx, ch.object, whole, e)
}

// resolve makes what gateways are told of a key manager whose status is known. The console's client that Keyward registered
// there is one of its own.
func resolve(tx *store.Tx, o *keyward.Object, whole *keyward.KeyManagerSpec, e *store.Extra) error {
	status, err := keyManagerStatus(o.Status)
	if err != nil {
		return err
	}
	if whole, err = signedIn(tx, o.ID, whole); err != nil {
		return err
	}
	row, introspection, faults := keymanager.Resolve(o, whole, status)
	if err := keyward.Invalid(faults); err != nil {
		return err
	}
	e.Introspection = introspection
	e.Row, err = json.Marshal(row)
	return err
}

// follow rewrites the rows of the key managers whose Connection the batch changed, as far as gateways are told something
// else of them now. Those that the batch writes have theirs already, and what prune deletes needs none.
func (w *world) follow() error {
	for _, ch := range w.changes {
		now, ok := ch.spec.(*keyward.ConnectionSpec)
		if !ok || ch.action != Updated {
			continue
		}
		before, err := keyward.SpecOf[*keyward.ConnectionSpec](ch.existing)
		if err != nil {
			return err
		}
		// Read anew: since the Connection was written, no other transaction changes who names it.
		users, _, err := w.tx.List(keyward.KindKeyManager, store.Filter{Tenant: ch.ref.Tenant, Connection: ch.ref.Name})
		if err != nil {
			return fmt.Errorf("list the key managers of %s: %w", ch.ref, err)
		}
		for _, o := range users {
			if by := w.byRef[o.Ref()]; by != nil && by.action != Unchanged || w.gone[o.Ref()] != nil {
				continue
			}
			if err := w.rewrite(o, before, now); err != nil {
				return fmt.Errorf("prepare %s for gateways: %w", o.Ref(), err)
			}
		}
	}
	return nil
}

// rewrite stores a key manager's row anew where another Connection makes another one of it.
func (w *world) rewrite(o *keyward.Object, before, now *keyward.ConnectionSpec) error {
	spec, err := keyward.SpecOf[*keyward.KeyManagerSpec](o)
	if err != nil {
		return err
	}
	var old, fresh store.Extra
	if err := resolve(w.tx, o, keymanager.Through(spec, before), &old); err != nil {
		return err
	}
	if err := resolve(w.tx, o, keymanager.Through(spec, now), &fresh); err != nil || bytes.Equal(old.Row, fresh.Row) {
		return err
	}
	return w.tx.Put(o, fresh)
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
