package declare

import (
	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
)

// meant gives what a name in a tenant means: for a key manager that the tenant does not have, the global one of that
// name, where there is one after the batch.
func (w *world) meant(ref keyward.Ref) (keyward.Ref, error) {
	if ref.Kind != keyward.KindKeyManager || ref.Tenant == keyward.DefaultTenant {
		return ref, nil
	}
	own, _, err := w.spec(ref)
	if own != nil || err != nil {
		return ref, err
	}
	global := ref
	global.Tenant = keyward.DefaultTenant
	spec, _, err := w.spec(global)
	if isGlobal(spec) {
		return global, err
	}
	return ref, err
}

func isGlobal(s keyward.Spec) bool {
	km, ok := s.(*keyward.KeyManagerSpec)
	return ok && km.Global
}

// touchesGlobal tells whether a key manager of the batch is global, before or after it.
func (w *world) touchesGlobal() bool {
	for _, ch := range w.changes {
		if isGlobal(ch.spec) || ch.existing != nil && isGlobal(ch.existing.Spec) {
			return true
		}
	}
	return false
}

// missing says that an object is not there to be changed: where its name means a global key manager, that it belongs to
// another tenant's administrators.
func (w *world) missing(ref keyward.Ref) error {
	at, err := w.meant(ref)
	if err == nil && at != ref {
		return access.ForeignGlobal(at)
	}
	if err != nil {
		return err
	}
	return notFound(ref)
}
