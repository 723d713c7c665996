package ping_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/pingserver"
	"keyward.dev/keyward/internal/wire"
)

func pingCloud(t *testing.T) conformance.Cloud {
	t.Helper()
	key := conformance.SigningKey(t)
	build := func(origin string) http.Handler { return pingserver.Build(origin, key) }
	s := contract.Start(t, build)
	return conformance.Cloud{
		Name: "ping", Server: s, Build: func() http.Handler { return build(s.URL) }, Create: "/oauth/clients",
		Spec: &keyward.KeyManagerSpec{
			Type: keyward.TypePing, Discovery: s.URL + "/.well-known/openid-configuration", Connection: map[string]any{
				"adminUrl": s.URL + "/pf-admin-api/v1", "username": pingserver.AdminUser, "password": secret.Stored(),
				"exclusiveScopes": []any{pingserver.ExclusiveScope, "orders:none"},
			},
		},
		Secrets:  map[string]string{"connection.password": pingserver.AdminPassword},
		Overlaps: true, Entitlements: []connector.Entitlement{{Scope: pingserver.ExclusiveScope}},
	}
}

func TestPing(t *testing.T) {
	pingCloud(t).Walk(t,
		// Which the documentation calls optional, or passes over.
		"drop member /redirectUris", "drop member /clientId", "drop member /enabled", "drop member /bypassApprovalPage",
		"drop member /restrictScopes", "drop member /exclusiveScopes", "drop member /clientAuth/enforceReplayPrevention",
		"drop member /clientAuth/secondarySecrets", "drop member /clientSecretRetentionPeriodType",
		"drop member /clientSecretRetentionPeriod", "drop query filter", "drop query page", "drop query numberPerPage",
	)
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

// A restricted client gets common scopes and exclusive ones, and what it had otherwise stays.
func TestPingScopes(t *testing.T) {
	ctx := t.Context()
	c := pingCloud(t)
	conn := c.Open(t, c.Secrets)
	giver, ok := conn.(connector.Entitler)
	if !ok {
		t.Fatal("it gives nothing")
	}
	scope := func(name string) connector.Entitlement { return connector.Entitlement{Scope: name} }
	r := conformance.Registration()
	r.Scopes = []string{pingserver.Scope}
	restricted, err := conn.Register(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	r.Name, r.Scopes = "keyward-free", nil
	free, err := conn.Register(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	all := []connector.Entitlement{scope(pingserver.Scope), scope(pingserver.OtherScope), scope(pingserver.ExclusiveScope), {Audience: "x"}}
	if has, err := giver.Entitled(ctx, free.Handle, all); err != nil ||
		!slices.Equal(has, []connector.Entitlement{all[0], all[1], all[3]}) {
		t.Errorf("a client that may ask for every common scope: %q, error %v", has, err)
	}
	// One that nobody named, one that is named and not there, and one that is neither.
	absent := []connector.Entitlement{scope(pingserver.SystemScope), scope("orders:none"), scope("no:such/one")}
	lacking, err := giver.Entitle(ctx, restricted.Handle, slices.Concat(absent, all[1:3]), nil)
	if err != nil || !slices.Equal(lacking, absent) {
		t.Errorf("lacking %q, error %v", lacking, err)
	}
	if has, err := giver.Entitled(ctx, restricted.Handle, all); err != nil || !slices.Equal(has, all) {
		t.Errorf("a restricted client: %q, error %v", has, err)
	}
	if _, err := giver.Entitle(ctx, restricted.Handle, nil, all[1:3]); err != nil {
		t.Fatal(err)
	}
	got, err := conformance.ReaderOf(t, conn).Read(ctx, restricted.Handle)
	if err != nil || got == nil || !slices.Equal(got.Scopes, []string{pingserver.Scope}) {
		t.Errorf("afterwards: %+v, error %v", got, err)
	}
	if err := conformance.ProverOf(t, conn).Prove(ctx, restricted.ClientID, restricted.ClientSecret); err != nil {
		t.Errorf("its secret: %v", err)
	}
	_, err = giver.Entitled(ctx, connector.Handle{ClientID: "nobody"}, all)
	var f *wire.Failure
	if !errors.As(err, &f) || f.Status != http.StatusNotFound {
		t.Errorf("a client that does not exist: %v", err)
	}
}

// A client that somebody switched off there is seen so, stays off when something else is changed, and is switched on by a
// change that says so.
func TestPingSwitchedOff(t *testing.T) {
	ctx := t.Context()
	c := pingCloud(t)
	conn := c.Open(t, c.Secrets)
	updater, ok := conn.(connector.Updater)
	if !ok {
		t.Fatal("it changes nothing")
	}
	off, other, on := conformance.Registration(), conformance.Registration(), conformance.Registration()
	off.Fields, on.Enable = map[string]any{"enabled": false}, true
	made, err := conn.Register(ctx, other)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		change connector.Registration
		off    bool
	}{{other, false}, {off, true}, {other, true}, {on, false}} {
		if _, err := updater.Update(ctx, made.Handle, step.change, nil); err != nil {
			t.Fatal(err)
		}
		got, err := conformance.ReaderOf(t, conn).Read(ctx, made.Handle)
		if err != nil || got == nil || got.Disabled != step.off {
			t.Errorf("after %+v: %+v, error %v, want off %v", step.change, got, err, step.off)
		}
	}
}

// A rotation without an overlap ends every secret but its own, those too that the server was told to retain.
func TestPingRotationEndsAnOverlap(t *testing.T) {
	ctx := t.Context()
	c := pingCloud(t)
	conn := c.Open(t, c.Secrets)
	overlapper, ok := conn.(connector.Overlapper)
	if !ok {
		t.Fatal("it keeps one secret")
	}
	made, err := conn.Register(ctx, conformance.Registration())
	if err != nil {
		t.Fatal(err)
	}
	second, err := overlapper.AddSecret(ctx, made.Handle)
	if err != nil {
		t.Fatal(err)
	}
	third, err := conformance.RotatorOf(t, conn).Rotate(ctx, made.Handle)
	if err != nil {
		t.Fatal(err)
	}
	for secret, lives := range map[string]bool{made.ClientSecret: false, second.Value: false, third: true} {
		if err := conformance.ProverOf(t, conn).Prove(ctx, made.ClientID, secret); (err == nil) != lives {
			t.Errorf("a secret lives: %v, want %v", err == nil, lives)
		}
	}
	if err := overlapper.DropSecrets(ctx, connector.Handle{ClientID: "nobody"}, ""); err != nil {
		t.Errorf("a client that is gone: %v", err)
	}
}
