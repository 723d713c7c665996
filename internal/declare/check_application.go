package declare

import (
	"keyward.dev/keyward"
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
