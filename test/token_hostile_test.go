package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// arena is a running gateway with several issuers, and a trap that nobody may ever call.
type arena struct {
	node       *program.Node
	up         *upstream
	rsa        *issuer.Issuer // key manager "rsa", RS256, kid "shared"
	other      *issuer.Issuer // key manager "other", RS256, the same kid
	ec, ed, ps *issuer.Issuer
	strict     *issuer.Issuer // key manager "strict": audience urn:test, tid must be acme
	trap       *httptest.Server
	trapped    atomic.Int64
}

func newArena(t *testing.T) *arena {
	t.Helper()
	a := &arena{up: newUpstream(t)}
	a.trap = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { a.trapped.Add(1) }))
	t.Cleanup(a.trap.Close)
	a.rsa = issuer.Start(t, "shared", "RS256")
	a.other = issuer.Start(t, "shared", "RS256")
	a.ec = issuer.Start(t, "ec", "ES256")
	a.ed = issuer.Start(t, "ed", "EdDSA")
	a.ps = issuer.Start(t, "ps", "PS256")
	a.strict = issuer.Start(t, "strict", "RS256")
	a.node = serve(t)
	names := []string{"rsa", "other", "ec", "ed", "ps", "strict"}
	apply(t, a.node,
		external("rsa", a.rsa, ""), external("other", a.other, ""), external("ec", a.ec, ""), external("ed", a.ed, ""),
		external("ps", a.ps, ""),
		external("strict", a.strict, `, tokens: {audiences: ["urn:test"], require: {tid: acme}}`),
		orders(a.up.URL, "["+strings.Join(names, ", ")+"]", ""), mobile(names...))
	for _, i := range []*issuer.Issuer{a.rsa, a.other, a.ec, a.ed, a.ps} {
		until(t, a.node.Gateway, http.MethodGet, "/orders/v1/items", mint(t, i, issuer.Token{}), 200, "")
	}
	good := mint(t, a.strict, issuer.Token{Claims: map[string]any{"tid": "acme"}})
	until(t, a.node.Gateway, http.MethodGet, "/orders/v1/items", good, 200, "")
	return a
}

// refuse sends the token and expects 401 with one of the codes, a challenge, a decision id, and no word of the token.
func (a *arena) refuse(t *testing.T, token string, codes ...string) {
	t.Helper()
	before := a.up.count()
	got := rawCall(t, a.node.Gateway, "GET /orders/v1/items HTTP/1.1", "Authorization: Bearer "+token)
	if got.status != http.StatusUnauthorized {
		t.Errorf("status %d, want 401: %.300s", got.status, got.body)
		return
	}
	if !contains(codes, got.problem.Code) {
		t.Errorf("code %q, want one of %v (detail: %s)", got.problem.Code, codes, got.problem.Detail)
	}
	if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("challenge %q", got.header.Get("WWW-Authenticate"))
	}
	if id := got.header.Get("X-Keyward-Decision"); id == "" || !strings.Contains(got.problem.Instance, id) {
		t.Errorf("decision %q, instance %q", id, got.problem.Instance)
	}
	if len(token) > 20 && strings.Contains(got.body, token[len(token)-20:]) {
		t.Error("the answer quotes the token")
	}
	for _, secret := range []string{a.up.URL, a.rsa.HostPort(), a.node.Control} {
		if strings.Contains(got.body, secret) {
			t.Errorf("the answer names an internal address: %s", got.body)
		}
	}
	if a.up.count() != before {
		t.Error("the request reached the backend")
	}
	a.explains(t, token, got)
}

