package wso2is_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/wso2server"
	"keyward.dev/keyward/internal/wire"
)

// wso2 starts a server; tenant is "" or "/t/NAME", as Asgardeo has it.
func wso2(t *testing.T, tenant string, byPassword bool) conformance.Cloud {
	t.Helper()
	key := conformance.SigningKey(t)
	build := func(origin string) http.Handler { return wso2server.Build(origin, tenant, key) }
	s := contract.Start(t, build)
	spec := &keyward.KeyManagerSpec{
		Type: keyward.TypeWSO2IS, Discovery: s.URL + tenant + "/oauth2/token",
		Connection: map[string]any{"clientId": wso2server.ManagementClient, "clientSecret": secret.Stored()},
	}
	secrets := map[string]string{"connection.clientSecret": wso2server.ManagementSecret}
	if byPassword {
		spec.Connection = map[string]any{"username": wso2server.AdminUser, "password": secret.Stored()}
		secrets = map[string]string{"connection.password": wso2server.AdminPassword}
	}
	name := map[bool]string{true: "wso2is-password", false: "wso2is"}[byPassword] + strings.ReplaceAll(tenant, "/", "-")
	return conformance.Cloud{
		Name: name, Server: s, Spec: spec, Secrets: secrets, Build: func() http.Handler { return build(s.URL) }, Create: "/register",
		Entitlements: []connector.Entitlement{{Scope: wso2server.Scope}, {Scope: wso2server.OtherScope}},
	}
}

func TestWSO2IS(t *testing.T) {
	// Members that the documentation calls optional, and a scope without which a client still gets a token.
	optional := []string{
		"drop member /grant_types", "drop member /token_type_extension", "drop member /client_name", "drop member /redirect_uris",
		"drop member /scopes", "drop member /removedScopes", "drop query filter", "drop query after",
		"drop query limit", "drop query offset", "drop query attributes",
	}
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

// A scope is given by authorizing the application for the API resource that has it, and no scope of the server's own APIs
// ever is. What somebody authorized by hand stays.
func TestWSO2ISScopes(t *testing.T) {
	ctx := t.Context()
	c := wso2(t, "", false)
	conn := c.Open(t, c.Secrets)
	giver, ok := conn.(connector.Entitler)
	if !ok {
		t.Fatal("it gives nothing")
	}
	made, err := conn.Register(ctx, conformance.Registration())
	if err != nil {
		t.Fatal(err)
	}
	scope := func(name string) connector.Entitlement { return connector.Entitlement{Scope: name} }
	first, second, third := scope(wso2server.Scope), scope("orders:write"), scope(wso2server.OtherScope)
	absent := []connector.Entitlement{scope(wso2server.SystemScope), scope("orders:none")}
	for _, give := range [][]connector.Entitlement{{first, absent[0], absent[1]}, {first, second, third, absent[0], absent[1]}} {
		if lacking, err := giver.Entitle(ctx, made.Handle, give, nil); err != nil || !slices.Equal(lacking, absent) {
			t.Errorf("give %q: lacking %q, error %v", give, lacking, err)
		}
	}
	if _, err := giver.Entitle(ctx, made.Handle, []connector.Entitlement{first}, []connector.Entitlement{second, third}); err != nil {
		t.Fatal(err)
	}
	granter, _ := conn.(connector.Granter) // every one is
	token, err := granter.Token(ctx, connector.TokenRequest{
		ClientID: made.ClientID, Secret: made.ClientSecret, Scopes: []string{first.Scope, second.Scope, third.Scope},
	})
	if err != nil || token.Scope != first.Scope {
		t.Errorf("the token's scopes are %q, error %v", token.Scope, err)
	}

	c.Server.Order(contract.Trouble{Method: http.MethodGet, Part: "/api-resources", Status: http.StatusForbidden})
	_, err = giver.Entitle(ctx, made.Handle, []connector.Entitlement{third}, nil)
	var barred *connector.Barred
	if !errors.As(err, &barred) || !strings.Contains(barred.Ask, "API Resource Management") {
		t.Errorf("without the right to see API resources: %v", err)
	}
	_, err = giver.Entitled(ctx, connector.Handle{ClientID: "nobody"}, nil)
	var f *wire.Failure
	if !errors.As(err, &f) || f.Status != http.StatusNotFound {
		t.Errorf("a client that does not exist: %v", err)
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
