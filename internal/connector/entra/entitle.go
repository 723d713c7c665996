package entra

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// rights are what a management application needs beside Application.ReadWrite.OwnedBy to give roles.
const rights = "the application permissions AppRoleAssignment.ReadWrite.All and Application.Read.All of Microsoft Graph, " +
	"with an administrator's consent, so that Keyward gives app roles by itself"

// appRole is the part of Graph's appRole that we read.
type appRole struct {
	ID      string   `json:"id"`
	Value   string   `json:"value"`
	Enabled bool     `json:"isEnabled"`
	Members []string `json:"allowedMemberTypes"`
}

// servicePrincipal is the part of Graph's servicePrincipal that we read.
type servicePrincipal struct {
	ID    string    `json:"id"`
	AppID string    `json:"appId"`
	Names []string  `json:"servicePrincipalNames"`
	Roles []appRole `json:"appRoles"`
}

// assignment is the part of Graph's appRoleAssignment that we write and read.
type assignment struct {
	ID          string `json:"id,omitempty"`
	PrincipalID string `json:"principalId"`
	ResourceID  string `json:"resourceId"`
	RoleID      string `json:"appRoleId"`
}

// standing is what Graph says about a client and the APIs that are asked about.
type standing struct {
	principal   string // of the client
	assignments []assignment
	apis        map[string]*servicePrincipal // by audience; nil = the organization has none
}

// Entitled implements connector.Entitler. A token for an API that the organization has can be had without any role.
func (e *entra) Entitled(
	ctx context.Context, h connector.Handle, list []connector.Entitlement,
) ([]connector.Entitlement, error) {
	s, err := e.standing(ctx, h, list)
	if err != nil {
		return nil, barred(wire.Harmless(err))
	}
	return slices.DeleteFunc(slices.Clone(list), func(w connector.Entitlement) bool { return !s.holds(w) }), nil
}

// Entitle implements connector.Entitler: a scope is an app role of the API whose value it is. Roles are given for those
// APIs only that the key manager's administrator named, because who may assign roles may assign those of Microsoft Graph.
// It returns when Graph shows what was done, so that the next comparison does not see what was before.
func (e *entra) Entitle(
	ctx context.Context, h connector.Handle, give, take []connector.Entitlement,
) ([]connector.Entitlement, error) {
	s, err := e.standing(ctx, h, slices.Concat(give, take))
	if err != nil {
		return nil, barred(err)
	}
	var lacking, given []connector.Entitlement
	for _, w := range give {
		api := s.apis[w.Audience]
		role, known := api.role(w.Scope)
		if w.Scope == "" && api != nil || s.holds(w) {
			continue
		}
		if w.Scope == "" || !known || !api.isOneOf(e.named) {
			lacking = append(lacking, w)
			continue
		}
		if err := e.assign(ctx, s.principal, api.ID, role.ID); err != nil {
			return nil, barredAt(len(given), err)
		}
		given = append(given, w)
	}
	for i, a := range s.of(take) {
		if err := e.unassign(ctx, a); err != nil {
			return nil, barredAt(len(given)+i, err)
		}
	}
	return lacking, e.awaitRoles(ctx, s, given, take)
}

// standing asks Graph. What the audience "" means, the key manager says.
func (e *entra) standing(ctx context.Context, h connector.Handle, list []connector.Entitlement) (*standing, error) {
	s := &standing{apis: map[string]*servicePrincipal{}}
	address := e.graph + "/servicePrincipals(appId='" + quoted(h.ClientID) + "')?$select=id"
	get := wire.Call{Op: "find the client's service principal", Method: http.MethodGet, URL: address}
	a, err := e.patiently(ctx, get, connector.NotFound)
	if err != nil {
		return nil, err
	}
	var own servicePrincipal
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &own) != nil || own.ID == "" {
		return nil, get.Failure(a)
	}
	s.principal = own.ID
	for _, w := range list {
		if _, asked := s.apis[w.Audience]; asked {
			continue
		}
		name := w.Audience
		if name == "" && len(e.named) > 0 {
			name = e.named[0]
		}
		if name == "" {
			continue
		}
		if s.apis[w.Audience], err = e.api(ctx, name); err != nil {
			return nil, err
		}
	}
	s.assignments, err = e.assignments(ctx, own.ID)
	return s, err
}

