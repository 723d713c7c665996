package account

import (
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
)

// Asker gives who asked for something, by the name that the request has, with the roles and groups that count now; ErrNone if
// nobody of that name is let in any more. Of who came through a key manager no account says what counts: it is what its rules gave
// them when they asked, which the request has as person, for as long as the key manager lets people in.
func Asker(tx *store.Tx, tenant, name string, person *keyward.Person, now time.Time) (keyward.Principal, error) {
	keyManager, _, through := keyward.CutThrough(name)
	if !through {
		a, err := ByName(tx, tenant, name)
		if err != nil {
			return keyward.Principal{}, err
		}
		return a.Principal(), nil
	}
	o, err := tx.KeyManagerFor(tenant, keyManager)
	if person == nil || keyward.CodeOf(err) == keyward.CodeNotFound {
		return keyward.Principal{}, ErrNone
	}
	if err != nil {
		return keyward.Principal{}, fmt.Errorf("look up the key manager of %s: %w", name, err)
	}
	if !LetsInto(o, tenant, now) {
		return keyward.Principal{}, ErrNone
	}
	return keyward.Principal{User: name, Tenant: tenant, Roles: person.Roles, Groups: person.Groups, Called: person.Name}, nil
}
