package auth0server

import (
	"fmt"
	"net/http"
	"slices"

	"keyward.dev/keyward/internal/testbed/contract"
)

func (s *state) accessCalls() []contract.Call {
	const grants, server = "/api/v2/client-grants", "/api/v2/resource-servers/{id}"
	flag := contract.Member{Kind: contract.Text, Enum: []string{"true", "false"}}
	text := contract.Member{Kind: contract.Text}
	list := contract.Members{
		"include_totals": flag, "from": text, "take": text, "audience": text, "client_id": text, "allow_any_organization": flag,
		"subject_type": {Kind: contract.Text, Enum: subjects()}, "default_for": text,
	}
	return []contract.Call{
		{Doc: "Create client grant", Method: "POST", Path: grants, Auth: s.admin, JSON: createGrant(), Do: s.grant},
		{Doc: "Get client grants", Method: "GET", Path: grants, Auth: s.admin, Query: list, Do: s.listGrants},
		{Doc: "Update client grant", Method: "PATCH", Path: grants + "/{id}", Auth: s.admin, JSON: updateGrant(), Do: s.updateGrant},
		{Doc: "Delete client grant", Method: "DELETE", Path: grants + "/{id}", Auth: s.admin, Do: s.removeGrant},
		{Doc: "Get a resource server", Method: "GET", Path: server, Auth: s.admin,
			Query: contract.Members{"include_fields": flag}, Do: s.readServer},
		{Doc: "Update a resource server", Method: "PATCH", Path: server, Auth: s.admin, JSON: updateServer(), Do: s.updateServer},
	}
}

func subjects() []string { return []string{"client", "user", "anonymous_user"} }

// updateGrant is UpdateClientGrantRequestContent.
func updateGrant() contract.Members {
	return contract.Members{
		"scope": {Kind: contract.Texts, Nullable: true}, "allow_any_organization": {Kind: contract.Flag, Nullable: true},
		"allow_all_scopes":            {Kind: contract.Flag, Nullable: true},
		"organization_usage":          {Kind: contract.Text, Nullable: true, Enum: []string{"deny", "allow", "require"}},
		"authorization_details_types": {Kind: contract.Texts},
	}
}

// createGrant is CreateClientGrantRequestContent. Since a grant can be a default for many, client_id is optional in its
// type; without default_for it is needed.
func createGrant() contract.Members {
	m := updateGrant()
	for name, member := range m {
		member.Nullable = false
		m[name] = member
	}
	needed := contract.Member{Kind: contract.Text, Required: true}
	m["client_id"], m["audience"] = needed, needed
	m["subject_type"] = contract.Member{Kind: contract.Text, Enum: subjects()}
	return m
}

// updateServer is UpdateResourceServerRequestContent without its members that are objects of their own.
func updateServer() contract.Members {
	text, flag, number := contract.Member{Kind: contract.Text}, contract.Member{Kind: contract.Flag}, contract.Member{Kind: contract.Number}
	return contract.Members{
		"name": text, "signing_secret": text, "token_dialect": text, "token_lifetime": number, "enforce_policies": flag,
		"signing_alg": {Kind: contract.Text, Enum: []string{"HS256", "RS256", "RS512", "PS256"}}, "allow_offline_access": flag,
		"skip_consent_for_verifiable_first_party_clients": flag,
		"scopes": {Kind: contract.Objects, Members: contract.Members{
			"value": {Kind: contract.Text, Required: true}, "description": text,
		}},
	}
}

// server finds an API by its id or its identifier.
func (s *state) server(id string) map[string]any {
	i := slices.IndexFunc(s.servers, func(rs map[string]any) bool { return rs["id"] == id || rs["identifier"] == id })
	if i < 0 {
		return nil
	}
	return s.servers[i]
}

// defined are the values of an API's scopes.
func defined(server map[string]any) []string {
	list, _ := server["scopes"].([]any) // an absent one is empty
	values := []string{}
	for _, item := range list {
		if scope, ok := item.(map[string]any); ok {
			values = append(values, fmt.Sprint(scope["value"]))
		}
	}
	return values
}

