package control

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/feed"
	"keyward.dev/keyward/internal/store"
)

// CreateGateway makes the credential of one gateway. It carries the fingerprint of the only signing key that the
// gateway will believe, and is shown this once.
func (c *Control) CreateGateway(ctx context.Context, p keyward.Principal, name, group string) (
	keyward.Gateway, string, error,
) {
	if err := access.Require(p, access.RightGateways, keyward.DefaultTenant); err != nil {
		return keyward.Gateway{}, "", err
	}
	g, token, err := feed.NewGateway(ctx, c.store, p.Actor(), name, group)
	if err != nil {
		return keyward.Gateway{}, "", err
	}
	return *g, token.Reveal(), nil
}

// RevokeGateway withdraws a gateway: its key leaves every JWKS, the group gets a new key, it is told to stop, and its
// connection to the embedded event hub is cut. Doing so twice changes nothing.
func (c *Control) RevokeGateway(ctx context.Context, p keyward.Principal, name string) error {
	if err := access.Require(p, access.RightGateways, keyward.DefaultTenant); err != nil {
		return err
	}
	var g *keyward.Gateway
	err := c.store.Write(ctx, p.Actor(), func(tx *store.Tx) (err error) {
		if g, err = tx.GatewayByName(name); err != nil {
			return err
		}
		return tx.RevokeGateway(g.ID, c.now())
	})
	if err == nil && c.withdrawn != nil {
		c.withdrawn(ctx, g)
	}
	return err
}
