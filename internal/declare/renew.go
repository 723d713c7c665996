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
	return Retell(tx, km)
}

// Retell tells gateways which clients are a key manager's own now, where that is not what they were told. Neither the object
// nor its version changes.
func Retell(tx *store.Tx, km *keyward.Object) error {
	told, err := tx.KeyManagerRow(km)
	if err != nil || told == nil {
		return err
	}
	whole, err := keyward.SpecOf[*keyward.KeyManagerSpec](km)
	if err != nil {
		return err
	}
	if name := whole.ConnectionRef(); name != "" {
		o, err := tx.Get(keyward.KindConnection, km.Tenant, name)
		if err != nil {
			return err
		}
		connection, err := keyward.SpecOf[*keyward.ConnectionSpec](o)
		if err != nil {
			return err
		}
		whole = keymanager.Through(whole, connection)
	}
	now, err := signedIn(tx, km.ID, whole)
	if err != nil || slices.Equal(told.OwnClients, keymanager.OwnClients(now)) {
		return err
	}
	var fresh store.Extra
	if err := resolve(tx, km, whole, &fresh); err != nil {
		return err
	}
	return tx.TellKeyManager(km, fresh.Row)
}

// signedIn gives a key manager's spec with the console's client that Keyward registered at its server, if it did.
func signedIn(tx *store.Tx, id string, spec *keyward.KeyManagerSpec) (*keyward.KeyManagerSpec, error) {
	if !keymanager.RegistersSignIn(spec) {
		return spec, nil
	}
	own, err := tx.SignInClient(id)
	if err != nil {
		return nil, fmt.Errorf("look up the console's client at a key manager: %w", err)
	}
	return keymanager.SignedInBy(spec, own), nil
}

// keepServer notes how the server of a key manager is reached that is about to change or to go, where the console has a client
// there that has to be deleted some day.
func (w *world) keepServer(o *keyward.Object) error {
	return w.tx.KeepServer(o.ID, func() (string, error) {
		server, err := keymanager.ServerOf(w.tx, o)
		if keyward.CodeOf(err) == keyward.CodeInvalidInput { // it was not reached so either: what was noted before counts
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("note how %s is reached: %w", o.Ref(), err)
		}
		return keymanager.Pack(server)
	})
}
