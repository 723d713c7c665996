package store

import (
	"fmt"

	"keyward.dev/keyward"
)

// Vacate gives up everything that no two objects may have, except the name, of an object that will be Put again in the
// same transaction: an API's context, version and place as default, a key manager's issuers, a subscription's pair, a
// client's id and place. Others can take it meanwhile, so that a batch may swap such values in any order. A transaction
// that ends without the Put fails. Errors for people are those of Put about the version.
func (tx *Tx) Vacate(o *keyward.Object) error {
	n, err := nounOf(o.Kind)
	if err != nil || n.clear == nil {
		return err
	}
	old, err := tx.storedVersion(n, o)
	if err != nil {
		return err
	}
	if err := n.clear(tx, o); err != nil {
		return err
	}
	var found string
	there, err := tx.run.One(`SELECT id FROM `+n.table+` WHERE id = $1`, []any{o.ID}, &found)
	if err != nil {
		return err
	}
	old.gone = !there
	tx.vacant[o.ID] = old
	return nil
}

// vacated is storedVersion that knows what Vacate took away.
func (tx *Tx) vacated(n noun, o *keyward.Object) (*stored, error) {
	old := tx.vacant[o.ID]
	if old == nil || old.version != o.Version {
		return tx.storedVersion(n, o)
	}
	delete(tx.vacant, o.ID)
	return old, nil
}

// settle fails where something was vacated and not put again, or taken from those who use it.
func (tx *Tx) settle() error {
	for _, old := range tx.vacant {
		return fmt.Errorf("%s was vacated and not written again", old.name)
	}
	return tx.settleWithdrawn()
}

// clearAPI leaves a place that no API can have: a context begins with a slash.
func clearAPI(tx *Tx, o *keyward.Object) error {
	_, err := tx.run.Exec(`UPDATE apis SET context = '', api_version = id, is_default = FALSE WHERE id = $1`, o.ID)
	return err
}

// clearKeyManager takes the lock that keeps two key managers from taking one issuer first, as every writer does.
func clearKeyManager(tx *Tx, o *keyward.Object) error {
	if err := tx.lockKeyManagers(); err != nil {
		return err
	}
	_, err := tx.run.Exec(`DELETE FROM issuers WHERE key_manager_id = $1`, o.ID)
	return err
}

// clearClient leaves an environment that no client can have.
func clearClient(tx *Tx, o *keyward.Object) error {
	if err := tx.markClient(o.ID); err != nil { // the key manager whose rule it may have been
		return err
	}
	_, err := tx.run.Exec(`UPDATE oauth_clients SET client_id = '', rule = '', environment = id WHERE id = $1`, o.ID)
	return err
}

// clearSubscription takes the row away: its columns must refer to an application and an API. Nothing refers to it.
func clearSubscription(tx *Tx, o *keyward.Object) error {
	if err := tx.markSubscription(o.ID); err != nil { // the application that it may leave
		return err
	}
	_, err := tx.run.Exec(`DELETE FROM subscriptions WHERE id = $1`, o.ID)
	return err
}
