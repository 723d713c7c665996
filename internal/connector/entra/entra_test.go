package entra_test

import (
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
)

func entra(t *testing.T, lag int) conformance.Cloud {
	t.Helper()
	key := conformance.RSAKey(t)
	build := func(origin string) http.Handler { return entraserver.Build(origin, key, lag) }
	s := contract.Start(t, build)
	return conformance.Cloud{
		Name: "entra", Server: s, Build: func() http.Handler { return build(s.URL) }, Create: "/v1.0/applications",
		Spec: &keyward.KeyManagerSpec{
			Type: keyward.TypeEntra, Discovery: s.URL + "/" + entraserver.Tenant + "/v2.0",
			Connection: map[string]any{
				"clientId": entraserver.ManagementClient, "clientSecret": keyward.StoredSecret(), "graphUrl": s.URL + "/v1.0",
				"resource": entraserver.Resource,
			},
		},
		Secrets: map[string]string{"connection.clientSecret": entraserver.ManagementSecret},
	}
}

func TestEntra(t *testing.T) {
	entra(t, 0).Walk(t,
		// The documentation calls these optional.
		"drop member /signInAudience", "drop member /passwordCredential", "drop member /passwordCredential/displayName",
		// Without a filter all applications are listed.
		"GET /v1.0/applications: drop query $filter",
	)
	entra(t, 0).Fail(t)
	entra(t, 0).WrongSecrets(t, "invalid_client: AADSTS7000215")
}

// What was written is seen only after a while, at Graph and at the token endpoint.
func TestEntraIsSlowToSee(t *testing.T) {
	c := entra(t, 2)
	conn := c.Open(t, c.Secrets)
	made, err := conn.Register(t.Context(), conformance.Registration())
	if err != nil {
		t.Fatal(err)
	}
	if err := conformance.ProverOf(t, conn).Prove(t.Context(), made.ClientID, made.ClientSecret); err != nil {
		t.Errorf("the key does not work at once: %v", err)
	}
	if made.SecretExpiresAt == nil || made.SecretExpiresAt.Year() != 2028 {
		t.Errorf("the secret's end: %v", made.SecretExpiresAt)
	}
	secret, err := conformance.RotatorOf(t, conn).Rotate(t.Context(), made.Handle)
	if err != nil {
		t.Fatal(err)
	}
	if err := conformance.ProverOf(t, conn).Prove(t.Context(), made.ClientID, secret); err != nil {
		t.Errorf("the new secret does not work at once: %v", err)
	}
	// A client that cannot be finished is taken back, though at first it is not there to be deleted.
	c.Server.Order(contract.Trouble{Method: http.MethodPost, Part: "/servicePrincipals", Status: http.StatusForbidden,
		Body: `{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}`})
	r := conformance.Registration()
	r.Name = "keyward-taken-back"
	if _, err := conn.Register(t.Context(), r); err == nil || !strings.Contains(err.Error(), "Insufficient privileges") ||
		strings.Contains(err.Error(), "could not be deleted") {
		t.Errorf("without the permission: %v", err)
	}
	c.Server.Mend()
	for range 4 {
		if found, err := conformance.FinderOf(t, conn).Find(t.Context(), r.Name); err != nil || found != nil {
			t.Errorf("what was taken back is there: %v, error %v", found, err)
		}
	}
}

func TestEntraRegistration(t *testing.T) {
	c := entra(t, 0)
	conn := c.Open(t, c.Secrets)
	r := conformance.Registration()
	r.Grants, r.Callbacks = []string{"authorization_code"}, []string{"https://app.example/cb"}
	made, err := conn.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	// A mapped client is known by its client id alone.
	byID := connector.Handle{ClientID: made.ClientID}
	got, err := conformance.ReaderOf(t, conn).Read(t.Context(), byID)
	if err != nil || got == nil || len(got.Callbacks) != 1 || strings.Join(got.Grants, " ") != "client_credentials authorization_code" {
		t.Errorf("read by client id: %+v, error %v", got, err)
	}
	if got, err := conformance.ReaderOf(t, conn).Read(t.Context(), connector.Handle{ClientID: "it's/not?there"}); err != nil || got != nil {
		t.Errorf("read what is not there: %v, error %v", got, err)
	}
	// Names are not unique there, case does not count, and answers come in pages.
	for _, name := range []string{"KEYWARD-PAGED", "Keyward-Paged", "keyward-paged"} {
		r.Name = name
		if _, err := conn.Register(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	made, err = conn.Register(t.Context(), conformance.Registration())
	if err != nil {
		t.Fatal(err)
	}
	found, err := conformance.FinderOf(t, conn).Find(t.Context(), "keyward-paged")
	if err != nil || found == nil || found.ClientSecret != "" {
		t.Fatalf("find on the second page: %v, error %v", found, err)
	}
	got, err = conformance.ReaderOf(t, conn).Read(t.Context(), found.Handle)
	if err != nil || got == nil || got.Name != "keyward-paged" {
		t.Errorf("found another one: %+v, error %v", got, err)
	}
	for _, bad := range []connector.Registration{
		{Name: "x", Grants: []string{"client_credentials"}, Scopes: []string{"orders:read"}}, {Name: "x", Grants: []string{"password"}},
	} {
		if _, err := conn.Register(t.Context(), bad); keyward.CodeOf(err) != keyward.CodeInvalidInput {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := conformance.ProverOf(t, conn).Prove(t.Context(), made.ClientID, made.ClientSecret); err != nil {
		t.Error(err)
	}
}

func TestEntraIssuers(t *testing.T) {
	c := entra(t, 0)
	sts := "https://sts.windows.net/" + entraserver.Tenant + "/"
	s := conformance.ServerAt(t, c.Spec, c.Secrets)
	row, _, _ := keymanager.Resolve(&keyward.Object{ID: "km1"}, s.Spec, s.Status)
	if len(row.Issuers) != 2 || row.Issuers[0].Issuer != c.Spec.Discovery || row.Issuers[1].Issuer != sts ||
		row.Issuers[1].JWKS != row.Issuers[0].JWKS {
		t.Errorf("issuers %+v", row.Issuers)
	}
	// The metadata of version 1 leads to the same clients.
	old := *c.Spec
	old.Discovery = c.Server.URL + "/" + entraserver.Tenant + "/.well-known/openid-configuration"
	s = conformance.ServerAt(t, &old, c.Secrets)
	row, _, _ = keymanager.Resolve(&keyward.Object{ID: "km1"}, s.Spec, s.Status)
	if row.Issuers[0].Issuer != sts || row.Issuers[1].Issuer != "https://login.microsoftonline.com/"+entraserver.Tenant+"/v2.0" {
		t.Errorf("issuers %+v", row.Issuers)
	}
	if _, err := conformance.Open(t, s).Register(t.Context(), conformance.Registration()); err != nil {
		t.Error(err)
	}
	many := *c.Spec
	many.Discovery = c.Server.URL + "/common/v2.0/.well-known/openid-configuration"
	if status, err := keymanager.Discover(t.Context(), &many, nil); err != nil || status.Issuer != c.Server.URL+"/{tid}/v2.0" {
		t.Errorf("many organizations: %+v, %v", status, err)
	}
}
