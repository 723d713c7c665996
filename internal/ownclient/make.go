package ownclient

import (
	"context"
	"errors"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// make has the server make a client. It is stored as pending before, with how the server is reached and, where it will sign
// with one, its key: whatever happens from then on, the client can be found or looked for, and deleted.
func (c *Clients) make(ctx context.Context, s *state) error {
	one, err := c.reserve(ctx, s)
	if err != nil || one == nil {
		return err
	}
	conn, err := c.openers.Open(s.server)
	if err != nil {
		return c.unmade(ctx, s, one, err, nil)
	}
	r, err := c.registration(s, one)
	if err != nil {
		return err
	}
	made, err := conn.Register(ctx, r)
	if err != nil {
		made, err = findMade(ctx, conn, one, err)
	}
	if err != nil {
		return c.unmade(ctx, s, one, err, conn)
	}
	if err := c.foreign(ctx, s, made.ClientID); err != nil {
		return c.unmade(ctx, s, one, err, conn)
	}
	return c.activate(ctx, s, one, made)
}

// foreign refuses a client that was at the server before and is another's: to take it over would be to change it, and to delete it
// one day.
func (c *Clients) foreign(ctx context.Context, s *state, clientID string) error {
	err := c.ours(ctx, s.server, clientID)
	if errors.Is(err, scene.ErrAnothers) {
		return keyward.Errorf(keyward.CodeKeyManagerFailed, "the server answered with the id of a client that was there before, %s, "+
			"and made no new one", clientID)
	}
	return err
}

// ours refuses with scene.ErrAnothers a client at a server that is an application's or the key manager's.
func (c *Clients) ours(ctx context.Context, server connector.Server, clientID string) error {
	return c.store.Read(ctx, func(tx *store.Tx) error { return scene.Ours(tx, server, clientID, "") })
}

// unmake deletes at the server what it made for the console. What is another's stays there, and gives scene.ErrAnothers.
func (c *Clients) unmake(ctx context.Context, server connector.Server, conn connector.Connector, made connector.Registered) error {
	if err := c.ours(ctx, server, made.ClientID); err != nil {
		return err
	}
	return conn.Delete(ctx, made.Handle)
}

// reserve stores the pending client, unless one is wanted no more.
func (c *Clients) reserve(ctx context.Context, s *state) (one *client, err error) {
	err = c.store.Write(ctx, actor, func(tx *store.Tx) error {
		now, err := c.read(tx, s.id)
		if err != nil {
			return err
		}
		if used := now.used(); !now.ready || now.fault != nil || now.first(keyward.ClientPending) != nil || used != nil && !used.Replace {
			one = nil
			return nil
		}
		*s = *now
		id := store.NewID()
		one = &client{
			OwnClient: &store.OwnClient{
				ID: id, KeyManagerID: s.id, Tenant: s.km.Tenant, KeyManager: s.km.Name, State: keyward.ClientPending,
				Secrets: map[string]string{}, ChangedAt: c.now(),
			},
			about: about{Name: scene.VendorName(c.store.Installation(), id), Server: serverOf(s.server)},
		}
		one.Callback, one.Scopes = c.wanted(s)
		for _, before := range s.clients { // nothing is left of it, or somebody looked after it
			if before.State != keyward.ClientFailed || before.Orphan {
				continue
			}
			one.Tries, one.Plain = before.Tries, before.Plain
			if err := tx.DropOwnClient(before.ID); err != nil {
				return err
			}
		}
		if one.Method = method(s.server, one.Plain); one.Method == keyward.IntrospectJWT {
			if one.Secrets[store.OwnKey], err = connector.NewKey(id); err != nil {
				return err
			}
		}
		if one.Secrets[store.OwnServer], err = keymanager.Pack(s.server); err != nil {
			return err
		}
		return one.put(tx)
	})
	return one, err
}

// findMade looks for a client whose registration ended in doubt, where the server can be searched.
func findMade(ctx context.Context, conn connector.Connector, one *client, cause error) (connector.Registered, error) {
	finder, ok := conn.(connector.Finder)
	if !ok || !wire.Uncertain(cause) {
		return connector.Registered{}, cause
	}
	found, err := finder.Find(ctx, one.Name)
	if err != nil || found == nil || !one.usable(found) {
		return connector.Registered{}, cause
	}
	return *found, nil
}

// usable tells that what the server tells of the client is enough to use it.
func (c *client) usable(found *connector.Registered) bool {
	return found.ClientSecret != "" || c.Method == keyward.IntrospectJWT
}

// unmade notes that no client came of an attempt, or that nobody knows.
func (c *Clients) unmade(ctx context.Context, s *state, one *client, cause error, conn connector.Connector) error {
	one.State, one.ChangedAt = keyward.ClientFailed, c.now()
	c.failed(s, one, cause)
	if wire.Uncertain(cause) {
		_, one.Search = conn.(connector.Finder)
		one.Orphan = true
		one.Reason = "outcome unknown: " + one.Reason + "; the server may have made a client named " + one.Name
	} else if one.Method == keyward.IntrospectJWT { // it may take one with a secret
		one.Plain, one.NextTry = true, nil
	}
	return c.note(ctx, one, "failed", one.Reason)
}

// note stores a client with what is said of it in the audit trail; "" = nothing.
func (c *Clients) note(ctx context.Context, one *client, what, detail string) error {
	var stored *client
	err := c.store.Write(ctx, actor, func(tx *store.Tx) error {
		if stored = one.copied(); what == "" {
			return stored.put(tx)
		}
		return errors.Join(stored.put(tx), one.audit(tx, what, detail))
	})
	if err == nil {
		one.Version = stored.Version
	}
	return err
}

// copied is the same client to write, for a transaction that may run more than once.
func (c *client) copied() *client {
	row := *c.OwnClient
	return &client{OwnClient: &row, about: c.about}
}

// activate stores what the server made: people sign in by it from the commit on. One that it replaces is deleted, and so is
// itself where it is not wanted any more.
func (c *Clients) activate(ctx context.Context, s *state, one *client, made connector.Registered) error {
	now := c.now()
	one.ClientID, one.State, one.ChangedAt, one.MadeAt, one.RenewedAt = made.ClientID, keyward.ClientActive, now, &now, &now
	one.ExpiresAt, one.Orphan, one.Search = made.SecretExpiresAt, false, false
	one.well()
	if made.ClientSecret != "" && one.Method != keyward.IntrospectJWT {
		one.Secrets[store.OwnSecret] = made.ClientSecret
	}
	if err := one.keep(made.Handle); err != nil {
		return err
	}
	err := c.store.Write(ctx, actor, func(tx *store.Tx) error {
		once := one.copied()
		fresh, err := c.read(tx, s.id)
		if err != nil {
			return err
		}
		if !fresh.wants {
			once.State = keyward.ClientDeleting
		} else if before := fresh.used(); before != nil {
			before.State, before.ChangedAt, before.Reason = keyward.ClientDeleting, now, "client "+one.ClientID+" has taken its place"
			if err := before.put(tx); err != nil {
				return err
			}
		}
		if err := once.put(tx); err != nil {
			return err
		}
		if err := one.audit(tx, "registered", "client "+one.ClientID+", "+one.Method); err != nil {
			return err
		}
		return retell(tx, fresh)
	})
	if err == nil {
		return nil
	}
	return c.takeBack(ctx, s, one, made, err)
}

// retell lets gateways know which clients are the key manager's own now.
func retell(tx *store.Tx, s *state) error {
	if s.km == nil {
		return nil
	}
	if err := declare.Retell(tx, s.km); err != nil {
		return fmt.Errorf("tell gateways of the console's client at key manager %s: %w", s.name, err)
	}
	return nil
}

// takeBack deletes at the server a client that could not be stored; unless the commit had succeeded after all.
func (c *Clients) takeBack(ctx context.Context, s *state, one *client, made connector.Registered, cause error) error {
	var stored *store.OwnClient
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		stored, err = tx.OwnClient(one.ID)
		return err
	})
	if err == nil && stored.ClientID == made.ClientID {
		return nil
	}
	why := fmt.Errorf("store the console's client: %w", cause)
	if keyward.CodeOf(err) != keyward.CodeNotFound && err != nil {
		return errors.Join(why, err) // it is pending, and is settled later
	}
	server, err := s.reach(one)
	var conn connector.Connector
	if err == nil {
		conn, err = c.openers.Open(server)
	}
	if err == nil {
		err = c.unmake(ctx, server, conn, made)
	}
	if err != nil && !errors.Is(err, scene.ErrAnothers) {
		c.log.ErrorContext(ctx, "a client that could not be stored could not be deleted at its server either",
			"keyManager", s.name, "name", one.Name, "client", made.ClientID, "error", err)
	}
	return why
}

