package declare

import (
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// Renew tells gateways of the clients of Connections where an earlier build, which left them out, stored a key manager's
// row: a match rule could take their tokens for an application's. It belongs to the start; where nothing differs it writes
// nothing.
func (c *Writer) Renew(tx *store.Tx) error {
	all, _, err := tx.List(keyward.KindKeyManager, store.Filter{})
	if err != nil {
		return fmt.Errorf("list key managers: %w", err)
	}
	for _, km := range all {
		if err := renew(tx, km); err != nil {
			return fmt.Errorf("renew what gateways are told of %s: %w", km.Ref(), err)
		}
	}
	return nil
}

func renew(tx *store.Tx, km *keyward.Object) error {
	spec, err := keyward.SpecOf[*keyward.KeyManagerSpec](km)
	if err != nil || spec.ConnectionRef() == "" {
		return err
	}
	told, err := tx.KeyManagerRow(km)
	if err != nil || told == nil {
		return err
	}
	o, err := tx.Get(keyward.KindConnection, km.Tenant, spec.ConnectionRef())
	if err != nil {
		return err
	}
	connection, err := keyward.SpecOf[*keyward.ConnectionSpec](o)
	if err != nil {
		return err
	}
	whole := keymanager.Through(spec, connection)
	if slices.Equal(told.OwnClients, keymanager.OwnClients(whole)) {
		return nil
	}
	var fresh store.Extra
	if err := resolve(km, whole, &fresh); err != nil {
		return err
	}
	return tx.Put(km, fresh)
}
