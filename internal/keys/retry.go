package keys

import (
	"context"
	"errors"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// ClientDeleted is what a client is called that a retry has ended: nothing of it is stored any more.
const ClientDeleted keyward.ClientState = "deleted"

// Retry goes on at once with what stands still at a place: an interrupted registration is settled; a rotation, change,
// revocation or deletion is asked of the server again; a failed registration is made anew with the same wishes, under
// another name; what was rejected is asked for again; what subscriptions ought to give a client in use and it lacks, or that
// its server could not be told, is asked for once more. The result tells the state that came of it, and the secret of a new
// client. With nothing to do it is a conflict.
func (k *Keys) Retry(ctx context.Context, p keyward.Principal, place Place) (*Result, error) {
	place, faults := place.Complete()
	if len(faults) > 0 {
		return nil, keyward.Invalid(faults)
	}
	s, err := k.visit(ctx, p, place)
	if err != nil {
		return nil, err
	}
	c := s.Taking()
	if c == nil {
		return k.retryFailed(ctx, p, s)
	}
	if c.Status.State == keyward.ClientActive || c.Status.State == keyward.ClientDrifted {
		return k.entitleAgain(ctx, p, s, c)
	}
	if c.Status.State == keyward.ClientAwaiting {
		return nil, s.Taken(c)
	}
	if err := k.settle(ctx, c, true); err != nil {
		return nil, err
	}
	fresh, _, err := k.again(ctx, c)
	if err != nil {
		return nil, err
	}
	if fresh == nil {
		c.Status.State = ClientDeleted
		fresh = c
	}
	return result(s, fresh.Spec.ClientID, "", fresh.Object.Name, fresh.Status), nil
}

// entitleAgain has the server of a client in use told at once of what subscriptions are to give it, also where a later try is
// put off, or an administrator has to give it.
func (k *Keys) entitleAgain(ctx context.Context, p keyward.Principal, s *scene.Scene, c *scene.Client) (*Result, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	end := k.turns.Claim(ctx, c.Object.ID)
	if end == nil {
		return nil, c.Busy()
	}
	defer end()
	var fresh *scene.Client
	err := k.store.Write(ctx, scene.Requester(p, s.Place.Tenant), func(tx *store.Tx) (err error) {
		if fresh, err = scene.Reload(tx, c, keyward.ClientActive, keyward.ClientDrifted); err != nil {
			return err
		}
		var before *keyward.ClientEntitlement
		if k.entitle != nil {
			if before, err = k.entitle.Status(tx, fresh.Object.ID); err != nil {
				return err //nolint:wrapcheck // it says what it is
			}
		}
		if before == nil || before.State == keyward.EntitlementGiven {
			return keyward.Errorf(keyward.CodeConflict, "client %s is %s: there is nothing to try again",
				fresh.Spec.Shown(), fresh.Status.State)
		}
		if err := s.Changeable(fresh, k.now()); err != nil {
			return err
		}
		return tx.EntitleAnew(fresh.Object.ID)
	})
	if err != nil {
		return nil, err
	}
	after := k.entitle.Now(ctx, fresh.Object.ID)
	if after != nil && after.State == keyward.EntitlementFailed {
		return nil, keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s could not be told of subscriptions: %s; it is tried again",
			s.Place.KeyManager, after.Reason)
	}
	fresh.Status.Entitlement = after
	return result(s, fresh.Spec.ClientID, "", fresh.Object.Name, fresh.Status), nil
}

// visit reads a place for somebody who may make keys there.
func (k *Keys) visit(ctx context.Context, p keyward.Principal, place Place) (s *scene.Scene, err error) {
	err = k.store.Read(ctx, func(tx *store.Tx) error {
		if s, err = scene.Look(tx, p, place); err != nil {
			return err
		}
		return s.Permit(p)
	})
	return s, err
}

// retryFailed makes the newest failed registration of a place anew. What the older one may have left is looked for first.
func (k *Keys) retryFailed(ctx context.Context, p keyward.Principal, s *scene.Scene) (*Result, error) {
	var failed *scene.Client
	for _, c := range s.Clients {
		if c.Status.State == keyward.ClientFailed && (failed == nil || c.Object.CreatedAt.After(failed.Object.CreatedAt)) {
			failed = c
		}
	}
	if failed == nil {
		return nil, s.Nothing()
	}
	if err := k.settle(ctx, failed, true); err != nil && !errors.Is(err, scene.ErrOvertaken) {
		return nil, scene.Told(s.Place.KeyManager, err)
	}
	if a := failed.Status.Approval; failed.Status.Mode == keyward.ClientMapped && a != nil {
		return k.Map(ctx, p, s.Place, a.ClientID, "")
	}
	return k.generate(ctx, p, s.Place, Ask{
		Grants: failed.Status.Grants, Callbacks: failed.Status.Callbacks, Scopes: failed.Status.Scopes, Fields: failed.Status.Fields,
	}, before{failed: failed.Object.ID})
}

// Cancel gives up what is under way at a place. What awaits an approval is forgotten. A registration becomes failed, and
// what the server makes of it all the same is deleted there where it can be found; where that is known at once, nothing stays
// listed. A rotation or change is not asked for
// again, and the client stays as the server has it. A revocation or deletion has taken effect on every gateway and cannot
// be taken back: that is a conflict.
func (k *Keys) Cancel(ctx context.Context, p keyward.Principal, place Place) error {
	return k.at(ctx, p, place, func(tx *store.Tx, s *scene.Scene) error {
		c := s.Taking()
		if c == nil {
			return s.Nothing()
		}
		if err := s.MayDelete(p, c, k.now()); err != nil {
			return err
		}
		return k.cancel(tx, s, c)
	})
}

// cancelled is the reason of a registration that was given up, until it is known what the server made of it.
func cancelled(c *scene.Client) string {
	return "it was cancelled; the server may make a client named " + c.Status.VendorName + " all the same"
}

func (k *Keys) cancel(tx *store.Tx, s *scene.Scene, c *scene.Client) error {
	now, row := k.now(), scene.NoRow()
	switch c.Status.State {
	case keyward.ClientAwaiting:
		if err := k.audit(tx, c.Object, "key.cancelled", "asked for by "+c.Status.Requester); err != nil {
			return err
		}
		return tx.Delete(c.Object)
	case keyward.ClientPending:
		c.Status.State, c.Status.Orphan, c.Status.ChangedAt = keyward.ClientFailed, true, &now
		c.Status.Reason = cancelled(c)
	case keyward.ClientRotating, keyward.ClientUpdating:
		if k.turns.Taken(c.Object.ID) {
			return c.Busy()
		}
		reason := "a change was cancelled that the server may have made"
		if c.Status.State == keyward.ClientRotating {
			reason = "a rotation was cancelled that the server may have made: rotate again when the secret is refused"
			c.Status.SecretDoubt = reason
		}
		c.Stand(reason, now)
		row = nil
	case keyward.ClientDeleting, keyward.ClientRevoking:
		return keyward.Errorf(keyward.CodeConflict, "client %s is %s and no gateway takes it any more: that cannot be taken back",
			c.Spec.ClientID, c.Status.State)
	default:
		return keyward.Errorf(keyward.CodeConflict, "nothing is under way for client %s of %s", c.Spec.ClientID, s.KeyManager.Ref())
	}
	if err := c.Put(tx, store.Extra{Row: row}); err != nil {
		return err
	}
	return k.audit(tx, c.Object, "key.cancelled", c.Status.VendorName)
}
