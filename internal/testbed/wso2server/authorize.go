package wso2server

import (
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/testbed/contract"
)

// resource is an API resource.
type resource struct {
	id, identifier, kind string
	scopes               []string
}

// resources are those from the start: one of the server's own, and two that the organization made.
func resources() []resource {
	return []resource{
		{"res-0", "/api/server/v1/applications", "TENANT", []string{SystemScope}},
		{"res-1", "orders", "BUSINESS", []string{Scope, "orders:write"}},
		{"res-2", "orders_administration", "BUSINESS", []string{OtherScope}},
	}
}

func (s *state) authorizationCalls() []contract.Call {
	const apis, of = "/api/server/v1/api-resources", apps + "/{id}/authorized-apis"
	const view = "internal_api_resource_view"
	change := []string{"internal_application_mgt_update", "internal_application_business_api_update"}
	text, texts := contract.Member{Kind: contract.Text}, contract.Member{Kind: contract.Texts}
	return []contract.Call{
		{Doc: "getAPIResources", Method: "GET", Path: apis, Auth: s.admin, Query: contract.Members{
			"filter": text, "limit": text, "after": text, "before": text, "attributes": text,
		}, Do: s.with(s.listResources, view)},
		{Doc: "api-resources scopes", Method: "GET", Path: apis + "/{resource}/scopes", Auth: s.admin, Do: s.with(s.scopesOf, view)},
		{Doc: "getAuthorizedAPIs", Method: "GET", Path: of, Auth: s.admin,
			Do: s.with(s.inApplication((*application).listAuthorized), viewApps)},
		{Doc: "addAuthorizedAPI", Method: "POST", Path: of, Auth: s.admin, JSON: contract.Members{
			"id": {Kind: contract.Text, Required: true}, "scopes": texts, "authorizationDetailsTypes": texts,
			"policyIdentifier": {Kind: contract.Text, Required: true, Enum: []string{"RBAC", "No Policy"}},
		}, Do: s.with(s.inApplication((*application).authorize), change...)},
		{Doc: "patchAuthorizedAPI", Method: "PATCH", Path: of + "/{resource}", Auth: s.admin, JSON: contract.Members{
			"addedScopes": texts, "removedScopes": texts,
		}, Do: s.with(s.inApplication((*application).reauthorize), change...)},
	}
}

func byID(id string) (resource, bool) {
	all := resources()
	i := slices.IndexFunc(all, func(r resource) bool { return r.id == id })
	if i < 0 {
		return resource{}, false
	}
	return all[i], true
}

// listResources gives one to a page, with a cursor to the next.
func (s *state) listResources(x *contract.Exchange) {
	query := x.R.URL.Query()
	kind, filtered := strings.CutPrefix(query.Get("filter"), "type eq ")
	if !filtered && query.Get("filter") != "" {
		x.JSON(http.StatusBadRequest, map[string]any{"code": "API-RESOURCE-60001", "message": "Invalid filter"})
		return
	}
	var found []resource
	for _, r := range resources() {
		if !filtered || r.kind == kind {
			found = append(found, r)
		}
	}
	from := slices.IndexFunc(found, func(r resource) bool { return r.id == query.Get("after") }) + 1
	answer := map[string]any{"totalResults": len(found), "links": []any{}, "APIResources": []any{}}
	if from < len(found) {
		r := found[from]
		answer["APIResources"] = []any{map[string]any{"id": r.id, "name": r.identifier, "identifier": r.identifier, "type": r.kind,
			"requiresAuthorization": true, "self": "/api/server/v1/api-resources/" + r.id}}
		if from+1 < len(found) {
			answer["links"] = []any{map[string]any{"rel": "next", "href": "/api/server/v1/api-resources?after=" + r.id}}
		}
	}
	x.JSON(http.StatusOK, answer)
}

func (s *state) scopesOf(x *contract.Exchange) {
	r, ok := byID(x.R.PathValue("resource"))
	if !ok {
		noSuch(x)
		return
	}
	x.JSON(http.StatusOK, scopeModels(r.scopes))
}

func scopeModels(names []string) []any {
	list := []any{}
	for _, name := range names {
		list = append(list, map[string]any{"id": "scope-" + name, "name": name, "displayName": name})
	}
	return list
}

func noSuch(x *contract.Exchange) {
	x.JSON(http.StatusNotFound, map[string]any{"code": "APP-60006", "message": "Resource not found."})
}

func (s *state) inApplication(do func(*application, *contract.Exchange)) func(*contract.Exchange) {
	return func(x *contract.Exchange) {
		if a := s.find(func(a *application) bool { return a.id == x.R.PathValue("id") }); a != nil {
			do(a, x)
			return
		}
		noSuch(x)
	}
}

func (a *application) listAuthorized(x *contract.Exchange) {
	list := []any{}
	for _, r := range resources() {
		if scopes, ok := a.authorized[r.id]; ok {
			list = append(list, map[string]any{"id": r.id, "identifier": r.identifier, "displayName": r.identifier,
				"policyId": "RBAC", "type": r.kind, "authorizedScopes": scopeModels(scopes)})
		}
	}
	x.JSON(http.StatusOK, list)
}

func (a *application) authorize(x *contract.Exchange) {
	id, _ := x.Body["id"].(string) // judged
	if _, already := a.authorized[id]; already {
		x.JSON(http.StatusConflict, map[string]any{"code": "APP-60010", "message": "API resource is already authorized."})
		return
	}
	if a.add(x, id, contract.Strings(x.Body["scopes"])) {
		x.W.WriteHeader(http.StatusOK)
	}
}

func (a *application) reauthorize(x *contract.Exchange) {
	id := x.R.PathValue("resource")
	if _, known := a.authorized[id]; !known {
		noSuch(x)
		return
	}
	if !a.add(x, id, contract.Strings(x.Body["addedScopes"])) {
		return
	}
	removed := contract.Strings(x.Body["removedScopes"])
	a.authorized[id] = slices.DeleteFunc(a.authorized[id], func(s string) bool { return slices.Contains(removed, s) })
	x.W.WriteHeader(http.StatusOK)
}

// add authorizes the application for scopes that the API resource has.
func (a *application) add(x *contract.Exchange, id string, scopes []string) bool {
	r, ok := byID(id)
	if !ok || slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(r.scopes, s) }) {
		noSuch(x)
		return false
	}
	all := slices.Clone(a.authorized[id])
	for _, s := range scopes {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	a.authorized[id] = all
	return true
}

// granted are those of the scopes asked for that the application is authorized for.
func (a *application) granted(asked string) string {
	var scopes []string
	for _, s := range strings.Fields(asked) {
		for _, r := range resources() {
			if slices.Contains(a.authorized[r.id], s) {
				scopes = append(scopes, s)
			}
		}
	}
	return strings.Join(scopes, " ")
}

// signIn answers an authorization request. A redirect URI may be a pattern there; ours never are.
func (s *state) signIn(x *contract.Exchange) {
	id := x.R.URL.Query().Get("client_id")
	a := s.find(func(a *application) bool { return a.clientID == id })
	if a == nil || !slices.Contains(a.grants, "authorization_code") {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_client", "A valid OAuth client could not be found.")
		return
	}
	s.people.Authorize(x, a.callbacks, "")
}
