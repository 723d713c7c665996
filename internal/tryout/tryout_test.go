package tryout

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
)

// TestWhatIsSent: the call goes to the API's place at the gateway with what was given, and nothing is followed.
func TestWhatIsSent(t *testing.T) {
	seen := make(chan *http.Request, 8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- r
		w.Header().Set("X-Keyward-Decision", "abc-1")
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(http.StatusFound)
		_, _ = w.Write(append([]byte("got "), body...))
	}))
	defer server.Close()
	call := Call{
		Tenant: "default", API: &keyward.APISpec{Context: "/orders", Version: "v1"}, Method: "POST", Path: "/items?page=2",
		Fields: []Field{{"X-Trace", "1"}, {"x-trace", "2"}}, Body: "é", Token: "t",
	}
	a, err := New(server.URL+"/").Do(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != http.StatusFound || a.Body != "got é" || a.Decision != "abc-1" || a.URL != server.URL+"/orders/v1/items?page=2" {
		t.Errorf("the answer is %+v", a)
	}
	r := <-seen
	if r.Method != "POST" || r.Header.Get("Authorization") != "Bearer t" || !slices.Equal(r.Header["X-Trace"], []string{"1", "2"}) {
		t.Errorf("sent was %s with %v", r.Method, r.Header)
	}
	call.Tenant, call.Token = "acme", ""
	if a, err = New(server.URL).Do(context.Background(), call); err != nil || a.URL != server.URL+"/t/acme/orders/v1/items?page=2" {
		t.Errorf("in another tenant: %+v, %v", a, err)
	}
	if r := <-seen; r.Header.Get("Authorization") != "" {
		t.Errorf("a call without a token carries %q", r.Header.Get("Authorization"))
	}
}

// TestWhatIsNotSent: a call that would leave its API, or speak in the control plane's own name, is refused with every
// fault, and nobody is asked.
func TestWhatIsNotSent(t *testing.T) {
	c := New("http://127.0.0.1:1")
	good := Call{Tenant: "default", API: &keyward.APISpec{Context: "/orders", Version: "v1"}, Method: "GET", Path: "/items"}
	if faults := good.Faults(); len(faults) > 0 {
		t.Fatalf("a good call has faults: %v", faults)
	}
	for _, path := range []string{
		"", "items", "/../admin", "/a/%2e%2e/b", "/a/%2E./b", "/./a", "/a b", "/a#b", "/a\\b", "/a%5c..%5cb", "/%zz", "/a\r\nX: y", "/\x00",
	} {
		call := good
		call.Path = path
		if _, err := c.Do(context.Background(), call); keyward.CodeOf(err) != keyward.CodeInvalidInput {
			t.Errorf("path %q: %v", path, err)
		}
	}
	for _, name := range []string{
		"Authorization", "cookie", "Host", "X-Forwarded-For", "forwarded", "X-Real-IP", "Connection", "Content-Length", "Transfer-Encoding",
		"Proxy-Authorization", "DPoP", "X-Client-Cert", "Upgrade", "", "a b", "a\r\nb",
	} {
		call := good
		call.Fields = []Field{{"Accept", "text/plain"}, {name, "x"}}
		if faults := call.Faults(); len(faults) != 1 || faults[0].Path != "fields[1].name" {
			t.Errorf("field %q: %v", name, faults)
		}
	}
	bad := Call{API: good.API, Method: "CONNECT", Path: "x", Fields: []Field{{"A", "b\nc"}}}
	if faults := bad.Faults(); len(faults) != 3 {
		t.Errorf("of three faults are told: %v", faults)
	}
	many := good
	many.Fields = slices.Repeat([]Field{{"A", "b"}}, maxFields+1)
	if faults := many.Faults(); len(faults) != 1 {
		t.Errorf("too many fields: %v", faults)
	}
}

// TestHowMuchIsShown: text as text, cut between characters; anything else as base64.
func TestHowMuchIsShown(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		binary, cut      bool
	}{
		{"nothing", "", "", false, false},
		{"text", "grüße", "grüße", false, false},
		{"binary", "\xff\x00\x01", base64.StdEncoding.EncodeToString([]byte("\xff\x00\x01")), true, false},
		{"long", "x" + strings.Repeat("é", maxAnswer), "x" + strings.Repeat("é", (maxAnswer-1)/2), false, true},
	} {
		var a Answer
		body := []byte(c.body)
		a.show(body[:min(len(body), maxAnswer+1)], false)
		if a.Body != c.want || a.Binary != c.binary || a.Truncated != c.cut {
			t.Errorf("%s: %d bytes, binary %v, truncated %v", c.name, len(a.Body), a.Binary, a.Truncated)
		}
	}
}

// TestAStreamIsShownAsFarAsItCame: an answer without an end, and one that does not begin, both after the caller's patience.
func TestAStreamIsShownAsFarAsItCame(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			_, _ = io.WriteString(w, "data: é1\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	c := New(server.URL)
	c.client.Timeout = 2 * time.Second
	call := Call{Tenant: "default", API: &keyward.APISpec{Context: "/orders", Version: "v1"}, Method: "GET", Path: "/events"}
	if a, err := c.Do(t.Context(), call); err != nil || a.Status != http.StatusOK || a.Body != "data: é1\n\n" || !a.Truncated {
		t.Errorf("a stream: %+v, %v", a, err)
	}
	call.Path = "/never"
	if _, err := c.Do(t.Context(), call); keyward.CodeOf(err) != keyward.CodeGatewayAway || !strings.Contains(err.Error(), "may be slow") {
		t.Errorf("a slow backend: %v", err)
	}
}

// TestNoGateway: what is wrong is said in a way that its reader can act on.
func TestNoGateway(t *testing.T) {
	const hidden = "secret-token"
	call := Call{Tenant: "default", API: &keyward.APISpec{Context: "/orders", Version: "v1"}, Method: "GET", Path: "/", Token: hidden}
	_, err := New("").Do(context.Background(), call)
	if keyward.CodeOf(err) != keyward.CodeNotSupported || !strings.Contains(err.Error(), "KEYWARD_GATEWAY_URL") {
		t.Errorf("without an address: %v", err)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err = New(server.URL).Do(context.Background(), call)
	if keyward.CodeOf(err) != keyward.CodeGatewayAway || !strings.Contains(err.Error(), server.URL) ||
		strings.Contains(err.Error(), hidden) {
		t.Errorf("nobody there: %v", err)
	}
	private := httptest.NewTLSServer(http.NotFoundHandler())
	defer private.Close()
	_, err = New(private.URL).Do(context.Background(), call)
	if keyward.CodeOf(err) != keyward.CodeGatewayAway || !strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Errorf("a certificate of a private authority: %v", err)
	}
}
