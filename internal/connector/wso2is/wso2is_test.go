package wso2is_test

import (
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/wso2server"
)

// wso2 starts a server; tenant is "" or "/t/NAME", as Asgardeo has it.
func wso2(t *testing.T, tenant string, byPassword bool) conformance.Cloud {
	t.Helper()
	key := conformance.RSAKey(t)
	build := func(origin string) http.Handler { return wso2server.Build(origin, tenant, key) }
	s := contract.Start(t, build)
	spec := &keyward.KeyManagerSpec{
		Type: keyward.TypeWSO2IS, Discovery: s.URL + tenant + "/oauth2/token",
		Connection: map[string]any{"clientId": wso2server.ManagementClient, "clientSecret": keyward.StoredSecret()},
	}
	secrets := map[string]string{"connection.clientSecret": wso2server.ManagementSecret}
	if byPassword {
		spec.Connection = map[string]any{"username": wso2server.AdminUser, "password": keyward.StoredSecret()}
		secrets = map[string]string{"connection.password": wso2server.AdminPassword}
	}
	name := map[bool]string{true: "wso2is-password", false: "wso2is"}[byPassword] + strings.ReplaceAll(tenant, "/", "-")
	return conformance.Cloud{
		Name: name, Server: s, Spec: spec, Secrets: secrets, Build: func() http.Handler { return build(s.URL) }, Create: "/register",
	}
}

func TestWSO2IS(t *testing.T) {
	// Members that the documentation calls optional, and a scope without which a client still gets a token.
	optional := []string{"drop member /grant_types", "drop member /token_type_extension"}
	for name, byPassword := range map[string]bool{"management application": false, "administrator": true} {
		for _, tenant := range []string{"", "/t/acme"} {
			t.Run(name+tenant, func(t *testing.T) {
				allowed := optional
				if !byPassword {
					allowed = append(allowed, "drop form scope") // the token then opens nothing
				}
				wso2(t, tenant, byPassword).Walk(t, allowed...)
			})
		}
	}
	wso2(t, "", false).Fail(t)
	wso2(t, "", true).Fail(t)
	wso2(t, "", false).WrongSecrets(t, "invalid_client: Client Authentication failed")
	wso2(t, "", false).Rollover(t)
	wso2(t, "", true).WrongSecrets(t, "401: Unauthorized")
	wso2(t, "", true).Rollover(t)
}

func TestWSO2ISRegistration(t *testing.T) {
	c := wso2(t, "", true)
	conn := c.Open(t, c.Secrets)
	r := conformance.Registration()
	r.Fields = map[string]any{"token_type_extension": "Default", "ext_application_token_lifetime": int64(600)}
	if _, err := conn.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	seen := c.Server.Seen()
	body := seen[len(seen)-1].Body
	for _, part := range []string{`"token_type_extension":"Default"`, `"ext_application_token_lifetime":600`, `"redirect_uris":[]`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
	if _, err := conn.Register(t.Context(), r); err == nil || !strings.Contains(err.Error(), "already exist") {
		t.Errorf("a name that is taken: %v", err)
	}
	r.Name, r.Scopes = "keyward-scoped", []string{"orders:read"}
	if _, err := conn.Register(t.Context(), r); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("scopes: %v", err)
	}
	spec := *c.Spec
	spec.Connection = nil
	conn = conformance.Open(t, conformance.ServerAt(t, &spec, nil))
	if _, err := conn.Register(t.Context(), conformance.Registration()); keyward.CodeOf(err) != keyward.CodeCreationDisabled {
		t.Errorf("without a credential: %v", err)
	}
}

func TestWSO2ISAddress(t *testing.T) {
	for issuer, ok := range map[string]bool{
		"https://is.example:9443/oauth2/token": true, "https://api.asgardeo.io/t/acme/oauth2/token": true,
		"https://is.example": false, "/oauth2/token": false,
	} {
		_, err := catalog.New(nil, nil).Open(connector.Server{Spec: &keyward.KeyManagerSpec{Type: keyward.TypeWSO2IS, Issuer: issuer}})
		if (err == nil) != ok {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}
