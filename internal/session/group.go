package session

import (
	"context"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/store"
)

// Group is what can be known of the people whom the rules of key managers put into a group. No user of the tenant says it.
type Group struct {
	Rules  []GroupRule   `json:"rules" doc:"Of key managers through which people sign in now"`
	People []GroupMember `json:"people" doc:"Who is signed in and in it by such a rule; for administrators"`
	Capped bool          `json:"capped,omitempty" doc:"Only the 500 sessions that were used last were looked at: there are more"`
}

// GroupRule is one rule that puts people into the group.
type GroupRule struct {
	KeyManager string `json:"keyManager"`
	Claim      string `json:"claim,omitempty" doc:"Not told of another tenant's key manager"`
	Equals     any    `json:"equals,omitempty" doc:"What the claim is, or has"`
}

// GroupMember is somebody who is signed in.
type GroupMember struct {
	User       string    `json:"user" doc:"As owners and the audit trail name the person"`
	Name       string    `json:"name" doc:"What to call the person"`
	KeyManager string    `json:"keyManager" doc:"By which they signed in"`
	Seen       time.Time `json:"seen" doc:"Last, to about a minute"`
}

// Group tells who comes into a group of the tenant by rules: which rules there are, and whom they let in who is signed in now. Errors
// for people: forbidden.
func (s *Sessions) Group(ctx context.Context, p keyward.Principal, tenant, group string) (*Group, error) {
	if access.To(p, keyward.KindUser, tenant)&access.ReadAll == 0 {
		return nil, access.ForbiddenRead(p, keyward.KindUser, tenant)
	}
	var found *Group
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		found = &Group{People: []GroupMember{}}
		if found.Rules, err = s.rulesFor(tx, tenant, group); err != nil || !access.May(p, access.RightSessions, tenant) {
			return err
		}
		live, all, err := s.live(tx, tenant, whose{})
		found.Capped = !all
		for _, one := range live {
			known := func(m GroupMember) bool { return m.User == one.Principal.User }
			if one.Via == "" || !slices.Contains(one.Principal.Groups, group) || slices.ContainsFunc(found.People, known) {
				continue
			}
			found.People = append(found.People, GroupMember{
				User: one.Principal.User, Name: one.Shown, KeyManager: one.Via, Seen: one.row.Seen,
			})
		}
		return err
	})
	return found, err
}

// rulesFor finds the rules of the tenant's ways in that name the group.
func (s *Sessions) rulesFor(tx *store.Tx, tenant, group string) ([]GroupRule, error) {
	rules := []GroupRule{}
	marked, _, err := tx.List(keyward.KindKeyManager, store.Filter{Tenant: tenant, Offered: true, SignsIn: true})
	for _, o := range marked {
		spec, ok := o.Spec.(*keyward.KeyManagerSpec)
		if !ok || !s.leadsInto(o, tenant) {
			continue
		}
		for _, r := range spec.SignIn.Roles {
			if !account.Counts(r, o.Tenant, tenant, spec.Global) || !slices.Contains(r.Groups, group) {
				continue
			}
			rule := GroupRule{KeyManager: o.Name}
			if o.Tenant == tenant {
				rule.Claim, rule.Equals = r.Claim, r.Equals
			}
			rules = append(rules, rule)
		}
	}
	return rules, err
}

// liveSession is one that counts, with its row.
type liveSession struct {
	*Session

	row *store.Session
}

// live gives the sessions that count of one person, or of everybody in the tenant, of whom no more than mostListed are looked at:
// those that were used last first. all tells that there are no others.
func (s *Sessions) live(tx *store.Tx, tenant string, of whose) (live []liveSession, all bool, err error) {
	rows, err := tx.SessionsOf(tenant, of.userID, of.keyManagerID, of.subject, mostListed)
	if err != nil {
		return nil, false, err
	}
	now := s.options.Now()
	for _, row := range rows {
		if !now.Before(row.Expires) || now.Sub(row.Seen) >= s.options.Idle {
			continue
		}
		found, err := s.standing(tx, row)
		if keyward.CodeOf(err) == keyward.CodeUnauthenticated { // it is over
			continue
		}
		if err != nil {
			return nil, false, err
		}
		live = append(live, liveSession{found, row})
	}
	return live, len(rows) < mostListed, nil
}
