package auth0_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// keyed is the same tenant, whose management application has keys in the place of a secret.
func keyed(t *testing.T, key string, registered ...*issuer.Key) conformance.Cloud {
	t.Helper()
	signing := conformance.SigningKey(t)
	build := func(origin string) http.Handler { return auth0server.BuildWith(origin, signing, registered...) }
	c := auth0Cloud(t)
	c.Server = contract.Start(t, build)
	c.Name, c.Build, c.Changed = "auth0-key", func() http.Handler { return build(c.Server.URL) }, "/oauth/token"
	c.Spec = &keyward.KeyManagerSpec{Type: keyward.TypeAuth0, Issuer: c.Server.URL + "/", Connection: map[string]any{
		"clientId": auth0server.KeyClient, "clientAuthentication": connector.ByAssertion, "clientKey": secret.Stored(),
		"audience": auth0server.Audience,
	}}
	c.Secrets, c.Wrong = map[string]string{"connection.clientKey": key}, conformance.AccountKey(t, "", "RS256").PEM
	return c
}

func TestAuth0WithAKey(t *testing.T) {
	own := conformance.AccountKey(t, "credential-1", "RS256")
	keyed(t, own.PEM, own.Key).Walk(t, "drop form client_id")
	keyed(t, own.PEM, own.Key).WrongSecrets(t, "401 invalid_client: Invalid client assertion: its signature is wrong")
	keyed(t, own.PEM, own.Key).Rollover(t)
}

// The contract server takes the assertion that Auth0 documents, and nothing beside it.
func TestAuth0Assertions(t *testing.T) {
	own, second := conformance.AccountKey(t, "credential-1", "RS256"), conformance.AccountKey(t, "credential-2", "PS256")
	s := keyed(t, own.PEM, own.Key, second.Key).Server
	right := conformance.Assertion{
		Endpoint: "/oauth/token", Form: url.Values{"audience": {s.URL + "/api/v2/"}}, Client: auth0server.KeyClient,
		Audience: s.URL + "/", Key: own.Key, Longest: 5 * time.Minute,
		Wrong: map[string]conformance.Members{
			"another kid":             {Header: map[string]any{"kid": "credential-3"}},
			"the other key's kid":     {Header: map[string]any{"kid": "credential-2"}},
			"no jti":                  {Claims: map[string]any{"jti": nil}},
			"aud without its slash":   {Claims: map[string]any{"aud": s.URL}},
			"the endpoint as aud":     {Claims: map[string]any{"aud": s.URL + "/oauth/token"}},
			"the API as aud":          {Claims: map[string]any{"aud": s.URL + "/api/v2/"}},
			"not yet good":            {Claims: map[string]any{"nbf": time.Now().Unix() + 60}},
			"another credential's":    {Header: map[string]any{"alg": "PS256"}},
			"of an application's own": {Claims: map[string]any{"iss": auth0server.ManagementClient, "sub": auth0server.ManagementClient}},
		},
		Fine: map[string]conformance.Members{
			"kid": {Header: map[string]any{"kid": "credential-1"}}, "no iat": {Claims: map[string]any{"iat": nil}},
			"the custom domain": {Claims: map[string]any{"aud": auth0server.CustomDomain}},
			"within the skew":   {Claims: map[string]any{"iat": time.Now().Unix() + 5, "nbf": time.Now().Unix() + 5}},
		},
	}
	right.Refusals(t, s)
}

// PEM names no kid, so the key is found among several; a JWK's kid must be the one that Auth0 gave.
func TestAuth0Keys(t *testing.T) {
	own, second := conformance.AccountKey(t, "credential-1", "PS256"), conformance.AccountKey(t, "credential-2", "RS256")
	c := keyed(t, second.PEM, own.Key, second.Key)
	for name, key := range map[string]string{"PEM": second.PEM, "JWK": own.JWK} {
		r := conformance.Registration()
		r.Name = "keyward-" + strings.ToLower(name)
		if _, err := c.Open(t, map[string]string{"connection.clientKey": key}).Register(t.Context(), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	renamed := strings.Replace(own.JWK, "credential-1", "my-own-name", 1)
	_, err := c.Open(t, map[string]string{"connection.clientKey": renamed}).Register(t.Context(), conformance.Registration())
	if err == nil || !strings.Contains(err.Error(), "names no key of the client") {
		t.Errorf("a kid of one's own: %v", err)
	}
}
