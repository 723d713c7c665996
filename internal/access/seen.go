package access

import (
	"slices"
	"time"

	"keyward.dev/keyward"
)

// Permitted tells whether a key manager's permissions let the principal see it. Administrators, publishers and auditors
// see every one: their APIs name them.
func Permitted(p keyward.Principal, o *keyward.Object) bool {
	s, ok := o.Spec.(*keyward.KeyManagerSpec)
	return !ok || p.Has(keyward.RoleAdmin, keyward.RolePublisher, keyward.RoleAuditor) || Permits(s.Permissions, p)
}

// Permits tells whether somebody who is no administrator may make keys in a key manager with these permissions; nil = none.
func Permits(list *keyward.Permissions, who keyward.Principal) bool {
	has := func(name string) bool {
		return slices.Contains(who.Roles, keyward.Role(name)) || slices.Contains(who.Groups, name)
	}
	if list == nil {
		return true
	}
	if len(list.Allow) > 0 && !slices.ContainsFunc(list.Allow, has) {
		return false
	}
	return !slices.ContainsFunc(list.Deny, has)
}

// SeesAPI tells whether the principal sees an API: developers those that their groups are to see, once they are published.
// Administrators, publishers and auditors see every one.
func SeesAPI(p keyward.Principal, s *keyward.APISpec) bool {
	if p.Has(keyward.RoleAdmin, keyward.RolePublisher, keyward.RoleAuditor) {
		return true
	}
	return s.StateOrDefault() != keyward.APIDraft &&
		(len(s.Visibility) == 0 || slices.ContainsFunc(s.Visibility, func(g string) bool { return slices.Contains(p.Groups, g) }))
}

// ForeignGlobal is the refusal to change a global key manager from another tenant than its own.
func ForeignGlobal(ref keyward.Ref) error {
	return keyward.Errorf(keyward.CodeForbidden, "%s is global: only administrators of tenant %s change, hold or delete it, there",
		ref, keyward.DefaultTenant)
}

// OfferedTo tells whether a global key manager is shown to the principal as one of their tenant's.
func OfferedTo(p keyward.Principal, o *keyward.Object, tenant string) bool {
	s, ok := o.Spec.(*keyward.KeyManagerSpec)
	return ok && s.Global && o.Tenant != tenant && To(p, keyward.KindKeyManager, tenant).Reads()
}

// Public leaves out what is not everybody's business: how a key manager is managed, whose an application is, where the backends of an
// API are.
func Public(o *keyward.Object) *keyward.Object {
	seen := *o
	seen.Set = ""
	switch s := o.Spec.(type) {
	case *keyward.KeyManagerSpec:
		shown := *s
		shown.Connection, shown.Introspection, shown.Permissions, shown.Outbound, shown.SignIn = nil, nil, nil, nil, nil
		seen.Spec = &shown
	case *keyward.APISpec:
		shown := *s
		shown.Upstream = keyward.Upstream{}
		seen.Spec = &shown
	case *keyward.ApplicationSpec:
		seen.Spec = &keyward.ApplicationSpec{DisplayName: s.DisplayName}
	}
	return &seen
}

// ReadsHolds tells whether the principal may know who holds the objects of a tenant, and why.
func ReadsHolds(p keyward.Principal, tenant string) bool {
	return p.IsOperator() || p.Tenant == tenant && p.Has(keyward.RoleAdmin, keyward.RoleAuditor)
}

// WithoutReason gives the object as those see it who may not know why it is held.
func WithoutReason(p keyward.Principal, o *keyward.Object) *keyward.Object {
	if o == nil || o.Hold == nil || ReadsHolds(p, o.Tenant) {
		return o
	}
	seen := *o
	seen.Hold = o.Hold.Public()
	return &seen
}

// HeldFrom refuses everybody but administrators to change or delete a held object: they could put another, which
// nobody holds, in its place.
func HeldFrom(p keyward.Principal, o *keyward.Object, now time.Time) error {
	if o == nil || !o.Hold.Holds(now) || May(p, RightHold, o.Tenant) {
		return nil
	}
	return keyward.Errorf(keyward.CodeHeld, "%s is held: only administrators change it until the hold is lifted", o.Ref())
}
