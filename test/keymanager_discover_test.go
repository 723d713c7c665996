package e2e

import (
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/keycloak"
)

// TestDiscoverFirst: what is printed is what check and apply take.
func TestDiscoverFirst(t *testing.T) {
	t.Parallel()
	realm := shared.Realm(t, "kc-discover")
	n := serve(t)
	n.Shell = map[string]string{"CORP_CLIENT_ID": keycloak.ManagerClient, "CORP_CLIENT_SECRET": keycloak.ManagerSecret}
	text := cli(t, n, "keymanager", "discover", realm.Issuer, "--name", "corp")
	for _, part := range []string{"# type keycloak: ", "discovery: " + realm.Issuer, "env: CORP_CLIENT_SECRET",
		"# note spec.tokens.audiences: "} {
		if !containsText(text, part) {
			t.Errorf("%q is not in %s", part, text)
		}
	}
	check(t, n, text, 0).want(t, "registration", "pass", "and is gone")
	apply(t, n, text)
	check(t, n, "", 0, "corp").want(t, "connection", "pass")

	i := issuer.Start(t, "k", "RS256")
	text = cli(t, n, "keymanager", "discover", i.URL+"/", "--type", "oidc")
	if !containsText(text, "# warn spec.discovery: the server calls itself "+i.URL+", without the slash") {
		t.Errorf("a slash: %s", text)
	}
	apply(t, n, text)
	if d := cliJSON[struct {
		Type     string
		Findings []struct{ Level, Field string }
	}](t, n, "keymanager", "discover",
		i.URL+"/.well-known/openid-configuration"); d.Type != "oidc" || len(d.Findings) == 0 {
		t.Errorf("by the metadata's own address: %+v", d)
	}
	if r := n.CLI(t, "", "keymanager", "discover", strings.Replace(i.URL, "http", "ftp",
		1)); r.Code != 3 || !containsText(r.Stderr, "url") {
		t.Errorf("no web address: %s", r)
	}
	i.Close()
	if r := n.CLI(t, "", "keymanager", "discover", i.URL); r.Code != 3 || !containsText(r.Stderr, "cannot be reached") {
		t.Errorf("a dead address: %s", r)
	}
}
