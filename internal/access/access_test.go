package access_test

import (
	"slices"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
)

// TestRightsBelongToOneTenant: a right over a tenant is its own people's and the operators'; gateways serve every tenant,
// so only people of the tenant default see them.
func TestRightsBelongToOneTenant(t *testing.T) {
	all := []access.Right{
		access.RightTokens, access.RightReadTokens, access.RightAudit, access.RightExport, access.RightExplain,
		access.RightGateways, access.RightReadGateways,
	}
	reads := []access.Right{access.RightReadTokens, access.RightAudit, access.RightExport, access.RightExplain}
	for _, c := range []struct {
		role   keyward.Role
		tenant string
		home   []access.Right // over the principal's own tenant
	}{
		{keyward.RoleAdmin, "default", all},
		{keyward.RoleAdmin, "acme", append([]access.Right{access.RightTokens}, reads...)},
		{keyward.RoleAuditor, "default", append([]access.Right{access.RightReadGateways}, reads...)},
		{keyward.RoleAuditor, "acme", reads},
		{keyward.RolePublisher, "acme", []access.Right{access.RightExplain}},
		{keyward.RoleDeveloper, "acme", nil},
	} {
		p := keyward.Principal{User: "x", Tenant: c.tenant, Roles: []keyward.Role{c.role}}
		for _, right := range all {
			if got, want := access.May(p, right, c.tenant), slices.Contains(c.home, right); got != want {
				t.Errorf("%s of tenant %s may %s there: %v, want %v", c.role, c.tenant, right, got, want)
			}
			if got := access.May(p, right, "other"); got != p.IsOperator() {
				t.Errorf("%s of tenant %s may %s in another tenant: %v", c.role, c.tenant, right, got)
			}
		}
	}
}
