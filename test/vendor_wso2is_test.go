package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
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
		scopesComeAndGo(t, n, v, wso2server.OtherScope, "/orders/v1/admin")
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
			credential := "Basic " + base64.StdEncoding.EncodeToString([]byte(wso2server.AdminUser+":"+wso2server.AdminPassword))
			var made struct {
				ID     string `json:"client_id"`
				Secret string `json:"client_secret"`
			}
			err := ask(ctx, http.MethodPost, dcr, `{"client_name":"by-hand","redirect_uris":[],"grant_types":["client_credentials"],
				"token_type_extension":"JWT"}`, &made, "Authorization", credential)
			if err != nil {
				return "", "", err
			}
			var found struct{ Applications []struct{ ID string } }
			apps := base + "/api/server/v1/applications"
			err = ask(ctx, http.MethodGet, apps+"?filter="+url.QueryEscape("clientId eq "+made.ID), "", &found, "Authorization", credential)
			if err != nil || len(found.Applications) != 1 {
				return "", "", fmt.Errorf("find the application: %w", err)
			}
			body := fmt.Sprintf(`{"id":"res-1","policyIdentifier":"RBAC","scopes":[%q]}`, wso2server.Scope)
			at := apps + "/" + found.Applications[0].ID + "/authorized-apis"
			_ = ask(ctx, http.MethodPost, at, body, &struct{}{}, "Authorization", credential) // its answer has no body
			return made.ID, made.Secret, nil
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
