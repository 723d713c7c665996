package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
)

// TestAuthorizationGrammar: what is no well-formed single bearer credential is refused, never with a 5xx, never
// guessed at.
func TestAuthorizationGrammar(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	i := issuer.Start(t, "k", "RS256")
	n := serve(t)
	apply(t, n, external("a", i, ""), orders(up.URL, "[a]", ""), mobile("a"))
	token := mint(t, i, issuer.Token{})
	until(t, n.Gateway, http.MethodGet, "/orders/v1/items", token, 200, "")
	target := "GET /orders/v1/items HTTP/1.1"

	for _, header := range []string{"Bearer " + token, "bearer " + token, "BEARER " + token, "bEaReR " + token} {
		if fault := rawCall(t, n.Gateway, target, "Authorization: "+header).want(200, ""); fault != "" {
			t.Errorf("%.12s…: %s", header, fault)
		}
	}
	if fault := rawCall(t, n.Gateway, target, "authorization:Bearer "+token).want(200, ""); fault != "" {
		t.Error(fault)
	}
	one := func(s string) []string { return []string{"Authorization: " + s} }
	for name, c := range map[string]struct {
		headers []string
		status  []int
	}{
		"two tokens in one":      {one("Bearer " + token + " " + token), []int{400}},
		"two by comma":           {one("Bearer " + token + ", Bearer " + token), []int{400}},
		"comma at the end":       {one("Bearer " + token + ","), []int{400, 401}},
		"two headers":            {append(one("Bearer "+token), one("Bearer "+token)...), []int{400}},
		"two headers, one bad":   {append(one("Bearer x"), one("Bearer "+token)...), []int{400}},
		"basic and bearer":       {append(one("Basic YTpi"), one("Bearer "+token)...), []int{400}},
		"bearer and basic":       {append(one("Bearer "+token), one("Basic YTpi")...), []int{400}},
		"scheme alone":           {one("Bearer"), []int{400, 401}},
		"scheme and blank":       {one("Bearer "), []int{400, 401}},
		"empty":                  {one(""), []int{400, 401}},
		"token alone":            {one(token), []int{400, 401}},
		"basic":                  {one("Basic " + token), []int{401}},
		"digest":                 {one(`Digest username="x", response="` + token + `"`), []int{401, 400}},
		"DPoP":                   {one("DPoP " + token), []int{401, 400}},
		"negotiate":              {one("Negotiate " + token), []int{401, 400}},
		"equals sign":            {one("Bearer=" + token), []int{400, 401}},
		"no blank":               {one("Bearer" + token), []int{400, 401}},
		"tab":                    {one("Bearer\t" + token), []int{400, 401}},
		"quotes":                 {one(`Bearer "` + token + `"`), []int{400, 401}},
		"named":                  {one("Bearer token=" + token), []int{400, 401}},
		"something after":        {one("Bearer " + token + " x=y"), []int{400}},
		"NUL":                    {one("Bearer " + token + "\x00"), []int{400}},
		"control character":      {one("Bearer " + token + "\x01"), []int{400, 401}},
		"not ASCII":              {one("Bearer " + token + "\u00e9"), []int{400, 401}},
		"JSON":                   {one(`Bearer {"access_token":"` + token + `"}`), []int{400, 401}},
		"other header":           {[]string{"X-Authorization: Bearer " + token}, []int{401}},
		"proxy header":           {[]string{"Proxy-Authorization: Bearer " + token}, []int{401}},
		"underscore":             {[]string{"Authorization_: Bearer " + token}, []int{401, 400}},
		"blank before the colon": {[]string{"Authorization : Bearer " + token}, []int{400}},

		"cookie":                    {[]string{"Cookie: access_token=" + token}, []int{401}},
		"fullwidth scheme":          {one("Ｂearer " + token), []int{400, 401}},
		"scheme in another's place": {one("Basic Bearer " + token), []int{400, 401}},
		"20 KiB":                    {one("Bearer " + repeat("a", 20<<10)), []int{400, 401, 431}},
		"1 MiB":                     {one("Bearer " + repeat("a", 1<<20)), []int{400, 401, 431}},
		"a million dots":            {one("Bearer " + repeat(".", 1_000_000)), []int{400, 401, 431}},
		"many headers": {strings.Split(strings.TrimSuffix(repeat("X-Filler: y\n", 3000), "\n"), "\n"),
			[]int{400, 401, 431}},
	} {
		t.Run(name, func(t *testing.T) {
			before := up.count()
			got := rawCall(t, n.Gateway, target, c.headers...)
			if !containsInt(c.status, got.status) {
				t.Errorf("status %d %s, want one of %v: %.200s", got.status, got.problem.Code, c.status, got.body)
			}
			if up.count() != before {
				t.Error("it reached the backend")
			}
		})
	}
	for name, c := range map[string]struct {
		line   string
		header []string
		want   int
	}{
		"query and header":   {"GET /orders/v1/items?access_token=" + token + " HTTP/1.1", one("Bearer " + token), 400},
		"query alone":        {"GET /orders/v1/items?access_token=" + token + " HTTP/1.1", nil, 401},
		"empty query member": {"GET /orders/v1/items?access_token= HTTP/1.1", one("Bearer " + token), 400},
	} {
		if got := rawCall(t, n.Gateway, c.line, c.header...); got.status != c.want {
			t.Errorf("%s: status %d, want %d", name, got.status, c.want)
		}
	}
}

