package keycloak_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/wire"
)

// TestMain ends the Keycloak that tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	shared.Kill()
	os.Exit(code)
}

var shared keycloak.Shared

func TestKeycloakWithInitialAccessToken(t *testing.T) {
	ctx := t.Context()
	r := shared.Realm(t, "connector-dcr")
	connection, secrets := conformance.WithInitialToken(r.InitialAccessToken)
	// Without discovery declared, the issuer's own metadata is read.
	s := conformance.ServerAt(t, &keyward.KeyManagerSpec{Type: "keycloak", Issuer: r.Issuer, Connection: connection}, secrets)
	c := conformance.Open(t, s)
	withScope := conformance.Registration()
	withScope.Scopes = keycloak.Scopes()[:1]
	made, err := c.Register(ctx, withScope)
	if err != nil {
		t.Fatal(err)
	}
	if !introspectedActive(t, s, tokenOf(t, s, made, withScope.Scopes[0])) {
		t.Error("the client lost the realm's default scopes, and with them the audience of its tokens")
	}
	before, err := r.Clients(ctx)
	if err != nil {
		t.Fatal(err)
	}
	conformance.Public(t, c)
	withScope.Scopes = []string{"no:such"}
	_, err = c.Register(ctx, withScope)
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), "no:such") {
		t.Errorf("unknown scope: %v", err)
	}
	after, err := r.Clients(ctx)
	if err != nil || len(after) != len(before) {
		t.Errorf("a refused registration left a client: %d, then %d (%v)", len(before), len(after), err)
	}
}

func TestKeycloakWithServiceAccount(t *testing.T) {
	ctx := t.Context()
	r := shared.Realm(t, "connector-admin")
	spec := &keyward.KeyManagerSpec{
		Type: "keycloak", Discovery: r.Issuer,
		Connection: map[string]any{"clientId": keycloak.ManagerClient, "clientSecret": secret.Stored()},
	}
	secrets := map[string]string{"connection.clientSecret": keycloak.ManagerSecret}
	s := conformance.ServerAt(t, spec, secrets)
	c := conformance.Open(t, s)
	r1 := conformance.Registration()
	r1.Name, r1.Scopes = "keyward-scoped", keycloak.Scopes()[:1]
	made, err := c.Register(ctx, r1)
	if err != nil {
		t.Fatal(err)
	}
	if made.ClientID != "keyward-scoped" {
		t.Errorf("client id %s", made.ClientID)
	}
	token, err := r.Token(ctx, made.ClientID, made.ClientSecret, keycloak.Scopes()[0])
	if err != nil || !introspectedActive(t, s, token) {
		t.Errorf("a token with the asked scope: %v", err)
	}
	if _, err := r.Token(ctx, made.ClientID, made.ClientSecret, keycloak.Scopes()[1]); err == nil {
		t.Error("the client got a scope that was not asked for")
	}
	r2 := r1
	r2.Name, r2.Scopes = "keyward-unknown", []string{"no:such"}
	if _, err := c.Register(ctx, r2); keyward.CodeOf(err) != keyward.CodeInvalidInput || !strings.Contains(err.Error(), "no:such") {
		t.Errorf("unknown scope: %v", err)
	}
	if _, err := c.Register(ctx, r1); err == nil {
		t.Error("the same name was registered twice")
	}
	testFindAndRotate(t, r, c, made)
	conformance.Public(t, c)

	wrong := conformance.Open(t, conformance.ServerAt(t, spec, map[string]string{"connection.clientSecret": "wrong"}))
	_, err = wrong.Register(ctx, conformance.Registration())
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), "service account") {
		t.Errorf("wrong secret of the service account: %v", err)
	}
	if err := wrong.Delete(ctx, made.Handle); err == nil {
		t.Error("a refused service account counts as a client that is gone")
	}
}

