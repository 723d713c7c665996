package keys

import (
	"context"
	"errors"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
)

// ClientDeleted is what a client is called that a retry has ended: nothing of it is stored any more.
const ClientDeleted keyward.ClientState = "deleted"

// Retry goes on at once with what stands still at a place: an interrupted registration is settled; a rotation, change,
// revocation or deletion is asked of the server again; a failed registration is made anew with the same wishes, under
// another name. The result tells the state that came of it, and the secret of a new client. With nothing to do it is a
// conflict.
func (k *Keys) Retry(ctx context.Context, p keyward.Principal, place Place) (*Result, error) {
	place, faults := place.complete()
	if len(faults) > 0 {
		return nil, keyward.Invalid(faults)
	}
	s, err := k.visit(ctx, p, place)
	if err != nil {
		return nil, err
	}
	c := s.taking()
	if c == nil {
		return k.retryFailed(ctx, p, s)
	}
	if c.status.State == keyward.ClientActive || c.status.State == keyward.ClientDrifted {
		return nil, keyward.Errorf(keyward.CodeConflict, "client %s is %s: there is nothing to try again", c.spec.ClientID, c.status.State)
	}
	if err := k.settle(ctx, c, true); err != nil {
		return nil, err
	}
	fresh, _, err := k.again(ctx, c)
	if err != nil {
		return nil, err
	}
	if fresh == nil {
		c.status.State = ClientDeleted
		fresh = c
	}
	return s.result(fresh.spec.ClientID, "", fresh.object.Name, fresh.status), nil
}

// visit reads a place for somebody who may make keys there.
func (k *Keys) visit(ctx context.Context, p keyward.Principal, place Place) (s *scene, err error) {
	err = k.store.Read(ctx, func(tx *store.Tx) error {
		if s, err = k.look(tx, p, place); err != nil {
			return err
		}
		return s.permit(p)
	})
	return s, err
}

// retryFailed makes the newest failed registration of a place anew. What the older one may have left is looked for first.
func (k *Keys) retryFailed(ctx context.Context, p keyward.Principal, s *scene) (*Result, error) {
	var failed *client
	for _, c := range s.clients {
		if c.status.State == keyward.ClientFailed && (failed == nil || c.object.CreatedAt.After(failed.object.CreatedAt)) {
			failed = c
		}
	}
	if failed == nil {
		return nil, s.nothing()
	}
	if err := k.settle(ctx, failed, true); err != nil && !errors.Is(err, errOvertaken) {
		return nil, vendorError(s.place.KeyManager, err)
	}
	return k.Generate(ctx, p, s.place, Ask{
		Grants: failed.status.Grants, Callbacks: failed.status.Callbacks, Scopes: failed.status.Scopes, Fields: failed.status.Fields,
	})
}

// Cancel gives up what is under way at a place. A registration becomes failed, and what the server makes of it all the
// same is deleted there where it can be found; a rotation or change is not asked for again, and the client stays as the
// server has it. A revocation or deletion has taken effect on every gateway and cannot be taken back: that is a conflict.
func (k *Keys) Cancel(ctx context.Context, p keyward.Principal, place Place) error {
	return k.at(ctx, p, place, func(tx *store.Tx, s *scene) error {
		c := s.taking()
		if c == nil {
			return s.nothing()
		}
		if err := s.mayDelete(p, c, k.now()); err != nil {
			return err
		}
		return k.cancel(tx, s, c)
	})
}

func (k *Keys) cancel(tx *store.Tx, s *scene, c *client) error {
	now, row := k.now(), noRow()
	switch c.status.State {
	case keyward.ClientPending:
		c.status.State, c.status.Orphan, c.status.ChangedAt = keyward.ClientFailed, true, &now
		c.status.Reason = "it was cancelled; the server may make a client named " + c.status.VendorName + " all the same"
	case keyward.ClientRotating, keyward.ClientUpdating:
		if k.turns.Taken(c.object.ID) {
			return c.busy()
		}
		reason := "a change was cancelled that the server may have made"
		if c.status.State == keyward.ClientRotating {
			reason = "a rotation was cancelled that the server may have made: rotate again when the secret is refused"
		}
		c.stand(reason, now)
		row = nil
	case keyward.ClientDeleting, keyward.ClientRevoking:
		return keyward.Errorf(keyward.CodeConflict, "client %s is %s and no gateway takes it any more: that cannot be taken back",
			c.spec.ClientID, c.status.State)
	default:
		return keyward.Errorf(keyward.CodeConflict, "nothing is under way for client %s of %s", c.spec.ClientID, s.km.Ref())
	}
	if err := c.put(tx, store.Extra{Row: row}); err != nil {
		return err
	}
	return k.audit(tx, c.object, "key.cancelled", c.status.VendorName)
}
