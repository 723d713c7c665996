package store

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"
)

// SigningKey gives the control plane's key that signs the feed. It is made once, with the database.
func (tx *Tx) SigningKey() (ed25519.PrivateKey, error) {
	seed, found, err := tx.keyring(signingName)
	if err != nil {
		return nil, err
	}
	if !found || len(seed) != ed25519.SeedSize {
		return nil, errors.New("the database has no signing key")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// Lease takes or renews the named lease for holder until ttl from now by the database's clock, and tells whether
// holder has it. A ttl of zero or less gives it back.
func (s *Store) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	if ttl <= 0 {
		_, err := s.db.Write.ExecContext(ctx, `DELETE FROM leases WHERE name = $1 AND holder = $2`, name, holder)
		if err != nil {
			return false, fmt.Errorf("give back the lease %s: %w", name, err)
		}
		return false, nil
	}
	clock := s.db.Clock // one of two constants
	//nolint:gosec // nothing that anybody wrote becomes part of the statement
	r, err := s.db.Write.ExecContext(ctx, `INSERT INTO leases (name, holder, until) VALUES ($1, $2, `+clock+` + $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE leases.holder = excluded.holder OR leases.until <= `+clock, name, holder, ttl.Microseconds())
	if err != nil {
		return false, fmt.Errorf("take the lease %s: %w", name, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("take the lease %s: %w", name, err)
	}
	return n == 1, nil
}
