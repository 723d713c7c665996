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

// lets tells whether a user may let the others of tenant default in again: a start makes the first administrator anew, and gives
// them their role, but enables nobody.
func lets(ref keyward.Ref, s *keyward.UserSpec) bool {
	return ref.Tenant == keyward.DefaultTenant && s.IsEnabled() && (ref == administrator() || slices.Contains(s.Roles, keyward.RoleAdmin))
}

// keepAdministrator refuses to leave nobody who lets the others in, after a user was written or deleted who did.
func (w *world) keepAdministrator(ref keyward.Ref, before, after keyward.Spec) error {
	was, ok := before.(*keyward.UserSpec)
	if is, there := after.(*keyward.UserSpec); !ok || !lets(ref, was) || there && lets(ref, is) {
		return nil
	}
	if err := w.tx.LockUsers(ref.Tenant); err != nil {
		return fmt.Errorf("look for administrators: %w", err)
	}
	users, _, err := w.tx.List(keyward.KindUser, store.Filter{Tenant: ref.Tenant, Role: keyward.RoleAdmin})
	if err != nil {
		return fmt.Errorf("look for administrators: %w", err)
	}
	first, err := w.tx.Get(keyward.KindUser, ref.Tenant, administrator().Name)
	if err == nil {
		users = append(users, first)
	} else if keyward.CodeOf(err) != keyward.CodeNotFound {
		return fmt.Errorf("look for administrators: %w", err)
	}
	for _, o := range users {
		if s, is := o.Spec.(*keyward.UserSpec); is && lets(o.Ref(), s) {
			return nil
		}
	}
	return keyward.Errorf(keyward.CodeConflict,
		"without %s nobody administers tenant %s: give another user the role admin first", ref, ref.Tenant)
}
