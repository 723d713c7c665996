package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/walled"
)

// under gives a client by a policy of the key manager km.
func under(t *testing.T, base *http.Client, p Policy) *http.Client {
	t.Helper()
	client, err := Under(base, "km", p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func said(t *testing.T, client *http.Client, url string) (string, error) {
	t.Helper()
	resp, err := get(t, client, url)
	if err != nil {
		return "", err
	}
	body, err := ReadAll(resp.Response, LimitOf(client, 1<<10))
	return string(body), err
}

// who answers with the name of the caller's certificate, and leads astray below /to/.
func who() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away, ok := strings.CutPrefix(r.URL.Path, "/to/"); ok {
			http.Redirect(w, r, "https://"+away, http.StatusFound) //nolint:gosec // the test says where
			return
		}
		name := "nobody"
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_, _ = io.WriteString(w, name)
	})
}

func TestThroughAProxy(t *testing.T) {
	authority := walled.NewAuthority(t)
	server := authority.Server(t, true, who())
	plain := httptest.NewServer(who())
	defer plain.Close()
	certificate, key := authority.Client(t, "keyward")
	byName := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, secure := range []bool{false, true} {
		by := authority
		if !secure {
			by = nil
		}
		proxy := walled.StartProxy(t, "user", "pass word", by)
		whole := Policy{
			Proxy: proxy.URL, ProxyUser: "user", ProxyPassword: "pass word", CA: authority.PEM, Certificate: certificate, Key: key,
		}
		base := NewClient(Rules{}, Options{})
		client := under(t, base, whole)
		for url, want := range map[string]string{server.URL: "keyward", byName: "keyward", plain.URL: "nobody"} {
			if body, err := said(t, client, url); err != nil || body != want {
				t.Errorf("%s: %q, %v", url, body, err)
			}
		}
		for _, asked := range proxy.Asked() { // by checked addresses alone, never by a name
			if !strings.HasPrefix(asked, "CONNECT 127.0.0.1:") && !strings.HasPrefix(asked, "CONNECT [::1]:") {
				t.Errorf("the proxy was asked: %s", asked)
			}
		}
		for what, change := range map[string]func(*Policy){
			"without the password": func(p *Policy) { p.ProxyPassword = "" }, "without the user": func(p *Policy) { p.ProxyUser = "" },
			"without the authority": func(p *Policy) { p.CA = "" }, "without the certificate": func(p *Policy) { p.Certificate = "" },
			"with another authority": func(p *Policy) { p.CA = walled.NewAuthority(t).PEM },
		} {
			other := whole
			change(&other)
			if body, err := said(t, under(t, base, other), server.URL); err == nil {
				t.Errorf("%s: %q", what, body)
			} else if strings.Contains(err.Error(), "pass word") || strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Errorf("%s: the error shows a secret: %v", what, err)
			}
		}
		if body, err := said(t, under(t, base, whole), server.URL); err != nil || body != "keyward" {
			t.Errorf("again: %q, %v", body, err)
		}
	}
}

