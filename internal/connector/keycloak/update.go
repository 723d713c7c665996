package keycloak

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Update implements connector.Updater: the representation is read and written back, because the admin API resets some
// members that are left out.
func (k *keycloak) Update(
	ctx context.Context, h connector.Handle, r connector.Registration, _ connector.KeepHandle,
) (connector.Registered, error) {
	if len(r.Scopes) > 0 {
		return connector.Registered{}, connector.Refused("scopes", "cannot be changed at a client of Keycloak: leave them out")
	}
	wanted, err := representation(r)
	if err != nil {
		return connector.Registered{}, err
	}
	id, err := k.internalID(ctx, h.ClientID)
	if err != nil {
		return connector.Registered{}, wire.Harmless(err)
	}
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: k.client(id)}
	if id == "" {
		return connector.Registered{}, &wire.Failure{Op: get.Op, Status: http.StatusNotFound, Sent: true, Harmless: true,
			Description: "the realm has no client " + h.ClientID}
	}
	a, err := k.manage.Do(ctx, get)
	if err != nil {
		return connector.Registered{}, wire.Harmless(err)
	}
	var stored map[string]any
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &stored) != nil {
		return connector.Registered{}, wire.Harmless(get.Failure(a))
	}
	attributes, _ := stored["attributes"].(map[string]any) // none is an empty one
	attributes = maps.Clone(attributes)
	if attributes == nil {
		attributes = map[string]any{}
	}
	for _, switched := range []string{
		"use.refresh.tokens", "oauth2.device.authorization.grant.enabled", "oidc.ciba.grant.enabled", "standard.token.exchange.enabled",
	} {
		attributes[switched] = "false"
	}
	for name, value := range wanted.Attributes {
		attributes[name] = value
	}
	maps.Copy(stored, map[string]any{
		"serviceAccountsEnabled": wanted.ServiceAccounts, "standardFlowEnabled": wanted.StandardFlow,
		"implicitFlowEnabled": wanted.ImplicitFlow, "directAccessGrantsEnabled": wanted.DirectAccessGrants,
		"redirectUris": wanted.RedirectURIs, "attributes": attributes,
	})
	put := wire.Call{Op: "change the client", Method: http.MethodPut, URL: k.client(id), JSON: stored}
	if a, err = k.manage.Do(ctx, put); err != nil {
		return connector.Registered{}, err
	}
	if a.Status != http.StatusNoContent && a.Status != http.StatusOK {
		return connector.Registered{}, put.Failure(a)
	}
	return connector.Registered{ClientID: h.ClientID, Handle: h}, nil
}
