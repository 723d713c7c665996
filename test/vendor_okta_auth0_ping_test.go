package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/oktaserver"
	"keyward.dev/keyward/internal/testbed/pingserver"
	"keyward.dev/keyward/internal/testbed/program"
)

// ask makes a call to a vendor's server as its own administrator, and reads the answer.
func ask(ctx context.Context, method, at, body string, answer any, fields ...string) error {
	req, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(body))
	if err != nil {
		return err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s", method, at, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// TestKeysOnOkta walks the life of a client on Okta's contract server.
func TestKeysOnOkta(t *testing.T) {
	t.Parallel()
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return oktaserver.Build(origin, key) })
	up := newUpstream(t)
	n := serve(t)
	const clients, token = "/oauth2/v1/clients", "SSWS " + oktaserver.APIToken
	v := vendor{
		name: "okta", scope: oktaserver.Scope, rotates: true, overlaps: true,
		spec: fmt.Sprintf("type: okta, issuer: %q, connection: {apiToken: %q, proofScope: %q}",
			s.URL+"/oauth2/"+oktaserver.Server, oktaserver.APIToken, oktaserver.Scope),
		clients: func(ctx context.Context) ([]string, error) {
			var all []struct {
				ID string `json:"client_id"`
			}
			err := ask(ctx, http.MethodGet, s.URL+clients, "", &all, "Authorization", token)
			ids := make([]string, len(all))
			for i, c := range all {
				ids[i] = c.ID
			}
			return ids, err
		},
		byHand: func(ctx context.Context) (string, string, error) {
			var made struct {
				ID     string `json:"client_id"`
				Secret string `json:"client_secret"`
			}
			err := ask(ctx, http.MethodPost, s.URL+clients, `{"client_name":"by-hand","application_type":"service",
				"grant_types":["client_credentials"],"response_types":["token"]}`, &made, "Authorization", token)
			return made.ID, made.Secret, err
		},
	}
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "[okta]", ""), mobile())
	walkKeys(t, n, v)
	if r := n.CLI(t, "", place("map", "okta", "--client-id", "0oanobody")...); r.Code != 3 || !containsText(r.Stderr, "has no client") {
		t.Errorf("map a client that does not exist: %s", r)
	}
	if r := n.CLI(t, "", place("generate", "okta", "--scope", "no:such")...); r.Code != 3 || !containsText(r.Stderr, "no:such") {
		t.Errorf("a scope that the server lacks: %s", r)
	}
	policies := func() string {
		var all []struct{ Name string }
		err := ask(t.Context(), http.MethodGet, s.URL+"/api/v1/authorizationServers/"+oktaserver.Server+"/policies", "", &all,
			"Authorization", token)
		return fmt.Sprint(all, err)
	}
	before := policies()
	walkSubscriptions(t, n, v, stock(up.URL, `[{name: okta, audiences: ["`+oktaserver.Audience+`"]}]`, "stock:read"))
	if after := policies(); before != after {
		t.Errorf("access policies before %s, after %s", before, after)
	}
}

// walkSubscriptions: without anybody at the vendor's console a key works at once, follows a subscription that comes later
// to an API which the vendor has not heard of, and gets nothing for it any more when that ends.
func walkSubscriptions(t *testing.T, n *program.Node, v vendor, stock string) {
	t.Helper()
	token := func(more ...string) string {
		t.Helper()
		return strings.TrimSpace(cli(t, n, place("token", v.name, more...)...))
	}
	cliJSON[madeKeys](t, n, place("generate", v.name)...)
	if v.overlaps { // what a client carries follows while it has two secrets too
		cli(t, n, place("rotate", v.name, "--overlap", "1h")...)
	}
	for _, path := range []string{items, "/orders/v1/admin"} { // the vendor had no scope orders:admin
		until(t, n.Gateway, http.MethodGet, path, token(), 200, "")
	}
	apply(t, n, stock)
	var forStock []string
	if v.audience != "" {
		forStock = []string{"--audience", "urn:stock"}
	}
	forStock = append(forStock, "--scope", "stock:read")
	apply(t, n, manifest("Subscription", "mobile-stock", stockSubscribe))
	testbed.Eventually(t, "the client has what the subscription allows", func() string {
		if e := entitlementOf(t, n); e.State != keyward.EntitlementGiven || !slices.Contains(e.Scopes, "stock:read") {
			return fmt.Sprintf("%+v", e)
		}
		return ""
	})
	until(t, n.Gateway, http.MethodGet, stockItems, token(forStock...), 200, "")
	cli(t, n, "delete", "subscription", "mobile-stock")
	testbed.Eventually(t, "the client's tokens no longer have it", func() string {
		if r := n.CLI(t, "", place("token", v.name, forStock...)...); r.Code != 3 || !containsText(r.Stderr, "access_denied") {
			return r.String()
		}
		return ""
	})
	until(t, n.Gateway, http.MethodGet, items, token(), 200, "")
	cli(t, n, place("delete", v.name)...)
}

