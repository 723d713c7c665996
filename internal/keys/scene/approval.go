package scene

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/keys/wish"
	"keyward.dev/keyward/internal/store"
)

// Approvers gives the tenant whose administrators have to approve what is generated at the place, or "" where nobody has
// to. What the key manager says wins over what the tenant says, but one of another tenant, a global one, only makes it
// stricter.
func (s *Scene) Approvers(tx *store.Tx) (string, error) {
	own := s.Spec.Clients.Approval.In(s.Place.Environment)
	switch {
	case own == keyward.ApprovalManual:
		return s.KeyManager.Tenant, nil
	case own == keyward.ApprovalAuto && s.KeyManager.Tenant == s.Place.Tenant:
		return "", nil
	}
	o, err := tx.Get(keyward.KindTenant, keyward.DefaultTenant, s.Place.Tenant)
	if err != nil {
		return "", err
	}
	spec, ok := o.Spec.(*keyward.TenantSpec)
	if !ok {
		return "", fmt.Errorf("%s has a spec of another kind", o.Ref())
	}
	if spec.Keys.Approval.In(s.Place.Environment) == keyward.ApprovalManual {
		return s.Place.Tenant, nil
	}
	return "", nil
}

// approvedBy tells whether an approval was given by administrators whose word counts for the tenant.
func (s *Scene) approvedBy(a *keyward.ClientApproval, approvers string) bool {
	tenant, _ := keyward.SplitActor(a.By, s.Place.Tenant)
	return a.By != "" && (tenant == approvers || tenant == keyward.DefaultTenant)
}

// Inherits tells whether the client, which is made anew for the same requester, needs no approval because the one that
// failed before it had been approved by those who would have to approve now.
func (s *Scene) Inherits(tx *store.Tx, c, failed *Client) (bool, error) {
	a := failed.Status.Approval
	if a == nil || failed.Spec.ClientID != "" || failed.Status.Requester != c.Status.Requester {
		return false, nil
	}
	approvers, err := s.Approvers(tx)
	return err == nil && s.approvedBy(a, approvers), err
}

// Awaits tells whether keys that the principal generates at the place need an approval first.
func (s *Scene) Awaits(tx *store.Tx, p keyward.Principal) (bool, error) {
	tenant, err := s.Approvers(tx)
	return tenant != "" && !IsAdmin(p, tenant), err
}

// MayWiden refuses a change that asks for more than was approved, of everybody but those who approve keys of the place.
func (s *Scene) MayWiden(tx *store.Tx, p keyward.Principal, c *Client, want wish.Checked) error {
	has, ask := c.Status, want.Ask
	beyond := slices.Concat(
		Without(ask.Grants, has.Grants), Without(ask.Callbacks, has.Callbacks), Without(ask.Scopes, has.Scopes))
	for name, value := range want.Fields {
		if !reflect.DeepEqual(value, has.Fields[name]) {
			beyond = append(beyond, name)
		}
	}
	if len(beyond) == 0 {
		return nil
	}
	awaits, err := s.Awaits(tx, p)
	if err == nil && awaits {
		slices.Sort(beyond)
		err = keyward.Errorf(keyward.CodeForbidden, "keys in %s need an approval, and this asks for more than the client has (%s): let "+
			"one of its administrators change it", s.KeyManager.Ref(), strings.Join(beyond, ", "))
	}
	return err
}

// MayApprove refuses everybody but the administrators whose word counts for the client.
func (s *Scene) MayApprove(tx *store.Tx, p keyward.Principal, c *Client) error {
	tenant := s.Place.Tenant
	if c.Status.Mode == keyward.ClientGenerated {
		approvers, err := s.Approvers(tx)
		if err != nil {
			return err
		}
		if approvers != "" { // else the rule was lifted meanwhile
			tenant = approvers
		}
	}
	if IsAdmin(p, tenant) {
		return nil
	}
	return keyward.Errorf(keyward.CodeForbidden, "only administrators of tenant %s approve keys in %s", tenant, s.KeyManager.Ref())
}

// Awaited gives the client of the place that awaits an approval, for administrators of its tenant.
func (s *Scene) Awaited(p keyward.Principal) (*Client, error) {
	if !IsAdmin(p, s.Place.Tenant) {
		return nil, keyward.Errorf(keyward.CodeForbidden, "only administrators approve and reject keys")
	}
	if c := s.Taking(); c != nil && c.Status.State == keyward.ClientAwaiting {
		return c, nil
	}
	return nil, keyward.Errorf(keyward.CodeNotFound, "nothing awaits an approval for application %s in %s for %s",
		s.Place.Application, s.Place.KeyManager, s.Place.Environment)
}

// StillMay tells whether who asked for the client may have keys at the place today, and whether anybody may.
func (s *Scene) StillMay(tx *store.Tx, c *Client, now time.Time) error {
	who := c.Status.Requester
	tenant, user := keyward.SplitActor(who, c.Object.Tenant)
	var person *keyward.Person
	if a := c.Status.Approval; a != nil {
		person = a.Person
	}
	asker, err := account.Asker(tx, tenant, user, person, now)
	if errors.Is(err, account.ErrNone) {
		return keyward.Errorf(keyward.CodeConflict, "user %s, who asked for it, cannot sign in any more", who)
	}
	if err != nil {
		return err //nolint:wrapcheck // it says what it is
	}
	if MayUse(asker, s.App) != nil {
		return keyward.Errorf(keyward.CodeConflict, "user %s, who asked for it, is not an owner of %s any more", who, s.App.Ref())
	}
	if s.Permit(asker) != nil {
		return keyward.Errorf(keyward.CodeConflict, "%s does not let user %s, who asked for it, make keys any more",
			s.KeyManager.Ref(), who)
	}
	return Alive(s.App)
}

// NotNow tells an administrator why what they approve cannot be done, and what they can do.
func NotNow(err error) error {
	told, ok := errors.AsType[*keyward.Error](err)
	if !ok {
		return err
	}
	again := *told
	again.Message += ": approve it again when that is mended, or reject it"
	return &again
}
