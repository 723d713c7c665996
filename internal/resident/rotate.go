package resident

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

const lease = "resident"

// Run rotates keys, keeps the key managers' rows in step with them and with the public URL, forgets expired revocations,
// and stores which secrets were used, until the context ends. With several control planes one of them does all but the
// last, which each does for itself.
func (r *Resident) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.used.Run(ctx) })
	g.Go(func() error { return r.keepKeys(ctx) })
	return g.Wait()
}

func (r *Resident) keepKeys(ctx context.Context) error {
	holder := rand.Text()
	ticker := time.NewTicker(r.check)
	defer ticker.Stop()
	for {
		if err := r.turn(ctx, holder); err != nil && ctx.Err() == nil {
			// The next turn tries again, and every turn does all that is due: nothing is lost but time.
			r.log.ErrorContext(ctx, "keeping the authorization servers' keys failed", "error", err)
		}
		select {
		case <-ctx.Done():
			// Given back, another control plane need not wait for its end.
			release, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_, err := r.store.Lease(release, lease, holder, 0)
			if err != nil {
				r.log.WarnContext(release, "the lease for key rotation was not given back", "error", err)
			}
			return nil
		case <-ticker.C:
		}
	}
}

func (r *Resident) turn(ctx context.Context, holder string) error {
	held, err := r.store.Lease(ctx, lease, holder, 3*r.check)
	if err != nil || !held {
		return err
	}
	if err := r.Maintain(ctx); err != nil {
		return err
	}
	err = r.store.Write(ctx, actor, func(tx *store.Tx) error {
		if _, err := tx.DropExpiredResidentTokens(r.now()); err != nil {
			return err
		}
		return tx.DropExpiredSignIns(r.now())
	})
	if err != nil {
		return fmt.Errorf("forget expired revocations: %w", err)
	}
	return nil
}

// Maintain does at once what Run does from time to time: it brings every tenant's keys up to this moment. A fault of
// one tenant does not keep the others from it.
func (r *Resident) Maintain(ctx context.Context) error {
	var stale []string
	var faults []error
	err := r.store.Read(ctx, func(tx *store.Tx) error {
		stale, faults = nil, nil
		tenants, _, err := tx.List(keyward.KindTenant, store.Filter{})
		if err != nil {
			return err
		}
		for _, tenant := range tenants {
			due, err := r.due(tx, tenant.Name)
			if err != nil {
				faults = append(faults, fmt.Errorf("look at the keys of tenant %s: %w", tenant.Name, err))
			} else if due {
				stale = append(stale, tenant.Name)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for keys to rotate: %w", err)
	}
	for _, tenant := range stale {
		if err := r.renew(ctx, tenant, false); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// Rotate starts the change to a new key now, whatever the schedule says: it is published at once and signs after
// PublishAhead. While a next key is already waiting, nothing changes.
func (r *Resident) Rotate(ctx context.Context, tenant string) error {
	return r.renew(ctx, tenant, true)
}

// due tells whether the tenant's keys, or what gateways were told of them, are not what they should be now.
func (r *Resident) due(tx *store.Tx, tenant string) (bool, error) {
	km, err := keyManagerOf(tx, tenant)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ring, err := r.storedRing(tx, tenant)
	if err != nil {
		return false, err
	}
	if r.schedule.due(ring, r.now()) {
		return true, nil
	}
	known, err := r.statusWith(tenant, ring)
	if err != nil {
		return false, err
	}
	status, err := json.Marshal(known)
	if err != nil {
		return false, fmt.Errorf("encode the status: %w", err)
	}
	same, err := sameJSON(status, km.object.Status)
	return !same, err
}

func (r *Resident) renew(ctx context.Context, tenant string, rotate bool) error {
	err := r.store.Write(ctx, actor, func(tx *store.Tx) error {
		km, err := keyManagerOf(tx, tenant)
		if err != nil {
			return err
		}
		if rotate {
			if _, err := r.advance(tx, tenant, true); err != nil {
				return err
			}
		}
		return r.rewrite(tx, km.object)
	})
	if err != nil {
		return fmt.Errorf("renew the keys of tenant %s: %w", tenant, err)
	}
	return nil
}

// rewrite puts what is true now into the key manager's status and row, if it is not there already: a change like any
// other in the feed, so that no gateway has to fetch a key.
func (r *Resident) rewrite(tx *store.Tx, object *keyward.Object) error {
	status, row, err := r.Resolve(tx, object)
	if err != nil {
		return err
	}
	same, err := sameJSON(status, object.Status)
	if err != nil || same {
		return err
	}
	object.Status = status
	return tx.Put(object, store.Extra{Row: row})
}

// Resolve gives what belongs beside the spec of a tenant's resident key manager whenever it is written: its status
// and what gateways hold of it, with the issuer and the public keys of this moment. It makes the tenant's first key
// where there is none, so the transaction must be one that writes, and the tenant must be stored already. Field errors
// name what the spec makes impossible.
func (r *Resident) Resolve(tx *store.Tx, object *keyward.Object) (status, row json.RawMessage, err error) {
	spec, ok := object.Spec.(*keyward.KeyManagerSpec)
	if !ok {
		return nil, nil, fmt.Errorf("%s has a spec of another kind", object.Ref())
	}
	ring, err := r.advance(tx, object.Tenant, false)
	if err != nil {
		return nil, nil, err
	}
	known, err := r.statusWith(object.Tenant, ring)
	if err != nil {
		return nil, nil, err
	}
	resolved, _, faults := keymanager.Resolve(object, spec, known)
	if len(faults) > 0 {
		return nil, nil, fmt.Errorf("resolve %s: %w", object.Ref(), keyward.Invalid(faults))
	}
	if status, err = json.Marshal(known); err != nil {
		return nil, nil, fmt.Errorf("encode the status of %s: %w", object.Ref(), err)
	}
	if row, err = json.Marshal(resolved); err != nil {
		return nil, nil, fmt.Errorf("encode the row of %s: %w", object.Ref(), err)
	}
	return status, row, nil
}

// sameJSON compares two documents by value: a database may change the spelling. What is stored may be nothing at all.
func sameJSON(made, stored json.RawMessage) (bool, error) {
	var now, before any
	if err := json.Unmarshal(made, &now); err != nil {
		return false, fmt.Errorf("read the status back: %w", err)
	}
	if json.Unmarshal(stored, &before) != nil {
		return false, nil
	}
	return reflect.DeepEqual(now, before), nil
}
