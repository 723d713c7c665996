package resident

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"go.uber.org/goleak"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func expect(t *testing.T, what string, got answer, status int, code string) {
	t.Helper()
	if said, _ := got.body["error"].(string); got.status != status || said != code {
		t.Errorf("%s: %d %s", what, got.status, got.text)
	}
}

// issued reads a token out of an answer without judging it.
func issued(t *testing.T, a answer) (kid string, claims jwt.Claims) {
	t.Helper()
	raw, _ := a.body["access_token"].(string)
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err == nil {
		err = token.UnsafeClaimsWithoutVerification(&claims)
	}
	if err != nil {
		t.Fatalf("no token: %v: %d %s", err, a.status, a.text)
	}
	return token.Headers[0].KeyID, claims
}

func TestScopesAreThoseOfSubscribedAPIs(t *testing.T) {
	w := newWorld(t, "")
	shop := w.shop(keyward.DefaultTenant)
	if got := w.ask(w.url, shop); got.status != 200 || got.body["scope"] != "a:read a:write" ||
		got.body["expires_in"] != 3600.0 {
		t.Errorf("nothing asked for: %d %s", got.status, got.text)
	}
	if got := w.ask(w.url, shop, "scope", "a:read"); got.body["scope"] != "a:read" {
		t.Errorf("one asked for: %d %s", got.status, got.text)
	}
	if got := w.ask(w.url, shop, "scope", "b:read a:write never"); got.body["scope"] != "a:write" {
		t.Errorf("one beside others: %d %s", got.status, got.text)
	}
	expect(t, "an unsubscribed scope", w.ask(w.url, shop, "scope", "b:read"), 400, "invalid_scope")

	w.subscribe(keyward.DefaultTenant, "shop", "secret")
	if got := w.ask(w.url, shop, "scope", "b:read"); got.body["scope"] != "b:read" {
		t.Errorf("after subscribing: %d %s", got.status, got.text)
	}
	change(w, keyward.DefaultTenant, keyward.KindSubscription, "shop-secret", func(s *keyward.SubscriptionSpec) {
		s.State = keyward.SubscriptionBlocked
	})
	expect(t, "a blocked subscription", w.ask(w.url, shop, "scope", "b:read"), 400, "invalid_scope")
	for _, c := range []struct {
		state  keyward.APIState
		status int
		says   string
	}{{keyward.APIRetired, 400, "invalid_scope"}, {keyward.APIDraft, 400, "invalid_scope"}, {keyward.APIDeprecated, 200, ""}} {
		change(w, keyward.DefaultTenant, keyward.KindAPI, "orders", func(s *keyward.APISpec) { s.State = c.state })
		expect(t, "a scope of an API that is "+string(c.state), w.ask(w.url, shop, "scope", "a:read"), c.status, c.says)
	}
	ceiling := func(scopes ...string) {
		change(w, keyward.DefaultTenant, keyward.KindSubscription, "shop-orders", func(s *keyward.SubscriptionSpec) {
			s.Scopes = scopes
		})
	}
	ceiling("a:write", "b:read")
	if got := w.ask(w.url, shop); got.body["scope"] != "a:write" {
		t.Errorf("below the subscription's ceiling: %d %s", got.status, got.text)
	}
	expect(t, "above the subscription's ceiling", w.ask(w.url, shop, "scope", "a:read"), 400, "invalid_scope")
	ceiling()
	change(w, keyward.DefaultTenant, keyward.KindAPI, "orders", func(s *keyward.APISpec) {
		s.KeyManagers = keyward.KeyManagerSet{List: []keyward.KeyManagerUse{{
			Name: keyward.ResidentName, Audiences: []string{"urn:orders"}, Scopes: map[string]string{"read": "a:read", "x": "y"},
		}}}
	})
	got := w.ask(w.url, shop)
	if got.body["scope"] != "a:read a:write read" {
		t.Errorf("with scope names of its own: %d %s", got.status, got.text)
	}
	if _, claims := issued(t, got); !slices.Equal(claims.Audience, []string{"urn:orders"}) {
		t.Errorf("the audience is %v", claims.Audience)
	}
	change(w, keyward.DefaultTenant, keyward.KindKeyManager, keyward.ResidentName, func(s *keyward.KeyManagerSpec) {
		s.Tokens.Audiences = []string{"urn:house"}
	})
	if _, claims := issued(t, w.ask(w.url, shop)); !slices.Equal(claims.Audience, []string{"urn:house", "urn:orders"}) {
		t.Errorf("with the key manager's own rule the audience is %v", claims.Audience)
	}
	change(w, keyward.DefaultTenant, keyward.KindKeyManager, keyward.ResidentName, func(s *keyward.KeyManagerSpec) {
		s.Clients.Constraints = map[string]keyward.Constraint{"audiences": {Enum: []any{"urn:stock"}}}
	})
	if _, claims := issued(t, w.ask(w.url, shop)); !slices.Equal(claims.Audience, []string{"urn:house"}) {
		t.Errorf("where the API's is not allowed the audience is %v", claims.Audience)
	}
}

