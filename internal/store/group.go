package store

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
)

// GroupKeys gives the keys that seal secrets in the group's rows, the current one first. Older ones open rows that a
// gateway got before the key was changed.
func (tx *Tx) GroupKeys(group string) ([]seal.Key, error) {
	sealed, err := tx.texts(`SELECT sealed FROM group_keys WHERE group_name = $1 ORDER BY number DESC`, database.Clean(group))
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 {
		return nil, notFound("gateway group of that name")
	}
	keys := make([]seal.Key, len(sealed))
	for i, text := range sealed {
		plain, err := tx.store.key.Open(text, groupKeyContext(group))
		if err != nil {
			return nil, fmt.Errorf("open a key of gateway group %s: %w", group, err)
		}
		if keys[i], err = seal.ParseKey(string(plain)); err != nil {
			return nil, fmt.Errorf("read a key of gateway group %s: %w", group, err)
		}
	}
	return keys, nil
}

func groupKeyContext(group string) []byte { return []byte("keyward group key\x00" + group) }

// newGroupKey gives the group a new current key, and marks the rows that must be sealed with it.
func (tx *Tx) newGroupKey(group string) error {
	tx.marks.introspection = true
	_, err := tx.exec(`INSERT INTO group_keys (group_name, number, sealed, created_at)
		SELECT CAST($1 AS TEXT), COALESCE(MAX(number), 0) + 1, CAST($2 AS TEXT), CAST($3 AS BIGINT)
		FROM group_keys WHERE group_name = $1`,
		group, tx.store.key.Seal([]byte(seal.NewKey().Reveal()), groupKeyContext(group)), database.Micros(tx.now))
	return err
}

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
