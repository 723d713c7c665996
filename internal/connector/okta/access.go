package okta

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// scope is what an authorization server says of one of its scopes.
type scope struct {
	Name    string `json:"name"`
	System  bool   `json:"system"`
	Consent string `json:"consent"`
}

// chosen is a condition of a policy or a rule.
type chosen struct {
	Include []string `json:"include"`
	Exclude []string `json:"exclude"`
}

// policy is an access policy: it names clients, its rules what their tokens may carry.
type policy struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Status     string `json:"status"`
	Priority   int    `json:"priority"`
	Conditions struct {
		Clients chosen `json:"clients"`
	} `json:"conditions"`

	rules []rule
}

// rule is one of a policy's. What we do not know of it is kept in whole.
type rule struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Status     string `json:"status"`
	Conditions struct {
		People struct {
			Users  chosen `json:"users"`
			Groups chosen `json:"groups"`
		} `json:"people"`
		GrantTypes chosen `json:"grantTypes"`
		Scopes     chosen `json:"scopes"`
	} `json:"conditions"`

	whole map[string]any
}

const (
	ourPolicy = "Keyward " // begins the names of policies that are ours; the client's id follows
	ourRule   = "Keyward"
	active    = "ACTIVE"
	everybody = "EVERYONE" // the group of all users
	anyScope  = "*"
)

func (p policy) concerns(clientID string) bool {
	in := p.Conditions.Clients
	return (slices.Contains(in.Include, "ALL_CLIENTS") || slices.Contains(in.Include, clientID)) && !slices.Contains(in.Exclude, clientID)
}

// ours gives the policy's rule that is ours; nil = there is none.
func (p *policy) ours() *rule {
	if p == nil {
		return nil
	}
	i := slices.IndexFunc(p.rules, func(r rule) bool { return r.Name == ourRule })
	if i < 0 {
		return nil
	}
	return &p.rules[i]
}

// gives tells whether the rule decides about requests for all of these grants, whoever the user is.
func (r rule) gives(grants []string) bool {
	people := r.Conditions.People
	anybody := len(people.Users.Exclude)+len(people.Groups.Exclude) == 0 &&
		(slices.Contains(people.Groups.Include, everybody) || len(people.Users.Include)+len(people.Groups.Include) == 0)
	return r.Status == active && anybody && len(connector.Without(grants, r.Conditions.GrantTypes.Include)) == 0
}

func (r rule) covers(scopes []string) bool {
	in := r.Conditions.Scopes.Include
	return slices.Contains(in, anyScope) || len(connector.Without(scopes, in)) == 0
}

// access is what decides about a client's tokens at the authorization server.
type access struct {
	client  *connector.Client
	scopes  map[string]scope
	foreign []policy // those of others that concern the client, with their rules
	ours    *policy  // nil = there is none
	last    int      // the last priority that is taken
}

// grants are those of the client that rules speak of: a refresh goes on under the rule of the grant before it.
func (a *access) grants() []string {
	return connector.Without(a.client.Grants, []string{"refresh_token"})
}

// forPeople tells that the client can also call in the name of users.
func (a *access) forPeople() bool { return !slices.Equal(a.grants(), []string{machine}) }

// grantable tells whether a scope that exists can be given to the client. Where there is no user, nobody can consent; and
// Okta's own scopes say who a user is.
func (a *access) grantable(name string) bool {
	s, there := a.scopes[name]
	return there && !s.System && (s.Consent != "REQUIRED" || !slices.Contains(a.client.Grants, machine))
}

// has gives those of the scopes that the client gets when it asks for them together: Okta asks one policy and rule after
// the other, and gives a token only where one rule covers the whole request.
func (a *access) has(names []string) []string {
	usable := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !a.grantable(n) })
	for _, p := range a.foreign {
		if slices.ContainsFunc(p.rules, func(r rule) bool { return r.gives(a.grants()) && r.covers(usable) }) {
			return usable
		}
	}
	r := a.ours.ours()
	if r == nil || a.byHand() || !r.gives(a.grants()) {
		return nil
	}
	return slices.DeleteFunc(usable, func(n string) bool { return !r.covers([]string{n}) })
}