func TestScopesOfAnImportedAPI(t *testing.T) {
	w := newWorld(t, "")
	shop := w.shop(keyward.DefaultTenant)
	change(w, keyward.DefaultTenant, keyward.KindAPI, "orders", func(s *keyward.APISpec) {
		s.Operations, s.OpenAPI = nil, &keyward.OpenAPI{Document: `
openapi: 3.1.0
info: {title: Orders, version: "1"}
components:
  securitySchemes:
    o: {type: oauth2, flows: {clientCredentials: {tokenUrl: "https://as.example/t", scopes: {from:document: x}}}}
paths: {/x: {get: {security: [{o: ["from:document"]}], responses: {"200": {description: ok}}}}}
`}
	})
	if got := w.ask(w.url, shop); got.body["scope"] != "from:document" {
		t.Errorf("%d %s", got.status, got.text)
	}
}

func TestCeilingOfRegisteredScopesAndGrants(t *testing.T) {
	w := newWorld(t, "")
	w.api(keyward.DefaultTenant, "orders", "a:read", "a:write")
	w.application(keyward.DefaultTenant, "narrow")
	w.subscribe(keyward.DefaultTenant, "narrow", "orders")
	narrow := w.register(keyward.DefaultTenant, "narrow", keyward.OAuthClientStatus{
		Scopes: []string{"a:read", "b:read"}, Grants: []string{"client_credentials"},
	})
	if got := w.ask(w.url, narrow); got.body["scope"] != "a:read" {
		t.Errorf("nothing asked for: %d %s", got.status, got.text)
	}
	expect(t, "above the ceiling", w.ask(w.url, narrow, "scope", "a:write"), 400, "invalid_scope")
	w.application(keyward.DefaultTenant, "browser")
	browser := w.register(keyward.DefaultTenant, "browser", keyward.OAuthClientStatus{
		Grants: []string{"authorization_code"},
	})
	expect(t, "another grant", w.ask(w.url, browser), 400, "unauthorized_client")
}

