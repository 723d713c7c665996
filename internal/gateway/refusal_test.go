package gateway

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce"
)

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	bearer := func(raw string) http.Header { return http.Header{"Authorization": {"Bearer " + raw}} }
	none, two := http.Header{"Authorization": nil}, http.Header{"Authorization": {"Bearer a", "Bearer b"}}
	expired, foreign := w.token(map[string]any{"exp": 1000}), w.token(map[string]any{"iss": "https://x"})
	tests := []struct {
		name, method, path string
		header             http.Header
		status             int
		code               keyward.Code
		challenge          string // part of WWW-Authenticate; "" = none
	}{
		{"no credential", "GET", "/orders/v1/items", none, 401, keyward.CodeMissingCredentials, `Bearer realm="keyward"`},
		{"rubbish", "GET", "/orders/v1/items", bearer("rubbish"), 401, keyward.CodeInvalidToken, `error="invalid_token"`},
		{"expired", "GET", "/orders/v1/items", bearer(expired), 401, keyward.CodeTokenExpired, `error="invalid_token"`},
		{"unknown issuer", "GET", "/orders/v1/items", bearer(foreign), 401, keyward.CodeUnknownIssuer, `error="invalid_token"`},
		{"two credentials", "GET", "/orders/v1/items", two, 400, keyward.CodeInvalidRequest, `error="invalid_request"`},
		{"scope", "POST", "/orders/v1/admin", nil, 403, keyward.CodeInsufficientScope, `error="insufficient_scope"`},
		{"no API", "GET", "/nowhere", nil, 404, keyward.CodeNoSuchAPI, ""},
		{"no operation", "GET", "/orders/v1/none", nil, 404, keyward.CodeNoSuchOperation, ""},
		{"no method", "GET", "/orders/v1/admin", nil, 405, keyward.CodeNoSuchOperation, ""},
		{"ambiguous path", "GET", "/orders/v1/items/%2e%2e/admin", nil, 400, keyward.CodeInvalidRequest, ""},
		{"reserved", "GET", "/.well-known/other", nil, 404, keyward.CodeNoSuchAPI, ""},
		{"unreachable", "GET", "/gone/v1/items", nil, 502, keyward.CodeUpstreamUnreachable, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := w.send(tt.method, tt.path, tt.header, nil)
			wantProblem(t, resp, tt.status, tt.code)
			got := resp.Header.Get("WWW-Authenticate")
			if tt.challenge == "" && got != "" || !strings.Contains(got, tt.challenge) {
				t.Errorf("challenge %q, want %q in it", got, tt.challenge)
			}
			switch tt.name {
			case "no credential":
				if strings.Contains(got, "error") {
					t.Errorf("without a credential a challenge names no error: %q", got)
				}
			case "scope":
				if !strings.Contains(got, `scope="orders:admin"`) {
					t.Errorf("challenge %q", got)
				}
			case "no method":
				if resp.Header.Get("Allow") != "POST" {
					t.Errorf("Allow %q", resp.Header.Get("Allow"))
				}
			}
		})
	}
	resp := w.send("GET", "/orders/v1/items", nil, nil)
	if resp.StatusCode != 200 || resp.Header.Get("X-Keyward-Decision") == "" {
		t.Fatalf("positive control: %d", resp.StatusCode)
	}
}

func TestPlanExhaustedTellsWhenToComeBack(t *testing.T) {
	w := newWorld(t)
	w.limit(1)
	if resp := w.send("GET", "/orders/v1/items", nil, nil); resp.StatusCode != 200 {
		t.Fatalf("the first call: %d", resp.StatusCode)
	}
	resp := w.send("GET", "/orders/v1/items", nil, nil)
	wantProblem(t, resp, 429, keyward.CodePlanExhausted)
	for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy"} {
		if resp.Header.Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
}

func TestKeyManagerUnavailable(t *testing.T) {
	w := newWorld(t)
	w.corp.Close()
	resp := w.send("GET", "/orders/v1/items", nil, nil)
	wantProblem(t, resp, 503, keyward.CodeKeyManagerUnavailable)
	if resp.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestNotServing(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/orders/v1/items", "/.well-known/jwks.json"} {
		w.stopServing(keyward.Errorf(keyward.CodeGatewayStale, "for too long"))
		wantProblem(t, w.send("GET", path, nil, nil), 503, keyward.CodeGatewayStale)
		w.stopServing(errors.New("an inner matter at 127.0.0.1"))
		wantProblem(t, w.send("GET", path, nil, nil), 503, keyward.CodeGatewayStale)
		w.stopServing(nil)
		if resp := w.send("GET", path, nil, nil); resp.StatusCode != 200 {
			t.Errorf("%s serving again: %d", path, resp.StatusCode)
		}
	}
}

func TestJWKS(t *testing.T) {
	w := newWorld(t)
	resp := w.send("GET", "/.well-known/jwks.json", http.Header{"Authorization": nil}, nil)
	if body := readAll(t, resp.Body); resp.StatusCode != 200 || body != `{"keys":[{"kty":"EC","kid":"gk"}]}`+"\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp.Header.Get("X-Keyward-Decision") == "" || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("header %v", resp.Header)
	}
	head := w.send("HEAD", "/.well-known/jwks.json", nil, nil)
	if head.StatusCode != 200 || readAll(t, head.Body) != "" {
		t.Errorf("HEAD: %d", head.StatusCode)
	}
	for _, target := range []string{"/%2Ewell-known/jwks%2ejson?x", "http://anything/.well-known/jwks.json"} {
		if resp := w.raw("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n"); resp.StatusCode != 200 {
			t.Errorf("%s: %d", target, resp.StatusCode)
		}
	}
	wantProblem(t, w.raw("GET /.well-known%2Fjwks.json HTTP/1.1\r\nHost: x\r\n\r\n"), 400, keyward.CodeInvalidRequest)
	post := w.send("POST", "/.well-known/jwks.json", nil, nil)
	wantProblem(t, post, 405, keyward.CodeNoSuchOperation)
	if post.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow %q", post.Header.Get("Allow"))
	}
	wantProblem(t, w.send("GET", "/.well-known/jwks.json/", nil, nil), 404, keyward.CodeNoSuchAPI)
}

