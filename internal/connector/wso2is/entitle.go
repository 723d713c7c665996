package wso2is

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// rights are what a management application needs to give scopes.
const rights = "the API \"API Resource Management\" (view) and \"Application Management\" (view, update and, where the " +
	"console lists it, update authorized business APIs), so that Keyward authorizes clients for API resources by itself"

// business is the type of the API resources that an organization made itself. The others open the server's own APIs.
const business = "BUSINESS"

// authorization is an API resource that an application is authorized for.
type authorization struct {
	ID     string `json:"id"` // of the API resource
	Scopes []struct {
		Name string `json:"name"`
	} `json:"authorizedScopes"`
}

func (a authorization) has(scope string) bool {
	for _, s := range a.Scopes {
		if s.Name == scope {
			return true
		}
	}
	return false
}

func hasScope(all []authorization, scope string) bool {
	return slices.ContainsFunc(all, func(a authorization) bool { return a.has(scope) })
}

// Entitled implements connector.Entitler. Tokens are for the client itself, so an audience is nothing that it lacks.
func (w *wso2is) Entitled(
	ctx context.Context, h connector.Handle, list []connector.Entitlement,
) ([]connector.Entitlement, error) {
	application, err := w.application(ctx, h)
	if err != nil {
		return nil, barred(wire.Harmless(err))
	}
	has, err := w.authorized(ctx, application)
	if err != nil {
		return nil, barred(wire.Harmless(err))
	}
	return slices.DeleteFunc(slices.Clone(list), func(e connector.Entitlement) bool {
		return e.Scope != "" && !hasScope(has, e.Scope)
	}), nil
}

// Entitle implements connector.Entitler: the application is authorized for scopes of API resources, those that users must
// have a role for by its role (RBAC). An authorization stays when the last of its scopes is taken away.
func (w *wso2is) Entitle(
	ctx context.Context, h connector.Handle, give, take []connector.Entitlement,
) ([]connector.Entitlement, error) {
	application, err := w.application(ctx, h)
	if err != nil {
		return nil, barred(err)
	}
	has, err := w.authorized(ctx, application)
	if err != nil {
		return nil, barred(err)
	}
	wanted := slices.DeleteFunc(slices.Clone(give), func(e connector.Entitlement) bool {
		return e.Scope == "" || hasScope(has, e.Scope)
	})
	owners := map[string]string{}
	if len(wanted) > 0 {
		if owners, err = w.owners(ctx, wanted); err != nil {
			return nil, barred(err)
		}
	}
	added, removed := map[string][]string{}, map[string][]string{}
	var lacking []connector.Entitlement
	for _, e := range wanted {
		if owners[e.Scope] == "" {
			lacking = append(lacking, e)
			continue
		}
		added[owners[e.Scope]] = append(added[owners[e.Scope]], e.Scope)
	}
	for _, e := range take {
		for _, a := range has {
			if a.has(e.Scope) {
				removed[a.ID] = append(removed[a.ID], e.Scope)
			}
		}
	}
	for i, call := range changes(application, has, added, removed) {
		a, err := w.do(ctx, call)
		if err == nil && a.Status != http.StatusOK && a.Status != http.StatusCreated && a.Status != http.StatusNoContent {
			err = call.Failure(a)
		}
		if err != nil && i == 0 {
			return nil, barred(err)
		}
		if err != nil {
			return nil, err
		}
	}
	return lacking, nil
}

// changes are the calls that make it so, by API resource.
func changes(application string, has []authorization, added, removed map[string][]string) []wire.Call {
	resources := slices.Sorted(maps.Keys(added))
	for _, id := range slices.Sorted(maps.Keys(removed)) {
		if !slices.Contains(resources, id) {
			resources = append(resources, id)
		}
	}
	var calls []wire.Call
	for _, id := range resources {
		if !slices.ContainsFunc(has, func(a authorization) bool { return a.ID == id }) {
			calls = append(calls, wire.Call{
				Op: "authorize the client for an API resource", Method: http.MethodPost, URL: application + "/authorized-apis",
				JSON: map[string]any{"id": id, "policyIdentifier": "RBAC", "scopes": added[id]},
			})
			continue
		}
		body := map[string]any{}
		if len(added[id]) > 0 {
			body["addedScopes"] = added[id]
		}
		if len(removed[id]) > 0 {
			body["removedScopes"] = removed[id]
		}
		calls = append(calls, wire.Call{
			Op: "change the client's scopes", Method: http.MethodPatch,
			URL: application + "/authorized-apis/" + url.PathEscape(id), JSON: body,
		})
	}
	return calls
}

func (w *wso2is) authorized(ctx context.Context, application string) ([]authorization, error) {
	get := wire.Call{Op: "read the client's scopes", Method: http.MethodGet, URL: application + "/authorized-apis"}
	return read[[]authorization](ctx, w, get)
}

// owners finds the API resources that have the scopes, among those that the organization made itself.
func (w *wso2is) owners(ctx context.Context, wanted []connector.Entitlement) (map[string]string, error) {
	owners := map[string]string{}
	after := ""
	for range connector.MaxPages {
		query := url.Values{"filter": {"type eq " + business}}
		if after != "" {
			query.Set("after", after)
		}
		address := w.base + "/api/server/v1/api-resources"
		page, err := read[struct {
			Links []struct {
				Rel  string `json:"rel"`
				Href string `json:"href"`
			} `json:"links"`
			Resources []struct {
				ID   string `json:"id"`
				Type string `json:"type"`
			} `json:"APIResources"`
		}](ctx, w, wire.Call{Op: "list the API resources", Method: http.MethodGet, URL: address + "?" + query.Encode()})
		if err != nil {
			return nil, err
		}
		for _, resource := range page.Resources {
			if resource.Type != business {
				continue
			}
			at := address + "/" + url.PathEscape(resource.ID) + "/scopes"
			scopes, err := read[[]struct {
				Name string `json:"name"`
			}](ctx, w, wire.Call{Op: "read an API resource's scopes", Method: http.MethodGet, URL: at})
			if err != nil {
				return nil, err
			}
			for _, s := range scopes {
				owners[s.Name] = resource.ID
			}
			if !slices.ContainsFunc(wanted, func(e connector.Entitlement) bool { return owners[e.Scope] == "" }) {
				return owners, nil
			}
		}
		after = ""
		for _, link := range page.Links {
			if at, err := url.Parse(link.Href); err == nil && link.Rel == "next" {
				after = at.Query().Get("after") // only the cursor: a link does not say where credentials go
			}
		}
		if after == "" {
			return owners, nil
		}
	}
	return nil, connector.TooLong("list the API resources")
}

// read makes a call and reads its answer.
func read[T any](ctx context.Context, w *wso2is, k wire.Call) (T, error) {
	var into T
	a, err := w.do(ctx, k)
	if err == nil && (a.Status != http.StatusOK || json.Unmarshal(a.Body, &into) != nil) {
		err = k.Failure(a)
	}
	return into, err
}

// barred tells a missing right from other failures.
func barred(err error) error {
	f, ok := errors.AsType[*wire.Failure](err)
	if ok && f.Status == http.StatusForbidden {
		return &connector.Barred{Ask: rights, Err: err}
	}
	return err
}
