package ping_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/pingserver"
	"keyward.dev/keyward/internal/wire"
)

func pingCloud(t *testing.T) conformance.Cloud {
	t.Helper()
	key := conformance.RSAKey(t)
	build := func(origin string) http.Handler { return pingserver.Build(origin, key) }
	s := contract.Start(t, build)
	return conformance.Cloud{
		Name: "ping", Server: s, Build: func() http.Handler { return build(s.URL) }, Create: "/oauth/clients",
		Spec: &keyward.KeyManagerSpec{
			Type: keyward.TypePing, Discovery: s.URL + "/.well-known/openid-configuration", Connection: map[string]any{
				"adminUrl": s.URL + "/pf-admin-api/v1", "username": pingserver.AdminUser, "password": keyward.StoredSecret(),
			},
		},
		Secrets: map[string]string{"connection.password": pingserver.AdminPassword},
	}
}

func TestPing(t *testing.T) {
	pingCloud(t).Walk(t, "drop member /redirectUris") // which the documentation calls optional
	pingCloud(t).Fail(t)
	pingCloud(t).WrongSecrets(t, "401 invalid_credentials: The credentials you provided were not recognized.")
	pingCloud(t).Rollover(t)
}

func TestPingRegistration(t *testing.T) {
	ctx := t.Context()
	c := pingCloud(t)
	conn := c.Open(t, c.Secrets)
	r := connector.Registration{
		Name: "keyward-web", Grants: []string{"authorization_code", "refresh_token"}, Callbacks: []string{"https://app.example/cb"},
		Scopes: []string{pingserver.Scope}, Fields: map[string]any{
			"accessTokenManager": pingserver.ReferenceManager, "bypassApprovalPage": true, "restrictedResponseTypes": []string{"code"},
		},
	}
	made, err := conn.Register(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := conformance.ReaderOf(t, conn).Read(ctx, made.Handle)
	if err != nil || got == nil || !slices.Equal(got.Grants, r.Grants) || !slices.Equal(got.Callbacks, r.Callbacks) ||
		!slices.Equal(got.Scopes, r.Scopes) {
		t.Errorf("read: %+v, error %v", got, err)
	}
	_, err = conn.Register(ctx, r)
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || f.Code != "validation_error" || !strings.Contains(err.Error(), "ID already exists") {
		t.Errorf("an id that is taken: %v", err)
	}
	r.Name, r.Scopes = "keyward-unknown", []string{"no:such"}
	if _, err := conn.Register(ctx, r); err == nil || !strings.Contains(err.Error(), "no:such is not a common scope") {
		t.Errorf("an unknown scope: %v", err)
	}
	r.Scopes, r.Grants = nil, []string{"client_credentials", "urn:example:grant"}
	_, err = conn.Register(ctx, r)
	var told *keyward.Error
	if !errors.As(err, &told) || len(told.Fields) != 1 || told.Fields[0].Path != "grants[1]" {
		t.Errorf("a grant that it does not know: %v", err)
	}
	c.Spec.Connection["accessTokenManager"] = "none"
	if _, err := c.Open(t, c.Secrets).Register(ctx, conformance.Registration()); err == nil ||
		!strings.Contains(err.Error(), "defaultAccessTokenManagerRef.id Resource none was not found") {
		t.Errorf("an access token manager that does not exist: %v", err)
	}
	delete(c.Spec.Connection, "adminUrl")
	conn = c.Open(t, c.Secrets)
	if _, err := conn.Register(ctx, conformance.Registration()); keyward.CodeOf(err) != keyward.CodeCreationDisabled {
		t.Errorf("without the administrative API: %v", err)
	}
}

// A client that cannot get a secret back after a rotation that broke off is rotated again: the server's answer says
// nothing that is needed.
func TestPingRotationInDoubt(t *testing.T) {
	ctx := t.Context()
	c := pingCloud(t)
	conn := c.Open(t, c.Secrets)
	made, err := conn.Register(ctx, conformance.Registration())
	if err != nil {
		t.Fatal(err)
	}
	c.Server.Order(contract.Trouble{Method: http.MethodPut, Part: "/clientSecret", Half: true, Times: 1})
	if _, err := conformance.RotatorOf(t, conn).Rotate(ctx, made.Handle); err == nil {
		t.Error("half an answer counts as a new secret")
	}
	secret, err := conformance.RotatorOf(t, conn).Rotate(ctx, made.Handle)
	if err != nil {
		t.Fatal(err)
	}
	if err := conformance.ProverOf(t, conn).Prove(ctx, made.ClientID, secret); err != nil {
		t.Error(err)
	}
	_, err = conformance.RotatorOf(t, conn).Rotate(ctx, connector.Handle{ClientID: "nobody"})
	var f *wire.Failure
	if !errors.As(err, &f) || f.Status != http.StatusNotFound {
		t.Errorf("a client that does not exist: %v", err)
	}
}
