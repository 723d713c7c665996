package resident

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/password"
	"keyward.dev/keyward/internal/resident/flow"
	"keyward.dev/keyward/internal/resident/signin"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
)

const (
	callback  = "https://shop.example/callback?from=keyward"
	verifier  = "a-verifier-that-has-more-than-43-characters-in-it"
	alicePass = "correct horse battery"
)

// browser keeps cookies and follows no redirect.
type browser struct {
	w      *world
	client *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// page is what a browser got.
type page struct {
	status int
	header http.Header
	text   string
	url    *url.URL // of the request
}

func (b *browser) do(r *http.Request) page {
	b.w.t.Helper()
	resp, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Header, string(text), r.URL}
}

func (b *browser) get(address string) page {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.do(r)
}

// send fills in the form of a page; fields are name, value, ….
func (b *browser) send(p page, fields ...string) page {
	b.w.t.Helper()
	action := regexp.MustCompile(`action="([^"]*)"`).FindStringSubmatch(p.text)
	token := regexp.MustCompile(`name="token" value="([^"]*)"`).FindStringSubmatch(p.text)
	if action == nil || token == nil {
		b.w.t.Fatalf("no form in %d %s", p.status, p.text)
	}
	to, err := p.url.Parse(html.UnescapeString(action[1]))
	if err != nil {
		b.w.t.Fatal(err)
	}
	form := url.Values{"token": {token[1]}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.post(to.String(), form)
}

func (b *browser) post(address string, form url.Values, change ...func(*http.Request)) page {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, f := range change {
		f(r)
	}
	return b.do(r)
}

// follow opens where a redirect leads, which must be here.
func (b *browser) follow(p page) page {
	b.w.t.Helper()
	to := p.header.Get("Location")
	if p.status/100 != 3 || !strings.HasPrefix(to, b.w.url+"/") {
		b.w.t.Fatalf("no redirect of our own: %d %s %s", p.status, to, p.text)
	}
	return b.get(to)
}

// answered gives the parameters with which a client was answered at its callback.
func (b *browser) answered(p page, callback string) url.Values {
	b.w.t.Helper()
	to, err := url.Parse(p.header.Get("Location"))
	where, _, _ := strings.Cut(callback, "?")
	if err != nil || p.status/100 != 3 || !strings.HasPrefix(to.String(), where) {
		b.w.t.Fatalf("no answer at %s: %d %s %s", callback, p.status, p.header.Get("Location"), p.text)
	}
	if iss := to.Query().Get("iss"); iss != b.w.url {
		b.w.t.Errorf("iss %q in %s", iss, to)
	}
	return to.Query()
}

// signsIn goes from an authorization request to the page behind the sign-in form.
func (b *browser) signsIn(request string) page {
	b.w.t.Helper()
	return b.send(b.follow(b.get(request)), "name", "alice", "password", alicePass)
}

func (w *world) user(name, text string, spec keyward.UserSpec) string {
	w.t.Helper()
	extra := store.Extra{Secrets: map[string]string{}}
	if text != "" {
		spec.Password, extra.Secrets["password"] = secret.Stored(), password.Hash(text)
	}
	w.put("", keyward.KindUser, name, &spec, extra)
	var id string
	w.write(func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindUser, keyward.DefaultTenant, name)
		id = o.ID
		return err
	})
	return id
}

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// client makes a client of an application with a subscription to orders.
func (w *world) client(application string, fields map[string]any, callbacks ...string) connector.Registered {
	w.t.Helper()
	w.application("", application)
	w.subscribe("", application, "orders")
	c, err := w.resident.Open(connector.Server{Tenant: keyward.DefaultTenant})
	if err != nil {
		w.t.Fatal(err)
	}
	r := connector.Registration{Grants: []string{grantCode, grantRefresh}, Callbacks: callbacks, Fields: fields}
	made, err := c.Register(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.put("", keyward.KindOAuthClient, application+"-resident", &keyward.OAuthClientSpec{
		Application: application, KeyManager: keyward.ResidentName, ClientID: made.ClientID,
	}, store.Extra{Secrets: map[string]string{SecretPath: made.ClientSecret}}, keyward.OAuthClientStatus{
		Mode: keyward.ClientGenerated, State: keyward.ClientActive, Grants: r.Grants, Callbacks: callbacks, Fields: fields,
	})
	return made
}

func (w *world) request(id, callback string, more ...string) string {
	query := url.Values{
		"client_id": {id}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"s1"}, "nonce": {"n1"},
		"scope": {"openid profile email a:read b:read"}, "code_challenge_method": {"S256"},
		"code_challenge": {oidc.NewSHACodeChallenge(verifier)},
	}
	for i := 0; i+1 < len(more); i += 2 {
		if query.Del(more[i]); more[i+1] != "" {
			query.Set(more[i], more[i+1])
		}
	}
	return w.url + flow.PathAuthorize + "?" + query.Encode()
}

