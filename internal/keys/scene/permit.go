package scene

import (
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/keymanager"
)

// MayUse lets an administrator of the tenant act for every application, and a developer for those they own.
func MayUse(p keyward.Principal, app *keyward.Object) error {
	if IsAdmin(p, app.Tenant) {
		return nil
	}
	spec, ok := app.Spec.(*keyward.ApplicationSpec)
	if ok && p.Tenant == app.Tenant && p.Has(keyward.RoleDeveloper) && spec.OwnedBy(p.User, p.Groups) {
		return nil
	}
	if p.Tenant != app.Tenant {
		return foreign(p, app.Tenant)
	}
	return keyward.Errorf(keyward.CodeForbidden, "only owners of %s and administrators may do this with its keys", app.Ref())
}

// IsAdmin tells whether somebody administers a tenant.
func IsAdmin(p keyward.Principal, tenant string) bool {
	return p.IsOperator() || p.Tenant == tenant && p.Has(keyward.RoleAdmin)
}

// HideFrom keeps what exists in a tenant from people of other tenants.
func HideFrom(p keyward.Principal, tenant string, err error) error {
	if p.IsOperator() || p.Tenant == tenant || keyward.CodeOf(err) != keyward.CodeNotFound {
		return err
	}
	return foreign(p, tenant)
}

// foreign refuses people of another tenant in the same words whether there is what they name or not.
func foreign(p keyward.Principal, tenant string) error {
	return keyward.Errorf(keyward.CodeForbidden, "user %s may not read tenant %s", p.User, tenant)
}

// Requester names who asked, so that users of the same name in two tenants are two.
func Requester(p keyward.Principal, tenant string) string {
	if p.Tenant == tenant {
		return p.User
	}
	return p.Tenant + "/" + p.User
}

// Permit holds the key manager's permissions: for everything that gives credentials or shows them. What a developer has
// there already can still be deleted, and goes on to work.
func (s *Scene) Permit(p keyward.Principal) error {
	if IsAdmin(p, s.KeyManager.Tenant) || access.Permits(s.Spec.Permissions, p) {
		return nil
	}
	return keyward.Errorf(keyward.CodeForbidden, "%s lets only some roles and groups make keys, and user %s has none of them",
		s.KeyManager.Ref(), p.User)
}

// Manages tells whether somebody administers the key manager itself, which a global one's users do not.
func (s *Scene) Manages(p keyward.Principal) bool { return IsAdmin(p, s.KeyManager.Tenant) }

// GivesBack is what of a client's restoration is done for the principal. What an administrator of the server took away of
// a client's scopes there, its owners get back only as far as they could ask for it today: what the client was made with by
// name, within clients.constraints. The server's own defaults, and what somebody gave by hand, are for who manages the key
// manager; left are those. What the client still has, in every token or where it is asked for, is not lost. What
// subscriptions give is no part of a restoration.
func (s *Scene) GivesBack(
	p keyward.Principal, c *Client, undo keyward.ClientRestore, has []string,
) (does keyward.ClientRestore, left []string) {
	if s.Manages(p) {
		return undo, nil
	}
	for _, scope := range Without(slices.Concat(undo.Give, undo.Offer), has) {
		if !slices.Contains(c.Status.Scopes, scope) || !keymanager.AllowsScope(s.Spec, scope) {
			left = append(left, scope)
		}
	}
	undo.Give, undo.Offer = Without(undo.Give, left), Without(undo.Offer, left)
	undo.Scopes = Without(undo.Scopes, left)
	return undo, left
}

// MayDelete keeps everybody but administrators from deleting what is held: another client, which nobody holds, could
// be put in its place. Rules are administrators' alone.
func (s *Scene) MayDelete(p keyward.Principal, c *Client, now time.Time) error {
	if IsAdmin(p, s.App.Tenant) {
		return nil
	}
	if c.Spec.Match != nil {
		return keyward.Errorf(keyward.CodeForbidden, "%s is a rule of administrators, %s: only they change it",
			c.Object.Ref(), c.Spec.Shown())
	}
	for _, o := range []*keyward.Object{s.App, c.Object} {
		if o.Hold.Holds(now) {
			return keyward.Errorf(keyward.CodeHeld, "%s is held: only administrators delete its keys until the hold is lifted",
				o.Ref())
		}
	}
	return nil
}

// Held refuses new credentials, of whoever asks, while the key manager, the application or the client is held.
func (s *Scene) Held(c *Client, now time.Time) error {
	objects := []*keyward.Object{s.KeyManager, s.App}
	if c != nil {
		objects = append(objects, c.Object)
	}
	for _, o := range objects {
		if o.Hold.Holds(now) {
			return keyward.Errorf(keyward.CodeHeld, "%s is held: there are no new keys until the hold is lifted", o.Ref())
		}
	}
	return nil
}

// SeenHold is the hold as the principal may know it.
func SeenHold(p keyward.Principal, o *keyward.Object, now time.Time) *keyward.Hold {
	switch {
	case !o.Hold.Holds(now):
		return nil
	case IsAdmin(p, o.Tenant) || p.Tenant == o.Tenant && p.Has(keyward.RoleAuditor):
		return o.Hold
	default:
		return o.Hold.Public()
	}
}
