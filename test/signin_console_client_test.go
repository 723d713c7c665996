package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/program"
)

// consoleClient is what `keymanager console-clients -o json` prints of one.
type consoleClient struct{ ID, KeyManager, State, ClientID, Name, Method, Callback, Reason string }

func consoleClients(t *testing.T, n *program.Node) []consoleClient {
	t.Helper()
	return decode[[]consoleClient](t, cli(t, n, "keymanager", "console-clients", "-o", "json"))
}

// awaitClient waits for the state of the one client that the console has at key managers' servers; "" = it has none.
func awaitClient(t *testing.T, n *program.Node, state string) consoleClient {
	t.Helper()
	var all []consoleClient
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		all = consoleClients(t, n)
		if len(all) == 0 && state == "" {
			return consoleClient{}
		}
		if len(all) == 1 && all[0].State == state {
			return all[0]
		}
	}
	t.Fatalf("the console's clients: %+v, want one that is %q", all, state)
	return consoleClient{}
}

// ourClients lists the clients that Keyward made in a realm.
func ourClients(t *testing.T, realm *keycloak.Realm) []string {
	t.Helper()
	all, err := realm.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ours []string
	for _, c := range all {
		if strings.HasPrefix(c.Name, "keyward-") && c.ClientID != keycloak.ManagerClient {
			ours = append(ours, c.ClientID)
		}
	}
	return ours
}