// given are the scopes in our rule, without Okta's own.
func (a *access) given() []string {
	r := a.ours.ours()
	if r == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Conditions.Scopes.Include), func(n string) bool { return a.scopes[n].System })
}

// byHand tells that somebody switched our policy or its rule off, or took the client out of it: it stays so.
func (a *access) byHand() bool {
	r := a.ours.ours()
	return a.ours != nil && (a.ours.Status != active || !a.ours.concerns(a.client.ClientID) || r != nil && r.Status != active)
}

// at is the address of the authorization server in the management API.
func (o *okta) at() string { return o.org + "/api/v1/authorizationServers/" + url.PathEscape(o.server) }

func (o *okta) rules(p policy) string { return o.at() + "/policies/" + url.PathEscape(p.ID) + "/rules" }

func (o *okta) scopes(ctx context.Context) (map[string]scope, error) {
	scopes := map[string]scope{}
	err := each(ctx, o, "read the authorization server's scopes", o.at()+"/scopes?limit=200", func(s scope) bool {
		scopes[s.Name] = s
		return false
	})
	return scopes, err
}

// policies gives all, without their rules.
func (o *okta) policies(ctx context.Context) ([]policy, error) {
	var list []policy
	err := each(ctx, o, "read the authorization server's access policies", o.at()+"/policies", func(p policy) bool {
		list = append(list, p)
		return false
	})
	return list, err
}

// readRules adds a policy's rules.
func (o *okta) readRules(ctx context.Context, p *policy) error {
	const op = "read the rules of an access policy"
	broken := false
	err := each(ctx, o, op, o.rules(*p), func(item json.RawMessage) bool {
		var r rule
		broken = json.Unmarshal(item, &r) != nil || json.Unmarshal(item, &r.whole) != nil
		p.rules = append(p.rules, r)
		return broken
	})
	if err == nil && broken {
		err = &wire.Failure{Op: op, Status: http.StatusOK, Sent: true, Harmless: true, Description: "a rule cannot be read"}
	}
	return err
}

// look reads what decides about a client's tokens. A client that is not there is a Failure.
func (o *okta) look(ctx context.Context, h connector.Handle) (*access, error) {
	if o.server == "" {
		return nil, connector.Refused("spec.issuer", "names no custom authorization server, whose policies give clients their scopes")
	}
	c, err := o.Read(ctx, h)
	if err == nil && c == nil {
		err = o.gone("read the client", h)
	}
	if err != nil {
		return nil, err
	}
	a := &access{client: c}
	if a.scopes, err = o.scopes(ctx); err != nil {
		return nil, err
	}
	policies, err := o.policies(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range policies {
		a.last = max(a.last, p.Priority)
		isOurs := p.Name == ourPolicy+h.ClientID
		if !isOurs && (p.Status != active || !p.concerns(h.ClientID)) {
			continue
		}
		if err := o.readRules(ctx, &p); err != nil {
			return nil, err
		}
		if isOurs {
			a.ours = &p
		} else {
			a.foreign = append(a.foreign, p)
		}
	}
	return a, nil
}

// gone is the failure of what needs a client that is there.
func (o *okta) gone(op string, h connector.Handle) error {
	return &wire.Failure{
		Op: op, Status: http.StatusNotFound, Sent: true, Harmless: true, Description: "the organization has no client " + h.ClientID,
	}
}

// forbidden tells that the credentials do not allow something.
func forbidden(err error) bool {
	f, ok := errors.AsType[*wire.Failure](err)
	return ok && f.Status == http.StatusForbidden
}

// barred tells a missing right from other failures.
func barred(err error) error {
	if forbidden(err) {
		return &connector.Barred{Err: err, Ask: "the role API Access Management Administrator for the API token's user, or for the " +
			"service app, which is granted okta.authorizationServers.manage besides"}
	}
	return err
}
