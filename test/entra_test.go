package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
)

// TestKeysOnEntra walks the life of a client on the contract server of Entra, which shows what was written only at the
// second look, with tokens of both versions.
func TestKeysOnEntra(t *testing.T) {
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return entraserver.Build(origin, key, 1) })
	up := newUpstream(t)
	n := serve(t)
	v := entraVendor(s)
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "[entra]", ""), mobile())
	k := cliJSON[madeKeys](t, n, place("generate", v.name)...)
	for _, resource := range []string{entraserver.Resource, entraserver.ResourceV1} {
		v.scope = resource + "/.default"
		until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
	}
	v.scope = k.ClientID + "/.default"
	until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 403, "insufficient_scope")
	cli(t, n, place("delete", v.name)...)
	v.scope = entraserver.Resource + "/.default"
	walkKeys(t, n, v)

	r := n.CLI(t, "", "keys", "generate", "--application", "mobile", "--key-manager", "entra", "--scope", "orders:read")
	if r.Code != 3 || !containsText(r.Stderr, "app roles") {
		t.Errorf("scopes at registration: %s", r)
	}
}

func entraVendor(s *contract.Server) vendor {
	// graph gets a token of the management application.
	graph := func(ctx context.Context) (string, error) {
		form := url.Values{
			"grant_type": {"client_credentials"}, "scope": {s.URL + "/.default"},
			"client_id": {entraserver.ManagementClient}, "client_secret": {entraserver.ManagementSecret},
		}
		var answer struct {
			Token string `json:"access_token"`
		}
		err := ask(ctx, http.MethodPost, s.URL+"/"+entraserver.Tenant+"/oauth2/v2.0/token", form.Encode(), &answer,
			"Content-Type", "application/x-www-form-urlencoded")
		return "Bearer " + answer.Token, err
	}
	type application struct{ ID, AppID string }
	at := s.URL + "/v1.0/applications"
	return vendor{
		name: "entra", rotates: true, unscoped: true,
		spec: fmt.Sprintf("type: entra, discovery: %q, connection: {clientId: %s, clientSecret: %q, graphUrl: %q, resource: %q}",
			s.URL+"/"+entraserver.Tenant+"/v2.0", entraserver.ManagementClient, entraserver.ManagementSecret, s.URL+"/v1.0",
			entraserver.Resource),
		clients: func(ctx context.Context) ([]string, error) {
			bearer, err := graph(ctx)
			if err != nil {
				return nil, err
			}
			var all struct{ Value []application }
			err = ask(ctx, http.MethodGet, at, "", &all, "Authorization", bearer)
			ids := []string{}
			for _, a := range all.Value {
				ids = append(ids, a.AppID)
			}
			return ids, err
		},
		byHand: func(ctx context.Context) (string, string, error) {
			bearer, err := graph(ctx)
			if err != nil {
				return "", "", err
			}
			var made application
			var secret struct{ SecretText string }
			_ = ask(ctx, http.MethodPost, at, `{"displayName":"by-hand"}`, &made, "Authorization", bearer)
			principal := fmt.Sprintf(`{"appId":%q}`, made.AppID)
			_ = ask(ctx, http.MethodPost, s.URL+"/v1.0/servicePrincipals", principal, &struct{}{}, "Authorization", bearer) // unseen
			_ = ask(ctx, http.MethodPost, s.URL+"/v1.0/servicePrincipals", principal, &struct{}{}, "Authorization", bearer)
			err = ask(ctx, http.MethodPost, at+"/"+made.ID+"/addPassword", `{}`, &secret, "Authorization", bearer)
			form := url.Values{"grant_type": {"client_credentials"}, "scope": {entraserver.Resource + "/.default"},
				"client_id": {made.AppID}, "client_secret": {secret.SecretText}}
			for range 2 { // unseen
				_ = ask(ctx, http.MethodPost, s.URL+"/"+entraserver.Tenant+"/oauth2/v2.0/token", form.Encode(), &struct{}{},
					"Content-Type", "application/x-www-form-urlencoded")
			}
			return made.AppID, secret.SecretText, err
		},
	}
}