func containsInt(list []int, v int) bool {
	for _, l := range list {
		if l == v {
			return true
		}
	}
	return false
}

// TestIdentityHeadersOfCallers is rows D1, D2 and D5: what looks like our header never comes from a caller, on any
// route; and ours cannot be nominated away.
func TestIdentityHeadersOfCallers(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	i := issuer.Start(t, "k", "RS256")
	n := serve(t)
	open := fmt.Sprintf(`context: /open, version: v1, upstream: {production: %q}, keyManagers: [a], subscription: none,
  operations: [{method: "*", path: "/**"}]`, up.URL)
	apply(t, n, external("a", i, ""), orders(up.URL, "[a]", ", backendJWT: {enabled: true}"), mobile("a"),
		manifest("API", "open-v1", open))
	token := mint(t, i, issuer.Token{})
	until(t, n.Gateway, http.MethodGet, "/orders/v1/items", token, 200, "")
	until(t, n.Gateway, http.MethodGet, "/open/v1/x", token, 200, "")

	spellings := []string{
		"X-JWT-Assertion", "x-jwt-assertion", "X-Jwt-Assertion", "X_JWT_Assertion", "x_jwt_assertion", "X-JWT_Assertion", "X_JWT-ASSERTION",
	}
	for _, route := range []struct{ line, token string }{
		{"GET /orders/v1/items HTTP/1.1", token}, {"GET /orders/v1/ping HTTP/1.1", ""}, {"GET /orders/v1/ping HTTP/1.1",
			token},
		{"GET /open/v1/x HTTP/1.1", token}, {"GET /orders/v1/open HTTP/1.1", token},
	} {
		for _, name := range spellings {
			headers := []string{name + ": forged-by-the-caller", name + ": forged-again"}
			if route.token != "" {
				headers = append(headers, "Authorization: Bearer "+route.token)
			}
			got := rawCall(t, n.Gateway, route.line, headers...)
			if fault := got.want(200, ""); fault != "" {
				t.Errorf("%s with %s: %s", route.line, name, fault)
			}
			for sent, values := range got.echo.Header {
				if strings.Contains(strings.Join(values, " "), "forged") {
					t.Errorf("%s: %s reached the backend as %s: %v", route.line, name, sent, values)
				}
			}
		}
	}
	for _, nominated := range []string{"X-JWT-Assertion", "close, X-JWT-Assertion", "x-jwt-assertion, authorization",
		"X_JWT_Assertion"} {
		text := "GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: " + nominated +
			"\r\nAuthorization: Bearer " + token + "\r\n\r\n"
		got := rawBytes(t, n.Gateway, text)
		if got.status == http.StatusOK && got.echo.Header.Get("X-JWT-Assertion") == "" {
			t.Errorf("Connection: %s took our header away", nominated)
		}
		if got.status >= 500 {
			t.Errorf("Connection: %s: status %d", nominated, got.status)
		}
	}
	trailer := "POST /orders/v1/open HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n" +
		"Trailer: X-JWT-Assertion\r\n" +
		"Authorization: Bearer " + token + "\r\n\r\n3\r\nabc\r\n0\r\nX-JWT-Assertion: forged\r\n\r\n"
	got := rawBytes(t, n.Gateway, trailer)
	if got.status != http.StatusOK || got.echo.Trailer.Get("X-JWT-Assertion") != "" || got.echo.Body != "abc" {
		t.Errorf("status %d, trailer %v, body %q", got.status, got.echo.Trailer, got.echo.Body)
	}
}

