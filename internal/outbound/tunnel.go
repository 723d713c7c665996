package outbound

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Limits of asking a proxy.
const (
	proxyTimeout = 10 * time.Second // until it says that the tunnel stands
	proxyAnswer  = 64 << 10         // bytes of what it says
	maxAddresses = 3                // of one name that it is asked for, one after the other
)

// ProxyError is in the chain of the error of a request that did not get past its policy's proxy.
type ProxyError struct {
	Proxy  string // its host and port
	Status int    // what it answered when it was asked for a tunnel; 0 = nothing
	Err    error  // what went wrong
}

// Error implements error.
func (e *ProxyError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *ProxyError) Unwrap() error { return e.Err }

// tunnel connects through a proxy, which is asked by CONNECT (RFC 9110, section 9.3.6) for an address that was looked up
// and judged here: what a proxy makes of a name, nobody can judge.
type tunnel struct {
	rules          Rules
	proxy          *url.URL
	trust          *tls.Config // of a proxy that is reached by https
	user, password string
}

// dial gives a connection to an address, name and port, for a transport's DialContext.
func (t tunnel) dial(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	targets, err := t.rules.resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	for _, target := range targets {
		var conn net.Conn
		if conn, err = t.to(ctx, target.String()); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// resolve gives the permitted addresses of a name and port.
func (r Rules) resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	name, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is not an address", ErrForbidden, address)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil, fmt.Errorf("look up a port: %w", err)
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, fmt.Errorf("look up the server's name here, because the proxy is asked for an address: %w", err)
	}
	var permitted []netip.AddrPort
	var refused error
	for _, addr := range found {
		if err := r.Check(addr); err != nil {
			refused = err
		} else if len(permitted) < maxAddresses {
			permitted = append(permitted, netip.AddrPortFrom(addr.Unmap(), uint16(port))) //nolint:gosec // LookupPort gives 0 to 65535
		}
	}
	if len(permitted) > 0 {
		return permitted, nil
	}
	if refused == nil {
		refused = errors.New("the server's name has no address")
	}
	return nil, refused
}

// to opens one tunnel.
func (t tunnel) to(ctx context.Context, target string) (net.Conn, error) {
	conn, err := t.reach(ctx)
	if err != nil {
		return nil, &ProxyError{Proxy: t.proxy.Host, Err: fmt.Errorf("reach the proxy: %w", err)}
	}
	// Whoever waits no longer ends what is under way on the connection.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	status, err := t.ask(conn, target)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, &ProxyError{Proxy: t.proxy.Host, Status: status, Err: fmt.Errorf("ask the proxy for a tunnel: %w", err)}
	}
	return conn, nil
}

// reach connects to the proxy, whose address the rules are for too.
func (t tunnel) reach(ctx context.Context) (net.Conn, error) {
	port := t.proxy.Port()
	if port == "" {
		port = t.proxy.Scheme // LookupPort knows http and https
	}
	conn, err := t.rules.DialContext(ctx, "tcp", net.JoinHostPort(t.proxy.Hostname(), port))
	if err != nil || t.proxy.Scheme == "http" {
		return conn, err
	}
	secure := tls.Client(conn, t.trust)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// ask gives the status of the proxy's answer, and an error for any that is no tunnel; 0 without an answer.
func (t tunnel) ask(conn net.Conn, target string) (int, error) {
	// It has no context: whoever traces the request to the server must not take this one for it.
	req := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{"User-Agent": {"keyward"}},
	}
	if t.user != "" {
		pair := base64.StdEncoding.EncodeToString([]byte(t.user + ":" + t.password))
		req.Header.Set("Proxy-Authorization", "Basic "+pair) // RFC 7617
	}
	if err := req.Write(conn); err != nil {
		return 0, err
	}
	reader := bufio.NewReader(io.LimitReader(conn, proxyAnswer))
	resp, err := http.ReadResponse(reader, req) //nolint:bodyclose // the connection is closed, or becomes the tunnel
	if err != nil {
		return 0, err
	}
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		err = errors.New("it answered 407: it wants outbound.proxyUser and proxyPassword, or others")
	case resp.StatusCode != http.StatusOK:
		err = fmt.Errorf("it answered %d", resp.StatusCode)
	case reader.Buffered() > 0:
		err = errors.New("it sent something before it was asked for it")
	}
	return resp.StatusCode, err
}
