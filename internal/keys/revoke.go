package keys

import (
	"context"
	"errors"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// Revoke puts the client of a place out of use at once and keeps it in lists as revoked: no gateway takes it from the
// commit on, before any server is asked, and a generated one is then deleted at its server, so that its secret is dead there
// too. A mapped one stays as it is there. The caller waits for that server no longer than Options.Patience: then, as where it is
// down, the client stays revoking and the sweep goes on. Where the server offers no way to delete it, the reason says so. The
// result has the state that came of it. A client that is revoked already is no error. The next Generate or Map takes its place.
func (k *Keys) Revoke(ctx context.Context, p keyward.Principal, place Place) (*Result, error) {
	place, faults := place.Complete()
	if len(faults) > 0 {
		return nil, keyward.Invalid(faults)
	}
	// What is on gateways is revoked there first, whatever is under way at the server.
	if err := k.settlePlace(ctx, p, place, keyward.ClientPending); err != nil {
		return nil, err
	}
	s, c, err := k.markRevoked(ctx, p, place)
	if err == nil && c.Status.State == keyward.ClientRevoking {
		err = k.finish(ctx, c, keyward.ClientRevoking, k.patience, func(ctx context.Context) error {
			return k.finishRevoke(ctx, s.Server, c, scene.Requester(p, place.Tenant))
		})
	}
	if err != nil {
		return nil, err
	}
	if c.Status.State == keyward.ClientRevoking { // its end was seen, or it goes on
		now, _, err := k.again(ctx, c)
		switch {
		case err != nil:
			return nil, err
		case now == nil:
			c.Status.State = ClientDeleted
		default:
			c = now
		}
	}
	return result(s, c.Spec.ClientID, "", c.Object.Name, c.Status), nil
}

// markRevoked takes the client of a place off every gateway.
func (k *Keys) markRevoked(ctx context.Context, p keyward.Principal, place Place) (*scene.Scene, *scene.Client, error) {
	var s *scene.Scene
	var c *scene.Client
	err := k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) (err error) {
		if s, err = scene.Look(tx, p, place); err != nil {
			return err
		}
		if c = s.Last(); c == nil {
			return s.Nothing()
		}
		switch c.Status.State {
		case keyward.ClientRevoked, keyward.ClientRevoking:
			return nil
		case keyward.ClientActive, keyward.ClientDrifted, keyward.ClientRotating, keyward.ClientUpdating:
		default:
			return s.Taken(c)
		}
		if err := s.MayDelete(p, c, k.now()); err != nil {
			return err
		}
		now := k.now()
		c.Status.State, c.Status.Reason, c.Status.ChangedAt = keyward.ClientRevoking, "", &now
		if c.Status.Mode == keyward.ClientMapped {
			c.Status.State = keyward.ClientRevoked
		}
		if err := c.Put(tx, store.Extra{Row: scene.NoRow()}); err != nil {
			return err
		}
		if err := scene.RevokeReusers(tx, c, k.now()); err != nil {
			return err
		}
		return k.audit(tx, c.Object, "key.revoked", "client "+c.Spec.Shown())
	})
	return s, c, err
}

// finishRevoke ends a revoked client at its server.
func (k *Keys) finishRevoke(ctx context.Context, server connector.Server, c *scene.Client, who string) error {
	err := k.deleteThere(ctx, server, c)
	if errors.Is(err, connector.ErrUnsupported) || errors.Is(err, connector.ErrUnmanageable) {
		return k.keepRevoked(ctx, c, who, fmt.Sprintf("the server offers no way to delete client %s, so its secret still "+
			"gets tokens there, which no gateway takes: delete it there", c.Spec.ClientID))
	}
	if err != nil {
		return k.notYet(ctx, server, c, err, "ending it there")
	}
	return k.keepRevoked(ctx, c, who, "")
}

// keepRevoked notes that nothing more is to be done. What is left at the server, if anything, is in the reason; the
// secrets of a client that is gone are forgotten.
func (k *Keys) keepRevoked(ctx context.Context, c *scene.Client, who, left string) error {
	return k.store.Write(context.WithoutCancel(ctx), who, func(tx *store.Tx) error {
		fresh, err := scene.Reload(tx, c, keyward.ClientRevoking)
		if keyward.CodeOf(err) == keyward.CodeNotFound || errors.Is(err, scene.ErrOvertaken) {
			return nil // somebody deleted it meanwhile, or another process was faster
		}
		if err != nil {
			return err
		}
		now := k.now()
		fresh.Status.State, fresh.Status.Reason, fresh.Status.ChangedAt = keyward.ClientRevoked, left, &now
		fresh.Status.Orphan = left != ""
		extra := store.Extra{Row: scene.NoRow()}
		if left == "" {
			extra.Secrets = map[string]string{}
		}
		return fresh.Put(tx, extra)
	})
}
