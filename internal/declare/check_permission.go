package declare

import (
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
)

// checkPermission holds what a role may do only with some objects.
func (w *world) checkPermission(ch *change) error {
	p := w.b.principal
	a := access.To(p, ch.ref.Kind, ch.ref.Tenant)
	switch {
	case a&access.WriteAll != 0:
		return nil
	case a&access.WriteOwn != 0:
		if ch.existing != nil && !SameSpec(ch.existing.Spec, ch.spec) {
			if err := access.HeldFrom(p, ch.existing, w.c.now()); err != nil {
				return err
			}
		}
		before, after, err := w.ownsBeforeAndAfter(ch)
		if err == nil && before && !after && ch.ref.Kind == keyward.KindApplication {
			return keyward.Errorf(keyward.CodeForbidden, "user %s has to be in spec.owners, or one of their groups", p.User)
		}
		if err != nil || !before || !after {
			return orForbidden(err, p, ch.ref)
		}
		return w.checkOwnSubscription(ch)
	case a&access.WriteState != 0:
		if !onlyRightsChange(ch) {
			return access.ForbiddenWrite(p, ch.ref)
		}
		return nil
	default:
		return access.ForbiddenWrite(p, ch.ref)
	}
}

func orForbidden(err error, p keyward.Principal, ref keyward.Ref) error {
	if err != nil {
		return err
	}
	return access.ForbiddenWrite(p, ref)
}

// ownsBeforeAndAfter tells whether the object was, and stays, one of the principal's own applications or belongs to one. What is new
// was nobody else's.
func (w *world) ownsBeforeAndAfter(ch *change) (before, after bool, err error) {
	before = true
	if ch.existing != nil {
		before, err = w.owns(ch.existing.Spec, ch.ref.Tenant)
	}
	if err == nil {
		after, err = w.owns(ch.spec, ch.ref.Tenant)
	}
	return before, after, err
}

func (w *world) owns(spec keyward.Spec, tenant string) (bool, error) {
	return access.Owns(w.b.principal, spec, func(name string) (keyward.Spec, error) {
		ref := keyward.Ref{Kind: keyward.KindApplication, Tenant: tenant, Name: name}
		// The stored owners count: a batch cannot make itself the owner of what others have.
		if o, err := w.get(ref); err != nil || o != nil {
			return specIn(o), err
		}
		after, _, err := w.spec(ref)
		return after, err
	})
}

// checkOwnSubscription keeps a developer from lifting a block or a ceiling: state and scopes are for those who run the
// API.
func (w *world) checkOwnSubscription(ch *change) error {
	spec, ok := ch.spec.(*keyward.SubscriptionSpec)
	if !ok {
		return nil
	}
	want, ceiling := keyward.SubscriptionActive, []string(nil)
	if ch.existing != nil {
		if before, ok := ch.existing.Spec.(*keyward.SubscriptionSpec); ok {
			want, ceiling = before.StateOrDefault(), before.Scopes
			if want != keyward.SubscriptionActive && !SameSpec(before, spec) {
				return access.ForbiddenWrite(w.b.principal, ch.ref)
			}
		}
	}
	if spec.StateOrDefault() != want {
		w.add(ch, keyward.CodeForbidden, "spec.state", "is for publishers and administrators to change")
	}
	if !slices.Equal(spec.Scopes, ceiling) {
		w.add(ch, keyward.CodeForbidden, "spec.scopes", "is for publishers and administrators to change")
	}
	return nil
}

// onlyRightsChange tells whether a subscription that exists differs in nothing but its state and its ceiling of scopes.
func onlyRightsChange(ch *change) bool {
	after, ok := ch.spec.(*keyward.SubscriptionSpec)
	if !ok || ch.existing == nil {
		return false
	}
	before, ok := ch.existing.Spec.(*keyward.SubscriptionSpec)
	if !ok {
		return false
	}
	copied := *before
	copied.State, copied.Scopes = after.State, after.Scopes
	return SameSpec(&copied, after)
}

// checkPrunePermission holds for what prune deletes what would hold for deleting it by name.
func (w *world) checkPrunePermission() error {
	for ref, o := range w.gone {
		if err := w.mayDelete(o); err != nil {
			return err
		}
		if ref.Kind == keyward.KindTenant && !w.b.principal.IsOperator() {
			return access.ForbiddenWrite(w.b.principal, ref)
		}
	}
	return nil
}

// mayDelete tells whether the principal may delete the object.
func (w *world) mayDelete(o *keyward.Object) error {
	p := w.b.principal
	a := access.To(p, o.Kind, o.Tenant)
	if a&access.WriteAll != 0 {
		return nil
	}
	if a&access.WriteOwn == 0 {
		return access.ForbiddenWrite(p, o.Ref())
	}
	owns, err := w.owns(o.Spec, o.Tenant)
	if err != nil || !owns {
		return orForbidden(err, p, o.Ref())
	}
	s, ok := o.Spec.(*keyward.SubscriptionSpec)
	switch {
	case !ok:
	case s.StateOrDefault() != keyward.SubscriptionActive:
		return keyward.Errorf(keyward.CodeForbidden,
			"%s is %s: only publishers and administrators change that", o.Ref(), s.State)
	case len(s.Scopes) > 0: // made anew, it would have no ceiling
		return keyward.Errorf(keyward.CodeForbidden,
			"%s has a ceiling of scopes: only publishers and administrators take it away", o.Ref())
	}
	return nil
}
