package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/session"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// TestRulesGiveWhatTheySay: roles and groups come of rules alone, within the tenant of the key manager; nobody is let in as
// somebody else, and nobody without a role.
func TestRulesGiveWhatTheySay(t *testing.T) {
	h := newHouse(t)
	h.person()
	g := h.gate("corp", nil)
	g.declare("")
	for name, c := range map[string]struct {
		claims map[string]any
		want   string
	}{
		"a list":                {nil, "[publisher] [payments]"},
		"one value":             {map[string]any{"realm_access": map[string]any{"roles": "apis"}}, "[publisher] [payments]"},
		"a number":              {map[string]any{"department": 7, "realm_access": nil}, "[auditor] []"},
		"two rules":             {map[string]any{"department": 7}, "[publisher auditor] [payments]"},
		"a text of a number":    {map[string]any{"department": "7", "realm_access": nil}, ""},
		"a text with the value": {map[string]any{"realm_access": map[string]any{"roles": "not apis"}}, ""},
		"another case":          {map[string]any{"realm_access": map[string]any{"roles": []string{"APIS"}}}, ""},
		"a list in a list":      {map[string]any{"realm_access": map[string]any{"roles": [][]string{{"apis"}}}}, ""},
		"a role's own name":     {map[string]any{"realm_access": nil, "roles": []string{"admin"}, "role": "admin"}, ""},
		"a user's name and mail": {
			map[string]any{"realm_access": nil, "sub": "alice", "email": "alice@example.com", "preferred_username": "alice"}, ""},
	} {
		b := h.tab()
		p := g.come(b, c.claims)
		who, status := b.who()
		switch got := fmt.Sprint(who.Roles, " ", who.Groups); {
		case c.want == "" && (p.status != http.StatusForbidden || status != http.StatusUnauthorized || strings.Contains(p.text, "Ann Lee")):
			t.Errorf("%s: %d %s, %+v", name, p.status, p.text, who)
		case c.want != "" && got != c.want:
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if c.want == "" && !strings.Contains(p.text, "administrator of tenant default") {
			t.Errorf("%s: nobody to ask: %s", name, p.text)
		}
	}
	audit := string(h.must("admin", http.MethodGet, "/api/v1/audit?limit=500", "").body)
	for _, want := range []string{
		`corp|alice fits no rule`, `/realm_access/roles = \"apis\" for publisher: absent`, `for publisher: another value`,
	} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit trail lacks %s: %s", want, audit)
		}
	}
	if strings.Contains(audit, "alice@example.com") || strings.Contains(audit, "not apis") {
		t.Errorf("claims in the audit trail: %s", audit)
	}
	// Somebody with a user's name at the server has nothing of the user's.
	b := h.tab()
	g.come(b, map[string]any{"sub": "alice", "department": 7})
	if who, _ := b.who(); who.User != "corp|alice" {
		t.Errorf("who: %+v", who)
	}
	h.apply(manifestOf(keyward.KindApplication, "hers", `{"owner":"alice"}`),
		manifestOf(keyward.KindApplication, "his", `{"owner":"corp|alice"}`))
	g.h.apply(g.manifest("default", `,"roles":[{"claim":"sub","equals":"alice","role":"developer"}]`, ""))
	g.come(b, map[string]any{"sub": "alice"})
	if p := b.do(http.MethodGet, "/api/v1/applications", ""); strings.Contains(p.text, `"hers"`) || !strings.Contains(p.text, `"his"`) {
		t.Errorf("their applications: %s", p.text)
	}
}

