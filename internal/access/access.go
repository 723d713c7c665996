// Package access owns who may do what in the management plane: the table of roles, kinds and actions, the rights beside
// it, and how much of an object those see who may not read all of it. It does not own objects, nor how they are stored.
package access

import "keyward.dev/keyward"

// Set is what one role may do with one kind of object.
type Set uint8

// What a role may do.
const (
	ReadOwn    Set = 1 << iota // objects of one's own applications
	ReadPublic                 // every object, without what is not everybody's business
	ReadAll
	WriteOwn   // objects of one's own applications
	WriteState // the state of what others made
	WriteAll
)

// permissions is the whole table: role x kind x action. What it does not name is refused.
func permissions(role keyward.Role) map[keyward.Kind]Set {
	switch role {
	case keyward.RoleAdmin:
		return map[keyward.Kind]Set{
			keyward.KindTenant:       ReadOwn, // only operators write tenants
			keyward.KindUser:         ReadAll | WriteAll,
			keyward.KindConnection:   ReadAll | WriteAll,
			keyward.KindKeyManager:   ReadAll | WriteAll,
			keyward.KindPlan:         ReadAll | WriteAll,
			keyward.KindAPI:          ReadAll | WriteAll,
			keyward.KindApplication:  ReadAll | WriteAll,
			keyward.KindSubscription: ReadAll | WriteAll,
			keyward.KindOAuthClient:  ReadAll | WriteAll,
		}
	case keyward.RolePublisher:
		return map[keyward.Kind]Set{
			keyward.KindKeyManager:   ReadPublic,
			keyward.KindPlan:         ReadAll | WriteAll,
			keyward.KindAPI:          ReadAll | WriteAll,
			keyward.KindApplication:  ReadPublic,
			keyward.KindSubscription: ReadAll | WriteState,
		}
	case keyward.RoleDeveloper:
		return map[keyward.Kind]Set{
			keyward.KindKeyManager:   ReadPublic,
			keyward.KindPlan:         ReadAll,
			keyward.KindAPI:          ReadPublic,
			keyward.KindApplication:  ReadOwn | WriteOwn,
			keyward.KindSubscription: ReadOwn | WriteOwn,
			keyward.KindOAuthClient:  ReadOwn, // clients come through keys
		}
	case keyward.RoleAuditor:
		return map[keyward.Kind]Set{
			keyward.KindTenant:       ReadOwn,
			keyward.KindUser:         ReadAll,
			keyward.KindConnection:   ReadAll,
			keyward.KindKeyManager:   ReadAll,
			keyward.KindPlan:         ReadAll,
			keyward.KindAPI:          ReadAll,
			keyward.KindApplication:  ReadAll,
			keyward.KindSubscription: ReadAll,
			keyward.KindOAuthClient:  ReadAll,
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
	RightPasswords    Right = "let people choose a new password"
	RightReadTokens   Right = "list API tokens"
	RightAudit        Right = "read the audit trail"
	RightExport       Right = "export"
	RightDecisions    Right = "see what gateways decided"
	RightExplain      Right = "explain decisions"
	RightHold         Right = "hold or lift a hold"
	RightGateways     Right = "manage gateways"
	RightReadGateways Right = "list gateways"
	RightCheck        Right = "check key managers"
	RightUsages       Right = "see what uses a key manager"
	RightApprove      Right = "approve subscriptions"
	RightAPIUsages    Right = "see what uses an API"
	RightHealth       Right = "see the health of a key manager's server"
	RightTry          Right = "try calls out"
	RightImport       Right = "read an OpenAPI document from an address"

	RightSessions       Right = "see or end people's sessions"
	RightReconciliation Right = "see how the clients of a key manager stand"
)

// roles lists who may use a right within their own tenant.
func (a Right) roles() []keyward.Role {
	switch a {
	case RightTokens, RightPasswords, RightHold, RightCheck, RightSessions:
		return []keyward.Role{keyward.RoleAdmin}
	case RightApprove, RightImport:
		return []keyward.Role{keyward.RoleAdmin, keyward.RolePublisher}
	case RightTry:
		return []keyward.Role{keyward.RoleAdmin, keyward.RolePublisher, keyward.RoleDeveloper}
	case RightReadTokens, RightAudit, RightExport, RightReadGateways, RightUsages, RightHealth, RightReconciliation:
		return []keyward.Role{keyward.RoleAdmin, keyward.RoleAuditor}
	case RightExplain, RightAPIUsages, RightDecisions:
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

// To joins what the principal's roles allow with objects of a kind in a tenant.
func To(p keyward.Principal, kind keyward.Kind, tenant string) Set {
	if p.IsOperator() {
		return ReadAll | WriteAll
	}
	if kind == keyward.KindTenant { // tenants are objects of the installation; everybody's own is theirs to read
		var a Set
		for _, r := range p.Roles {
			a |= permissions(r)[kind]
		}
		if p.Tenant == keyward.DefaultTenant && p.Has(keyward.RoleAuditor) {
			a |= ReadAll
		}
		return a
	}
	if p.Tenant != tenant {
		return 0
	}
	var a Set
	for _, r := range p.Roles {
		a |= permissions(r)[kind]
	}
	return a
}

// Reads tells whether some objects of the kind may be read.
func (a Set) Reads() bool { return a&(ReadOwn|ReadPublic|ReadAll) != 0 }

// Writes tells whether some objects of the kind may be written.
func (a Set) Writes() bool { return a&(WriteOwn|WriteState|WriteAll) != 0 }

// ForbiddenRead is the refusal of reading objects of a kind.
func ForbiddenRead(p keyward.Principal, kind keyward.Kind, tenant string) error {
	return keyward.Errorf(keyward.CodeForbidden,
		"user %s may not read objects of kind %s in tenant %s", p.User, kind, tenant)
}

// RequireWrite refuses who may write no object of the kind there: which ones there are is not looked at, and so not told.
func RequireWrite(p keyward.Principal, ref keyward.Ref) error {
	if To(p, ref.Kind, ref.Tenant).Writes() {
		return nil
	}
	return ForbiddenWrite(p, ref)
}

// ForbiddenWrite is the refusal of writing an object.
func ForbiddenWrite(p keyward.Principal, ref keyward.Ref) *keyward.Error {
	return keyward.Errorf(keyward.CodeForbidden, "user %s may not write %s", p.User, ref)
}

// Owners are the entries of an application's owners that stand for the principal.
func Owners(p keyward.Principal) []string {
	out := []string{p.User}
	for _, g := range p.Groups {
		out = append(out, "group/"+g)
	}
	return out
}

// Owns tells whether a spec is the principal's own: one of their applications, or what belongs to one. application
// gives the spec of an application by name, nil where there is none.
func Owns(p keyward.Principal, spec keyward.Spec, application func(name string) (keyward.Spec, error)) (bool, error) {
	if s, ok := spec.(*keyward.ApplicationSpec); ok {
		return s.OwnedBy(p.User, p.Groups), nil
	}
	name, belongs := keyward.ApplicationOf(spec)
	if !belongs {
		return false, nil
	}
	app, err := application(name)
	s, ok := app.(*keyward.ApplicationSpec)
	return err == nil && ok && s.OwnedBy(p.User, p.Groups), err
}
