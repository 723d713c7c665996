package resident

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// SecretPath is where a generated client's secret is kept among the secrets of its object.
const SecretPath = "clientSecret"

// BeforePath is where the secret before it is kept, which counts until the client's status says.
const BeforePath = "clientSecretBefore"

// tenantBackend answers for one tenant out of the store. It keeps nothing of it: what was changed a moment ago counts.
type tenantBackend struct {
	resident *Resident
	tenant   string
}

// Authenticate implements Backend. It remembers that the secret was used.
func (b *tenantBackend) Authenticate(ctx context.Context, clientID, secret string) (*Client, error) {
	object, err := b.prove(ctx, clientID, secret)
	if err != nil {
		return nil, err
	}
	b.resident.used.Note(object, secret, b.resident.now())
	return &Client{ID: clientID}, nil
}

// prove gives the id of the OAuthClient object whose secret it is.
func (b *tenantBackend) prove(ctx context.Context, clientID, secret string) (string, error) {
	var id, known, before string
	err := b.resident.store.Read(ctx, func(tx *store.Tx) error {
		_, object, err := b.client(tx, clientID)
		if err != nil {
			return err
		}
		secrets, err := tx.Secrets(object)
		if err != nil {
			return err
		}
		id = object.ID
		known = secrets[SecretPath]
		status, err := object.ClientStatus()
		if until := status.OldSecretUntil; until != nil && b.resident.now().Before(*until) {
			before = secrets[BeforePath]
		}
		return err
	})
	unknown := errors.Is(err, ErrUnknownClient)
	if err != nil && !unknown {
		return "", err
	}
	// The comparison is made for unknown clients too, and over digests, so that neither the answer's time nor a
	// secret's length tells which of the two was wrong.
	current, older := sameSecret(known, secret), sameSecret(before, secret)
	if unknown || known == "" || !current && (before == "" || !older) {
		return "", ErrUnknownClient
	}
	return id, nil
}

func sameSecret(known, given string) bool {
	a, b := sha256.Sum256([]byte(known)), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// client gives the key manager and a client of it that is in use.
func (b *tenantBackend) client(tx *store.Tx, clientID string) (*keyManager, *keyward.Object, error) {
	km, err := enabledKeyManager(tx, b.tenant, b.resident.now())
	if err != nil {
		return nil, nil, err
	}
	object, err := tx.ClientByVendorID(b.tenant, km.object.ID, clientID)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, nil, ErrUnknownClient
	}
	if err != nil {
		return nil, nil, fmt.Errorf("look up a client: %w", err)
	}
	status, err := object.ClientStatus()
	if err != nil {
		return nil, nil, err
	}
	if !status.State.InUse() {
		return nil, nil, ErrUnknownClient
	}
	held, err := b.held(tx, object)
	if err != nil {
		return nil, nil, err
	}
	if held {
		return nil, nil, ErrUnknownClient
	}
	return km, object, nil
}

// held tells whether an administrator holds the client or its application.
func (b *tenantBackend) held(tx *store.Tx, client *keyward.Object) (bool, error) {
	now := b.resident.now()
	spec, ok := client.Spec.(*keyward.OAuthClientSpec)
	if !ok {
		return false, fmt.Errorf("%s has a spec of another kind", client.Ref())
	}
	application, err := tx.Get(keyward.KindApplication, client.Tenant, spec.Application)
	if err != nil {
		return false, fmt.Errorf("look up the application of %s: %w", client.Ref(), err)
	}
	return client.Hold.Holds(now) || application.Hold.Holds(now), nil
}

// Grant implements Backend.
func (b *tenantBackend) Grant(ctx context.Context, client *Client, asked []string) (*Grant, error) {
	grant := &Grant{Lifetime: b.resident.schedule.TokenLifetime}
	err := b.resident.store.Read(ctx, func(tx *store.Tx) error {
		km, object, err := b.client(tx, client.ID)
		if err != nil {
			return err
		}
		c, err := registration(object)
		if err != nil {
			return err
		}
		if len(c.status.Grants) > 0 && !slices.Contains(c.status.Grants, grantClientCredentials) ||
			!slices.Contains(km.spec.EnvironmentsOrDefault(), c.spec.EnvironmentOrDefault()) {
			return ErrGrantNotAllowed
		}
		return b.fill(tx, grant, km.spec, c, asked)
	})
	if err != nil {
		return nil, err
	}
	return grant, nil
}

// registered is a client as it was made.
type registered struct {
	spec   *keyward.OAuthClientSpec
	status keyward.OAuthClientStatus
}

// registration reads a client's parts.
func registration(object *keyward.Object) (*registered, error) {
	status, err := object.ClientStatus()
	if err != nil {
		return nil, err
	}
	spec, ok := object.Spec.(*keyward.OAuthClientSpec)
	if !ok {
		return nil, fmt.Errorf("%s has a spec of another kind", object.Ref())
	}
	return &registered{spec, status}, nil
}

// fill gives the grant the audience and the scopes that the client's application gets to.
func (b *tenantBackend) fill(
	tx *store.Tx, grant *Grant, km *keyward.KeyManagerSpec, c *registered, asked []string,
) error {
	reach, err := b.resident.reachOf(tx, b.tenant, c.spec)
	if err != nil {
		return err
	}
	grant.Audience = audienceOf(km, reach)
	known := slices.DeleteFunc(reach.scopes, func(s string) bool { return !keymanager.AllowsScope(km, s) })
	grant.Scopes, err = chooseScopes(known, c.status.Scopes, asked)
	return err
}

// Keys implements Backend.
func (b *tenantBackend) Keys(ctx context.Context) (KeyRing, error) {
	return b.resident.ring(ctx, b.tenant)
}

// Revoke implements Backend. Only revoked tokens are kept: a token that was never seen is good while it verifies.
func (b *tenantBackend) Revoke(ctx context.Context, id string, expires time.Time) error {
	now := b.resident.now()
	err := b.resident.store.Write(ctx, actor, func(tx *store.Tx) error {
		_, err := tx.ResidentToken(b.tenant, id)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			err = tx.PutResidentToken(store.ResidentToken{ID: id, Tenant: b.tenant, IssuedAt: now, ExpiresAt: expires})
		}
		if err != nil {
			return err
		}
		return tx.RevokeResidentToken(b.tenant, id, now)
	})
	// A conflict means that the same token was revoked at the same moment, and that is stored.
	if err != nil && keyward.CodeOf(err) != keyward.CodeConflict {
		return fmt.Errorf("keep a revocation: %w", err)
	}
	return nil
}

// Revoked implements Backend.
func (b *tenantBackend) Revoked(ctx context.Context, id string) (bool, error) {
	revoked := false
	err := b.resident.store.Read(ctx, func(tx *store.Tx) error {
		token, err := tx.ResidentToken(b.tenant, id)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		revoked = err == nil && token.RevokedAt != nil
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look up a revocation: %w", err)
	}
	return revoked, nil
}