func TestClientsThatAreNotInUse(t *testing.T) {
	w := newWorld(t, "")
	shop := w.shop(keyward.DefaultTenant)
	if got := w.ask(w.url, shop); got.status != 200 {
		t.Fatalf("positive control: %d %s", got.status, got.text)
	}
	who := func(id, secret string) connector.Registered {
		return connector.Registered{ClientID: id, ClientSecret: secret}
	}
	expect(t, "wrong secret", w.ask(w.url, who(shop.ClientID, shop.ClientSecret+"x")), 401, "invalid_client")
	expect(t, "wrong id", w.ask(w.url, who(shop.ClientID+"x", shop.ClientSecret)), 401, "invalid_client")
	for _, state := range []keyward.ClientState{keyward.ClientPending, keyward.ClientFailed, keyward.ClientDeleting} {
		name := "client-" + string(state)
		w.application(keyward.DefaultTenant, name)
		made := w.register(keyward.DefaultTenant, name, keyward.OAuthClientStatus{State: state})
		expect(t, string(state), w.ask(w.url, made), 401, "invalid_client")
	}
	w.application(keyward.DefaultTenant, "mapped")
	w.put(keyward.DefaultTenant, keyward.KindOAuthClient, "mapped", &keyward.OAuthClientSpec{
		Application: "mapped", KeyManager: keyward.ResidentName, ClientID: "by-hand",
	}, store.Extra{}, keyward.OAuthClientStatus{Mode: keyward.ClientMapped, State: keyward.ClientActive})
	expect(t, "a client without a secret", w.ask(w.url, who("by-hand", "")), 401, "invalid_client")
	expect(t, "a guess for it", w.ask(w.url, who("by-hand", "guess")), 401, "invalid_client")

	w.write(func(tx *store.Tx) error {
		o, err := tx.ClientByVendorID("default", keyManagerID(t, tx), shop.ClientID)
		if err != nil {
			return err
		}
		return tx.Delete(o)
	})
	expect(t, "deleted", w.ask(w.url, shop), 401, "invalid_client")
}

func keyManagerID(t *testing.T, tx *store.Tx) string {
	t.Helper()
	km, err := keyManagerOf(tx, keyward.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	return km.object.ID
}

func TestDisabledKeyManagerRefusesClearly(t *testing.T) {
	w := newWorld(t, "")
	shop := w.shop(keyward.DefaultTenant)
	enabled := func(on bool) {
		change(w, keyward.DefaultTenant, keyward.KindKeyManager, keyward.ResidentName, func(s *keyward.KeyManagerSpec) {
			s.Enabled = &on
		})
	}
	enabled(false)
	got := w.ask(w.url, shop)
	expect(t, "disabled", got, 403, "access_denied")
	if text, _ := got.body["error_description"].(string); !strings.Contains(text, "disabled") {
		t.Errorf("the refusal does not say why: %s", got.text)
	}
	enabled(true)
	if got := w.ask(w.url, shop); got.status != 200 {
		t.Errorf("enabled again: %d %s", got.status, got.text)
	}
	change(w, keyward.DefaultTenant, keyward.KindKeyManager, keyward.ResidentName, func(s *keyward.KeyManagerSpec) {
		s.Environments = []keyward.Environment{keyward.Sandbox}
	})
	expect(t, "for the other environment only", w.ask(w.url, shop), 400, "unauthorized_client")
}

func TestTenantsAreApart(t *testing.T) {
	w := newWorld(t, "")
	ours, theirs := w.shop(keyward.DefaultTenant), w.shop("acme")
	acme := w.url + "/t/acme"
	if got := w.ask(acme, theirs); got.status != 200 {
		t.Fatalf("positive control: %d %s", got.status, got.text)
	}
	expect(t, "our client there", w.ask(acme, ours), 401, "invalid_client")
	expect(t, "their client here", w.ask(w.url, theirs), 401, "invalid_client")
	token, _ := w.ask(acme, theirs).body["access_token"].(string)
	look := func(issuer string, c connector.Registered) any {
		return send(t, http.MethodPost, issuer+pathIntrospect, map[string][]string{"token": {token}},
			basic(c.ClientID, c.ClientSecret)).body["active"]
	}
	if look(acme, theirs) != true || look(w.url, ours) != false {
		t.Error("a token is known to the wrong tenant, or unknown to its own")
	}
	keys := func(issuer string) string { return send(t, http.MethodGet, issuer+pathKeys, nil).text }
	if keys(w.url) == keys(acme) {
		t.Error("two tenants share their keys")
	}
}

func TestAddresses(t *testing.T) {
	for _, prefix := range []string{"", "/kw"} {
		w := newWorld(t, prefix)
		root := strings.TrimSuffix(w.url, prefix)
		for path, issuer := range map[string]string{
			prefix + pathDiscovery:               w.url,
			pathMetadata + prefix:                w.url,
			pathDiscovery + prefix:               w.url,
			prefix + "/t/acme" + pathDiscovery:   w.url + "/t/acme",
			prefix + "/t/acme" + pathMetadata:    w.url + "/t/acme",
			pathMetadata + prefix + "/t/acme":    w.url + "/t/acme",
			"/t/acme" + pathDiscovery:            w.url + "/t/acme", // a proxy took the prefix off
			prefix + "/t/nobody" + pathDiscovery: "",
			pathMetadata + prefix + "/t/nobody":  "",
			prefix + "/t/default" + pathKeys:     "",
			prefix + "/t/acme/t/acme" + pathKeys: "",
			prefix + "/t/ACME" + pathKeys:        "",
			prefix + "/t//" + pathKeys:           "",
			prefix + "/t/acme%2f" + pathKeys:     "",
			pathMetadata + "x":                   "",
			prefix + "/t/acme":                   "",
			prefix + "/":                         "",
		} {
			got := send(t, http.MethodGet, root+path, nil, func(r *http.Request) { r.Host = "attacker.example" })
			if said, _ := got.body["issuer"].(string); said != issuer || issuer == "" && got.status != 404 {
				t.Errorf("%s: %d %s", path, got.status, got.text)
			}
		}
	}
}

func TestPatternsCoverEveryAddress(t *testing.T) {
	w := newWorld(t, "/kw")
	mux := http.NewServeMux()
	for _, pattern := range w.resident.Patterns() {
		mux.Handle(pattern, w.resident.Handler())
	}
	for _, path := range []string{
		"/kw" + pathToken, pathDiscovery, "/kw/t/acme" + pathKeys, pathMetadata + "/kw/t/acme", "/t/acme" + pathMetadata,
	} {
		if _, pattern := mux.Handler(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)); pattern == "" {
			t.Errorf("%s has no pattern", path)
		}
	}
	other := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/apis", nil)
	if _, pattern := mux.Handler(other); pattern != "" {
		t.Errorf("the patterns take %s", other.URL)
	}
}

