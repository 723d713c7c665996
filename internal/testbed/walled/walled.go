// Package walled owns servers that are reached through a proxy alone, vouch for themselves with a private authority, and
// let nobody in without a certificate. It does not own what they answer.
package walled

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"keyward.dev/keyward/internal/testbed/authority"
)

// Authority is a private one, which nobody trusts who was not told to.
type Authority struct{ *authority.Authority }

// NewAuthority makes one.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{a}
}

// Server starts a TLS server whose certificate is the authority's, for 127.0.0.1 and localhost. One that demands wants a
// client certificate of the same authority.
func (a *Authority) Server(t testing.TB, demands bool, handler http.Handler) *httptest.Server {
	t.Helper()
	if demands {
		return a.start(t, "127.0.0.1", tls.RequireAndVerifyClientCert, handler)
	}
	return a.start(t, "127.0.0.1", tls.NoClientCert, handler)
}

// Asking is a Server that takes a client certificate of the same authority and lets in who has none.
func (a *Authority) Asking(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	return a.start(t, "127.0.0.1", tls.VerifyClientCertIfGiven, handler)
}

func (a *Authority) start(t testing.TB, host string, wants tls.ClientAuthType, handler http.Handler) *httptest.Server {
	t.Helper()
	s := unstarted(t, host, handler)
	certificate, key := a.leaf(t, "server")
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, ClientAuth: wants, ClientCAs: x509.NewCertPool(),
	}
	s.TLS.ClientCAs.AppendCertsFromPEM([]byte(a.PEM))
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// unstarted listens at a host's free port.
func unstarted(t testing.TB, host string, handler http.Handler) *httptest.Server {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	_ = s.Listener.Close()
	s.Listener = l
	return s
}

// Client makes a client certificate with this common name, and its key.
func (a *Authority) Client(t testing.TB, name string) (certificate, key string) {
	t.Helper()
	return a.leaf(t, name)
}

func (a *Authority) leaf(t testing.TB, name string) (certificate, key string) {
	t.Helper()
	certificate, key, err := a.Leaf(name)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// Proxy is a server that does nothing but CONNECT (RFC 9110, section 9.3.6), and notes what it is asked for.
type Proxy struct {
	*httptest.Server

	credential string // of Proxy-Authorization; "" = anybody may

	mu    sync.Mutex
	asked []string
	open  int
}

// StartProxy starts one at 127.0.0.2, apart from all other servers; with a user it wants his password. With an authority
// it is reached by https.
func StartProxy(t testing.TB, user, password string, by *Authority) *Proxy {
	t.Helper()
	p := &Proxy{}
	if user != "" {
		p.credential = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	if by != nil {
		p.Server = by.start(t, proxyHost, tls.NoClientCert, p)
		return p
	}
	p.Server = unstarted(t, proxyHost, p)
	p.Start()
	t.Cleanup(p.Close)
	return p
}

const proxyHost = "127.0.0.2"

// Asked lists what tunnels were asked for, those that were refused too.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// Open is how many tunnels stand.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host)
	p.mu.Unlock()
	switch {
	case r.Method != http.MethodConnect:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case p.credential != "" && r.Header.Get("Proxy-Authorization") != p.credential:
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		_ = there.Close()
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
	here, buffered, err := hijacker.Hijack()
	if err != nil {
		_ = there.Close()
		return
	}
	p.count(1)
	defer p.count(-1)
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(there, buffered); _ = there.Close() })
	both.Go(func() { _, _ = io.Copy(here, there); _ = here.Close() })
	both.Wait()
}

func (p *Proxy) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open += n
}