func (w *world) exchange(c connector.Registered, code, callback string, more ...string) answer {
	form := url.Values{
		"grant_type": {grantCode}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return w.token(c, form)
}

func (w *world) refresh(c connector.Registered, token string) answer {
	return w.token(c, url.Values{"grant_type": {grantRefresh}, "refresh_token": {token}})
}

func (w *world) token(c connector.Registered, form url.Values) answer {
	w.t.Helper()
	if c.ClientSecret == "" {
		form.Set("client_id", c.ClientID)
		return send(w.t, http.MethodPost, w.url+pathToken, form)
	}
	return send(w.t, http.MethodPost, w.url+pathToken, form, basic(c.ClientID, c.ClientSecret))
}

func (a answer) get(name string) string {
	text, _ := a.body[name].(string)
	return text
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestCodeFlow goes the whole way, behind a path prefix: sign-in, consent, code, tokens, userinfo, refresh, and what ends
// each of them.
func TestCodeFlow(t *testing.T) {
	w := newWorld(t, "/kw")
	w.api("", "orders", "a:read", "a:write")
	alice := w.user("alice", alicePass, keyward.UserSpec{Email: "alice@example.com"})
	web := w.client("web", nil, callback)
	b := w.browser()

	asked := b.signsIn(w.request(web.ClientID, callback))
	consent := b.follow(b.follow(asked))
	if !strings.Contains(consent.text, "Allow web?") || !strings.Contains(consent.text, "a:read") ||
		strings.Contains(consent.text, "b:read") {
		t.Fatalf("consent: %d %s", consent.status, consent.text)
	}
	if policy := consent.header.Get("Content-Security-Policy"); !strings.Contains(policy, "https://shop.example") ||
		!strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
	got := b.answered(b.send(consent, "decision", "allow"), callback)
	if got.Get("state") != "s1" || got.Get("from") != "keyward" || got.Get("code") == "" {
		t.Fatalf("answer %v", got)
	}
	tokens := w.exchange(web, got.Get("code"), callback)
	if tokens.status != http.StatusOK {
		t.Fatalf("tokens: %d %s", tokens.status, tokens.text)
	}
	access, id := claimsOf(t, tokens.get("access_token")), claimsOf(t, tokens.get("id_token"))
	if access["sub"] != alice || access["client_id"] != web.ClientID || access["scope"] != "openid profile email a:read" {
		t.Errorf("access token %v", access)
	}
	if id["sub"] != alice || id["aud"] != web.ClientID || id["nonce"] != "n1" || id["at_hash"] == nil || id["auth_time"] == nil ||
		id["preferred_username"] != "alice" || id["email"] != "alice@example.com" || id["iss"] != w.url {
		t.Errorf("ID token %v", id)
	}
	userinfo := func(token string) answer {
		return send(t, http.MethodGet, w.url+flow.PathUserinfo, nil, with("Authorization", "Bearer "+token))
	}
	if a := userinfo(tokens.get("access_token")); a.status != http.StatusOK || a.get("sub") != alice || a.get("email") == "" {
		t.Errorf("userinfo: %d %s", a.status, a.text)
	}
	if a := userinfo(tokens.get("id_token")); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
		t.Errorf("userinfo for an ID token: %d %s", a.status, a.text)
	}

	// The decision is remembered, for these scopes alone.
	if code := b.answered(b.get(w.request(web.ClientID, callback, "prompt", "none")), callback).Get("code"); code == "" {
		t.Error("consent was not remembered")
	}
	more := b.answered(b.get(w.request(web.ClientID, callback, "prompt", "none", "scope", "openid a:write")), callback)
	if more.Get("error") != "consent_required" || more.Get("state") != "s1" {
		t.Errorf("another scope: %v", more)
	}

	// Refresh tokens rotate; an old one ends all of it.
	second := w.refresh(web, tokens.get("refresh_token"))
	if second.status != http.StatusOK || second.get("refresh_token") == tokens.get("refresh_token") {
		t.Fatalf("refresh: %d %s", second.status, second.text)
	}
	if a := w.refresh(web, tokens.get("refresh_token")); a.get("error") != "invalid_grant" {
		t.Errorf("an old refresh token: %d %s", a.status, a.text)
	}
	if a := w.refresh(web, second.get("refresh_token")); a.get("error") != "invalid_grant" {
		t.Errorf("the successor of a refresh token that came back: %d %s", a.status, a.text)
	}
	if a := userinfo(second.get("access_token")); a.status != http.StatusUnauthorized {
		t.Errorf("userinfo after that: %d", a.status)
	}

	// A code is good once, and a second use ends what the first gave.
	code := b.answered(b.get(w.request(web.ClientID, callback)), callback).Get("code")
	first := w.exchange(web, code, callback)
	if a := w.exchange(web, code, callback); first.status != http.StatusOK || a.get("error") != "invalid_grant" {
		t.Errorf("a code twice: %d, then %d %s", first.status, a.status, a.text)
	}
	if a := w.refresh(web, first.get("refresh_token")); a.get("error") != "invalid_grant" {
		t.Errorf("what the first use gave: %d %s", a.status, a.text)
	}
	w.pass(2 * time.Minute)
	kept := w.exchange(web, b.answered(b.get(w.request(web.ClientID, callback)), callback).Get("code"), callback)
	offline := b.follow(b.get(w.request(web.ClientID, callback, "scope", "openid offline_access")))
	away := w.exchange(web, b.answered(b.send(offline, "decision", "allow"), callback).Get("code"), callback)

	// Another site's page, with which no cookie is sent, takes none away.
	if p := w.browser().post(w.url+flow.PathEndSession, nil, with("Sec-Fetch-Site", "cross-site")); p.header.Get("Set-Cookie") != "" {
		t.Errorf("sent by another site: %d %v", p.status, p.header)
	}
	// Signing out ends what lives with the sign-in, and no more.
	out := b.get(w.url + flow.PathEndSession + "?" + url.Values{"id_token_hint": {kept.get("id_token")}}.Encode())
	if !strings.HasSuffix(out.header.Get("Location"), signin.PathSignedOut) || out.header.Get("Set-Cookie") == "" {
		t.Errorf("signed out: %d %s %s", out.status, out.header.Get("Location"), out.text)
	}
	if a := w.refresh(web, kept.get("refresh_token")); a.get("error") != "invalid_grant" {
		t.Errorf("a refresh after signing out: %d %s", a.status, a.text)
	}
	next := w.refresh(web, away.get("refresh_token"))
	if next.status != http.StatusOK {
		t.Errorf("with offline_access: %d %s", next.status, next.text)
	}
	// A user who is disabled is out at once.
	change(w, "", keyward.KindUser, "alice", func(s *keyward.UserSpec) { s.Enabled = new(bool) })
	if a := w.refresh(web, next.get("refresh_token")); a.get("error") != "invalid_grant" {
		t.Errorf("a disabled user's refresh: %d %s", a.status, a.text)
	}
	if p := b.signsIn(w.request(web.ClientID, callback)); !strings.Contains(p.text, "is wrong") {
		t.Errorf("a disabled user signs in: %d %s", p.status, p.text)
	}
}

// TestHostileAuthorizationRequests: what goes to nobody, what goes to the client, and what a code is not good for.
func TestHostileAuthorizationRequests(t *testing.T) {
	w := newWorld(t, "")
	w.api("", "orders", "a:read")
	w.user("alice", alicePass, keyward.UserSpec{})
	web, other := w.client("web", nil, callback), w.client("other", nil, callback)
	spa := w.client("spa", map[string]any{fieldAuth: authNone}, callback)
	app := w.client("app", map[string]any{fieldAuth: authNone, fieldKind: kindNative}, "http://127.0.0.1/cb")
	b := w.browser()
	b.answered(b.send(b.follow(b.follow(b.signsIn(w.request(web.ClientID, callback)))), "decision", "allow"), callback)
	for _, c := range []connector.Registered{other, spa} {
		b.answered(b.send(b.follow(b.get(w.request(c.ClientID, callback))), "decision", "allow"), callback)
	}

	for name, address := range map[string]string{
		"another address":         w.request(web.ClientID, "https://evil.example/"),
		"a prefix":                w.request(web.ClientID, callback+"/more"),
		"a part":                  w.request(web.ClientID, "https://shop.example/callback"),
		"no address":              w.request(web.ClientID, callback, "redirect_uri", ""),
		"an unknown client":       w.request("<script>alert(1)</script>", callback),
		"another port, no app":    w.request(web.ClientID, "https://shop.example:8443/callback?from=keyward"),
		"an app's other path":     w.request(app.ClientID, "http://127.0.0.1:9000/cb2"),
		"an app's other host":     w.request(app.ClientID, "http://localhost:9000/cb"),
		"an app with a user":      w.request(app.ClientID, "http://evil.example@127.0.0.1:9000/cb"),
		"two addresses":           w.request(web.ClientID, callback) + "&redirect_uri=https://evil.example/",
		"the console from others": w.request(catalog.ConsoleClient, "https://evil.example/"),
	} {
		p := b.get(address)
		if p.status != http.StatusBadRequest || p.header.Get("Location") != "" || !strings.Contains(p.text, "cannot be answered") ||
			strings.Contains(p.text, "<script") || p.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %d %s %s", name, p.status, p.header.Get("Location"), p.text)
		}
	}
	if p := b.get(w.request(app.ClientID, "http://127.0.0.1:9123/cb")); !strings.Contains(p.header.Get("Location"), signin.PathConsent) {
		t.Errorf("the control, an app's own port: %d %s %s", p.status, p.header.Get("Location"), p.text)
	}
	for name, c := range map[string]struct{ address, code string }{
		"token":               {w.request(web.ClientID, callback, "response_type", "token"), "unsupported_response_type"},
		"id_token":            {w.request(web.ClientID, callback, "response_type", "id_token"), "unsupported_response_type"},
		"no response type":    {w.request(web.ClientID, callback, "response_type", ""), "invalid_request"},
		"plain":               {w.request(web.ClientID, callback, "code_challenge_method", "plain"), "invalid_request"},
		"no method":           {w.request(spa.ClientID, callback, "code_challenge_method", ""), "invalid_request"},
		"public without PKCE": {w.request(spa.ClientID, callback, "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"unknown scopes":      {w.request(web.ClientID, callback, "scope", "z:all"), "invalid_scope"},
		"request object":      {w.request(web.ClientID, callback, "request", "x.y.z"), "request_not_supported"},
		"a fragment":          {w.request(web.ClientID, callback, "response_mode", "fragment"), "invalid_request"},
		"scope twice":         {w.request(web.ClientID, callback) + "&scope=openid", "invalid_request"},
		"none and login":      {w.request(web.ClientID, callback, "prompt", "none login"), "invalid_request"},
	} {
		if got := b.answered(b.get(c.address), callback); got.Get("error") != c.code || got.Get("state") != "s1" || got.Has("code") {
			t.Errorf("%s: %v", name, got)
		}
	}
	nobody := w.browser()
	if nobody.answered(nobody.get(w.request(web.ClientID, callback, "prompt", "none")), callback).Get("error") != "login_required" {
		t.Error("prompt=none without a sign-in")
	}
	for _, again := range []string{"prompt", "max_age"} {
		value := map[string]string{"prompt": "login", "max_age": "0"}[again]
		p := b.signsIn(w.request(web.ClientID, callback, again, value))
		if got := b.answered(b.follow(p), callback); got.Get("code") == "" {
			t.Errorf("%s: %v", again, got)
		}
	}

	code := func(id string, more ...string) string {
		return b.answered(b.get(w.request(id, callback, more...)), callback).Get("code")
	}
	bare := []string{"code_challenge", "", "code_challenge_method", ""}
	for name, a := range map[string]answer{
		"another client's code":         w.exchange(other, code(web.ClientID), callback),
		"a public one's code":           w.exchange(web, code(spa.ClientID), callback),
		"another verifier":              w.exchange(web, code(web.ClientID), callback, "code_verifier", strings.Repeat("x", 50)),
		"no verifier":                   w.exchange(web, code(web.ClientID), callback, "code_verifier", ""),
		"a verifier without challenge":  w.exchange(web, code(web.ClientID, bare...), callback), // RFC 9700, section 4.8.2
		"another address":               w.exchange(web, code(web.ClientID), "https://shop.example/callback"),
		"the challenge as the verifier": w.exchange(web, code(web.ClientID), callback, "code_verifier", oidc.NewSHACodeChallenge(verifier)),
		"made up":                       w.exchange(web, "x", callback),
	} {
		if a.status != http.StatusBadRequest || a.get("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	late := code(web.ClientID)
	w.pass(61 * time.Second)
	if a := w.exchange(web, late, callback); a.get("error") != "invalid_grant" {
		t.Errorf("a minute later: %d %s", a.status, a.text)
	}
	if a := w.exchange(connector.Registered{ClientID: web.ClientID}, code(web.ClientID), callback); a.get("error") != "invalid_client" {
		t.Errorf("without the secret: %d %s", a.status, a.text)
	}
	for name, a := range map[string]answer{
		"public":                w.exchange(spa, code(spa.ClientID), callback),
		"confidential":          w.exchange(web, code(web.ClientID), callback),
		"confidential, no PKCE": w.exchange(web, code(web.ClientID, bare...), callback, "code_verifier", ""),
	} {
		if a.status != http.StatusOK {
			t.Errorf("the control, %s: %d %s", name, a.status, a.text)
		}
	}
	console := b.answered(b.get(w.request(catalog.ConsoleClient, w.url+CallbackPath, "scope", "openid profile")), w.url)
	a := w.exchange(connector.Registered{ClientID: catalog.ConsoleClient}, console.Get("code"), w.url+CallbackPath)
	if a.status != http.StatusOK || strings.Contains(a.get("access_token"), ".") || claimsOf(t, a.get("id_token"))["client_id"] != nil {
		t.Errorf("the console's access token must be no JWT: %d %s", a.status, a.text)
	}
}

// TestWhoSignsIn: a request that wants another user ends, whoever signs in.
func TestWhoSignsIn(t *testing.T) {
	w := newWorld(t, "")
	w.user("alice", alicePass, keyward.UserSpec{})
	w.user("bob", alicePass, keyward.UserSpec{})
	console := func(more ...string) string {
		return w.request(catalog.ConsoleClient, w.url+CallbackPath, append([]string{"scope", "openid"}, more...)...)
	}
	b, other := w.browser(), w.browser()
	at := func(p page) url.Values {
		t.Helper()
		to := mustURL(t, p.header.Get("Location"))
		if to.Path != CallbackPath {
			t.Fatalf("no answer: %d %s %s", p.status, to, p.text)
		}
		return to.Query()
	}
	code := at(b.follow(b.signsIn(console("prompt", "select_account")))).Get("code")
	if code == "" {
		t.Fatal("prompt=select_account leads to no code")
	}
	tokens := w.exchange(connector.Registered{ClientID: catalog.ConsoleClient}, code, w.url+CallbackPath)
	hinted := console("id_token_hint", tokens.get("id_token"))
	if got := at(b.get(hinted)); got.Get("code") == "" {
		t.Errorf("the user of the hint: %v", got)
	}
	if got := at(b.get(console("id_token_hint", "x.y.z"))); got.Get("code") == "" {
		t.Errorf("a hint that says nothing: %v", got)
	}
	asBob := other.send(other.follow(other.get(console())), "name", "bob", "password", alicePass)
	if got := at(other.follow(asBob)); got.Get("code") == "" {
		t.Fatalf("the control, bob without a hint: %v", got)
	}
	wrong := other.send(other.follow(other.get(hinted)), "name", "bob", "password", alicePass)
	if got := at(other.follow(wrong)); got.Get("error") != "login_required" || got.Get("state") != "s1" {
		t.Errorf("bob where alice is hinted at: %v", got)
	}
	if got := at(other.follow(other.signsIn(hinted))); got.Get("code") == "" {
		t.Errorf("the control, alice after bob: %v", got)
	}
}

// TestPages: passwords, links, and forms that somebody else had sent.
func TestPages(t *testing.T) {
	w := newWorld(t, "")
	w.user("alice", alicePass, keyward.UserSpec{})
	bob := w.user("bob", "", keyward.UserSpec{})
	b, elsewhere := w.browser(), w.browser()
	form := func(b *browser) page { return b.get(w.url + signin.PathSignIn) }
	account1 := w.url + signin.PathAccount

	hostile := b.get(w.url + signin.PathSignIn + "?" + url.Values{"login_hint": {`"><script>alert(1)</script>`}}.Encode())
	if strings.Contains(hostile.text, "<script>") || !strings.Contains(hostile.text, `autocomplete="current-password"`) {
		t.Errorf("a hint: %s", hostile.text)
	}
	p := form(b)
	for _, name := range []string{
		"Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Cache-Control", "Referrer-Policy",
	} {
		if p.header.Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
	sheet := b.get(w.url + "/oauth2/style.css")
	if sheet.status != http.StatusOK || !strings.HasPrefix(sheet.header.Get("Content-Type"), "text/css") {
		t.Errorf("style: %d", sheet.status)
	}
	for name, c := range map[string]page{
		"no token":       b.post(w.url+signin.PathSignIn, url.Values{"name": {"alice"}, "password": {alicePass}}),
		"another's form": b.send(form(elsewhere), "name", "alice", "password", alicePass),
		"another origin": b.post(w.url+signin.PathSignIn, url.Values{}, with("Origin", "https://evil.example")),
		"another site":   b.post(w.url+signin.PathSignIn, url.Values{}, with("Sec-Fetch-Site", "cross-site")),
	} {
		if c.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, c.status, c.text)
		}
	}
	wrong, unknown := b.send(form(b), "name", "alice", "password", "not it"), b.send(form(b), "name", "nobody", "password", "not it")
	same := func(p page) string {
		return regexp.MustCompile(`value="[^"]*"`).ReplaceAllString(p.text, "")
	}
	if wrong.status != http.StatusUnprocessableEntity || same(wrong) != same(unknown) || !strings.Contains(wrong.text, `role="alert"`) {
		t.Errorf("a wrong password and an unknown user look different:\n%s\n%s", wrong.text, unknown.text)
	}
	for _, c := range b.client.Jar.Cookies(mustURL(t, w.url)) {
		if c.Name == "keyward-signin" {
			t.Error("signed in by that")
		}
	}

	// A value that somebody put into the browser before is not the one that counts after the sign-in.
	planting := []*http.Cookie{{Name: "keyward-signin", Value: "planted", Path: "/"}} //nolint:gosec // as an attacker would
	b.client.Jar.SetCookies(mustURL(t, w.url), planting)
	if p := b.send(form(b), "name", "alice", "password", alicePass); !strings.HasSuffix(p.header.Get("Location"), signin.PathAccount) {
		t.Fatalf("sign-in: %d %s", p.status, p.text)
	}
	if p := b.get(account1); p.status != http.StatusOK || !strings.Contains(p.text, "alice") {
		t.Errorf("account: %d %s", p.status, p.text)
	}
	elsewhere.send(form(elsewhere), "name", "alice", "password", alicePass)
	planted := w.browser()
	planted.client.Jar.SetCookies(mustURL(t, w.url), planting)
	if p := planted.get(account1); p.status != http.StatusSeeOther {
		t.Errorf("the planted value: %d", p.status)
	}

	// A change of the password ends every other sign-in.
	change := func(current, one, two string) page {
		return b.send(b.get(w.url+signin.PathPassword), "current", current, "new", one, "repeat", two)
	}
	for name, p := range map[string]page{
		"wrong":     change("not it", "another password", "another password"),
		"short":     change(alicePass, "short", "short"),
		"different": change(alicePass, "another password", "another passwort"),
		"the name":  change(alicePass, "alice", "alice"),
	} {
		if p.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
	}
	if p := change(alicePass, "another password", "another password"); p.status != http.StatusSeeOther {
		t.Fatalf("change: %d %s", p.status, p.text)
	}
	if here, there := b.get(account1), elsewhere.get(account1); here.status != http.StatusOK || there.status != http.StatusSeeOther {
		t.Errorf("after the change: %d here, %d elsewhere", here.status, there.status)
	}

	// A link is good once, for 24 hours, and only the newest.
	link := func() string {
		var value string
		w.write(func(tx *store.Tx) error {
			a, err := account.ByID(tx, bob)
			if err == nil {
				value, _, err = a.NewLink(tx, w.clock())
			}
			return err
		})
		return w.url + signin.PathReset + "?link=" + value
	}
	old, newest := link(), link()
	if p := w.browser().get(old); p.status != http.StatusGone {
		t.Errorf("a replaced link: %d", p.status)
	}
	c := w.browser()
	c.get(newest) // as a mail program does
	if p := c.send(c.get(newest), "new", "a new password", "repeat", "a new password"); p.status != http.StatusSeeOther {
		t.Errorf("reset: %d %s", p.status, p.text)
	}
	if p := c.get(account1); !strings.Contains(p.text, "bob") {
		t.Errorf("after the reset: %d %s", p.status, p.text)
	}
	if p := c.get(newest); p.status != http.StatusGone {
		t.Errorf("a used link: %d", p.status)
	}
	expired := link()
	w.pass(25 * time.Hour)
	if p := c.get(expired); p.status != http.StatusGone {
		t.Errorf("a link of yesterday: %d", p.status)
	}
	if p := c.get(account1); p.status != http.StatusSeeOther {
		t.Errorf("a sign-in of yesterday: %d", p.status)
	}
}

// TestFaultsStayHere: what fails inside is told to nobody outside.
func TestFaultsStayHere(t *testing.T) {
	w := newWorld(t, "")
	w.api("", "orders", "a:read")
	w.user("alice", alicePass, keyward.UserSpec{})
	web := w.client("web", nil, callback)
	console := connector.Registered{ClientID: catalog.ConsoleClient}
	b := w.browser()
	consent := b.follow(b.follow(b.signsIn(w.request(web.ClientID, callback))))
	tokens := w.exchange(web, b.answered(b.send(consent, "decision", "allow"), callback).Get("code"), callback)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w.closed = true
	// Past the door, which finds no tenant now.
	inside := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.resident.server.Serve(rw, r, w.resident.authority(keyward.DefaultTenant))
	}))
	t.Cleanup(inside.Close)
	form := url.Values{"grant_type": {grantCode}, "client_id": {console.ClientID}, "code": {"x"}, "redirect_uri": {w.url + CallbackPath}}
	for name, a := range map[string]answer{
		"a code":   send(t, http.MethodPost, inside.URL+pathToken, form),
		"userinfo": send(t, http.MethodGet, inside.URL+flow.PathUserinfo, nil, with("Authorization", "Bearer "+tokens.get("access_token"))),
	} {
		if a.status != http.StatusInternalServerError || a.get("error") != "server_error" || a.get("error_description") != "" {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	asked := func(id, callback string) string { return "?" + mustURL(t, w.request(id, callback)).RawQuery }
	p := b.get(inside.URL + flow.PathAuthorize + asked(console.ClientID, w.url+CallbackPath))
	got := mustURL(t, p.header.Get("Location")).Query()
	if got.Get("error") != "server_error" || got.Has("error_description") || got.Get("state") != "s1" {
		t.Errorf("a request: %d %v", p.status, got)
	}
	page := b.get(inside.URL + signin.PathSignIn + asked(web.ClientID, callback))
	if page.status != http.StatusInternalServerError || strings.Contains(page.text, "database") {
		t.Errorf("the page: %d %s", page.status, page.text)
	}
	// At the door people get a page, and programs what they read.
	for path, kind := range map[string]string{
		flow.PathAuthorize + asked(web.ClientID, callback): "text/html", signin.PathSignIn: "text/html", pathToken: "application/json",
		flow.PathUserinfo: "application/json", "/oauth2/style.css": "text/css",
	} {
		if p := b.get(w.url + path); !strings.HasPrefix(p.header.Get("Content-Type"), kind) || strings.Contains(p.text, "sql") {
			t.Errorf("%s: %d %s %s", path, p.status, p.header.Get("Content-Type"), p.text)
		}
	}
}

// TestTriesAreBounded: passwords are tried only so often, and who tries for others does not keep them out.
func TestTriesAreBounded(t *testing.T) {
	w := newWorld(t, "")
	w.user("alice", alicePass, keyward.UserSpec{})
	known, stranger := w.browser(), w.browser()
	try := func(b *browser, name, text string) int {
		return b.send(b.get(w.url+signin.PathSignIn), "name", name, "password", text).status
	}
	if s := try(known, "alice", alicePass); s != http.StatusSeeOther {
		t.Fatal(s)
	}
	for _, name := range []string{"alice", "nobody"} {
		for i := range 5 {
			if s := try(stranger, name, "guess"); s != http.StatusUnprocessableEntity {
				t.Fatalf("try %d for %s: %d", i, name, s)
			}
		}
		if s := try(stranger, name, alicePass); s != http.StatusTooManyRequests {
			t.Errorf("past the bound, for %s: %d", name, s)
		}
	}
	if s := try(known, "alice", alicePass); s != http.StatusSeeOther {
		t.Errorf("the user in their own browser: %d", s)
	}
	w.pass(2 * time.Minute)
	if s := try(w.browser(), "alice", alicePass); s != http.StatusSeeOther {
		t.Errorf("the user in a new browser, a little later: %d", s)
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
