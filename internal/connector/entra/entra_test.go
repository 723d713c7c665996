package entra_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
)

func entra(t *testing.T, lag int) conformance.Cloud {
	t.Helper()
	key := conformance.SigningKey(t)
	build := func(origin string) http.Handler { return entraserver.Build(origin, key, lag) }
	s := contract.Start(t, build)
	return conformance.Cloud{
		Name: "entra", Server: s, Build: func() http.Handler { return build(s.URL) }, Create: "/v1.0/applications",
		Spec: &keyward.KeyManagerSpec{
			Type: keyward.TypeEntra, Discovery: s.URL + "/" + entraserver.Tenant + "/v2.0",
			Connection: map[string]any{
				"clientId": entraserver.ManagementClient, "clientSecret": secret.Stored(), "graphUrl": s.URL + "/v1.0",
				"resource": entraserver.Resource,
			},
		},
		Secrets:  map[string]string{"connection.clientSecret": entraserver.ManagementSecret},
		Overlaps: true,
		Entitlements: []connector.Entitlement{
			{Scope: entraserver.Role}, {Scope: entraserver.OtherRole, Audience: entraserver.ResourceID},
		},
	}
}

func TestEntra(t *testing.T) {
	entra(t, 0).Walk(t,
		// The documentation calls these optional.
		"drop member /signInAudience", "drop member /passwordCredential", "drop member /passwordCredential/displayName",
		// Without a filter all applications are listed.
		"GET /v1.0/applications: drop query $filter", "GET /v1.0/servicePrincipals: drop query $filter",
		"drop query $select", "drop query $skiptoken",
		// What is not in a change stays as it is.
		"drop member /web", "drop member /web/redirectUris", "000000000002: drop member /displayName",
	)
	entra(t, 0).Fail(t)
	entra(t, 0).WrongSecrets(t, "invalid_client: AADSTS7000215")
	entra(t, 0).Rollover(t)
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
	for _, id := range []string{"it's/not?there", strings.ToUpper(made.ClientID)} { // Graph finds it in any case, tokens have one
		if got, err := conformance.ReaderOf(t, conn).Read(t.Context(), connector.Handle{ClientID: id}); err != nil || got != nil {
			t.Errorf("read %s: %v, error %v", id, got, err)
		}
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

// roles are those that a client's token for an API carries.
func roles(t *testing.T, conn connector.Connector, made connector.Registered, resource string) []string {
	t.Helper()
	granter, ok := conn.(connector.Granter)
	if !ok {
		t.Fatalf("%T gets no tokens", conn)
	}
	token, err := granter.Token(t.Context(), connector.TokenRequest{
		ClientID: made.ClientID, Secret: made.ClientSecret, Audience: resource,
	})
	if err != nil {
		t.Fatal(err)
	}
	list, _ := testbed.Claims(t, token.Value)["roles"].([]any) // absent: none
	out := []string{}
	for _, r := range list {
		out = append(out, fmt.Sprint(r))
	}
	return out
}

// Graph shows a role that was given or taken away after a while; what it shows when Entitle returns is what was done.
func TestEntraRoles(t *testing.T) {
	c := entra(t, 1)
	c.Spec.Tokens.Audiences = []string{entraserver.ResourceV1}
	conn := c.Open(t, c.Secrets)
	giver, ok := conn.(connector.Entitler)
	if !ok {
		t.Fatal("it gives nothing")
	}
	made, err := conn.Register(t.Context(), conformance.Registration())
	if err != nil {
		t.Fatal(err)
	}
	orders := connector.Entitlement{Scope: entraserver.Role}
	stock := connector.Entitlement{Scope: entraserver.StockRole, Audience: entraserver.ResourceV1}
	there := []connector.Entitlement{{Audience: entraserver.Resource}, {Audience: entraserver.ResourceV1}}
	if has, err := giver.Entitled(t.Context(), made.Handle, append(there, orders, stock)); err != nil || !slices.Equal(has, there) {
		t.Errorf("a new client has %q, error %v", has, err)
	}
	absent := []connector.Entitlement{
		{Scope: "orders:none"}, {Scope: entraserver.RetiredRole}, {Scope: entraserver.PeoplesRole}, {Audience: "api://none"},
		{Scope: entraserver.Role, Audience: "api://none"},
		{Scope: entraserver.GraphRole, Audience: entraserver.GraphResource}, // an API that nobody named
	}
	for range 2 {
		lacking, err := giver.Entitle(t.Context(), made.Handle, append(absent, orders, stock), nil)
		if err != nil || !slices.Equal(lacking, absent) {
			t.Errorf("lacking %q, error %v", lacking, err)
		}
	}
	if got := roles(t, conn, made, entraserver.Resource); !slices.Equal(got, []string{entraserver.Role}) {
		t.Errorf("roles %q", got)
	}
	if got := roles(t, conn, made, entraserver.ResourceV1); !slices.Equal(got, []string{entraserver.StockRole}) {
		t.Errorf("roles of version 1 %q", got)
	}
	if _, err := giver.Entitle(t.Context(), made.Handle, nil, []connector.Entitlement{stock}); err != nil {
		t.Error(err)
	}
	if has, err := giver.Entitled(t.Context(), made.Handle, []connector.Entitlement{orders, stock}); err != nil ||
		!slices.Equal(has, []connector.Entitlement{orders}) {
		t.Errorf("afterwards it has %q, error %v", has, err)
	}
	if got := roles(t, conn, made, entraserver.ResourceV1); len(got) != 0 {
		t.Errorf("roles that were taken away: %q", got)
	}

	// Without the permission everything else goes on to work, and what to ask for is said.
	c.Spec.Connection["clientId"] = entraserver.OwnerClient
	conn = c.Open(t, map[string]string{"connection.clientSecret": entraserver.OwnerSecret})
	if giver, ok = conn.(connector.Entitler); !ok {
		t.Fatal("it gives nothing")
	}
	r := conformance.Registration()
	r.Name = "keyward-owned"
	if made, err = conn.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	_, err = giver.Entitled(t.Context(), made.Handle, []connector.Entitlement{orders})
	var barred *connector.Barred
	if !errors.As(err, &barred) || !strings.Contains(err.Error(), "Insufficient privileges") ||
		!strings.Contains(barred.Ask, "AppRoleAssignment.ReadWrite.All") {
		t.Errorf("without the permission: %v", err)
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
