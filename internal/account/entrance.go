package account

import (
	"cmp"
	"slices"
	"time"

	"keyward.dev/keyward"
)

// LetsInto tells whether people may come by the key manager into the tenant now: it is marked for sign-in, in use, not held, and a
// rule of it could give somebody a role there.
func LetsInto(o *keyward.Object, tenant string, now time.Time) bool {
	spec, ok := o.Spec.(*keyward.KeyManagerSpec)
	return ok && spec.SignsIn() && spec.IsEnabled() && !o.Hold.Holds(now) &&
		slices.ContainsFunc(spec.SignIn.Roles, func(r keyward.RoleRule) bool {
			return r.Role != "" && Counts(r, o.Tenant, tenant, spec.Global)
		})
}

// Counts tells whether a rule of a key manager at home in a tenant is for another one, or for that one. Only a global key manager,
// which is an operator's, has rules for another tenant than its own.
func Counts(r keyward.RoleRule, home, tenant string, global bool) bool {
	there := cmp.Or(r.Tenant, home)
	return there == tenant && (home == tenant || global && home == keyward.DefaultTenant)
}
