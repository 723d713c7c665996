package control

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
)

// access is what one role may do with one kind of object.
type access uint8

const (
	readOwn    access = 1 << iota // objects of one's own applications
	readPublic                    // every object, without what is not everybody's business
	readAll
	writeOwn   // objects of one's own applications
	writeState // the state of what others made
	writeAll
)

// permissions is the whole table: role x kind x action. What it does not name is refused.
func permissions(role keyward.Role) map[keyward.Kind]access {
	switch role {
	case keyward.RoleAdmin:
		return map[keyward.Kind]access{
			keyward.KindTenant:       readOwn, // only operators write tenants
			keyward.KindUser:         readAll | writeAll,
			keyward.KindKeyManager:   readAll | writeAll,
			keyward.KindPlan:         readAll | writeAll,
			keyward.KindAPI:          readAll | writeAll,
			keyward.KindApplication:  readAll | writeAll,
			keyward.KindSubscription: readAll | writeAll,
			keyward.KindOAuthClient:  readAll | writeAll,
		}
	case keyward.RolePublisher:
		return map[keyward.Kind]access{
			keyward.KindKeyManager:   readPublic,
			keyward.KindPlan:         readAll | writeAll,
			keyward.KindAPI:          readAll | writeAll,
			keyward.KindApplication:  readPublic,
			keyward.KindSubscription: readAll | writeState,
		}
	case keyward.RoleDeveloper:
		return map[keyward.Kind]access{
			keyward.KindKeyManager:   readPublic,
			keyward.KindPlan:         readAll,
			keyward.KindAPI:          readAll,
			keyward.KindApplication:  readOwn | writeOwn,
			keyward.KindSubscription: readOwn | writeOwn,
			keyward.KindOAuthClient:  readOwn, // clients come through keys
		}
	case keyward.RoleAuditor:
		return map[keyward.Kind]access{
			keyward.KindTenant:       readOwn,
			keyward.KindUser:         readAll,
			keyward.KindKeyManager:   readAll,
			keyward.KindPlan:         readAll,
			keyward.KindAPI:          readAll,
			keyward.KindApplication:  readAll,
			keyward.KindSubscription: readAll,
			keyward.KindOAuthClient:  readAll,
		}
	default:
		return nil
	}
}

// Right is something other than reading and writing objects.
type Right string

// The rights. Those over the installation are the operator's; the others belong to a tenant.
const (
	RightTokens       Right = "manage API tokens"
	RightReadTokens   Right = "list API tokens"
	RightAudit        Right = "read the audit trail"
	RightExport       Right = "export"
	RightExplain      Right = "explain decisions"
	RightHold         Right = "hold or lift a hold"
	RightGateways     Right = "manage gateways"
	RightReadGateways Right = "list gateways"
)

// roles lists who may use a right within their own tenant.
func (a Right) roles() []keyward.Role {
	switch a {
	case RightTokens, RightHold:
		return []keyward.Role{keyward.RoleAdmin}
	case RightReadTokens, RightAudit, RightExport, RightReadGateways:
		return []keyward.Role{keyward.RoleAdmin, keyward.RoleAuditor}
	case RightExplain:
		return []keyward.Role{keyward.RoleAdmin, keyward.RoleAuditor, keyward.RolePublisher}
	default:
		return nil
	}
}

// May tells whether the principal has the right in the tenant. Gateways serve every tenant, so that only people of
// the tenant default see them, and only its administrators manage them.
func May(p keyward.Principal, a Right, tenant string) bool {
	if p.IsOperator() {
		return true
	}
	if a == RightReadGateways && p.Tenant != keyward.DefaultTenant {
		return false
	}
	return p.Tenant == tenant && p.Has(a.roles()...)
}

// Require is May with the refusal that a person is told.
func Require(p keyward.Principal, a Right, tenant string) error {
	if May(p, a, tenant) {
		return nil
	}
	return keyward.Errorf(keyward.CodeForbidden, "user %s may not %s in tenant %s", p.User, a, tenant)
}

// accessTo joins what the principal's roles allow with objects of a kind in a tenant.
func accessTo(p keyward.Principal, kind keyward.Kind, tenant string) access {
	if p.IsOperator() {
		return readAll | writeAll
	}
	if kind == keyward.KindTenant { // tenants are objects of the installation; everybody's own is theirs to read
		var a access
		for _, r := range p.Roles {
			a |= permissions(r)[kind]
		}
		if p.Tenant == keyward.DefaultTenant && p.Has(keyward.RoleAuditor) {
			a |= readAll
		}
		return a
	}
	if p.Tenant != tenant {
		return 0
	}
	var a access
	for _, r := range p.Roles {
		a |= permissions(r)[kind]
	}
	return a
}

func (a access) reads() bool  { return a&(readOwn|readPublic|readAll) != 0 }
func (a access) writes() bool { return a&(writeOwn|writeState|writeAll) != 0 }

func forbiddenRead(p keyward.Principal, kind keyward.Kind, tenant string) error {
	return keyward.Errorf(keyward.CodeForbidden,
		"user %s may not read objects of kind %s in tenant %s", p.User, kind, tenant)
}

func forbiddenWrite(p keyward.Principal, ref keyward.Ref) *keyward.Error {
	return keyward.Errorf(keyward.CodeForbidden, "user %s may not write %s", p.User, ref)
}

// owners are the entries of an application's owners that stand for the principal.
func owners(p keyward.Principal) []string {
	out := []string{p.User}
	for _, g := range p.Groups {
		out = append(out, "group/"+g)
	}
	return out
}

// OwnsApplication tells whether an application of the tenant is the principal's own.
func (c *Control) OwnsApplication(ctx context.Context, p keyward.Principal, tenant, name string) (bool, error) {
	if p.Tenant != tenant || name == "" {
		return false, nil
	}
	owns := false
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindApplication, tenant, name)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		s, err := specOf[*keyward.ApplicationSpec](o)
		owns = err == nil && s.OwnedBy(p.User, p.Groups)
		return err
	})
	return owns, err
}