func (s *state) readServer(x *contract.Exchange) {
	id := x.R.PathValue("id")
	if server := s.server(id); server != nil {
		x.JSON(http.StatusOK, server)
		return
	}
	noServer(x, id)
}

func noServer(x *contract.Exchange, id string) {
	apiError(x.W, http.StatusNotFound, "inexistent_resource_server", "Resource server not found: "+id)
}

// updateServer puts each given member in the place of what was there: a list of scopes is the whole list.
func (s *state) updateServer(x *contract.Exchange) {
	id := x.R.PathValue("id")
	server := s.server(id)
	if server == nil {
		noServer(x, id)
		return
	}
	for name, value := range x.Body {
		server[name] = value
	}
	x.JSON(http.StatusOK, server)
}

// granted tells what a client may ask for in its own name.
func (s *state) granted(client, audience string) ([]string, bool) {
	i := slices.IndexFunc(s.grants, func(g map[string]any) bool {
		return g["client_id"] == client && g["audience"] == audience && g["subject_type"] == "client"
	})
	if i < 0 {
		return nil, false
	}
	there := defined(s.server(audience))
	if s.grants[i]["allow_all_scopes"] == true {
		return there, true
	}
	return slices.DeleteFunc(contract.Strings(s.grants[i]["scope"]), func(v string) bool { return !slices.Contains(there, v) }), true
}

// fits wants the scopes of a grant to be the API's.
func (s *state) fits(x *contract.Exchange, audience string, scope any) bool {
	there := defined(s.server(audience))
	for _, value := range contract.Strings(scope) {
		if !slices.Contains(there, value) {
			apiError(x.W, http.StatusBadRequest, "invalid_scope", "Scope '"+value+"' is not defined in the resource server "+audience)
			return false
		}
	}
	return true
}

func (s *state) grant(x *contract.Exchange) {
	id, audience := fmt.Sprint(x.Body["client_id"]), fmt.Sprint(x.Body["audience"])
	grant := map[string]any{"subject_type": "client", "scope": []any{}}
	for name, value := range x.Body {
		grant[name] = value
	}
	switch {
	case s.find(id) == nil:
		apiError(x.W, http.StatusNotFound, "inexistent_client", "The client does not exist")
		return
	case s.server(audience) == nil:
		noServer(x, audience)
		return
	case slices.ContainsFunc(s.grants, func(g map[string]any) bool {
		return g["client_id"] == id && g["audience"] == audience && g["subject_type"] == grant["subject_type"]
	}):
		apiError(x.W, http.StatusConflict, "grant_conflict", "A resource with the same identifier already exists.")
		return
	}
	if !s.fits(x, audience, grant["scope"]) {
		return
	}
	s.count++
	grant["id"] = fmt.Sprintf("cgr_%016d", s.count)
	s.grants = append(s.grants, grant)
	x.JSON(http.StatusCreated, grant)
}

func (s *state) listGrants(x *contract.Exchange) {
	q := x.R.URL.Query()
	items := []map[string]any{}
	for _, g := range s.grants {
		fits := true
		for _, name := range []string{"client_id", "audience", "subject_type"} {
			fits = fits && (!q.Has(name) || g[name] == q.Get(name))
		}
		if fits {
			items = append(items, g)
		}
	}
	page(x, "client_grants", items)
}

func (s *state) updateGrant(x *contract.Exchange) {
	id := x.R.PathValue("id")
	i := slices.IndexFunc(s.grants, func(g map[string]any) bool { return g["id"] == id })
	if i < 0 {
		apiError(x.W, http.StatusNotFound, "inexistent_grant", "The grant does not exist")
		return
	}
	if !s.fits(x, fmt.Sprint(s.grants[i]["audience"]), x.Body["scope"]) {
		return
	}
	for name, value := range x.Body {
		s.grants[i][name] = value
	}
	x.JSON(http.StatusOK, s.grants[i])
}

// removeGrant answers in the same way whether there was such a grant or not.
func (s *state) removeGrant(x *contract.Exchange) {
	id := x.R.PathValue("id")
	s.grants = slices.DeleteFunc(s.grants, func(g map[string]any) bool { return g["id"] == id })
	x.W.WriteHeader(http.StatusNoContent)
}