func TestIssuerMustBeAnIssuer(t *testing.T) {
	for _, bad := range []string{
		"", "127.0.0.1:80", "ftp://x.example", "http://", "http://x.example?q=1", "http://x.example#f",
	} {
		if _, err := New(nil, Options{PublicURL: bad}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestRotateGivesNewSecretThatWorks(t *testing.T) {
	w := newWorld(t, "")
	shop := w.shop(keyward.DefaultTenant)
	opened, err := w.resident.Open(connector.Server{Tenant: keyward.DefaultTenant})
	if err != nil {
		t.Fatal(err)
	}
	rotator, _ := opened.(connector.Rotator)
	prover, _ := opened.(connector.Prover)
	finder, _ := opened.(connector.Finder)
	secret, err := rotator.Rotate(t.Context(), shop.Handle)
	if err != nil || secret == shop.ClientSecret {
		t.Fatalf("rotate: %v", err)
	}
	w.write(func(tx *store.Tx) error {
		o, err := tx.ClientByVendorID("default", keyManagerID(t, tx), shop.ClientID)
		if err != nil {
			return err
		}
		return tx.Put(o, store.Extra{Secrets: map[string]string{SecretPath: secret}})
	})
	if err := prover.Prove(t.Context(), shop.ClientID, secret); err != nil {
		t.Errorf("the new secret: %v", err)
	}
	if err := prover.Prove(t.Context(), shop.ClientID, shop.ClientSecret); err == nil {
		t.Error("the old secret still works")
	}
	if found, err := finder.Find(context.Background(), "anything"); found != nil || err != nil {
		t.Errorf("find gave %v, %v", found, err)
	}
}
