package keyward

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Principal is who asks something of the management plane.
type Principal struct {
	User   string // name of a user, or Through
	Tenant string
	Roles  []Role
	Groups []string
	Called string // what the key manager calls who signed in through it; nothing is decided by it
}

// Through names whoever signs in through a key manager: KEYMANAGER|SUB, which is no user's name. Nothing else that the
// server says about somebody, such as an email address, stands for them.
func Through(keyManager, subject string) string { return keyManager + "|" + subject }

// ValidSubject tells whether a sub can name somebody: at most 255 printable ASCII characters (OpenID Connect Core 1.0,
// section 2), the first and the last of which are no spaces.
func ValidSubject(sub string) bool {
	printable := !strings.ContainsFunc(sub, func(r rune) bool { return r < ' ' || r > '~' })
	return sub != "" && len(sub) <= 255 && printable && strings.TrimSpace(sub) == sub
}

// CutThrough takes apart what Through gives; through is false for the name of a user.
func CutThrough(name string) (keyManager, subject string, through bool) {
	return strings.Cut(name, "|")
}

// Person is who signed in through a key manager and asked for something, as its rules had them then: there is no account of them to
// look at when it is decided about.
type Person struct {
	Name   string   `json:"name" doc:"What the key manager calls them; nothing is decided by it"`
	Roles  []Role   `json:"roles"`
	Groups []string `json:"groups,omitempty"`
}

// Called is what the key manager calls them; empty for nobody.
func (p *Person) Called() string {
	if p == nil {
		return ""
	}
	return p.Name
}

// Person gives who the principal is if they signed in through a key manager; nil for a user.
func (p Principal) Person() *Person {
	if _, _, through := CutThrough(p.User); !through {
		return nil
	}
	return &Person{Name: p.Called, Roles: p.Roles, Groups: p.Groups}
}

// SplitActor takes apart what Actor gives, or a name alone, which is then of the tenant. There may be a "/" in a subject too.
func SplitActor(actor, tenant string) (in, user string) {
	if at := strings.IndexAny(actor, "/|"); at >= 0 && actor[at] == '/' {
		return actor[:at], actor[at+1:]
	}
	return tenant, actor
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

// Permissions restrict which developers see the key manager and make keys in it: one of the two lists, of roles and
// groups. No list means everybody. Administrators are never restricted.
type Permissions struct {
	Allow []string `json:"allow,omitempty"` // only who has one of these
	Deny  []string `json:"deny,omitempty"`  // all but who has one of these
}

func (p *Permissions) validate(f *faults) {
	if p == nil {
		return
	}
	if len(p.Allow) > 0 && len(p.Deny) > 0 {
		f.add("spec.permissions", "give allow or deny, not both")
	}
	for _, list := range []struct {
		name    string
		entries []string
	}{{"allow", p.Allow}, {"deny", p.Deny}} {
		for i, entry := range list.entries {
			f.name(fmt.Sprintf("spec.permissions.%s[%d]", list.name, i), entry) // of a role or a group: any other would match nobody
		}
	}
}
