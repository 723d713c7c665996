package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/testbed/program"
	"keyward.dev/keyward/internal/testbed/vendorproxy"
)

// vendor is a real authorization server on which clients are made.
type vendor struct {
	name     string // of the key manager
	spec     string // of its manifest
	scope    string
	resource string // asked for with the token, where the server wants one
	audience string // likewise, under Auth0's name for it
	rotates  bool
	overlaps bool   // two secrets of a client live side by side
	callback string // that clients must have there, whatever they do
	unscoped bool   // clients get their scopes elsewhere, not when they are generated

	clients func(ctx context.Context) ([]string, error)              // client ids that the server has
	byHand  func(ctx context.Context) (id, secret string, err error) // a client made by the vendor's own administrator
}

func keycloakSpec(r *keycloak.Realm, registration string, admin bool) string {
	connection := fmt.Sprintf("initialAccessToken: %q", r.InitialAccessToken)
	if admin {
		connection = fmt.Sprintf("clientId: %s, clientSecret: %s", keycloak.ManagerClient, keycloak.ManagerSecret)
	}
	return fmt.Sprintf(`type: keycloak, discovery: %q, connection: {%s}, endpoints: {registration: %q},
  introspection: {clientId: %s, clientSecret: %s}`, r.Discovery(), connection, registration,
		keycloak.IntrospectionClient, keycloak.IntrospectionSecret)
}

func realmClients(r *keycloak.Realm) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		all, err := r.Clients(ctx)
		ids := make([]string, len(all))
		for i, c := range all {
			ids[i] = c.ClientID
		}
		return ids, err
	}
}

func keycloakVendor(t *testing.T, name string, admin bool) vendor {
	t.Helper()
	r := shared.Realm(t, name)
	return vendor{
		name: name, spec: keycloakSpec(r, r.Registration(),
			admin), scope: "orders:read", rotates: admin,
		clients: realmClients(r),
		byHand: func(ctx context.Context) (string, string, error) {
			return "by-hand", "by-hand-secret", r.AddClient(ctx, "by-hand", "by-hand-secret")
		},
	}
}

func providerVendor(t *testing.T, s *oidcprovider.Server) vendor {
	t.Helper()
	return vendor{
		name: "op", scope: "orders:read", resource: oidcprovider.JWTResource,
		spec: fmt.Sprintf("type: oidc, discovery: %q, connection: {initialAccessToken: %q}", s.Discovery(),
			oidcprovider.InitialAccessToken),
		clients: func(ctx context.Context) ([]string, error) {
			all, err := s.Clients(ctx)
			ids := make([]string, len(all))
			for i, c := range all {
				ids[i] = c.ID
			}
			return ids, err
		},
		byHand: func(ctx context.Context) (string, string, error) { return s.Register(ctx, "by-hand") },
	}
}

// madeKeys is what `keys generate -o json` prints.
type madeKeys struct{ ClientID, ClientSecret, TokenEndpoint string }

// token gets an access token as the developer's program would.
func (k madeKeys) token(t *testing.T, v vendor) string {
	t.Helper()
	token, err := k.tryToken(t.Context(), v)
	if err != nil {
		t.Fatalf("a token of %s: %v", v.name, err)
	}
	return token
}

func (k madeKeys) tryToken(ctx context.Context, v vendor) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if v.scope != "" {
		form.Set("scope", v.scope)
	}
	if v.resource != "" {
		form.Set("resource", v.resource)
	}
	if v.audience != "" {
		form.Set("audience", v.audience)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(k.ClientID), url.QueryEscape(k.ClientSecret))
	return tokenFrom(req)
}

func place(command, km string, more ...string) []string {
	args := []string{"keys", command, "--application", "mobile", "--key-manager", km, "--environment", "production"}
	return append(args, more...)
}

// TestKeysOnRealServers walks the life of a client on each server: made, used, rotated, deleted; and a client made by
// hand is mapped and unmapped, never touched.
func TestKeysOnRealServers(t *testing.T) {
	t.Parallel()
	vendors := []vendor{
		keycloakVendor(t, "kc-registration", false), keycloakVendor(t, "kc-admin", true),
		providerVendor(t, oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})),
		{name: "resident", scope: "orders:read", rotates: true},
	}
	forEach(t, vendors, walkKeys)
}

// forEach tries each vendor in turn as the one that the API allows.
func forEach(t *testing.T, vendors []vendor, try func(t *testing.T, n *program.Node, v vendor)) {
	t.Helper()
	up := newUpstream(t)
	n := serve(t)
	for _, v := range vendors {
		t.Run(v.name, func(t *testing.T) {
			if v.spec != "" {
				apply(t, n, manifest("KeyManager", v.name, v.spec))
			}
			apply(t, n, orders(up.URL, "["+v.name+"]", ""), mobile())
			try(t, n, v)
		})
	}
}

