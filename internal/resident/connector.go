package resident

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Open is the connector.Opener of type resident. A client of this server is nothing but its OAuthClient object: making
// one only chooses an id and a secret, and they work from the moment the object is stored as active with the secret
// at SecretPath. So there is never a client here that the store does not know.
func (r *Resident) Open(s connector.Server) (connector.Connector, error) {
	return &clients{backend: &tenantBackend{resident: r, tenant: s.Tenant}}, nil
}

var (
	_ connector.Connector  = (*clients)(nil)
	_ connector.Finder     = (*clients)(nil)
	_ connector.Rotator    = (*clients)(nil)
	_ connector.Prover     = (*clients)(nil)
	_ connector.Updater    = (*clients)(nil)
	_ connector.Overlapper = (*clients)(nil)
)

// clients manages the clients of one tenant's authorization server.
type clients struct{ backend *tenantBackend }

// Register implements connector.Connector.
func (c *clients) Register(_ context.Context, _ connector.Registration) (connector.Registered, error) {
	id := strings.ToLower(rand.Text())
	return connector.Registered{
		ClientID: id, ClientSecret: newSecret(), Handle: connector.Handle{ClientID: id},
	}, nil
}

// Delete implements connector.Connector: with its object the client is gone.
func (c *clients) Delete(context.Context, connector.Handle) error { return nil }

// Find implements connector.Finder. A registration whose object was not stored left nothing behind.
func (c *clients) Find(context.Context, string) (*connector.Registered, error) {
	var none *connector.Registered
	return none, nil
}

// Rotate implements connector.Rotator: the old secret is dead when the new one is stored in its place.
func (c *clients) Rotate(context.Context, connector.Handle) (string, error) { return newSecret(), nil }

// AddSecret implements connector.Overlapper: the one before lives on for as long as it is stored beside the new one.
func (c *clients) AddSecret(context.Context, connector.Handle) (connector.Secret, error) {
	return connector.Secret{Value: newSecret()}, nil
}

// DropSecrets implements connector.Overlapper: what is stored no more is dead.
func (c *clients) DropSecrets(context.Context, connector.Handle, string) error { return nil }

// Update implements connector.Updater: what the object says counts.
func (c *clients) Update(
	_ context.Context, h connector.Handle, _ connector.Registration, _ connector.KeepHandle,
) (connector.Registered, error) {
	return connector.Registered{ClientID: h.ClientID, Handle: h}, nil
}

// Prove implements connector.Prover.
func (c *clients) Prove(ctx context.Context, clientID, secret string) error {
	_, err := c.backend.prove(ctx, clientID, secret)
	if errors.Is(err, ErrUnknownClient) || errors.Is(err, ErrDisabled) {
		return &wire.Failure{Op: "get a token", Status: 401, Code: "invalid_client", Description: err.Error()}
	}
	return err
}

// newSecret makes 256 random bits in the characters of base64url, which need no escaping anywhere.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}
