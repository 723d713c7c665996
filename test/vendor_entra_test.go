package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
)

// TestKeysOnEntra walks the life of a client on the contract server of Entra, which shows what was written only at the
// second look, with tokens of both versions.
func TestKeysOnEntra(t *testing.T) {
	t.Parallel()
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return entraserver.Build(origin, key, 1) })
	up := newUpstream(t)
	n := serve(t)
	v := entraVendor(s)
	const old = entraserver.ResourceV1
	apply(t, n, manifest("KeyManager", v.name, v.spec+fmt.Sprintf(", tokens: {audiences: [%q, %q]}", entraserver.ResourceID, old)),
		orders(up.URL, "[entra]", ""), mobile(),
		stock(up.URL, fmt.Sprintf("[{name: entra, audiences: [%q]}]", old), entraserver.StockRole))
	k := cliJSON[madeKeys](t, n, place("generate", v.name)...)
	until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
	e := entitlementOf(t, n)
	if e.State != keyward.EntitlementLacking || !slices.Equal(e.Scopes, []string{"orders:read", "orders:write"}) ||
		!slices.Equal(e.LackingScopes, []string{"orders:admin"}) || !strings.Contains(e.Advice, "orders:admin") {
		t.Errorf("a role that the API lacks: %+v", e)
	}
	v.scope = old + "/.default"
	until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 403, "insufficient_scope")

	// Another API's role comes with its subscription, and goes with it.
	roles := func(want string) {
		t.Helper()
		testbed.Eventually(t, "a token's roles are "+want, func() string {
			return cmp.Diff(want, fmt.Sprint(testbed.Claims(t, k.token(t, v))["roles"]))
		})
	}
	roles("<nil>")
	apply(t, n, manifest("Subscription", "mobile-stock", stockSubscribe))
	roles("[stock:read]")
	until(t, n.Gateway, http.MethodGet, stockItems, k.token(t, v), 200, "")
	cli(t, n, "delete", "subscription", "mobile-stock")
	roles("<nil>")

	updated := cliJSON[madeKeys](t, n, place("update", v.name, "--grant", "client_credentials", "--grant", "authorization_code",
		"--callback", "https://app.example/cb")...)
	if updated.ClientID != k.ClientID || updated.ClientSecret != "" {
		t.Errorf("updated: %+v", updated)
	}
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
		name: "entra", rotates: true, unscoped: true, scope: entraserver.Resource + "/.default",
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
			var client, api struct {
				ID    string
				Value []struct {
					ID       string
					AppRoles []struct{ ID string }
				}
			}
			principals := s.URL + "/v1.0/servicePrincipals"
			_ = ask(ctx, http.MethodPost, principals, principal, &struct{}{}, "Authorization", bearer) // unseen
			_ = ask(ctx, http.MethodPost, principals, principal, &client, "Authorization", bearer)
			err = ask(ctx, http.MethodGet, principals+"?"+url.Values{"$filter": {
				fmt.Sprintf("servicePrincipalNames/any(n:n eq '%s')", entraserver.Resource),
			}}.Encode(), "", &api, "Authorization", bearer)
			if err != nil || len(api.Value) == 0 {
				return "", "", fmt.Errorf("find the API: %w", err)
			}
			found := api.Value[0]
			role := fmt.Sprintf(`{"principalId":%q,"resourceId":%q,"appRoleId":%q}`, client.ID, found.ID, found.AppRoles[0].ID)
			roles := principals + "/" + found.ID + "/appRoleAssignedTo"
			_ = ask(ctx, http.MethodPost, roles, role, &struct{}{}, "Authorization", bearer) // unseen
			_ = ask(ctx, http.MethodPost, roles, role, &struct{}{}, "Authorization", bearer)
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
