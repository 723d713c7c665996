package keys_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
)

func adminSpec(r *keycloak.Realm, base string) string {
	return fmt.Sprintf(`{"type":"keycloak","discovery":"%s","connection":{"clientId":"%s","clientSecret":{"stored":true},
		"adminUrl":"%s/admin/realms/%s"}}`,
		r.Issuer, keycloak.ManagerClient, base, r.Name)
}

func adminSecrets() map[string]string {
	return map[string]string{"connection.clientSecret": keycloak.ManagerSecret}
}

func TestLifeAtKeycloak(t *testing.T) {
	ctx := t.Context()
	kc := shared.Realm(t, "keys-life")
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", adminSpec(kc, kc.Server.URL), adminSecrets())
	made, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if made.ClientSecret == "" || made.Name != "mobile-corp-production" ||
		made.TokenEndpoint != kc.Issuer+"/protocol/openid-connect/token" {
		t.Errorf("%+v", made)
	}
	if _, err := kc.Token(ctx, made.ClientID, made.ClientSecret, ""); err != nil {
		t.Error(err)
	}
	if !r.onGateways(made.ClientID) {
		t.Error("no gateway knows the client")
	}
	_, err = r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{})
	wantCode(t, err, keyward.CodeKeysExist, made.ClientID)
	for _, own := range []string{keycloak.ManagerClient, "admin-cli", "realm-management"} {
		_, err := r.keys.Map(ctx, admin(), keys.Place{Application: "other", KeyManager: "corp"}, own, "")
		wantCode(t, err, keyward.CodeInvalidInput, own)
	}

	rotated, err := r.keys.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{})
	if err != nil {
		t.Fatal(err)
	}
	if rotated.ClientID != made.ClientID || rotated.ClientSecret == made.ClientSecret {
		t.Error("rotation changed the id, or kept the secret")
	}
	if _, err := kc.Token(ctx, made.ClientID, made.ClientSecret, ""); err == nil {
		t.Error("the old secret lives")
	}
	if _, err := kc.Token(ctx, made.ClientID, rotated.ClientSecret, ""); err != nil {
		t.Error(err)
	}
	testReveal(t, r, rotated)

	ref := keyward.Ref{Kind: keyward.KindApplication, Tenant: keyward.DefaultTenant, Name: "mobile"}
	err = r.store.Write(ctx, "test", func(tx *store.Tx) error {
		app, err := tx.Get(ref.Kind, ref.Tenant, ref.Name)
		if err != nil {
			return err
		}
		if err := scene.DropFailed(tx, app); err != nil {
			return err
		}
		return tx.Delete(app)
	})
	wantCode(t, err, keyward.CodeInUse, "mobile-corp-production")

	if err := r.keys.DeleteByName(ctx, bob(), keyward.DefaultTenant, made.Name); err == nil {
		t.Error("somebody else deleted the client")
	}
	if err := r.keys.DeleteByName(ctx, alice(), keyward.DefaultTenant, made.Name); err != nil {
		t.Fatal(err)
	}
	if len(r.list()) != 0 || r.onGateways(made.ClientID) || has(t, kc, made.ClientID) {
		t.Error("the client is not gone everywhere")
	}
	if got := r.audited(); !slices.Equal(got, []string{"key.generated", "key.rotated", "key.revealed", "key.deleted"}) {
		t.Errorf("audit: %v", got)
	}
}

// testReveal fetches a secret once more: only its requester, only once.
func testReveal(t *testing.T, r *rig, made *keys.Result) {
	t.Helper()
	_, err := r.keys.Reveal(t.Context(), admin(), at("corp"))
	wantCode(t, err, keyward.CodeNotFound)
	got, err := r.keys.Reveal(t.Context(), alice(), at("corp"))
	if err != nil || !reflect.DeepEqual(got, made) {
		t.Errorf("reveal: %v, error %v", got, err)
	}
	_, err = r.keys.Reveal(t.Context(), alice(), at("corp"))
	wantCode(t, err, keyward.CodeNotFound)
}

func has(t *testing.T, kc *keycloak.Realm, clientID string) bool {
	t.Helper()
	clients, err := kc.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(clients, func(c keycloak.Client) bool { return c.ClientID == clientID })
}

