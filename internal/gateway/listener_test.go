package gateway

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
)

// eachTransport runs the test against a gateway in clear text, and against one with TLS.
func eachTransport(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	t.Run("clear text", func(t *testing.T) { test(t, newWorld(t)) })
	t.Run("TLS", func(t *testing.T) {
		w := newWorld(t)
		w.encrypt()
		test(t, w)
	})
}

// encrypt gives the gateway a second listener, with TLS as the program sets it up, and turns everything to that.
func (w *world) encrypt() {
	w.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	certificates := httptest.NewTLSServer(nil) // for its certificate alone
	w.t.Cleanup(certificates.Close)
	server := w.gateway.NewServer()
	server.ErrorLog = certificates.Config.ErrorLog
	done := make(chan error, 1)
	go func() {
		done <- server.Serve(w.gateway.Listener(tls.NewListener(l, &tls.Config{
			Certificates: certificates.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12,
		})))
	}()
	known, ok := certificates.Client().Transport.(*http.Transport)
	if !ok {
		w.t.Fatal("no transport")
	}
	transport := known.Clone()
	transport.ForceAttemptHTTP2 = true
	w.client, w.url, w.address = &http.Client{Transport: transport}, "https://"+l.Addr().String(), l.Addr().String()
	w.secure = transport.TLSClientConfig.Clone()
	w.secure.ServerName, w.secure.NextProtos = "127.0.0.1", []string{"http/1.1"}
	w.t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			w.t.Error(err)
		}
	})
}

// dial opens a connection to the gateway, which ends with the test.
func (w *world) dial() net.Conn {
	w.t.Helper()
	c, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.secure != nil {
		c = tls.Client(c, w.secure)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func TestHTTP2OverTLS(t *testing.T) {
	w := newWorld(t)
	w.encrypt()
	resp := w.send("GET", "/orders/v1/items", nil, nil)
	if resp.ProtoMajor != 2 || readAll(t, resp.Body) != "hello" {
		t.Errorf("%s %d", resp.Proto, resp.StatusCode)
	}
	if got := w.got().Header.Get("X-Forwarded-Proto"); got != "https" {
		t.Errorf("X-Forwarded-Proto %q", got)
	}
}

// Without HTTP/2 in the handshake it is HTTP/1.1, whatever the caller's first bytes say.
func TestHTTP1OverTLS(t *testing.T) {
	w := newWorld(t)
	w.encrypt()
	get := "GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token(nil) + "\r\n\r\n"
	for _, protocols := range [][]string{nil, {"http/1.1"}} {
		w.secure.NextProtos = protocols
		if resp := w.raw(get); resp.ProtoMajor != 1 || readAll(t, resp.Body) != "hello" {
			t.Errorf("%v: %s %d", protocols, resp.Proto, resp.StatusCode)
		}
		if got := w.got().Header.Get("X-Forwarded-Proto"); got != "https" {
			t.Errorf("X-Forwarded-Proto %q", got)
		}
	}
	wantProblem(t, w.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400, keyward.CodeInvalidRequest)
}

func TestWebSocketOverTLS(t *testing.T) {
	w := newWorld(t)
	w.encrypt()
	w.handle(echoUpgrade(t))
	tunnel, resp := w.upgrade("websocket")
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", resp.StatusCode)
	}
	tunnel.echo(t, "hello")
}

// A caller in clear text is told so, and one who says nothing, or nonsense, holds nobody up.
func TestHandshakesHoldNobodyUp(t *testing.T) {
	w := newWorld(t)
	w.encrypt()
	silent, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	secure := w.secure
	w.secure = nil
	wantProblem(t, w.raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 400, keyward.CodeInvalidRequest)
	c := w.dial()
	if _, err := io.WriteString(c, "\x01\x02\x03 nonsense"); err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(bufio.NewReader(c)); strings.Contains(string(b), "HTTP/") {
		t.Errorf("an answer to nonsense: %q", b)
	}
	w.secure = secure
	resp := w.raw("GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token(nil) + "\r\n\r\n")
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d", resp.StatusCode)
	}
}
