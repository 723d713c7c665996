package entraserver

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keyward.dev/keyward/internal/testbed/contract"
)

// principal is an application's presence in the organization: a client's, or an API's with its roles.
type principal struct {
	id, appID, name string
	names           []string // servicePrincipalNames
	roles           []role
	unseen          int
}

type role struct {
	id, value, members string
	disabled           bool
}

type assignment struct {
	id, principal, api, role string
	unseen                   int // how often it will not be listed yet
	gone                     bool
	lingering                int // how often it will still be listed
}

// apis are those of the organization from the start: two of its own, and Microsoft Graph.
func apis() []*principal {
	roles := func(first string) []role {
		list := []role{}
		for i, value := range []string{Role, OtherRole, StockRole, RetiredRole, PeoplesRole} {
			members := map[bool]string{true: "User", false: "Application"}[value == PeoplesRole]
			list = append(list, role{
				id: first + "-71b7-42ac-8b2d-00000000000" + strconv.Itoa(i), value: value, members: members, disabled: value == RetiredRole,
			})
		}
		return list
	}
	const v1, graph = "7d4c1f0e-4444-4e6a-9a53-0f3b1a6f0004", "00000003-0000-0000-c000-000000000000"
	return []*principal{
		{id: "8e881353-1735-45af-af21-000000000001", appID: ResourceID, name: "Orders", names: []string{Resource, ResourceID},
			roles: roles("6e0a958b")},
		{id: "8e881353-1735-45af-af21-000000000002", appID: v1, name: "Orders of version 1", names: []string{ResourceV1, v1},
			roles: roles("7f1ba69c")},
		{id: "8e881353-1735-45af-af21-000000000003", appID: graph, name: "Microsoft Graph", names: []string{GraphResource, graph},
			roles: []role{{id: "19dbc75e-c2e2-444c-a770-ec69d8559fc7", value: GraphRole, members: "Application"}}},
	}
}

func (s *state) roleCalls() []contract.Call {
	text := contract.Member{Kind: contract.Text}
	needed := contract.Member{Kind: contract.Text, Required: true}
	const principals = "/v1.0/servicePrincipals"
	return []contract.Call{
		{Doc: "serviceprincipal-list", Method: "GET", Path: principals, Auth: s.admin, Query: contract.Members{
			"$filter": text, "$select": text, "$top": text,
		}, Do: s.listPrincipals},
		{Doc: "serviceprincipal-list-approleassignments", Method: "GET", Path: principals + "/{id}/appRoleAssignments",
			Auth: s.admin, Query: contract.Members{"$skiptoken": text}, Do: s.ifMay(s.listAssignments)},
		{Doc: "serviceprincipal-post-approleassignedto", Method: "POST", Path: principals + "/{id}/appRoleAssignedTo",
			Auth: s.admin, JSON: contract.Members{"principalId": needed, "resourceId": needed, "appRoleId": needed}, Do: s.ifMay(s.assign)},
		{Doc: "serviceprincipal-delete-approleassignedto", Method: "DELETE", Path: principals + "/{id}/appRoleAssignedTo/{one}",
			Auth: s.admin, Do: s.ifMay(s.unassign)},
	}
}

