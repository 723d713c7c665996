package rest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/rest"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// gate is a key manager's server at which people sign in: a test says what it answers.
type gate struct {
	h   *house
	is  *issuer.Issuer
	via string
}

const gateRules = `[{"claim":"/realm_access/roles","equals":"apis","role":"publisher","groups":["payments"]},` +
	`{"claim":"department","equals":7,"role":"auditor"},{"claim":"email","equals":"boss@example.com","role":"admin"}]`

// gate makes one, with metadata of its own, as key manager via.
func (h *house) gate(via string, facts map[string]any) *gate {
	h.t.Helper()
	g := &gate{h: h, is: issuer.Start(h.t, via, "RS256"), via: via}
	metadata := map[string]any{
		"issuer": g.is.Issuer, "jwks_uri": g.is.URL + "/jwks", "token_endpoint": g.is.URL + "/token",
		"authorization_endpoint": g.is.URL + "/authorize?tenant=x", "userinfo_endpoint": g.is.URL + "/userinfo",
		"end_session_endpoint": g.is.URL + "/logout?a=b",
	}
	for name, v := range facts {
		metadata[name] = v
	}
	g.is.Fix("/.well-known/openid-configuration", issuer.Answer{Body: textOf(h.t, metadata)})
	return g
}

func textOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// manifest declares the key manager with more of signIn, and of the spec.
func (g *gate) manifest(tenant, signIn, more string) string {
	return fmt.Sprintf(`{"apiVersion":"keyward.dev/v1","kind":"KeyManager","metadata":{"name":%q,"tenant":%q},"spec":{"type":"oidc",`+
		`"displayName":"Corporate SSO","discovery":%q,"signIn":{"enabled":true,"clientId":"console","clientSecret":"s3cret"%s}%s}}`,
		g.via, tenant, g.is.URL, signIn, more)
}

func (g *gate) declare(signIn string) {
	g.h.t.Helper()
	g.h.apply(g.manifest("default", `,"roles":`+gateRules+signIn, ""))
}

// begin leaves a browser before the door, with what the server was asked.
func (g *gate) begin(b *tab, more string) url.Values {
	g.h.t.Helper()
	b.stop = true
	p := b.do(http.MethodGet, "/session/start?via="+g.via+more, "")
	to, err := url.Parse(p.header.Get("Location"))
	if err != nil || p.status != http.StatusSeeOther || !strings.HasPrefix(to.String(), g.is.URL+"/authorize?") {
		g.h.t.Fatalf("start: %d %s %s", p.status, p.header.Get("Location"), p.text)
	}
	return to.Query()
}

// claims are those of a good ID token.
func (g *gate) claims(asked url.Values) map[string]any {
	now := time.Now().Unix()
	return map[string]any{
		"iss": g.is.Issuer, "sub": "0001", "aud": asked.Get("client_id"), "nonce": asked.Get("nonce"), "iat": now, "exp": now + 60,
		"realm_access": map[string]any{"roles": []string{"x", "apis"}}, "name": "Ann Lee", "preferred_username": "admin",
		"groups": []string{"admin", "ops"},
	}
}

// sign gives the token's text; a claim that is nil is left out.
func (g *gate) sign(key *issuer.Key, claims, other map[string]any) string {
	g.h.t.Helper()
	whole := map[string]any{}
	for _, m := range []map[string]any{claims, other} {
		for name, v := range m {
			if whole[name] = v; v == nil {
				delete(whole, name)
			}
		}
	}
	text, err := key.Mint("JWT", whole)
	if err != nil {
		g.h.t.Fatal(err)
	}
	return text
}

// give makes the token endpoint give an ID token.
func (g *gate) give(id string) {
	g.is.Fix("/token", issuer.Answer{Body: fmt.Sprintf(`{"access_token":"at-1","token_type":"Bearer","id_token":%q}`, id)})
}

