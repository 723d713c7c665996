package keys

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// TokenAsk is what a token for trying out should be.
type TokenAsk = scene.TokenAsk

// Token gets a token with the client credentials of a place, for trying out. It is stored nowhere. Refusals that a
// person is told: forbidden, not_found, key_manager_disabled, invalid_input (a mapped client's secret is not stored),
// not_supported where no token endpoint is known, key_manager_failed with the server's own words.
func (k *Keys) Token(ctx context.Context, p keyward.Principal, place Place, ask TokenAsk) (*wire.AccessToken, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if err := s.MayGive(c, ask, k.now()); err != nil {
		return nil, err
	}
	// The entry is written first: no token without one.
	secret := ask.Secret
	err = k.store.Write(ctx, scene.Requester(p, s.Place.Tenant), func(tx *store.Tx) error {
		fresh, err := scene.Reload(tx, c, keyward.ClientActive, keyward.ClientDrifted)
		if err != nil {
			return err
		}
		if secret == "" {
			if secret, err = scene.StoredSecret(tx, fresh, scene.SecretPath); err != nil {
				return err
			}
		}
		return k.audit(tx, fresh.Object, "key.token", "client "+fresh.Spec.ClientID)
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	conn, err := k.openers.Open(s.Server)
	if err != nil {
		return nil, scene.Told(s.Place.KeyManager, err)
	}
	err = connector.ErrUnsupported
	var token wire.AccessToken
	if granter, ok := conn.(connector.Granter); ok {
		token, err = granter.Token(ctx, connector.TokenRequest{
			ClientID: c.Spec.ClientID, Secret: secret, Scopes: ask.Scopes, Audience: ask.Audience, Resources: ask.Resources,
		})
	}
	if err != nil {
		return nil, scene.Told(s.Place.KeyManager, err)
	}
	return &token, nil
}
