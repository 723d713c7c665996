package demo

import (
	_ "embed" // the catalog's OpenAPI document
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
)

// The names of what the demo declares.
const (
	user          = "demo"
	developer     = "dana"
	application   = "shop"
	warehouse     = "warehouse"
	dashboard     = "dashboard"
	partnerName   = "partner"
	manifestSet   = "reports"
	scopeRead     = "orders:read"
	scopeWrite    = "orders:write"
	scopeInvoices = "invoices:read"
	scopeCatalog  = "catalog:read"
	scopeStock    = "catalog:write"
)

//go:embed catalog.yaml
var catalogDocument string

// declared is a manifest with its spec as it is written.
type declared struct {
	kind keyward.Kind
	name string
	spec map[string]any
}

type object = map[string]any

// manifestSets are the demo's manifests by who owns what they declare.
type manifestSets struct {
	own   []keyward.Manifest // edited in the console
	ofSet []keyward.Manifest // owned by a manifest set, as what comes out of a repository is
	asked []keyward.Manifest // what the developer asks for
}

// manifests declare four APIs, three applications and who may call what. The shop's keys at the partner are mapped, because
// that server is not ours; those at the resident one are generated afterwards.
func manifests(upstream string, p *partner, password string) (m manifestSets, err error) {
	own := append(people(password), declared{keyward.KindKeyManager, partnerName, object{
		"type": "oidc", "displayName": "Partner", "discovery": p.issuer,
		"tokens":  object{"audiences": []string{p.issuer}},
		"clients": object{"create": false},
	}})
	own = append(own, apis(upstream)...)
	own = append(own,
		declared{keyward.KindApplication, application, object{"displayName": "Shop", "owners": []string{user}}},
		declared{keyward.KindApplication, warehouse, object{"displayName": "Warehouse", "owners": []string{user, developer}}},
		declared{keyward.KindApplication, dashboard, object{"displayName": "Dashboard", "owners": []string{developer}}},
		subscription(application, "orders", "gold"), subscription(application, "invoices", "gold"),
		subscription(warehouse, "catalog", "gold"),
		declared{keyward.KindOAuthClient, "shop-partner", object{
			"application": application, "keyManager": partnerName, "clientId": p.client.ID,
		}},
	)
	if m.own, err = written(own); err != nil {
		return m, err
	}
	if m.ofSet, err = written([]declared{{keyward.KindAPI, "reports", object{
		"title": "Reports", "context": "/reports", "version": "v1", "upstream": object{"production": upstream + "/reports"},
		"keyManagers": "all", "plans": []string{"gold", "platinum"}, "backendJWT": object{"enabled": true},
		"operations": []object{operation("GET", "/daily")},
	}}}); err != nil {
		return m, err
	}
	m.asked, err = written([]declared{subscription(dashboard, "reports", "platinum")})
	return m, err
}

// people are who signs in to the console, and the plans that publishers offer.
func people(password string) []declared {
	return []declared{
		{keyward.KindUser, user, object{"roles": []string{string(keyward.RoleAdmin)}, "password": password}},
		{keyward.KindUser, developer, object{"roles": []string{string(keyward.RoleDeveloper)}, "password": password}},
		{keyward.KindPlan, "gold", object{"rate": []object{{"requests": 1000, "per": "1m"}}}},
		{keyward.KindPlan, "platinum", object{"rate": []object{{"requests": 100000, "per": "1m"}}, "approval": "manual"}},
	}
}

// apis are those that people edit in the console.
func apis(upstream string) []declared {
	backend := func(path string) object { return object{"production": upstream + path} }
	signed := object{"enabled": true}
	return []declared{
		{keyward.KindAPI, "orders", object{
			"title": "Orders", "context": "/orders", "version": "v1", "default": true, "upstream": backend("/orders"),
			"keyManagers": []string{keyward.ResidentName, partnerName}, "plans": []string{"gold"}, "backendJWT": signed,
			"operations": []object{
				operation("GET", "/items", scopeRead), operation("GET", "/items/{id}", scopeRead),
				operation("POST", "/items", scopeWrite),
			},
		}},
		{keyward.KindAPI, "invoices", object{
			"title": "Invoices", "context": "/invoices", "version": "v1", "upstream": backend("/invoices"),
			"keyManagers": []string{keyward.ResidentName}, "plans": []string{"gold"}, "backendJWT": signed,
			"operations": []object{operation("GET", "/latest", scopeInvoices)},
		}},
		{keyward.KindAPI, "catalog", object{
			"title": "Catalog", "context": "/catalog", "version": "v1", "upstream": backend("/catalog"),
			"keyManagers": "all", "plans": []string{"gold", "platinum"}, "openapi": object{"document": catalogDocument},
		}},
	}
}

func operation(method, path string, scopes ...string) object {
	if len(scopes) == 0 {
		return object{"method": method, "path": path}
	}
	return object{"method": method, "path": path, "scopes": scopes}
}

func subscription(application, api, plan string) declared {
	return declared{keyward.KindSubscription, application + "-" + api, object{"application": application, "api": api, "plan": plan}}
}

// written are declarations as manifests.
func written(all []declared) ([]keyward.Manifest, error) {
	list := make([]keyward.Manifest, len(all))
	for i, d := range all {
		spec, err := json.Marshal(d.spec)
		if err != nil {
			return nil, fmt.Errorf("write the manifest of %s %s: %w", d.kind, d.name, err)
		}
		list[i] = keyward.Manifest{
			APIVersion: keyward.APIVersion, Kind: d.kind, Metadata: keyward.Metadata{Name: d.name}, Spec: spec,
		}
	}
	return list, nil
}
