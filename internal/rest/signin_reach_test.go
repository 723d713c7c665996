package rest_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/postgres"
	"keyward.dev/keyward/internal/testbed/walled"
)

// TestSignInThroughAWall: behind a proxy that wants a password, at a server of a private authority that wants a client certificate,
// which is all that proves the console's client (RFC 8705, section 2). Without any one of these nobody is let in.
func TestSignInThroughAWall(t *testing.T) {
	h := newHouse(t)
	g := h.gate("corp", nil)
	behind, err := url.Parse(g.is.URL)
	if err != nil {
		t.Fatal(err)
	}
	private := walled.NewAuthority(t)
	wall := private.Server(t, true, httputil.NewSingleHostReverseProxy(behind))
	proxy := walled.StartProxy(t, "keyward", "proxy-password", nil)
	certificate, key := private.Client(t, "console")
	g.is.Fix("/.well-known/openid-configuration", issuer.Answer{Body: textOf(t, map[string]any{
		"issuer": g.is.Issuer, "jwks_uri": wall.URL + "/jwks", "token_endpoint": wall.URL + "/token",
		"authorization_endpoint": g.is.URL + "/authorize", "userinfo_endpoint": wall.URL + "/userinfo",
	})})
	outbound := map[string]any{
		"proxy": proxy.URL, "proxyUser": "keyward", "proxyPassword": "proxy-password", "ca": private.PEM,
		"certificate": certificate, "key": key,
	}
	declare := func(without string, instead any) answer {
		given := maps.Clone(outbound)
		if delete(given, without); instead != nil {
			given[without] = instead
		}
		object := fmt.Sprintf(`{"apiVersion":"keyward.dev/v1","kind":"KeyManager","metadata":{"name":"corp"},"spec":{"type":"oidc",`+
			`"issuer":%q,"keys":{"jwks":"%s/jwks"},"endpoints":{"authorization":"%s/authorize","token":"%s/token",`+
			`"userinfo":"%s/userinfo"},"outbound":%s,"signIn":{"enabled":true,"clientId":"console","method":"tls","roles":%s}}}`,
			g.is.Issuer, wall.URL, g.is.URL, wall.URL, wall.URL, textOf(t, given), gateRules)
		return h.call("admin", http.MethodPost, "/api/v1/apply", `{"objects":[`+object+`]}`)
	}
	if a := declare("", nil); a.status != http.StatusOK {
		t.Fatalf("declare: %d %s", a.status, a.body)
	}
	if p := g.come(h.tab(), map[string]any{"department": nil}); !signedIn(p) {
		t.Fatalf("through the wall: %d %s", p.status, p.text)
	}
	sent := g.is.Seen("/token")[0]
	if sent.Auth != "" || !strings.Contains(sent.Form, "client_id=console") || strings.Contains(sent.Form, "secret") ||
		strings.Contains(sent.Form, "assertion") {
		t.Errorf("the token request: %+v", sent)
	}
	if len(g.is.Seen("/userinfo")) == 0 || len(proxy.Asked()) == 0 {
		t.Errorf("userinfo was asked %d times, the proxy %d times", len(g.is.Seen("/userinfo")), len(proxy.Asked()))
	}
	for without, instead := range map[string]any{"ca": nil, "proxyPassword": "another"} {
		if a := declare(without, instead); a.status != http.StatusOK {
			t.Fatalf("without %s: %d %s", without, a.status, a.body)
		}
		g.is.Forget()
		b := h.tab()
		p := b.do(http.MethodGet, "/session/start?via=corp", "")
		if p.status != http.StatusBadGateway || signedIn(p) || len(g.is.Seen("/token")) > 0 {
			t.Errorf("without %s: %d %s", without, p.status, p.text)
		}
	}
	a := declare("certificate", nil)
	if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "spec.outbound.certificate") {
		t.Errorf("without a certificate: %d %s", a.status, a.body)
	}
}

// TestSignInOfManyOrganizations: ID tokens of Microsoft Entra name the organization in iss and tid (learn.microsoft.com, "ID token
// claims reference", read in November 2026). Both have to be of one that is listed, and it is a part of who somebody is.
func TestSignInOfManyOrganizations(t *testing.T) {
	const (
		one = "11111111-86f1-41af-91ab-2d7cd011db47"
		two = "22222222-86f1-41af-91ab-2d7cd011db47"
		odd = "33333333-86f1-41af-91ab-2d7cd011db47"
	)
	h := newHouse(t)
	g := h.gate("entra", nil)
	h.apply(fmt.Sprintf(`{"apiVersion":"keyward.dev/v1","kind":"KeyManager","metadata":{"name":"entra"},"spec":{"type":"entra",`+
		`"issuer":"%[1]s/{tid}/v2.0","keys":{"jwks":"%[1]s/jwks"},"endpoints":{"authorization":"%[1]s/authorize","token":"%[1]s/token"},`+
		`"tokens":{"match":[{"claims":{"tid":%[2]q}},{"claims":{"tid":%[3]q}}]},`+
		`"signIn":{"enabled":true,"clientId":"console","clientSecret":"s","roles":%[4]s}}}`, g.is.URL, one, two, gateRules))
	come := func(iss, tid any) (seen, string) {
		claims := map[string]any{"iss": nil, "tid": tid}
		if iss != nil {
			claims["iss"] = fmt.Sprintf("%s/%v/v2.0", g.is.URL, iss)
		}
		b := h.tab()
		p := g.come(b, claims)
		who, _ := b.who()
		return p, who.User
	}
	for _, tid := range []string{one, two} {
		if p, who := come(tid, tid); !signedIn(p) || who != "entra|"+tid+"/0001" {
			t.Errorf("of %s: %d %s, %s", tid, p.status, p.text, who)
		}
	}
	for what, c := range map[string][2]any{
		"one's issuer, two's tid": {one, two}, "no tid": {one, nil}, "not listed": {odd, odd}, "the template": {"{tid}", one},
		"no issuer": {nil, one},
	} {
		if p, _ := come(c[0], c[1]); signedIn(p) || p.status != http.StatusBadGateway {
			t.Errorf("%s: %d %s", what, p.status, p.text)
		}
	}
}