// What an application's client is made with opens the realm to nobody: not by a scope that a developer names, not by the
// roles of whoever its tokens are about.
func TestKeycloakClientsManageNothing(t *testing.T) {
	ctx := t.Context()
	r := shared.Realm(t, "connector-nothing")
	if err := r.AddManagingScope(ctx, "boss"); err != nil {
		t.Fatal(err)
	}
	c := conformance.Open(t, conformance.ServerAt(t, &keyward.KeyManagerSpec{
		Type: "keycloak", Discovery: r.Issuer,
		Connection: map[string]any{"clientId": keycloak.ManagerClient, "clientSecret": secret.Stored()},
	}, map[string]string{"connection.clientSecret": keycloak.ManagerSecret}))
	register := func(name string, scopes ...string) (connector.Registered, error) {
		ask := conformance.Registration()
		ask.Name, ask.Scopes = name, scopes
		return c.Register(ctx, ask)
	}
	if _, err := register("keyward-boss", keycloak.Scopes()[0], "boss"); keyward.CodeOf(err) != keyward.CodeInvalidInput ||
		!strings.Contains(err.Error(), "boss lets roles through") {
		t.Errorf("a scope that manages the realm: %v", err)
	}
	made, err := register("keyward-plain", keycloak.Scopes()[0])
	if err != nil {
		t.Fatal(err)
	}
	restorer, ok := c.(connector.Restorer)
	if !ok {
		t.Fatalf("%T restores nothing", c)
	}
	if err := restorer.Restore(ctx, made.Handle, keyward.ClientRestore{Give: []string{"boss"}}); err == nil {
		t.Error("a scope that manages the realm was given back")
	}
	if err := restorer.Restore(ctx, made.Handle, keyward.ClientRestore{Give: keycloak.Scopes()[1:2]}); err != nil {
		t.Errorf("another scope: %v", err)
	}

	// An administrator appoints the clients' service accounts: that of a client made by hand may list the realm's clients.
	if err := r.AddClient(ctx, "by-hand", "secret-of-by-hand"); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{"by-hand": http.StatusOK, made.ClientID: http.StatusForbidden} {
		secret := made.ClientSecret
		if id == "by-hand" {
			secret = "secret-of-by-hand"
		}
		if err := r.Appoint(ctx, id); err != nil {
			t.Fatal(err)
		}
		token, err := r.Token(ctx, id, secret, "")
		if err != nil {
			t.Fatal(err)
		}
		k := wire.Call{
			Op: "list", Method: http.MethodGet, URL: strings.Replace(r.Issuer, "/realms/", "/admin/realms/", 1) + "/clients", Bearer: token,
		}
		if a, err := wire.New(nil).Do(ctx, k); err != nil || a.Status != want {
			t.Errorf("%s: %+v, error %v, want %d", id, a, err, want)
		}
	}
}

