package resident

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	"github.com/zitadel/oidc/v3/pkg/client"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// memoryServer serves a Memory backend with two clients on a real listener and gives its issuer.
func memoryServer(t *testing.T, now func() time.Time) string {
	t.Helper()
	backend, err := NewMemory(now, time.Hour,
		MemoryClient{ID: "alice", Secret: "alice-secret", Scopes: []string{"read", "write"}},
		MemoryClient{ID: "bob", Secret: "bob-secret", Scopes: []string{"read"}})
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	handler = NewServer(now).Alone(Authority{Issuer: server.URL, Backend: backend})
	return server.URL
}

// answer is what one request got.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func send(t *testing.T, method, address string, form url.Values, change ...func(*http.Request)) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range change {
		f(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := answer{status: resp.StatusCode, header: resp.Header, text: string(raw)}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &got.body); err != nil {
			t.Fatalf("%s %s answered %d with %q, which is not JSON", method, address, resp.StatusCode, raw)
		}
	}
	return got
}

func basic(id, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}

func credentials(extra ...string) url.Values {
	form := url.Values{"grant_type": {"client_credentials"}}
	for i := 0; i+1 < len(extra); i += 2 {
		form.Add(extra[i], extra[i+1])
	}
	return form
}

func takeToken(t *testing.T, issuer, id, secret string) string {
	t.Helper()
	got := send(t, http.MethodPost, issuer+pathToken, credentials(), basic(id, secret))
	token, _ := got.body["access_token"].(string)
	if got.status != http.StatusOK || token == "" {
		t.Fatalf("no token for %s: %d %s", id, got.status, got.text)
	}
	return token
}

func TestLibraryClientsWorkWithIt(t *testing.T) {
	issuer := memoryServer(t, time.Now)
	party, err := rp.NewRelyingPartyOIDC(t.Context(), issuer, "alice", "alice-secret", "", []string{"write"})
	if err != nil {
		t.Fatalf("discovery: %v", err)
	}
	token, err := rp.ClientCredentials(t.Context(), party, nil)
	if err != nil {
		t.Fatalf("client credentials: %v", err)
	}
	if left := time.Until(token.Expiry); left < 50*time.Minute || left > 61*time.Minute {
		t.Errorf("the token lives %s", left)
	}
	server, err := rs.NewResourceServerClientCredentials(t.Context(), issuer, "alice", "alice-secret")
	if err != nil {
		t.Fatal(err)
	}
	seen, err := rs.Introspect[*oidc.IntrospectionResponse](t.Context(), server, token.AccessToken)
	if err != nil {
		t.Fatalf("introspection: %v", err)
	}
	if !seen.Active || seen.ClientID != "alice" || seen.Subject != "alice" || seen.Issuer != issuer ||
		!slices.Equal(seen.Scope, []string{"write"}) || seen.Expiration.AsTime().Before(time.Now()) {
		t.Errorf("introspection gave %+v", seen)
	}
}

