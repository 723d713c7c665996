package keys

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// requestMapping stores that somebody wants a client mapped whose secret they do not have. The client's id is not taken
// by that: who gets it is decided when an administrator approves.
func (k *Keys) requestMapping(ctx context.Context, p keyward.Principal, place Place, spec *keyward.OAuthClientSpec) (*Result, error) {
	var s *scene.Scene
	var c *scene.Client
	err := k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) (err error) {
		if s, err = k.lookToMap(tx, p, place, spec); err != nil {
			return err
		}
		if err := s.Vacate(tx, p, k.now()); err != nil {
			return err
		}
		if c, err = scene.NewClient(tx, p, place, store.NewID(), "", k.now()); err != nil {
			return err
		}
		c.Status.Mode, c.Status.State = keyward.ClientMapped, keyward.ClientAwaiting
		c.Status.Approval = &keyward.ClientApproval{ClientID: spec.ClientID, Since: *c.Status.ChangedAt, Person: p.Person()}
		if err := c.Put(tx, store.Extra{}); err != nil {
			return err
		}
		return k.audit(tx, c.Object, "key.requested", "map client "+spec.ClientID)
	})
	if err != nil {
		return nil, err
	}
	return result(s, "", "", c.Object.Name, c.Status), nil
}

// makeAwait lets a client that was to be made await an approval, where it needs one. Who makes anew what had been approved
// and failed needs none, where the same people would have to approve: that approval goes over, once.
func (k *Keys) makeAwait(tx *store.Tx, p keyward.Principal, s *scene.Scene, c *scene.Client, failed string) error {
	awaits, err := s.Awaits(tx, p)
	if err != nil || !awaits {
		return err
	}
	for _, old := range s.Clients {
		if old.Object.ID != failed {
			continue
		}
		if goesOver, err := s.Inherits(tx, c, old); err != nil || !goesOver {
			if err != nil {
				return err
			}
			continue
		}
		c.Status.Approval, old.Status.Approval = old.Status.Approval, nil
		if old.Over() { // it is forgotten already
			return nil
		}
		return old.Put(tx, store.Extra{Row: scene.NoRow()})
	}
	c.Status.State = keyward.ClientAwaiting
	c.Status.Approval = &keyward.ClientApproval{Since: *c.Status.ChangedAt, Person: p.Person()}
	return k.audit(tx, c.Object, "key.requested", "to be made")
}
