package okta

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Entitled implements connector.Entitler. A scope counts, whoever's policy gives it. Who tokens are for, the authorization
// server says for all its clients.
func (o *okta) Entitled(
	ctx context.Context, h connector.Handle, list []connector.Entitlement,
) ([]connector.Entitlement, error) {
	o.looked = nil
	a, err := o.look(ctx, h)
	if err != nil {
		return nil, barred(wire.Harmless(err))
	}
	var names, audiences []string
	for _, e := range list {
		if e.Scope != "" {
			names = append(names, e.Scope)
		}
	}
	if len(names) < len(list) {
		if audiences, err = o.audiences(ctx); err != nil {
			return nil, barred(err)
		}
	}
	has := a.has(names)
	o.looked = a
	return slices.DeleteFunc(slices.Clone(list), func(e connector.Entitlement) bool {
		if e.Scope == "" {
			return !slices.Contains(audiences, e.Audience)
		}
		return !slices.Contains(has, e.Scope)
	}), nil
}

func (o *okta) audiences(ctx context.Context) ([]string, error) {
	get := wire.Call{Op: "read the authorization server", Method: http.MethodGet, URL: o.at()}
	a, err := o.do(ctx, get)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	members, ok := a.Object()
	if a.Status != http.StatusOK || !ok {
		return nil, wire.Harmless(get.Failure(a))
	}
	return wire.ListOf(members, "audiences"), nil
}

// Entitle implements connector.Entitler: a scope that the authorization server has not is made there, and an access
// policy of the client's own, the last one, has a rule with what the client was given here. No other policy is touched,
// and this one concerns no other client.
func (o *okta) Entitle(
	ctx context.Context, h connector.Handle, give, take []connector.Entitlement,
) (lacking []connector.Entitlement, err error) {
	a := o.looked
	if o.looked = nil; a == nil || a.client.ClientID != h.ClientID {
		if a, err = o.look(ctx, h); err != nil {
			return nil, barred(wire.Harmless(err))
		}
	}
	scopes := a.given()
	for _, e := range give {
		ready := e.Scope != "" && !a.byHand()
		if ready {
			if ready, err = o.ready(ctx, a, e.Scope); err != nil {
				return nil, barred(err)
			}
		}
		if !ready {
			lacking = append(lacking, e)
		} else if !slices.Contains(scopes, e.Scope) {
			scopes = append(scopes, e.Scope)
		}
	}
	scopes = slices.DeleteFunc(scopes, func(name string) bool {
		return slices.ContainsFunc(take, func(e connector.Entitlement) bool { return e.Scope == name })
	})
	if err := o.allow(ctx, a, scopes); err != nil {
		return nil, barred(err)
	}
	return lacking, nil
}

// ready makes a scope where the authorization server lacks it. It is false where the client cannot be given it.
func (o *okta) ready(ctx context.Context, a *access, name string) (bool, error) {
	if _, there := a.scopes[name]; there {
		return a.grantable(name), nil
	}
	if name == "okta" || name == anyScope || strings.HasPrefix(name, "okta.") || strings.HasPrefix(name, "okta:") {
		return false, nil // Okta keeps these names to itself
	}
	post := wire.Call{Op: "make the scope " + name, Method: http.MethodPost, URL: o.at() + "/scopes", JSON: map[string]any{
		"name": name, "description": "Made by Keyward for an API.", "consent": "IMPLICIT",
	}}
	answer, err := o.do(ctx, post)
	if err != nil {
		return false, err
	}
	if answer.Status != http.StatusCreated {
		// Somebody else may have made it meanwhile.
		if a.scopes, err = o.scopes(ctx); err != nil {
			return false, err
		}
		if _, there := a.scopes[name]; !there {
			return false, post.Failure(answer)
		}
		return a.grantable(name), nil
	}
	a.scopes[name] = scope{Name: name}
	return true, nil
}

