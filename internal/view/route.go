package view

import (
	"cmp"
	"slices"
	"strings"

	"keyward.dev/keyward"
)

// tenant is what decisions look up by tenant: its own and the global key managers, and its routes.
type tenant struct {
	issuers  map[string][]*KeyManager // by exact issuer
	ordered  []*KeyManager            // by name
	claiming []*KeyManager            // those of ordered with claim rules
	routes   map[string]place         // by CONTEXT/VERSION and, for default versions, CONTEXT
	depth    int                      // the most segments that a route has
}

type place struct {
	api       *API
	byDefault bool
}

// Route is an API that serves a path.
type Route struct {
	API       *API
	Rest      string // what follows the API's place in the path: empty, or starting with a slash
	ByDefault bool   // the path named no version
}

// Route finds the API for a canonical path: the longest context and version that the path starts with, an explicit
// version before a default one. /t/TENANT leads to other tenants; the default tenant has no such prefix.
func (v *View) Route(path string) (Route, bool) {
	name := keyward.DefaultTenant
	if rest, ok := strings.CutPrefix(path, "/t/"); ok {
		name, _, _ = strings.Cut(rest, "/")
		if name == keyward.DefaultTenant {
			return Route{}, false
		}
		path = path[len("/t/")+len(name):]
	}
	t := v.tenants[name]
	if t == nil || path == "" {
		return Route{}, false
	}
	var found Route
	for i, depth := 1, 0; i <= len(path) && depth < t.depth; i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		depth++
		if p, ok := t.routes[path[:i]]; ok {
			found = Route{API: p.api, Rest: path[i:], ByDefault: p.byDefault}
		}
	}
	return found, found.API != nil
}

// ByIssuer gives the key managers that the tenant may use and one of whose issuers is exactly iss, ordered by name.
// The slice must not be changed.
func (v *View) ByIssuer(tenantName, iss string) []*KeyManager {
	t := v.tenants[tenantName]
	if t == nil {
		return nil
	}
	return t.issuers[iss]
}

// OfTenant gives the key managers that the tenant may use, its own and the global ones, ordered by name. The slice
// must not be changed.
func (v *View) OfTenant(tenantName string) []*KeyManager {
	t := v.tenants[tenantName]
	if t == nil {
		return nil
	}
	return t.ordered
}

// ClaimingOf gives those of OfTenant that have claim rules.
func (v *View) ClaimingOf(tenantName string) []*KeyManager {
	t := v.tenants[tenantName]
	if t == nil {
		return nil
	}
	return t.claiming
}

// APIs gives every API, ordered by tenant and name.
func (v *View) APIs() []*API {
	list := make([]*API, 0, len(v.apis))
	for _, a := range v.apis {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *API) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func newTenant() *tenant {
	return &tenant{issuers: map[string][]*KeyManager{}, routes: map[string]place{}}
}

// addKeyManager must be called in the order of names.
func (t *tenant) addKeyManager(km *KeyManager) {
	t.ordered = append(t.ordered, km)
	if len(km.ClaimRules) > 0 {
		t.claiming = append(t.claiming, km)
	}
	for i := range km.Issuers {
		iss := km.Issuers[i].Issuer
		if !slices.Contains(t.issuers[iss], km) {
			t.issuers[iss] = append(t.issuers[iss], km)
		}
	}
}

func (t *tenant) addAPI(a *API) {
	t.place(a.Context+"/"+a.Version, place{api: a})
	if a.Default {
		t.place(a.Context, place{api: a, byDefault: true})
	}
}

// place settles a contest the same way in any order: an explicit version before a default one, then the smaller id.
func (t *tenant) place(path string, p place) {
	t.depth = max(t.depth, strings.Count(path, "/"))
	old, taken := t.routes[path]
	switch {
	case !taken, old.byDefault && !p.byDefault:
		t.routes[path] = p
	case old.byDefault == p.byDefault && p.api.ID < old.api.ID:
		t.routes[path] = p
	}
}
