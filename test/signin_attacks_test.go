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
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/program"
)

// visitor is a browser that follows no redirect, and sends what an attacker makes it send.
type visitor struct {
	t      *testing.T
	n      *program.Node
	client *http.Client
}

func visit(t *testing.T, n *program.Node) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, n, &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// sight is what a visitor gets.
type sight struct {
	status int
	header http.Header
	text   string
	at     *url.URL
}

func (v *visitor) send(method, address, body string, headers ...string) sight {
	v.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = "http://" + v.n.Control + address
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r.Host = r.Header.Get("Host")
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return sight{resp.StatusCode, resp.Header, string(text), resp.Request.URL}
}

// follow goes on to where an answer leads on this server.
func (v *visitor) follow(s sight) sight {
	v.t.Helper()
	for range 10 {
		to, err := s.at.Parse(s.header.Get("Location"))
		if err != nil || s.header.Get("Location") == "" || to.Host != v.n.Control {
			return s
		}
		s = v.send(http.MethodGet, to.String(), "")
	}
	return s
}

// fill sends the form of a page, with fields as name, value, … and, after "headers", header fields.
func (v *visitor) fill(s sight, fields ...string) sight {
	v.t.Helper()
	var headers []string
	if i := slices.Index(fields, "headers"); i >= 0 {
		fields, headers = fields[:i], fields[i+1:]
	}
	action := regexp.MustCompile(`action="([^"]*)"`).FindStringSubmatch(s.text)
	token := regexp.MustCompile(`name="token" value="([^"]*)"`).FindStringSubmatch(s.text)
	if action == nil || token == nil {
		v.t.Fatalf("no form at %s: %d %s", s.at, s.status, s.text)
	}
	to, err := s.at.Parse(html.UnescapeString(action[1]))
	if err != nil {
		v.t.Fatal(err)
	}
	form := url.Values{"token": {token[1]}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return v.send(http.MethodPost, to.String(), form.Encode(),
		append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// guess tries a password at the page of the authorization server.
func (v *visitor) guess(name, text string, headers ...string) int {
	v.t.Helper()
	page := v.send(http.MethodGet, "/oauth2/sign-in", "")
	return v.fill(page, append([]string{"name", name, "password", text, "headers"}, headers...)...).status
}

// enter signs somebody in at the console.
func (v *visitor) enter(name string) {
	v.t.Helper()
	page := v.follow(v.send(http.MethodGet, "/session/start", ""))
	v.follow(v.fill(page, "name", name, "password", password))
	if v.who() != http.StatusOK {
		v.t.Fatalf("%s is not signed in", name)
	}
}

func (v *visitor) who() int { return v.send(http.MethodGet, "/api/v1/session", "").status }

// held gives the value of a cookie; "" = there is none.
func (v *visitor) held(name string) string {
	for _, c := range v.client.Jar.Cookies(&url.URL{Scheme: "http", Host: v.n.Control, Path: "/"}) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (v *visitor) plant(name, value string) {
	v.client.Jar.SetCookies(&url.URL{Scheme: "http", Host: v.n.Control, Path: "/"},
		[]*http.Cookie{{Name: name, Value: value, Path: "/"}}) //nolint:gosec // as an attacker would
}

// TestAttacksOnSignIn tries the attacks that a console is measured by on the running binary: XSS, CSRF, clickjacking, session
// fixation, open redirect and brute force. Each has its control beside it.
func TestAttacksOnSignIn(t *testing.T) {
	t.Parallel()
	n := serve(t, "KEYWARD_TRUSTED_PEERS=127.0.0.1/32")
	var users []string
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		users = append(users, manifest("User", name, fmt.Sprintf("password: %q, roles: [developer]", password)))
	}
	apply(t, n, append(users, manifest("Application", "shop", "owner: alice"))...)
	made := decode[struct{ ClientID string }](t, cli(t, n, "keys", "generate", "--application", "shop", "--key-manager", "resident",
		"--environment", "production", "--grant", "authorization_code", "--callback", "https://shop.example/cb", "-o", "json"))
	asks := "/oauth2/authorize?" + url.Values{
		"client_id": {made.ClientID}, "redirect_uri": {"https://shop.example/cb"}, "response_type": {"code"}, "state": {"s"},
		"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}, "scope": {"openid"},
	}.Encode()
	for name, attack := range map[string]func(*testing.T, *program.Node, string){
		"XSS": attackXSS, "CSRF": attackCSRF, "clickjacking": attackClickjacking, "session fixation": attackSessionFixation,
		"open redirect": attackOpenRedirect, "brute force": attackBruteForce,
	} {
		t.Run(name, func(t *testing.T) { attack(t, n, asks) })
	}
}

// attackXSS: what strangers write comes back as text, in pages that could run none of it.
func attackXSS(t *testing.T, n *program.Node, asks string) {
	const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`
	v, quoted := visit(t, n), url.QueryEscape(hostile)
	at := map[string]string{
		"a tenant": "/session/start?tenant=" + quoted, "a way": "/session/start?via=" + quoted, "a path": "/session/start?return=" + quoted,
		"a path that is ours": "/session/start?tenant=none&return=" + url.QueryEscape("/a?b="+hostile),
		"an error":            "/session/callback?state=s&error=" + quoted,
		"a callback":          "/session/callback/" + url.PathEscape(hostile) + "?code=x",
		"a name":              "/oauth2/sign-in?login_hint=" + quoted, "a client": "/oauth2/authorize?client_id=" + quoted,
		"a scope": strings.Replace(asks, "scope=openid", "scope="+quoted, 1), "a link": "/oauth2/reset?link=" + quoted,
		"a query": "/oauth2/sign-in?x=" + quoted, "an address": "/oauth2/" + url.PathEscape(hostile), "none": "/" + url.PathEscape(hostile),
		"an API's": "/api/v1/apis/" + url.PathEscape(hostile), "a page": "/console/" + url.PathEscape(hostile),
	}
	for name, address := range at {
		p := v.send(http.MethodGet, address, "")
		policy, kind := p.header.Get("Content-Security-Policy"), p.header.Get("Content-Type")
		if strings.Contains(p.text, "<script>") && strings.HasPrefix(kind, "text/html") || strings.Contains(p.text, "<img") {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script-src 'unsafe") ||
			strings.Contains(policy, "script-src *") || p.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: policy %q, %s", name, policy, p.header.Get("X-Content-Type-Options"))
		}
	}
	if p := v.send(http.MethodGet, at["a name"], ""); !strings.Contains(p.text, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Errorf("the control, where it is shown: %s", p.text)
	}
}

// attackCSRF: nothing that another origin makes a browser with a session send does anything: no operation of the document, and
// no form of a page.
func attackCSRF(t *testing.T, n *program.Node, asks string) {
	v := visit(t, n)
	v.enter("alice")
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(v.send(http.MethodGet, "/openapi.json", "").text), &document); err != nil {
		t.Fatal(err)
	}
	crossed := func(s sight) bool {
		return s.status == http.StatusForbidden && strings.Contains(s.text, "another origin")
	}
	seen := 0
	for path, operations := range document.Paths {
		for method := range operations {
			if method = strings.ToUpper(method); method == http.MethodGet {
				continue
			}
			seen++
			address := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "x")
			for _, from := range [][]string{
				{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
			} {
				if p := v.send(method, address, "{}", append(from, "Content-Type", "application/json")...); !crossed(p) {
					t.Errorf("%s %s from %v: %d %s", method, address, from, p.status, p.text)
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d operations change anything", seen)
	}
	if v.who() != http.StatusOK {
		t.Error("another origin signed alice out")
	}
	form := []string{"Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example"}
	for _, page := range []string{"sign-in", "sign-out", "password", "reset", "consent?" + strings.SplitN(asks, "?", 2)[1]} {
		p := v.send(http.MethodPost, "/oauth2/"+page, "decision=allow", form...)
		if p.status != http.StatusForbidden || p.header.Get("Location") != "" {
			t.Errorf("%s: %d %s", page, p.status, p.text)
		}
		if p = v.send(http.MethodPost, "/oauth2/"+page, "decision=allow", form[:2]...); p.status < 400 {
			t.Errorf("%s without what our forms carry: %d %s", page, p.status, p.text)
		}
	}
	own := []string{"Origin", "http://" + n.Control, "Content-Type", "application/json"}
	p := v.send(http.MethodPut, "/api/v1/applications/mine", `{"spec":{"owner":"alice"}}`, own...)
	if p.status != http.StatusCreated {
		t.Errorf("the control, our own page: %d %s", p.status, p.text)
	}
}

// attackClickjacking: no answer is shown in another page's frame, and none is read as something that it is not.
func attackClickjacking(t *testing.T, n *program.Node, asks string) {
	v := visit(t, n)
	v.enter("bob")
	pages := []string{
		"/", "/console", "/console/", "/console/default/admin/users", "/console/assets/none.js", "/docs", "/openapi.json", "/none",
		"//none", "/api", "/api/v1/none", "/session/start", "/session/start?via=none", "/session/callback", "/session/callback?state=x",
		"/oauth2/sign-in", "/oauth2/account", "/oauth2/password", "/oauth2/sign-out", "/oauth2/signed-out", "/oauth2/reset?link=x",
		"/oauth2/none", "/oauth2/style.css", "/oauth2/keys", "/oauth2/token", "/oauth2/end-session", "/oauth2/authorize?client_id=x",
		"/.well-known/openid-configuration", "/t/none/oauth2/sign-in", asks, strings.Replace(asks, "authorize", "consent", 1),
	}
	var document struct {
		Paths map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(v.send(http.MethodGet, "/openapi.json", "").text), &document); err != nil {
		t.Fatal(err)
	}
	for path := range document.Paths {
		pages = append(pages, regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "x"))
	}
	for _, page := range pages {
		p := v.send(http.MethodGet, page, "")
		policy := p.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || p.header.Get("X-Frame-Options") != "DENY" ||
			p.header.Get("X-Content-Type-Options") != "nosniff" || p.header.Get("Referrer-Policy") == "" {
			t.Errorf("%s: %d %v", page, p.status, p.header)
		}
	}
	consent := v.follow(v.send(http.MethodGet, asks, ""))
	if consent.status != http.StatusOK || !strings.Contains(consent.text, `value="allow"`) {
		t.Errorf("the control, a page that one could be made to click on: %d %s", consent.status, consent.text)
	}
}

// attackSessionFixation: what somebody put into a browser beforehand is not what counts after its person has signed in, and
// what counted before counts no more.
func attackSessionFixation(t *testing.T, n *program.Node, _ string) {
	mine, victim, attacker := visit(t, n), visit(t, n), visit(t, n)
	mine.enter("carol") // the attacker's own account
	for _, planted := range [][2]string{{"planted", "planted"}, {mine.held("keyward-session"), "planted"}} {
		v := visit(t, n)
		v.plant("keyward-session", planted[0])
		v.plant("keyward-signin", planted[1])
		v.enter("bob")
		for i, name := range []string{"keyward-session", "keyward-signin"} {
			if got := v.held(name); got == planted[i] || got == "" {
				t.Errorf("%s: what was planted is there after signing in", name)
			}
			attacker.plant(name, planted[i])
		}
		if attacker.who() != http.StatusUnauthorized {
			t.Error("a planted session came to count, or lives on")
		}
	}
	victim.enter("bob")
	before := victim.held("keyward-session")
	victim.follow(victim.send(http.MethodGet, "/session/start", "")) // signs in again, silently
	after := victim.held("keyward-session")
	attacker.plant("keyward-session", before)
	if before == after || attacker.who() != http.StatusUnauthorized || victim.who() != http.StatusOK {
		t.Errorf("the session before: same %v; the attacker %d, bob %d", before == after, attacker.who(), victim.who())
	}
	attacker.plant("keyward-session", after)
	if attacker.who() != http.StatusOK {
		t.Error("the control: a value that counts is not taken")
	}
	victim.send(http.MethodDelete, "/api/v1/session", "")
	if attacker.who() != http.StatusUnauthorized {
		t.Error("a session that was signed out of counts")
	}
	// Sign-ins that any page can begin again and again never make a browser's requests too long.
	for i := range 40 {
		victim.send(http.MethodGet, "/session/start?return=/"+strings.Repeat("x", max(1900-i*100, 1)), "")
	}
	if got := victim.who(); got != http.StatusUnauthorized {
		t.Errorf("a browser with many sign-ins under way: %d", got)
	}
	victim.enter("bob")
}