func TestRevealEndsAfterTenMinutes(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, `,"display":{"token":"https://sso.example/token"}`), initialToken())
	made, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if made.TokenEndpoint != "https://sso.example/token" {
		t.Errorf("token endpoint %s, want the displayed one", made.TokenEndpoint)
	}
	_, err = r.keys.Rotate(t.Context(), alice(), at("corp"), keys.RotateAsk{})
	wantCode(t, err, keyward.CodeRotationUnsupported)
	if _, err := op.Token(t.Context(), made.ClientID, made.ClientSecret, oidcprovider.JWTResource, ""); err != nil {
		t.Errorf("a refused rotation changed something: %v", err)
	}
	if l := r.list()[0]; l.Rotates || l.Overlaps || !strings.Contains(l.Obstacle, "offers no way to change a client's secret") {
		t.Errorf("a rotation that the server cannot do is offered: %+v", l.Rotation)
	}
	r.later(9 * time.Minute)
	if _, err := r.keys.Reveal(t.Context(), alice(), at("corp")); err != nil {
		t.Errorf("after 9 minutes: %v", err)
	}
	if err := r.keys.Delete(t.Context(), alice(), at("corp")); err != nil {
		t.Fatal(err)
	}
	if made, err = r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
		t.Fatal(err)
	}
	r.later(11 * time.Minute)
	_, err = r.keys.Reveal(t.Context(), alice(), at("corp"))
	wantCode(t, err, keyward.CodeNotFound)
	clients, err := op.Clients(t.Context())
	if err != nil || len(clients) != 1 || clients[0].ID != made.ClientID {
		t.Errorf("clients at the server: %v, error %v", clients, err)
	}
}

func TestListIsForThoseConcerned(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		who keyward.Principal
		ok  bool
	}{
		{alice(), true},
		{admin(), true},
		{principal("eve", keyward.RoleAuditor), true},
		{keyward.Principal{
			User: "carol", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleDeveloper}, Groups: []string{"payments"},
		}, true},
		{bob(), false},
		{principal("eve", keyward.RolePublisher), false},
		{keyward.Principal{User: "alice", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin, keyward.RoleAuditor}}, false},
	} {
		_, _, err := r.keys.List(t.Context(), c.who, keyward.DefaultTenant, "mobile", listing.Choice{})
		if (err == nil) != c.ok || err != nil && keyward.CodeOf(err) != keyward.CodeForbidden {
			t.Errorf("%+v: %v", c.who, err)
		}
	}
}

// A client that an administrator of the server deleted there is gone; one that the server cannot delete stays listed.
// awayPage stands for a 404 of what runs the server, while the server itself is away.
const awayPage = 1404

func TestDeleteAtOddServers(t *testing.T) {
	for status, want := range map[int]keyward.Code{
		204: "", 200: "", 404: "", 401: "", 405: keyward.CodeKeyManagerFailed, 503: keyward.CodeKeyManagerFailed,
		awayPage: keyward.CodeKeyManagerFailed,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var url string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.Method == http.MethodDelete && status == awayPage {
					w.Header().Set("Content-Type", "text/html;charset=utf-8")
					w.WriteHeader(http.StatusNotFound)
					return
				}
				if req.Method == http.MethodDelete {
					w.WriteHeader(status)
					return
				}
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, `{"client_id":"abc","client_secret":"s","registration_access_token":"rat",
					"registration_client_uri":"`+url+`/reg/abc"}`)
			}))
			t.Cleanup(srv.Close)
			url = srv.URL
			r := newRig(t)
			r.subscribe()
			r.keyManager("corp", `{"type":"oidc","issuer":"x","keys":{"jwks":"https://as.example/k"},
				"endpoints":{"registration":"`+url+`/reg"}}`, nil)
			if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
				t.Fatal(err)
			}
			if !r.onGateways("abc") {
				t.Fatal("no gateway knows the client")
			}
			err := r.keys.Delete(t.Context(), alice(), at("corp"))
			wantCode(t, err, want)
			if r.onGateways("abc") {
				t.Error("gateways still take the client")
			}
			switch status {
			case 405:
				if one := r.one(keyward.ClientFailed); !one.Status.Orphan || !strings.Contains(one.Status.Reason, "abc") {
					t.Errorf("%+v", one.Status)
				}
				wantCode(t, r.keys.Dismiss(t.Context(), bob(), at("corp")), keyward.CodeForbidden)
				if err := r.keys.Dismiss(t.Context(), alice(), at("corp")); err != nil || len(r.list()) != 0 {
					t.Errorf("dismiss: %v", err)
				}
			case 503, awayPage:
				if one := r.one(keyward.ClientDeleting); !strings.Contains(one.Status.Reason, "answered "+strconv.Itoa(status%1000)) {
					t.Errorf("%+v", one.Status)
				}
				_, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
				wantCode(t, err, keyward.CodeKeysExist, "being deleted")
				wantCode(t, r.keys.Dismiss(t.Context(), alice(), at("corp")), keyward.CodeNotFound)
				if err := r.keys.Dismiss(t.Context(), admin(), at("corp")); err != nil || len(r.list()) != 0 {
					t.Errorf("dismiss: %v", err)
				}
			default:
				if len(r.list()) != 0 {
					t.Error("the client is still listed")
				}
			}
		})
	}
}

