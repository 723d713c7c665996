package remedy_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/probe/remedy"
	"keyward.dev/keyward/internal/wire"
	"keyward.dev/keyward/internal/wire/witness"
)

// proxy answers every wish for a tunnel with a status.
func proxy(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// TestTheCauseIsNamed: what stands in the way is what is to be changed, and never the server for its proxy.
func TestTheCauseIsNamed(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(proxy(http.StatusNoContent))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(proxy(http.StatusNoContent))
	t.Cleanup(secure.Close)
	through := func(status int) string {
		s := httptest.NewServer(proxy(status))
		t.Cleanup(s.Close)
		return s.URL
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing waits here that could be cancelled
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + gone.Addr().String()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	deny, err := outbound.ParseRules([]string{"loopback"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	fields := remedy.Fields{Address: "spec.endpoints.token", Credentials: "spec.connection.clientSecret", Outbound: "spec.outbound"}
	for what, c := range map[string]struct {
		proxy, server string
		rules         outbound.Rules
		want          string
		fault         bool // the server's own TLS is at fault
	}{
		"nothing in the way":      {server: plain.URL, want: "otherwise"},
		"the proxy wants a user":  {proxy: through(407), server: secure.URL, want: "spec.outbound.proxyUser and spec.outbound.proxyP"},
		"the proxy forbids":       {proxy: through(403), server: secure.URL, want: "let this machine through"},
		"the proxy gets nowhere":  {proxy: through(502), server: secure.URL, want: "cannot reach the server"},
		"the proxy is not there":  {proxy: nobody, server: secure.URL, want: "there is no working proxy at " + nobody[len("http://"):]},
		"the proxy's certificate": {proxy: secure.URL, server: secure.URL, want: "it is the proxy's certificate"},
		"the proxy has no TLS":    {proxy: "https" + plain.URL[len("http"):], server: secure.URL, want: "speaks no TLS: write spec"},
		"the proxy is forbidden":  {proxy: plain.URL, server: "https://192.0.2.1", rules: deny, want: "the proxy's own address is not"},
		"the server is forbidden": {server: plain.URL, rules: deny, want: "KEYWARD_OUTBOUND_DENY"},
		"the server is not there": {server: nobody, want: "start the server, or correct spec.endpoints.token"},
		"the server's name":       {server: "http://nobody.invalid", want: "the host name nobody.invalid cannot be resolved"},
		"the TLS of the server":   {server: secure.URL, want: "spec.outbound.ca", fault: true},
		"the server has no TLS":   {server: "https" + plain.URL[len("http"):], want: "speaks no TLS at this port", fault: true},
	} {
		client, err := outbound.Under(outbound.NewClient(c.rules, outbound.Options{}), "", outbound.Policy{Proxy: c.proxy})
		if err != nil {
			t.Fatal(err)
		}
		watched, seen := witness.Watch(client)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.server, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := watched.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if got := fields.For(err, "otherwise"); !strings.Contains(got, c.want) {
			t.Errorf("%s: %v: %q, want %q", what, err, got, c.want)
		}
		for _, o := range seen.Origins() {
			if (o.Fault != nil) != c.fault {
				t.Errorf("%s: the server's own TLS is blamed for %v", what, o.Fault)
			}
		}
	}
}

// TestAnswersAreTold: an answer's status says what is wrong, where it does.
func TestAnswersAreTold(t *testing.T) {
	t.Parallel()
	fields := remedy.Fields{Address: "spec.endpoints.token", Credentials: "spec.connection.clientSecret", Outbound: "spec.outbound"}
	for _, c := range []struct {
		status int
		code   string
		want   string
	}{
		{200, "", "something else"},
		{302, "", "the redirect leads to into spec.endpoints.token"},
		{400, "invalid_scope", "otherwise"},
		{400, "invalid_client", "refuses the credentials: correct spec.connection.clientSecret"},
		{401, "invalid_token", "refuses the credentials"},
		{401, "unauthorized_client", "or let the client use this grant"},
		{403, "", "does not permit this"},
		{404, "", "correct spec.endpoints.token"},
		{429, "", "check again later"},
		{503, "", "had an internal error"},
	} {
		failure := &wire.Failure{Op: "try", Status: c.status, Code: c.code, Sent: true}
		if got := fields.For(failure, "otherwise"); !strings.Contains(got, c.want) {
			t.Errorf("%d %s: %q, want %q", c.status, c.code, got, c.want)
		}
	}
	for want, err := range map[string]error{
		"spec.outbound.timeout gives an answer longer": &outbound.Unended{Err: context.DeadlineExceeded},
		"spec.outbound.maxAnswer permits more":         outbound.ErrTooLarge,
	} {
		failure := &wire.Failure{Op: "try", Status: 200, Sent: true, Err: err}
		if got := fields.For(failure, "otherwise"); !strings.Contains(got, want) || strings.Contains(got, "firewall") {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if got := fields.For(errors.New("what nobody knows"), "otherwise"); got != "otherwise" {
		t.Error(got)
	}
}
