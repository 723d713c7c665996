package keys

import (
	"context"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/keys/wish"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// TokenAsk is what a token for trying out should be.
type TokenAsk struct {
	Scopes    []string // empty = what the server gives by itself
	Audience  string
	Resources []string // RFC 8707, section 2
	Secret    string   // of the client; "" = the stored one, which only a generated client has
}

// Token gets a token with the client credentials of a place, for trying out. It is stored nowhere. Refusals that a
// person is told: forbidden, not_found, key_manager_disabled, invalid_input (a mapped client's secret is not stored),
// not_supported where no token endpoint is known, key_manager_failed with the server's own words.
func (k *Keys) Token(ctx context.Context, p keyward.Principal, place Place, ask TokenAsk) (*wire.AccessToken, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if err := k.mayGive(s, c, ask); err != nil {
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
		return nil, vendorError(s.Place.KeyManager, err)
	}
	err = connector.ErrUnsupported
	var token wire.AccessToken
	if granter, ok := conn.(connector.Granter); ok {
		token, err = granter.Token(ctx, connector.TokenRequest{
			ClientID: c.Spec.ClientID, Secret: secret, Scopes: ask.Scopes, Audience: ask.Audience, Resources: ask.Resources,
		})
	}
	if err != nil {
		return nil, vendorError(s.Place.KeyManager, err)
	}
	return &token, nil
}

// mayGive tells whether a client's tokens are got here at all, and for this ask.
func (k *Keys) mayGive(s *scene.Scene, c *scene.Client, ask TokenAsk) error {
	if err := s.Held(c, k.now()); err != nil {
		return err
	}
	if !s.Spec.IsEnabled() {
		return scene.Disabled(s.KeyManager)
	}
	if !s.Spec.GivesTokens() {
		return keyward.Errorf(keyward.CodeForbidden,
			"%s gives nobody tokens through Keyward (clients.tokens is false): ask its token endpoint", s.KeyManager.Ref())
	}
	if c.Spec.Match != nil {
		return c.OnlyRule()
	}
	if keymanager.ForMany(s.Spec) {
		return keyward.Errorf(keyward.CodeNotSupported,
			"%s is for many organizations: ask for a token at that of client %s", s.KeyManager.Ref(), c.Spec.ClientID)
	}
	if connector.IsPublic(c.Status.Fields) {
		return keyward.Errorf(keyward.CodeNotSupported,
			"client %s is public: it has no secret, and gets tokens for people only", c.Spec.ClientID)
	}
	if faults := ask.faults(); len(faults) > 0 {
		return keyward.Invalid(faults)
	}
	return nil
}

func (a TokenAsk) faults() []keyward.FieldError {
	var faults []keyward.FieldError
	for i, scope := range a.Scopes {
		if !wish.ValidScope(scope) {
			faults = append(faults, scene.Fault(fmt.Sprintf("scopes[%d]", i), "%q is not a scope (RFC 6749, section 3.3)", scope))
		}
	}
	for i, resource := range a.Resources {
		if resource == "" {
			faults = append(faults, scene.Fault(fmt.Sprintf("resources[%d]", i), "must not be empty"))
		}
	}
	return faults
}
