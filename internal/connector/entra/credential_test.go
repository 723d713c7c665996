package entra_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
)

// certified is the same organization, whose management application has a certificate in the place of a secret.
func certified(t *testing.T, own conformance.Certified) conformance.Cloud {
	t.Helper()
	signing := conformance.SigningKey(t)
	build := func(origin string) http.Handler { return entraserver.BuildWith(origin, signing, 0, own.Certificate) }
	c := entra(t, 0)
	c.Server = contract.Start(t, build)
	c.Name, c.Build, c.Changed = "entra-certificate", func() http.Handler { return build(c.Server.URL) }, "/token"
	c.Spec = &keyward.KeyManagerSpec{
		Type: keyward.TypeEntra, Discovery: c.Server.URL + "/" + entraserver.Tenant + "/v2.0",
		Connection: map[string]any{
			"clientId": entraserver.ManagementClient, "clientAuthentication": connector.ByAssertion,
			"clientKey": secret.Stored(), "graphUrl": c.Server.URL + "/v1.0", "resource": entraserver.Resource,
		},
	}
	c.Secrets, c.Wrong = map[string]string{"connection.clientKey": own.Bundle}, conformance.CertifiedKey(t).Bundle
	return c
}

func TestEntraWithACertificate(t *testing.T) {
	own := conformance.CertifiedKey(t)
	certified(t, own).Walk(t)
	certified(t, own).WrongSecrets(t, "401 invalid_client: AADSTS700027: The certificate")
	certified(t, own).Rollover(t)
}

// The contract server takes the assertion that Microsoft documents, and nothing beside it.
func TestEntraAssertions(t *testing.T) {
	own, other := conformance.CertifiedKey(t), conformance.CertifiedKey(t)
	s := certified(t, own).Server
	endpoint := "/" + entraserver.Tenant + "/oauth2/v2.0/token"
	now := time.Now().Unix()
	conformance.Assertion{
		Endpoint: endpoint, Client: entraserver.ManagementClient, Audience: s.URL + endpoint, Key: own.Key,
		Form:   url.Values{"scope": {s.URL + "/.default"}, "client_id": {entraserver.ManagementClient}},
		Header: map[string]any{"typ": "JWT", "x5t#S256": own.Thumbprint}, Claims: map[string]any{"nbf": now}, Longest: 10 * time.Minute,
		Wrong: map[string]conformance.Members{
			"another certificate":    {Header: map[string]any{"x5t#S256": other.Thumbprint}},
			"no certificate":         {Header: map[string]any{"x5t#S256": nil}},
			"the old header":         {Header: map[string]any{"x5t#S256": nil, "x5t": own.Thumbprint}},
			"a thumbprint in hex":    {Header: map[string]any{"x5t#S256": strings.Repeat("ab", 32)}},
			"no typ":                 {Header: map[string]any{"typ": nil}},
			"no nbf":                 {Claims: map[string]any{"nbf": nil}},
			"no iat":                 {Claims: map[string]any{"iat": nil}},
			"no jti":                 {Claims: map[string]any{"jti": nil}},
			"not yet good":           {Claims: map[string]any{"nbf": now + 3600}},
			"the issuer as aud":      {Claims: map[string]any{"aud": s.URL + "/" + entraserver.Tenant + "/v2.0"}},
			"version 1's endpoint":   {Claims: map[string]any{"aud": s.URL + "/" + entraserver.Tenant + "/oauth2/token"}},
			"another organization's": {Claims: map[string]any{"aud": s.URL + "/common/oauth2/v2.0/token"}},
		},
	}.Refusals(t, s)
}
