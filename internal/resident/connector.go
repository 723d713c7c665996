package resident

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
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
func (c *clients) Register(_ context.Context, r connector.Registration) (connector.Registered, error) {
	if err := c.checkRegistration(r); err != nil {
		return connector.Registered{}, err
	}
	id := strings.ToLower(rand.Text())
	made := connector.Registered{ClientID: id, Handle: connector.Handle{ClientID: id}}
	if r.Fields[fieldAuth] != authNone {
		made.ClientSecret = newSecret()
	}
	return made, nil
}

// Delete implements connector.Connector: with its object the client is gone.
func (c *clients) Delete(context.Context, connector.Handle) error { return nil }

// Find implements connector.Finder. A registration whose object was not stored left nothing behind.
func (c *clients) Find(context.Context, string) (*connector.Registered, error) {
	var none *connector.Registered
	return none, nil
}

// Rotate implements connector.Rotator: the old secret is dead when the new one is stored in its place.
func (c *clients) Rotate(ctx context.Context, h connector.Handle) (string, error) {
	if err := c.wantSecret(ctx, h); err != nil {
		return "", err
	}
	return newSecret(), nil
}

// wantSecret refuses what makes no sense of a client without a secret.
func (c *clients) wantSecret(ctx context.Context, h connector.Handle) error {
	known, err := c.registered(ctx, h)
	if err == nil && known.public() {
		err = fmt.Errorf("%w: the client has no secret (%s: %s)", connector.ErrUnsupported, fieldAuth, authNone)
	}
	return err
}

func (c *clients) registered(ctx context.Context, h connector.Handle) (*registered, error) {
	var found *registered
	err := c.backend.resident.store.Read(ctx, func(tx *store.Tx) error {
		km, err := keyManagerOf(tx, c.backend.tenant)
		if err != nil {
			return err
		}
		object, err := tx.ClientByVendorID(c.backend.tenant, km.object.ID, h.ClientID)
		if err != nil {
			return err
		}
		found, err = registration(object)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up a client: %w", err)
	}
	return found, nil
}

// AddSecret implements connector.Overlapper: the one before lives on for as long as it is stored beside the new one.
func (c *clients) AddSecret(ctx context.Context, h connector.Handle) (connector.Secret, error) {
	if err := c.wantSecret(ctx, h); err != nil {
		return connector.Secret{}, err
	}
	return connector.Secret{Value: newSecret()}, nil
}

// DropSecrets implements connector.Overlapper: what is stored no more is dead.
func (c *clients) DropSecrets(context.Context, connector.Handle, string) error { return nil }

// Update implements connector.Updater: what the object says counts. Whether it has a secret stays as it was made.
func (c *clients) Update(
	ctx context.Context, h connector.Handle, r connector.Registration, _ connector.KeepHandle,
) (connector.Registered, error) {
	known, err := c.registered(ctx, h)
	if err != nil {
		return connector.Registered{}, err
	}
	before := known.status.Fields[fieldAuth]
	if wanted, asked := r.Fields[fieldAuth]; asked && (wanted == authNone) != (before == authNone) {
		return connector.Registered{}, connector.Refused("fields."+fieldAuth, "cannot be changed: delete the keys and generate new ones")
	}
	r.Fields = maps.Clone(r.Fields)
	if r.Fields == nil {
		r.Fields = map[string]any{}
	}
	for name, value := range known.status.Fields {
		if _, asked := r.Fields[name]; !asked {
			r.Fields[name] = value
		}
	}
	if err := c.checkRegistration(r); err != nil {
		return connector.Registered{}, err
	}
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