// TestKeysOnAuth0 walks the life of a client on Auth0's contract server, and authorizes one for a second API.
func TestKeysOnAuth0(t *testing.T) {
	t.Parallel()
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return auth0server.Build(origin, key) })
	up := newUpstream(t)
	n := serve(t)
	management := func(ctx context.Context) (string, error) {
		return tokenFor(ctx, s.URL+"/oauth/token", url.Values{
			"grant_type": {"client_credentials"}, "audience": {s.URL + "/api/v2/"},
			"client_id": {auth0server.ManagementClient}, "client_secret": {auth0server.ManagementSecret},
		})
	}
	type client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	v := vendor{
		name: "auth0", scope: auth0server.Scope, audience: auth0server.Audience, rotates: true,
		spec: fmt.Sprintf("type: auth0, issuer: %q, connection: {clientId: %q, clientSecret: %q, audience: %q}", s.URL+"/",
			auth0server.ManagementClient, auth0server.ManagementSecret, auth0server.Audience),
		clients: func(ctx context.Context) ([]string, error) {
			token, err := management(ctx)
			if err != nil {
				return nil, err
			}
			var all []client
			err = ask(ctx, http.MethodGet, s.URL+"/api/v2/clients", "", &all, "Authorization", "Bearer "+token)
			ids := make([]string, len(all))
			for i, c := range all {
				ids[i] = c.ID
			}
			return ids, err
		},
		byHand: func(ctx context.Context) (string, string, error) {
			token, err := management(ctx)
			if err != nil {
				return "", "", err
			}
			var made client
			err = ask(ctx, http.MethodPost, s.URL+"/api/v2/clients", `{"name":"by-hand","grant_types":["client_credentials"],
				"token_endpoint_auth_method":"client_secret_basic"}`, &made, "Authorization", "Bearer "+token)
			if err != nil {
				return "", "", err
			}
			grant := fmt.Sprintf(`{"client_id":%q,"audience":%q,"scope":[%q]}`, made.ID, auth0server.Audience, auth0server.Scope)
			err = ask(ctx, http.MethodPost, s.URL+"/api/v2/client-grants", grant, &struct{}{}, "Authorization", "Bearer "+token)
			return made.ID, made.Secret, err
		},
	}
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "[auth0]", ""), mobile())
	walkKeys(t, n, v)
	if r := n.CLI(t, "", place("generate", "auth0", "--scope", "no:such")...); r.Code != 3 || !containsText(r.Stderr, "no:such") {
		t.Errorf("a scope that the API lacks: %s", r)
	}
	walkSubscriptions(t, n, v, stock(up.URL, "[auth0]", "stock:read"))
	if ids, err := v.clients(t.Context()); err != nil || len(ids) != 1 {
		t.Errorf("only the client made by hand is left: %v, error %v", ids, err)
	}
}

// tokenFor asks for a token with a form.
func tokenFor(ctx context.Context, at string, form url.Values) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return tokenFrom(req)
}