func back(asked url.Values, more ...string) string {
	q := url.Values{"code": {"c0de"}, "state": {asked.Get("state")}}
	for i := 0; i+1 < len(more); i += 2 {
		if q.Del(more[i]); more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	at := "/session/callback"
	if _, own, found := strings.Cut(asked.Get("redirect_uri"), at); found {
		at += own
	}
	return at + "?" + q.Encode()
}

// come signs somebody in whose ID token has other claims than a good one.
func (g *gate) come(b *tab, other map[string]any, more ...string) seen {
	g.h.t.Helper()
	asked := g.begin(b, "&return=/apis")
	g.give(g.sign(g.is.Key(), g.claims(asked), other))
	return b.do(http.MethodGet, back(asked, more...), "")
}

func signedIn(p seen) bool {
	return strings.Contains(strings.Join(p.header.Values("Set-Cookie"), " "), "keyward-session=")
}

// who asks the server who the browser's person is.
func (b *tab) who() (who rest.SessionAnswer, status int) {
	b.h.t.Helper()
	p := b.do(http.MethodGet, "/api/v1/session", "")
	if p.status == http.StatusOK {
		answer{body: []byte(p.text)}.into(b.h.t, &who)
	}
	return who, p.status
}

// TestSignInThroughAKeyManager: the whole way in, what a person is then, and the way out; and everything that ends it.
func TestSignInThroughAKeyManager(t *testing.T) {
	h := newHouse(t)
	h.person()
	g := h.gate("corp", nil)
	g.declare("")
	ways := h.must("", http.MethodGet, "/api/v1/session/ways", "")
	if !strings.Contains(string(ways.body), `"keyManager":"corp","name":"Corporate SSO","type":"oidc"`) {
		t.Errorf("ways: %s", ways.body)
	}
	b := h.tab()
	asked := g.begin(b, "&return=/apis")
	if asked.Get("tenant") != "x" || asked.Get("response_type") != "code" || asked.Get("code_challenge_method") != "S256" ||
		asked.Get("scope") != "openid profile" || asked.Get("client_id") != "console" ||
		asked.Get("redirect_uri") != h.server.URL+"/session/callback" {
		t.Errorf("asked: %v", asked)
	}
	g.give(g.sign(g.is.Key(), g.claims(asked), nil))
	p := b.do(http.MethodGet, back(asked), "")
	if p.status != http.StatusSeeOther || p.header.Get("Location") != "/apis" {
		t.Fatalf("signed in: %d %s %s", p.status, p.header.Get("Location"), p.text)
	}
	request := g.is.Seen("/token")[0]
	form, err := url.ParseQuery(request.Form)
	if err != nil || request.Auth != "Basic "+base64.StdEncoding.EncodeToString([]byte("console:s3cret")) ||
		form.Get("grant_type") != "authorization_code" || form.Get("code") != "c0de" || len(form.Get("code_verifier")) < 43 {
		t.Errorf("the token request: %+v", request)
	}
	who, _ := b.who()
	if who.User != "corp|0001" || who.Name != "Ann Lee" || who.KeyManager != "corp" || who.Subject != "0001" || who.Tenant != "default" ||
		fmt.Sprint(who.Roles) != "[publisher]" || fmt.Sprint(who.Groups) != "[payments]" {
		t.Errorf("who: %+v", who)
	}
	if p := b.do(http.MethodGet, "/api/v1/users", ""); p.status != http.StatusForbidden {
		t.Errorf("a publisher who is called admin lists users: %d", p.status)
	}
	p = b.do(http.MethodDelete, "/api/v1/session", "")
	var ended rest.EndedAnswer
	answer{body: []byte(p.text)}.into(t, &ended)
	to, err := url.Parse(ended.EndSession)
	if err != nil || p.status != http.StatusOK || !strings.HasPrefix(ended.EndSession, g.is.URL+"/logout?") ||
		to.Query().Get("a") != "b" || strings.Count(to.Query().Get("id_token_hint"), ".") != 2 ||
		to.Query().Get("post_logout_redirect_uri") != h.server.URL+"/session/callback" {
		t.Errorf("sign out: %d %s", p.status, p.text)
	}
	if p := b.do(http.MethodGet, "/session/callback", ""); p.header.Get("Location") != "../" {
		t.Errorf("back from there: %d %v", p.status, p.header)
	}
	audit := string(h.must("admin", http.MethodGet, "/api/v1/audit", "").body)
	if !strings.Contains(audit, `"actor":"corp|0001","action":"session.begun"`) || strings.Contains(audit, "s3cret") {
		t.Errorf("audit: %s", audit)
	}

	hold := func(verb, body string) { h.must("admin", http.MethodPost, "/api/v1/key-managers/corp/"+verb, body) }
	for _, c := range []struct {
		name    string
		change  func()
		restore func()
	}{
		{"another rule", func() { g.declare(`,"lifetime":"1h"`) }, func() { g.declare("") }},
		{"disabled", func() { h.apply(g.manifest("default", `,"roles":`+gateRules, `,"enabled":false`)) }, func() { g.declare("") }},
		{"no sign-in", func() {
			h.apply(manifestOf(keyward.KindKeyManager, "corp", `{"type":"oidc","discovery":"`+g.is.URL+`"}`))
		}, func() { g.declare("") }},
		{"held", func() { hold("hold", `{"reason":"incident"}`) }, func() { hold("unhold", "") }},
		{"deleted", func() { h.must("admin", http.MethodDelete, "/api/v1/key-managers/corp", "") }, func() { g.declare("") }},
	} {
		b := h.tab()
		if p := g.come(b, nil); !signedIn(p) {
			t.Fatalf("%s: %d %s", c.name, p.status, p.text)
		}
		if _, status := b.who(); status != http.StatusOK {
			t.Errorf("before %s: %d", c.name, status)
		}
		c.change()
		if _, status := b.who(); status != http.StatusUnauthorized {
			t.Errorf("after %s: %d", c.name, status)
		}
		if c.name == "another rule" {
			c.restore()
			continue
		}
		p := b.do(http.MethodGet, "/session/start?via=corp", "")
		if p.status != http.StatusBadRequest || !strings.Contains(p.text, "another way") {
			t.Errorf("the way in after %s: %d %s", c.name, p.status, p.text)
		}
		c.restore()
		if _, status := b.who(); status != http.StatusUnauthorized {
			t.Errorf("a session from before %s came back: %d", c.name, status)
		}
	}
	b = h.tab()
	g.come(b, nil)
	g.h.apply(g.manifest("default", `,"roles":`+gateRules, `,"clients":{"map":false}`))
	if _, status := b.who(); status != http.StatusOK {
		t.Errorf("the control, after a change that has nothing to do with it: %d", status)
	}
}

// TestSignInIsBelievedOnlyWhole: each answer and each ID token differs from a good one in one thing, and lets nobody in.
func TestSignInIsBelievedOnlyWhole(t *testing.T) {
	h := newHouse(t)
	h.person()
	g := h.gate("corp", map[string]any{"authorization_response_iss_parameter_supported": true})
	g.declare("")
	other := h.gate("other", nil)
	other.declare("")
	good := []string{"iss", g.is.Issuer}
	now := time.Now().Unix()
	hash := "o4Q3nWQ6tqIyjJ5qRbBxPg"
	for name, c := range map[string]struct {
		claims map[string]any
		why    string
	}{
		"another issuer":          {map[string]any{"iss": other.is.Issuer}, "another issuer"},
		"no issuer":               {map[string]any{"iss": nil}, "another issuer"},
		"another client":          {map[string]any{"aud": "another"}, "another client"},
		"no audience":             {map[string]any{"aud": nil}, "another client"},
		"several and no party":    {map[string]any{"aud": []string{"console", "another"}}, "another client"},
		"another party":           {map[string]any{"azp": "another"}, "another client"},
		"expired":                 {map[string]any{"exp": now - 31}, "expired"},
		"no expiry":               {map[string]any{"exp": nil}, "exp is missing"},
		"an expiry that is text":  {map[string]any{"exp": "9999999999"}, "no whole number"},
		"an expiry in between":    {map[string]any{"exp": float64(now) + 60.5}, "no whole number"},
		"of the future":           {map[string]any{"iat": now + 300}, "future"},
		"no time":                 {map[string]any{"iat": nil}, "iat is missing"},
		"not yet":                 {map[string]any{"nbf": now + 300}, "future"},
		"another nonce":           {map[string]any{"nonce": "x"}, "another sign-in"},
		"no nonce":                {map[string]any{"nonce": nil}, "another sign-in"},
		"another access token":    {map[string]any{"at_hash": hash}, "another access token"},
		"a hash that is none":     {map[string]any{"at_hash": 1}, "another access token"},
		"no subject":              {map[string]any{"sub": nil}, "no usable sub"},
		"an empty one":            {map[string]any{"sub": ""}, "no usable sub"},
		"one with a line":         {map[string]any{"sub": "a\nb"}, "no usable sub"},
		"one that is not printed": {map[string]any{"sub": "alice\u202e"}, "no usable sub"},
		"a number":                {map[string]any{"sub": 1}, "no usable sub"},
		"a long one":              {map[string]any{"sub": strings.Repeat("x", 256)}, "no usable sub"},
	} {
		p := g.come(h.tab(), c.claims, good...)
		if p.status < 400 || signedIn(p) || !strings.Contains(p.text, c.why) || strings.Contains(p.text, "Ann Lee") {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
		noted := string(h.must("admin", http.MethodGet, "/api/v1/audit?limit=1", "").body) // a token that the server gave, and no stranger
		if !strings.Contains(noted, `"session.refused"`) || !strings.Contains(noted, c.why) || strings.Contains(noted, "at-1") {
			t.Errorf("%s: the audit log says %s", name, noted)
		}
	}
	if p := g.come(h.tab(), nil, "iss", g.is.Issuer, "error", "access_denied"); p.status != http.StatusForbidden || signedIn(p) {
		t.Errorf("somebody said no: %d %s", p.status, p.text)
	}
	for name, more := range map[string][]string{
		"another server's answer": {"iss", other.is.Issuer},
		"an answer of nobody":     {"iss", ""},
		"an error":                {"iss", g.is.Issuer, "error", "<script>access_denied</script>\u202e"},
		"no code":                 {"iss", g.is.Issuer, "code", ""},
		"another state":           {"iss", g.is.Issuer, "state", "x"},
	} {
		g.is.Forget()
		if p := g.come(h.tab(), nil, more...); p.status < 400 || signedIn(p) || strings.Contains(p.text, "<script>") ||
			strings.Contains(p.text, "\u202e") {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
		if sent := g.is.Seen("/token"); len(sent) > 0 {
			t.Errorf("%s: the code was redeemed", name)
		}
	}
	public, err := g.is.Key().PEM()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := issuer.NewKey("corp", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	called := func(kind string) func(claims map[string]any) string {
		return func(claims map[string]any) string {
			text, err := g.is.Key().Mint(kind, claims)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
	for name, forge := range map[string]func(claims map[string]any) string{
		"alg none": func(claims map[string]any) string {
			return issuer.Encode(`{"alg":"none"}`) + "." + issuer.Encode(textOf(t, claims)) + "."
		},
		"HS256 with the public key": func(claims map[string]any) string {
			return issuer.HMAC([]byte(public), textOf(t, map[string]any{"alg": "HS256", "kid": "corp"}), textOf(t, claims))
		},
		"an access token":      called("at+jwt"),
		"a logout token":       called("application/LOGOUT+JWT"),
		"a stranger's key":     func(claims map[string]any) string { return g.sign(stranger, claims, nil) },
		"another server's key": func(claims map[string]any) string { return g.sign(other.is.Key(), claims, nil) },
		"nothing":              func(map[string]any) string { return "" },
		"no token":             func(map[string]any) string { return "a.b" },
	} {
		b := h.tab()
		asked := g.begin(b, "")
		g.give(forge(g.claims(asked)))
		if p := b.do(http.MethodGet, back(asked, good...), ""); p.status < 400 || signedIn(p) {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
	}
	// A browser that begins at one server takes no answer of another, and no other browser's.
	b, victim := h.tab(), h.tab()
	asked := g.begin(b, "")
	g.give(g.sign(g.is.Key(), g.claims(asked), nil))
	if p := victim.do(http.MethodGet, back(asked, good...), ""); p.status != http.StatusBadRequest || signedIn(p) {
		t.Errorf("an attacker's answer in another browser: %d %s", p.status, p.text)
	}
	elsewhere := other.begin(victim, "")
	if p := victim.do(http.MethodGet, back(asked, "state", elsewhere.Get("state"), "iss", g.is.Issuer), ""); p.status < 400 || signedIn(p) {
		t.Errorf("mixed up: %d %s", p.status, p.text)
	}
	planted := &http.Cookie{Name: "keyward-session", Value: "planted", Path: "/"} //nolint:gosec // as an attacker would
	b.client.Jar.SetCookies(mustParse(t, h.server.URL), []*http.Cookie{planted})
	started := b.client.Jar.Cookies(mustParse(t, h.server.URL))
	p := b.do(http.MethodGet, back(asked, good...), "")
	if !signedIn(p) || strings.Contains(strings.Join(p.header.Values("Set-Cookie"), " "), "planted") {
		t.Errorf("the control: %d %s", p.status, p.text)
	}
	if p := b.do(http.MethodGet, back(asked, good...), ""); p.status != http.StatusBadRequest {
		t.Errorf("the same answer again: %d", p.status)
	}
	// Whoever kept what the browser held, and gets another code for it, comes too late.
	again := h.tab()
	again.client.Jar.SetCookies(mustParse(t, h.server.URL), started)
	g.give(g.sign(g.is.Key(), g.claims(asked), nil))
	if p := again.do(http.MethodGet, back(asked, good...), ""); signedIn(p) || !strings.Contains(p.text, "answered before") {
		t.Errorf("a beginning that was answered: %d %s", p.status, p.text)
	}
	sound := map[string]any{"aud": []string{"console", "x"}, "azp": "console", "at_hash": halfOf("at-1")}
	if p := g.come(h.tab(), sound, good...); !signedIn(p) {
		t.Errorf("the control with everything: %d %s", p.status, p.text)
	}
	// A change between start and answer, and one that leads the stored secret elsewhere.
	b = h.tab()
	asked = g.begin(b, "")
	g.declare(`,"scopes":["email"]`)
	g.give(g.sign(g.is.Key(), g.claims(asked), nil))
	if p := b.do(http.MethodGet, back(asked, good...), ""); p.status != http.StatusBadRequest || signedIn(p) {
		t.Errorf("changed meanwhile: %d %s", p.status, p.text)
	}
	stored := strings.Replace(g.manifest("default", `,"roles":`+gateRules, ""), `"s3cret"`, `{"stored":true}`, 1)
	h.apply(stored)
	astray := strings.Replace(stored, `"discovery"`, `"endpoints":{"token":"`+other.is.URL+`/token"},"discovery"`, 1)
	if a := h.call("admin", http.MethodPost, "/api/v1/apply", `{"objects":[`+astray+`]}`); a.status != http.StatusBadRequest ||
		!strings.Contains(string(a.body), "spec.signIn.clientSecret") {
		t.Errorf("a stored secret to another address: %d %s", a.status, a.body)
	}
}

// TestAServerThatIsAway: the page says what to do, and the other ways stay.
func TestAServerThatIsAway(t *testing.T) {
	h := newHouse(t)
	g := h.gate("corp", nil)
	g.declare("")
	b := h.tab()
	asked := g.begin(b, "&return=/apis")
	g.is.Close()
	p := b.do(http.MethodGet, back(asked), "")
	if p.status < 500 || !strings.Contains(p.text, "keyward keymanager check corp") || !strings.Contains(p.text, `href="/apis"`) ||
		!strings.Contains(p.text, "via=corp") {
		t.Errorf("away at the end: %d %s", p.status, p.text)
	}
	away := h.gate("away", map[string]any{"authorization_response_iss_parameter_supported": true})
	away.declare("")
	away.is.Close()
	p = b.do(http.MethodGet, "/session/start?via=away", "")
	if p.status < 500 || !strings.Contains(p.text, "another way") || len(p.header.Values("Set-Cookie")) > 0 {
		t.Errorf("away at the start: %d %s", p.status, p.text)
	}
	if ways := h.must("", http.MethodGet, "/api/v1/session/ways", ""); !strings.Contains(string(ways.body), `"resident"`) {
		t.Errorf("ways: %s", ways.body)
	}
	if p := b.do(http.MethodGet, "/session/start", ""); p.status != http.StatusSeeOther {
		t.Errorf("the other way: %d %s", p.status, p.text)
	}
}

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// halfOf is at_hash of an access token, with a 256 bit hash.
func halfOf(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// TestTheConsolesClient: it proves itself as declared, and what the ID token lacks is asked for where that is declared.
func TestTheConsolesClient(t *testing.T) {
	h := newHouse(t)
	g := h.gate("corp", nil)
	key := `{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",` +
		`\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}` // RFC 8037, appendix A.1
	declare := func(client, more string) {
		h.apply(strings.Replace(g.manifest("default", `,"roles":`+gateRules+more, ""), `"clientSecret":"s3cret"`, client, 1))
	}
	for name, c := range map[string]struct {
		client string
		has    []string
		lacks  []string
	}{
		"post":        {`"method":"post","clientSecret":"s3cret"`, []string{"client_id=console", "client_secret=s3cret"}, nil},
		"public":      {`"method":"none"`, []string{"client_id=console", "code_verifier="}, []string{"client_secret", "client_assertion"}},
		"with a key":  {`"method":"private_key_jwt","key":"` + key + `"`, []string{"client_assertion=", "jwt-bearer"}, []string{"secret"}},
		"next secret": {`"method":"post","clientSecret":{"current":"old","next":"new"}`, []string{"client_secret=old"}, nil},
	} {
		declare(c.client, "")
		g.is.Forget()
		if p := g.come(h.tab(), nil); !signedIn(p) {
			t.Fatalf("%s: %d %s", name, p.status, p.text)
		}
		sent := g.is.Seen("/token")[0]
		for _, want := range c.has {
			if !strings.Contains(sent.Form, want) {
				t.Errorf("%s: %s lacks %s", name, sent.Form, want)
			}
		}
		for _, other := range c.lacks {
			if strings.Contains(sent.Form, other) || sent.Auth != "" {
				t.Errorf("%s: %s has %s, or %s", name, sent.Form, other, sent.Auth)
			}
		}
	}
	// A server that refuses the client says so to people; no redirect takes the secret elsewhere.
	declare(`"method":"post","clientSecret":"s3cret"`, "")
	elsewhere := issuer.Start(t, "x", "RS256")
	for name, a := range map[string]issuer.Answer{
		"refused":    {Status: http.StatusUnauthorized, Body: `{"error":"invalid_client","error_description":"s3cret is wrong"}`},
		"led astray": {Status: http.StatusTemporaryRedirect, Location: elsewhere.URL + "/token"},
		"in trouble": {Status: http.StatusInternalServerError, Body: "<html>s3cret</html>"},
		"no JSON":    {Body: "<html>"},
		"no token":   {Body: `{"access_token":"x"}`},
	} {
		b := h.tab()
		asked := g.begin(b, "")
		g.is.Fix("/token", a)
		p := b.do(http.MethodGet, back(asked), "")
		if p.status != http.StatusBadGateway || signedIn(p) || strings.Contains(p.text, "s3cret") || len(elsewhere.Seen("")) > 0 ||
			name == "in trouble" && !strings.Contains(p.text, "answered 500") {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
	}

	declare(`"method":"none"`, `,"userinfo":true`)
	for name, c := range map[string]struct {
		answer string
		ok     bool
	}{
		"the same person": {`{"sub":"0001","department":7}`, true},
		"somebody else":   {`{"sub":"0002","department":7}`, false},
		"nobody":          {`{"department":7}`, false},
		"twice":           {`{"sub":"0001","sub":"0001","department":7}`, false},
	} {
		g.is.Fix("/userinfo", issuer.Answer{Body: c.answer})
		b := h.tab()
		p := g.come(b, map[string]any{"realm_access": nil})
		if who, _ := b.who(); signedIn(p) != c.ok || c.ok && fmt.Sprint(who.Roles) != "[auditor]" {
			t.Errorf("userinfo of %s: %d %s %v", name, p.status, p.text, who.Roles)
		}
	}
}

// TestNobodyIsTakenToAServerByAnotherSite: that server would say who the browser is. Our own pages lead there.
func TestNobodyIsTakenToAServerByAnotherSite(t *testing.T) {
	h := newHouse(t)
	g := h.gate("corp", nil)
	g.declare("")
	for from, want := range map[string]int{
		"cross-site": http.StatusForbidden, "same-site": http.StatusForbidden,
		"same-origin": http.StatusSeeOther, "none": http.StatusSeeOther,
	} {
		b := h.tab()
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		p := b.do(http.MethodGet, "/session/start?via=corp", "", "Sec-Fetch-Site", from)
		if p.status != want || (p.header.Get("Set-Cookie") != "") != (want == http.StatusSeeOther) {
			t.Errorf("from %s: %d with the cookie %q", from, p.status, p.header.Get("Set-Cookie"))
		}
		if want == http.StatusForbidden && !strings.Contains(p.text, `<a href="start?via=corp">Try again</a>`) {
			t.Errorf("from %s there is no way on: %s", from, p.text)
		}
	}
}