// The operator's rules are for the server behind a proxy, for the proxy itself, and for where a redirect leads.
func TestRulesHoldBehindAProxy(t *testing.T) {
	authority := walled.NewAuthority(t)
	server := authority.Server(t, false, who())
	plain := httptest.NewServer(who())
	defer plain.Close()
	byName := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	proxy := walled.StartProxy(t, "", "", nil)
	policy := Policy{Proxy: proxy.URL, CA: authority.PEM}

	// The proxy's own address is permitted where it is the server's that is denied.
	for _, deny := range []string{"127.0.0.1", "loopback"} {
		rules, err := ParseRules([]string{deny, "::1"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		client := under(t, NewClient(rules, Options{}), policy)
		for _, url := range []string{server.URL, byName, plain.URL} {
			if _, err := said(t, client, url); !errors.Is(err, ErrForbidden) {
				t.Errorf("%s denied, %s: %v", deny, url, err)
			}
		}
	}
	if asked := proxy.Asked(); len(asked) > 0 {
		t.Errorf("the proxy was asked: %v", asked)
	}
	// And the other way round.
	rules, err := ParseRules([]string{"127.0.0.2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := said(t, under(t, NewClient(rules, Options{}), policy), server.URL); !errors.Is(err, ErrForbidden) {
		t.Errorf("the proxy's own address: %v", err)
	}
	client := under(t, NewClient(Rules{}, Options{}), policy)
	for _, away := range []string{"169.254.169.254/latest", "[fd00:ec2::254]/", "0.0.0.0/"} {
		if _, err := said(t, client, server.URL+"/to/"+away); !errors.Is(err, ErrForbidden) {
			t.Errorf("a redirect to %s: %v", away, err)
		}
	}
	at := strings.TrimPrefix(server.URL, "https://")
	if asked := slices.Compact(proxy.Asked()); len(asked) != 1 || asked[0] != "CONNECT "+at {
		t.Errorf("the proxy was asked: %v", asked)
	}
	if body, err := said(t, client, server.URL+"/to/"+at); err != nil || body != "nobody" {
		t.Errorf("a redirect that is permitted: %q, %v", body, err)
	}
}

// A changed policy counts for the next request, and the connections of the one before are closed.
func TestAChangedPolicyCountsAtOnce(t *testing.T) {
	server := httptest.NewServer(who())
	defer server.Close()
	first, second := walled.StartProxy(t, "", "", nil), walled.StartProxy(t, "", "", nil)
	base := NewClient(Rules{}, Options{})
	defer base.CloseIdleConnections()
	for _, step := range []struct {
		policy        Policy
		first, second int
	}{
		{Policy{Proxy: first.URL}, 1, 0}, {Policy{Proxy: first.URL}, 1, 0}, {Policy{Proxy: second.URL}, 1, 1},
		{Policy{Proxy: second.URL, Timeout: time.Minute}, 1, 2}, {Policy{}, 1, 2}, {Policy{Proxy: first.URL}, 2, 2},
	} {
		if _, err := said(t, under(t, base, step.policy), server.URL); err != nil {
			t.Fatal(err)
		}
		if a, b := len(first.Asked()), len(second.Asked()); a != step.first || b != step.second {
			t.Fatalf("%+v: the proxies were asked %d and %d times, want %d and %d", step, a, b, step.first, step.second)
		}
	}
	testbed.Eventually(t, "one tunnel", func() string { return testbed.Same(first.Open()+second.Open(), 1) })
	// Another key manager's policy is its own.
	other, err := Under(base, "other", Policy{Proxy: second.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer other.CloseIdleConnections()
	if _, err := said(t, other, server.URL); err != nil || len(second.Asked()) != 3 || len(first.Asked()) != 2 {
		t.Errorf("another key manager's: %v", err)
	}
}

func TestLimitsOfAPolicy(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 2000))
	}))
	defer server.Close()
	defer close(release)
	base := NewClient(Rules{}, Options{})
	defer base.CloseIdleConnections()
	tight := under(t, base, Policy{Timeout: 200 * time.Millisecond, MaxAnswer: 1024})
	if _, err := said(t, tight, server.URL); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a long answer: %v", err)
	}
	if _, err := said(t, tight, server.URL+"/slow"); err == nil {
		t.Error("a slow answer was waited for")
	}
	if TimeoutOf(tight, time.Hour) != 200*time.Millisecond || TimeoutOf(base, time.Hour) != time.Hour || LimitOf(base, 7) != 7 {
		t.Error("whose limits are these")
	}
	endless := io.MultiReader(strings.NewReader("12345"), iotest.ErrReader(context.DeadlineExceeded))
	_, err := ReadAll(&http.Response{Body: io.NopCloser(endless)}, 1024)
	if unended, ok := errors.AsType[*Unended](err); !ok || unended.Came != 5 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an answer without an end: %v", err)
	}
	wide := under(t, base, Policy{MaxAnswer: 4096})
	if body, err := said(t, wide, server.URL); err != nil || len(body) != 2000 {
		t.Errorf("a wide limit: %d bytes, %v", len(body), err)
	}
}

func TestPoliciesThatCannotBe(t *testing.T) {
	base := NewClient(Rules{}, Options{})
	for _, p := range []Policy{
		{CA: "x"}, {Certificate: "x", Key: "a-secret"}, {Proxy: "socks5://p"}, {Proxy: "http://"}, {Proxy: "%"},
	} {
		if _, err := Under(base, "km", p); err == nil || strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%q: %v", p.Proxy, err)
		}
	}
	if _, err := Under(&http.Client{}, "km", Policy{MaxAnswer: 1}); err == nil {
		t.Error("a foreign client keeps to no policy")
	}
	if c, err := Under(http.DefaultClient, "km", Policy{}); err != nil || c != http.DefaultClient {
		t.Errorf("no policy, and a foreign client: %v", err)
	}
	secret := Policy{ProxyPassword: "a-secret", Key: "a-secret"}
	if text := fmt.Sprintf("%v %+v %#v %s", secret, secret, secret, secret.LogValue()); strings.Contains(text, "a-secret") {
		t.Error(text)
	}
}

// The certificate of a method stands in the place of the policy's, and goes the same way.
func TestACertificateOfItsOwn(t *testing.T) {
	authority := walled.NewAuthority(t)
	server := authority.Server(t, true, who())
	proxy := walled.StartProxy(t, "", "", nil)
	certificate, key := authority.Client(t, "keyward")
	own, ownKey := authority.Client(t, "introspection")
	client := under(t, NewClient(Rules{}, Options{}), Policy{Proxy: proxy.URL, CA: authority.PEM, Certificate: certificate, Key: key})
	pair, err := tls.X509KeyPair([]byte(own), []byte(ownKey))
	if err != nil {
		t.Fatal(err)
	}
	showing, err := WithCertificate(client, pair)
	if err != nil {
		t.Fatal(err)
	}
	defer showing.CloseIdleConnections()
	if body, err := said(t, showing, server.URL); err != nil || body != "introspection" || len(proxy.Asked()) != 1 {
		t.Errorf("%q, %v, %v", body, err, proxy.Asked())
	}
	var untrusted x509.UnknownAuthorityError
	if _, err := said(t, NewClient(Rules{}, Options{}), server.URL); !errors.As(err, &untrusted) {
		t.Errorf("without the policy: %v", err)
	}
}
