package e2e

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/program"
)

// browser keeps cookies as Chromium does on a loopback address: those that are Secure, too.
type browser struct {
	t      *testing.T
	client *http.Client
}

type lenientJar struct{ *cookiejar.Jar }

// SetCookies implements http.CookieJar.
func (j lenientJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		c.Secure = false
	}
	j.Jar.SetCookies(u, cookies)
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: lenientJar{jar}}}
}

// page is where a browser is in the end.
type page struct {
	status int
	at     *url.URL
	text   string
}

func (b *browser) send(method, address string, form url.Values) page {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Request.URL, string(text)}
}

// password is that of every person in a realm.
const password = "correct horse"

// signIn fills in the form of Keycloak's page.
func (b *browser) signIn(p page, name string) page {
	b.t.Helper()
	action := regexp.MustCompile(`action="([^"]*login-actions/authenticate[^"]*)"`).FindStringSubmatch(p.text)
	if action == nil {
		b.t.Fatalf("no sign-in page at %s: %d %s", p.at, p.status, p.text)
	}
	return b.send(http.MethodPost, html.UnescapeString(action[1]), url.Values{"username": {name}, "password": {password}})
}

// session is what the server says of the browser's person.
type session struct {
	User, Name, KeyManager, Tenant string
	Roles, Groups                  []string
}

func (b *browser) session(n *program.Node) (s session, status int) {
	b.t.Helper()
	p := b.send(http.MethodGet, "http://"+n.Control+"/api/v1/session", nil)
	if p.status == http.StatusOK {
		if err := json.Unmarshal([]byte(p.text), &s); err != nil {
			b.t.Fatal(err)
		}
	}
	return s, p.status
}

// TestSignInThroughKeycloak: people of a Keycloak realm come into the console with the roles that rules give them, go out
// at Keycloak too, and are nobody else; the live check sees what is wrong with the client there.
func TestSignInThroughKeycloak(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	realm := shared.Realm(t, "signin")
	n := serve(t)
	const secret = "console-secret-of-keycloak"
	callback := "http://" + n.Control + "/session/callback"
	if err := realm.AddConsole(ctx, "console", secret, callback); err != nil {
		t.Fatal(err)
	}
	for name, group := range map[string]string{"admin": "apis", "bob": "others"} {
		if err := realm.AddPerson(ctx, name, password, group); err != nil {
			t.Fatal(err)
		}
	}
	sub, err := realm.PersonID(ctx, "admin")
	if err != nil {
		t.Fatal(err)
	}
	km := func(client, secret string) string {
		return manifest("KeyManager", "corp", fmt.Sprintf(`type: keycloak, discovery: %q, outbound: {timeout: 30s},
  clients: {create: false}, signIn: {enabled: true, clientId: %s, clientSecret: %s,
  roles: [{claim: /groups, equals: apis, role: publisher, groups: [payments]}]}`,
			realm.Issuer, client, secret))
	}
	apply(t, n, km("console", secret))
	saved := check(t, n, "", 0, "corp")
	saved.want(t, "sign-in", "pass", "S256")
	saved.want(t, "sign-in client", "pass", "invalid_grant")
	saved.want(t, "redirect URI", "pass", "login_required")
	if err := realm.AddConsole(ctx, "elsewhere", secret, "https://elsewhere.example/callback"); err != nil {
		t.Fatal(err)
	}
	check(t, n, km("elsewhere", secret), 1).want(t, "redirect URI", "fail", "400", callback)
	check(t, n, km("console", "another-secret"), 1).want(t, "sign-in client", "fail", "spec.signIn")

	start := "http://" + n.Control + "/session/start?via=corp&return=" + url.QueryEscape("/api/v1/session")
	b := newBrowser(t)
	in := b.signIn(b.send(http.MethodGet, start, nil), "admin")
	if in.status != http.StatusOK || in.at.Path != "/api/v1/session" {
		t.Fatalf("landed at %s: %d %s", in.at, in.status, in.text)
	}
	who, _ := b.session(n)
	if who.User != "corp|"+sub || who.Name != "Ann Lee" || who.KeyManager != "corp" ||
		fmt.Sprint(who.Roles, who.Groups) != "[publisher] [payments]" {
		t.Errorf("who: %+v", who)
	}
	if p := b.send(http.MethodGet, "http://"+n.Control+"/api/v1/users", nil); p.status != http.StatusForbidden {
		t.Errorf("Keycloak's admin lists users: %d", p.status)
	}
	out := b.send(http.MethodDelete, "http://"+n.Control+"/api/v1/session", nil)
	var ended struct{ EndSession string }
	if err := json.Unmarshal([]byte(out.text), &ended); err != nil {
		t.Fatalf("sign out: %d %s", out.status, out.text)
	}
	if p := b.send(http.MethodGet, ended.EndSession, nil); p.at.Host != n.Control {
		t.Errorf("signed out at Keycloak, and then at %s: %d %s", p.at, p.status, p.text)
	}
	if _, status := b.session(n); status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", status)
	}
	again := b.send(http.MethodGet, start, nil)
	if !strings.Contains(again.text, `type="password"`) {
		t.Errorf("let in without a password after signing out: %s %d", again.at, again.status)
	}
	refused := b.signIn(again, "bob")
	if refused.status != http.StatusForbidden || !strings.Contains(refused.text, "administrator of tenant default") {
		t.Errorf("somebody without a role: %s %d %s", refused.at, refused.status, refused.text)
	}
	if audit := cli(t, n, "export"); strings.Contains(audit, secret) || !strings.Contains(audit, "stored: true") {
		t.Errorf("exported: %s", audit)
	}
	nowhere(t, n.Dir, secret, "another-secret")
}
