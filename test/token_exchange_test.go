package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

const grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

// exchanged is the token endpoint's answer (RFC 8693, section 2.2; RFC 6749, section 5.2).
type exchanged struct {
	Status      int    `json:"-"`
	Token       string `json:"access_token"`
	Issued      string `json:"issued_token_type"`
	Type        string `json:"token_type"`
	Life        int64  `json:"expires_in"`
	Scope       string `json:"scope"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// want gives "" when the exchange was refused with the code, or, for no code, succeeded.
func (e exchanged) want(code string) string {
	if e.Error == code && (e.Token != "") == (code == "") {
		return ""
	}
	return fmt.Sprintf("got %d %s %q, want %q", e.Status, e.Error, e.Description, code)
}

// trader is a client of the resident key manager that may exchange.
type trader struct {
	node         *program.Node
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
}

func (c *trader) exchange(t *testing.T, subject string, extra ...string) (e exchanged) {
	t.Helper()
	form := url.Values{
		"grant_type": {grantExchange}, "subject_token": {subject},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
	}
	for i := 0; i+1 < len(extra); i += 2 {
		form.Add(extra[i], extra[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.node.Control+"/oauth2/token",
		strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(c.ClientID, c.ClientSecret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	e.Status = resp.StatusCode
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return e
}

// must gives the token of an exchange that succeeds.
func (c *trader) must(t *testing.T, subject string) string {
	t.Helper()
	e := c.exchange(t, subject)
	if fault := e.want(""); fault != "" {
		t.Fatal(fault)
	}
	return e.Token
}

// newTrader makes an application with a client in the resident key manager, whose API takes all key managers.
func newTrader(t *testing.T, n *program.Node, up string) *trader {
	t.Helper()
	apply(t, n, orders(up, "all", ", backendJWT: {enabled: true}"), mobile())
	c := cliJSON[trader](t, n, place("generate", "resident", "--grant", "client_credentials", "--grant", grantExchange)...)
	c.node = n
	return &c
}

// TestTokenExchange: tokens of a partner and of a Keycloak that are for exchange only open nothing themselves, and what
// the resident key manager gives for them opens what the application may call, for the person they speak of.
func TestTokenExchange(t *testing.T) {
	t.Parallel()
	up, a := newUpstream(t), issuer.Start(t, "a", "RS256")
	r := shared.Realm(t, "exchange")
	if err := r.AddClient(t.Context(), "till", "till-secret"); err != nil {
		t.Fatal(err)
	}
	n := serve(t)
	c := newTrader(t, n, up.URL)
	apply(t, n,
		external("a", a, `, tokens: {use: exchange, audiences: ["urn:test"]}, claims: {mapping: [{from: email, to: mail}]}`),
		manifest("KeyManager", "resident", "type: resident, claims: {mapping: [{from: mail, to: mail}]}"),
		manifest("KeyManager", "kc", fmt.Sprintf("type: keycloak, discovery: %q, tokens: {use: exchange}", r.Discovery())))
	ofRealm, err := r.Token(t.Context(), "till", "till-secret", "")
	if err != nil {
		t.Fatal(err)
	}
	ofPartner := mint(t, a, issuer.Token{Claims: map[string]any{"email": "joe@a.example", "sub": "joe"}})
	realmSub, _ := testbed.Claims(t, ofRealm)["sub"].(string)
	for subject, sub := range map[string]string{ofPartner: "a|joe", ofRealm: "kc|" + realmSub} {
		until(t, n.Gateway, http.MethodGet, items, subject, 401, "unknown_issuer")
		e := c.exchange(t, subject, "scope", "orders:read no:such")
		if fault := e.want(""); fault != "" {
			t.Fatal(fault)
		}
		claims := testbed.Claims(t, e.Token)
		exp, _ := claims["exp"].(float64)
		ends, _ := testbed.Claims(t, subject)["exp"].(float64)
		if e.Status != 200 || e.Issued != "urn:ietf:params:oauth:token-type:access_token" || e.Type != "Bearer" ||
			e.Scope != "orders:read" || e.Life <= 0 || exp > ends || claims["sub"] != sub || claims["client_id"] != c.ClientID {
			t.Errorf("the answer: %+v, the token: %v", e, claims)
		}
		until(t, n.Gateway, http.MethodGet, items, e.Token, 200, "")
		backend := testbed.Claims(t, call(t, n.Gateway, http.MethodGet, items, e.Token).echo.Header.Get("X-JWT-Assertion"))
		if backend["sub"] != "resident|"+sub || (sub == "a|joe") != (backend["mail"] == "joe@a.example") {
			t.Errorf("the backend sees %v", backend)
		}
		if fault := call(t, n.Gateway, http.MethodPost, items, e.Token).want(403, "insufficient_scope"); fault != "" {
			t.Error("a scope that was not asked for: ", fault)
		}
		nowhere(t, n.Dir, subject, e.Token)
	}
	forged := a.Claims()
	forged["iss"] = r.Issuer
	crossed := mint(t, a, issuer.Token{Claims: forged})
	for what, subject := range map[string]string{
		"for somebody else": mint(t, a, issuer.Token{Claims: map[string]any{"aud": "urn:sister"}}),
		"crossed":           crossed,
		"bound":             mint(t, a, issuer.Token{Claims: map[string]any{"cnf": map[string]any{"jkt": "x"}}}),
		"expired":           mint(t, a, issuer.Token{Claims: map[string]any{"exp": 1}}),
		"tampered":          ofPartner[:len(ofPartner)-8] + "AAAAAAAA",
		"opaque":            "op_1",
		"exchanged already": c.must(t, ofPartner),
	} {
		if fault := c.exchange(t, subject).want("invalid_request"); fault != "" {
			t.Errorf("%s: %s", what, fault)
		}
	}
	explained := explain(t, n, items, ofPartner)
	if text := fmt.Sprint(explained); !containsText(text, "for token exchange only") {
		t.Errorf("explain: %s", text)
	}
	if list := cli(t, n, "get", "key-managers"); !containsText(list, "exchange only") {
		t.Errorf("the listing:\n%s", list)
	}
}

// TestUseIsSwitched: direct, exchange and both, each in force at once, for tokens that were used before too; a hold and
// a switch-off end exchange and what was exchanged.
func TestUseIsSwitched(t *testing.T) {
	t.Parallel()
	up, a, b := newUpstream(t), issuer.Start(t, "a", "RS256"), issuer.Start(t, "b", "RS256")
	n := serve(t)
	c := newTrader(t, n, up.URL)
	apply(t, n, external("b", b, ", tokens: {use: both}"))
	use := func(use, more string) { apply(t, n, external("a", a, ", tokens: {use: "+use+"}"+more)) }
	subject, other := mint(t, a, issuer.Token{}), c.must(t, mint(t, b, issuer.Token{}))
	steady := func() {
		t.Helper()
		if fault := call(t, n.Gateway, http.MethodGet, items, other).want(200, ""); fault != "" {
			t.Error("what another key manager's token was exchanged for: ", fault)
		}
	}
	until(t, n.Gateway, http.MethodGet, items, other, 200, "")
	use("exchange", "")
	given := c.must(t, subject)
	for _, args := range [][]string{
		place("generate", "a"), place("map", "a", "--client-id", "abc"),
	} {
		if r := n.CLI(t, "", args...); r.Code != 3 || !containsText(r.Stderr, "exchange_only") || !containsText(r.Stderr, "resident") {
			t.Errorf("keys in it: %s", r)
		}
	}
	mapping := manifest("OAuthClient", "mobile-a", "application: mobile, keyManager: a, clientId: abc")
	if r := n.CLI(t, mapping, "apply", "-f", "-"); r.Code != 3 || !containsText(r.Stderr, "exchange_only") {
		t.Errorf("a client by manifest: %s", r)
	}
	use("both", "")
	apply(t, n, mapping)
	for _, step := range []struct {
		use, more      string
		called, traded string
		after          string // what becomes of a token that was given in exchange before
	}{
		{"both", "", "", "", ""},
		{"exchange", "", "unknown_issuer", "", ""},
		{"direct", "", "", "invalid_request", "token_revoked"},
		{"both", "", "", "", ""},
		{"both", ", enabled: false", "unknown_issuer", "invalid_request", "token_revoked"},
		{"both", "", "", "", ""},
	} {
		use(step.use, step.more)
		if fault := c.exchange(t, subject).want(step.traded); fault != "" {
			t.Errorf("%+v: exchange: %s", step, fault)
		}
		until(t, n.Gateway, http.MethodGet, items, subject, statusOf(step.called), step.called)
		until(t, n.Gateway, http.MethodGet, items, given, statusOf(step.after), step.after)
		steady()
	}
	apply(t, n, mapping) // unchanged, it stays where it is
	cli(t, n, "hold", "key-manager", "a", "--reason", "stolen keys")
	if fault := c.exchange(t, subject).want("invalid_request"); fault != "" {
		t.Error("held: ", fault)
	}
	until(t, n.Gateway, http.MethodGet, items, given, 401, "token_revoked")
	steady()
	if text := fmt.Sprint(explain(t, n, items, given)); !containsText(text, "stolen keys") {
		t.Errorf("explain: %s", text)
	}
	cli(t, n, "unhold", "key-manager", "a")
	if fault := c.exchange(t, subject).want(""); fault != "" {
		t.Error("lifted: ", fault)
	}
	until(t, n.Gateway, http.MethodGet, items, given, 200, "")
}

func statusOf(code string) int {
	if code == "" {
		return 200
	}
	return 401
}

// TestSubjectTokensFollowRotation: keys from an address follow it, keys that stand in the manifest stay until they are
// changed; and who may exchange is the client's grant and the key manager's permissions.
func TestSubjectTokensFollowRotation(t *testing.T) {
	t.Parallel()
	up, a := newUpstream(t), issuer.Start(t, "first", "RS256")
	n := serve(t)
	c := newTrader(t, n, up.URL)
	apply(t, n, external("a", a, ", tokens: {use: exchange}"))
	old := mint(t, a, issuer.Token{})
	c.must(t, old)
	second, err := issuer.NewKey("second", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	a.SetKeys(second)
	c.must(t, mint(t, a, issuer.Token{}))
	if fault := c.exchange(t, old).want("invalid_request"); fault != "" {
		t.Error("a withdrawn key: ", fault)
	}
	a.Fix("/jwks", issuer.Answer{Status: 503})
	c.must(t, mint(t, a, issuer.Token{}))
	pem, err := second.PEM()
	if err != nil {
		t.Fatal(err)
	}
	a.Mend()
	apply(t, n, manifest("KeyManager", "a", fmt.Sprintf("type: external, issuer: %q, keys: {pem: [%q]}, tokens: {use: exchange}",
		a.Issuer, pem)))
	fresh := mint(t, a, issuer.Token{})
	c.must(t, fresh)
	third, err := issuer.NewKey("third", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	a.SetKeys(third)
	if fault := c.exchange(t, mint(t, a, issuer.Token{})).want("invalid_request"); fault != "" {
		t.Error("a key that no PEM has: ", fault)
	}
	c.must(t, fresh)

	plain := cliJSON[trader](t, n, "keys", "generate", "--application", "mobile", "--key-manager", "resident",
		"--environment", "sandbox")
	plain.node = n
	if fault := plain.exchange(t, fresh).want("unauthorized_client"); fault != "" {
		t.Error("a client without the grant: ", fault)
	}
	restricted := fmt.Sprintf("type: external, issuer: %q, keys: {pem: [%q]}, tokens: {use: exchange}, permissions: {allow: [partners]}",
		a.Issuer, pem)
	apply(t, n, manifest("KeyManager", "a", restricted), manifest("User", "alice", "roles: [developer]"))
	testbed.Eventually(t, "an owner outside the list", func() string { return c.exchange(t, fresh).want("invalid_request") })
	apply(t, n, manifest("User", "alice", "roles: [developer], groups: [partners]"))
	c.must(t, fresh)
}
