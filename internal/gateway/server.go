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

// headerTimeout is how long a caller may take to send a request's line and fields, and for the handshake before them.
const headerTimeout = 10 * time.Second

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
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    MaxHeaderBytes,
		// OPTIONS * gets the contract's answer, not the server's.
		DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if watched, ok := c.(interface{ framed() *framing }); ok {
				return withFraming(ctx, watched.framed())
			}
			return ctx
		},
	}
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
