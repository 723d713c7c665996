package probe_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

// TestKeysInThePlaceOfSecrets: a check proves a private key at the vendor, and a wrong one fails in the vendor's own words.
func TestKeysInThePlaceOfSecrets(t *testing.T) {
	w := newWorld(t)
	signing := conformance.SigningKey(t)
	own, stranger := conformance.CertifiedKey(t), conformance.CertifiedKey(t)
	rs256 := own.Key.As("", "RS256")
	for _, c := range []struct {
		build              func(origin string) http.Handler
		spec, words        string
		right, wrong, seen string // seen at the token endpoint
	}{
		{
			func(o string) http.Handler { return oktaserver.BuildWith(o, signing, oktaserver.ServiceApp(rs256)) },
			`{"type":"okta","issuer":"ORIGIN/oauth2/` + oktaserver.Server + `","connection":{"clientId":"0oaservice","clientKey":KEY}}`,
			"The client_assertion signature is invalid", own.PEM, stranger.PEM, "invalid_client",
		},
		{
			func(o string) http.Handler { return auth0server.BuildWith(o, signing, rs256) },
			`{"type":"auth0","issuer":"ORIGIN/","connection":{"clientId":"` + auth0server.KeyClient + `",
				"clientAuthentication":"private_key_jwt","clientKey":KEY}}`,
			"its signature is wrong", own.PEM, stranger.PEM, "authenticates by private_key_jwt",
		},
		{
			func(o string) http.Handler { return entraserver.BuildWith(o, signing, 0, own.Certificate) },
			`{"type":"entra","discovery":"ORIGIN/` + entraserver.Tenant + `/v2.0","connection":{"graphUrl":"ORIGIN/v1.0",
				"clientId":"` + entraserver.ManagementClient + `","clientAuthentication":"private_key_jwt","clientKey":KEY}}`,
			"AADSTS700027: The certificate", own.Bundle, stranger.Bundle, "authenticates by private_key_jwt",
		},
	} {
		s := contract.Start(t, c.build)
		check := func(key string) map[string][]probe.Line {
			quoted, err := json.Marshal(key)
			if err != nil {
				t.Fatal(err)
			}
			var spec keyward.KeyManagerSpec
			text := strings.NewReplacer("ORIGIN", s.URL, "KEY", string(quoted)).Replace(c.spec)
			if err := json.Unmarshal([]byte(text), &spec); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return w.check(w.probe.Unsaved(t.Context(), "default", "corp", &spec, order()))
		}
		lines := check(c.right)
		w.want(lines, "connection", probe.Pass, "searched")
		w.want(lines, "registration", probe.Pass, "made and deleted")
		if l := lines["token endpoint"]; len(l) != 1 || !strings.Contains(l[0].Seen, c.seen) || l[0].Verdict == probe.Fail {
			t.Errorf("token endpoint: %+v", l)
		}
		lines = check(c.wrong)
		w.want(lines, "connection", probe.Fail, c.words)
		if text := fmt.Sprint(lines); strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, "eyJ") {
			t.Errorf("a key or an assertion is in %s", text)
		}
	}
}
