package e2e

import "testing"

// TestConstraints: what an administrator allows for developers' fields holds for keys, every field is named at once, and
// a server that does not know a field is not taken for one that obeys.
func TestConstraints(t *testing.T) {
	t.Parallel()
	r := shared.Realm(t, "limits")
	n := serve(t)
	spec := "type: oidc, discovery: " + quoted(r.Issuer) + ", endpoints: {registration: " + quoted(r.Registration()) +
		"}, connection: {initialAccessToken: " + quoted(r.InitialAccessToken) + "}"
	faulty := spec + ", clients: {constraints: {access_token_lifetime: {regex: x}, client_uri: {regex: (}, speed: {max: 1}}}"
	refused := n.CLI(t, manifest("KeyManager", "corp", faulty), "apply", "-f", "-")
	for _, path := range []string{"access_token_lifetime.regex", "client_uri.regex", "constraints.speed"} {
		if refused.Code != 3 || !containsText(refused.Stderr, "spec.clients.constraints") || !containsText(refused.Stderr, path) {
			t.Errorf("a fault at %s is not named: %s", path, refused)
		}
	}
	apply(t, n, manifest("KeyManager", "corp",
		spec+`, clients: {constraints: {access_token_lifetime: {max: 3600}, client_uri: {regex: "https://.*"}}}`),
		manifest("Application", "mobile", "owner: alice"))
	shown := cli(t, n, "keymanager", "types", "corp")
	if !containsText(shown, "at most 3600") || containsText(shown, "wso2is") {
		t.Errorf("what is allowed is not shown: %s", shown)
	}
	generate := func(lifetime, home string) []string {
		return place("generate", "corp", "--set", "access_token_lifetime="+lifetime, "--set", "client_uri="+home)
	}
	for what, args := range map[string][]string{
		"too much": generate("7200", "http://a.example/"), "left out": place("generate", "corp"),
	} {
		r := n.CLI(t, "", args...)
		if r.Code != 3 || !containsText(r.Stderr, "at most 3600") || !containsText(r.Stderr, "client_uri") {
			t.Errorf("%s: %s", what, r)
		}
	}
	made := n.CLI(t, "", generate("600", "https://a.example/")...)
	if made.Code != 0 || !containsText(made.Stdout, "access_token_lifetime") || containsText(made.Stdout, "client_uri") {
		t.Errorf("what the server does not take over is not said: %s", made)
	}
	if token := cli(t, n, place("token", "corp")...); !containsText(token, "ey") {
		t.Errorf("the key is no use: %s", token)
	}
}
