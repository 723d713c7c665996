package probe_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/testbed/walled"
)

// TestACertificateInThePlaceOfASecret: the service account's certificate is shown to the server that manages clients; one of
// somebody else fails in the server's own words.
func TestACertificateInThePlaceOfASecret(t *testing.T) {
	w := newWorld(t)
	authority := walled.NewAuthority(t)
	s := authority.Asking(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		shown := len(r.TLS.PeerCertificates) == 1 && r.TLS.PeerCertificates[0].Subject.CommonName == "keyward"
		switch {
		case r.URL.Path == "/token" && shown && r.FormValue("client_id") == "account":
			_, _ = io.WriteString(rw, `{"access_token":"of-the-account","expires_in":60}`)
		case r.URL.Path == "/token":
			rw.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(rw, `{"error":"invalid_client","error_description":"no such certificate"}`)
		case r.Header.Get("Authorization") == "Bearer of-the-account":
			_, _ = io.WriteString(rw, `[]`)
		default:
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	p, err := probe.New(w.store, outbound.NewClient(outbound.Rules{}, outbound.Options{}), nil, probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		verdict probe.Verdict
		text    string
	}{"keyward": {probe.Pass, "searched"}, "somebody": {probe.Fail, "invalid_client: no such certificate"}} {
		certificate, key := authority.Client(t, name)
		var spec keyward.KeyManagerSpec
		text := fmt.Sprintf(`{"type":"keycloak","issuer":%q,"keys":{"jwks":%q},"endpoints":{"token":%q},"connection":{"clientId":"account",
			"clientAuthentication":"tls_client_auth","adminUrl":%q},"outbound":{"ca":%q,"certificate":%q,"key":%q}}`,
			s.URL+"/realms/x", s.URL+"/jwks", s.URL+"/token", s.URL+"/admin", authority.PEM, certificate, key)
		if err := json.Unmarshal([]byte(text), &spec); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		w.want(w.check(p.Unsaved(t.Context(), "default", "corp", &spec, order())), "connection", want.verdict, want.text)
	}
}
