package keys

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/keys/wish"
	"keyward.dev/keyward/internal/store"
)

// Approve lets be made, or mapped, what awaits an administrator's approval at a place. It is judged anew, by the rules and
// the rights of this moment: what cannot be done now goes on waiting. A generated client is then made as any other; its
// secret is for who asked for it alone, who fetches it with Reveal. Refusals beside those of Generate and Map: forbidden,
// not_found where nothing waits, and conflict where who asked is no user or has no right to keys there any more. request
// is the id of what was seen, as Requests gives it: with it, what was asked for instead meanwhile is a conflict too.
func (k *Keys) Approve(ctx context.Context, p keyward.Principal, place Place, request string) (*Result, error) {
	place, faults := place.Complete()
	if len(faults) > 0 {
		return nil, keyward.Invalid(faults)
	}
	var s *scene.Scene
	var c *scene.Client
	err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
		if s, err = scene.Look(tx, p, place); err != nil {
			return err
		}
		c, err = s.Awaited(p)
		return err
	})
	if err != nil {
		return nil, err
	}
	if request != "" && request != c.Object.ID {
		return nil, errOther()
	}
	end := k.turns.Take(c.Object.ID)
	if end == nil {
		return nil, c.Busy()
	}
	defer end()
	if c.Status.Mode == keyward.ClientMapped {
		return k.approveMapping(ctx, p, s, c)
	}
	var want wish.Checked
	s, c, err = k.approved(ctx, p, c, func(_ *store.Tx, s *scene.Scene, c *scene.Client) (err error) {
		want, err = s.CheckGenerate(Ask{
			Grants: c.Status.Grants, Callbacks: c.Status.Callbacks, Scopes: c.Status.Scopes, Fields: c.Status.Fields,
		})
		if err != nil {
			return err
		}
		c.Status.State, c.Status.Fields = keyward.ClientPending, want.Fields
		return nil
	})
	if err != nil {
		return nil, err
	}
	made, err := k.register(ctx, s, c, want)
	if err != nil {
		return nil, err
	}
	made.ClientSecret = ""
	return made, nil
}

func errOther() error {
	return keyward.Errorf(keyward.CodeConflict, "something else is asked for now: look at it, and approve that")
}

// approved stores that what awaits an approval has it, if do finds that it can be done now.
func (k *Keys) approved(
	ctx context.Context, p keyward.Principal, seen *scene.Client, do func(*store.Tx, *scene.Scene, *scene.Client) error,
) (s *scene.Scene, c *scene.Client, err error) {
	place := seen.Where()
	err = k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) error {
		if s, err = scene.Look(tx, p, place); err != nil {
			return err
		}
		if c, err = s.Awaited(p); err != nil {
			return err
		}
		if c.Object.ID != seen.Object.ID {
			return errOther()
		}
		if err := s.MayApprove(tx, p, c); err != nil {
			return err
		}
		if err := s.StillMay(tx, c, k.now()); err != nil {
			return scene.NotNow(err)
		}
		if err := s.Held(c, k.now()); err != nil {
			return scene.NotNow(err)
		}
		if err := do(tx, s, c); err != nil {
			return scene.NotNow(err)
		}
		now := k.now().UTC()
		c.Status.ChangedAt = &now
		c.Status.Approval.By, c.Status.Approval.At = scene.Requester(p, place.Tenant), &now
		var extra store.Extra
		if c.Status.State == keyward.ClientActive {
			if extra.Row, err = c.GatewayRow(); err != nil {
				return err
			}
		}
		if err := c.Put(tx, extra); err != nil {
			return err
		}
		return k.audit(tx, c.Object, "key.approved", "asked for by "+c.Status.Requester)
	})
	return s, c, err
}

// approveMapping maps a client for somebody who does not have its secret.
func (k *Keys) approveMapping(ctx context.Context, p keyward.Principal, s *scene.Scene, c *scene.Client) (*Result, error) {
	if !keymanager.ForMany(s.Spec) { // what the connection sees there is one organization's
		if err := k.proof.Exists(ctx, s, c.Status.Approval.ClientID); err != nil {
			return nil, scene.NotNow(err)
		}
	}
	s, c, err := k.approved(ctx, p, c, func(tx *store.Tx, s *scene.Scene, c *scene.Client) error {
		spec := *c.Spec
		spec.ClientID = c.Status.Approval.ClientID
		if err := k.mappable(tx, s, &spec); err != nil {
			return err
		}
		c.Spec, c.Status.State = &spec, keyward.ClientActive
		return k.audit(tx, c.Object, "key.mapped", "client "+spec.ClientID)
	})
	if err != nil {
		return nil, err
	}
	return result(s, c.Spec.ClientID, "", c.Object.Name, c.Status), nil
}

// Reject ends what awaits an approval at a place, and tells who asked why. Nothing is left of it but that word: the place
// is free. request is the id of what was seen, as for Approve.
func (k *Keys) Reject(ctx context.Context, p keyward.Principal, place Place, request, reason string) error {
	reason, err := keyward.Reason(reason)
	if err != nil {
		return err
	}
	return k.at(ctx, p, place, func(tx *store.Tx, s *scene.Scene) error {
		c, err := s.Awaited(p)
		if err == nil && request != "" && request != c.Object.ID {
			err = errOther()
		}
		if err != nil {
			return err
		}
		now := k.now()
		c.Status.State, c.Status.ChangedAt = keyward.ClientFailed, &now
		c.Status.Reason = "rejected by " + scene.Requester(p, s.Place.Tenant) + ": " + reason
		if err := c.Put(tx, store.Extra{Row: scene.NoRow()}); err != nil {
			return err
		}
		return k.audit(tx, c.Object, "key.rejected", "asked for by "+c.Status.Requester+": "+reason)
	})
}
