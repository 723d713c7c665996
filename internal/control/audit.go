package control

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/store"
)

// AuditFilter chooses audit entries of a tenant, newest first.
type AuditFilter struct {
	Actor, Kind, Name string
	Before            int64 // entries with a smaller id only: the cursor
	Limit             int
}

// Audit lists who did what in a tenant.
func (c *Control) Audit(ctx context.Context, p keyward.Principal, tenant string, f AuditFilter) (
	[]keyward.AuditEntry, error,
) {
	if err := access.Require(p, access.RightAudit, tenant); err != nil {
		return nil, err
	}
	var out []keyward.AuditEntry
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		out, err = tx.AuditEntries(store.AuditFilter{
			Tenant: tenant, Actor: f.Actor, Kind: f.Kind, Name: f.Name, Before: f.Before, Limit: f.Limit,
		})
		return err
	})
	return out, err
}
