package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/walled"
)

// TestAServiceAccountWithACertificate: a real Keycloak is managed by https alone, with an authority that nobody else trusts,
// by a service account that has a certificate and no secret (RFC 8705, section 2.1).
func TestAServiceAccountWithACertificate(t *testing.T) {
	t.Parallel()
	realm := shared.Realm(t, "certificates")
	if err := realm.AddCertified(t.Context(), "keyward-certified", "CN=keyward"); err != nil {
		t.Fatal(err)
	}
	leaf := func(of func(string) (string, string, error), name string) (certificate, key string) {
		t.Helper()
		certificate, key, err := of(name)
		if err != nil {
			t.Fatal(err)
		}
		return certificate, key
	}
	spec := func(outbound string) string {
		return fmt.Sprintf(`type: keycloak, discovery: %q, outbound: {ca: %q%s},
  connection: {clientId: keyward-certified, clientAuthentication: tls_client_auth},
  introspection: {clientId: %s, clientSecret: %s}`, realm.SecureIssuer, realm.Server.Authority.PEM, outbound,
			keycloak.IntrospectionClient, keycloak.IntrospectionSecret)
	}
	shows := func(certificate, key string) string {
		return spec(fmt.Sprintf(", certificate: %q, key: %q", certificate, key))
	}
	certificate, key := leaf(realm.Server.Authority.Leaf, "keyward")
	good := shows(certificate, key)

	up, n := newUpstream(t), serve(t)
	apply(t, n, manifest("KeyManager", "certified", good), orders(up.URL, "[certified]", ""), mobile())
	report := check(t, n, "", 0, "certified")
	for step, seen := range map[string]string{
		"discovery": realm.SecureIssuer, "TLS": "Private Authority", "connection": "was searched", "registration": "and is gone",
		"fresh token": "active: true",
	} {
		report.want(t, step, "pass", seen)
	}
	report.want(t, "token endpoint", "not tried", "tls_client_auth")
	made := cliJSON[madeKeys](t, n, place("generate", "certified")...)
	if !strings.HasPrefix(made.TokenEndpoint, realm.SecureIssuer) {
		t.Errorf("the token endpoint is %s", made.TokenEndpoint)
	}
	passes := func() {
		t.Helper()
		token := strings.TrimSpace(cli(t, n, place("token", "certified", "--scope", "orders:read")...))
		until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	}
	passes()
	rotated := cliJSON[madeKeys](t, n, place("rotate", "certified")...)
	if rotated.ClientID != made.ClientID || rotated.ClientSecret == made.ClientSecret {
		t.Error("the secret was not rotated")
	}
	passes()
	cli(t, n, place("delete", "certified")...)

	// Nobody else gets in: with no certificate, with that of somebody else, with one that another authority made out.
	stranger, strangersKey := leaf(realm.Server.Authority.Leaf, "somebody")
	forged, forgersKey := leaf(walled.NewAuthority(t).Leaf, "keyward")
	r := n.CLI(t, manifest("KeyManager", "unsaved", spec("")), "keymanager", "check", "-f", "-")
	if r.Code != 3 || !containsText(r.Stderr, "spec.outbound.certificate") {
		t.Errorf("without a certificate: %s", r)
	}
	pair := func(certificate, key string) []tls.Certificate {
		t.Helper()
		p, err := tls.X509KeyPair([]byte(certificate), []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{p}
	}
	wants := func(what string, taken bool, shown []tls.Certificate) {
		t.Helper()
		if status, err := certifiedToken(t, realm, shown); (err == nil && status == http.StatusOK) != taken {
			t.Errorf("%s: answered %d, error %v", what, status, err)
		}
	}
	wants("the right one", true, pair(certificate, key))
	wants("none", false, nil)
	wants("somebody else's", false, pair(stranger, strangersKey))
	wants("another authority's", false, pair(forged, forgersKey))
	check(t, n, manifest("KeyManager", "unsaved", good), 0).want(t, "connection", "pass", "was searched")
	check(t, n, manifest("KeyManager", "unsaved", shows(stranger, strangersKey)), 1).want(t, "connection", "fail", "invalid_client")
	check(t, n, manifest("KeyManager", "unsaved", shows(forged, forgersKey)), 1)
	if out := cli(t, n, "export"); strings.Contains(out, "PRIVATE KEY") || !containsText(out, "stored: true") {
		t.Errorf("the key is read back: %s", out)
	}
}

// certifiedToken asks the realm for a token of the service account's by a connection of its own.
func certifiedToken(t *testing.T, realm *keycloak.Realm, shown []tls.Certificate) (int, error) {
	t.Helper()
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(realm.Server.Authority.PEM))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, Certificates: shown, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"keyward-certified"}}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, realm.SecureIssuer+"/protocol/openid-connect/token",
		strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := client.Do(q)
	if err != nil {
		return 0, err
	}
	return a.StatusCode, a.Body.Close()
}
