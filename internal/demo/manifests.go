package demo

import (
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
)

// The names of what the demo declares.
const (
	user          = "demo"
	application   = "shop"
	partnerName   = "partner"
	scopeRead     = "orders:read"
	scopeWrite    = "orders:write"
	scopeInvoices = "invoices:read"
)

// declared is a manifest with its spec as it is written.
type declared struct {
	kind keyward.Kind
	name string
	spec map[string]any
}

type object = map[string]any

// manifests declare three APIs, one application and who may call what. The application's keys at the partner are
// mapped, because that server is not ours; those at the resident one are generated afterwards.
func manifests(upstream string, p *partner, password string) ([]keyward.Manifest, error) {
	backend := func(path string) object { return object{"production": upstream + path} }
	operation := func(method, path string, scopes ...string) object {
		if len(scopes) == 0 {
			return object{"method": method, "path": path}
		}
		return object{"method": method, "path": path, "scopes": scopes}
	}
	signed := object{"enabled": true}
	all := []declared{
		{keyward.KindKeyManager, partnerName, object{
			"type": "oidc", "displayName": "Partner", "discovery": p.issuer,
			"tokens":  object{"audiences": []string{p.issuer}},
			"clients": object{"create": false},
		}},
		{keyward.KindUser, user, object{"roles": []string{string(keyward.RoleAdmin)}, "password": password}},
		{keyward.KindPlan, "gold", object{"rate": []object{{"requests": 1000, "per": "1m"}}}},
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
		{keyward.KindAPI, "reports", object{
			"title": "Reports", "context": "/reports", "version": "v1", "upstream": backend("/reports"),
			"keyManagers": "all", "plans": []string{"gold"}, "backendJWT": signed,
			"operations": []object{operation("GET", "/daily")},
		}},
		{keyward.KindApplication, application, object{"displayName": "Shop", "owners": []string{user}}},
		{keyward.KindSubscription, "shop-orders", object{"application": application, "api": "orders", "plan": "gold"}},
		{keyward.KindSubscription, "shop-invoices", object{"application": application, "api": "invoices", "plan": "gold"}},
		{keyward.KindOAuthClient, "shop-partner", object{
			"application": application, "keyManager": partnerName, "clientId": p.client.ID,
		}},
	}
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