// mappedSince is what became of a client that the server made and whose id nobody had noted: it is not deleted.
const mappedSince = "the client that the server had made has another use by now"

// settle brings an interrupted registration to an end: what the server made is taken over where it can be used, and else
// deleted. What it has not made may still come, for as long as it works on the request.
func (c *Clients) settle(ctx context.Context, s *state, one *client) error {
	server, err := s.reach(one)
	var conn connector.Connector
	if err == nil {
		conn, err = c.openers.Open(server)
	}
	finder, searches := conn.(connector.Finder)
	interrupted := "outcome unknown: the registration was interrupted, and "
	end := func(reason string, orphan bool) error {
		one.State, one.Orphan, one.Search, one.Reason = keyward.ClientFailed, orphan, orphan && searches, reason
		return c.note(ctx, one, "failed", reason)
	}
	switch {
	case err != nil:
		return end(interrupted+told(s, err), true)
	case !searches:
		return end(interrupted+"the server cannot be searched; look there for a client named "+one.Name+", then dismiss this one", true)
	}
	found, err := finder.Find(ctx, one.Name)
	switch {
	case err != nil:
		return end(interrupted+told(s, err), true)
	case found == nil:
		return end("the registration was interrupted before the server had made a client", c.now().Sub(one.ChangedAt) < quietAge)
	}
	switch err := c.ours(ctx, server, found.ClientID); {
	case errors.Is(err, scene.ErrAnothers):
		return end("the registration was interrupted; "+mappedSince, false)
	case err != nil:
		return err
	case one.usable(found):
		return c.activate(ctx, s, one, *found)
	}
	if err := conn.Delete(ctx, found.Handle); err != nil {
		return end(interrupted+told(s, err), true)
	}
	return end("the registration was interrupted; the client that the server had made was deleted again", false)
}

