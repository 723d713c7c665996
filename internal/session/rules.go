package session

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/strictjson"
)

// given are the roles and groups that the rules for a tenant give somebody. Nothing that a claim says is a role or a group
// by itself.
func (w *way) given(p *person, tenant string) (roles, groups []string) {
	add := func(list []string, names ...string) []string {
		for _, name := range names {
			if name != "" && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
		return list
	}
	for _, r := range w.rules.Roles {
		// Whether it is a global one, wayIn has seen to: no other leads into a tenant that is not its own.
		if v, found := p.claim(r.Claim); found && account.Counts(r, w.home, tenant, true) && fits(v, r.Equals) {
			roles, groups = add(roles, string(r.Role)), add(groups, r.Groups...)
		}
	}
	return roles, groups
}

// fits tells whether a claim is the value, or a list with it.
func fits(v strictjson.Value, want any) bool {
	if v.Equal(want) {
		return true
	}
	for item := range v.Items() {
		if item.Equal(want) {
			return true
		}
	}
	return false
}

// called is what a person is called on pages: the first name that can be shown as it is written. Nothing is decided by it.
func (p *person) called() string {
	for _, claim := range []string{"name", "preferred_username", "email"} {
		if said := strings.TrimSpace(p.text(claim)); said != "" && keyward.ShownFault(said) == "" {
			return said
		}
	}
	return p.subject
}

// stranger refuses somebody whom no rule gives a role, and notes for administrators what was looked for. Of the claims it
// says which are there, not what they are.
func (w *way) stranger(p *person, tenant string) (*keyward.Error, keyward.AuditEntry) {
	var looked []string
	for _, r := range w.rules.Roles {
		if !account.Counts(r, w.home, tenant, true) || r.Role == "" {
			continue
		}
		state := "absent"
		if _, found := p.claim(r.Claim); found {
			state = "another value"
		}
		want, err := json.Marshal(r.Equals)
		if err != nil {
			want = []byte("?")
		}
		looked = append(looked, fmt.Sprintf("%s = %s for %s: %s", r.Claim, want, r.Role, state))
	}
	where := " fits no rule, by the ID token: "
	if p.unheard {
		where = " fits no rule, by the ID token, and the userinfo endpoint did not answer as it should: "
	} else if p.asked {
		where = " fits no rule, by the ID token and the userinfo endpoint: "
	}
	entry := w.refusal(tenant, w.who(p)+where+strings.Join(looked, "; "))
	return keyward.Errorf(keyward.CodeForbidden, "%s knows you, but nothing that it says about you gives you a role here. Ask an "+
		"administrator of tenant %s to let you in: the audit log says what was looked for", w.shown, tenant), entry
}

// refusal is what the audit trail has of somebody who did not come in.
func (w *way) refusal(tenant, why string) keyward.AuditEntry {
	detail := []rune(why)
	return keyward.AuditEntry{
		Tenant: tenant, Action: "session.refused", Kind: string(keyward.KindKeyManager), Name: w.name,
		Detail: string(detail[:min(len(detail), longestDetail)]),
	}
}

// longestDetail is in characters.
const longestDetail = 2000

// who names the person in the management plane.
func (w *way) who(p *person) string { return keyward.Through(w.name, p.subject) }

// begun is what the audit trail has of a session's begin: a person who comes by a key manager is no object that says it.
func begun(row *store.Session, w *way) keyward.AuditEntry {
	detail := "roles: " + strings.Join(row.Roles, ", ")
	if len(row.Groups) > 0 {
		detail += "; groups: " + strings.Join(row.Groups, ", ")
	}
	return keyward.AuditEntry{
		Tenant: row.Tenant, Action: "session.begun", Kind: string(keyward.KindKeyManager), Name: w.name, Detail: detail,
	}
}
