package store

import (
	"fmt"
	"maps"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

// KeyManagerFor gives the key manager that a name means in a tenant: the tenant's own, or the global one; else a
// not_found error.
func (tx *Tx) KeyManagerFor(tenant, name string) (*keyward.Object, error) {
	o, err := tx.Get(keyward.KindKeyManager, tenant, name)
	if keyward.CodeOf(err) != keyward.CodeNotFound || tenant == "" || tenant == keyward.DefaultTenant || !keyward.ValidName(name) {
		return o, err
	}
	return tx.object(keyManagerNoun(), keyward.Ref{Kind: keyward.KindKeyManager, Tenant: tenant, Name: name}.String(),
		`x.tenant = $1 AND x.name = $2 AND x.is_global`, keyward.DefaultTenant, name)
}

// Meant gives the object that a name means in its tenant: of key managers the global ones too; else a not_found error.
func (tx *Tx) Meant(ref keyward.Ref) (*keyward.Object, error) {
	if ref.Kind == keyward.KindKeyManager {
		return tx.KeyManagerFor(ref.Tenant, ref.Name)
	}
	return tx.Get(ref.Kind, ref.Tenant, ref.Name)
}

// manager gives the id of the key manager that a spec names at path. A global one is locked until the transaction ends,
// so that it cannot be taken from other tenants meanwhile; a missing one becomes a fault of the put. foreign tells that it
// is another tenant's.
func (p *put) manager(name, path string) (id string, foreign bool, err error) {
	o, err := p.tx.KeyManagerFor(p.o.Tenant, name)
	switch {
	case keyward.CodeOf(err) == keyward.CodeNotFound:
		p.invalid(path, "there is no %s", keyward.Ref{Kind: keyward.KindKeyManager, Tenant: p.o.Tenant, Name: name})
		return "", false, nil
	case err != nil:
		return "", false, err
	case o.Tenant == p.o.Tenant:
		return o.ID, false, nil
	}
	there, err := p.tx.run.Exec(`UPDATE key_managers SET updated_at = updated_at WHERE id = $1 AND is_global`, o.ID)
	if err == nil && there == 0 {
		err = p.tx.run.Fault("meet another transaction", errRace)
	}
	return o.ID, true, err
}

// lockKeyManagers lets one transaction at a time decide about the names and issuers of key managers: those of all
// tenants, because a global one has them in each.
func (tx *Tx) lockKeyManagers() error { return tx.lockTenant(keyward.DefaultTenant) }

// Lock keeps an object as it is until the transaction ends: whoever changes it waits, and sees what was written beside it.
func (tx *Tx) Lock(kind keyward.Kind, id string) error {
	n, err := nounOf(kind)
	if err != nil {
		return err
	}
	_, err = tx.run.Exec(`UPDATE `+n.table+` SET updated_at = updated_at WHERE id = $1`, database.Clean(id))
	return err
}

// LockUsers lets one transaction at a time take people out of a tenant, or away from what they are there: whether somebody else
// stays is asked of what the one before left.
func (tx *Tx) LockUsers(tenant string) error { return tx.lockTenant(tenant) }

func (tx *Tx) lockTenant(name string) error {
	_, err := tx.run.Exec(`UPDATE tenants SET updated_at = updated_at WHERE name = $1`, database.Clean(name))
	return err
}

// nameFree refuses a name that a key manager would share with a global one, in whichever order the two come.
func (p *put) nameFree(global bool) error {
	o := p.o
	var tenant string
	found, err := p.tx.run.One(`SELECT tenant FROM key_managers WHERE name = $1 AND id <> $2 AND tenant <> $3
		AND (is_global OR $4) ORDER BY tenant LIMIT 1`, []any{o.Name, o.ID, o.Tenant, global}, &tenant)
	switch {
	case err != nil || !found:
		return err
	case global:
		return database.Conflict("spec.global", "tenant %s has a key manager of this name: a global one may share it with none", tenant)
	default:
		return database.Conflict("metadata.name", "there is a global key manager of this name: choose another")
	}
}

// leaveOthers notes that a key manager is global no more. Whether other tenants use it is asked at the transaction's
// end, when what the batch changes there is written.
func (p *put) leaveOthers(global bool) error {
	var was bool
	found, err := p.tx.run.One(`SELECT is_global FROM key_managers WHERE id = $1`, []any{p.o.ID}, &was)
	if found && was && !global {
		p.tx.withdrawn[p.o.ID] = p.o.Ref()
	}
	return err
}

// settleWithdrawn refuses to take a key manager from tenants that use it.
func (tx *Tx) settleWithdrawn() error {
	for _, id := range slices.Sorted(maps.Keys(tx.withdrawn)) {
		ref := tx.withdrawn[id]
		users, err := tx.usersOf(keyward.KindKeyManager, id, ref.Name)
		if err != nil {
			return err
		}
		users = slices.DeleteFunc(users, func(u keyward.Ref) bool { return u.Tenant == ref.Tenant })
		if len(users) > 0 {
			message := fmt.Sprintf("%s is used in other tenants: it stays global until they have given it up", ref)
			return &keyward.Error{
				Code: keyward.CodeInUse, Message: message, Users: users,
				Fields: []keyward.FieldError{{Path: "spec.global", Code: keyward.CodeInUse, Message: message}},
			}
		}
	}
	return nil
}

// issuerTaken finds another key manager that has the issuer where this one would have it: in the tenant, or in all.
func (p *put) issuerTaken(issuer string, apart, global bool) (keyward.Ref, bool, error) {
	other := keyward.Ref{Kind: keyward.KindKeyManager}
	found, err := p.tx.run.One(`SELECT k.tenant, k.name FROM issuers i JOIN key_managers k ON k.id = i.key_manager_id
		WHERE i.issuer = $1 AND i.key_manager_id <> $2 AND NOT (i.told_apart AND $3)
		AND (i.tenant = $4 OR k.is_global OR $5) ORDER BY k.tenant, k.name LIMIT 1`,
		[]any{database.Clean(issuer), p.o.ID, apart, p.o.Tenant, global}, &other.Tenant, &other.Name)
	return other, found, err
}
