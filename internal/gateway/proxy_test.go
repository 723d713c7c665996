package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
)

func TestPathAndQueryArriveAsDecided(t *testing.T) {
	w := newWorld(t)
	for sent, want := range map[string]string{
		"/orders/v1/items":                        "/base/items",
		"/orders/v1/items/":                       "/base/items/",
		"/orders/v1/items/%41%7E%2d":              "/base/items/A~-",
		"/orders/v1/items/a%20b%c3%a9":            "/base/items/a%20b%C3%A9",
		"/orders/v1/items/a+b:c@d!$&'()*,=":       "/base/items/a+b:c@d!$&'()*,=",
		"/orders/v1/items/%26%3d":                 "/base/items/%26%3D",
		"/orders/v1/items?":                       "/base/items?",
		"/orders/v1/items?a=1;b=2&c=%zz&&d=%20+é": "/base/items?a=1;b=2&c=%zz&&d=%20+é",
		"/orders/v1/items?x=/../y&z=//":           "/base/items?x=/../y&z=//",
		"/orders/v1/items??":                      "/base/items??",
		"http://other.example/orders/v1/items?q":  "/base/items?q",
	} {
		w.forget()
		resp := w.raw("GET " + sent + " HTTP/1.1\r\nHost: caller.example\r\nAuthorization: Bearer " + w.token(nil) + "\r\n\r\n")
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", sent, resp.StatusCode, readAll(t, resp.Body))
			continue
		}
		if got := w.got(); got.RequestURI != want || got.Host != strings.TrimPrefix(w.backend.URL, "http://") {
			t.Errorf("%s: the backend got %s at %s, want %s", sent, got.RequestURI, got.Host, want)
		}
	}
}

func TestMethodsBodiesAndStatusPass(t *testing.T) {
	w := newWorld(t)
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
		rw.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(rw, "%s ", r.Method)
		_, _ = io.Copy(rw, r.Body)
	})
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"} {
		large := strings.Repeat("x", 1<<20)
		resp := w.send(method, "/orders/v1/items", nil, strings.NewReader(large))
		if body := readAll(t, resp.Body); resp.StatusCode != 201 || body != method+" "+large || len(resp.Header["Set-Cookie"]) != 2 {
			t.Errorf("%s: %d, %d bytes, %v", method, resp.StatusCode, len(body), resp.Header)
		}
	}
	if resp := w.send("HEAD", "/orders/v1/items", nil, nil); resp.StatusCode != 201 || readAll(t, resp.Body) != "" {
		t.Errorf("HEAD: %d", resp.StatusCode)
	}
}

func TestStreamsBothWays(t *testing.T) {
	w := newWorld(t)
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(rw)
		_ = control.EnableFullDuplex()
		rw.WriteHeader(200)
		_ = control.Flush()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			_, _ = fmt.Fprintf(rw, "echo %s\n", lines.Text())
			_ = control.Flush()
		}
	})
	body, feed := io.Pipe()
	resp := w.send("POST", "/orders/v1/items", nil, body)
	answers := bufio.NewReader(resp.Body)
	for i := range 5 {
		_, _ = fmt.Fprintf(feed, "line %d\n", i)
		if line, err := answers.ReadString('\n'); err != nil || line != fmt.Sprintf("echo line %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
	}
	_ = feed.Close()
	if rest := readAll(t, answers); rest != "" {
		t.Errorf("rest %q", rest)
	}
}

func TestServerSentEventsAreNotHeldBack(t *testing.T) {
	w := newWorld(t)
	next := make(chan struct{})
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(rw, "data: %d\n\n", i)
			_ = http.NewResponseController(rw).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	})
	resp := w.send("GET", "/orders/v1/items", nil, nil)
	events := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := events.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
		_, _ = events.ReadString('\n')
		next <- struct{}{}
	}
}

func TestTrailersPass(t *testing.T) {
	w := newWorld(t)
	got := make(chan http.Header, 1)
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Trailer", "X-Sum")
		_, _ = io.Copy(rw, r.Body)
		got <- r.Trailer
		rw.Header().Set("X-Sum", "42")
	})
	resp := w.raw("POST /orders/v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token(nil) + "\r\n" +
		"Transfer-Encoding: chunked\r\nTrailer: X-Check, X-JWT-Assertion, X_JWT_Assertion, X-Forwarded-For\r\n\r\n" +
		"4\r\nbody\r\n0\r\nX-Check: ok\r\nX-JWT-Assertion: forged\r\nX_JWT_Assertion: forged\r\n" +
		"X-Forwarded-For: 6.6.6.6\r\nX-Late: 1\r\n\r\n")
	if body := readAll(t, resp.Body); resp.StatusCode != 200 || body != "body" {
		t.Fatalf("%d %q", resp.StatusCode, body)
	}
	trailer := <-got
	if len(trailer) != 1 || trailer.Get("X-Check") != "ok" {
		t.Errorf("the backend's trailers: %v", trailer)
	}
	if resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("the caller's trailers: %v", resp.Trailer)
	}
}

