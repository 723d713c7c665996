package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/wso2server"
)

// contractKey signs the tokens of a contract server.
func contractKey(t *testing.T) *issuer.Key {
	t.Helper()
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestKeysOnWSO2IS walks the life of a client on the contract servers of WSO2 Identity Server and Asgardeo, and of an
// opaque token on the first.
func TestKeysOnWSO2IS(t *testing.T) {
	t.Parallel()
	key := contractKey(t)
	up := newUpstream(t)
	n := serve(t)
	for tenant, connection := range map[string]string{
		"":        fmt.Sprintf("username: %q, password: %q", wso2server.AdminUser, wso2server.AdminPassword),
		"/t/acme": fmt.Sprintf("clientId: %s, clientSecret: %s", wso2server.ManagementClient, wso2server.ManagementSecret),
	} {
		s := contract.Start(t, func(origin string) http.Handler { return wso2server.Build(origin, tenant, key) })
		v := wso2Vendor(s, tenant, connection)
		apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "["+v.name+"]", ""), mobile())
		walkKeys(t, n, v)
	}
}

func wso2Vendor(s *contract.Server, tenant, connection string) vendor {
	base := s.URL + tenant
	dcr := base + "/api/identity/oauth2/dcr/v1.1/register"
	return vendor{
		name: "is" + strings.ReplaceAll(tenant, "/", "-"), scope: wso2server.Scope, rotates: true, unscoped: true,
		spec: fmt.Sprintf("type: wso2is, discovery: %q, connection: {%s}", base+"/oauth2/token", connection),
		clients: func(context.Context) ([]string, error) {
			return nil, nil // walkKeys sees the deleted client's token refused; its own test looks at the server
		},
		byHand: func(ctx context.Context) (string, string, error) {
			body := strings.NewReader(`{"client_name":"by-hand","redirect_uris":[],"grant_types":["client_credentials"],
				"token_type_extension":"JWT"}`)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, dcr, body)
			if err != nil {
				return "", "", err
			}
			req.Header.Set("Content-Type", "application/json")
			req.SetBasicAuth(wso2server.AdminUser, wso2server.AdminPassword)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return "", "", err
			}
			defer func() { _ = resp.Body.Close() }()
			var made struct {
				ID     string `json:"client_id"`
				Secret string `json:"client_secret"`
			}
			err = json.NewDecoder(resp.Body).Decode(&made)
			return made.ID, made.Secret, err
		},
	}
}

// TestOpaqueTokensOfWSO2IS: the administrator's credential introspects there.
func TestOpaqueTokensOfWSO2IS(t *testing.T) {
	t.Parallel()
	key := contractKey(t)
	up := newUpstream(t)
	n := serve(t)
	s := contract.Start(t, func(origin string) http.Handler { return wso2server.Build(origin, "", key) })
	v := wso2Vendor(s, "", fmt.Sprintf("username: %q, password: %q", wso2server.AdminUser, wso2server.AdminPassword))
	v.spec += fmt.Sprintf(", introspection: {clientId: %s, clientSecret: %s}, tokens: {match: [{prefix: opaque-}]}",
		wso2server.Introspector, wso2server.IntrospectorSecret)
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "["+v.name+"]", ""), mobile())
	k := cliJSON[madeKeys](t, n, place("generate", v.name, "--set", "token_type_extension=Default")...)
	token := k.token(t, v)
	if !strings.HasPrefix(token, "opaque-") {
		t.Fatalf("the token is not opaque")
	}
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	cli(t, n, place("delete", v.name)...)
	until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
}
