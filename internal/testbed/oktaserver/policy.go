package oktaserver

import (
	"fmt"
	"net/http"
	"slices"

	"keyward.dev/keyward/internal/testbed/contract"
)

func (s *state) listPolicies(x *contract.Exchange, server *authServer) {
	all := []map[string]any{}
	for _, p := range server.ordered() {
		all = append(all, shown(p.data))
	}
	x.JSON(http.StatusOK, all)
}

// shown adds what Okta alone says of an object.
func shown(data map[string]any) map[string]any {
	all := map[string]any{"created": "2026-11-28T12:00:00.000Z", "lastUpdated": "2026-11-28T12:00:00.000Z", "_links": map[string]any{}}
	for name, value := range data {
		all[name] = value
	}
	return all
}

// addPolicy puts a policy at its priority; those that have it or come after it move back by one.
func (s *state) addPolicy(x *contract.Exchange, server *authServer) {
	at := priority(x.Body)
	for _, p := range server.policies {
		if p.data["name"] == x.Body["name"] {
			invalid(x.W, "name: An object with this field already exists")
			return
		}
	}
	if at < 1 {
		invalid(x.W, "priority: must be 1 or more")
		return
	}
	for _, p := range server.policies {
		if priority(p.data) >= at {
			p.data["priority"] = priority(p.data) + 1
		}
	}
	s.count++
	data := map[string]any{"id": fmt.Sprintf("00p%08d", s.count), "system": false, "type": "OAUTH_AUTHORIZATION_POLICY"}
	for name, value := range x.Body {
		data[name] = value
	}
	server.policies = append(server.policies, &policy{data: data})
	x.JSON(http.StatusCreated, shown(data))
}

func (a *authServer) known(x *contract.Exchange) *policy {
	id := x.R.PathValue("policy")
	i := slices.IndexFunc(a.policies, func(p *policy) bool { return p.data["id"] == id })
	if i < 0 {
		missing(x.W, id+" (Policy)")
		return nil
	}
	return a.policies[i]
}

func (s *state) removePolicy(x *contract.Exchange, server *authServer) {
	p := server.known(x)
	if p == nil {
		return
	}
	server.policies = slices.DeleteFunc(server.policies, func(o *policy) bool { return o == p })
	x.W.WriteHeader(http.StatusNoContent)
}

func (s *state) listRules(x *contract.Exchange, server *authServer) {
	p := server.known(x)
	if p == nil {
		return
	}
	all := []map[string]any{}
	for _, rule := range byPriority(p.rules) {
		all = append(all, shown(rule))
	}
	x.JSON(http.StatusOK, all)
}

func (s *state) addRule(x *contract.Exchange, server *authServer) {
	p := server.known(x)
	if p == nil || !rightRule(x, server) {
		return
	}
	s.count++
	rule := map[string]any{"id": fmt.Sprintf("0pr%08d", s.count), "status": "ACTIVE", "system": false}
	for name, value := range x.Body {
		rule[name] = value
	}
	p.rules = append(p.rules, rule)
	x.JSON(http.StatusCreated, shown(rule))
}

func (s *state) replaceRule(x *contract.Exchange, server *authServer) {
	p := server.known(x)
	if p == nil || !rightRule(x, server) {
		return
	}
	id := x.R.PathValue("rule")
	i := slices.IndexFunc(p.rules, func(r map[string]any) bool { return r["id"] == id })
	if i < 0 {
		missing(x.W, id+" (PolicyRule)")
		return
	}
	x.Body["id"], x.Body["system"] = id, p.rules[i]["system"]
	p.rules[i] = x.Body
	x.JSON(http.StatusOK, shown(x.Body))
}

// rightRule holds a rule's values against what is documented about them.
func rightRule(x *contract.Exchange, server *authServer) bool {
	for _, grant := range included(x.Body, "grantTypes") {
		if !slices.Contains([]string{
			"authorization_code", "implicit", "password", "client_credentials", "refresh_token",
			"urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange",
		}, grant) {
			invalid(x.W, "conditions.grantTypes: "+grant)
			return false
		}
	}
	for _, scope := range included(x.Body, "scopes") {
		if scope != "*" && server.scope(scope) == nil {
			invalid(x.W, "conditions.scopes: "+scope)
			return false
		}
	}
	if seconds := lifetime(x.Body); seconds < 5*60 || seconds > 24*60*60 {
		invalid(x.W, "actions.token.accessTokenLifetimeMinutes: between 5 and 1440")
		return false
	}
	return true
}
