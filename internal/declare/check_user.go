package declare

import (
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
)

// checkUser asks for the comparison with the stored hash, and uses it.
func (w *world) checkUser(ch *change) error {
	password, given := ch.values[passwordPath]
	if !given {
		return w.keepPassword(ch)
	}
	work, done := w.g.passwords[ch.ref]
	if !w.writing {
		w.g.passwords[ch.ref] = &passwordWork{password: password, stored: ch.stored[passwordPath]}
		return nil
	}
	if !done || work.stored != ch.stored[passwordPath] {
		return errMoved
	}
	ch.secrets[passwordPath] = work.hash
	return nil
}

// keepPassword lets a manifest without a password leave alone what the user chose: most people's passwords are no
// administrator's to write down.
func (w *world) keepPassword(ch *change) error {
	spec, ok := ch.spec.(*keyward.UserSpec)
	hash, stored := ch.stored[passwordPath]
	if ok && stored && (spec.Password.IsZero() || spec.Password.IsStored()) { // a batch is checked more than once
		spec.Password = secret.Stored()
		ch.secrets[passwordPath] = hash
	}
	return nil
}

// lets tells whether a user may let others in, of every tenant.
func lets(ref keyward.Ref, s *keyward.UserSpec) bool {
	return ref.Tenant == keyward.DefaultTenant && s.IsEnabled() && slices.Contains(s.Roles, keyward.RoleAdmin)
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
	for _, o := range users {
		if s, is := o.Spec.(*keyward.UserSpec); is && lets(o.Ref(), s) {
			return nil
		}
	}
	return keyward.Errorf(keyward.CodeConflict,
		"without %s nobody administers tenant %s: give another user the role admin first", ref, ref.Tenant)
}
