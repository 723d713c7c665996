package scene

import (
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keys/wish"
	"keyward.dev/keyward/internal/store"
)

// ReuseField is the field of a request that names the key manager whose client is to be reused.
const ReuseField = "reuseClientOf"

// Reusable gives the client to reuse, where the server of both key managers knows it as one and the same.
func (s *Scene) Reusable(tx *store.Tx, p keyward.Principal, of string, now time.Time) (*Client, error) {
	place := s.Place
	place.KeyManager = of
	from, err := Look(tx, p, place)
	if err != nil {
		return nil, err
	}
	refuse := func(format string, args ...any) error {
		return keyward.Invalid([]keyward.FieldError{keyward.Fault(ReuseField, format, args...)})
	}
	kind, _ := catalog.TypeOf(s.Spec.Type) // an unknown one cannot be stored
	owner := from.Taking()
	switch {
	case kind.Shared == nil || !kind.Shared.Reuse:
		return nil, refuse("a client at a server of type %s belongs to one key manager: generate one here", s.Spec.Type)
	case s.Server.ConnectionID == "" || s.Server.ConnectionID != from.Server.ConnectionID:
		return nil, refuse("%s and %s do not name one Connection: their servers have no client in common", s.KeyManager.Ref(),
			from.KeyManager.Ref())
	case s.Server.Issuer() == from.Server.Issuer():
		return nil, refuse("%s is the same authorization server: what one may carry would be the other's too", from.KeyManager.Ref())
	case owner == nil:
		return nil, from.Nothing()
	case owner.Status.State != keyward.ClientActive && owner.Status.State != keyward.ClientDrifted:
		return nil, from.Taken(owner)
	case owner.Status.Mode != keyward.ClientGenerated:
		return nil, refuse("client %s is mapped in %s: map it here too", owner.Spec.Shown(), from.KeyManager.Ref())
	case owner.Status.Reuses != nil:
		return nil, refuse("client %s is reused there too: name %s, which it is of", owner.Spec.ClientID, owner.Status.Reuses.KeyManager)
	}
	if err := from.Permit(p); err != nil {
		return nil, err
	}
	return owner, from.Held(owner, now)
}

// Reusers lists the clients in use that reuse a client.
func Reusers(tx *store.Tx, c *Client) ([]*Client, error) {
	objects, _, err := tx.List(keyward.KindOAuthClient, store.Filter{Tenant: c.Object.Tenant, Application: c.Spec.Application})
	if err != nil {
		return nil, fmt.Errorf("list who reuses %s: %w", c.Object.Ref(), err)
	}
	var list []*Client
	for _, o := range objects {
		other, err := ReadClient(o)
		if err != nil {
			return nil, err
		}
		if r := other.Status.Reuses; r != nil && r.ID == c.Object.ID && other.Status.State.InUse() {
			list = append(list, other)
		}
	}
	return list, nil
}

// NotReused refuses what would take a client away from those that reuse it, or change it under them.
func NotReused(tx *store.Tx, c *Client) error {
	list, err := Reusers(tx, c)
	if err != nil || len(list) == 0 {
		return err
	}
	e := keyward.Errorf(keyward.CodeInUse, "client %s is reused in other key managers: delete its keys there first", c.Spec.ClientID)
	for _, other := range list {
		e.Users = append(e.Users, other.Object.Ref())
	}
	return e
}

// Reuse stores the use of another key manager's client.
func (s *Scene) Reuse(tx *store.Tx, p keyward.Principal, of string, now time.Time) (*Client, error) {
	if err := s.Permit(p); err != nil {
		return nil, err
	}
	if err := s.Held(nil, now); err != nil {
		return nil, err
	}
	if err := Alive(s.App); err != nil {
		return nil, err
	}
	owner, err := s.Reusable(tx, p, of, now)
	if err != nil {
		return nil, err
	}
	has := owner.Status
	if _, err := s.CheckGenerate(wish.Ask{Grants: has.Grants, Callbacks: has.Callbacks, Fields: has.Fields}); err != nil {
		return nil, err
	}
	if taken := s.Taking(); taken != nil {
		return nil, s.Taken(taken)
	}
	switch awaits, err := s.Awaits(tx, p); {
	case err != nil:
		return nil, err
	case awaits:
		return nil, keyward.Errorf(keyward.CodeForbidden, "keys in %s need an approval: let one of its administrators reuse the client",
			s.KeyManager.Ref())
	}
	if err := s.Vacate(tx, p, now); err != nil {
		return nil, err
	}
	c, err := NewClient(tx, p, s.Place, store.NewID(), owner.Status.VendorName, now)
	if err != nil {
		return nil, err
	}
	c.Spec.ClientID, c.Status.State = owner.Spec.ClientID, keyward.ClientActive
	c.Status.Grants, c.Status.Callbacks, c.Status.Fields = has.Grants, has.Callbacks, has.Fields
	c.Status.Reuses = &keyward.ClientReuse{ID: owner.Object.ID, KeyManager: of}
	row, err := c.GatewayRow()
	if err != nil {
		return nil, err
	}
	// The owner is written too, so that it cannot be deleted by somebody who has not seen this.
	if err := owner.Put(tx, store.Extra{}); err != nil {
		return nil, err
	}
	if err := c.Put(tx, store.Extra{Row: row}); err != nil {
		return nil, err
	}
	return c, audit(tx, c.Object, "key.reused", fmt.Sprintf("client %s of %s", c.Spec.ClientID, of))
}

// RevokeReusers puts out of use, with a client, every use of it elsewhere: the secret is the same. The sweep tells servers.
func RevokeReusers(tx *store.Tx, c *Client, now time.Time) error {
	list, err := Reusers(tx, c)
	if err != nil {
		return err
	}
	for _, other := range list {
		other.Status.State, other.Status.Reason, other.Status.ChangedAt = keyward.ClientRevoking, "", &now
		if err := other.Put(tx, store.Extra{Row: NoRow()}); err != nil {
			return err
		}
		if err := audit(tx, other.Object, "key.revoked", "client "+other.Spec.ClientID+", with the one that it reuses"); err != nil {
			return err
		}
	}
	return nil
}

func audit(tx *store.Tx, o *keyward.Object, action, detail string) error {
	return tx.Audit(keyward.AuditEntry{
		Tenant: o.Tenant, Action: action, Kind: string(keyward.KindOAuthClient), Name: o.Name, Detail: detail,
	})
}