// allow makes our policy give exactly these scopes; without any, there is none.
func (o *okta) allow(ctx context.Context, a *access, scopes []string) error {
	if len(scopes) == 0 {
		if a.ours == nil {
			return nil
		}
		return o.removePolicy(ctx, *a.ours)
	}
	if a.ours == nil {
		if err := o.makePolicy(ctx, a); err != nil {
			return err
		}
	}
	names := slices.Clone(scopes)
	if a.forPeople() { // who ask for them together with these, to be known by name
		for name := range maps.Keys(a.scopes) {
			if a.scopes[name].System {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return o.putRule(ctx, a, names)
}

// makePolicy makes one for the client alone. Being the last, it moves no other policy.
func (o *okta) makePolicy(ctx context.Context, a *access) error {
	id := a.client.ClientID
	post := wire.Call{Op: "make the client's access policy", Method: http.MethodPost, URL: o.at() + "/policies", JSON: map[string]any{
		"type": "OAUTH_AUTHORIZATION_POLICY", "status": active, "name": ourPolicy + id, "priority": a.last + 1,
		"description": "Made by Keyward for client " + id + "; it is deleted with the client.",
		"conditions":  map[string]any{"clients": map[string]any{"include": []string{id}}},
	}}
	answer, err := o.do(ctx, post)
	if err != nil {
		return err
	}
	members, ok := answer.Object()
	if answer.Status != http.StatusCreated || !ok || wire.Member(members, "id") == "" {
		return post.Failure(answer)
	}
	a.ours = &policy{ID: wire.Member(members, "id"), Status: active}
	return nil
}

// putRule writes our rule, unless it is right already. What somebody changed in it otherwise, such as lifetimes, stays.
func (o *okta) putRule(ctx context.Context, a *access, scopes []string) error {
	put := wire.Call{Op: "write the rule of the client's access policy", Method: http.MethodPost, URL: o.rules(*a.ours)}
	grants, old := a.grants(), a.ours.ours()
	if old == nil {
		put.JSON = map[string]any{
			"type": "RESOURCE_ACCESS", "name": ourRule, "priority": 1,
			"conditions": map[string]any{
				"people":     map[string]any{"groups": map[string]any{"include": []string{everybody}}},
				"grantTypes": map[string]any{"include": grants}, "scopes": map[string]any{"include": scopes},
			},
			"actions": map[string]any{"token": map[string]any{
				"accessTokenLifetimeMinutes": 60, "refreshTokenLifetimeMinutes": 0, "refreshTokenWindowMinutes": 10080,
			}},
		}
	} else {
		if same(old.Conditions.Scopes.Include, scopes) && same(old.Conditions.GrantTypes.Include, grants) {
			return nil
		}
		put.Method, put.URL = http.MethodPut, put.URL+"/"+url.PathEscape(old.ID)
		put.JSON = changed(old.whole, grants, scopes)
	}
	answer, err := o.do(ctx, put)
	if err == nil && answer.Status != http.StatusCreated && answer.Status != http.StatusOK {
		err = put.Failure(answer)
	}
	return err
}

// changed is a rule with other grants and scopes, without what Okta alone writes.
func changed(whole map[string]any, grants, scopes []string) map[string]any {
	whole = maps.Clone(whole)
	conditions, _ := whole["conditions"].(map[string]any) // a rule without conditions gets them
	if conditions = maps.Clone(conditions); conditions == nil {
		conditions = map[string]any{}
	}
	conditions["grantTypes"] = map[string]any{"include": grants}
	conditions["scopes"] = map[string]any{"include": scopes}
	whole["conditions"] = conditions
	for _, name := range []string{"created", "lastUpdated", "_links", "_embedded"} {
		delete(whole, name)
	}
	return whole
}

func same(a, b []string) bool {
	return len(connector.Without(a, b)) == 0 && len(connector.Without(b, a)) == 0
}

// forgetPolicy removes what was made for a client. Credentials that may not read policies have made none.
func (o *okta) forgetPolicy(ctx context.Context, clientID string) error {
	if o.server == "" {
		return nil
	}
	policies, err := o.policies(ctx)
	if forbidden(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, p := range policies {
		if p.Name == ourPolicy+clientID {
			if err := o.removePolicy(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *okta) removePolicy(ctx context.Context, p policy) error {
	del := wire.Call{Op: "remove the client's access policy", Method: http.MethodDelete, URL: o.at() + "/policies/" + url.PathEscape(p.ID)}
	a, err := o.do(ctx, del)
	if err == nil && a.Status != http.StatusNoContent && !connector.NotFound(a) {
		err = del.Failure(a)
	}
	return err
}
