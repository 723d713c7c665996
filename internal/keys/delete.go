package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
)

// Delete ends the client of a place: a mapped one is unmapped and left alone at its server, a generated one is taken
// off every gateway, deleted at the server, then forgotten. A server that is down leaves it deleting: the sweep goes on.
func (k *Keys) Delete(ctx context.Context, p keyward.Principal, place Place) error {
	place, faults := place.complete()
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
			return hideFrom(p, tenant, err)
		}
		c, err := readClient(o)
		if err != nil {
			return err
		}
		id = o.ID
		place = c.place()
		return nil
	})
	if err != nil {
		return err
	}
	return k.delete(ctx, p, place, &id)
}

func (c *client) place() Place {
	return Place{
		Tenant: c.object.Tenant, Application: c.spec.Application, KeyManager: c.spec.KeyManager,
		Environment: c.spec.EnvironmentOrDefault(),
	}
}

// delete works on the client that takes the place, or on the one of the given id.
func (k *Keys) delete(ctx context.Context, p keyward.Principal, place Place, id *string) error {
	if err := k.settlePlace(ctx, p, place); err != nil {
		return err
	}
	var s *scene
	var c *client
	err := k.store.Write(ctx, requester(p, place.Tenant), func(tx *store.Tx) (err error) {
		if s, err = k.look(tx, p, place); err != nil {
			return err
		}
		if c, err = s.toDelete(id); err != nil {
			return err
		}
		if err := s.mayDelete(p, c, k.now()); err != nil {
			return err
		}
		switch {
		case c.status.State == keyward.ClientPending:
			return s.taken(c)
		case c.status.State == keyward.ClientFailed && c.status.Orphan:
			return keyward.Errorf(keyward.CodeConflict,
				"nobody knows whether the server has a client named %s: look for it there, then dismiss this one", c.status.VendorName)
		case c.status.Mode == keyward.ClientMapped || c.over():
			if err := k.audit(tx, c.object, "key.deleted", "client "+c.spec.Shown()); err != nil {
				return err
			}
			return tx.Delete(c.object)
		}
		return k.doom(tx, c)
	})
	if err != nil || c.status.State != keyward.ClientDeleting {
		return err
	}
	return k.finish(ctx, c, keyward.ClientDeleting, func(ctx context.Context) error {
		return k.finishDelete(ctx, s.server, c, requester(p, place.Tenant))
	})
}

func (s *scene) toDelete(id *string) (*client, error) {
	if id == nil {
		if c := s.last(); c != nil {
			return c, nil
		}
	} else {
		for _, c := range s.clients {
			if c.object.ID == *id {
				return c, nil
			}
		}
	}
	return nil, s.nothing()
}

func (s *scene) nothing() error {
	if c := s.last(); c != nil {
		return keyward.Errorf(keyward.CodeNotFound, "application %s has no client in %s for %s: %s was revoked, generate a new one",
			s.place.Application, s.place.KeyManager, s.place.Environment, c.spec.Shown())
	}
	return keyward.Errorf(keyward.CodeNotFound, "application %s has no client in %s for %s",
		s.place.Application, s.place.KeyManager, s.place.Environment)
}

// finishDelete deletes a client at its server and then forgets it.
func (k *Keys) finishDelete(ctx context.Context, server connector.Server, c *client, who string) error {
	err := k.deleteThere(ctx, server, c)
	if errors.Is(err, connector.ErrUnsupported) || errors.Is(err, connector.ErrUnmanageable) {
		why := "the server offers no way to delete client " + c.spec.ClientID
		if errors.Is(err, connector.ErrUnmanageable) {
			why = "client " + c.spec.ClientID + " is left at the server: " + unmanageable(server)
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
		fresh, err := reload(tx, c, keyward.ClientDeleting)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if err := k.audit(tx, fresh.object, "key.deleted", "client "+fresh.spec.ClientID); err != nil {
			return err
		}
		return tx.Delete(fresh.object)
	})
}

// deleteThere deletes a client at its server.
func (k *Keys) deleteThere(ctx context.Context, server connector.Server, c *client) error {
	var handle connector.Handle
	err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
		handle, err = handleOf(tx, c)
		return err
	})
	if err != nil {
		return err
	}
	conn, err := k.openers.Open(server)
	if err != nil {
		return err
	}
	return conn.Delete(ctx, handle)
}

