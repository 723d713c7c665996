package keyward

import (
	"slices"
	"time"
)

// Principal is who asks something of the management plane.
type Principal struct {
	User   string
	Tenant string
	Roles  []Role
	Groups []string
}

// Has tells whether the principal has one of the roles, in its own tenant.
func (p Principal) Has(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(p.Roles, r) })
}

// IsOperator tells whether the principal administers the whole installation.
func (p Principal) IsOperator() bool { return p.Tenant == DefaultTenant && p.Has(RoleAdmin) }

// Actor is how the audit trail names the principal.
func (p Principal) Actor() string {
	if p.Tenant == "" || p.Tenant == DefaultTenant {
		return p.User
	}
	return p.Tenant + "/" + p.User
}

// AuditEntry is one line of who did what. Its detail names fields, never their secret values.
type AuditEntry struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Tenant string    `json:"tenant"`
	Actor  string    `json:"actor"`  // user name, or system/ROOM
	Action string    `json:"action"` // created, updated, deleted, key.generated, gateway.revoked, …
	Kind   string    `json:"kind"`
	Name   string    `json:"name"`
	Detail string    `json:"detail,omitempty"`
}
