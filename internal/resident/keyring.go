package resident

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// ring gives the tenant's keys, and makes the first one when there is none yet.
func (r *Resident) ring(ctx context.Context, tenant string) (KeyRing, error) {
	var ring KeyRing
	err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
		ring, err = r.storedRing(tx, tenant)
		return err
	})
	if err == nil && len(ring) == 0 {
		err = r.store.Write(ctx, actor, func(tx *store.Tx) (err error) {
			ring, err = r.advance(tx, tenant, false)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the signing keys: %w", err)
	}
	return ring, nil
}

func (r *Resident) storedRing(tx *store.Tx, tenant string) (KeyRing, error) {
	rows, err := tx.ResidentKeys(tenant)
	if err != nil {
		return nil, fmt.Errorf("list the signing keys: %w", err)
	}
	ring := make(KeyRing, 0, len(rows))
	for _, row := range rows {
		private, err := r.parsed.Get(row.Kid, func() (jose.JSONWebKey, error) {
			var jwk jose.JSONWebKey
			err := json.Unmarshal(row.PrivateJWK, &jwk)
			return jwk, err
		})
		if err != nil {
			return nil, fmt.Errorf("read the signing key %s: %w", row.Kid, err)
		}
		ring = append(ring, Key{
			Private: private, CreatedAt: row.CreatedAt, ActiveFrom: row.ActiveFrom, RetireAt: row.RetireAt,
		})
	}
	return ring, nil
}

// advance brings the tenant's stored keys up to this moment. The caller's transaction rewrites the key manager's row.
func (r *Resident) advance(tx *store.Tx, tenant string, rotate bool) (KeyRing, error) {
	before, err := r.storedRing(tx, tenant)
	if err != nil {
		return nil, err
	}
	after, changed, err := r.schedule.advance(before, r.now(), rotate, GenerateKey)
	if err != nil || !changed {
		return before, err
	}
	stays := map[string]bool{}
	for _, key := range after {
		stays[key.Private.KeyID] = true
		private, err := json.Marshal(key.Private)
		if err != nil {
			return nil, fmt.Errorf("encode a signing key: %w", err)
		}
		err = tx.PutResidentKey(store.ResidentKey{
			Tenant: tenant, Kid: key.Private.KeyID, Alg: key.Private.Algorithm, PrivateJWK: private,
			CreatedAt: key.CreatedAt, ActiveFrom: key.ActiveFrom, RetireAt: key.RetireAt,
		})
		if err != nil {
			return nil, fmt.Errorf("store a signing key: %w", err)
		}
	}
	for _, key := range before {
		if stays[key.Private.KeyID] {
			continue
		}
		if err := tx.DropResidentKey(tenant, key.Private.KeyID); err != nil {
			return nil, fmt.Errorf("drop a signing key: %w", err)
		}
	}
	return after, nil
}

// statusWith is what is known of a tenant's authorization server without asking anybody: issuer, endpoints, and the
// public keys, the next one included, where keymanager.Resolve expects them.
func (r *Resident) statusWith(tenant string, ring KeyRing) (keyward.KeyManagerStatus, error) {
	keys, err := ring.PublicJSON(r.now())
	if err != nil {
		return keyward.KeyManagerStatus{}, err
	}
	status := statusOf(r.Issuer(tenant))
	status.Type = map[string]any{keymanager.ResidentKeys: keys}
	return status, nil
}
