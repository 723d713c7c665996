package keys

import (
	"time"

	"keyward.dev/keyward"
)

// held refuses new credentials, of whoever asks, while the key manager, the application or the client is held.
func (s *scene) held(c *client, now time.Time) error {
	objects := []*keyward.Object{s.km, s.app}
	if c != nil {
		objects = append(objects, c.object)
	}
	for _, o := range objects {
		if o.Hold.Holds(now) {
			return keyward.Errorf(keyward.CodeHeld, "%s is held: there are no new keys until the hold is lifted", o.Ref())
		}
	}
	return nil
}

// permit holds the key manager's permissions: for everything that gives credentials or shows them. What a developer has
// there already can still be deleted, and goes on to work.
func (s *scene) permit(p keyward.Principal) error {
	if isAdmin(p, s.km.Tenant) || s.kmSpec.Permissions.Permits(p) {
		return nil
	}
	return keyward.Errorf(keyward.CodeForbidden, "%s lets only some roles and groups make keys, and user %s has none of them",
		s.km.Ref(), p.User)
}

// mayDelete keeps everybody but administrators from deleting what is held: another client, which nobody holds, could
// be put in its place. Rules are administrators' alone.
func (s *scene) mayDelete(p keyward.Principal, c *client, now time.Time) error {
	if isAdmin(p, s.app.Tenant) {
		return nil
	}
	if c.spec.Match != nil {
		return keyward.Errorf(keyward.CodeForbidden, "%s is a rule of administrators, %s: only they change it",
			c.object.Ref(), c.spec.Shown())
	}
	for _, o := range []*keyward.Object{s.app, c.object} {
		if o.Hold.Holds(now) {
			return keyward.Errorf(keyward.CodeHeld, "%s is held: only administrators delete its keys until the hold is lifted",
				o.Ref())
		}
	}
	return nil
}

// onlyRule refuses what needs one client at the server.
func (c *client) onlyRule() error {
	return keyward.Errorf(keyward.CodeConflict, "%s is no client but a rule, %s: it has neither id nor secret",
		c.object.Ref(), c.spec.Shown())
}

// seenHold is the hold as the principal may know it.
func seenHold(p keyward.Principal, o *keyward.Object, now time.Time) *keyward.Hold {
	switch {
	case !o.Hold.Holds(now):
		return nil
	case isAdmin(p, o.Tenant) || p.Tenant == o.Tenant && p.Has(keyward.RoleAuditor):
		return o.Hold
	default:
		return o.Hold.Public()
	}
}
