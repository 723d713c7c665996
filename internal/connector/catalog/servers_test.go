package catalog_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/glewlwyd"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/testbed/zitadel"
	"keyward.dev/keyward/internal/wire"
)

// TestMain ends the Keycloak that tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	shared.Kill()
	os.Exit(code)
}

var shared keycloak.Shared

// TestServers takes clients through their life on every real server but two, which the end-to-end suite walks: OpenAM
// takes too long to start twice, and the resident one needs the store around it.
func TestServers(t *testing.T) {
	for _, s := range []conformance.Server{
		provider(t, ""), provider(t, "/tenant1"), keycloakByRegistration(t), keycloakByAdministrator(t), cServer(t), fixed(t),
	} {
		t.Run(s.Name, s.Run)
	}
}

func provider(t *testing.T, path string) conformance.Server {
	t.Helper()
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{IssuerPath: path})
	connection, secrets := conformance.WithInitialToken(oidcprovider.InitialAccessToken)
	return conformance.Server{
		Name: "oidc-provider" + path, Spec: &keyward.KeyManagerSpec{Type: "oidc", Discovery: op.Issuer, Connection: connection},
		Secrets: secrets, Registration: connector.Registration{Scopes: []string{"orders:read"}},
		Resource: oidcprovider.JWTResource,
		Creates:  true, Deletes: true, Reads: true,
		Existing: func(t *testing.T) (string, string) {
			t.Helper()
			id, secret, err := op.Register(t.Context(), "by-hand")
			if err != nil {
				t.Fatal(err)
			}
			return id, secret
		},
	}
}

func keycloakByRegistration(t *testing.T) conformance.Server {
	t.Helper()
	r := shared.Realm(t, "servers-dcr")
	connection, secrets := conformance.WithInitialToken(r.InitialAccessToken)
	// Without discovery declared, the issuer's own metadata is read.
	return conformance.Server{
		Name: "keycloak by registration", Secrets: secrets,
		Spec:    &keyward.KeyManagerSpec{Type: "keycloak", Issuer: r.Issuer, Connection: connection},
		Creates: true, Deletes: true, Reads: true, Existing: madeInRealm(r),
	}
}

func keycloakByAdministrator(t *testing.T) conformance.Server {
	t.Helper()
	r := shared.Realm(t, "servers-admin")
	return conformance.Server{
		Name: "keycloak by its administrator",
		Spec: &keyward.KeyManagerSpec{
			Type: "keycloak", Discovery: r.Issuer,
			Connection: map[string]any{"clientId": keycloak.ManagerClient, "clientSecret": secret.Stored()},
		},
		Secrets:      map[string]string{"connection.clientSecret": keycloak.ManagerSecret},
		Registration: connector.Registration{Scopes: keycloak.Scopes()[:1]},
		Creates:      true, Deletes: true, Finds: true, Lists: true, Rotates: true, Reads: true, Knows: true,
		Existing: madeInRealm(r),
	}
}

func madeInRealm(r *keycloak.Realm) func(t *testing.T) (string, string) {
	return func(t *testing.T) (string, string) {
		t.Helper()
		if err := r.AddClient(t.Context(), "by-hand", "by-hand-secret"); err != nil {
			t.Fatal(err)
		}
		return "by-hand", "by-hand-secret"
	}
}

// cServer is glewlwyd, in C. Its metadata has two slashes in every address; a client needs a callback and a response
// type that it never uses; without a scope it gives no token, and says no more of that than of a wrong secret (403, no
// body); a removal is answered with 200; a token's audience is its scope.
func cServer(t *testing.T) conformance.Server {
	t.Helper()
	g := glewlwyd.Start(t, t.TempDir())
	return conformance.Server{
		Name: "glewlwyd", Spec: &keyward.KeyManagerSpec{
			Type: "oidc", Discovery: g.Issuer, Connection: map[string]any{"proofScope": glewlwyd.Scope},
		},
		Registration: connector.Registration{Scopes: []string{glewlwyd.Scope}, Callbacks: []string{"https://app.example/cb"}},
		Creates:      true, Deletes: true, Reads: true,
		Existing: func(t *testing.T) (string, string) {
			t.Helper()
			if err := g.AddClient(t.Context(), "by-hand", "by-hand-secret", glewlwyd.Scope); err != nil {
				t.Fatal(err)
			}
			return "by-hand", "by-hand-secret"
		},
		Odd: func(t *testing.T, s connector.Server) {
			t.Helper()
			if at := s.Status.Endpoints; !strings.HasSuffix(at.Token, "//api/oidc/token") || !strings.Contains(at.Introspection, "//api/") {
				t.Errorf("endpoints %+v", at)
			}
			c := conformance.Open(t, s)
			_, err := c.Register(t.Context(), conformance.Registration())
			if err == nil || !strings.Contains(err.Error(), "redirect_uris is mandatory") {
				t.Errorf("a client without a callback: %v", err)
			}
			unscoped := *s.Spec
			unscoped.Connection = nil
			err = conformance.ProverOf(t, conformance.Open(t, conformance.ServerAt(t, &unscoped, nil))).Prove(
				t.Context(), "by-hand", "by-hand-secret")
			var f *wire.Failure
			if !errors.As(err, &f) || f.Status != http.StatusForbidden {
				t.Errorf("the right secret without a scope: %v", err)
			}
			if claims := claimsFrom(t, c, "by-hand", "by-hand-secret", glewlwyd.Scope); claims["aud"] != glewlwyd.Scope {
				t.Errorf("claims %v", claims)
			}
			// It gives a token to another spelling too, and writes the client's own into it.
			err = conformance.ProverOf(t, c).Prove(t.Context(), "By-Hand", "by-hand-secret")
			if told, ok := errors.AsType[*keyward.Error](err); !ok || len(told.Fields) != 1 ||
				!strings.Contains(told.Fields[0].Message, "as by-hand in its tokens") {
				t.Errorf("another spelling of the id: %v", err)
			}
			changed(t, c)
		},
	}
}