func walkKeys(t *testing.T, n *program.Node, v vendor) {
	t.Helper()
	args := []string{"--grant", "client_credentials"}
	if !v.unscoped {
		args = append(args, "--scope", "orders:read")
	}
	if v.callback != "" {
		args = append(args, "--callback", v.callback)
	}
	k := cliJSON[madeKeys](t, n, place("generate", v.name, args...)...)
	if k.ClientID == "" || k.ClientSecret == "" || k.TokenEndpoint == "" {
		t.Fatalf("generate said %+v", k)
	}
	token := k.token(t, v)
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")

	again := n.CLI(t, "", place("generate", v.name, "--grant", "client_credentials")...)
	if again.Code != 3 || !containsText(again.Stderr, "keys_exist") {
		t.Errorf("the place is taken: %s", again)
	}
	if list := cli(t, n, "keys", "list", "--application", "mobile"); !containsText(list,
		k.ClientID) || containsText(list, k.ClientSecret) {
		t.Errorf("keys list: %s", list)
	}
	rotate := n.CLI(t, "", append(place("rotate", v.name), "-o", "json")...)
	switch {
	case v.rotates && rotate.Code != 0:
		t.Errorf("rotate: %s", rotate)
	case v.rotates:
		fresh := decode[madeKeys](t, rotate.Stdout)
		if fresh.ClientID != k.ClientID || fresh.ClientSecret == k.ClientSecret || fresh.ClientSecret == "" {
			t.Errorf("rotate gave the same secret, none or another client")
		}
		if _, err := k.tryToken(t.Context(), v); err == nil {
			t.Error("the old secret still gets tokens")
		}
		fresh.TokenEndpoint = k.TokenEndpoint
		until(t, n.Gateway, http.MethodGet, items, fresh.token(t, v), 200, "")
	case rotate.Code == 0:
		// A server that can rotate after all must keep the id and end the old secret.
		if fresh := decode[madeKeys](t, rotate.Stdout); fresh.ClientID != k.ClientID {
			t.Errorf("rotate gave another client: %s", rotate)
		}
	case !containsText(rotate.Stderr, "rotation_unsupported"):
		t.Errorf("rotate where the server cannot: %s", rotate)
	default:
		until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
	}
	cli(t, n, place("delete", v.name)...)
	until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
	if v.clients != nil {
		ids, err := v.clients(t.Context())
		if err != nil || slices.Contains(ids, k.ClientID) {
			t.Errorf("the deleted client is still at the vendor: %v, error %v", ids, err)
		}
	}
	if v.byHand != nil {
		walkMapped(t, n, v)
	}
}

// handMade makes a client as the vendor's own administrator would, and leaves its secret in a file.
func handMade(t *testing.T, v vendor) (id, secret, file string) {
	t.Helper()
	id, secret, err := v.byHand(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return id, secret, file
}

func walkMapped(t *testing.T, n *program.Node, v vendor) {
	t.Helper()
	id, secret, file := handMade(t, v)
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("wrong-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := n.CLI(t, "", place("map", v.name, "--client-id="+id, "--client-secret-file", wrong)...); r.Code != 3 {
		t.Errorf("map with a wrong secret: %s", r)
	}
	cli(t, n, place("map", v.name, "--client-id="+id, "--client-secret-file", file)...)
	endpoint := tokenEndpoint(t, n, v)
	mapped := madeKeys{ClientID: id, ClientSecret: secret, TokenEndpoint: endpoint}
	token := mapped.token(t, v)
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	cli(t, n, place("delete", v.name)...)
	until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
	mapped.token(t, v) // unmapped here, untouched there
}

// tokenEndpoint reads what discovery found out.
func tokenEndpoint(t *testing.T, n *program.Node, v vendor) string {
	t.Helper()
	got := cliJSON[struct {
		Status struct{ Endpoints struct{ Token string } }
	}](t, n, "get", "key-manager", v.name)
	if got.Status.Endpoints.Token == "" {
		t.Fatalf("no token endpoint in the status of %s", v.name)
	}
	return got.Status.Endpoints.Token
}

// TestKeysAreRefusedClearly: creation off, the manager disabled, a redirect grant without its callback, an unknown
// type's field; and nothing is left that blocks the next try.
func TestKeysAreRefusedClearly(t *testing.T) {
	t.Parallel()
	s := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	v := providerVendor(t, s)
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, manifest("KeyManager", "op", v.spec), orders(up.URL, "[op]", ""), mobile())
	refused := func(code string, args ...string) {
		t.Helper()
		if r := n.CLI(t, "", args...); r.Code != 3 || !containsText(r.Stderr, code) {
			t.Errorf("want %s: %s", code, r)
		}
	}
	generate := place("generate", "op", "--grant", "client_credentials")
	apply(t, n, manifest("KeyManager", "op", v.spec+", clients: {create: false}"))
	refused("creation_disabled", generate...)
	apply(t, n, manifest("KeyManager", "op", v.spec+", clients: {map: false}"))
	refused("mapping_disabled", place("map", "op", "--client-id", "x")...)
	apply(t, n, manifest("KeyManager", "op", v.spec+", enabled: false"))
	refused("key_manager_disabled", generate...)
	apply(t, n, manifest("KeyManager", "op", v.spec))
	refused("callback_required", place("generate", "op", "--grant", "authorization_code")...)

	// A failed vendor call leaves nothing in the way.
	if err := s.SetFaults(t.Context(),
		oidcprovider.Fault{Path: "/reg", Status: 400,
			Body: `{"error":"invalid_client_metadata","error_description":"the policy says no"}`}); err != nil {
		t.Fatal(err)
	}
	if r := n.CLI(t, "", generate...); r.Code != 3 || !containsText(r.Stderr, "the policy says no") {
		t.Errorf("the vendor's own words are lost: %s", r)
	}
	k := cliJSON[madeKeys](t, n, generate...)
	until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
	cli(t, n, place("delete", "op")...)
	clients, err := s.Clients(t.Context())
	if err != nil || len(clients) != 0 {
		t.Errorf("left at the vendor: %v, error %v", clients, err)
	}
}

