package gateway

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"strings"
	"testing"

	"keyward.dev/keyward"
)

// says makes a backend that answers with these bytes and ends the connection.
func says(t *testing.T, text string) http.HandlerFunc {
	t.Helper()
	return func(rw http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, text)
		_ = c.Close()
	}
}

// A status that nobody could pass on is the backend's failure, and no crash of ours.
func TestBackendsOddStatus(t *testing.T) {
	w := newWorld(t)
	for status, want := range map[string]int{"999": 999, "000": 502, "099": 502, "099 Continue": 502, "1000": 502, "abc": 502} {
		w.handle(says(t, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		resp := w.send("GET", "/orders/v1/items", nil, nil)
		if resp.StatusCode != want {
			t.Errorf("status %s: %d, want %d", status, resp.StatusCode, want)
		}
		if want == 502 {
			wantProblem(t, resp, 502, keyward.CodeUpstreamUnreachable)
		}
	}
	if strings.Contains(w.log.String(), "panic") {
		t.Error(w.log.String())
	}
}

// Neither before its answer nor behind it a backend speaks for the gateway.
func TestBackendCannotSpeakForTheGatewayBesidesItsAnswer(t *testing.T) {
	const forged = "X-JWT-Assertion: forged\r\nX-Keyward-Decision: forged\r\nX_Keyward_Decision: forged\r\nX-Kept: 1\r\n\r\n"
	for _, announced := range []string{"", "Trailer: X-Kept, X-JWT-Assertion, X-Keyward-Decision\r\n"} {
		w := newWorld(t)
		w.handle(says(t, "HTTP/1.1 103 Early Hints\r\n"+forged+"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"+announced+
			"\r\n2\r\nok\r\n0\r\n"+forged))
		var early textproto.MIMEHeader
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(_ int, h textproto.MIMEHeader) error { early = h; return nil },
		})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/orders/v1/items", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+w.token(nil))
		resp, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, resp.Body); body != "ok" {
			t.Errorf("body %q", body)
		}
		_ = resp.Body.Close()
		for what, h := range map[string]http.Header{"interim": http.Header(early), "header": resp.Header, "trailer": resp.Trailer} {
			for name, values := range h {
				if strings.Contains(strings.Join(values, " "), "forged") {
					t.Errorf("announced %q, %s: %s came through", announced, what, name)
				}
			}
		}
		if early.Get("X-Kept") != "1" || resp.Trailer.Get("X-Kept") != "1" {
			t.Errorf("announced %q: interim %v, trailer %v", announced, early, resp.Trailer)
		}
	}
}

// A field without a word adds nothing to the chain.
func TestEmptyForwardedOfTrustedPeers(t *testing.T) {
	w := newWorld(t, netip.MustParsePrefix("127.0.0.0/8"))
	empty := http.Header{"X-Forwarded-For": {"", "6.6.6.6", ""}, "Forwarded": {""}}
	if resp := w.send("GET", "/orders/v1/items", empty, nil); resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	wantForwarding(t, w.got().Header, map[string]string{"X-Forwarded-For": "6.6.6.6, 127.0.0.1", "Forwarded": ""})
}
