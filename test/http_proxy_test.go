package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// stage is a gateway in front of a backend with odd routes, and a token that passes.
type stage struct {
	node  *program.Node
	up    *upstream
	iss   *issuer.Issuer
	token string
}

func newStage(t *testing.T, routes map[string]http.HandlerFunc) *stage {
	t.Helper()
	s := &stage{up: newUpstream(t), iss: issuer.Start(t, "k", "RS256")}
	for path, h := range routes {
		s.up.handle(path, h)
	}
	s.node = serve(t)
	apply(t, s.node, external("a", s.iss, ""), orders(s.up.URL, "[a]", ", backendJWT: {enabled: true}"), mobile("a"))
	s.token = mint(t, s.iss, issuer.Token{})
	until(t, s.node.Gateway, http.MethodGet, items, s.token, 200, "")
	return s
}

func (s *stage) request(t *testing.T, method, path string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.node.Gateway+"/orders/v1"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	return req
}

// TestServerSentEvents: each event is passed on when it comes, not when the answer ends.
func TestServerSentEvents(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	s := newStage(t, map[string]http.HandlerFunc{"/files/events": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-more:
			case <-r.Context().Done():
				return
			}
		}
	}})
	resp, err := http.DefaultClient.Do(s.request(t, http.MethodGet, "/files/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for i := range 3 {
		want := fmt.Sprintf("data: %d", i)
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, want %q", lines.Text(), want)
		}
		lines.Scan()
		more <- struct{}{} // the backend goes on only when this event has arrived
	}
}

// TestStreamingBothWays: a request's body flows to the backend while the answer flows back.
func TestStreamingBothWays(t *testing.T) {
	t.Parallel()
	s := newStage(t, map[string]http.HandlerFunc{"/files/stream": func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			_, _ = fmt.Fprintf(w, "echo %s\n", lines.Text())
			_ = control.Flush()
		}
	}})
	in, out := io.Pipe()
	req := s.request(t, http.MethodPost, "/files/stream", in)
	go func() { _, _ = fmt.Fprintln(out, "one") }()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != "echo one" {
		t.Fatalf("got %q", lines.Text())
	}
	_, _ = fmt.Fprintln(out, "two")
	if !lines.Scan() || lines.Text() != "echo two" {
		t.Fatalf("got %q", lines.Text())
	}
	_ = out.Close()
}

// TestLargeBodies pass unchanged, with a length and chunked.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	s := newStage(t, map[string]http.HandlerFunc{"/files/big": func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // else Go's server throws away what is unread
		_, _ = io.Copy(w, r.Body)
	}})
	text := repeat("0123456789abcdef", 1<<18) // 4 MiB
	for name, body := range map[string]io.Reader{"length": strings.NewReader(text),
		"chunked": io.MultiReader(strings.NewReader(text))} {
		resp, err := http.DefaultClient.Do(s.request(t, http.MethodPut, "/files/big", body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(got) != text {
			t.Errorf("%s: %d bytes came back of %d, error %v", name, len(got), len(text), err)
		}
	}
}

// websocket is a backend that upgrades and echoes lines.
func websocket(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "upgrade wanted", http.StatusUpgradeRequired)
		return
	}
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = fmt.Fprintf(rw,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: x\r\nX-Seen-Assertion: %t\r\n\r\n",
		r.Header.Get("X-JWT-Assertion") != "")
	_ = rw.Flush()
	for {
		line, err := rw.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
	}
}

// upgrade opens a WebSocket by hand.
func (s *stage) upgrade(t *testing.T, token string) (net.Conn, *bufio.Reader, int, http.Header) {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.node.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(callLimit)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(c,
		"GET /orders/v1/files/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+
			"X-JWT-Assertion: forged\r\nAuthorization: Bearer %s\r\n\r\n", token)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		_ = resp.Body.Close()
	}
	return c, r, resp.StatusCode, resp.Header
}

// TestWebSocket passes with a good token only, and is cut when its key manager is switched off (row A10).
func TestWebSocket(t *testing.T) {
	t.Parallel()
	s := newStage(t, map[string]http.HandlerFunc{"/files/ws": websocket})
	if _, _, status, _ := s.upgrade(t, "x"); status != http.StatusUnauthorized {
		t.Errorf("a bad token: %d", status)
	}
	c, r, status, header := s.upgrade(t, s.token)
	if status != http.StatusSwitchingProtocols || header.Get("X-Seen-Assertion") != "true" {
		t.Fatalf("%d, identity %q", status, header.Get("X-Seen-Assertion"))
	}
	for _, word := range []string{"one", "two"} {
		if _, err := fmt.Fprintln(c, word); err != nil {
			t.Fatal(err)
		}
		if got, err := r.ReadString('\n'); err != nil || got != "echo "+word+"\n" {
			t.Fatalf("got %q, error %v", got, err)
		}
	}
	apply(t, s.node, external("a", s.iss, ", enabled: false"))
	if got, err := io.ReadAll(r); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the open stream was not cut: %q, %v", got, err)
	}
}

