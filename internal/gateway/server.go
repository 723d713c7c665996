package gateway

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"keyward.dev/keyward"
)

// MaxHeaderBytes is the size of a request's line and fields, in bytes; the server adds some slack of its own.
const MaxHeaderBytes = 16 << 10

// NewServer makes the server for the gateway's listener: HTTP/1.1, HTTP/2 over TLS, and HTTP/2 in clear text for those
// who know it is spoken (RFC 9113, section 3.3). Bodies and streams have no time limit, headers have.
func (g *Gateway) NewServer() *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           g.Handler(),
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    MaxHeaderBytes,
		// OPTIONS * gets the contract's answer, not the server's.
		DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if watched, ok := c.(*conn); ok {
				return withFraming(ctx, &watched.framing)
			}
			return ctx
		},
	}
}

// Listener wraps a clear-text listener for NewServer, so that requests which the HTTP server refuses by itself (a bad
// percent-encoding, a malformed field) get the contract's problem document too, and those that say their length in two
// ways are refused. A TLS listener stays as it is.
func (g *Gateway) Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if _, ok := c.(*net.TCPConn); !ok {
		return c, nil
	}
	return &conn{Conn: c}, nil
}

// conn puts a problem document in the place of the server's own plain refusals, and watches how requests are framed.
type conn struct {
	net.Conn
	framing framing
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.framing.see(b[:n])
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if answer := problemInstead(b); answer != nil {
		if _, err := c.Conn.Write(answer); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// CloseWrite lets the server end its half first, as it does on a bare connection.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// problemInstead recognises the one form in which net/http refuses what never reached a handler: a status line, exactly
// two fields, no date. No handler's answer looks like it.
func problemInstead(b []byte) []byte {
	if isExpectationFailed(b) {
		return problemAnswer(http.StatusExpectationFailed, "The request expects what this gateway does not do.")
	}
	const protocol, fields = "HTTP/1.1 ", "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	if !bytes.HasPrefix(b, []byte(protocol)) || len(b) > 1024 {
		return nil
	}
	line, text, found := bytes.Cut(b[len(protocol):], []byte(fields))
	if !found || len(line) < 3 || bytes.Contains(line, []byte("\r\n")) {
		return nil
	}
	status, err := strconv.Atoi(string(line[:3]))
	if err != nil || status < 400 || !bytes.HasPrefix(text, line[:3]) && !bytes.HasPrefix(text, []byte("Unsupported")) {
		return nil
	}
	detail := "The request is malformed."
	if status == http.StatusRequestHeaderFieldsTooLarge {
		detail = "The request's header is larger than this gateway reads."
	}
	return problemAnswer(status, detail)
}

// isExpectationFailed recognises the answer to an Expect field with anything but 100-continue. It comes without a
// handler too; a backend's 417 has a decision's id.
func isExpectationFailed(b []byte) bool {
	const protocol = "HTTP/1.1"
	return len(b) > len(protocol) && len(b) < 1024 && bytes.HasPrefix(b, []byte("HTTP/1.")) &&
		bytes.HasPrefix(b[len(protocol):], []byte(" 417 ")) &&
		bytes.HasSuffix(b, []byte("\r\n\r\n")) && !bytes.Contains(b, []byte(decisionHeader))
}

// problemAnswer is a whole answer, after which the connection ends.
func problemAnswer(status int, detail string) []byte {
	id := newID()
	body := problemOf(status, keyward.CodeInvalidRequest, detail, id)
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n"+
		"Cache-Control: no-store\r\n%s: %s\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), decisionHeader, id, body)
}