// ifMay refuses a management application that may manage its own applications only.
func (s *state) ifMay(do func(*contract.Exchange)) func(*contract.Exchange) {
	return func(x *contract.Exchange) {
		if s.bearer[strings.TrimPrefix(x.R.Header.Get("Authorization"), "Bearer ")] != ManagementClient {
			fail(x.W, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
			return
		}
		do(x)
	}
}

func (p *principal) answer() map[string]any {
	roles := []any{}
	for _, r := range p.roles {
		roles = append(roles, map[string]any{"id": r.id, "value": r.value, "isEnabled": !r.disabled, "displayName": r.value,
			"description": r.value, "origin": "Application", "allowedMemberTypes": []string{r.members}})
	}
	return map[string]any{"id": p.id, "appId": p.appID, "displayName": p.name, "servicePrincipalNames": p.names,
		"appRoles": roles, "accountEnabled": true, "appRoleAssignmentRequired": false}
}

// principals are all that can be seen.
func (s *state) principals() []*principal {
	all := slices.Clone(s.apis)
	for _, a := range s.apps {
		if a.principal != nil {
			all = append(all, a.principal)
		}
	}
	return all
}

// principalBy finds one that fits; what was just made is not seen.
func (s *state) principalBy(fits func(*principal) bool) *principal {
	for _, p := range s.principals() {
		if !fits(p) {
			continue
		}
		if p.unseen > 0 {
			p.unseen--
			return nil
		}
		return p
	}
	return nil
}

func (s *state) readPrincipal(x *contract.Exchange) {
	key := x.R.PathValue("key")
	p := s.principalBy(func(p *principal) bool { return "servicePrincipals(appId='"+p.appID+"')" == key })
	if p == nil {
		missing(x, key)
		return
	}
	x.JSON(http.StatusOK, p.answer())
}

// listPrincipals filters by one of the names.
func (s *state) listPrincipals(x *contract.Exchange) {
	filter := x.R.URL.Query().Get("$filter")
	name, isName := strings.CutPrefix(filter, "servicePrincipalNames/any(n:n eq '")
	if !isName && filter != "" {
		fail(x.W, http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported filter")
		return
	}
	name = strings.ReplaceAll(strings.TrimSuffix(name, "')"), "''", "'")
	found := []any{}
	for _, p := range s.principals() {
		if filter == "" || slices.Contains(p.names, name) {
			found = append(found, p.answer())
		}
	}
	x.JSON(http.StatusOK, map[string]any{"@odata.context": s.origin + "/v1.0/$metadata#servicePrincipals", "value": found})
}

// listAssignments shows what was given or taken away only after a while, one to a page.
func (s *state) listAssignments(x *contract.Exchange) {
	id := x.R.PathValue("id")
	if s.principalBy(func(p *principal) bool { return p.id == id }) == nil {
		missing(x, id)
		return
	}
	skip, _ := strconv.Atoi(x.R.URL.Query().Get("$skiptoken")) // none is the first
	found := []any{}
	for _, g := range s.grants {
		switch {
		case g.principal != id || g.gone && g.lingering == 0:
			continue
		case g.gone:
			g.lingering--
		case g.unseen > 0:
			g.unseen--
			continue
		}
		found = append(found, g.answer())
	}
	answer := map[string]any{"@odata.context": s.origin + "/v1.0/$metadata#appRoleAssignments", "value": found[min(skip, len(found)):]}
	if skip+1 < len(found) {
		answer["value"] = found[skip : skip+1]
		answer["@odata.nextLink"] = s.origin + x.R.URL.Path + "?" + url.Values{"$skiptoken": {strconv.Itoa(skip + 1)}}.Encode()
	}
	x.JSON(http.StatusOK, answer)
}

func (g *assignment) answer() map[string]any {
	return map[string]any{"id": g.id, "principalId": g.principal, "principalType": "ServicePrincipal", "resourceId": g.api,
		"appRoleId": g.role, "createdDateTime": "2026-11-28T00:00:00Z"}
}

func (s *state) assign(x *contract.Exchange) {
	id := x.R.PathValue("id")
	client, resource, wanted := x.Body["principalId"], x.Body["resourceId"], x.Body["appRoleId"]
	api := s.principalBy(func(p *principal) bool { return p.id == id })
	given := s.principalBy(func(p *principal) bool { return p.id == client })
	if api == nil || given == nil {
		missing(x, id)
		return
	}
	fits := func(r role) bool { return r.id == wanted && !r.disabled && r.members == "Application" }
	if resource != id || !slices.ContainsFunc(api.roles, fits) {
		fail(x.W, http.StatusBadRequest, "Request_BadRequest", "Permission being assigned was not found on application '"+api.appID+"'.")
		return
	}
	g := &assignment{principal: given.id, api: api.id, unseen: s.lag}
	g.role, _ = wanted.(string) // judged
	if slices.ContainsFunc(s.grants, func(o *assignment) bool {
		return !o.gone && o.principal == g.principal && o.api == g.api && o.role == g.role
	}) {
		fail(x.W, http.StatusBadRequest, "Request_BadRequest", "Permission being assigned already exists on the object")
		return
	}
	g.id = s.next("41W1zT6z1U-kJxf62svfp1HFE8pMZhxDun-Th%06d")
	s.grants = append(s.grants, g)
	x.JSON(http.StatusCreated, g.answer())
}

func (s *state) unassign(x *contract.Exchange) {
	id, one := x.R.PathValue("id"), x.R.PathValue("one")
	for _, g := range s.grants {
		if g.id == one && g.api == id && !g.gone {
			g.gone, g.lingering = true, s.lag
			x.W.WriteHeader(http.StatusNoContent)
			return
		}
	}
	missing(x, one)
}

// rolesOf is what a client's tokens for an API say.
func (s *state) rolesOf(client, resource string) []string {
	roles := []string{}
	for _, p := range s.apis {
		for _, g := range s.grants {
			if g.gone || g.principal != client || g.api != p.id || !slices.Contains(p.names, resource) {
				continue
			}
			for _, r := range p.roles {
				if r.id == g.role {
					roles = append(roles, r.value)
				}
			}
		}
	}
	slices.Sort(roles)
	return roles
}
