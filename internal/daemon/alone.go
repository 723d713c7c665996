package daemon

import (
	"context"
	"errors"
	"time"

	"keyward.dev/keyward/internal/store"
)

// With the embedded hub a control plane must be alone on its database: gateways of a second one would hear nothing of
// the changes that the first publishes. A lease holds the place; one that nobody renews is free again after its time. Those
// with an external hub hold it together, so that none with an embedded one comes beside them.
const (
	aloneLease = "control plane with an embedded hub"
	together   = "control planes with an external hub"
	aloneTime  = 5 * time.Second
	aloneRenew = time.Second
	aloneWait  = 2 * aloneTime // a predecessor that was killed still holds the lease for a while
)

var errNotAlone = errors.New("another control plane works on this database: " +
	"a second one needs an external hub, the same for both (KEYWARD_NATS)")

// takePlace takes the place, or refuses to start while another process holds it. Who is alone gives it back at the end; it
// is not for one of several to give.
func (p *process) takePlace(ctx context.Context, st *store.Store) error {
	alone := p.settings.NATS.IsZero()
	holder := together
	if alone {
		holder = store.NewID()
	}
	for deadline := time.Now().Add(aloneWait); ; {
		held, err := st.Lease(ctx, aloneLease, holder, aloneTime)
		if err != nil {
			return err
		}
		if held {
			break
		}
		if time.Now().After(deadline) {
			return errNotAlone
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(aloneRenew):
		}
	}
	if alone {
		p.later(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_, _ = st.Lease(ctx, aloneLease, holder, 0)
		})
	}
	p.run(ctx, func(ctx context.Context) error { return keepPlace(ctx, st, holder) })
	return nil
}

// keepPlace renews the place. While the database is away nobody can take it; once it is back, whoever came first has it.
func keepPlace(ctx context.Context, st *store.Store, holder string) error {
	tick := time.NewTicker(aloneRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if held, err := st.Lease(ctx, aloneLease, holder, aloneTime); err == nil && !held {
			return errNotAlone
		}
	}
}
