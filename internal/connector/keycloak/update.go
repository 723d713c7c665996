package keycloak

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"

	"keyward.dev/keyward"
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
	id, stored, err := k.stored(ctx, h)
	if err != nil {
		return connector.Registered{}, err
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
		"name": wanted.Name, "serviceAccountsEnabled": wanted.ServiceAccounts, "standardFlowEnabled": wanted.StandardFlow,
		"implicitFlowEnabled": wanted.ImplicitFlow, "directAccessGrantsEnabled": wanted.DirectAccessGrants,
		"redirectUris": wanted.RedirectURIs, "attributes": attributes,
	})
	return connector.Registered{ClientID: h.ClientID, Handle: h}, k.write(ctx, id, stored)
}

// stored is the client as the realm has it, whole, with the database's id.
func (k *keycloak) stored(ctx context.Context, h connector.Handle) (id string, stored map[string]any, err error) {
	if id, err = k.internalID(ctx, h.ClientID); err != nil {
		return "", nil, wire.Harmless(err)
	}
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: k.client(id)}
	if id == "" {
		return "", nil, &wire.Failure{Op: get.Op, Status: http.StatusNotFound, Sent: true, Harmless: true,
			Description: "the realm has no client " + h.ClientID}
	}
	a, err := k.manage.Do(ctx, get)
	if err != nil {
		return "", nil, wire.Harmless(err)
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &stored) != nil {
		return "", nil, wire.Harmless(get.Failure(a))
	}
	return id, stored, nil
}

func (k *keycloak) write(ctx context.Context, id string, stored map[string]any) error {
	put := wire.Call{Op: "change the client", Method: http.MethodPut, URL: k.client(id), JSON: stored}
	a, err := k.manage.Do(ctx, put)
	if err == nil && a.Status != http.StatusNoContent && a.Status != http.StatusOK {
		err = put.Failure(a)
	}
	return err
}

// Restore implements connector.Restorer. The realm passes over a scope that a client has in the other of its two lists, so
// it is taken out there first.
func (k *keycloak) Restore(ctx context.Context, h connector.Handle, r keyward.ClientRestore) error {
	id, stored, err := k.stored(ctx, h)
	if err != nil {
		return err
	}
	if r.Enable {
		stored["enabled"] = true
		if err := k.write(ctx, id, stored); err != nil {
			return err
		}
	}
	known, err := k.scopeIDs(ctx, "/client-scopes")
	if err != nil {
		return err
	}
	for _, change := range []struct {
		scopes   []string
		from, to []string
	}{
		{r.Take, []string{"default", "optional"}, nil},
		{r.Give, []string{"optional"}, []string{"default"}},
		{r.Offer, []string{"default"}, []string{"optional"}},
	} {
		for _, name := range change.scopes {
			if len(change.to) > 0 {
				if err := k.mayName(ctx, name, known); err != nil {
					return err
				}
			}
			if err := k.move(ctx, &client{ID: id}, name, known[name], change.from, change.to); err != nil {
				return err
			}
		}
	}
	return nil
}

// move takes a scope out of lists of a client, and puts it into others.
func (k *keycloak) move(ctx context.Context, c *client, name, scopeID string, from, to []string) error {
	if scopeID == "" {
		if len(to) == 0 {
			return nil
		}
		return &wire.Failure{Op: "change the client's scopes", Status: http.StatusNotFound, Sent: true, Harmless: true,
			Description: "the realm has no client scope " + name}
	}
	for _, list := range from {
		if err := k.attach(ctx, http.MethodDelete, c, list, scopeID); err != nil {
			return err
		}
	}
	for _, list := range to {
		if err := k.attach(ctx, http.MethodPut, c, list, scopeID); err != nil {
			return err
		}
	}
	return nil
}