// TestKeysOnPingFederate walks the life of a client on PingFederate's contract server, with JWTs, then one with a
// reference token, which the gateway asks about.
func TestKeysOnPingFederate(t *testing.T) {
	t.Parallel()
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return pingserver.Build(origin, key) })
	up := newUpstream(t)
	n := serve(t)
	clients := s.URL + "/pf-admin-api/v1/oauth/clients"
	credential := "Basic " + base64.StdEncoding.EncodeToString([]byte(pingserver.AdminUser+":"+pingserver.AdminPassword))
	v := vendor{
		name: "ping", scope: pingserver.Scope, rotates: true, overlaps: true,
		spec: fmt.Sprintf(`type: ping, discovery: %q,
  connection: {adminUrl: %q, username: %q, password: %q, exclusiveScopes: [%q]},
  introspection: {clientId: %s, clientSecret: %s}, tokens: {match: [{regex: "^ref[0-9]{25}$"}]}`,
			s.URL+"/.well-known/openid-configuration", s.URL+"/pf-admin-api/v1", pingserver.AdminUser, pingserver.AdminPassword,
			pingserver.ExclusiveScope, pingserver.Introspector, pingserver.IntrospectorSecret),
		clients: func(context.Context) ([]string, error) {
			return nil, nil // clients are looked for one by one, below
		},
		byHand: func(ctx context.Context) (string, string, error) {
			err := ask(ctx, http.MethodPost, clients, `{"clientId":"by-hand","name":"By hand","grantTypes":["CLIENT_CREDENTIALS"],
				"clientAuth":{"type":"SECRET","secret":"by-hand-secret"}}`, &struct{}{}, "Authorization", credential,
				"X-XSRF-Header", "PingFederate")
			return "by-hand", "by-hand-secret", err
		},
	}
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "[ping]", ""), mobile())
	walkKeys(t, n, v)
	scopesComeAndGo(t, n, v, pingserver.ExclusiveScope, "/orders/v1/admin")
	k := cliJSON[madeKeys](t, n, place("generate", "ping", "--scope", v.scope, "--set",
		"accessTokenManager="+pingserver.ReferenceManager)...)
	token := k.token(t, v)
	if strings.Contains(token, ".") {
		t.Fatalf("the token is not a reference token")
	}
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	cli(t, n, place("delete", "ping")...)
	until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
	err := ask(t.Context(), http.MethodGet, clients+"/"+k.ClientID, "", &struct{}{}, "Authorization", credential,
		"X-XSRF-Header", "PingFederate")
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the deleted client is still at the vendor: %v", err)
	}
}

// scopesComeAndGo: a scope that clients have only while somebody gives it to them is in a token at once, and no more when
// the subscription has ended; meanwhile the client is changed, and two of its secrets live.
func scopesComeAndGo(t *testing.T, n *program.Node, v vendor, given, path string) {
	t.Helper()
	k := cliJSON[madeKeys](t, n, place("generate", v.name)...)
	asks := v
	asks.scope = given
	until(t, n.Gateway, http.MethodGet, path, k.token(t, asks), 200, "")
	updated := cliJSON[madeKeys](t, n, place("update", v.name, "--grant", "client_credentials", "--grant", "authorization_code",
		"--callback", "https://app.example/cb")...)
	if updated.ClientID != k.ClientID || updated.ClientSecret != "" {
		t.Errorf("updated: %+v", updated)
	}
	k.token(t, asks) // the change takes nothing away
	if v.overlaps {
		second := cliJSON[madeKeys](t, n, place("rotate", v.name, "--overlap", "1h")...)
		second.TokenEndpoint = k.TokenEndpoint
		k.token(t, asks)
		second.token(t, asks)
		k = second
	}
	apply(t, n, manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1, state: blocked"))
	testbed.Eventually(t, "the scope is gone from the client", func() string {
		token, err := k.tryToken(t.Context(), asks)
		if err == nil && strings.Contains(fmt.Sprint(testbed.Claims(t, token)["scope"]), given) {
			return fmt.Sprintf("a token carries it; the client is %+v", entitlementOf(t, n))
		}
		return ""
	})
	apply(t, n, manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1"))
	testbed.Eventually(t, "the scope is back", func() string {
		token, err := k.tryToken(t.Context(), asks)
		if err != nil {
			return err.Error()
		}
		return call(t, n.Gateway, http.MethodGet, path, token).want(200, "")
	})
	cli(t, n, place("delete", v.name)...)
}
