package gateway

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward"
)

// spellings are the forms in which a caller may try to say who they are.
var spellings = []string{
	"X-JWT-Assertion", "x-jwt-assertion", "X-Jwt-Assertion", "X_JWT_Assertion", "X-JWT_Assertion", "x_jwt_assertion",
	"X.JWT.Assertion", "X~JWT-Assertion",
}

func TestCallersIdentityHeadersNeverArrive(t *testing.T) {
	w := newWorld(t)
	routes := map[string]bool{ // whether the route makes an identity header
		"/orders/v1/items": true, "/orders/v1/open/x": false, "/raw/v1/items": false, "/raw/v1/open/x": false,
	}
	for path, makes := range routes {
		for _, name := range spellings {
			for _, connection := range []string{"", "Connection: X-JWT-Assertion, " + name + "\r\n"} {
				w.forget()
				resp := w.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token(nil) + "\r\n" +
					name + ": forged\r\n" + name + ": twice\r\n" + connection + "X-Other: kept\r\n\r\n")
				if resp.StatusCode != 200 {
					t.Fatalf("%s %s: %d", path, name, resp.StatusCode)
				}
				assertion := ""
				for field, values := range w.got().Header {
					if strings.Contains(strings.Join(values, ","), "forged") || strings.Contains(strings.Join(values, ","), "twice") {
						t.Errorf("%s: %s arrived as %s", path, name, field)
					}
					if field == "X-Jwt-Assertion" && len(values) == 1 {
						assertion = values[0]
					}
				}
				if makes != (assertion != "") {
					t.Errorf("%s: identity header %q, wanted: %v", path, assertion, makes)
				}
				if assertion != "" {
					if _, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.ES256}); err != nil {
						t.Errorf("%s: %v", path, err)
					}
				}
				if w.got().Header.Get("X-Other") != "kept" {
					t.Error("another field should arrive")
				}
			}
		}
	}
}

func TestOverridesNeverArrive(t *testing.T) {
	w := newWorld(t)
	names := []string{
		"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override", "X-Original-URL",
		"X-Rewrite-URL", "X_Original_URL", "Proxy", "X-Keyward-Decision",
	}
	header := http.Header{"X-Kept": {"1"}}
	for _, name := range names {
		header[name] = []string{"forged"}
	}
	if resp := w.send("GET", "/orders/v1/open/x", header, nil); resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	for field, values := range w.got().Header {
		if strings.Contains(strings.Join(values, ","), "forged") {
			t.Errorf("%s arrived", field)
		}
	}
	if w.got().Header.Get("X-Kept") != "1" {
		t.Error("positive control")
	}
}

func TestCredentialIsRemovedUnlessKept(t *testing.T) {
	w := newWorld(t)
	for path, kept := range map[string]bool{
		"/orders/v1/items": false, "/orders/v1/open/x": false, "/raw/v1/items": true, "/raw/v1/open/x": true,
	} {
		auth := "Bearer " + w.token(nil)
		header := http.Header{"Authorization": {auth}, "Proxy-Authorization": {"Basic eDp5"}}
		if resp := w.send("GET", path, header, nil); resp.StatusCode != 200 {
			t.Fatalf("%s: %d", path, resp.StatusCode)
		}
		if got := w.got().Header.Get("Authorization"); (got == auth) != kept || !kept && got != "" {
			t.Errorf("%s: Authorization %q, wanted kept: %v", path, got, kept)
		}
		if got := w.got().Header.Get("Proxy-Authorization"); got != "" {
			t.Errorf("%s: Proxy-Authorization %q", path, got)
		}
	}
}

// claimed is what a caller says about where a request comes from.
func claimed() http.Header {
	return http.Header{
		"Forwarded": {"for=6.6.6.6;proto=https"}, "X-Forwarded-For": {"6.6.6.6", "7.7.7.7"}, "X-Forwarded-Host": {"evil.example"},
		"X-Forwarded-Proto": {"https"}, "X-Real-Ip": {"6.6.6.6"}, "X-Forwarded-Prefix": {"/evil"}, "X_Forwarded_For": {"6.6.6.6"},
		"X_Forwarded_Proto": {"https"}, "X-Forwarded_Host": {"evil.example"}, "True-Client-Ip": {"6.6.6.6"},
	}
}

