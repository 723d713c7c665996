package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

func pair(current, next string) string { return fmt.Sprintf("{current: %s, next: %s}", current, next) }

// TestSecretsRollOverAtKeycloak: an administrator declares the next secrets, changes them at the server, and declares them
// alone. No key is refused and no call fails for it at any time.
func TestSecretsRollOverAtKeycloak(t *testing.T) {
	r := shared.Realm(t, "rollover")
	up, n := newUpstream(t), serve(t)
	const nextManager, nextGateway = "manager-secret-to-come", "introspection-secret-to-come"
	km := func(manager, gateway string) string {
		return manifest("KeyManager", "corp", fmt.Sprintf(`type: keycloak, discovery: %q, tokens: {match: [{prefix: "op_"}]},
  connection: {clientId: %s, clientSecret: %s}, introspection: {clientId: %s, clientSecret: %s, cache: 0s}`,
			r.Discovery(), keycloak.ManagerClient, manager, keycloak.IntrospectionClient, gateway))
	}
	works := func(what string) {
		t.Helper()
		k := cliJSON[madeKeys](t, n, place("generate", "corp", "--scope", "orders:read")...)
		token, err := r.Token(t.Context(), k.ClientID, k.ClientSecret, "orders:read")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		until(t, n.Gateway, http.MethodGet, items, token, 200, "")
		var all sync.WaitGroup
		for i := range 8 { // the server answers about each of them, and has never seen any
			all.Go(func() {
				a := call(t, n.Gateway, http.MethodGet, items, fmt.Sprintf("op_%s-%d", strings.ReplaceAll(what, " ", "-"), i))
				if fault := a.want(401, "token_inactive"); fault != "" {
					t.Errorf("%s: %s", what, fault)
				}
			})
		}
		all.Wait()
		cli(t, n, place("delete", "corp")...)
	}
	secrets := func() string {
		report := cliJSON[checkReport](t, n, "keymanager", "check", "corp", "--no-register")
		var seen []string
		for _, l := range report.Steps {
			if l.Step == "secret" {
				seen = append(seen, l.Verdict+" "+l.Seen)
			}
		}
		return strings.Join(seen, "\n")
	}
	apply(t, n, km(keycloak.ManagerSecret, keycloak.IntrospectionSecret), orders(up.URL, "[corp]", ""), mobile())
	until(t, n.Gateway, http.MethodGet, items, "op_first", 401, "token_inactive")
	works("before")
	apply(t, n, km(pair("{stored: true}", nextManager), pair("{stored: true}", nextGateway)))
	works("with both declared")
	if got := secrets(); strings.Count(got, "warn spec.") != 2 || strings.Count(got, ".clientSecret: current: taken; next: ") != 2 {
		t.Errorf("before the server has changed:\n%s", got)
	}
	for client, secret := range map[string]string{keycloak.ManagerClient: nextManager, keycloak.IntrospectionClient: nextGateway} {
		if err := r.SetSecret(t.Context(), client, secret); err != nil {
			t.Fatal(err)
		}
	}
	works("after the server has changed")
	n.Kill()
	n.Start(t) // no token of the service account is kept
	until(t, n.Gateway, http.MethodGet, items, "op_first", 401, "token_inactive")
	works("after a restart")
	cli(t, n, "keymanager", "refresh", "corp")
	told := cli(t, n, "get", "key-manager", "corp", "-o", "yaml")
	for _, path := range []string{"connection", "introspection"} {
		if !containsText(told, "current value of spec."+path+".clientSecret") {
			t.Errorf("nobody is told of %s:\n%s", path, told)
		}
	}
	if got := secrets(); strings.Count(got, "; next: taken") != 2 || strings.Count(got, "warn spec.") != 2 {
		t.Errorf("after the server has changed:\n%s", got)
	}
	if got := cli(t, n, "get", "key-manager", "corp", "-o", "yaml"); strings.Count(got, "stored: true") != 4 {
		t.Errorf("both values of both are read back:\n%s", got)
	}
	again := cli(t, n, "export")
	if out := n.CLI(t, again, "apply", "-f", "-"); out.Code != 0 || containsText(out.Stdout, "updated") {
		t.Errorf("the export: %s", out)
	}
	apply(t, n, km(nextManager, nextGateway))
	works("with the new ones alone")
	if got := secrets(); got != "" {
		t.Errorf("secrets with one value are checked as such:\n%s", got)
	}
	nowhere(t, n.Dir, nextManager, nextGateway, keycloak.ManagerSecret, keycloak.IntrospectionSecret)
}

// TestAnAPITokenRollsOver for two authorization servers of an Okta organization: the refused token is sent once, whoever
// needs one, and a person is told.
func TestAnAPITokenRollsOver(t *testing.T) {
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return oktaserver.Build(origin, key) })
	n := serve(t)
	connection := func(token string) string {
		return manifest("Connection", "acme", fmt.Sprintf("type: okta, connection: {orgUrl: %q, apiToken: %s}", s.URL, token))
	}
	server := func(name, id string) string {
		return manifest("KeyManager", name, fmt.Sprintf("type: okta, issuer: %q, connection: {ref: acme}", s.URL+"/oauth2/"+id))
	}
	apply(t, n, connection(pair("an-api-token-that-has-ended", oktaserver.APIToken)), server("first", oktaserver.Server),
		server("second", oktaserver.OtherServer), manifest("Application", "mobile", "owner: alice"))
	for range 2 {
		for _, name := range []string{"first", "second"} {
			cliJSON[madeKeys](t, n, place("generate", name)...)
			cli(t, n, place("delete", name)...)
		}
	}
	refused := 0
	for _, q := range s.Seen() {
		if q.Status == http.StatusUnauthorized {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("the refused token was sent %d times", refused)
	}
	got := cli(t, n, "get", "connection", "acme", "-o", "yaml")
	if !containsText(got, "takes the next one: declare that alone") || containsText(got, oktaserver.APIToken) {
		t.Errorf("nobody is told:\n%s", got)
	}
	apply(t, n, connection(oktaserver.APIToken))
	if got := cli(t, n, "get", "connection", "acme", "-o", "yaml"); containsText(got, "notes") {
		t.Errorf("one value is left:\n%s", got)
	}
	cliJSON[madeKeys](t, n, place("generate", "first")...)
	nowhere(t, n.Dir, "an-api-token-that-has-ended", oktaserver.APIToken)
}
