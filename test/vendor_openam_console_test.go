package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/openam"
)

// consoleAtOpenAM: Keyward registers its console in a realm, somebody comes in by the realm's session and consent, and is led back
// from signing out there.
func consoleAtOpenAM(t *testing.T) {
	s, ctx := openAM(t), t.Context()
	if err := s.AddPerson(ctx, "alpha", "ann", password, "Ann Lee"); err != nil {
		t.Fatal(err)
	}
	n := serve(t)
	km := func(signIn string) string {
		return manifest("KeyManager", "alpha", fmt.Sprintf(`type: forgerock, discovery: %q, connection: {username: %s, password: %q},
  signIn: %s`, s.Issuer("alpha"), openam.Admin, openam.AdminPassword, signIn))
	}
	apply(t, n, km(`{enabled: true, roles: [{claim: name, equals: Ann Lee, role: publisher}]}`))
	own := awaitClient(t, n, "active")

	session, err := s.SignIn(ctx, "alpha", "ann", password)
	if err != nil {
		t.Fatal(err)
	}
	v := visit(t, n)
	v.plant(openam.SessionCookie, session)
	start := v.send(http.MethodGet, "/session/start?via=alpha&return=/api/v1/session", "")
	at := start.header.Get("Location")
	asked := v.send(http.MethodGet, at, "")
	if asked.header.Get("Location") == "" { // the realm asks whether the console may
		asked = v.send(http.MethodPost, at, url.Values{"decision": {"allow"}, "csrf": {session}}.Encode(),
			"Content-Type", "application/x-www-form-urlencoded")
	}
	if !strings.HasPrefix(asked.header.Get("Location"), own.Callback+"?") {
		t.Fatalf("at OpenAM: %d %s %.2000s", asked.status, asked.header.Get("Location"), asked.text)
	}
	in := v.send(http.MethodGet, asked.header.Get("Location"), "")
	who := v.send(http.MethodGet, "/api/v1/session", "")
	if who.status != http.StatusOK || !strings.Contains(who.text, `"roles":["publisher"]`) ||
		!strings.Contains(who.text, `"user":"alpha|`) {
		t.Fatalf("in: %d %s; who: %s", in.status, in.text, who.text)
	}
	var ended struct{ EndSession string }
	if err := json.Unmarshal([]byte(v.send(http.MethodDelete, "/api/v1/session", "").text), &ended); err != nil {
		t.Fatal(err)
	}
	if out := v.send(http.MethodGet, ended.EndSession, ""); out.header.Get("Location") != own.Callback {
		t.Errorf("signed out at OpenAM, at %s: %d to %q %.500s", ended.EndSession, out.status, out.header.Get("Location"), out.text)
	}
	apply(t, n, km(`{enabled: false}`))
	awaitClient(t, n, "")
	if all, err := s.Clients(ctx, "alpha"); err != nil || strings.Contains(strings.Join(all, " "), own.ClientID) {
		t.Errorf("left in the realm: %v %v", all, err)
	}
}