// TestHTTP2WithoutTLS: a gateway listener takes h2c with prior knowledge, and the same paths are refused there.
func TestHTTP2WithoutTLS(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Timeout: callLimit, Transport: &http.Transport{Protocols: protocols}}
	do := func(opaque string, forged bool) *answer {
		t.Helper()
		req := s.request(t, http.MethodGet, "/items", nil)
		if opaque != "" {
			req.URL.Opaque = opaque
		}
		if forged {
			req.Header.Set("X_JWT_Assertion", "forged")
		}
		return sendBy(t, client, req)
	}
	got := do("", true)
	if fault := got.want(200, ""); fault != "" {
		t.Fatal(fault)
	}
	if strings.Contains(fmt.Sprint(got.echo.Header), "forged") {
		t.Errorf("an identity header of the caller: %v", got.echo.Header)
	}
	for _, path := range []string{"/orders/v1/files/../admin", "/orders//v1/items", "/orders/v1/files/%2e%2e/admin",
		"/orders/v1/items%2f", "/orders/v1/items;x"} {
		if got := do(path, false); got.status != http.StatusBadRequest {
			t.Errorf("%s: status %d %s", path, got.status, got.problem.Code)
		}
	}
}

// TestHopByHopHeaders end at the gateway, in both directions; end-to-end ones pass, several of a name too.
func TestHopByHopHeaders(t *testing.T) {
	t.Parallel()
	s := newStage(t, map[string]http.HandlerFunc{"/files/answer": func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Connection", "X-Private")
		h.Set("X-Private", "1")
		h.Set("Keep-Alive", "timeout=5")
		h.Set("Proxy-Authenticate", "Basic")
		h["Set-Cookie"] = []string{"a=1", "b=2"}
		h.Set("X-Public", "1")
		w.WriteHeader(http.StatusTeapot)
	}})
	text := "GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nConnection: close, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\n" +
		"TE: trailers, gzip\r\n" +
		"Proxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\nX-Public: 1\r\nX-Public: 2\r\nAuthorization: Bearer " +
		s.token + "\r\n\r\n"
	got := rawBytes(t, s.node.Gateway, text)
	if fault := got.want(200, ""); fault != "" {
		t.Fatal(fault)
	}
	for _, name := range []string{"X-Private", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection",
		"Authorization"} {
		if v := got.echo.Header.Get(name); v != "" {
			t.Errorf("%s: %s reached the backend", name, v)
		}
	}
	if v := got.echo.Header.Values("X-Public"); len(v) != 2 {
		t.Errorf("X-Public arrived as %v", v)
	}
	back := call(t, s.node.Gateway, http.MethodGet, "/orders/v1/files/answer", s.token)
	if back.status != http.StatusTeapot || back.header.Get("X-Public") != "1" || len(back.header.Values("Set-Cookie")) != 2 {
		t.Errorf("status %d, header %v", back.status, back.header)
	}
	for _, name := range []string{"X-Private", "Keep-Alive", "Proxy-Authenticate"} {
		if v := back.header.Get(name); v != "" {
			t.Errorf("%s: %s of the backend reached the caller", name, v)
		}
	}
}

// TestBackendsThatFail: unreachable is 502, also when it dies in the middle; keep sends the credential on.
func TestBackendsThatFail(t *testing.T) {
	t.Parallel()
	s := newStage(t, map[string]http.HandlerFunc{"/files/dies": func(http.ResponseWriter,
		*http.Request) {
		panic(http.ErrAbortHandler)
	}})
	if fault := call(t, s.node.Gateway, http.MethodGet, "/orders/v1/files/dies", s.token).want(502,
		"upstream_unreachable"); fault != "" {
		t.Error(fault)
	}
	nowhere := "http://" + testbed.Address(t)
	apply(t, s.node, orders(nowhere, "[a]", ""))
	until(t, s.node.Gateway, http.MethodGet, items, s.token, 502, "upstream_unreachable")
	got := call(t, s.node.Gateway, http.MethodGet, items, s.token)
	if strings.Contains(got.body,
		strings.TrimPrefix(nowhere, "http://")) || got.header.Get("X-Keyward-Decision") == "" {
		t.Errorf("answer %v %s", got.header, got.body)
	}
	apply(t, s.node, orders(s.up.URL, "[a]", ", credential: keep"))
	until(t, s.node.Gateway, http.MethodGet, items, s.token, 200, "")
	if got := call(t, s.node.Gateway, http.MethodGet, items,
		s.token); got.echo.Header.Get("Authorization") != "Bearer "+s.token {
		t.Errorf("credential: keep sent %q", got.echo.Header.Get("Authorization"))
	}
}

// TestKeepAlive: many calls over one connection are decided one by one.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.node.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(callLimit)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for i := range 20 {
		token, want := s.token, http.StatusOK
		if i%2 == 1 {
			token, want = "x", http.StatusUnauthorized
		}
		_, err := fmt.Fprintf(c, "GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("call %d: %s", i, resp.Status)
		}
	}
}
