package keys

import (
	"context"
	"errors"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
)

// Revoke puts the client of a place out of use at once and keeps it in lists as revoked: no gateway takes it from the
// commit on, and a generated one is then deleted at its server, so that its secret is dead there too. A mapped one stays
// as it is there. Where the server is down, it stays revoking and the sweep goes on; where the server offers no way to
// delete it, the reason says so. A client that is revoked already is no error. The next Generate or Map takes its place.
func (k *Keys) Revoke(ctx context.Context, p keyward.Principal, place Place) error {
	place, faults := place.complete()
	if len(faults) > 0 {
		return keyward.Invalid(faults)
	}
	if err := k.settlePlace(ctx, p, place); err != nil {
		return err
	}
	var s *scene
	var c *client
	err := k.store.Write(ctx, requester(p, place.Tenant), func(tx *store.Tx) (err error) {
		if s, err = k.look(tx, p, place); err != nil {
			return err
		}
		if c = s.last(); c == nil {
			return s.nothing()
		}
		switch c.status.State {
		case keyward.ClientRevoked, keyward.ClientRevoking:
			return nil
		case keyward.ClientActive, keyward.ClientDrifted, keyward.ClientRotating, keyward.ClientUpdating:
		default:
			return s.taken(c)
		}
		if err := s.mayDelete(p, c, k.now()); err != nil {
			return err
		}
		now := k.now()
		c.status.State, c.status.ChangedAt = keyward.ClientRevoking, &now
		if c.status.Mode == keyward.ClientMapped {
			c.status.State = keyward.ClientRevoked
		}
		if err := c.put(tx, store.Extra{Row: noRow()}); err != nil {
			return err
		}
		return k.audit(tx, c.object, "key.revoked", "client "+c.spec.Shown())
	})
	if err != nil || c.status.State == keyward.ClientRevoked {
		return err
	}
	return k.finish(ctx, c, keyward.ClientRevoking, func(ctx context.Context) error {
		return k.finishRevoke(ctx, s.server, c, requester(p, place.Tenant))
	})
}

// last gives the client that takes the place, or else the one that took it until it was revoked.
func (s *scene) last() *client {
	if c := s.taking(); c != nil {
		return c
	}
	for _, c := range s.clients {
		if c.status.State == keyward.ClientRevoked {
			return c
		}
	}
	return nil
}

// finishRevoke ends a revoked client at its server.
func (k *Keys) finishRevoke(ctx context.Context, server connector.Server, c *client, who string) error {
	err := k.deleteThere(ctx, server, c)
	if errors.Is(err, connector.ErrUnsupported) || errors.Is(err, connector.ErrUnmanageable) {
		return k.keepRevoked(ctx, c, who, fmt.Sprintf("the server offers no way to delete client %s, so its secret still "+
			"gets tokens there, which no gateway takes: delete it there", c.spec.ClientID))
	}
	if err != nil {
		return k.notYet(ctx, server, c, err, "ending it there")
	}
	return k.keepRevoked(ctx, c, who, "")
}

// keepRevoked notes that nothing more is to be done. What is left at the server, if anything, is in the reason; the
// secrets of a client that is gone are forgotten.
func (k *Keys) keepRevoked(ctx context.Context, c *client, who, left string) error {
	return k.store.Write(ctx, who, func(tx *store.Tx) error {
		fresh, err := reload(tx, c, keyward.ClientRevoking)
		if keyward.CodeOf(err) == keyward.CodeNotFound || errors.Is(err, errOvertaken) {
			return nil // somebody deleted it meanwhile, or another process was faster
		}
		if err != nil {
			return err
		}
		now := k.now()
		fresh.status.State, fresh.status.Reason, fresh.status.ChangedAt = keyward.ClientRevoked, left, &now
		fresh.status.Orphan = left != ""
		extra := store.Extra{Row: noRow()}
		if left == "" {
			extra.Secrets = map[string]string{}
		}
		return fresh.put(tx, extra)
	})
}

// vacate makes room for the next client of a place: what came to nothing is forgotten, and so is what was revoked. One
// that may be left at the server stays listed, as failed, until somebody dismisses it.
func (k *Keys) vacate(tx *store.Tx, p keyward.Principal, s *scene) error {
	for _, c := range s.clients {
		if c.status.State != keyward.ClientRevoked {
			continue
		}
		if err := s.mayDelete(p, c, k.now()); err != nil {
			return err
		}
	}
	if err := dropFailed(tx, s.clients); err != nil {
		return err
	}
	for _, c := range s.clients {
		if c.status.State != keyward.ClientRevoked || c.over() {
			continue
		}
		if c.status.Mode == keyward.ClientMapped {
			if err := tx.Delete(c.object); err != nil {
				return fmt.Errorf("forget a revoked client: %w", err)
			}
			continue
		}
		c.status.State = keyward.ClientFailed
		if err := c.put(tx, store.Extra{Row: noRow()}); err != nil {
			return err
		}
	}
	return nil
}

// over tells that nothing is left of a client but its record.
func (c *client) over() bool {
	return !c.status.Orphan && (c.status.State == keyward.ClientFailed ||
		c.status.State == keyward.ClientRevoked && c.status.Mode == keyward.ClientGenerated)
}