// changed: a change gives a client of glewlwyd a new secret, and ends the old one. It is told how a client authenticates as a
// list, which it does not take back.
func changed(t *testing.T, c connector.Connector) {
	t.Helper()
	ask := conformance.Registration()
	ask.Scopes, ask.Callbacks = []string{glewlwyd.Scope}, []string{"https://app.example/cb"}
	made, err := c.Register(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	updater, ok := c.(connector.Updater)
	if !ok {
		t.Fatalf("%T changes nothing", c)
	}
	ask.Callbacks = []string{"https://app.example/two"}
	now, err := updater.Update(t.Context(), made.Handle, ask, func(context.Context, connector.Handle) error { return nil })
	if err != nil || now.ClientID != made.ClientID || now.ClientSecret == "" || now.ClientSecret == made.ClientSecret {
		t.Fatalf("change: %v, error %v", now, err)
	}
	if err := conformance.ProverOf(t, c).Prove(t.Context(), now.ClientID, now.ClientSecret); err != nil {
		t.Errorf("the secret that came with the change: %v", err)
	}
	if err := conformance.ProverOf(t, c).Prove(t.Context(), now.ClientID, made.ClientSecret); err == nil {
		t.Error("the old secret lives")
	}
	got, err := conformance.ReaderOf(t, c).Read(t.Context(), now.Handle)
	if err != nil || got == nil || !slices.Equal(got.Callbacks, ask.Callbacks) {
		t.Errorf("after the change: %+v, error %v", got, err)
	}
	if err := c.Delete(t.Context(), now.Handle); err != nil {
		t.Error(err)
	}
}

// claimsFrom reads a JWT that a client gets.
func claimsFrom(t *testing.T, c connector.Connector, id, secret, scope string) map[string]any {
	t.Helper()
	granter, ok := c.(connector.Granter)
	if !ok {
		t.Fatalf("%T gets no tokens", c)
	}
	token, err := granter.Token(t.Context(), connector.TokenRequest{ClientID: id, Secret: secret, Scopes: []string{scope}})
	if err != nil {
		t.Fatal(err)
	}
	return testbed.Claims(t, token.Value)
}

// fixed is the example provider of zitadel/oidc, whose clients are fixed. Its issuer ends with a slash, its opaque tokens
// look like JWTs.
func fixed(t *testing.T) conformance.Server {
	t.Helper()
	z := zitadel.Start(t)
	return conformance.Server{
		Name: "zitadel", Spec: &keyward.KeyManagerSpec{Type: "oidc", Discovery: z.Issuer},
		Existing: func(*testing.T) (string, string) { return zitadel.Client, zitadel.ClientSecret },
		Odd: func(t *testing.T, s connector.Server) {
			t.Helper()
			if s.Status.Issuer != z.Issuer || !strings.HasSuffix(s.Status.Issuer, "/") || s.Status.Endpoints.Registration != "" {
				t.Errorf("discovered %+v", s.Status)
			}
			bare := &keyward.KeyManagerSpec{Type: "oidc", Discovery: strings.TrimSuffix(z.Issuer, "/")}
			if _, err := keymanager.Discover(t.Context(), bare, nil); err == nil || !strings.Contains(err.Error(), "with the slash") {
				t.Errorf("without the slash: %v", err)
			}
		},
	}
}
