package oktaserver

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/testbed/contract"
)

// authServer is one custom authorization server.
type authServer struct {
	scopes   []map[string]any
	policies []*policy
}

type policy struct {
	data  map[string]any
	rules []map[string]any
}

// newAuthServer makes one with Okta's own scopes, and those of orders with a policy that gives the first to every client.
func newAuthServer(orders bool) *authServer {
	server := &authServer{}
	for i, name := range []string{"openid", "profile", "email", "address", "phone", "offline_access"} {
		server.scopes = append(server.scopes, scopeOf(map[string]any{"name": name, "system": true, "id": fmt.Sprintf("scp%d", i)}))
	}
	if !orders {
		return server
	}
	for _, name := range []string{Scope, OtherScope} {
		server.scopes = append(server.scopes, scopeOf(map[string]any{"name": name, "id": "scp-" + name}))
	}
	server.policies = []*policy{{
		data: map[string]any{"id": "00pEverybody", "type": "OAUTH_AUTHORIZATION_POLICY", "name": "Everybody", "description": "All clients",
			"status": "ACTIVE", "system": false, "priority": 1.0, "conditions": within("clients", "ALL_CLIENTS")},
		rules: []map[string]any{{"id": "0prReaders", "type": "RESOURCE_ACCESS", "name": "Readers", "status": "ACTIVE", "priority": 1.0,
			"system": false, "conditions": map[string]any{
				"people":     within("groups", "EVERYONE"),
				"grantTypes": map[string]any{"include": []any{"client_credentials"}}, "scopes": map[string]any{"include": []any{Scope}},
			},
			"actions": map[string]any{"token": map[string]any{"accessTokenLifetimeMinutes": 30.0}}}},
	}}
	return server
}

func within(name string, values ...any) map[string]any {
	return map[string]any{name: map[string]any{"include": values}}
}

// scopeOf fills in what the documentation gives as defaults.
func scopeOf(data map[string]any) map[string]any {
	full := map[string]any{"consent": "IMPLICIT", "default": false, "metadataPublish": "NO_CLIENTS", "optional": false, "system": false}
	for name, value := range data {
		full[name] = value
	}
	return full
}

func (a *authServer) scope(name string) map[string]any {
	i := slices.IndexFunc(a.scopes, func(s map[string]any) bool { return s["name"] == name })
	if i < 0 {
		return nil
	}
	return a.scopes[i]
}

// asked gives the scopes of a request for a token without a user: without any, the default ones. It says what is wrong
// with them.
func (a *authServer) asked(names []string) (scopes []string, refused string) {
	if len(names) == 0 {
		for _, s := range a.scopes {
			if s["default"] == true {
				scopes = append(scopes, fmt.Sprint(s["name"]))
			}
		}
		if len(scopes) == 0 {
			return nil, "The authorization server resource does not have any configured default scopes, 'scope' must be provided."
		}
		return scopes, ""
	}
	for _, name := range names {
		switch s := a.scope(name); {
		case s == nil:
			return nil, "One or more scopes are not configured for the authorization server resource."
		case s["system"] == true:
			return nil, "OpenID Connect scopes are not valid for the client credentials grant."
		case s["consent"] == "REQUIRED":
			return nil, "The scope " + name + " requires consent, and there is no user to give it."
		}
	}
	return names, ""
}

// decide evaluates policies and their rules by priority: the first rule that covers the whole request decides, and gives
// the token's seconds; 0 where none does.
func (a *authServer) decide(client, grant string, scopes []string) int64 {
	for _, p := range a.ordered() {
		clients := included(p.data, "clients")
		if p.data["status"] != "ACTIVE" || !slices.Contains(clients, "ALL_CLIENTS") && !slices.Contains(clients, client) {
			continue
		}
		for _, rule := range byPriority(p.rules) {
			allowed := included(rule, "scopes")
			covers := slices.Contains(allowed, "*") || !slices.ContainsFunc(scopes, func(s string) bool {
				return !slices.Contains(allowed, s)
			})
			if rule["status"] == "ACTIVE" && slices.Contains(included(rule, "grantTypes"), grant) && covers {
				return lifetime(rule)
			}
		}
	}
	return 0
}

func lifetime(rule map[string]any) int64 {
	actions, _ := rule["actions"].(map[string]any) // an absent one has no token
	token, _ := actions["token"].(map[string]any)  // likewise
	m, ok := token["accessTokenLifetimeMinutes"].(float64)
	if !ok {
		m = 60
	}
	return int64(m) * 60
}

// included reads an include list of the conditions.
func included(data map[string]any, condition string) []string {
	conditions, _ := data["conditions"].(map[string]any) // judged before, or absent
	one, _ := conditions[condition].(map[string]any)
	return contract.Strings(one["include"])
}

func (a *authServer) ordered() []*policy {
	return slices.SortedStableFunc(slices.Values(a.policies), func(p, q *policy) int {
		return cmp.Compare(priority(p.data), priority(q.data))
	})
}

func byPriority(rules []map[string]any) []map[string]any {
	return slices.SortedStableFunc(slices.Values(rules), func(p, q map[string]any) int { return cmp.Compare(priority(p), priority(q)) })
}

func priority(data map[string]any) float64 {
	n, _ := data["priority"].(float64) // 0 where it is left out
	return n
}

