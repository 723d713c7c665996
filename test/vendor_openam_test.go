package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/openam"
	"keyward.dev/keyward/internal/testbed/program"
	"keyward.dev/keyward/internal/wire"
)

// sharedOpenAM takes half a minute to start, so all tests of it are in this package.
type sharedOpenAM struct {
	once   sync.Once
	server *openam.Server
	err    error
}

func openAM(t *testing.T) *openam.Server {
	t.Helper()
	am.once.Do(func() { am.server, am.err = openam.Start(context.Background()) }) // it outlives the test that starts it
	if am.err != nil {
		t.Fatal(am.err)
	}
	return am.server
}

func forgerockVendor(s *openam.Server, realm string) vendor {
	return vendor{
		name: realm, scope: "orders:read", rotates: true,
		spec: fmt.Sprintf(`type: forgerock, discovery: %q, connection: {username: %s, password: %q},
  tokens: {require: {tokenName: access_token}}`, s.Issuer(realm), openam.Admin, openam.AdminPassword),
		clients: func(ctx context.Context) ([]string, error) { return s.Clients(ctx, realm) },
		byHand: func(ctx context.Context) (string, string, error) {
			return "by-hand", "by-hand-secret", s.AddClient(ctx, realm, "by-hand", "by-hand-secret", "orders:read")
		},
	}
}

// TestOpenAM is one test, because what it finds in a realm must be its own; it runs beside others, because the server
// takes long to start.
func TestOpenAM(t *testing.T) {
	t.Parallel()
	t.Run("keys", keysOnOpenAM)
	t.Run("registration", registrationAtOpenAM)
	t.Run("console", consoleAtOpenAM)
	t.Run("suite", suiteAtOpenAM)
	t.Run("oddities", openAMsOddities)
}

// keysOnOpenAM walks the life of a client in a realm of JWTs. In a realm of opaque tokens everything works but the
// gateway's question: OpenAM answers it only to the client that has the token.
func keysOnOpenAM(t *testing.T) {
	s := openAM(t)
	up := newUpstream(t)
	n := serve(t)
	v := forgerockVendor(s, "alpha")
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "[alpha]", ""), mobile())
	walkKeys(t, n, v)
	scopesComeAndGo(t, n, v, "orders:read", items)
	if r := n.CLI(t, "", place("map", v.name, "--client-id", "nobody")...); r.Code != 3 || !containsText(r.Stderr, "has no client") {
		t.Errorf("map a client that does not exist: %s", r)
	}

	if err := s.AddClient(t.Context(), "bravo", "gateway", "gateway-secret", "am-introspect-all-tokens"); err != nil {
		t.Fatal(err)
	}
	opaque := fmt.Sprintf(`type: forgerock, discovery: %q, connection: {username: %s, password: %q},
  introspection: {clientId: gateway, clientSecret: gateway-secret},
  tokens: {match: [{regex: "[0-9a-f]{8}-[0-9a-f-]{27}"}]}`, s.Issuer("bravo"), openam.Admin, openam.AdminPassword)
	apply(t, n, manifest("KeyManager", "bravo", opaque), orders(up.URL, "[bravo]", ""))
	v = forgerockVendor(s, "bravo")
	k := cliJSON[madeKeys](t, n, place("generate", "bravo", "--scope", "orders:read")...)
	token := k.token(t, v)
	if strings.Contains(token, ".") {
		t.Fatal("the token is not opaque")
	}
	until(t, n.Gateway, http.MethodGet, items, token, 401, "token_inactive")
	cli(t, n, place("delete", "bravo")...)
	if _, err := k.tryToken(t.Context(), v); err == nil {
		t.Error("a deleted client gets tokens")
	}
}

