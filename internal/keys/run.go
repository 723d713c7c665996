package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// Run sweeps until ctx ends. Of several processes one sweeps at a time.
func (k *Keys) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepPeriod)
	defer ticker.Stop()
	defer k.lead.GiveUp(ctx, k.log)
	told := ""
	for turn := 0; ; turn++ {
		mine, err := k.lead.Take(ctx)
		if err == nil && mine {
			err = k.lead.While(ctx, k.log, k.Sweep)
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

const (
	revealTurns = 12 // sweeps between two looks for secrets that nobody fetched
	leasePeriod = 15 * time.Second
	turnLimit   = time.Minute // of one sweep at one key manager; what is left waits for the next
	atOnce      = 8           // key managers that one sweep asks at the same time
)

// Sweep settles once what was interrupted: whatever a server was asked for and nobody has noted the end of, possible
// orphans at servers that can be searched, second secrets whose time is over, and applications that are being deleted.
// One client that cannot be settled hinders no other, and one key manager no other; all errors come back joined.
func (k *Keys) Sweep(ctx context.Context) error {
	var unsettled []*scene.Client
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
		for _, o := range slices.Concat(objects, orphans) {
			c, err := scene.ReadClient(o)
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
	return errors.Join(k.settleAll(ctx, unsettled, false), k.sweepDeletions(ctx))
}

// settleAll settles clients, those of several key managers at once. asked says that a person wants it now; else those
// that have failed a few times wait longer and longer.
func (k *Keys) settleAll(ctx context.Context, clients []*scene.Client, asked bool) error {
	byServer := map[string][]*scene.Client{}
	for _, c := range clients {
		server := c.Object.Tenant + "/" + c.Spec.KeyManager
		byServer[server] = append(byServer[server], c)
	}
	var mu sync.Mutex
	var errs []error
	var servers errgroup.Group
	servers.SetLimit(atOnce)
	for _, of := range byServer {
		servers.Go(func() error {
			err := k.settleAt(ctx, of, asked)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			return nil
		})
	}
	_ = servers.Wait() // nothing in it fails
	return errors.Join(errs...)
}

// settleAt settles the clients of one key manager, one after the other. One that does not answer is not asked again in
// this turn.
func (k *Keys) settleAt(ctx context.Context, clients []*scene.Client, asked bool) error {
	ctx, cancel := context.WithTimeout(ctx, turnLimit)
	defer cancel()
	var errs []error
	for _, c := range clients {
		if ctx.Err() != nil {
			break
		}
		if !asked && !k.tries.Due(c.Object.ID, k.now()) {
			continue
		}
		err := k.settle(ctx, c, asked)
		k.tries.Note(c.Object.ID, err, k.now())
		if err != nil {
			errs = append(errs, fmt.Errorf("settle %s: %w", c.Object.Ref(), err))
		}
		if wire.Unanswered(err) {
			break
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