// explains: what people are told of a token is what the gateway said to it.
func (a *arena) explains(t *testing.T, token string, verdict *answer) {
	t.Helper()
	if !utf8.ValidString(token) { // a JSON text cannot carry it
		return
	}
	body, err := json.Marshal(map[string]string{"path": items, "token": token})
	if err != nil {
		t.Fatal(err)
	}
	got := decode[explanation](t, admin(t, a.node, http.MethodPost, "/api/v1/explain", string(body)).body)
	if got.Status != verdict.status || got.Code != verdict.problem.Code {
		t.Errorf("explain says %d %s, the gateway %d %s", got.Status, got.Code, verdict.status, verdict.problem.Code)
	}
	failed := ""
	for _, s := range got.Steps {
		if s.Result == "fail" {
			failed += s.Step
		}
		if len(token) > 20 && strings.Contains(s.Seen+s.Expected+s.Fix, token[len(token)-20:]) {
			t.Errorf("step %s shows the token", s.Step)
		}
	}
	if (failed == "") != (got.Status == http.StatusOK) {
		t.Errorf("explain says %d, and that it failed at %q", got.Status, failed)
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// hostile is one token that must be refused.
type hostile struct {
	name  string
	token string
	codes []string
}

// collector gathers hostile tokens of one row of the threat list.
type collector struct {
	t    *testing.T
	list []hostile
}

func (c *collector) add(name, token string, codes ...string) {
	if len(codes) == 0 {
		codes = []string{"invalid_token"}
	}
	c.list = append(c.list, hostile{name, token, codes})
}

// mint signs a token of the issuer and adds it.
func (c *collector) mint(name string, i *issuer.Issuer, token issuer.Token, codes ...string) {
	c.t.Helper()
	c.add(name, mint(c.t, i, token), codes...)
}

// TestHostileTokens sends every hostile token to a running gateway, with a good one before and after each row. What explain says of
// each is what the gateway said.
func TestHostileTokens(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	rows := []struct {
		name  string
		build func(*collector, *arena)
	}{
		{"A1 same kid in two issuers", rowA1},
		{"A2 one issuer's key for another", rowA2},
		{"A3 kid names the key", rowA3},
		{"A4 issuer is compared exactly", rowA4},
		{"A5 issuer is one string", rowA5},
		{"A9 addresses in tokens", rowA9},
		{"B1 algorithm and key confusion", rowB1},
		{"B2 none", rowB2},
		{"B3 psychic and malformed ECDSA", rowB3},
		{"B4 crit and b64", rowB4},
		{"B5 altered tokens", rowB5},
		{"B6 keys in the header", rowB6},
		{"B7 odd kids", rowB7},
		{"B8 shape", rowB8},
		{"B11 other kinds of token", rowB11},
		{"B12 audience", rowB12},
		{"B13 dates", rowB13},
		{"B14 duplicate members", rowB14},
		{"JSON", rowJSON},
		{"client id", rowClientID},
		{"required claims", rowRequire},
	}
	total := 0
	for _, row := range rows {
		c := &collector{t: t}
		row.build(c, a)
		total += len(c.list)
		t.Run(row.name, func(t *testing.T) {
			a.good(t)
			for _, h := range c.list {
				t.Run(h.name, func(t *testing.T) { a.refuse(t, h.token, h.codes...) })
			}
			a.good(t)
		})
	}
	if n := a.trapped.Load(); n != 0 {
		t.Errorf("%d requests went where hostile tokens pointed", n)
	}
	if total < 200 {
		t.Errorf("only %d hostile tokens: the list has shrunk", total)
	}
	t.Logf("%d hostile tokens", total)
}

// good is the positive control: fresh tokens of every issuer pass.
func (a *arena) good(t *testing.T) {
	t.Helper()
	for _, i := range []*issuer.Issuer{a.rsa, a.other, a.ec, a.ed, a.ps} {
		if fault := call(t, a.node.Gateway, http.MethodGet, "/orders/v1/items", mint(t, i, issuer.Token{})).want(200,
			""); fault != "" {
			t.Errorf("a good token of %s: %s", i.Key().Algorithm, fault)
		}
	}
}

// TestGoodTokens are unusual tokens that must pass: refusing them would be a fault too.
func TestGoodTokens(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	tid := map[string]any{"tid": "acme"}
	with := func(more map[string]any) map[string]any {
		claims := map[string]any{}
		for _, m := range []map[string]any{tid, more} {
			for k, v := range m {
				claims[k] = v
			}
		}
		return claims
	}
	now := a.rsa.Claims()["iat"].(int64) //nolint:errcheck // it is what Claims puts there
	tokens := map[string]struct {
		i *issuer.Issuer
		t issuer.Token
	}{
		"no typ":                 {a.rsa, issuer.Token{Header: map[string]any{"typ": nil}}},
		"typ JWT":                {a.rsa, issuer.Token{Header: map[string]any{"typ": "JWT"}}},
		"typ jwt":                {a.rsa, issuer.Token{Header: map[string]any{"typ": "jwt"}}},
		"typ AT+JWT":             {a.rsa, issuer.Token{Header: map[string]any{"typ": "AT+JWT"}}},
		"typ application/at+jwt": {a.rsa, issuer.Token{Header: map[string]any{"typ": "application/at+jwt"}}},
		"azp and nonce":          {a.rsa, issuer.Token{Claims: map[string]any{"azp": "abc", "nonce": "n"}}},
		"azp alone":              {a.rsa, issuer.Token{Claims: map[string]any{"client_id": nil, "azp": "abc"}}},
		"claim typ Bearer":       {a.rsa, issuer.Token{Claims: map[string]any{"typ": "Bearer"}}},
		"token_use access":       {a.rsa, issuer.Token{Claims: map[string]any{"token_use": "access"}}},
		"scope as array":         {a.rsa, issuer.Token{Claims: map[string]any{"scope": []string{"x", "orders:read"}}}},
		"scp":                    {a.rsa, issuer.Token{Claims: map[string]any{"scope": nil, "scp": "orders:read x"}}},
		"union of scope and scp": {a.rsa,
			issuer.Token{Claims: map[string]any{"scope": "x", "scp": []string{"orders:read"}}}},
		"no iat":                  {a.rsa, issuer.Token{Claims: map[string]any{"iat": nil}}},
		"nbf now":                 {a.rsa, issuer.Token{Claims: map[string]any{"nbf": now}}},
		"nbf within the skew":     {a.rsa, issuer.Token{Claims: map[string]any{"nbf": now + 20}}},
		"expired within the skew": {a.rsa, issuer.Token{Claims: map[string]any{"exp": now - 10}}},
		"no sub":                  {a.rsa, issuer.Token{Claims: map[string]any{"sub": nil}}},
		"required claim":          {a.strict, issuer.Token{Claims: with(nil)}},
		"audience in an array": {a.strict,
			issuer.Token{Claims: with(map[string]any{"aud": []string{"x", "urn:test"}})}},
		"deep but not too deep": {a.rsa, issuer.Token{Claims: map[string]any{"deep": nested(20)}}},
		"unknown header member": {a.rsa, issuer.Token{Header: map[string]any{"ctx": "x", "nonce": "y"}}},
	}
	for name, c := range tokens {
		t.Run(name, func(t *testing.T) {
			token := mint(t, c.i, c.t)
			got := call(t, a.node.Gateway, http.MethodGet, "/orders/v1/items", token)
			if fault := got.want(200, ""); fault != "" {
				t.Error(fault)
			}
			a.explains(t, token, got)
		})
	}
}

func nested(depth int) any {
	if depth == 0 {
		return "bottom"
	}
	return map[string]any{"d": nested(depth - 1)}
}

func repeat(s string, n int) string { return strings.Repeat(s, n) }

func quoted(s string) string { return fmt.Sprintf("%q", s) }