func TestWhatTheServerGaveIsKeptAndShown(t *testing.T) {
	answer := `{"client_id":"abc","client_secret":"s","grant_types":["client_credentials"],"scope":"read",` +
		`"client_secret_expires_at":1893456000}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	r := newRig(t)
	r.keyManager("corp", `{"type":"oidc","issuer":"x","keys":{"jwks":"https://as.example/k"},
		"clients":{"grantTypes":["client_credentials","authorization_code"]},
		"endpoints":{"registration":"`+srv.URL+`/reg"}}`, nil)
	made, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{
		Grants: []string{"client_credentials", "authorization_code"}, Scopes: []string{"read", "write"},
		Callbacks: []string{"https://app.example/cb"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := keyward.OAuthClientStatus{
		Grants: []string{"client_credentials"}, Scopes: []string{"read"},
		LackingGrants: []string{"authorization_code"}, LackingScopes: []string{"write"},
	}
	again, err := r.keys.Reveal(t.Context(), alice(), at("corp"))
	if err != nil {
		t.Fatal(err)
	}
	listed := r.one(keyward.ClientActive).Status
	for where, got := range map[string]keyward.OAuthClientStatus{
		"the answer": {Grants: made.Grants, Scopes: made.Scopes, LackingGrants: made.LackingGrants,
			LackingScopes: made.LackingScopes, SecretExpiresAt: made.SecretExpiresAt},
		"the second look": {Grants: again.Grants, Scopes: again.Scopes, LackingGrants: again.LackingGrants,
			LackingScopes: again.LackingScopes, SecretExpiresAt: again.SecretExpiresAt},
		"the listing": {Grants: listed.Grants, Scopes: listed.Scopes, LackingGrants: listed.LackingGrants,
			LackingScopes: listed.LackingScopes, SecretExpiresAt: listed.SecretExpiresAt},
	} {
		if at := got.SecretExpiresAt; at == nil || at.Unix() != 1893456000 {
			t.Errorf("%s: the secret expires at %v", where, at)
		}
		got.SecretExpiresAt = nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", where, got)
		}
	}
}

func TestNamesAreLabelsAndFree(t *testing.T) {
	r := newRig(t)
	long := strings.Repeat("a", 60)
	r.put(&keyward.Object{Kind: keyward.KindApplication, Name: long, Spec: &keyward.ApplicationSpec{Owner: "alice"}}, store.Extra{})
	r.keyManager("ext", `{"type":"external","issuer":"x","keys":{"jwks":"https://as.example/k"}}`, nil)
	names := map[string]bool{}
	for i, env := range []keyward.Environment{keyward.Production, keyward.Sandbox} {
		place := keys.Place{Application: long, KeyManager: "ext", Environment: env}
		got, err := r.keys.Map(t.Context(), admin(), place, fmt.Sprint("c", i), "")
		if err != nil {
			t.Fatal(err)
		}
		if !keyward.ValidName(got.Name) || names[got.Name] {
			t.Errorf("name %q", got.Name)
		}
		names[got.Name] = true
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	secret := "s3cr3t"
	for _, text := range []string{
		fmt.Sprintf("%v %+v %s", keys.Result{ClientSecret: secret}, keys.Result{ClientSecret: secret}, &keys.Result{ClientSecret: secret}),
		fmt.Sprintf("%#v", keys.Result{ClientSecret: secret}),
	} {
		if strings.Contains(text, secret) {
			t.Error(text)
		}
	}
}