// TestRequestsThatTheServerRefuses never reach a handler, and get the contract's answer all the same.
func TestRequestsThatTheServerRefuses(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *world) {
		get := func(target string) string {
			return "GET " + target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token(nil) + "\r\n\r\n"
		}
		if resp := w.raw(get("/orders/v1/items/%41")); resp.StatusCode != 200 {
			t.Fatalf("positive control: %d", resp.StatusCode)
		}
		w.forget()
		for name, text := range map[string]string{
			"bad percent-encoding":    get("/orders/v1/items/%zz"),
			"half a percent-encoding": get("/orders/v1/items/%"),
			"control character":       get("/orders/v1/items/\x01"),
			"encoded zero byte":       get("/orders/v1/items/%00"),
			"raw byte, not UTF-8":     get("/orders/v1/items/\xff"),
			"encoded, not UTF-8":      get("/orders/v1/items/%ff"),
			"space":                   get("/orders/v1/items/ a"),
			"no slash":                get("orders/v1/items"),
			"asterisk":                "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
			"authority":               "CONNECT 10.0.0.1:80 HTTP/1.1\r\nHost: 10.0.0.1:80\r\n\r\n",
			"tunnel with a path":      strings.Replace(get("/raw/v1/items/x"), "GET", "CONNECT", 1),
			"no host in the target":   get("http:///orders/v1/items"),
			"user in the target":      get("http://user@gateway/orders/v1/items"),
			"backslash":               get(`/orders/v1/items\..\admin`),
			"semicolon":               get("/orders/v1/items;x=1/a"),
			"two slashes":             get("//orders/v1/items"),
			"no host":                 "GET /orders/v1/items HTTP/1.1\r\n\r\n",
			"two hosts":               "GET /orders/v1/items HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
			"space before the colon":  "GET /orders/v1/items HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer x\r\n\r\n",
			"two lengths":             "POST /orders/v1/items HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
			"odd length":              "POST /orders/v1/items HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
		} {
			t.Run(name, func(t *testing.T) { wantProblem(t, w.raw(text), 400, keyward.CodeInvalidRequest) })
		}
		if w.got() != nil {
			t.Errorf("the backend got %v", w.got())
		}
		large := "GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"
		wantProblem(t, w.raw(large), 431, keyward.CodeInvalidRequest)
		odd := "GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nExpect: a-lot\r\n\r\n"
		wantProblem(t, w.raw(odd), 417, keyward.CodeInvalidRequest)
	})
}

func TestChallengeKeepsToItsCharacters(t *testing.T) {
	got := challenge(&enforce.Refusal{
		Code: keyward.CodeInsufficientScope, Challenge: true, Detail: "a\"b\\c\r\nX: y\u00e9", Scopes: []string{"a", `b"c`},
	})
	want := `Bearer realm="keyward", error="insufficient_scope", error_description="abcX: y", scope="a bc"`
	if got != want {
		t.Errorf("challenge %q, want %q", got, want)
	}
}

func TestProblemInsteadLeavesOthersAlone(t *testing.T) {
	refusal := "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	if problemInstead([]byte(refusal)) == nil {
		t.Error("positive control")
	}
	for _, text := range []string{
		"", "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n200 OK",
		"HTTP/1.1 400 Bad Request\r\nDate: x\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request",
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nsomething else",
		"HTTP/1.1 417 Expectation Failed\r\nX-Keyward-Decision: a\r\nContent-Length: 0\r\n\r\n",
		" " + refusal, refusal + strings.Repeat(" ", 2000),
	} {
		if problemInstead([]byte(text)) != nil {
			t.Errorf("%.60q should stay", text)
		}
	}
}

func TestLogsAndMetricsHideTokens(t *testing.T) {
	w := newWorld(t)
	raw := w.token(nil)
	for _, path := range []string{"/orders/v1/items?key=hidden-in-query", "/orders/v1/admin", "/gone/v1/items", "/nowhere"} {
		resp := w.send("POST", path, http.Header{"Authorization": {"Bearer " + raw}}, nil)
		_ = readAll(t, resp.Body)
	}
	_ = readAll(t, w.send("GET", "/orders/v1/items", http.Header{"Authorization": {"Bearer " + raw[:len(raw)-4] + "AAAA"}}, nil).Body)
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var metrics strings.Builder
	for _, f := range families {
		metrics.WriteString(f.String())
	}
	for _, want := range []string{"keyward_requests_total", `"insufficient_scope"`, `"upstream_unreachable"`, `"ok"`, "corp", "orders"} {
		if !strings.Contains(metrics.String(), want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	logs := w.log.String()
	if !strings.Contains(logs, "code=insufficient_scope") || !strings.Contains(logs, "token=sha256:") {
		t.Errorf("log %s", logs)
	}
	for _, part := range strings.Split(raw, ".") {
		if strings.Contains(logs, part) || strings.Contains(metrics.String(), part) || strings.Contains(logs, "hidden-in-query") {
			t.Fatal("a token or a query is in the logs")
		}
	}
}
