package e2e

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/issuer"
)

// TestNothingHidesBehindARequest is row D6: where two readers could see the end of a request in two places, nothing
// behind it is ever taken for another request, in clear text and inside TLS.
func TestNothingHidesBehindARequest(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	i := issuer.Start(t, "k", "RS256")
	plain := serve(t)
	ca := newAuthority(t)
	secure := binary.NewNode(t, "secure", "", t.TempDir())
	ca.serve(t, secure, "GATEWAY", "localhost")
	secure.Start(t)
	token := mint(t, i, issuer.Token{})
	manifests := []string{external("a", i, ""), orders(up.URL, "[a]", ""), mobile("a")}
	apply(t, plain, manifests...)
	apply(t, secure, manifests...)
	until(t, plain.Gateway, http.MethodGet, items, token, 200, "")
	ca.answers(t, secure.Gateway, items, token)
	config := ca.config()
	config.NextProtos = []string{"http/1.1"}
	t.Run("clear text", func(t *testing.T) { nothingHides(t, plain.Gateway, nil, up, token) })
	t.Run("TLS", func(t *testing.T) { nothingHides(t, secure.Gateway, config, up, token) })
}

func nothingHides(t *testing.T, address string, config *tls.Config, up *upstream, token string) {
	t.Helper()
	head := " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n"
	post := "POST /orders/v1/open" + head
	old := strings.Replace(post, "HTTP/1.1", "HTTP/1.0", 1) + "Connection: keep-alive\r\n"
	hidden := "GET /orders/v1/open?hidden" + head + "\r\n"
	const chunked, end = "Transfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"
	last := strings.Replace(hidden, "?hidden", "", 1)
	last = strings.Replace(last, "Host: x", "Host: x\r\nConnection: close", 1)
	if got := statuses(t, address, config, post+chunked+end+post+"Content-Length: 3\r\n\r\nabc"+last); len(got) != 3 || got[2] != 200 {
		t.Fatalf("positive control: %v", got)
	}
	for name, text := range map[string]string{
		"two lengths":           post + "Content-Length: 5\r\n" + chunked + "0\r\n\r\n",
		"two lengths reversed":  post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"chunks in HTTP/1.0":    old + chunked + end,
		"no end of a chunk":     post + chunked + "3\r\nabc0\r\n\r\n",
		"a bare line feed":      post + chunked + "3\r\nabc\n0\r\n\r\n",
		"a bare one at the end": post + chunked + "3\r\nabc\r\n0\n\n",
		"one in an extension":   post + chunked + "3;a\nb\r\nabc\r\n0\r\n\r\n",
		"a negative chunk":      post + chunked + "-1\r\n\r\n",
		"no size at all":        post + chunked + "\r\nabc\r\n0\r\n\r\n",
		"a blank before colon":  strings.Replace(post, "Host: x", "Host: x\r\nContent-Length : 3", 1) + "\r\nabc",
		"lengths that differ":   post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"a bad escape":          strings.Replace(post, "/open", "/open%zz", 1) + "Content-Length: 0\r\n\r\n",
	} {
		if got := statuses(t, address, config, text+hidden+last); len(got) != 1 || got[0] != http.StatusBadRequest {
			t.Errorf("%s: %v, want 400 alone", name, got)
		}
	}
	if got := statuses(t, address, config, old+"Content-Length: 0\r\n\r\n"+hidden); len(got) != 1 || got[0] != 200 {
		t.Errorf("HTTP/1.0: %v, want one answer", got)
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	for _, e := range up.seen {
		if strings.Contains(e.URI, "hidden") {
			t.Fatal("a hidden request reached the backend")
		}
	}
}

// statuses sends bytes and gives the status of every answer until the gateway ends the connection. Each refusal must
// be the contract's.
func statuses(t *testing.T, address string, config *tls.Config, text string) []int {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		c = tls.Client(c, config)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(callLimit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	var list []int
	for in := bufio.NewReader(c); ; {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return list
		}
		a, err := read(resp)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if a.status >= 400 && (a.problem.Code == "" || a.header.Get("X-Keyward-Decision") == "") {
			t.Errorf("status %d without the contract's document: %.200s", a.status, a.body)
		}
		list = append(list, a.status)
	}
}

// TestBackendTooSlow: a backend that begins no answer within a minute is answered for.
func TestBackendTooSlow(t *testing.T) {
	t.Parallel() // it is nearly all waiting
	s := newStage(t, map[string]http.HandlerFunc{
		"/files/slow": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	})
	req := s.request(t, http.MethodGet, "/files/slow", nil)
	got := sendBy(t, &http.Client{Timeout: 3 * callLimit}, req)
	if fault := got.want(504, "upstream_timeout"); fault != "" {
		t.Error(fault)
	}
	if strings.Contains(got.body, "127.0.0.1") {
		t.Errorf("the answer tells of the inside: %s", got.body)
	}
	if fault := call(t, s.node.Gateway, http.MethodGet, items, s.token).want(200, ""); fault != "" {
		t.Errorf("another call afterwards: %s", fault)
	}
}