// TestKeywardRegistersItsConsole: with a connection and the contract's two fields of signIn, and nothing else, people of a real
// Keycloak come into the console and go out of it; the client there follows what is declared, and is never left behind.
func TestKeywardRegistersItsConsole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, connection, method string
		inIDToken                bool
	}{
		{"initial access token", `{initialAccessToken: %q}`, "private_key_jwt", true},
		{"service account", `{clientId: ` + keycloak.ManagerClient + `, clientSecret: ` + keycloak.ManagerSecret + `}`, "basic", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			realm := shared.Realm(t, strings.ReplaceAll("console-"+c.name, " ", "-"))
			if err := realm.TellGroups(t.Context(), c.inIDToken); err != nil {
				t.Fatal(err)
			}
			for name, group := range map[string]string{"ann": "apis", "bob": "others"} {
				if err := realm.AddPerson(t.Context(), name, password, group); err != nil {
					t.Fatal(err)
				}
			}
			connection := c.connection
			if strings.Contains(connection, "%q") {
				connection = fmt.Sprintf(connection, realm.InitialAccessToken)
			}
			km := func(signIn string) string {
				return manifest("KeyManager", "corp", fmt.Sprintf(`type: keycloak, displayName: Corporate SSO, discovery: %q,
  connection: %s, signIn: %s`, realm.Discovery(), connection, signIn))
			}
			const contract = `{enabled: true, roles: [{claim: /groups, equals: apis, role: publisher}]}`
			n := serve(t)
			apply(t, n, km(contract))
			own := awaitClient(t, n, "active")
			if own.Method != c.method || own.Callback != "http://"+n.Control+"/session/callback/default/corp" ||
				!slices.Equal(ourClients(t, realm), []string{own.ClientID}) {
				t.Errorf("registered: %+v; in the realm: %v", own, ourClients(t, realm))
			}
			saved := check(t, n, "", 0, "corp")
			saved.want(t, "sign-in client", "pass")
			saved.want(t, "redirect URI", "pass", "login_required")
			if got := cli(t, n, "get", "key-manager", "corp", "-o", "json"); !strings.Contains(got, `"clientId": "`+own.ClientID+`"`) {
				t.Errorf("status: %s", got)
			}

			start := "http://" + n.Control + "/session/start?via=corp&return=" + url.QueryEscape("/api/v1/session")
			b := newBrowser(t)
			in := b.signIn(b.send(http.MethodGet, start, nil), "ann")
			if who, status := b.session(n); status != http.StatusOK || fmt.Sprint(who.Roles) != "[publisher]" || who.KeyManager != "corp" {
				t.Fatalf("landed at %s: %d %s; %+v", in.at, in.status, in.text, who)
			}
			out := b.send(http.MethodDelete, "http://"+n.Control+"/api/v1/session", nil)
			var ended struct{ EndSession string }
			if err := json.Unmarshal([]byte(out.text), &ended); err != nil {
				t.Fatalf("sign out: %d %s", out.status, out.text)
			}
			if p := b.send(http.MethodGet, ended.EndSession, nil); p.at.Host != n.Control {
				t.Errorf("signed out at Keycloak, and then at %s: %d %s", p.at, p.status, p.text)
			}
			b.signIn(b.send(http.MethodGet, start, nil), "ann")
			if _, status := b.session(n); status != http.StatusOK {
				t.Fatalf("signed in again: %d", status)
			}
			if err := realm.SignOut(t.Context(), "ann"); err != nil {
				t.Fatal(err)
			}
			awaitSignedOut(t, n, b)
			refused := b.signIn(b.send(http.MethodGet, start, nil), "bob")
			if refused.status != http.StatusForbidden {
				t.Errorf("somebody without a role: %s %d", refused.at, refused.status)
			}

			// No application can have it, and no gateway takes its tokens for one's.
			apply(t, n, manifest("Application", "mobile", "owner: alice"))
			thief := manifest("OAuthClient", "thief", fmt.Sprintf("application: mobile, keyManager: corp, clientId: %q", own.ClientID))
			r := n.CLI(t, thief, "apply", "-f", "-")
			if r.Code != 3 || !strings.Contains(r.Stderr, "key manager's own") {
				t.Errorf("mapped: %s", r)
			}
			cli(t, n, "keymanager", "console-clients", "rotate", own.ID)
			after := own
			if c.method == "private_key_jwt" { // the server makes no secrets by registration: another client takes the place
				after = awaitOther(t, n, own)
			}
			b = newBrowser(t)
			in = b.signIn(b.send(http.MethodGet, start, nil), "ann")
			if in.at.Path != "/api/v1/session" || in.status != http.StatusOK {
				t.Errorf("with a new secret: %s %d %s", in.at, in.status, in.text)
			}
			if err := realm.DeleteClient(t.Context(), after.ClientID); err != nil {
				t.Fatal(err)
			}
			check(t, n, "", 1, "corp").want(t, "sign-in client", "fail", "console-clients")
			cli(t, n, "keymanager", "console-clients", "retry", after.ID)
			fresh := awaitOther(t, n, after)

			// Another public URL, after a restart; then nothing is left.
			n.Stop()
			n.Env["KEYWARD_PUBLIC_URL"] = "http://localhost:" + strings.Split(n.Control, ":")[1]
			n.Start(t)
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				if fresh = awaitClient(t, n, "active"); strings.HasPrefix(fresh.Callback, "http://localhost:") {
					break
				}
			}
			check(t, n, "", 0, "corp").want(t, "redirect URI", "pass", "login_required")
			apply(t, n, km("{enabled: false}"))
			awaitClient(t, n, "")
			apply(t, n, km(contract))
			awaitClient(t, n, "active")
			cli(t, n, "delete", "key-manager", "corp")
			awaitClient(t, n, "")
			if left := ourClients(t, realm); len(left) > 0 {
				t.Errorf("left in the realm: %v", left)
			}
			nowhere(t, n.Dir, realm.InitialAccessToken, keycloak.ManagerSecret)
		})
	}
}

// awaitOther waits until another client has taken the place of one.
func awaitOther(t *testing.T, n *program.Node, before consoleClient) consoleClient {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if all := consoleClients(t, n); len(all) == 1 && all[0].State == "active" && all[0].ClientID != before.ClientID {
			return all[0]
		}
	}
	t.Fatalf("nothing took the place: %+v", consoleClients(t, n))
	return consoleClient{}
}

// awaitSignedOut waits until the browser has no session any more, because its person signed out at the key manager's server.
func awaitSignedOut(t *testing.T, n *program.Node, b *browser) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if _, status := b.session(n); status == http.StatusUnauthorized {
			return
		}
	}
	t.Fatal("signed out at Keycloak, and not at the console")
}