func TestBackendTooSlow(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.handle(func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	wantProblem(t, w.send("GET", "/orders/v1/items", nil, nil), 504, keyward.CodeUpstreamTimeout)
}

func TestBackendBreaksOff(t *testing.T) {
	w := newWorld(t)
	w.handle(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	wantProblem(t, w.send("GET", "/orders/v1/items", nil, nil), 502, keyward.CodeUpstreamUnreachable)
	w.handle(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(rw, "half")
		_ = http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	})
	resp := w.send("GET", "/orders/v1/items", nil, nil)
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("half an answer must not look like a whole one")
	}
}

func TestCallersBrokenBodyIsTheCallersFault(t *testing.T) {
	w := newWorld(t)
	w.handle(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	resp := w.raw("POST /orders/v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token(nil) + "\r\n" +
		"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nzz\r\n\r\n")
	wantProblem(t, resp, 400, keyward.CodeInvalidRequest)
}

func TestSmugglingDoesNotReachTheBackend(t *testing.T) {
	w := newWorld(t)
	auth := "Authorization: Bearer " + w.token(nil) + "\r\n"
	inner := "GET /base/admin HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, head := range map[string]string{
		"length and chunks":    fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n", 5+len(inner)),
		"two codings":          "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
		"odd coding":           "Transfer-Encoding: xchunked\r\n",
		"folded":               "X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
		"length list":          "Content-Length: 3, 30\r\n",
		"coding with a tab":    "Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n",
		"space in field name":  "Content-Length : 30\r\n",
		"vertical tab in name": "Transfer-Encoding\x0b: chunked\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w.handle(func(_ http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.RequestURI, "admin") {
					t.Errorf("the hidden request arrived")
				}
				_, _ = io.Copy(io.Discard, r.Body)
			})
			resp := w.raw("POST /orders/v1/items HTTP/1.1\r\nHost: x\r\n" + auth + head + "\r\n0\r\n\r\n" + inner)
			if resp.StatusCode != 200 && resp.StatusCode != 400 && resp.StatusCode != 501 {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
}

func TestHTTP2InClearText(t *testing.T) {
	w := newWorld(t)
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		rw.Header().Set("X-Proto-Of-Backend", r.Proto)
		_, _ = fmt.Fprintf(rw, "%s %s", r.RequestURI, b)
	})
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	w.client = &http.Client{Transport: transport}
	resp := w.send("POST", "/orders/v1/items?a=%zz", nil, strings.NewReader("body"))
	if body := readAll(t, resp.Body); resp.ProtoMajor != 2 || resp.StatusCode != 200 || body != "/base/items?a=%zz body" {
		t.Errorf("%s %d %q", resp.Proto, resp.StatusCode, body)
	}
	wantProblem(t, w.send("GET", "/orders/v1/admin", nil, nil), 405, keyward.CodeNoSuchOperation)
	wantProblem(t, w.send("GET", "/orders/v1/items", http.Header{"Authorization": {"Bearer x"}}, nil), 401, keyward.CodeInvalidToken)
	for _, name := range spellings {
		w.send("GET", "/orders/v1/open/x", http.Header{name: {"forged"}}, nil)
		for field, values := range w.got().Header {
			if values[0] == "forged" {
				t.Errorf("%s arrived as %s", name, field)
			}
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	w := newWorld(t)
	peers := map[string]bool{}
	for range 20 {
		resp := w.send("GET", "/orders/v1/items", nil, nil)
		_ = readAll(t, resp.Body)
		_ = resp.Body.Close()
		peers[w.got().RemoteAddr] = true
	}
	if len(peers) != 1 {
		t.Errorf("%d connections to the backend for 20 calls in a row", len(peers))
	}
}

func TestCallerWhoLeavesFreesTheBackend(t *testing.T) {
	w := newWorld(t)
	began, ended := make(chan struct{}), make(chan struct{})
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(rw).Flush()
		close(began)
		<-r.Context().Done()
		close(ended)
	})
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", w.url+"/orders/v1/items", bytes.NewReader(nil))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token(nil))
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	<-began
	cancel()
	_ = resp.Body.Close()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the backend works on for nobody")
	}
}
