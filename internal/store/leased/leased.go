// Package leased owns leases: rights that one of all processes on a database has at a time, and loses when it does not renew
// them. It does not own what is done with them.
package leased

import (
	"context"
	"fmt"
	"time"

	"keyward.dev/keyward/internal/store/database"
)

// patience is how long a lease is waited for: what it is for has to know soon that the database is away.
const patience = 10 * time.Second

// Leases are those of a database.
type Leases struct{ db *database.DB }

// New gives the leases of an open database.
func New(db *database.DB) *Leases { return &Leases{db} }

// Lease takes or renews the named lease for holder until ttl from now by the database's clock, and tells whether
// holder has it. A ttl of zero or less gives it back.
func (l *Leases) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if ttl <= 0 {
		_, err := l.db.Write.ExecContext(ctx, `DELETE FROM leases WHERE name = $1 AND holder = $2`, name, holder)
		if err != nil {
			return false, fmt.Errorf("give back the lease %s: %w", name, err)
		}
		return false, nil
	}
	clock := l.db.Clock // one of two constants
	//nolint:gosec // nothing that anybody wrote becomes part of the statement
	r, err := l.db.Write.ExecContext(ctx, `INSERT INTO leases (name, holder, until) VALUES ($1, $2, `+clock+` + $3)
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