// notYet notes and tells that a client is off every gateway, and still at its server. The sweep goes on.
func (k *Keys) notYet(ctx context.Context, server connector.Server, c *client, cause error, doing string) error {
	told := vendorError(server.Name, cause)
	k.noteReason(ctx, c, told.Message)
	wrapped := keyward.Errorf(told.Code, "%s; no gateway takes the client any more, and %s is tried again", told.Message, doing)
	wrapped.Err = cause
	return wrapped
}

// noteReason says on the client why what was asked of its server is not done yet.
func (k *Keys) noteReason(ctx context.Context, c *client, reason string) {
	err := k.store.Write(ctx, actor, func(tx *store.Tx) error {
		fresh, err := reload(tx, c, keyward.ClientDeleting, keyward.ClientRevoking, keyward.ClientRotating, keyward.ClientUpdating)
		if err != nil || fresh.status.Reason == reason {
			return err
		}
		fresh.status.Reason = reason
		return fresh.put(tx, store.Extra{})
	})
	if err != nil {
		k.log.WarnContext(ctx, "a client could not be marked", "client", c.object.Name, "error", err)
	}
}

func handleOf(tx *store.Tx, c *client) (connector.Handle, error) {
	handle := connector.Handle{ClientID: c.spec.ClientID}
	secrets, err := tx.Secrets(c.object)
	if err != nil {
		return handle, fmt.Errorf("open the secrets of %s: %w", c.object.Ref(), err)
	}
	if text := secrets[HandlePath]; text != "" {
		if err := json.Unmarshal([]byte(text), &handle); err != nil {
			return handle, fmt.Errorf("read the handle of %s: %w", c.object.Ref(), err)
		}
	}
	return handle, nil
}

// Dismiss forgets the failed attempts of a place, possible orphans included: somebody has looked after them at the
// server. An administrator also gives up a deletion that the server never answers.
func (k *Keys) Dismiss(ctx context.Context, p keyward.Principal, place Place) error {
	// Nothing is settled here first: nobody can have looked for what becomes a possible orphan in this moment.
	return k.at(ctx, p, place, func(tx *store.Tx, s *scene) error {
		gone := 0
		for _, c := range s.clients {
			ending := c.status.State == keyward.ClientDeleting || c.status.State == keyward.ClientRevoking
			stuck := ending && isAdmin(p, s.place.Tenant) && !k.turns.Taken(c.object.ID)
			if c.status.State != keyward.ClientFailed && !stuck {
				continue
			}
			if err := k.audit(tx, c.object, "key.dismissed", c.status.VendorName); err != nil {
				return err
			}
			if err := tx.Delete(c.object); err != nil {
				return err
			}
			gone++
		}
		if gone == 0 {
			return keyward.Errorf(keyward.CodeNotFound, "nothing failed for application %s in %s for %s",
				s.place.Application, s.place.KeyManager, s.place.Environment)
		}
		return nil
	})
}

// dropFailed deletes clients of which nothing is left at a server: they only told why.
func dropFailed(tx *store.Tx, clients []*client) error {
	for _, c := range clients {
		if c.over() {
			if err := tx.Delete(c.object); err != nil {
				return fmt.Errorf("forget a failed client: %w", err)
			}
		}
	}
	return nil
}

// DropFailed forgets the failed and revoked clients of an application or a key manager that left nothing at a server, so that they
// do not stand in the way of its deletion. Possible orphans stay.
func DropFailed(tx *store.Tx, ref keyward.Ref) error {
	filter := store.Filter{Tenant: ref.Tenant}
	switch ref.Kind {
	case keyward.KindApplication:
		filter.Application = ref.Name
	case keyward.KindKeyManager: // a global one has clients in every tenant
		km, err := tx.Get(ref.Kind, ref.Tenant, ref.Name)
		if err != nil {
			return err
		}
		filter = store.Filter{ManagerID: km.ID}
	default:
		return nil
	}
	objects, _, err := tx.List(keyward.KindOAuthClient, filter)
	if err != nil {
		return fmt.Errorf("list the clients of %s: %w", ref, err)
	}
	for _, o := range objects {
		c, err := readClient(o)
		if err != nil {
			return err
		}
		if err := dropFailed(tx, []*client{c}); err != nil {
			return err
		}
	}
	return nil
}
