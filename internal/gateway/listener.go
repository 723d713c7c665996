package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// Listener wraps the listener, in clear text or of crypto/tls, for NewServer, so that requests which the HTTP server
// refuses by itself (a bad percent-encoding, a malformed field) get the contract's problem document too, and those that
// say their length in two ways are refused. Nothing runs before the first Accept, and Close ends everything.
func (g *Gateway) Listener(l net.Listener) net.Listener {
	return &listener{Listener: l, ready: make(chan accepted), closed: make(chan struct{})}
}

// listener hands out connections that are ready for HTTP. A TLS connection shakes hands before it is handed out, beside
// the others, because only then it is known whether it speaks HTTP/2: the server wants that one bare, and HTTP/1.1 is
// watched inside the encryption.
type listener struct {
	net.Listener
	ready  chan accepted
	closed chan struct{}
	start  sync.Once
	end    sync.Once
}

// accepted is what one Accept gives.
type accepted struct {
	conn net.Conn
	err  error
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	l.start.Do(func() { go l.pump() })
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Handshakes under way are broken off.
func (l *listener) Close() error {
	l.end.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// pump accepts until the listener is closed.
func (l *listener) pump() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		c, err := l.Listener.Accept()
		if encrypted, ok := c.(*tls.Conn); ok && err == nil {
			go l.shakeHands(ctx, encrypted)
			continue
		}
		if !l.hand(c, err) {
			return
		}
	}
}

// hand gives the connection or the error to whoever accepts next; false when the listener is closed.
func (l *listener) hand(c net.Conn, err error) bool {
	if err == nil {
		c = watch(c)
	}
	select {
	case l.ready <- accepted{c, err}:
		return true
	case <-l.closed:
		if err == nil {
			_ = c.Close()
		}
		return false
	}
}

// shakeHands completes the handshake and hands the connection on. One that fails is nobody's loss.
func (l *listener) shakeHands(ctx context.Context, c *tls.Conn) {
	ctx, cancel := context.WithTimeout(ctx, headerTimeout)
	defer cancel()
	err := c.HandshakeContext(ctx)
	if err == nil {
		l.hand(c, nil)
		return
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && isClearText(record.RecordHeader) {
		_, _ = record.Conn.Write(problemAnswer(http.StatusBadRequest, "This listener speaks HTTP over TLS only."))
	}
	_ = c.Close()
}

// isClearText tells by the first bytes of what should be TLS that it is a request in clear text.
func isClearText(begin [5]byte) bool {
	for _, c := range begin {
		if (c < 'A' || c > 'Z') && c != ' ' && c != '/' && c != '*' {
			return false
		}
	}
	return true
}

// watch wraps what is going to speak HTTP/1.1, perhaps.
func watch(c net.Conn) net.Conn {
	encrypted, ok := c.(*tls.Conn)
	if !ok {
		return &conn{Conn: c}
	}
	if encrypted.ConnectionState().NegotiatedProtocol == "h2" {
		return c
	}
	return &tlsConn{conn: conn{Conn: c}, encrypted: encrypted}
}

// conn puts a problem document in the place of the server's own plain refusals, and watches how requests are framed.
type conn struct {
	net.Conn
	framing framing
}

func (c *conn) framed() *framing { return &c.framing }

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if c.framing.spent.Load() {
		return 0, io.EOF
	}
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

// tlsConn is a conn whose requests have their TLS field set.
type tlsConn struct {
	conn
	encrypted *tls.Conn
}

// ConnectionState is what the server asks for in the place of a *tls.Conn.
func (c *tlsConn) ConnectionState() tls.ConnectionState { return c.encrypted.ConnectionState() }
