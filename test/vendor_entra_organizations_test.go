package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
)

// TestManyOrganizations: one key manager for two organizations whose keys are the vendor's, found by the metadata for
// every organization; a client id that both have is two clients.
func TestManyOrganizations(t *testing.T) {
	t.Parallel()
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return entraserver.Build(origin, key, 0) })
	up := newUpstream(t)
	n := serve(t)
	const (
		one = "11111111-86f1-41af-91ab-2d7cd011db47"
		two = "22222222-86f1-41af-91ab-2d7cd011db47"
		odd = "33333333-86f1-41af-91ab-2d7cd011db47"
	)
	many := fmt.Sprintf(`type: entra, issuer: "%s/{tid}/v2.0"`, s.URL)
	list := fmt.Sprintf(", tokens: {match: [{claims: {tid: %s}}, {claims: {tid: %s}}]}", one, two)
	apply(t, n, manifest("KeyManager", "partners", many+list), orders(up.URL, "[partners]", ", backendJWT: {enabled: true}"),
		manifest("Application", "mobile", "owner: alice"), manifest("Application", "rival", "owner: bob"),
		manifest("Subscription", "mobile-orders", "application: mobile, api: orders-v1"),
		manifest("OAuthClient", "mobile-one", "application: mobile, keyManager: partners, clientId: "+one+"/abc"))
	token := func(iss, tid string) string {
		now := time.Now().Unix()
		raw, err := key.Mint("JWT", map[string]any{
			"iss": s.URL + "/" + iss + "/v2.0", "tid": tid, "azp": "abc", "sub": "alice", "roles": []string{"orders:read"},
			"aud": "x", "iat": now, "exp": now + 600,
		})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	until(t, n.Gateway, http.MethodGet, items, token(one, one), 200, "")
	until(t, n.Gateway, http.MethodGet, items, token(two, two), 403, "no_subscription")
	cli(t, n, "keys", "map", "--application", "rival", "--key-manager", "partners", "--client-id", two+"/abc")
	apply(t, n, manifest("Subscription", "rival-orders", "application: rival, api: orders-v1"))
	until(t, n.Gateway, http.MethodGet, items, token(two, two), 200, "")
	for what, raw := range map[string]string{
		"one's iss, two's tid": token(one, two), "not listed": token(odd, odd),
		"the template": token("{tid}", one), "no tid": token(one, ""),
	} {
		if fault := call(t, n.Gateway, http.MethodGet, items, raw).want(401, "unknown_issuer"); fault != "" {
			t.Errorf("%s: %s", what, fault)
		}
	}
	said := ""
	for _, step := range explain(t, n, items, token(one, two)).Steps {
		said += step.Seen
	}
	if !containsText(said, "expects tid") {
		t.Errorf("explained as %s", said)
	}
	for what, c := range map[string]struct{ manifest, says string }{
		"no list": {manifest("KeyManager", "all", many), "{claims: {tid: TENANT-ID}}"},
		"an issuer of a listed one": {manifest("KeyManager", "single", fmt.Sprintf(
			`type: entra, issuer: "%s/%s/v2.0", keys: {jwks: "%s/k"}`, s.URL, one, s.URL)), "partners"},
		"a bare client id": {manifest("OAuthClient", "rival-bare",
			"application: rival, keyManager: partners, environment: sandbox, clientId: abc"), "must be TID/CLIENTID"},
		"an organization with clients": {manifest("KeyManager", "partners",
			many+fmt.Sprintf(", tokens: {match: [{claims: {tid: %s}}]}", two)), "mobile-one"},
	} {
		if r := n.CLI(t, c.manifest, "apply", "-f", "-"); r.Code == 0 || !containsText(r.Stderr, c.says) {
			t.Errorf("%s: %s", what, r)
		}
	}
	r := n.CLI(t, "", "keys", "generate", "--application", "mobile", "--key-manager", "partners", "--environment", "sandbox")
	if r.Code == 0 || !containsText(r.Stderr, "many organizations") {
		t.Errorf("generate: %s", r)
	}
}
