package control

import (
	"context"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/store"
)

// mostWaiting is how far requests are counted: who has more than these to decide on does not ask for how many.
const mostWaiting = 100

// Waiting is how much awaits an approval, 100 at most of each.
type Waiting struct {
	Keys          int `json:"keys" doc:"Keys that await an administrator; 100 where there are as many or more"`
	Subscriptions int `json:"subscriptions" doc:"Subscriptions that await a publisher; 100 where there are as many or more"`
}

// Waiting counts what the requests of a tenant list to who reads all of them: of a kind that somebody does not, nothing.
func (c *Control) Waiting(ctx context.Context, p keyward.Principal, tenant string) (*Waiting, error) {
	reads := func(kind keyward.Kind) bool { return access.To(p, kind, tenant)&access.ReadAll != 0 }
	if !reads(keyward.KindOAuthClient) && !reads(keyward.KindSubscription) {
		return nil, access.ForbiddenRead(p, keyward.KindSubscription, tenant)
	}
	var w Waiting
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		if err := tenantExists(tx, tenant); err != nil {
			return err
		}
		for kind, n := range map[keyward.Kind]*int{keyward.KindOAuthClient: &w.Keys, keyward.KindSubscription: &w.Subscriptions} {
			if !reads(kind) {
				continue
			}
			var err error
			if *n, err = tx.Count(kind, store.Filter{Tenant: tenant, Awaiting: true}, mostWaiting); err != nil {
				return fmt.Errorf("count what awaits an approval: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &w, nil
}