// api finds the service principal of an API by its application ID URI or its client id; nil where there is none.
func (e *entra) api(ctx context.Context, name string) (*servicePrincipal, error) {
	filter := "servicePrincipalNames/any(n:n eq '" + strings.ReplaceAll(name, "'", "''") + "')"
	found, err := pages[servicePrincipal](ctx, e, "find the API "+name, e.graph+"/servicePrincipals?"+
		"$filter="+strings.ReplaceAll(url.QueryEscape(filter), "+", "%20")+"&$select=id,appId,appRoles,servicePrincipalNames")
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (e *entra) assignments(ctx context.Context, principal string) ([]assignment, error) {
	return pages[assignment](ctx, e, "read the client's app roles",
		e.graph+"/servicePrincipals/"+url.PathEscape(principal)+"/appRoleAssignments")
}

// pages reads a list of Graph's to its end.
func pages[T any](ctx context.Context, e *entra, op, at string) ([]T, error) {
	var all []T
	for range connector.MaxPages {
		get := wire.Call{Op: op, Method: http.MethodGet, URL: at}
		a, err := e.manage.Do(ctx, get)
		if err != nil {
			return nil, err
		}
		var page struct {
			Value []T    `json:"value"`
			Next  string `json:"@odata.nextLink"`
		}
		if a.Status != http.StatusOK || json.Unmarshal(a.Body, &page) != nil ||
			page.Next != "" && !connector.SameOrigin(page.Next, e.graph) {
			return nil, get.Failure(a)
		}
		if all = append(all, page.Value...); page.Next == "" {
			return all, nil
		}
		at = page.Next
	}
	return nil, connector.TooLong(op)
}

// barred tells a missing permission from other failures.
func barred(err error) error {
	if f, ok := errors.AsType[*wire.Failure](err); ok && f.Status == http.StatusForbidden {
		return &connector.Barred{Ask: rights, Err: err}
	}
	return err
}

// barredAt is barred where so many changes were made before.
func barredAt(changes int, err error) error {
	if changes > 0 {
		return err
	}
	return barred(err)
}

// role finds the role of that value which clients can be given.
func (p *servicePrincipal) role(value string) (appRole, bool) {
	if p == nil || value == "" {
		return appRole{}, false
	}
	i := slices.IndexFunc(p.Roles, func(r appRole) bool {
		return r.Value == value && r.Enabled && slices.Contains(r.Members, "Application")
	})
	if i < 0 {
		return appRole{}, false
	}
	return p.Roles[i], true
}

// isOneOf tells whether one of the names is the API's.
func (p *servicePrincipal) isOneOf(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return n == p.AppID || slices.Contains(p.Names, n) })
}

// of gives the assignments that a list of scopes stands for; a role that is switched off counts too.
func (s *standing) of(list []connector.Entitlement) []assignment {
	return slices.DeleteFunc(slices.Clone(s.assignments), func(a assignment) bool {
		return !slices.ContainsFunc(list, func(w connector.Entitlement) bool {
			api := s.apis[w.Audience]
			return w.Scope != "" && api != nil && a.ResourceID == api.ID &&
				slices.ContainsFunc(api.Roles, func(r appRole) bool { return r.Value == w.Scope && r.ID == a.RoleID })
		})
	})
}

func (s *standing) holds(w connector.Entitlement) bool {
	if w.Scope == "" {
		return s.apis[w.Audience] != nil
	}
	return len(s.of([]connector.Entitlement{w})) > 0
}

// assign gives a role. One that the client has already is refused with 400, or with 409.
func (e *entra) assign(ctx context.Context, principal, api, role string) error {
	post := wire.Call{
		Op: "give the client an app role", Method: http.MethodPost,
		URL:  e.graph + "/servicePrincipals/" + url.PathEscape(api) + "/appRoleAssignedTo",
		JSON: assignment{PrincipalID: principal, ResourceID: api, RoleID: role},
	}
	a, err := e.patiently(ctx, post, connector.NotFound)
	if err != nil || a.Status == http.StatusCreated || a.Status == http.StatusConflict ||
		a.Status == http.StatusBadRequest && strings.Contains(string(a.Body), "already exists") {
		return err
	}
	return post.Failure(a)
}

func (e *entra) unassign(ctx context.Context, one assignment) error {
	del := wire.Call{
		Op: "take an app role from the client", Method: http.MethodDelete,
		URL: e.graph + "/servicePrincipals/" + url.PathEscape(one.ResourceID) + "/appRoleAssignedTo/" + url.PathEscape(one.ID),
	}
	a, err := e.manage.Do(ctx, del)
	if err != nil || a.Status == http.StatusNoContent || a.Status == http.StatusNotFound {
		return err
	}
	return del.Failure(a)
}

// awaitRoles reads the client's roles until they are as they were made.
func (e *entra) awaitRoles(ctx context.Context, s *standing, given, taken []connector.Entitlement) error {
	if len(given)+len(s.of(taken)) == 0 {
		return nil
	}
	var err error
	for _, pause := range append([]time.Duration{0}, pauses()...) {
		if !sleep(ctx, pause) {
			break
		}
		if s.assignments, err = e.assignments(ctx, s.principal); err != nil {
			return err
		}
		lacks := func(w connector.Entitlement) bool { return !s.holds(w) }
		if !slices.ContainsFunc(given, lacks) && len(s.of(taken)) == 0 {
			return nil
		}
	}
	return &wire.Failure{Op: "give the client its app roles", Status: http.StatusOK, Sent: true,
		Description: "Microsoft Graph does not show yet what was changed"}
}