// A service account that has a key instead of a secret, in both forms that the key can have.
func TestKeycloakWithAssertions(t *testing.T) {
	ctx := t.Context()
	r := shared.Realm(t, "connector-jwt")
	key, err := issuer.NewKey("manager-1", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	private := jose.JSONWebKey{Key: key.Private, KeyID: "manager-1", Algorithm: "ES256", Use: "sig"}
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AddManager(ctx, "keyward-jwt", string(public)); err != nil {
		t.Fatal(err)
	}
	jwk, err := private.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := issuer.NewKey("manager-1", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	other, err := jose.JSONWebKey{Key: stranger.Private, KeyID: "manager-1", Algorithm: "ES256"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	spec := &keyward.KeyManagerSpec{Type: "keycloak", Discovery: r.Issuer, Connection: map[string]any{
		"clientId": "keyward-jwt", "clientAuthentication": connector.ByAssertion, "clientKey": secret.Stored(),
	}}
	with := func(key string) connector.Connector {
		return conformance.Open(t, conformance.ServerAt(t, spec, map[string]string{"connection.clientKey": key}))
	}
	made, err := with(string(jwk)).Register(ctx, conformance.Registration())
	if err != nil {
		t.Fatal(err)
	}
	_, err = conformance.FinderOf(t, with(string(other))).Find(ctx, made.ClientID)
	if f, ok := errors.AsType[*wire.Failure](err); !ok || !strings.Contains(f.Error(), "service account") {
		t.Errorf("another key: %v", err)
	}
	for range 2 { // an assertion is good once, and a token is kept
		found, err := conformance.FinderOf(t, with(string(jwk))).Find(ctx, made.ClientID)
		if err != nil || found == nil || found.ClientSecret != made.ClientSecret {
			t.Errorf("find: %v, error %v", found, err)
		}
	}
	if err := with(string(jwk)).Delete(ctx, made.Handle); err != nil {
		t.Error(err)
	}
}

func testFindAndRotate(t *testing.T, r *keycloak.Realm, c connector.Connector, made connector.Registered) {
	t.Helper()
	ctx := t.Context()
	found, err := conformance.FinderOf(t, c).Find(ctx, made.ClientID)
	if err != nil || found == nil || found.ClientSecret != made.ClientSecret {
		t.Errorf("find: %v, error %v", found, err)
	}
	if err := r.DeleteClient(ctx, made.ClientID); err != nil {
		t.Fatal(err)
	}
	if _, err := conformance.RotatorOf(t, c).Rotate(ctx, made.Handle); err == nil || !strings.Contains(err.Error(), made.ClientID) {
		t.Errorf("rotate a client that is gone: %v", err)
	}
	if err := c.Delete(ctx, made.Handle); err != nil {
		t.Errorf("delete a client that is gone: %v", err)
	}
}

// tokenOf gets a token as the client is registered to: with HTTP Basic, which Keycloak then insists on.
func tokenOf(t *testing.T, s connector.Server, made connector.Registered, scope string) string {
	t.Helper()
	form := strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Status.Endpoints.Token, form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(made.ClientID, made.ClientSecret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error_description"`
	}
	conformance.Decode(t, resp, &answer)
	if answer.Token == "" {
		t.Fatalf("no token: %s", answer.Error)
	}
	return answer.Token
}

func introspectedActive(t *testing.T, s connector.Server, token string) bool {
	t.Helper()
	form := strings.NewReader("token=" + token)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Status.Endpoints.Introspection, form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(keycloak.IntrospectionClient, keycloak.IntrospectionSecret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Active bool }
	conformance.Decode(t, resp, &answer)
	return answer.Active
}

// A list that takes several pages is whole, and one of other clients' names has none of ours.
func TestKeycloakListsEveryPage(t *testing.T) {
	ctx := t.Context()
	r := shared.Realm(t, "list")
	c := conformance.Open(t, conformance.ServerAt(t, &keyward.KeyManagerSpec{
		Type: "keycloak", Discovery: r.Issuer,
		Connection: map[string]any{"clientId": keycloak.ManagerClient, "clientSecret": secret.Stored()},
	}, map[string]string{"connection.clientSecret": keycloak.ManagerSecret}))
	const many = 105
	if err := r.AddClients(ctx, many, func(i int) string { return fmt.Sprintf("keyward-page-%d", i) }); err != nil {
		t.Fatal(err)
	}
	if err := r.AddClient(ctx, "not-keyward-page-1", "secret"); err != nil {
		t.Fatal(err)
	}
	lister, ok := c.(connector.Lister)
	if !ok {
		t.Fatal("nothing is listed")
	}
	for prefix, want := range map[string]int{"keyward-page-": many, "keyward-page-10": 6, "keyward-pages": 0} {
		if list, err := lister.List(ctx, prefix); err != nil || len(list) != want {
			t.Errorf("%s: %d clients, want %d, error %v", prefix, len(list), want, err)
		}
	}
}

func TestKeycloakTranscript(t *testing.T) {
	r := shared.Realm(t, "transcript")
	s := conformance.ServerAt(t, &keyward.KeyManagerSpec{
		Type: "keycloak", Discovery: r.Issuer,
		Connection: map[string]any{"clientId": keycloak.ManagerClient, "clientSecret": secret.Stored()},
	}, map[string]string{"connection.clientSecret": keycloak.ManagerSecret})
	conformance.Transcript(t, "keycloak", conformance.OriginOf(t, r.Issuer), s)
	connection, secrets := conformance.WithInitialToken(r.InitialAccessToken)
	s = conformance.ServerAt(t, &keyward.KeyManagerSpec{Type: "keycloak", Discovery: r.Issuer, Connection: connection}, secrets)
	conformance.Transcript(t, "keycloak-registration", conformance.OriginOf(t, r.Issuer), s)
}