// settleOrphan deletes at the server what a failed attempt left there, or finds that nothing is there.
func (c *Clients) settleOrphan(ctx context.Context, s *state, one *client) error {
	server, err := s.reach(one)
	var conn connector.Connector
	if err == nil {
		conn, err = c.openers.Open(server)
	}
	finder, searches := conn.(connector.Finder)
	if err == nil && !searches {
		err = connector.ErrUnsupported
	}
	var found *connector.Registered
	if err == nil {
		found, err = finder.Find(ctx, one.Name)
	}
	left := "nothing of it is left at the server"
	if err == nil && found != nil {
		if err = c.unmake(ctx, server, conn, *found); errors.Is(err, scene.ErrAnothers) {
			left, err = mappedSince, nil
		}
	}
	switch {
	case err != nil:
		reason := one.Reason
		c.failed(s, one, err)
		one.Reason = reason
		return errors.Join(err, c.note(ctx, one, "", ""))
	case found == nil && c.now().Sub(one.ChangedAt) < quietAge: // it may still come
		next := one.ChangedAt.Add(quietAge).UTC()
		one.NextTry, one.Declared = &next, s.version()
		return c.note(ctx, one, "", "")
	}
	one.Orphan, one.Search, one.NextTry = false, false, nil
	one.Reason = "the registration was interrupted; " + left
	return c.note(ctx, one, "settled", one.Name)
}

// version is the key manager's; 0 = it is gone.
func (s *state) version() int64 {
	if s.km == nil {
		return 0
	}
	return s.km.Version
}
