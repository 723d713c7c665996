package declare

import (
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
)

// checkGoing refuses what would change or use an application that is being deleted with its keys.
func (w *world) checkGoing(ch *change) error {
	path, name := "metadata.name", ch.ref.Name
	if of, belongs := keyward.ApplicationOf(ch.spec); belongs {
		path, name = "spec.application", of
	} else if ch.ref.Kind != keyward.KindApplication {
		return nil
	}
	o, err := w.get(keyward.Ref{Kind: keyward.KindApplication, Tenant: ch.ref.Tenant, Name: name})
	if err != nil || o == nil {
		return err
	}
	deletion, err := keyward.DeletionOf(o)
	if err == nil && deletion != nil {
		w.add(ch, keyward.CodeConflict, path, "%s is being deleted with its keys: wait until it is gone", o.Ref())
	}
	return err
}

// checkOwners keeps the last owner of an application: nobody but administrators could take it over.
func (w *world) checkOwners(ch *change, s *keyward.ApplicationSpec) {
	before, ok := specIn(ch.existing).(*keyward.ApplicationSpec)
	if ok && before.HasOwners() && !s.HasOwners() {
		w.add(ch, keyward.CodeInvalidInput, "spec.owners", "%s has owners: name at least one of those who shall own it", ch.ref)
	}
}

// checkAdministrator keeps one who may let the others in again: a start makes the first administrator anew, and gives them their role,
// but enables nobody.
func (w *world) checkAdministrator(ch *change, s *keyward.UserSpec) error {
	before, ok := specIn(ch.existing).(*keyward.UserSpec)
	if ch.ref != administrator() || !ok || !before.IsEnabled() || s.IsEnabled() {
		return nil
	}
	users, _, err := w.tx.List(keyward.KindUser, store.Filter{Tenant: keyward.DefaultTenant, Role: keyward.RoleAdmin})
	if err != nil {
		return fmt.Errorf("look for administrators: %w", err)
	}
	for _, o := range users {
		other, is := o.Spec.(*keyward.UserSpec)
		if is && o.Ref() != ch.ref && other.IsEnabled() && slices.Contains(other.Roles, keyward.RoleAdmin) {
			return nil
		}
	}
	w.add(ch, keyward.CodeConflict, "spec.enabled", "nobody else administers tenant default: give another user the role admin first")
	return nil
}