// TestClientDeletedAtTheVendor: a client that the vendor's administrator removed can still be deleted here.
func TestClientDeletedAtTheVendor(t *testing.T) {
	t.Parallel()
	r := shared.Realm(t, "gone")
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, manifest("KeyManager", "gone", keycloakSpec(r, r.Registration(), true)), orders(up.URL, "[gone]", ""),
		mobile())
	k := cliJSON[madeKeys](t, n, place("generate", "gone", "--grant", "client_credentials")...)
	if err := r.DeleteClient(t.Context(), k.ClientID); err != nil {
		t.Fatal(err)
	}
	cli(t, n, place("delete", "gone")...)
	cliJSON[madeKeys](t, n, place("generate", "gone", "--grant", "client_credentials")...)
}

// TestKeycloakRotatesAndIsDisabled: a new realm key is picked up; a disabled realm still verifies, and the manager of a
// server that is down can be disabled.
func TestKeycloakRotatesAndIsDisabled(t *testing.T) {
	t.Parallel()
	r := shared.Realm(t, "rotating")
	up := newUpstream(t)
	n := serve(t)
	if err := r.AddClient(t.Context(), "abc", "abc-secret"); err != nil {
		t.Fatal(err)
	}
	apply(t, n, manifest("KeyManager", "corp", "type: keycloak, discovery: "+quoted(r.Issuer)),
		orders(up.URL, "[corp]", ""), mobile("corp"))
	get := func() string {
		t.Helper()
		token, err := r.Token(t.Context(), "abc", "abc-secret", "orders:read")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	old := get()
	until(t, n.Gateway, http.MethodGet, items, old, 200, "")
	for _, algorithm := range []string{"RS256", "ES384", "PS512", "EdDSA"} {
		if algorithm == "RS256" {
			if err := r.RotateKeys(t.Context(), "second"); err != nil {
				t.Fatal(err)
			}
		} else if err := r.UseAlgorithm(t.Context(), algorithm); err != nil {
			t.Fatal(err)
		}
		fresh := get()
		took := until(t, n.Gateway, http.MethodGet, items, fresh, 200, "")
		t.Logf("%s: passed after %s", algorithm, took)
		if fault := call(t, n.Gateway, http.MethodGet, items, old).want(200, ""); fault != "" {
			t.Errorf("%s: the old token: %s", algorithm, fault)
		}
	}
	if err := r.SetEnabled(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if fault := call(t, n.Gateway, http.MethodGet, items, old).want(200, ""); fault != "" {
		t.Error(fault)
	}
	apply(t, n, manifest("KeyManager", "corp", "type: keycloak, enabled: false, discovery: "+quoted(r.Issuer)))
	until(t, n.Gateway, http.MethodGet, items, old, 401, "unknown_issuer")
	testbed.Eventually(t, "the others answer",
		func() string { return call(t, n.Gateway, http.MethodGet, "/orders/v1/ping", "").want(200, "") })
}

// behindProxy makes clients through the realm's admin API, with a door in between.
func behindProxy(r *keycloak.Realm, p *vendorproxy.Proxy) vendor {
	connection := fmt.Sprintf("clientId: %s, clientSecret: %s, adminUrl: %q", keycloak.ManagerClient,
		keycloak.ManagerSecret,
		p.URL+"/admin/realms/"+r.Name)
	return vendor{
		name: "kc", scope: "orders:read", rotates: true, clients: realmClients(r),
		spec: fmt.Sprintf("type: keycloak, discovery: %q, connection: {%s}", r.Discovery(), connection),
	}
}