// TestSignInStaysInItsTenant: a tenant's key manager lets people into that tenant alone, and makes nobody an operator; a
// global one lets them in where its rules say so.
func TestSignInStaysInItsTenant(t *testing.T) {
	h := newHouse(t)
	h.apply(`{"apiVersion":"keyward.dev/v1","kind":"Tenant","metadata":{"name":"acme"},"spec":{}}`,
		`{"apiVersion":"keyward.dev/v1","kind":"Tenant","metadata":{"name":"other"},"spec":{}}`)
	h.users(map[string][]keyward.Role{"ruth": {keyward.RoleAdmin}}, "acme")
	own := h.gate("own", nil)
	admins := `,"roles":[{"claim":"/realm_access/roles","equals":"apis","role":"admin"%s}]`
	put := func(signIn, more string) answer {
		return h.call("ruth", http.MethodPost, "/api/v1/apply?tenant=acme", `{"objects":[`+own.manifest("acme", signIn, more)+`]}`)
	}
	for name, a := range map[string]answer{
		"a rule for another tenant": put(fmt.Sprintf(admins, `,"tenant":"default"`), ""),
		"a global one":              put(fmt.Sprintf(admins, `,"tenant":"default"`), `,"global":true`),
	} {
		if a.status < 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := put(fmt.Sprintf(admins, ""), ""); a.status != http.StatusOK {
		t.Fatalf("the control: %d %s", a.status, a.body)
	}
	for _, tenant := range []string{"default", "other"} {
		b := h.tab()
		if p := b.do(http.MethodGet, "/session/start?via=own&tenant="+tenant, ""); p.status != http.StatusBadRequest {
			t.Errorf("into %s: %d", tenant, p.status)
		}
	}
	b := h.tab()
	asked := own.begin(b, "&tenant=acme")
	own.give(own.sign(own.is.Key(), own.claims(asked), nil))
	if asked.Get("redirect_uri") != h.server.URL+"/session/callback/acme" {
		t.Errorf("asked: %v", asked)
	}
	// What a browser brings of another server, such as one of the tenant default, is not sent to acme's.
	for _, at := range []string{"/session/callback", "/session/callback/other"} {
		p := b.do(http.MethodGet, strings.Replace(back(asked), "/session/callback/acme", at, 1), "")
		if signedIn(p) || len(own.is.Seen("/token")) > 0 || !strings.Contains(p.text, "another key manager") {
			t.Errorf("an answer at %s: %d %s", at, p.status, p.text)
		}
		asked = own.begin(b, "&tenant=acme")
		own.give(own.sign(own.is.Key(), own.claims(asked), nil))
	}
	if p := b.do(http.MethodGet, back(asked), ""); !signedIn(p) {
		t.Fatalf("into its own: %d %s", p.status, p.text)
	}
	if p := b.do(http.MethodGet, "/api/v1/users?tenant=acme", ""); p.status != http.StatusOK {
		t.Errorf("its administrator: %d %s", p.status, p.text)
	}
	for _, path := range []string{"/api/v1/users", "/api/v1/users?tenant=other", "/api/v1/gateways"} {
		if p := b.do(http.MethodGet, path, ""); p.status != http.StatusForbidden {
			t.Errorf("an administrator of acme at %s: %d %s", path, p.status, p.text)
		}
	}
	p := b.do(http.MethodPut, "/api/v1/tenants/more", `{"spec":{}}`, "Content-Type", "application/json")
	if p.status != http.StatusForbidden {
		t.Errorf("an administrator of acme makes a tenant: %d %s", p.status, p.text)
	}
	global := h.gate("all", nil)
	h.apply(global.manifest("default", fmt.Sprintf(admins, `,"tenant":"acme"`), `,"global":true`))
	for tenant, ok := range map[string]bool{"acme": true, "other": false, "default": false} {
		b := h.tab()
		b.stop = true
		p := b.do(http.MethodGet, "/session/start?via=all&tenant="+tenant, "")
		ways := string(h.must("", http.MethodGet, "/api/v1/session/ways?tenant="+tenant, "").body)
		if (p.status == http.StatusSeeOther) != ok || strings.Contains(ways, `"all"`) != ok {
			t.Errorf("the global one into %s: %d, %s", tenant, p.status, ways)
		}
	}
}

// TestServersThatDoNotSayWhoAnswers share no redirect URI: of two that do, one could get the other's codes (RFC 9700, section 4.4).
func TestServersThatDoNotSayWhoAnswers(t *testing.T) {
	h := newHouse(t)
	corp, partner := h.gate("corp", nil), h.gate("partner", nil)
	corp.declare("")
	named := h.gate("named", map[string]any{"authorization_response_iss_parameter_supported": true})
	named.declare("") // the control
	put := func(more string) answer {
		object := partner.manifest("default", `,"roles":`+gateRules+more, "")
		return h.call("admin", http.MethodPost, "/api/v1/apply", `{"objects":[`+object+`]}`)
	}
	if a := put(""); a.status != http.StatusConflict && a.status != http.StatusBadRequest ||
		!strings.Contains(string(a.body), "spec.signIn.ownCallback") ||
		!strings.Contains(string(a.body), "/session/callback/default/partner") {
		t.Errorf("two that do not: %d %s", a.status, a.body)
	}
	if a := put(`,"ownCallback":true`); a.status != http.StatusOK {
		t.Fatalf("with an address of its own: %d %s", a.status, a.body)
	}
	b := h.tab()
	asked := partner.begin(b, "&return=/apis")
	if asked.Get("redirect_uri") != h.server.URL+"/session/callback/default/partner" {
		t.Errorf("asked: %v", asked)
	}
	partner.give(partner.sign(partner.is.Key(), partner.claims(asked), nil))
	for _, at := range []string{"/session/callback", "/session/callback/default", "/session/callback/default/corp"} {
		p := b.do(http.MethodGet, strings.Replace(back(asked), "/session/callback/default/partner", at, 1), "")
		if signedIn(p) || len(partner.is.Seen("/token")) > 0 {
			t.Errorf("an answer at %s: %d %s", at, p.status, p.text)
		}
		asked = partner.begin(b, "&return=/apis")
		partner.give(partner.sign(partner.is.Key(), partner.claims(asked), nil))
	}
	if p := b.do(http.MethodGet, back(asked), ""); !signedIn(p) || p.header.Get("Location") != "/apis" {
		t.Errorf("at its own: %d %s", p.status, p.text)
	}
	if p := b.do(http.MethodGet, "/session/callback/default/partner", ""); p.header.Get("Location") != "../../../" {
		t.Errorf("back from signing out: %v", p.header)
	}
}

// TestClaimsAtTheUserinfoEndpoint are asked for where a rule looks at one that the ID token lacks, unless a manifest says
// otherwise.
func TestClaimsAtTheUserinfoEndpoint(t *testing.T) {
	h := newHouse(t)
	g := h.gate("corp", nil)
	lacking := map[string]any{"realm_access": nil}
	whole := map[string]any{"department": 7, "email": "a@example.com"}
	told := issuer.Answer{Body: `{"sub":"0001","realm_access":{"roles":["apis"]}}`}
	for name, c := range map[string]struct {
		signIn string
		claims map[string]any
		answer issuer.Answer
		asked  bool
		want   string
	}{
		"a claim is there":       {"", lacking, told, true, "[publisher]"},
		"of somebody else":       {"", lacking, issuer.Answer{Body: `{"sub":"0002","realm_access":{"roles":["apis"]}}`}, true, ""},
		"an endpoint that fails": {"", nil, issuer.Answer{Status: 500}, true, "[publisher]"},
		"nothing is lacking":     {"", whole, issuer.Answer{Status: 500}, false, "[publisher auditor]"},
		"one that hangs":         {"", nil, issuer.Answer{Delay: time.Minute}, true, "[publisher]"},
		"one that hangs on all":  {"", lacking, issuer.Answer{Delay: time.Minute}, true, ""},
		"never":                  {`,"userinfo":false`, lacking, told, false, ""},
		"always, and it fails":   {`,"userinfo":true`, whole, issuer.Answer{Status: 500}, true, ""},
	} {
		g.declare(c.signIn)
		g.is.Forget()
		g.is.Fix("/userinfo", c.answer)
		b := h.tab()
		p := g.come(b, c.claims)
		who, _ := b.who()
		got, ours := fmt.Sprint(who.Roles), p.status == http.StatusInternalServerError
		if c.want != "" && got != c.want || c.want == "" && signedIn(p) || ours {
			t.Errorf("%s: %d %s, %s", name, p.status, p.text, got)
		}
		if asked := len(g.is.Seen("/userinfo")) > 0; asked != c.asked {
			t.Errorf("%s: asked %v", name, asked)
		}
	}
}

// TestWhatPeopleAreCalled: by the first of their names that reads as it is written.
func TestWhatPeopleAreCalled(t *testing.T) {
	h := newHouse(t)
	g := h.gate("corp", nil)
	g.declare("")
	for name, want := range map[string]string{
		"Ann Lee": "Ann Lee", " Ann ": "Ann", "Ann\u202eeeL": "admin", "\u200b\u200b": "admin", "Ann\nLee": "admin", "": "admin",
		"می\u200cخواهم": "می\u200cخواهم", strings.Repeat("x", 201): "admin",
	} {
		b := h.tab()
		g.come(b, map[string]any{"name": name})
		if who, _ := b.who(); who.Name != want {
			t.Errorf("%q is called %q", name, who.Name)
		}
	}
}

// TestPeopleSeeAndEndTheirSessions: their own, and administrators everybody's; nobody else's are told of or touched.
func TestPeopleSeeAndEndTheirSessions(t *testing.T) {
	h := newHouse(t)
	h.person()
	h.users(map[string][]keyward.Role{"eve": {keyward.RoleAuditor}}, "default")
	g := h.gate("corp", nil)
	g.declare("")
	list := func(b *tab, query string) (all []session.Listed, status int) {
		p := b.do(http.MethodGet, "/api/v1/sessions"+query, "")
		var page struct{ Items []session.Listed }
		if p.status == http.StatusOK {
			answer{body: []byte(p.text)}.into(t, &page)
		}
		return page.Items, p.status
	}
	one, two, other := h.tab(), h.tab(), h.tab()
	for _, b := range []*tab{one, two} {
		g.come(b, nil)
	}
	g.come(other, map[string]any{"sub": "0002"})
	mine, _ := list(one, "")
	if len(mine) != 2 || mine[0].User != "corp|0001" || mine[0].Current == mine[1].Current || mine[0].KeyManager != "corp" ||
		!strings.HasPrefix(mine[0].Browser, "Go-http-client") {
		t.Fatalf("mine: %+v", mine)
	}
	for _, query := range []string{"?user=corp%7C0002", "?everybody=true", "?user=alice"} {
		if all, status := list(one, query); status != http.StatusForbidden {
			t.Errorf("%s: %d %+v", query, status, all)
		}
	}
	if a := h.call("eve", http.MethodGet, "/api/v1/sessions?everybody=true", ""); a.status != http.StatusForbidden {
		t.Errorf("an auditor: %d", a.status)
	}
	var all struct{ Items []session.Listed }
	h.must("admin", http.MethodGet, "/api/v1/sessions?everybody=true", "").into(t, &all)
	if len(all.Items) != 3 {
		t.Errorf("everybody's: %+v", all)
	}
	var payments session.Group // each person once, whom a rule puts there
	h.must("admin", http.MethodGet, "/api/v1/groups/payments", "").into(t, &payments)
	if len(payments.Rules) != 1 || payments.Rules[0].KeyManager != "corp" || payments.Rules[0].Equals != "apis" ||
		len(payments.People) != 2 {
		t.Errorf("the group payments: %+v", payments)
	}
	h.must("eve", http.MethodGet, "/api/v1/groups/payments", "").into(t, &payments)
	if len(payments.Rules) != 1 || len(payments.People) != 0 {
		t.Errorf("the group payments for an auditor: %+v", payments)
	}
	h.must("admin", http.MethodGet, "/api/v1/groups/others", "").into(t, &payments)
	if len(payments.Rules)+len(payments.People) != 0 {
		t.Errorf("a group that no rule names: %+v", payments)
	}
	foreign := ""
	for _, s := range all.Items {
		if s.User == "corp|0002" {
			foreign = s.ID
		}
	}
	if p := one.do(http.MethodDelete, "/api/v1/sessions/"+foreign, ""); p.status != http.StatusForbidden {
		t.Errorf("somebody else's: %d", p.status)
	}
	for _, s := range mine {
		if !s.Current {
			one.do(http.MethodDelete, "/api/v1/sessions/"+s.ID, "")
		}
	}
	if _, status := two.who(); status != http.StatusUnauthorized {
		t.Errorf("ended by hand: %d", status)
	}
	g.come(two, nil)
	if p := one.do(http.MethodPost, "/api/v1/sessions/end", "{}", "Content-Type", "application/json"); p.status != http.StatusOK {
		t.Errorf("everywhere: %d %s", p.status, p.text)
	}
	for name, b := range map[string]*tab{"one": one, "two": two} {
		if _, status := b.who(); status != http.StatusUnauthorized {
			t.Errorf("%s after signing out everywhere: %d", name, status)
		}
	}
	if _, status := other.who(); status != http.StatusOK {
		t.Errorf("the control, somebody else: %d", status)
	}
	h.must("admin", http.MethodPost, "/api/v1/sessions/end", `{"user":"corp|0002"}`)
	if _, status := other.who(); status != http.StatusUnauthorized {
		t.Errorf("signed out by an administrator: %d", status)
	}

	// One of the tenant's own users is signed out of the browser at the authorization server, too.
	b := h.tab()
	b.fill(b.do(http.MethodGet, "/session/start", ""), "name", "alice", "password", aliceSecret)
	if who, _ := b.who(); who.User != "alice" {
		t.Fatalf("alice: %+v", who)
	}
	h.must("admin", http.MethodPost, "/api/v1/sessions/end", `{"user":"alice"}`)
	if _, status := b.who(); status != http.StatusUnauthorized {
		t.Errorf("alice after that: %d", status)
	}
	if p := b.do(http.MethodGet, "/session/start", ""); !strings.Contains(p.text, `type="password"`) {
		t.Errorf("alice is let in without a password: %d %s", p.status, p.text)
	}
}

// TestAServerSaysThatSomebodySignedOut: what is not a logout token of that server for the console's client ends nothing; one that is
// ends the sessions of its sid, or of its sub, that were there.
func TestAServerSaysThatSomebodySignedOut(t *testing.T) {
	h := newHouse(t)
	g := h.gate("corp", nil)
	g.declare("")
	other := h.gate("other", map[string]any{"authorization_response_iss_parameter_supported": true})
	other.declare("")
	stranger, err := issuer.NewKey("corp", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	event := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	made := 0
	logout := func(key *issuer.Key, change map[string]any) string {
		now := time.Now().Unix()
		made++
		good := map[string]any{
			"iss": g.is.Issuer, "aud": "console", "iat": now, "exp": now + 120, "jti": fmt.Sprint("j", made), "sub": "0001", "sid": "s1",
			"events": event,
		}
		return g.sign(key, good, change)
	}
	send := func(at, raw string) seen {
		return h.tab().do(http.MethodPost, "/session/backchannel/"+at, url.Values{"logout_token": {raw}}.Encode(),
			"Content-Type", "application/x-www-form-urlencoded")
	}
	one, two, bob := h.tab(), h.tab(), h.tab()
	g.come(one, map[string]any{"sid": "s1"})
	g.come(two, map[string]any{"sid": "s2"})
	g.come(bob, map[string]any{"sid": "s3", "sub": "0002"})
	alive := func(b *tab) bool {
		_, status := b.who()
		return status == http.StatusOK
	}
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		at, raw string
	}{
		"nothing":             {"default/corp", ""},
		"no JWT":              {"default/corp", "a.b.c"},
		"a stranger's key":    {"default/corp", logout(stranger, nil)},
		"another server's":    {"default/corp", logout(other.is.Key(), map[string]any{"iss": other.is.Issuer})},
		"at another's":        {"default/other", logout(g.is.Key(), nil)},
		"at nobody's":         {"default/nobody", logout(g.is.Key(), nil)},
		"for another client":  {"default/corp", logout(g.is.Key(), map[string]any{"aud": "another"})},
		"an ID token":         {"default/corp", logout(g.is.Key(), map[string]any{"events": nil, "nonce": "n"})},
		"a nonce":             {"default/corp", logout(g.is.Key(), map[string]any{"nonce": "n"})},
		"another event":       {"default/corp", logout(g.is.Key(), map[string]any{"events": map[string]any{"x": map[string]any{}}})},
		"a sid of no text":    {"default/corp", logout(g.is.Key(), map[string]any{"sid": 7})},
		"of nobody":           {"default/corp", logout(g.is.Key(), map[string]any{"sid": nil, "sub": nil})},
		"expired":             {"default/corp", logout(g.is.Key(), map[string]any{"exp": now - 60})},
		"without an end":      {"default/corp", logout(g.is.Key(), map[string]any{"exp": nil})},
		"of the future":       {"default/corp", logout(g.is.Key(), map[string]any{"iat": now + 300})},
		"without an identity": {"default/corp", logout(g.is.Key(), map[string]any{"jti": nil})},
	} {
		if p := send(c.at, c.raw); p.status != http.StatusBadRequest || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
	}
	// From before they came.
	early := map[string]any{"iat": now - 3600, "sid": nil}
	if p := send("default/corp", logout(g.is.Key(), early)); p.status != http.StatusOK || !alive(one) || !alive(two) || !alive(bob) {
		t.Fatalf("of an hour ago: %d %s, %v %v %v", p.status, p.text, alive(one), alive(two), alive(bob))
	}
	bySID := logout(g.is.Key(), map[string]any{"exp": now + 1<<40})
	if p := send("default/corp", bySID); p.status != http.StatusOK || alive(one) || !alive(two) || !alive(bob) {
		t.Errorf("by sid: %d %s, %v %v %v", p.status, p.text, alive(one), alive(two), alive(bob))
	}
	g.come(one, map[string]any{"sid": "s1"}) // within the skew
	if p := send("default/corp", bySID); p.status != http.StatusBadRequest || !strings.Contains(p.text, "taken before") || !alive(one) {
		t.Errorf("sent again: %d %s, %v", p.status, p.text, alive(one))
	}
	p := send("default/corp", logout(g.is.Key(), map[string]any{"sid": nil}))
	if p.status != http.StatusOK || alive(one) || alive(two) || !alive(bob) {
		t.Errorf("by sub: %d %s, %v %v %v", p.status, p.text, alive(one), alive(two), alive(bob))
	}
	if audit := string(h.must("admin", http.MethodGet, "/api/v1/audit", "").body); !strings.Contains(audit, "session.ended-there") {
		t.Errorf("audit: %s", audit)
	}
}
