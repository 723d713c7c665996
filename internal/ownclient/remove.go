package ownclient

import (
	"context"
	"errors"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
)

// doom ends a client that is of no use any more: nobody signs in by it from the commit on, and its server is told after that.
func (c *Clients) doom(ctx context.Context, s *state, one *client) error {
	return c.store.Write(ctx, actor, func(tx *store.Tx) error {
		fresh, err := c.read(tx, s.id)
		if err != nil {
			return err
		}
		once := one.copied()
		once.State, once.ChangedAt = keyward.ClientDeleting, c.now()
		once.well()
		if once.Reason = "nobody signs in by it any more"; fresh.km == nil {
			once.Reason = "its key manager was deleted"
		}
		if err := once.put(tx); err != nil {
			return err
		}
		return retell(tx, fresh)
	})
}

// remove deletes a client at its server and then forgets it. Where the server offers no way to, it stays listed until somebody
// has deleted it there.
func (c *Clients) remove(ctx context.Context, s *state, one *client) error {
	err := c.deleteThere(ctx, s, one)
	if errors.Is(err, connector.ErrUnsupported) || errors.Is(err, connector.ErrUnmanageable) {
		one.State, one.Orphan, one.Search, one.ChangedAt = keyward.ClientFailed, true, false, c.now()
		one.Reason = "the server offers no way to delete client " + one.ClientID
		if errors.Is(err, connector.ErrUnmanageable) {
			one.Reason = "the server does not take the registration access token of client " + one.ClientID + " any more"
		}
		one.Passed = true // a person has to delete it there, and another one is made meanwhile
		one.Reason += ": delete it there, then dismiss this one"
		return c.note(ctx, one, "failed", one.Reason)
	}
	if err != nil {
		c.failed(s, one, err)
		return errors.Join(err, c.note(ctx, one, "", ""))
	}
	return c.store.Write(ctx, actor, func(tx *store.Tx) error {
		if err := tx.DropOwnClient(one.ID); err != nil {
			return err
		}
		return one.audit(tx, "deleted", "client "+one.ClientID)
	})
}

func (c *Clients) deleteThere(ctx context.Context, s *state, one *client) error {
	if one.Gone { // as the server said
		return nil
	}
	server, err := s.reach(one)
	if err != nil {
		return err
	}
	conn, err := c.openers.Open(server)
	if err != nil {
		return err
	}
	h, err := one.handle()
	if err != nil {
		return err
	}
	return conn.Delete(ctx, h)
}

// forget drops a client that came to nothing and has left nothing.
func (c *Clients) forget(ctx context.Context, _ *state, one *client) error {
	return c.store.Write(ctx, actor, func(tx *store.Tx) error { return tx.DropOwnClient(one.ID) })
}
