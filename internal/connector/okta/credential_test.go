package okta_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

// oktaServiceApp is the same organization, with a service app in the place of an API token.
func oktaServiceApp(t *testing.T, app *oktaserver.App, key string) conformance.Cloud {
	t.Helper()
	signing := conformance.SigningKey(t)
	build := func(origin string) http.Handler { return oktaserver.BuildWith(origin, signing, app) }
	c := oktaCloud(t)
	c.Server = contract.Start(t, build)
	c.Name, c.Build = "okta-service-app", func() http.Handler { return build(c.Server.URL) }
	c.Spec = &keyward.KeyManagerSpec{
		Type: keyward.TypeOkta, Issuer: c.Server.URL + "/oauth2/" + oktaserver.Server,
		Connection: map[string]any{"clientId": app.ID, "clientKey": secret.Stored(), "proofScope": oktaserver.Scope},
	}
	c.Secrets, c.Wrong = map[string]string{"connection.clientKey": key}, conformance.AccountKey(t, "key-1", "ES256").JWK
	return c
}

func TestOktaServiceApp(t *testing.T) {
	own := conformance.AccountKey(t, "key-1", "ES256")
	app := oktaserver.ServiceApp(own.Key)
	c := oktaServiceApp(t, app, own.JWK)
	c.Walk(t, append(optional(), "drop form client_id")...)
	oktaServiceApp(t, app, own.JWK).Fail(t)
	oktaServiceApp(t, app, own.JWK).WrongSecrets(t, "401 invalid_client: The client_assertion signature is invalid")
	oktaServiceApp(t, app, own.JWK).Rollover(t)
}

// The contract server takes the assertion that Okta documents, and nothing beside it.
func TestOktaAssertions(t *testing.T) {
	own, second := conformance.AccountKey(t, "key-1", "RS256"), conformance.AccountKey(t, "key-2", "ES256")
	app := oktaserver.ServiceApp(own.Key, second.Key)
	s := oktaServiceApp(t, app, own.JWK).Server
	right := conformance.Assertion{
		Endpoint: "/oauth2/v1/token", Form: url.Values{"scope": {"okta.clients.manage"}}, Client: app.ID,
		Audience: s.URL + "/oauth2/v1/token", Key: own.Key, Header: map[string]any{"kid": "key-1"},
		Longest: time.Hour,
		Wrong: map[string]conformance.Members{
			"another kid":                {Header: map[string]any{"kid": "key-3"}},
			"the other key's kid":        {Header: map[string]any{"kid": "key-2"}},
			"no kid, and there are two":  {Header: map[string]any{"kid": nil}},
			"the organization as aud":    {Claims: map[string]any{"aud": s.URL}},
			"a custom server's endpoint": {Claims: map[string]any{"aud": s.URL + "/oauth2/" + oktaserver.Server + "/v1/token"}},
		},
		Fine: map[string]conformance.Members{
			"no jti": {Claims: map[string]any{"jti": nil}}, "no iat": {Claims: map[string]any{"iat": nil}},
		},
	}
	right.Refusals(t, s)
	right.Key, right.Header, right.Wrong, right.Fine = second.Key, map[string]any{"kid": "key-2"}, nil, nil
	right.Refusals(t, s)
}

// A key without a name is found while it is the only one; a JWK names itself.
func TestOktaServiceAppKeys(t *testing.T) {
	ctx := t.Context()
	own, second := conformance.AccountKey(t, "key-1", "ES256"), conformance.AccountKey(t, "key-2", "ES256")
	alone := oktaServiceApp(t, oktaserver.ServiceApp(own.Key), own.PEM)
	if _, err := alone.Open(t, alone.Secrets).Register(ctx, conformance.Registration()); err != nil {
		t.Errorf("PEM, the only key: %v", err)
	}
	two := oktaServiceApp(t, oktaserver.ServiceApp(own.Key, second.Key), own.PEM)
	_, err := two.Open(t, two.Secrets).Register(ctx, conformance.Registration())
	if err == nil || !strings.Contains(err.Error(), "The client_assertion JWT kid is invalid") {
		t.Errorf("PEM, one of two keys: %v", err)
	}
	if _, err := two.Open(t, map[string]string{"connection.clientKey": second.JWK}).Register(ctx, conformance.Registration()); err != nil {
		t.Errorf("a JWK, one of two keys: %v", err)
	}
	bound := oktaserver.ServiceApp(own.Key)
	bound.DPoP = true
	c := oktaServiceApp(t, bound, own.JWK)
	_, err = c.Open(t, c.Secrets).Register(ctx, conformance.Registration())
	if err == nil || !strings.Contains(err.Error(), "400 invalid_dpop_proof: The DPoP proof JWT header is missing") {
		t.Errorf("an app that must prove possession: %v", err)
	}
}

// What the app is not granted its token lacks, in Okta's words; what it is granted later counts at once.
func TestOktaServiceAppScopes(t *testing.T) {
	ctx := t.Context()
	own := conformance.AccountKey(t, "key-1", "ES256")
	app := oktaserver.ServiceApp(own.Key)
	app.Scopes = []string{"okta.clients.manage"}
	c := oktaServiceApp(t, app, own.JWK)
	conn := c.Open(t, c.Secrets)
	made, err := conn.Register(ctx, conformance.Registration())
	if err != nil {
		t.Fatal(err)
	}
	entitler, ok := conn.(connector.Entitler)
	if !ok {
		t.Fatal("no entitler")
	}
	var barred *connector.Barred
	_, err = entitler.Entitled(ctx, made.Handle, c.Entitlements)
	if !errors.As(err, &barred) || !strings.Contains(err.Error(),
		"403 insufficient_scope: The access token provided does not contain the required scopes") {
		t.Errorf("without okta.authorizationServers.manage: %v", err)
	}
	app.Grant("okta.authorizationServers.manage")
	if _, err := entitler.Entitled(ctx, made.Handle, c.Entitlements); err != nil {
		t.Errorf("granted: %v", err)
	}
	c.Server.Forget()
	c.Server.Order(contract.Trouble{Method: http.MethodGet, Part: "/oauth2/v1/clients", Status: http.StatusUnauthorized, Times: 1})
	if got, err := conformance.ReaderOf(t, conn).Read(ctx, made.Handle); err != nil || got == nil {
		t.Errorf("with a token that was withdrawn: %v, error %v", got, err)
	}
	var calls []string
	for _, q := range c.Server.Seen() {
		calls = append(calls, q.URI)
	}
	client := "/oauth2/v1/clients/" + made.ClientID
	if want := []string{client, "/oauth2/v1/token", client}; !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
}