func (s *state) serverCalls() []contract.Call {
	const one = "/api/v1/authorizationServers/{server}"
	const policies, rules = one + "/policies", one + "/policies/{policy}/rules"
	text := contract.Member{Kind: contract.Text}
	paged := contract.Members{"after": text, "limit": text, "q": text, "filter": text}
	return []contract.Call{
		{Doc: "Get Authorization Server", Method: "GET", Path: one, Auth: s.admin, Do: s.at(s.readServer)},
		{Doc: "Get all Scopes", Method: "GET", Path: one + "/scopes", Auth: s.admin, Query: paged, Do: s.at(s.scopes)},
		{Doc: "Create a Scope", Method: "POST", Path: one + "/scopes", Auth: s.admin, JSON: scopeMembers(), Do: s.at(s.addScope)},
		{Doc: "Get all Policies", Method: "GET", Path: policies, Auth: s.admin, Do: s.at(s.listPolicies)},
		{Doc: "Create a Policy", Method: "POST", Path: policies, Auth: s.admin, JSON: policyMembers(), Do: s.at(s.addPolicy)},
		{Doc: "Delete a Policy", Method: "DELETE", Path: policies + "/{policy}", Auth: s.admin, Do: s.at(s.removePolicy)},
		{Doc: "Get all Policy Rules", Method: "GET", Path: rules, Auth: s.admin, Do: s.at(s.listRules)},
		{Doc: "Create a Policy Rule", Method: "POST", Path: rules, Auth: s.admin, JSON: ruleMembers(false), Do: s.at(s.addRule)},
		{Doc: "Update a Policy Rule", Method: "PUT", Path: rules + "/{rule}", Auth: s.admin, JSON: ruleMembers(true),
			Do: s.at(s.replaceRule)},
	}
}

// at finds the authorization server of the path.
func (s *state) at(do func(*contract.Exchange, *authServer)) func(*contract.Exchange) {
	return func(x *contract.Exchange) {
		id := x.R.PathValue("server")
		if server := s.servers[id]; server != nil {
			do(x, server)
			return
		}
		missing(x.W, id+" (AuthorizationServer)")
	}
}

func scopeMembers() contract.Members {
	text, flag := contract.Member{Kind: contract.Text}, contract.Member{Kind: contract.Flag}
	return contract.Members{
		"name": {Kind: contract.Text, Required: true}, "description": text, "displayName": text, "default": flag, "optional": flag,
		"consent":         {Kind: contract.Text, Enum: []string{"IMPLICIT", "REQUIRED", "FLEXIBLE", "ADMIN"}},
		"metadataPublish": {Kind: contract.Text, Enum: []string{"NO_CLIENTS", "ALL_CLIENTS"}},
	}
}

func lists(names ...string) contract.Member {
	m := contract.Member{Kind: contract.Object, Required: true, Members: contract.Members{}}
	for _, name := range names {
		m.Members[name] = contract.Member{Kind: contract.Texts, Required: name == "include"}
	}
	return m
}

func policyMembers() contract.Members {
	text := contract.Member{Kind: contract.Text, Required: true}
	return contract.Members{
		"type": {Kind: contract.Text, Enum: []string{"OAUTH_AUTHORIZATION_POLICY"}}, "name": text, "description": text,
		"status":     {Kind: contract.Text, Required: true, Enum: []string{"ACTIVE", "INACTIVE"}},
		"priority":   {Kind: contract.Number, Required: true},
		"conditions": {Kind: contract.Object, Required: true, Members: contract.Members{"clients": lists("include", "exclude")}},
	}
}

// ruleMembers are those of a rule. An update may carry what Okta gave, and needs the status.
func ruleMembers(update bool) contract.Members {
	number := contract.Member{Kind: contract.Number}
	m := contract.Members{
		"type": {Kind: contract.Text, Required: true, Enum: []string{"RESOURCE_ACCESS"}}, "name": {Kind: contract.Text, Required: true},
		"status": {Kind: contract.Text, Required: update, Enum: []string{"ACTIVE", "INACTIVE"}}, "priority": number,
		"conditions": {Kind: contract.Object, Required: true, Members: contract.Members{
			"people": {Kind: contract.Object, Required: true, Members: contract.Members{
				"users":  {Kind: contract.Object, Members: lists("include", "exclude").Members},
				"groups": {Kind: contract.Object, Members: lists("include", "exclude").Members},
			}},
			"grantTypes": lists("include"), "scopes": lists("include"),
		}},
		"actions": {Kind: contract.Object, Members: contract.Members{"token": {Kind: contract.Object, Members: contract.Members{
			"accessTokenLifetimeMinutes": number, "refreshTokenLifetimeMinutes": number, "refreshTokenWindowMinutes": number,
			"inlineHook": {Kind: contract.Object, Members: contract.Members{"id": {Kind: contract.Text}}},
		}}}},
	}
	if update {
		m["id"], m["system"] = contract.Member{Kind: contract.Text}, contract.Member{Kind: contract.Flag}
	}
	return m
}

func (s *state) readServer(x *contract.Exchange, _ *authServer) {
	id := x.R.PathValue("server")
	x.JSON(http.StatusOK, map[string]any{
		"id": id, "name": id, "description": "", "audiences": []string{Audience}, "issuer": s.origin + "/oauth2/" + id, "status": "ACTIVE",
	})
}

func (s *state) scopes(x *contract.Exchange, server *authServer) { s.page(x, server.scopes) }

func (s *state) addScope(x *contract.Exchange, server *authServer) {
	name := fmt.Sprint(x.Body["name"])
	odd := strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
	switch {
	case name == "" || odd || name == "okta" || name == "*" || strings.HasPrefix(name, "okta.") || strings.HasPrefix(name, "okta:"):
		invalid(x.W, "name: not a name of a scope")
		return
	case server.scope(name) != nil:
		invalid(x.W, "name: An object with this field already exists")
		return
	}
	s.count++
	x.Body["id"] = fmt.Sprintf("scp%08d", s.count)
	server.scopes = append(server.scopes, scopeOf(x.Body))
	x.JSON(http.StatusCreated, scopeOf(x.Body))
}
