package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed"
)

const callLimit = 60 * time.Second

// answer is what a gateway said.
type answer struct {
	status  int
	header  http.Header
	body    string
	problem struct {
		Status                        int
		Title, Detail, Code, Instance string
	}
	echo echo
}

// want gives "" when the answer has the status and, for a refusal, the code.
func (a *answer) want(status int, code string) string {
	if a.status == status && a.problem.Code == code {
		return ""
	}
	return fmt.Sprintf("got %d %s, want %d %s: %.300s", a.status, a.problem.Code, status, code, a.body)
}

func read(resp *http.Response) (*answer, error) {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, body: string(body)}
	switch {
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json"):
		err = json.Unmarshal(body, &a.problem)
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") && resp.StatusCode == http.StatusOK:
		err = json.Unmarshal(body, &a.echo)
	}
	return a, err
}

// call sends a request with a bearer token to the gateway at the address; an empty token sends none.
func call(t *testing.T, address, method, target, token string) *answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return send(t, req)
}

func send(t *testing.T, req *http.Request) *answer {
	t.Helper()
	return sendBy(t, &http.Client{Timeout: callLimit}, req)
}

func sendBy(t *testing.T, client *http.Client, req *http.Request) *answer {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a, err := read(resp)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// rawCall sends these lines as they are over a fresh connection: what Go's client would clean or refuse. Lines are
// joined by CRLF; Host, Connection: close and the empty line are added unless the request has more than its head.
func rawCall(t *testing.T, address, requestLine string, headers ...string) *answer {
	t.Helper()
	lines := append([]string{requestLine, "Host: " + address, "Connection: close"}, headers...)
	return rawBytes(t, address, strings.Join(lines, "\r\n")+"\r\n\r\n")
}

// rawBytes sends exactly these bytes. A connection closed without an answer gives status 0.
func rawBytes(t *testing.T, address, text string) *answer {
	t.Helper()
	c, err := (&net.Dialer{Timeout: callLimit}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(callLimit)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(c, text) }() // a refusal may come before everything is written
	raw, _ := io.ReadAll(c)                        // a reset after the answer is no fault of the answer
	if len(raw) == 0 {
		return &answer{header: http.Header{}}
	}
	method, _, _ := strings.Cut(text, " ")
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("the answer is not HTTP: %v: %.200q", err, raw)
	}
	defer func() { _ = resp.Body.Close() }()
	a, err := read(resp)
	if err != nil {
		t.Fatalf("%v: %.300q", err, raw)
	}
	return a
}

// until calls again and again until the answer is the wanted one, and gives how long that took.
func until(t *testing.T, address, method, target, token string, status int, code string) time.Duration {
	t.Helper()
	what := fmt.Sprintf("%s %s at %s", method, target, address)
	return testbed.Eventually(t, what,
		func() string { return call(t, address, method, target, token).want(status, code) })
}