// TestForwardedOfStrangers: nothing of a caller's Forwarded is believed unless it is a trusted peer.
func TestForwardedOfStrangers(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	i := issuer.Start(t, "k", "RS256")
	for _, trusted := range []bool{false, true} {
		t.Run(fmt.Sprintf("trusted %v", trusted), func(t *testing.T) {
			settings := []string{}
			if trusted {
				settings = append(settings, "KEYWARD_TRUSTED_PEERS=127.0.0.0/8")
			}
			n := serve(t, settings...)
			apply(t, n, external("a", i, ""), orders(up.URL, "[a]", ""), mobile("a"))
			until(t, n.Gateway, http.MethodGet, "/orders/v1/ping", "", 200, "")
			got := rawCall(t, n.Gateway, "GET /orders/v1/ping HTTP/1.1", "X-Forwarded-For: 203.0.113.9",
				"X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /evil", "X_Forwarded_For: 203.0.113.9",
				`Forwarded: for=203.0.113.9;host=evil.example`, "X-Real-IP: 203.0.113.9", "X-Original-URL: /orders/v1/admin",
				"X-Rewrite-URL: /orders/v1/admin", "X-HTTP-Method-Override: DELETE", "X-Forwarded-Uri: /evil")
			if fault := got.want(200, ""); fault != "" {
				t.Fatal(fault)
			}
			believed := false
			for name, values := range got.echo.Header {
				text := strings.Join(values, " ")
				if strings.Contains(text, "203.0.113.9") {
					believed = true
				}
				if !trusted && (strings.Contains(text, "203.0.113.9") || strings.Contains(text, "evil")) {
					t.Errorf("%s: %s of a stranger reached the backend", name, text)
				}
			}
			if trusted && !believed {
				t.Errorf("a trusted peer's word about its caller was lost: %v", got.echo.Header)
			}
			for _, name := range []string{"X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override"} {
				if v := got.echo.Header.Get(name); v != "" {
					t.Errorf("%s: %s reached the backend", name, v)
				}
			}
		})
	}
}

// TestMalformedHTTP: what two parsers could read in two ways is refused.
func TestMalformedHTTP(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	i := issuer.Start(t, "k", "RS256")
	n := serve(t)
	apply(t, n, external("a", i, ""), orders(up.URL, "[a]", ""), mobile("a"))
	token := mint(t, i, issuer.Token{})
	until(t, n.Gateway, http.MethodPost, "/orders/v1/open", token, 200, "")
	head := "Host: x\r\nConnection: close\r\nAuthorization: Bearer " + token + "\r\n"
	post := "POST /orders/v1/open HTTP/1.1\r\n" + head
	for name, text := range map[string]string{
		"length twice, different":     post + "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
		"length with a sign":          post + "Content-Length: +3\r\n\r\nabc",
		"length and a comma":          post + "Content-Length: 3, 5\r\n\r\nabcde",
		"negative length":             post + "Content-Length: -1\r\n\r\n",
		"two transfer codings":        post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"unknown transfer coding":     post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"coding with vertical tab":    post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n",
		"blank before the colon":      post + "Content-Length : 3\r\n\r\nabc",
		"header without a name":       post + ": x\r\n\r\n",
		"no host":                     "GET /orders/v1/ping HTTP/1.1\r\nConnection: close\r\n\r\n",
		"two hosts":                   "GET /orders/v1/ping HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
		"host with a path":            "GET /orders/v1/ping HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n",
		"bad version":                 "GET /orders/v1/ping HTTP/9.9\r\nHost: a\r\n\r\n",
		"no version":                  "GET /orders/v1/ping\r\n\r\n",
		"bad chunk size":              post + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		"blank in the method":         "G ET /orders/v1/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"control in a header's value": post + "X-A: a\x00b\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := rawBytes(t, n.Gateway, text)
			// 502 is for a body that breaks off after the backend was asked.
			if got.status != 0 && (got.status < 400 || got.status == 500) {
				t.Errorf("status %d: %.200s", got.status, got.body)
			}
		})
	}
	both := rawBytes(t, n.Gateway, post+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	if both.status == http.StatusOK && both.echo.Body != "abc" {
		t.Errorf("two lengths: the backend saw %q", both.echo.Body)
	}
}
