package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// settlePlace settles an interrupted attempt that takes the place somebody asks about, so that it does not stand in
// the way of the next one until the sweep comes by: in the given states, or in all that stand in the way.
func (k *Keys) settlePlace(ctx context.Context, p keyward.Principal, place Place, states ...keyward.ClientState) error {
	if len(states) == 0 {
		states = []keyward.ClientState{keyward.ClientPending, keyward.ClientRotating, keyward.ClientUpdating}
	}
	var taking *scene.Client
	err := k.store.Read(ctx, func(tx *store.Tx) error {
		s, err := scene.Look(tx, p, place)
		if err != nil {
			return err
		}
		taking = s.Taking()
		return nil
	})
	if err != nil || taking == nil || !slices.Contains(states, taking.Status.State) {
		return err
	}
	if err := k.settle(ctx, taking, false); err != nil {
		k.log.WarnContext(ctx, "settle an interrupted client", "client", taking.Object.Name, "error", err)
	}
	return nil
}

// settle brings one client to an end that everybody can see. It leaves alone what may still be under way; asked says
// that a person wants it now.
func (k *Keys) settle(ctx context.Context, c *scene.Client, asked bool) error {
	end := k.turns.Take(c.Object.ID)
	if end == nil {
		return nil
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	c, server, err := k.again(ctx, c)
	if err != nil || c == nil {
		return err
	}
	age := k.age(c)
	ending := c.Status.State == keyward.ClientDeleting || c.Status.State == keyward.ClientRevoking
	if !k.sole && age < pendingAge && (!ending || !asked) {
		return nil
	}
	switch c.Status.State {
	case keyward.ClientDeleting:
		return k.finishDelete(ctx, server, c, actor)
	case keyward.ClientRevoking:
		return k.finishRevoke(ctx, server, c, actor)
	case keyward.ClientRotating:
		_, err := k.finishRotate(ctx, server, c, true)
		return err
	case keyward.ClientUpdating:
		_, err := k.finishUpdate(ctx, server, c, true, "")
		return err
	case keyward.ClientPending, keyward.ClientFailed:
		return k.settleMaking(ctx, server, c, age)
	default:
		return k.endOverlap(ctx, server, c)
	}
}

// again reads a client anew, with its server; nil when it is gone.
func (k *Keys) again(ctx context.Context, c *scene.Client) (fresh *scene.Client, server connector.Server, err error) {
	err = k.store.Read(ctx, func(tx *store.Tx) error {
		o, err := tx.GetByID(keyward.KindOAuthClient, c.Object.ID)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if fresh, err = scene.ReadClient(o); err != nil {
			return err
		}
		km, err := tx.KeyManagerFor(o.Tenant, fresh.Spec.KeyManager)
		if err != nil {
			return err
		}
		server, err = keymanager.ServerOf(tx, km)
		return err
	})
	return fresh, server, err
}

// settleMaking settles a registration whose end nobody saw.
func (k *Keys) settleMaking(ctx context.Context, server connector.Server, c *scene.Client, age time.Duration) error {
	pending := c.Status.State == keyward.ClientPending
	if !pending && !c.Status.Orphan {
		return nil
	}
	conn, err := k.openers.Open(server)
	var finder connector.Finder
	if err == nil {
		finder, _ = conn.(connector.Finder)
	}
	switch {
	case err != nil && pending:
		return k.markFailed(ctx, c, "outcome unknown: the registration was interrupted, and "+scene.Told(server.Name, err).Words(), true)
	case finder != nil && pending:
		return k.settlePending(ctx, server, conn, finder, c, age)
	case finder != nil:
		return k.settleOrphan(ctx, server, conn, finder, c, age)
	case pending:
		return k.markFailed(ctx, c, "outcome unknown: the registration was interrupted, and the server cannot be searched; look there for "+
			"a client named "+c.Status.VendorName+", then dismiss this one", true)
	default:
		return nil // an orphan at a server that cannot be searched waits for a person
	}
}

func (k *Keys) age(c *scene.Client) time.Duration {
	if c.Status.ChangedAt == nil {
		return k.now().Sub(c.Object.UpdatedAt)
	}
	return k.now().Sub(*c.Status.ChangedAt)
}

// settlePending asks the server by name. What it made is taken over when its secret can be read, and else deleted. What
// it has not made may still come, for as long as it works on the request: the name is looked for once more later.
func (k *Keys) settlePending(
	ctx context.Context, server connector.Server, conn connector.Connector, finder connector.Finder, c *scene.Client, age time.Duration,
) error {
	found, err := finder.Find(ctx, c.Status.VendorName)
	switch {
	case err != nil:
		told := scene.Told(server.Name, err)
		return k.markFailed(ctx, c, "outcome unknown: the registration was interrupted, and "+told.Message, true)
	case found == nil:
		return k.markFailed(ctx, c, "the registration was interrupted before the server had made a client", age < quietAge)
	case found.ClientSecret != "":
		switch err := k.activate(ctx, server, c, *found); {
		case errors.Is(err, errDoomed):
			return nil
		case !errors.Is(err, scene.ErrAnothers):
			return err
		}
	}
	switch err := k.unmake(ctx, server, c, conn, *found); {
	case errors.Is(err, scene.ErrAnothers):
		return k.markFailed(ctx, c, "the registration was interrupted; another application has the client that the server had made", false)
	case err != nil:
		return k.markFailed(ctx, c, "outcome unknown: the registration was interrupted, and "+scene.Told(server.Name, err).Message, true)
	}
	return k.markFailed(ctx, c, "the registration was interrupted; the client that the server had made was deleted again", false)
}

// settleOrphan deletes at the server what a failed attempt left there, or finds that nothing of it is there any more. The attempt stays
// listed, to be tried again, unless that was done already.
func (k *Keys) settleOrphan(
	ctx context.Context, server connector.Server, conn connector.Connector, finder connector.Finder, c *scene.Client, age time.Duration,
) error {
	if c.Spec.ClientID != "" {
		return nil // the server refuses to delete it: a person has to
	}
	found, err := finder.Find(ctx, c.Status.VendorName)
	if err != nil {
		return fmt.Errorf("look for an orphan: %w", err)
	}
	if found == nil && age < quietAge {
		return nil
	}
	if found != nil {
		if err := k.unmake(ctx, server, c, conn, *found); err != nil && !errors.Is(err, scene.ErrAnothers) {
			return fmt.Errorf("delete an orphan: %w", err)
		}
	}
	return k.store.Write(ctx, actor, func(tx *store.Tx) error {
		fresh, err := scene.Reload(tx, c, keyward.ClientFailed)
		if err != nil {
			return err
		}
		fresh.Status.Orphan = false
		fresh.Status.Reason = "the registration was interrupted; nothing of it is left at the server"
		if err := k.audit(tx, fresh.Object, "key.settled", c.Status.VendorName); err != nil {
			return err
		}
		succeeded, err := scene.Succeeded(tx, fresh)
		if err == nil && succeeded {
			return tx.Delete(fresh.Object)
		}
		return errors.Join(err, fresh.Put(tx, store.Extra{}))
	})
}