// TestTwoControlPlanes on one PostgreSQL are one to browsers: what one begins the other ends, and who is signed out at one is at both.
func TestTwoControlPlanes(t *testing.T) {
	cluster, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	database, err := cluster.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key := seal.NewKey()
	h := newHouseOver(t, store.Options{URL: database, Key: key}, store.Options{URL: database, Key: key})
	h.person()
	oneStays(h)
	nothingOutlives(h)
	g := h.gate("corp", nil)
	g.declare("")

	b := h.tab()
	asked := g.begin(b, "&return=/apis")
	g.give(g.sign(g.is.Key(), g.claims(asked), nil))
	h.front.Store(1)
	if p := b.do(http.MethodGet, back(asked), ""); !signedIn(p) {
		t.Fatalf("begun at the one, ended at the other: %d %s", p.status, p.text)
	}
	if who, _ := b.who(); who.User != "corp|0001" {
		t.Errorf("at the other: %+v", who)
	}
	h.front.Store(0)
	if who, _ := b.who(); who.User != "corp|0001" {
		t.Errorf("at the one: %+v", who)
	}
	if p := b.do(http.MethodGet, back(asked), ""); p.status != http.StatusBadRequest {
		t.Errorf("the same answer at the one: %d", p.status)
	}
	if p := b.do(http.MethodDelete, "/api/v1/session", ""); p.status >= 300 {
		t.Fatalf("sign out: %d %s", p.status, p.text)
	}
	h.front.Store(1)
	if _, status := b.who(); status != http.StatusUnauthorized {
		t.Errorf("signed out at the one, and at the other: %d", status)
	}
}

// nothingOutlives disables a user who signs in at the same time: enabled again, they are signed in nowhere.
func nothingOutlives(h *house) {
	h.t.Helper()
	for range 8 {
		b, sent := h.tab(), make(chan struct{})
		form := b.do(http.MethodGet, "/session/start?return=/apis", "")
		go func() {
			defer close(sent)
			b.fill(form, "name", "alice", "password", aliceSecret)
		}()
		h.must("admin", http.MethodPut, "/api/v1/users/alice", `{"spec":{"enabled":false,"roles":["developer"],"groups":["payments"]}}`)
		<-sent
		h.must("admin", http.MethodPut, "/api/v1/users/alice", `{"spec":{"roles":["developer"],"groups":["payments"]}}`)
		if _, status := b.who(); status != http.StatusUnauthorized {
			h.t.Errorf("a session outlives its user's being disabled: %d", status)
		}
		if p := b.do(http.MethodGet, "/oauth2/account", ""); p.url.Path == "/oauth2/account" {
			h.t.Error("a sign-in outlives its user's being disabled")
		}
	}
}

// oneStays takes the last two owners of an application away at the same time, and the last two administrators: one stays.
func oneStays(h *house) {
	h.t.Helper()
	together := func(asking, paths [2]string) (gone int) {
		codes := make(chan int)
		for i := range 2 {
			go func() { codes <- h.call(asking[i], http.MethodDelete, "/api/v1/users/"+paths[i], "").status }()
		}
		for range 2 {
			if <-codes == http.StatusNoContent {
				gone++
			}
		}
		return gone
	}
	for round := range 8 {
		two := [2]string{"one" + strconv.Itoa(round), "two" + strconv.Itoa(round)}
		h.users(map[string][]keyward.Role{two[0]: {keyward.RoleAdmin}, two[1]: {keyward.RoleAdmin}}, "default")
		application := "/api/v1/applications/of-" + two[0]
		h.must("admin", http.MethodPut, application, `{"spec":{"owners":["`+two[0]+`","`+two[1]+`"]}}`)
		if gone := together([2]string{"admin", "admin"}, two); gone != 1 {
			h.t.Errorf("%d of two owners are gone", gone)
		}
		h.must("admin", http.MethodDelete, application, "")
		h.users(map[string][]keyward.Role{two[0]: {keyward.RoleAdmin}, two[1]: {keyward.RoleAdmin}}, "default")
		for i := range round { // those before
			h.call("admin", http.MethodPut, "/api/v1/users/one"+strconv.Itoa(i), `{"spec":{}}`)
			h.call("admin", http.MethodPut, "/api/v1/users/two"+strconv.Itoa(i), `{"spec":{}}`)
		}
		h.must(two[0], http.MethodPut, "/api/v1/users/admin", `{"spec":{"enabled":false,"roles":["admin"]}}`)
		if gone := together([2]string{two[1], two[0]}, two); gone != 1 {
			h.t.Errorf("%d of two administrators are gone", gone)
		}
		for _, name := range two {
			h.call(name, http.MethodPut, "/api/v1/users/admin", `{"spec":{"roles":["admin"]}}`)
		}
	}
}
