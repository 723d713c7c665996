package keys

import (
	"context"
	"errors"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// Delete ends the client of a place: a mapped one is unmapped and left alone at its server, a generated one is taken
// off every gateway, deleted at the server, then forgotten. A server that is down leaves it deleting: the sweep goes on.
func (k *Keys) Delete(ctx context.Context, p keyward.Principal, place Place) error {
	place, faults := place.Complete()
	if len(faults) > 0 {
		return keyward.Invalid(faults)
	}
	return k.delete(ctx, p, place, nil)
}

// DeleteByName is Delete for the client object of that name.
func (k *Keys) DeleteByName(ctx context.Context, p keyward.Principal, tenant, name string) error {
	var place Place
	var id string
	err := k.store.Read(ctx, func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindOAuthClient, tenant, name)
		if err != nil {
			return scene.HideFrom(p, tenant, err)
		}
		c, err := scene.ReadClient(o)
		if err != nil {
			return err
		}
		id = o.ID
		place = c.Where()
		return nil
	})
	if err != nil {
		return err
	}
	return k.delete(ctx, p, place, &id)
}

// delete works on the client that takes the place, or on the one of the given id.
func (k *Keys) delete(ctx context.Context, p keyward.Principal, place Place, id *string) error {
	// What is on gateways leaves them first, whatever is under way at the server.
	if err := k.settlePlace(ctx, p, place, keyward.ClientPending); err != nil {
		return err
	}
	var s *scene.Scene
	var c *scene.Client
	err := k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) (err error) {
		if s, err = scene.Look(tx, p, place); err != nil {
			return err
		}
		if c, err = s.ToDelete(id); err != nil {
			return err
		}
		if err := s.MayDelete(p, c, k.now()); err != nil {
			return err
		}
		switch {
		case c.Status.State == keyward.ClientPending:
			return s.Taken(c)
		case c.Status.State == keyward.ClientFailed && c.Status.Orphan:
			return keyward.Errorf(keyward.CodeConflict,
				"nobody knows whether the server has a client named %s: look for it there, then dismiss this one", c.Status.VendorName)
		case c.Status.Mode == keyward.ClientMapped || c.Status.State == keyward.ClientAwaiting || c.Over():
			if err := k.audit(tx, c.Object, "key.deleted", "client "+c.Spec.Shown()); err != nil {
				return err
			}
			return tx.Delete(c.Object)
		}
		if err := scene.NotReused(tx, c); err != nil {
			return err
		}
		return k.doom(tx, c)
	})
	if err != nil || c.Status.State != keyward.ClientDeleting {
		return err
	}
	return k.finish(ctx, c, keyward.ClientDeleting, vendorLimit, func(ctx context.Context) error {
		return k.finishDelete(ctx, s.Server, c, scene.Requester(p, place.Tenant))
	})
}

// finishDelete deletes a client at its server and then forgets it.
func (k *Keys) finishDelete(ctx context.Context, server connector.Server, c *scene.Client, who string) error {
	err := k.deleteThere(ctx, server, c)
	if errors.Is(err, connector.ErrUnsupported) || errors.Is(err, connector.ErrUnmanageable) {
		why := "the server offers no way to delete client " + c.Spec.ClientID
		if errors.Is(err, connector.ErrUnmanageable) {
			why = "client " + c.Spec.ClientID + " is left at the server: " + scene.Unmanageable(server)
		}
		reason := why + ": delete it there, then dismiss this one"
		if err := k.markFailed(ctx, c, reason, true); err != nil {
			return err
		}
		return keyward.Errorf(keyward.CodeKeyManagerFailed, "no gateway takes the client any more, but %s", reason)
	}
	if err != nil {
		return k.notYet(ctx, server, c, err, "deleting it")
	}
	return k.store.Write(ctx, who, func(tx *store.Tx) error {
		fresh, err := scene.Reload(tx, c, keyward.ClientDeleting)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if err := k.audit(tx, fresh.Object, "key.deleted", "client "+fresh.Spec.ClientID); err != nil {
			return err
		}
		return tx.Delete(fresh.Object)
	})
}

// deleteThere deletes a client at its server. One that is another's is only released.
func (k *Keys) deleteThere(ctx context.Context, server connector.Server, c *scene.Client) error {
	var handle connector.Handle
	err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
		handle, err = scene.HandleOf(tx, c)
		return err
	})
	if err != nil {
		return err
	}
	conn, err := k.openers.Open(server)
	if err != nil {
		return err
	}
	if c.Status.Reuses == nil {
		return conn.Delete(ctx, handle)
	}
	if releaser, ok := conn.(connector.Releaser); ok {
		return releaser.Release(ctx, handle)
	}
	return nil
}

// notYet notes and tells that a client is off every gateway, and still at its server. The sweep goes on.
func (k *Keys) notYet(ctx context.Context, server connector.Server, c *scene.Client, cause error, doing string) error {
	told := scene.Told(server.Name, cause)
	k.noteReason(ctx, c, told.Message)
	wrapped := keyward.Errorf(told.Code, "%s; no gateway takes the client any more, and %s is tried again", told.Message, doing)
	wrapped.Err = cause
	return wrapped
}

// noteReason says on the client why what was asked of its server is not done yet, also when the time for that is over.
func (k *Keys) noteReason(ctx context.Context, c *scene.Client, reason string) {
	err := k.store.Write(context.WithoutCancel(ctx), actor, func(tx *store.Tx) error {
		fresh, err := scene.Reload(tx, c, c.Status.State)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil // somebody gave up meanwhile
		}
		if err != nil || fresh.Status.Reason == reason {
			return err
		}
		fresh.Status.Reason = reason
		return fresh.Put(tx, store.Extra{})
	})
	if err != nil {
		k.log.WarnContext(ctx, "a client could not be marked", "client", c.Object.Name, "error", err)
	}
}

// Dismiss forgets the failed attempts of a place, possible orphans included: somebody has looked after them at the
// server. An administrator also gives up an end that the server did not come to when it was asked, while it is asked again too.
func (k *Keys) Dismiss(ctx context.Context, p keyward.Principal, place Place) error {
	// Nothing is settled here first: nobody can have looked for what becomes a possible orphan in this moment.
	return k.at(ctx, p, place, func(tx *store.Tx, s *scene.Scene) error {
		gone, early := 0, false
		for _, c := range s.Clients {
			ending := c.Status.State == keyward.ClientDeleting || c.Status.State == keyward.ClientRevoking
			mine := ending && scene.IsAdmin(p, s.Place.Tenant)
			tried := c.Status.Reason != "" // an end begins without one, and gets one when its server did not come to it
			stuck := mine && (tried || !k.turns.Taken(c.Object.ID))
			if c.Status.State != keyward.ClientFailed && !stuck {
				early = early || mine
				continue
			}
			if err := k.audit(tx, c.Object, "key.dismissed", c.Status.VendorName); err != nil {
				return err
			}
			if err := tx.Delete(c.Object); err != nil {
				return err
			}
			gone++
		}
		if gone == 0 && early {
			return keyward.Errorf(keyward.CodeConflict, "%s is being asked for the first time: give up once it did not answer",
				s.KeyManager.Ref())
		}
		if gone == 0 {
			return keyward.Errorf(keyward.CodeNotFound, "nothing failed for application %s in %s for %s",
				s.Place.Application, s.Place.KeyManager, s.Place.Environment)
		}
		return nil
	})
}