func TestAccessTokenClaims(t *testing.T) {
	issuer := memoryServer(t, time.Now)
	raw := takeToken(t, issuer, "alice", "alice-secret")
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	keys := send(t, http.MethodGet, issuer+pathKeys, nil)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(keys.text), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 1 || !set.Keys[0].IsPublic() || set.Keys[0].Use != "sig" || set.Keys[0].Algorithm != "RS256" {
		t.Fatalf("the key set is %s", keys.text)
	}
	if len(token.Headers) != 1 || token.Headers[0].KeyID != set.Keys[0].KeyID ||
		token.Headers[0].ExtraHeaders[jose.HeaderType] != "at+jwt" {
		t.Errorf("the header is %+v", token.Headers)
	}
	var claims map[string]any
	if err := token.Claims(set.Keys[0], &claims); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"jti", "iat", "exp"} {
		if claims[name] == nil {
			t.Errorf("the claim %s is missing", name)
		}
		delete(claims, name)
	}
	want := map[string]any{
		"iss": issuer, "sub": "alice", "client_id": "alice", "aud": []any{issuer}, "scope": "read write",
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestMetadataPromisesOnlyWhatWorks(t *testing.T) {
	issuer := memoryServer(t, time.Now)
	want := map[string]any{
		"issuer":                                issuer,
		"token_endpoint":                        issuer + "/oauth2/token",
		"introspection_endpoint":                issuer + "/oauth2/introspect",
		"revocation_endpoint":                   issuer + "/oauth2/revoke",
		"jwks_uri":                              issuer + "/oauth2/keys",
		"grant_types_supported":                 []any{"client_credentials"},
		"response_types_supported":              []any{},
		"token_endpoint_auth_methods_supported": []any{"client_secret_basic", "client_secret_post"},
		"introspection_endpoint_auth_methods_supported": []any{"client_secret_basic", "client_secret_post"},
		"revocation_endpoint_auth_methods_supported":    []any{"client_secret_basic", "client_secret_post"},
	}
	for _, path := range []string{pathDiscovery, pathMetadata} {
		if diff := cmp.Diff(want, send(t, http.MethodGet, issuer+path, nil).body); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if _, err := client.Discover(t.Context(), issuer, http.DefaultClient); err != nil {
		t.Errorf("a strict client refuses it: %v", err)
	}
	// Nothing that the framework would have offered beside it is there.
	for _, path := range []string{"/authorize", "/healthz", "/ready", "/userinfo", "/end_session", "/oauth2/", "/"} {
		if got := send(t, http.MethodGet, issuer+path, nil); got.status != http.StatusNotFound {
			t.Errorf("%s answers %d", path, got.status)
		}
	}
}

func TestTokenEndpointRefusals(t *testing.T) {
	issuer := memoryServer(t, time.Now)
	alice := basic("alice", "alice-secret")
	twice := func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }
	header := func(v string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", v) }
	}
	plain := func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }
	as := func(change ...func(*http.Request)) []func(*http.Request) { return change }
	cases := []struct {
		name   string
		form   url.Values
		change []func(*http.Request)
		status int
		code   string
	}{
		{"positive control: basic", credentials(), as(alice), 200, ""},
		{"positive control: post", credentials("client_id", "alice", "client_secret", "alice-secret"), nil, 200, ""},
		{"positive control: one scope", credentials("scope", "read"), as(alice), 200, ""},
		{
			"positive control: an unknown scope beside a known one", credentials("scope", "read never"),
			as(alice), 200, "",
		},
		{"wrong secret", credentials(), as(basic("alice", "bob-secret")), 401, "invalid_client"},
		{"wrong secret by post", credentials("client_id", "alice", "client_secret", "x"), nil, 401, "invalid_client"},
		{"unknown client", credentials(), as(basic("carol", "alice-secret")), 401, "invalid_client"},
		{"no secret", credentials("client_id", "alice"), nil, 401, "invalid_client"},
		{"empty secret", credentials(), as(basic("alice", "")), 401, "invalid_client"},
		{"nobody", credentials(), nil, 401, "invalid_client"},
		{"bearer", credentials(), as(header("Bearer alice-secret")), 401, "invalid_client"},
		{"broken basic", credentials(), as(header("Basic !!!")), 401, "invalid_client"},
		{
			"broken escape", credentials(),
			as(header("Basic " + base64.StdEncoding.EncodeToString([]byte("al%zz:alice-secret")))), 401, "invalid_client",
		},
		{"two headers", credentials(), as(alice, twice), 401, "invalid_client"},
		{
			"two methods", credentials("client_id", "alice", "client_secret", "alice-secret"),
			as(alice), 400, "invalid_request",
		},
		{"another client in the body", credentials("client_id", "bob"), as(alice), 400, "invalid_request"},
		{
			"assertion", credentials(
				"client_assertion", "x", "client_assertion_type", string(oidc.ClientAssertionTypeJWTAssertion)),
			nil, 401, "invalid_client",
		},
		{"no grant", url.Values{}, as(alice), 400, "invalid_request"},
		{"unknown grant", url.Values{"grant_type": {"password"}}, as(alice), 400, "unsupported_grant_type"},
		{
			"code grant", url.Values{"grant_type": {"authorization_code"}, "code": {"x"}},
			as(alice), 400, "unsupported_grant_type",
		},
		{
			"assertion grant", url.Values{"grant_type": {string(oidc.GrantTypeBearer)}, "assertion": {"x"}},
			as(alice), 400, "unsupported_grant_type",
		},
		{
			"twice the same parameter", credentials("scope", "read", "scope", "write"),
			as(alice), 400, "invalid_request",
		},
		{"only unknown scopes", credentials("scope", "never"), as(alice), 400, "invalid_scope"},
		{
			"a scope of another client", credentials("scope", "write"),
			as(basic("bob", "bob-secret")), 400, "invalid_scope",
		},
		{"JSON", credentials(), as(alice, plain), 400, "invalid_request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, http.MethodPost, issuer+pathToken, c.form, c.change...)
			code, _ := got.body["error"].(string)
			if got.status != c.status || code != c.code {
				t.Errorf("got %d %s", got.status, got.text)
			}
			if got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("the answer may be stored: %q", got.header.Get("Cache-Control"))
			}
			if challenged := strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic "); challenged != (c.status == 401) {
				t.Errorf("the challenge is %q", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestSecretsNeverStandInAddresses(t *testing.T) {
	issuer := memoryServer(t, time.Now)
	query := credentials("client_id", "alice", "client_secret", "alice-secret").Encode()
	if got := send(t, http.MethodGet, issuer+pathToken+"?"+query, nil); got.status != http.StatusMethodNotAllowed ||
		got.header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d %s", got.status, got.text)
	}
	got := send(t, http.MethodPost, issuer+pathToken+"?"+query, credentials())
	if got.status != http.StatusBadRequest || strings.Contains(got.text, "alice-secret") {
		t.Errorf("POST with a query: %d %s", got.status, got.text)
	}
	if got := send(t, http.MethodPost, issuer+pathKeys, url.Values{}); got.status != http.StatusMethodNotAllowed {
		t.Errorf("POST to the keys: %d", got.status)
	}
}

func TestUnknownClientAndWrongSecretLookTheSame(t *testing.T) {
	issuer := memoryServer(t, time.Now)
	wrong := send(t, http.MethodPost, issuer+pathToken, credentials(), basic("alice", "wrong"))
	unknown := send(t, http.MethodPost, issuer+pathToken, credentials(), basic("nobody", "wrong"))
	if wrong.status != unknown.status || wrong.text != unknown.text {
		t.Errorf("wrong secret: %d %s\nunknown client: %d %s", wrong.status, wrong.text, unknown.status, unknown.text)
	}
}

func TestIntrospectionAndRevocation(t *testing.T) {
	issuer := memoryServer(t, time.Now)
	alice, bob := basic("alice", "alice-secret"), basic("bob", "bob-secret")
	token := takeToken(t, issuer, "alice", "alice-secret")
	introspect := func(token string, who func(*http.Request)) answer {
		return send(t, http.MethodPost, issuer+pathIntrospect, url.Values{"token": {token}}, who)
	}
	revoke := func(token string, who func(*http.Request)) answer {
		return send(t, http.MethodPost, issuer+pathRevoke, url.Values{"token": {token}}, who)
	}
	if got := introspect(token, alice); got.status != 200 || got.body["active"] != true ||
		got.body["client_id"] != "alice" {
		t.Fatalf("own token: %d %s", got.status, got.text)
	}
	other := takeToken(t, memoryServer(t, time.Now), "alice", "alice-secret")
	parts := strings.Split(token, ".")
	claims := `{"iss":"` + issuer + `","client_id":"alice","jti":"x","exp":9999999999}`
	forged := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "." + parts[2]
	for name, c := range map[string]answer{
		"of another client": introspect(token, bob),
		"of another issuer": introspect(other, alice),
		"garbage":           introspect("garbage", alice),
		"forged":            introspect(forged, alice),
		"alg none":          introspect("eyJhbGciOiJub25lIn0."+parts[1]+".", alice),
	} {
		if diff := cmp.Diff(map[string]any{"active": false}, c.body); c.status != 200 || diff != "" {
			t.Errorf("%s: %d %s", name, c.status, c.text)
		}
	}
	if got := introspect(token, basic("alice", "wrong")); got.status != 401 || got.body["error"] != "invalid_client" {
		t.Errorf("introspection with a wrong secret: %d %s", got.status, got.text)
	}
	if got := introspect("", alice); got.status != 400 {
		t.Errorf("introspection of nothing: %d %s", got.status, got.text)
	}
	if got := revoke(token, bob); got.status != 400 || introspect(token, alice).body["active"] != true {
		t.Errorf("revocation by another client: %d %s", got.status, got.text)
	}
	if got := revoke("garbage", alice); got.status != 200 || got.text != "" {
		t.Errorf("revocation of garbage: %d %s", got.status, got.text)
	}
	if got := revoke(token, alice); got.status != 200 {
		t.Fatalf("revocation: %d %s", got.status, got.text)
	}
	if got := introspect(token, alice); got.body["active"] != false {
		t.Errorf("a revoked token is %s", got.text)
	}
	if got := revoke(token, alice); got.status != 200 {
		t.Errorf("revocation again: %d %s", got.status, got.text)
	}
}

func TestExpiredTokenIsInactive(t *testing.T) {
	clock := time.Now()
	backend, err := NewMemory(func() time.Time { return clock }, time.Hour, MemoryClient{ID: "a", Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	p := &protocol{now: func() time.Time { return clock }}
	ctx := withAuthority(context.Background(), Authority{Issuer: "http://issuer.example", Backend: backend})
	token, err := p.sign(ctx, authority(ctx), &Client{ID: "a"}, &Grant{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, good, err := p.verify(ctx, token); err != nil || !good {
		t.Errorf("a fresh token: good %v, error %v", good, err)
	}
	clock = clock.Add(time.Hour)
	if _, good, err := p.verify(ctx, token); err != nil || good {
		t.Errorf("an expired token: good %v, error %v", good, err)
	}
}