// registrationAtOpenAM: without an administrator, at an open door and at a closed one.
func registrationAtOpenAM(t *testing.T) {
	s := openAM(t)
	up := newUpstream(t)
	n := serve(t)
	for realm, connection := range map[string]string{
		"alpha":  "proofScope: orders:read",
		"closed": fmt.Sprintf("clientId: %s, clientSecret: %s, proofScope: orders:read", openam.Registrar, openam.RegistrarKey),
	} {
		v := forgerockVendor(s, realm)
		v.spec = fmt.Sprintf("type: forgerock, discovery: %q, connection: {%s}", s.Issuer(realm), connection)
		apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "["+realm+"]", ""), mobile())
		k := cliJSON[madeKeys](t, n, place("generate", realm, "--scope", "orders:read")...)
		until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
		if r := n.CLI(t, "", place("rotate", realm)...); r.Code != 3 || !containsText(r.Stderr, "rotation_unsupported") {
			t.Errorf("rotate: %s", r)
		}
		// It cannot be deleted there: it is listed until somebody says that it is gone.
		if r := n.CLI(t, "", place("delete", realm)...); !containsText(r.Stdout+r.Stderr, k.ClientID) {
			t.Errorf("delete where the server cannot: %s", r)
		}
	}
	twoRealmsShareAKey(t, n, s, up.URL)
	closed := forgerockVendor(s, "closed")
	closed.spec = fmt.Sprintf("type: forgerock, discovery: %q", s.Issuer("closed"))
	apply(t, n, manifest("KeyManager", "closed", closed.spec))
	r := n.CLI(t, "", "keys", "generate", "--application", "mobile", "--key-manager", "closed", "--environment", "sandbox")
	if r.Code != 3 || !containsText(r.Stderr, "access_denied") {
		t.Errorf("a closed door without a key: %s", r)
	}
}

// twoRealmsShareAKey: every installation signs with the same stock key under the same kid, so only the issuer says whose
// a token is.
func twoRealmsShareAKey(t *testing.T, n *program.Node, s *openam.Server, upstream string) {
	t.Helper()
	if err := s.AddClient(t.Context(), "alpha", "stranger", "stranger-secret", "orders:read"); err != nil {
		t.Fatal(err)
	}
	v := forgerockVendor(s, "alpha")
	k := madeKeys{ClientID: "stranger", ClientSecret: "stranger-secret", TokenEndpoint: s.Issuer("alpha") + "/access_token"}
	token := k.token(t, v)
	apply(t, n, orders(upstream, "[closed]", ""))
	until(t, n.Gateway, http.MethodGet, items, token, 401, "key_manager_not_allowed")
	apply(t, n, manifest("KeyManager", v.name, v.spec+", enabled: false"))
	until(t, n.Gateway, http.MethodGet, items, token, 401, "unknown_issuer")
}

