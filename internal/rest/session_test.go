package rest_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/rest"
	"keyward.dev/keyward/internal/session"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// tab is a browser: it keeps cookies and follows redirects until somebody has to do something.
type tab struct {
	h      *house
	client *http.Client
	stop   bool // at the next redirect
}

func (h *house) tab() *tab {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	b := &tab{h: h, client: &http.Client{Jar: jar}}
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if b.stop || !strings.HasPrefix(r.URL.String(), h.server.URL+"/") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

type seen struct {
	status int
	header http.Header
	text   string
	url    *url.URL
}

func (b *tab) do(method, address, body string, headers ...string) seen {
	b.h.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.h.server.URL + address
	}
	r, err := http.NewRequestWithContext(b.h.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		b.h.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return seen{resp.StatusCode, resp.Header, string(text), resp.Request.URL}
}

// fill sends the form of a page with fields as name, value, ….
func (b *tab) fill(p seen, fields ...string) seen {
	b.h.t.Helper()
	action := regexp.MustCompile(`action="([^"]*)"`).FindStringSubmatch(p.text)
	token := regexp.MustCompile(`name="token" value="([^"]*)"`).FindStringSubmatch(p.text)
	if action == nil || token == nil {
		b.h.t.Fatalf("no form at %s: %d %s", p.url, p.status, p.text)
	}
	to, err := p.url.Parse(html.UnescapeString(action[1]))
	if err != nil {
		b.h.t.Fatal(err)
	}
	form := url.Values{"token": {token[1]}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do(http.MethodPost, to.String(), form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

const aliceSecret = "correct horse battery"

func (h *house) person() {
	h.apply(manifestOf(keyward.KindUser, "alice", `{"password":"`+aliceSecret+`","roles":["developer"],"groups":["payments"]}`))
}

// TestSession: a browser signs in through the tenant's authorization server, is the user at every address, and is out when
// it signs out, or when anything changed that let it in.
func TestSession(t *testing.T) {
	h := newHouse(t)
	h.person()
	b := h.tab()
	if p := b.do(http.MethodGet, "/api/v1/session", ""); p.status != http.StatusUnauthorized {
		t.Fatalf("before: %d", p.status)
	}
	form := b.do(http.MethodGet, "/session/start?return=/apis%3Fq=1", "")
	landed := b.fill(form, "name", "alice", "password", aliceSecret)
	if landed.url.RequestURI() != "/apis?q=1" {
		t.Fatalf("landed at %s: %d %s", landed.url, landed.status, landed.text)
	}
	var who rest.SessionAnswer
	a := b.do(http.MethodGet, "/api/v1/session", "")
	answer{body: []byte(a.text)}.into(t, &who)
	if who.User != "alice" || who.Name != "alice" || who.Expires == nil || who.IdleUntil == nil || len(who.Tenants) != 1 ||
		who.Roles[0] != keyward.RoleDeveloper || who.Groups[0] != "payments" {
		t.Errorf("who: %s", a.text)
	}
	h.idles(b)
	app := manifestOf(keyward.KindApplication, "mine", `{"owner":"alice"}`)
	put := func(headers ...string) seen {
		return b.do(http.MethodPut, "/api/v1/applications/mine", app, append([]string{"Content-Type", "application/json"}, headers...)...)
	}
	for name, headers := range map[string][]string{
		"another origin": {"Origin", "https://evil.example"},
		"another site":   {"Sec-Fetch-Site", "cross-site"},
		"a sibling":      {"Sec-Fetch-Site", "same-site"},
		"a form's type":  {"Content-Type", "text/plain"},
	} {
		if p := put(headers...); p.status != http.StatusForbidden && p.status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
	}
	if p := put("Sec-Fetch-Site", "same-origin"); p.status != http.StatusCreated {
		t.Errorf("our own page: %d %s", p.status, p.text)
	}
	if p := b.do(http.MethodGet, "/api/v1/users", ""); p.status != http.StatusForbidden {
		t.Errorf("a developer lists users: %d", p.status)
	}
	if p := b.do(http.MethodGet, "/api/v1/session", "", "Authorization", "Bearer nonsense"); p.status != http.StatusUnauthorized {
		t.Errorf("a bad token beside the cookie: %d", p.status)
	}

	// Silent while the browser is signed in at the authorization server.
	if p := b.do(http.MethodGet, "/session/start?return=/again", ""); p.url.Path != "/again" {
		t.Errorf("the second time: %s %s", p.url, p.text)
	}
	held := b.client.Jar.Cookies(landed.url)
	if p := b.do(http.MethodDelete, "/api/v1/session", ""); p.status != http.StatusNoContent {
		t.Errorf("sign out: %d %s", p.status, p.text)
	}
	stolen := h.tab()
	stolen.client.Jar.SetCookies(landed.url, held)
	if p := stolen.do(http.MethodGet, "/api/v1/session", ""); p.status != http.StatusUnauthorized {
		t.Errorf("the value after signing out: %d", p.status)
	}
	form = b.do(http.MethodGet, "/session/start", "")
	if !strings.Contains(form.text, `type="password"`) {
		t.Fatalf("signed out here and not at the authorization server: %s", form.text)
	}
	if p := b.fill(form, "name", "alice", "password", aliceSecret); p.url.Path != "/" {
		t.Fatalf("again: %s %d %s", p.url, p.status, p.text)
	}
	// Who signs out at the authorization server is out here too.
	p := b.fill(b.do(http.MethodGet, "/oauth2/sign-out", ""))
	a = b.do(http.MethodGet, "/api/v1/session", "")
	if !strings.HasSuffix(p.url.Path, "/signed-out") || a.status != http.StatusUnauthorized {
		t.Errorf("signed out at the authorization server, %s: %d %s", p.url, a.status, a.text)
	}
	if p := b.fill(b.do(http.MethodGet, "/session/start", ""), "name", "alice", "password", aliceSecret); p.url.Path != "/" {
		t.Fatalf("once more: %s %d %s", p.url, p.status, p.text)
	}
	h.apply(manifestOf(keyward.KindUser, "alice", `{"enabled":false}`))
	if p := b.do(http.MethodGet, "/api/v1/session", ""); p.status != http.StatusUnauthorized {
		t.Errorf("a disabled user: %d", p.status)
	}
	h.apply(manifestOf(keyward.KindUser, "alice", `{"password":"`+aliceSecret+`"}`))
	if p := b.do(http.MethodGet, "/api/v1/session", ""); p.status != http.StatusUnauthorized {
		t.Errorf("enabled again, a session from before that: %d", p.status)
	}
	form = b.do(http.MethodGet, "/session/start", "")
	if b.fill(form, "name", "alice", "password", aliceSecret); !strings.Contains(form.text, `type="password"`) {
		t.Errorf("enabled again, and signed in at the authorization server: %s", form.text)
	}
	h.apply(manifestOf(keyward.KindUser, "alice", `{"email":"alice@example.com"}`))
	if p := b.do(http.MethodGet, "/api/v1/session", ""); p.status != http.StatusOK {
		t.Errorf("the control, after a change that has nothing to do with it: %d", p.status)
	}
	h.apply(manifestOf(keyward.KindUser, "alice", `{"password":"another password"}`))
	if p := b.do(http.MethodGet, "/api/v1/session", ""); p.status != http.StatusUnauthorized {
		t.Errorf("after another password: %d", p.status)
	}
}

// idles: what a page asks for while its person does nothing keeps no session alive.
func (h *house) idles(b *tab) {
	t := h.t
	t.Helper()
	var list rest.Listing[session.Listed]
	answer{body: []byte(b.do(http.MethodGet, "/api/v1/sessions", "").text)}.into(t, &list)
	now := time.Now()
	for _, c := range []struct {
		seen, idle, left time.Duration // before now, as the page says, until it ends
	}{
		{50 * time.Minute, 55 * time.Minute, 10 * time.Minute}, {50 * time.Minute, 40 * time.Minute, 20 * time.Minute},
		{50 * time.Minute, 0, time.Hour},
	} {
		err := h.store.Write(t.Context(), "test", func(tx *store.Tx) error { return tx.TouchSession(list.Items[0].ID, now.Add(-c.seen)) })
		if err != nil {
			t.Fatal(err)
		}
		var who rest.SessionAnswer
		a := b.do(http.MethodGet, "/api/v1/session", "", "X-Keyward-Idle", strconv.Itoa(int(c.idle.Seconds())))
		answer{body: []byte(a.text)}.into(t, &who)
		if left := who.IdleUntil.Sub(now); left < c.left-time.Minute || left > c.left+5*time.Minute {
			t.Errorf("seen %s ago, idle for %s: it ends in %s", c.seen, c.idle, left)
		}
	}
}

// TestSessionAgainstStrangers: nobody is sent elsewhere, and no answer counts that this browser did not ask for.
func TestSessionAgainstStrangers(t *testing.T) {
	h := newHouse(t)
	h.person()
	b := h.tab()
	for _, path := range []string{
		"//evil.example", "/\\evil.example", "/%5Cevil.example", "/%2Fevil.example", "https://evil.example", "javascript:alert(1)", "evil",
		"/a\tb", "/\t/evil.example", "/x\r\nSet-Cookie: a=b", "///evil.example", "\\\\evil.example",
	} {
		p := b.do(http.MethodGet, "/session/start?return="+url.QueryEscape(path), "")
		if p.status != http.StatusBadRequest || p.url.Path != "/session/start" || p.header.Get("X-Frame-Options") == "" {
			t.Errorf("%q: %d at %s", path, p.status, p.url)
		}
	}
	hostile := b.do(http.MethodGet, "/session/start?tenant="+url.QueryEscape(`"><script>alert(1)</script>`), "")
	if hostile.status != http.StatusBadRequest || strings.Contains(hostile.text, "<script>") {
		t.Errorf("a tenant: %d %s", hostile.status, hostile.text)
	}

	b.stop = true
	begin := func(b *tab) url.Values {
		p := b.do(http.MethodGet, "/session/start", "")
		to, err := url.Parse(p.header.Get("Location"))
		if err != nil || to.Query().Get("code_challenge_method") != "S256" || to.Query().Get("nonce") == "" {
			t.Fatalf("start: %d %s", p.status, p.header.Get("Location"))
		}
		return to.Query()
	}
	// come gives the callback that the authorization server sends a browser to.
	come := func(b *tab) *url.URL {
		b.stop = true
		query := begin(b)
		b.stop = false
		form := b.do(http.MethodGet, "/oauth2/authorize?"+query.Encode(), "")
		b.stop = true
		p := b.fill(form, "name", "alice", "password", aliceSecret)
		p = b.do(http.MethodGet, p.header.Get("Location"), "")
		to, err := url.Parse(p.header.Get("Location"))
		if err != nil || to.Path != "/session/callback" || to.Query().Get("code") == "" {
			t.Fatalf("callback: %d %s", p.status, p.header.Get("Location"))
		}
		return to
	}
	with := func(to *url.URL, name, value string) string {
		q := to.Query()
		if q.Del(name); value != "" {
			q.Set(name, value)
		}
		return to.Path + "?" + q.Encode()
	}
	good := come(h.tab())
	if p := b.do(http.MethodGet, good.RequestURI(), ""); p.status != http.StatusBadRequest || len(p.header.Values("Set-Cookie")) > 1 {
		t.Errorf("another browser's answer: %d %s", p.status, p.text)
	}
	for name, change := range map[string][2]string{
		"another state":  {"state", "x"},
		"no state":       {"state", ""},
		"another server": {"iss", "https://evil.example"},
		"no server":      {"iss", ""},
		"another code":   {"code", good.Query().Get("code")},
		"an error":       {"error", "<script>access_denied</script>"},
	} {
		c := h.tab()
		to := come(c)
		p := c.do(http.MethodGet, with(to, change[0], change[1]), "")
		if p.status < 400 || strings.Contains(strings.Join(p.header.Values("Set-Cookie"), " "), "keyward-session=") ||
			strings.Contains(p.text, "<script>") {
			t.Errorf("%s: %d %v %s", name, p.status, p.header, p.text)
		}
	}
	c := h.tab()
	planted := &http.Cookie{Name: "keyward-session", Value: "planted", Path: "/"} //nolint:gosec // as an attacker would
	to := come(c)
	c.client.Jar.SetCookies(to, []*http.Cookie{planted})
	p := c.do(http.MethodGet, to.RequestURI(), "")
	if p.status != http.StatusSeeOther || p.header.Get("Location") != "/" ||
		strings.Contains(strings.Join(p.header.Values("Set-Cookie"), " "), "planted") {
		t.Fatalf("the control: %d %s %s", p.status, p.header.Get("Location"), p.text)
	}
	if p := c.do(http.MethodGet, to.RequestURI(), ""); p.status != http.StatusBadRequest {
		t.Errorf("the same answer again: %d", p.status)
	}
	if p := c.do(http.MethodGet, "/api/v1/session", ""); p.status != http.StatusOK {
		t.Errorf("the control, after that: %d %s", p.status, p.text)
	}
}

// TestAnswersInVain: a key manager's server is not asked again and again with answers that somebody made up; who comes from
// elsewhere signs in meanwhile.
func TestAnswersInVain(t *testing.T) {
	h := newHouse(t)
	g := h.gate("corp", nil)
	g.declare("")
	b := h.tab()
	g.is.Fix("/token", issuer.Answer{Status: http.StatusBadRequest, Body: `{"error":"invalid_grant"}`})
	try := func() int { return b.do(http.MethodGet, back(g.begin(b, "")), "").status } // an attacker begins each time anew
	// Some are let through again as time goes by, so that what is refused is looked for more than once.
	answers, from := 0, seen{}
	for range 5 {
		for try() == http.StatusBadGateway {
			if answers++; answers > 300 {
				t.Fatalf("the server was asked %d times", answers)
			}
		}
		if asked := len(g.is.Seen("/token")); answers < 60 || asked != answers {
			t.Fatalf("one too many after %d, and the server was asked %d times", answers, asked)
		}
		if from = g.come(h.tab(), nil); from.status == http.StatusTooManyRequests {
			break
		}
		answers++
	}
	if from.status != http.StatusTooManyRequests || !strings.Contains(from.text, "wait a moment") {
		t.Errorf("anybody from there: %d %s", from.status, from.text)
	}
}

// TestALinkEndsWithTheAccount: whoever has a one-time link of somebody who was disabled cannot use it when they are enabled again.
func TestALinkEndsWithTheAccount(t *testing.T) {
	h := newHouse(t)
	h.person()
	opens := func(link string) int { return h.tab().do(http.MethodGet, link, "").status }
	link := func() string {
		var made struct{ Link string }
		h.must("admin", http.MethodPost, "/api/v1/users/alice/password-reset", "").into(t, &made)
		return made.Link
	}
	h.users(map[string][]keyward.Role{"eve": {keyward.RoleAuditor}}, "default")
	a := h.call("eve", http.MethodPost, "/api/v1/users/alice/password-reset", "")
	if a.status != http.StatusForbidden || !strings.Contains(string(a.body), "may not let people choose a new password") {
		t.Errorf("an auditor makes a link: %d %s", a.status, a.body)
	}
	first := link()
	h.apply(manifestOf(keyward.KindUser, "alice", `{"roles":["publisher"]}`))
	if got := opens(first); got != http.StatusOK {
		t.Errorf("the control, after a change that has nothing to do with it: %d", got)
	}
	h.apply(manifestOf(keyward.KindUser, "alice", `{"enabled":false}`))
	h.apply(manifestOf(keyward.KindUser, "alice", `{"enabled":true}`))
	if got := opens(first); got != http.StatusGone {
		t.Errorf("enabled again, a link from before that: %d", got)
	}
	second := link()
	if got := opens(second); got != http.StatusOK {
		t.Errorf("the control, a new one: %d", got)
	}
	h.apply(manifestOf(keyward.KindUser, "alice", `{"password":"another password"}`))
	if got := opens(second); got != http.StatusGone {
		t.Errorf("after another password: %d", got)
	}
}
