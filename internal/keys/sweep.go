package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// Run sweeps until ctx ends. Of several processes one sweeps at a time.
func (k *Keys) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepPeriod)
	defer ticker.Stop()
	defer k.giveUpLease() //nolint:contextcheck // ctx has ended by then
	told := ""
	for turn := 0; ; turn++ {
		mine, err := k.store.Lease(ctx, "keys", k.holder, leasePeriod)
		if err == nil && mine {
			err = k.Sweep(ctx)
		}
		if err == nil && mine && turn%revealTurns == 0 {
			err = k.store.Write(ctx, actor, func(tx *store.Tx) error { return tx.DropExpiredReveals(k.now()) })
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && err.Error() != told { // a server that stays away is said once
			k.log.WarnContext(ctx, "settling interrupted clients", "error", err)
		}
		told = textOf(err)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

const revealTurns = 12 // sweeps between two looks for secrets that nobody fetched

const leasePeriod = 2 * time.Minute // longer than settling one client takes

// giveUpLease lets another process sweep at once; without it that one waits until the lease is over.
func (k *Keys) giveUpLease() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := k.store.Lease(ctx, "keys", k.holder, 0); err != nil {
		k.log.Debug("give up the lease", "error", err)
	}
}

// Sweep settles once what was interrupted: pending clients, deletions, revocations, and possible orphans at servers that can be
// searched. One client that cannot be settled hinders no other; all errors come back joined.
func (k *Keys) Sweep(ctx context.Context) error {
	var unsettled []*client
	err := k.store.Read(ctx, func(tx *store.Tx) error {
		objects, err := tx.PendingClients(k.now().Add(time.Second))
		if err != nil {
			return fmt.Errorf("list unsettled clients: %w", err)
		}
		orphans, err := tx.OrphanClients()
		if err != nil {
			return fmt.Errorf("list possible orphans: %w", err)
		}
		unsettled = nil
		for _, o := range append(objects, orphans...) {
			c, err := readClient(o)
			if err != nil {
				return err
			}
			unsettled = append(unsettled, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var errs []error
	down := map[string]bool{} // key managers that did not answer: their other clients wait for the next sweep
	for _, c := range unsettled {
		server := c.object.Tenant + "/" + c.spec.KeyManager
		if ctx.Err() != nil || down[server] {
			continue
		}
		if err := k.settle(ctx, c); err != nil {
			errs = append(errs, fmt.Errorf("settle %s: %w", c.object.Ref(), err))
			down[server] = isDown(err)
		}
	}
	return errors.Join(errs...)
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func isDown(err error) bool {
	var f *wire.Failure
	return errors.As(err, &f) && f.Status == 0
}

// settlePlace settles an interrupted attempt that takes the place somebody asks about, so that it does not stand in
// the way of the next one until the sweep comes by.
func (k *Keys) settlePlace(ctx context.Context, p keyward.Principal, place Place) error {
	var taking *client
	err := k.store.Read(ctx, func(tx *store.Tx) error {
		s, err := k.look(tx, p, place)
		if err != nil {
			return err
		}
		taking = s.taking()
		return nil
	})
	if err != nil || taking == nil || taking.status.State != keyward.ClientPending {
		return err
	}
	if err := k.settle(ctx, taking); err != nil {
		k.log.WarnContext(ctx, "settle an interrupted client", "client", taking.object.Name, "error", err)
	}
	return nil
}

// settle brings one client to an end that everybody can see. It leaves alone what may still be under way.
func (k *Keys) settle(ctx context.Context, c *client) error {
	age := k.age(c)
	if k.isWorking(c.object.ID) || !k.sole && age < pendingAge {
		return nil
	}
	defer k.begin(c.object.ID)()
	ctx, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	server, err := k.serverOfClient(ctx, c)
	if err != nil {
		return err
	}
	switch c.status.State {
	case keyward.ClientDeleting:
		return k.finishDelete(ctx, server, c, actor)
	case keyward.ClientRevoking:
		return k.finishRevoke(ctx, server, c, actor)
	}
	conn, err := k.openers.Open(server)
	var finder connector.Finder
	if err == nil {
		finder, _ = conn.(connector.Finder)
	}
	switch {
	case err != nil && c.status.State == keyward.ClientPending:
		return k.markFailed(ctx, c, "outcome unknown: the registration was interrupted, and "+inWords(vendorError(server.Name, err)), true)
	case finder != nil && c.status.State == keyward.ClientPending:
		return k.settlePending(ctx, server, conn, finder, c, age)
	case finder != nil:
		return k.settleOrphan(ctx, conn, finder, c, age)
	case c.status.State == keyward.ClientPending:
		return k.markFailed(ctx, c, "outcome unknown: the registration was interrupted, and the server cannot be searched; look there for "+
			"a client named "+c.status.VendorName+", then dismiss this one", true)
	default:
		return nil // an orphan at a server that cannot be searched waits for a person
	}
}

func (k *Keys) age(c *client) time.Duration {
	if c.status.ChangedAt == nil {
		return k.now().Sub(c.object.UpdatedAt)
	}
	return k.now().Sub(*c.status.ChangedAt)
}

func (k *Keys) serverOfClient(ctx context.Context, c *client) (server connector.Server, err error) {
	err = k.store.Read(ctx, func(tx *store.Tx) error {
		km, err := tx.Get(keyward.KindKeyManager, c.object.Tenant, c.spec.KeyManager)
		if err != nil {
			return err
		}
		server, err = serverOf(tx, km)
		return err
	})
	return server, err
}

// settlePending asks the server by name. What it made is taken over when its secret can be read, and else deleted. What
// it has not made may still come, for as long as it works on the request: the name is looked for once more later.
func (k *Keys) settlePending(
	ctx context.Context, server connector.Server, conn connector.Connector, finder connector.Finder, c *client, age time.Duration,
) error {
	found, err := finder.Find(ctx, c.status.VendorName)
	switch {
	case err != nil:
		told := vendorError(server.Name, err)
		return k.markFailed(ctx, c, "outcome unknown: the registration was interrupted, and "+told.Message, true)
	case found == nil:
		return k.markFailed(ctx, c, "the registration was interrupted before the server had made a client", age < quietAge)
	case found.ClientSecret != "":
		return k.activate(ctx, c, *found)
	}
	if err := conn.Delete(ctx, found.Handle); err != nil {
		return k.markFailed(ctx, c, "outcome unknown: the registration was interrupted, and "+vendorError(server.Name, err).Message, true)
	}
	return k.markFailed(ctx, c, "the registration was interrupted; the client that the server had made was deleted again", false)
}

// settleOrphan deletes at the server what a failed attempt left there, or finds that nothing is there.
func (k *Keys) settleOrphan(ctx context.Context, conn connector.Connector, finder connector.Finder, c *client, age time.Duration) error {
	if c.spec.ClientID != "" {
		return nil // the server refuses to delete it: a person has to
	}
	found, err := finder.Find(ctx, c.status.VendorName)
	if err != nil {
		return fmt.Errorf("look for an orphan: %w", err)
	}
	if found == nil && age < quietAge {
		return nil
	}
	if found != nil {
		if err := conn.Delete(ctx, found.Handle); err != nil {
			return fmt.Errorf("delete an orphan: %w", err)
		}
	}
	return k.store.Write(ctx, actor, func(tx *store.Tx) error {
		fresh, err := reload(tx, c, keyward.ClientFailed)
		if err != nil {
			return err
		}
		fresh.status.Orphan = false
		fresh.status.Reason = "the registration was interrupted; nothing of it is left at the server"
		if err := fresh.put(tx, store.Extra{}); err != nil {
			return err
		}
		return k.audit(tx, fresh.object, "key.settled", c.status.VendorName)
	})
}