// openForgeRock opens a realm as the control plane does.
func openForgeRock(t *testing.T, issuer string, connection map[string]any, secrets map[string]string) connector.Connector {
	t.Helper()
	spec := &keyward.KeyManagerSpec{Type: keyward.TypeForgeRock, Discovery: issuer, Connection: connection}
	if faults := keymanager.Validate(spec, secrets); len(faults) > 0 {
		t.Fatal(faults)
	}
	status, err := keymanager.Discover(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if status.Endpoints.Introspection != issuer+"/introspect" || status.Endpoints.Revocation != issuer+"/token/revoke" {
		t.Errorf("what its discovery keeps to itself: %+v", status.Endpoints)
	}
	c, err := catalog.New(http.DefaultClient, nil).Open(connector.Server{Spec: spec, Status: status, Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// openAMsOddities holds the connector against what only this server does.
func openAMsOddities(t *testing.T) {
	s := openAM(t)
	ctx := t.Context()
	account := func(password string) (map[string]any, map[string]string) {
		return map[string]any{"username": openam.Admin, "password": secret.Stored()},
			map[string]string{"connection.password": password}
	}
	connection, secrets := account("wrong-password")
	wrong := openForgeRock(t, s.Issuer("alpha"), connection, secrets)
	_, err := wrong.Register(ctx, connector.Registration{Name: "keyward-x"})
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), "Authentication Failed") ||
		strings.Contains(err.Error(), "wrong-password") {
		t.Errorf("a wrong password: %v", err)
	}
	if err := wrong.Delete(ctx, connector.Handle{ClientID: "by-hand"}); err == nil {
		t.Error("a wrong password counts as a client that is gone")
	}
	secrets[secret.NextPath("connection.password")] = openam.AdminPassword
	next := openForgeRock(t, s.Issuer("alpha"), connection, secrets)
	if got, err := conformance.ReaderOf(t, next).Read(ctx, connector.Handle{ClientID: "nobody"}); err != nil || got != nil {
		t.Errorf("with the password that comes after it: %+v, error %v", got, err)
	}

	// It knows itself by one host only.
	elsewhere := strings.Replace(s.Issuer("alpha"), "127.0.0.1", "localhost", 1)
	spec := &keyward.KeyManagerSpec{Type: keyward.TypeForgeRock, Discovery: elsewhere}
	if _, err := keymanager.Discover(ctx, spec, nil); keyward.CodeOf(err) != keyward.CodeKeyManagerFailed {
		t.Errorf("another host: %v", err)
	}

	// An open door passes over what it does not understand; an unknown scope it refuses.
	dcr := openForgeRock(t, s.Issuer("alpha"), nil, nil)
	r := connector.Registration{Name: "keyward-dcr", Grants: []string{"client_credentials"}, Scopes: []string{"orders:read"}}
	made, err := dcr.Register(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.Handle.URI, s.Issuer("alpha")+"/connect/register?client_id=") {
		t.Errorf("the management address that it gives is the root realm's, and ours is %s", made.Handle.URI)
	}
	reader, ok := dcr.(connector.Reader)
	if !ok {
		t.Fatal("registration reads nothing")
	}
	if got, err := reader.Read(ctx, made.Handle); err != nil || got == nil || got.ClientID != made.ClientID {
		t.Errorf("read: %+v, error %v", got, err)
	}
	if err := dcr.Delete(ctx, made.Handle); !errors.Is(err, connector.ErrUnsupported) {
		t.Errorf("delete: %v", err)
	}
	r.Scopes = []string{"no:such"}
	if _, err := dcr.Register(ctx, r); !errors.As(err, &f) || f.Code != "invalid_client_metadata" {
		t.Errorf("an unknown scope: %v", err)
	}
	if _, can := dcr.(connector.Rotator); can {
		t.Error("registration claims to rotate")
	}
	if _, can := dcr.(connector.Finder); can {
		t.Error("registration claims to search")
	}
}

// suiteAtOpenAM takes clients through what connectors' suite holds: by an administrator in realms of JWTs and of opaque
// tokens, the second of which has no client yet, so that its first one is refused at its own address; and by registration.
func suiteAtOpenAM(t *testing.T) {
	s := openAM(t)
	secrets := map[string]string{"connection.password": openam.AdminPassword}
	byAdministrator := func(realm string) *keyward.KeyManagerSpec {
		return &keyward.KeyManagerSpec{Type: keyward.TypeForgeRock, Discovery: s.Issuer(realm), Connection: map[string]any{
			"username": openam.Admin, "password": secret.Stored(),
		}}
	}
	const secret = "by-hand-secret"
	for _, realm := range []string{"bravo", "alpha"} {
		server := conformance.Server{
			Name: "OpenAM, realm " + realm, Spec: byAdministrator(realm), Secrets: secrets,
			Registration: connector.Registration{
				Name: "keyward-suite", Scopes: []string{"orders:read", "orders:write"}, Callbacks: []string{"https://a.example/cb"},
			},
			Creates: true, Deletes: true, Finds: true, Lists: true, Rotates: true, Reads: true, Knows: true,
			Existing: func(t *testing.T) (string, string) {
				t.Helper()
				if err := s.AddClient(t.Context(), realm, "suite-by-hand", secret, "orders:read", "orders:write"); err != nil {
					t.Fatal(err)
				}
				return "suite-by-hand", secret
			},
		}
		t.Run(server.Name, server.Run)
	}
	open := conformance.Server{
		Name: "OpenAM by registration", Registration: connector.Registration{Scopes: []string{"orders:read"}},
		Spec: &keyward.KeyManagerSpec{
			Type: keyward.TypeForgeRock, Discovery: s.Issuer("alpha"), Connection: map[string]any{"proofScope": "orders:read"},
		},
		Creates: true, Reads: true,
	}
	t.Run(open.Name, open.Run)
	alpha := conformance.ServerAt(t, byAdministrator("alpha"), secrets)
	conformance.Transcript(t, "forgerock", conformance.OriginOf(t, s.URL), alpha,
		connector.Entitlement{Scope: "orders:read"}, connector.Entitlement{Scope: "orders:files"})
	scopesAtOpenAM(t, conformance.Open(t, alpha))
}

// scopesAtOpenAM: a client is given what the realm's provider lists, no scope that opens OpenAM itself.
func scopesAtOpenAM(t *testing.T, c connector.Connector) {
	t.Helper()
	r := conformance.Registration()
	r.Scopes = []string{"orders:files"}
	made, err := c.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	giver, ok := c.(connector.Entitler)
	if !ok {
		t.Fatal("it gives nothing")
	}
	absent := []connector.Entitlement{{Scope: "am-introspect-all-tokens"}, {Scope: "no:such"}}
	give := append(absent, connector.Entitlement{Scope: "orders:read"})
	if lacking, err := giver.Entitle(t.Context(), made.Handle, give, nil); err != nil || !slices.Equal(lacking, absent) {
		t.Errorf("lacking %q, error %v", lacking, err)
	}
	got, err := conformance.ReaderOf(t, c).Read(t.Context(), made.Handle)
	if err != nil || got == nil || !slices.Equal(got.Scopes, []string{"orders:files", "orders:read"}) {
		t.Errorf("read: %+v, error %v", got, err)
	}
	conformance.Change(t, c, made, made.ClientSecret)
	if got, err := conformance.ReaderOf(t, c).Read(t.Context(), made.Handle); err != nil || got == nil || len(got.Scopes) != 2 {
		t.Errorf("a change of the callbacks changed more: %+v, error %v", got, err)
	}
	unlistedAtOpenAM(t, c, made)
	if err := c.Delete(t.Context(), made.Handle); err != nil {
		t.Error(err)
	}
}

// unlistedAtOpenAM: a scope that the realm's provider does not list is refused by name too, before a client is made or
// changed; one that it lists is taken.
func unlistedAtOpenAM(t *testing.T, c connector.Connector, made connector.Registered) {
	t.Helper()
	lister, lists := c.(connector.Lister)
	updater, updates := c.(connector.Updater)
	if !lists || !updates {
		t.Fatal("it lists or changes nothing")
	}
	before, err := lister.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	scopes := func() []string {
		got, err := conformance.ReaderOf(t, c).Read(t.Context(), made.Handle)
		if err != nil || got == nil {
			t.Fatalf("read: %+v, error %v", got, err)
		}
		return got.Scopes
	}
	had := scopes()
	keep := func(context.Context, connector.Handle) error { return nil }
	for _, scope := range []string{"am-introspect-all-tokens", "no:such"} {
		r := conformance.Registration()
		r.Name, r.Scopes = "keyward-unlisted", []string{"orders:read", scope}
		_, registered := c.Register(t.Context(), r)
		_, updated := updater.Update(t.Context(), made.Handle, r, keep)
		for act, err := range map[string]error{"make": registered, "change": updated} {
			var e *keyward.Error
			if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Path != "scopes" ||
				!strings.Contains(e.Fields[0].Message, "does not list "+scope+":") {
				t.Errorf("%s a client with %s: %v", act, scope, err)
			}
		}
	}
	if after, err := lister.List(t.Context(), ""); err != nil || len(after) != len(before) {
		t.Errorf("refusals made clients: %d of %d, error %v", len(after), len(before), err)
	}
	if got := scopes(); !slices.Equal(got, had) {
		t.Errorf("refusals changed the scopes from %q to %q", had, got)
	}
	r := conformance.Registration()
	r.Scopes = []string{"orders:read", "orders:write"}
	if _, err := updater.Update(t.Context(), made.Handle, r, keep); err != nil || !slices.Equal(scopes(), r.Scopes) {
		t.Errorf("a change to listed scopes: %q, error %v", scopes(), err)
	}
}