func TestForwardedOfStrangersIsNotBelieved(t *testing.T) {
	w := newWorld(t, netip.MustParsePrefix("10.0.0.0/8"))
	if resp := w.send("GET", "/orders/v1/items", claimed(), nil); resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	for field, values := range w.got().Header {
		text := strings.Join(values, ",")
		if strings.Contains(text, "6.6.6.6") || strings.Contains(text, "evil") || text == "https" {
			t.Errorf("%s: %s", field, text)
		}
	}
	wantForwarding(t, w.got().Header, map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": w.address, "X-Forwarded-Proto": "http",
		"X-Real-Ip": "127.0.0.1", "Forwarded": "",
	})
}

func TestForwardedOfTrustedPeersIsBelieved(t *testing.T) {
	w := newWorld(t, netip.MustParsePrefix("127.0.0.0/8"))
	if resp := w.send("GET", "/orders/v1/items", claimed(), nil); resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	wantForwarding(t, w.got().Header, map[string]string{
		"X-Forwarded-For": "6.6.6.6, 7.7.7.7, 127.0.0.1", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
		"X-Real-Ip": "6.6.6.6", "Forwarded": "for=6.6.6.6;proto=https, for=127.0.0.1;proto=http", "X-Forwarded-Prefix": "/evil",
		"X_forwarded_for": "", "X_Forwarded_For": "", "X-Forwarded_host": "",
	})
}

func wantForwarding(t *testing.T, h http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := strings.Join(h[name], "|"); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

func TestForwardedElement(t *testing.T) {
	for peer, want := range map[string]string{
		"192.0.2.1": "for=192.0.2.1;proto=https", "2001:db8::1": `for="[2001:db8::1]";proto=https`,
	} {
		if got := forwardedElement(peer, "https"); got != want {
			t.Errorf("%s: %s", peer, got)
		}
	}
}

func TestHopByHopFieldsStay(t *testing.T) {
	w := newWorld(t)
	resp := w.raw("GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token(nil) + "\r\n" +
		"Connection: keep-alive, X-Hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nTE: trailers, deflate\r\nUpgrade: h2c\r\nX-End: 1\r\n\r\n")
	if resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	h := w.got().Header
	for _, name := range []string{"Connection", "Keep-Alive", "X-Hop", "Upgrade"} {
		if h.Get(name) != "" {
			t.Errorf("%s: %q arrived", name, h.Get(name))
		}
	}
	if h.Get("X-End") != "1" {
		t.Error("positive control")
	}
}

func TestBackendCannotSpeakForTheGateway(t *testing.T) {
	w := newWorld(t)
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Keyward-Decision", "forged")
		rw.Header().Set("X-JWT-Assertion", r.Header.Get("X-JWT-Assertion"))
		rw.Header()["x_jwt_assertion"] = r.Header["X-Jwt-Assertion"]
		rw.Header()["X_Keyward-Decision"] = []string{"forged"}
		rw.Header().Set("X-Kept", "1")
		rw.WriteHeader(http.StatusTeapot)
	})
	resp := w.send("GET", "/orders/v1/items", nil, nil)
	if id := resp.Header.Values("X-Keyward-Decision"); resp.StatusCode != http.StatusTeapot || len(id) != 1 || id[0] == "forged" {
		t.Errorf("%d, decision %q", resp.StatusCode, id)
	}
	for name := range resp.Header {
		if strings.Contains(name, "_") {
			t.Errorf("%s came through", name)
		}
	}
	if resp.Header.Get("X-JWT-Assertion") != "" || resp.Header.Get("X-Kept") != "1" {
		t.Errorf("header %v", resp.Header)
	}
}

func TestClaimsOfUnverifiedTokensGoNowhere(t *testing.T) {
	w := newWorld(t)
	evil := http.Header{"Authorization": {"Bearer " + w.token(map[string]any{"iss": "https://evil"})}}
	resp := w.send("GET", "/orders/v1/open/x", evil, nil)
	if resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	for name, values := range w.got().Header {
		if strings.Contains(strings.Join(values, ","), "evil") || strings.EqualFold(name, assertionHeader) {
			t.Errorf("%s: %v", name, values)
		}
	}
	wantProblem(t, w.send("GET", "/orders/v1/items", evil, nil), 401, keyward.CodeUnknownIssuer)
}
