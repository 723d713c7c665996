package auth0_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/wire"
)

func auth0Cloud(t *testing.T) conformance.Cloud {
	t.Helper()
	key := conformance.SigningKey(t)
	build := func(origin string) http.Handler { return auth0server.Build(origin, key) }
	s := contract.Start(t, build)
	return conformance.Cloud{
		Name: "auth0", Server: s, Build: func() http.Handler { return build(s.URL) }, Create: "/api/v2/clients",
		Spec: &keyward.KeyManagerSpec{
			Type: keyward.TypeAuth0, Issuer: s.URL + "/", Connection: map[string]any{
				"clientId": auth0server.ManagementClient, "clientSecret": secret.Stored(), "audience": auth0server.Audience,
			},
		},
		Secrets: map[string]string{"connection.clientSecret": auth0server.ManagementSecret},
		Entitlements: []connector.Entitlement{
			{Scope: auth0server.OtherScope, Audience: auth0server.Audience}, {Scope: "orders:admin"},
			{Audience: auth0server.StockAudience}, {Scope: "stock:read", Audience: auth0server.StockAudience},
		},
	}
}

func TestAuth0(t *testing.T) {
	auth0Cloud(t).Walk(t, // what the documentation calls optional or gives a default
		"drop member /app_type", "drop member /callbacks", "drop member /grant_types", "drop member /scope",
		"drop member /token_endpoint_auth_method", "drop query fields", "drop query include_fields", "drop query take",
		"client-grants: drop query client_id", "orders.example/api: drop member /scopes",
		"urn:stock: drop member /scopes", "drop member /scopes/0/description",
		"client00000000000000000000000002: drop member /name")
	auth0Cloud(t).Fail(t)
	auth0Cloud(t).WrongSecrets(t, "401 access_denied: Unauthorized")
	auth0Cloud(t).Rollover(t)
	conformance.Public(t, auth0Cloud(t).Open(t, auth0Cloud(t).Secrets))
}

// A client that cannot be authorized for its API is of no use, and is taken back.
func TestAuth0GrantThatFails(t *testing.T) {
	ctx := t.Context()
	c := auth0Cloud(t)
	conn := c.Open(t, c.Secrets)
	r := conformance.Registration()
	r.Scopes = []string{auth0server.Scope, "no:such"}
	_, err := conn.Register(ctx, r)
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), "Scope 'no:such' is not defined") {
		t.Errorf("an unknown scope: %v", err)
	}
	r.Scopes = nil
	r.Fields = map[string]any{"audience": "https://other.example"}
	_, err = conn.Register(ctx, r)
	if keyward.CodeOf(err) != keyward.CodeInvalidInput || !strings.Contains(err.Error(), "https://other.example is not an API") {
		t.Errorf("an unknown API: %v", err)
	}
	// Nor is Auth0's own: its scopes manage the tenant.
	r.Scopes, r.Fields = []string{auth0server.SystemScope}, map[string]any{"audience": auth0server.SystemAudience}
	_, err = conn.Register(ctx, r)
	if keyward.CodeOf(err) != keyward.CodeInvalidInput || !strings.Contains(err.Error(), "fields.audience") {
		t.Errorf("the API that manages the tenant: %v", err)
	}
	r.Scopes = nil
	if found, err := conformance.FinderOf(t, conn).Find(ctx, r.Name); err != nil || found != nil {
		t.Errorf("a client is left: %v, error %v", found, err)
	}
	// The client was made, its authorization failed, and it could not be taken back: it has to be looked for.
	c.Server.Order(contract.Trouble{Method: http.MethodPost, Part: "/client-grants", Status: 500})
	c.Server.Order(contract.Trouble{Method: http.MethodDelete, Part: "/api/v2/clients", Status: 503})
	r.Fields = nil
	_, err = conn.Register(ctx, r)
	if !errors.As(err, &f) || !f.Uncertain() || !strings.Contains(err.Error(), "could not be deleted again") {
		t.Errorf("a client that stays: %v", err)
	}
	c.Server.Mend()
	found, err := conformance.FinderOf(t, conn).Find(ctx, r.Name)
	if err != nil || found == nil || found.ClientSecret != "" {
		t.Fatalf("it is found, without a secret: %+v, error %v", found, err)
	}
	if err := conn.Delete(ctx, found.Handle); err != nil {
		t.Error(err)
	}
}

func TestAuth0Registration(t *testing.T) {
	ctx := t.Context()
	c := auth0Cloud(t)
	conn := c.Open(t, c.Secrets)
	for _, name := range []string{"a", "b", "c", "d"} { // a page holds three
		r := conformance.Registration()
		r.Name, r.Scopes = "keyward-abc-"+name, []string{auth0server.Scope}
		if _, err := conn.Register(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := conformance.FinderOf(t, conn).Find(ctx, "keyward-abc-d"); err != nil || found == nil {
		t.Errorf("on the second page: %v, error %v", found, err)
	}
	web := connector.Registration{
		Name: "keyward-web", Grants: []string{"authorization_code", "refresh_token"}, Callbacks: []string{"https://app.example/cb"},
		Fields: map[string]any{"token_endpoint_auth_method": "client_secret_post", "allowed_logout_urls": []string{"https://app.example"}},
	}
	if _, err := conn.Register(ctx, web); err != nil {
		t.Fatal(err)
	}
	seen := c.Server.Seen()
	if last := seen[len(seen)-1]; !strings.Contains(last.Body, `"app_type":"regular_web"`) || last.URI != "/api/v2/clients" {
		t.Errorf("a client for people needs no authorization: %s %s", last.URI, last.Body)
	}
	web.Scopes = []string{auth0server.Scope}
	if _, err := conn.Register(ctx, web); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("scopes without client_credentials: %v", err)
	}
	delete(c.Spec.Connection, "audience")
	r := conformance.Registration()
	r.Scopes = []string{auth0server.Scope}
	if _, err := c.Open(t, c.Secrets).Register(ctx, r); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("scopes without an API: %v", err)
	}
	if _, err := c.Open(t, c.Secrets).Register(ctx, conformance.Registration()); err != nil {
		t.Errorf("without an API, which subscriptions may name: %v", err)
	}
	c.Spec.Connection = map[string]any{"audience": auth0server.Audience}
	if _, err := c.Open(t, nil).Register(ctx, conformance.Registration()); keyward.CodeOf(err) != keyward.CodeCreationDisabled {
		t.Errorf("without a management application: %v", err)
	}
}
