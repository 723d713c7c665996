package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/walled"
)

// TestNoAnswer: what people are told of a server that is not reached is in plain words, with the host and port that were asked
// for, and with no address that a name was resolved to, no name server and no credentials.
func TestNoAnswer(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	rude := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer rude.Close()
	authority := walled.NewAuthority(t)
	choosy := authority.Server(t, true, http.NotFoundHandler())
	proxy := walled.StartProxy(t, "user", "pass", nil)
	denied, err := ParseRules([]string{"loopback"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	slow, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-slow.Done()
	byName := func(address string) string { return strings.Replace(address, "127.0.0.1", "localhost", 1) }
	host := func(address string) string {
		return strings.TrimPrefix(strings.TrimPrefix(address, "http://"), "https://")
	}
	open := NewClient(Rules{}, Options{})
	through := func(p Policy) *http.Client { return under(t, NewClient(Rules{}, Options{}), p) }
	for name, c := range map[string]struct {
		client  *http.Client
		ctx     context.Context //nolint:containedctx // of one call
		address string
		want    string
	}{
		"nothing listens": {
			open, t.Context(), byName(closed.URL) + "/a?secret=hush",
			"connection refused by " + byName(host(closed.URL)),
		},
		"no such host": {open, t.Context(), "https://nowhere.invalid/", "cannot find the host name nowhere.invalid"},
		"unknown CA": {
			open, t.Context(), secure.URL,
			"the certificate of " + host(secure.URL) + " is not trusted: it was issued by an unknown authority",
		},
		"no TLS":   {open, t.Context(), "https://" + host(plain.URL), host(plain.URL) + " speaks no TLS"},
		"hangs up": {open, t.Context(), rude.URL, host(rude.URL) + " closed the connection without an answer"},
		"not permitted": {
			NewClient(denied, Options{}), t.Context(), byName(plain.URL),
			"the operator does not permit connections to " + byName(host(plain.URL)),
		},
		"goes round": {open, t.Context(), plain.URL, "the server redirects more than 5 times"},
		"too slow":   {open, slow, plain.URL, host(plain.URL) + " did not answer in time"},
		"wants one of us": {
			through(Policy{CA: authority.PEM}), t.Context(), choosy.URL,
			host(choosy.URL) + " ended the TLS handshake: certificate required",
		},
		"no proxy there": {
			through(Policy{Proxy: closed.URL}), t.Context(), plain.URL,
			"the proxy " + host(closed.URL) + " cannot be used: connection refused by " + host(closed.URL),
		},
		"proxy wants more": {
			through(Policy{Proxy: proxy.URL, ProxyUser: "user", ProxyPassword: "hush"}), t.Context(), plain.URL,
			"the proxy " + host(proxy.URL) + " lets nothing through: it answered 407",
		},
	} {
		req, err := http.NewRequestWithContext(c.ctx, http.MethodGet, c.address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s: an answer", name)
			continue
		}
		told := NoAnswer(err)
		if text := told.Error(); !strings.HasPrefix(text, c.want) || strings.Contains(text, "hush") || strings.Contains(text, "dial") {
			t.Errorf("%s: told %q of %v", name, text, err)
		}
		if again := NoAnswer(told); again.Error() != told.Error() || errors.Unwrap(told) == nil {
			t.Errorf("%s: told again %q", name, again)
		}
	}
	name := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "sso.corp", Server: "10.1.2.3:53"}}
	if text := NoAnswer(name).Error(); text != "cannot find the host name sso.corp: the name server failed" {
		t.Errorf("told %q", text)
	}
	if NoAnswer(nil) != nil {
		t.Error("no error became one")
	}
}
