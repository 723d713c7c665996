package gateway

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
)

func TestFramingSeesTwoLengths(t *testing.T) {
	const both = "POST / HTTP/1.1\r\nContent-Length: 3\r\nX: y\r\ntransfer-ENCODING: chunked\r\n\r\n"
	const coded = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	const measured = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n"
	for name, tt := range map[string]struct {
		text             string
		first, suspected bool
	}{
		"both":                   {both, true, true},
		"line ends alone":        {strings.ReplaceAll(both, "\r", ""), true, true},
		"one, then the other":    {measured + "abc" + coded, false, false},
		"the other, then one":    {coded + "0\r\n\r\n" + measured, false, false},
		"later":                  {measured + "abc" + both, false, true},
		"in a body":              {coded + "40\r\n" + both, false, true},
		"first, and in its body": {both + "40\r\n" + both, true, true},
		"values only": {"POST / HTTP/1.1\r\nA: Content-Length: 3\r\nB: Transfer-Encoding: x\r\n\r\n", false,
			false},
		"HTTP/2": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + both, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			for size := 1; size <= len(tt.text); size++ { // however it comes in pieces
				var f framing
				for rest := tt.text; rest != ""; {
					n := min(size, len(rest))
					f.see([]byte(rest[:n]))
					rest = rest[n:]
				}
				if f.first.Load() != tt.first || f.suspected.Load() != tt.suspected {
					t.Fatalf("pieces of %d: first %v, suspected %v", size, f.first.Load(), f.suspected.Load())
				}
			}
		})
	}
}

// What stands after a request with two lengths is never taken for a request (RFC 9112, section 6.3).
func TestTwoLengthsEndTheConnection(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *world) {
		auth := "Host: x\r\nAuthorization: Bearer " + w.token(nil) + "\r\n"
		const chunks = "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
		get := "GET /raw/v1/items/x HTTP/1.1\r\n" + auth + "\r\n"
		plain := "POST /raw/v1/items/x HTTP/1.1\r\n" + auth + chunks
		twice := "POST /raw/v1/items/x HTTP/1.1\r\n" + auth + "Content-Length: 9\r\n" + chunks
		last := strings.Replace(get, "Host: x", "Host: x\r\nConnection: close", 1)
		if got := w.statuses(plain + plain + last); len(got) != 3 || got[0] != 200 || got[2] != 200 {
			t.Fatalf("positive control: %v", got)
		}
		if got := w.statuses(twice + last); len(got) != 1 || got[0] != 400 {
			t.Errorf("the first of a connection: %v, want 400 alone", got)
		}
		if got := w.statuses(get + twice + last); len(got) > 2 || got[0] != 200 {
			t.Errorf("a later one: %v, want nothing after it", got)
		}
		w.forget()
		wantProblem(t, w.raw(twice), 400, keyward.CodeInvalidRequest)
		if w.got() != nil {
			t.Errorf("the backend got %v", w.got())
		}
	})
}

// HTTP/1.0 has no chunks: who sends Transfer-Encoding with it is understood differently by everybody on the way
// (RFC 9112, section 6.1), and nothing after an HTTP/1.0 request is taken for another one.
func TestOldVersionEndsTheConnection(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *world) {
		auth := "Host: x\r\nConnection: keep-alive\r\nAuthorization: Bearer " + w.token(nil) + "\r\n"
		get := "GET /raw/v1/items/x HTTP/1.0\r\n" + auth + "\r\n"
		coded := "POST /raw/v1/items/x HTTP/1.0\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
		if got := w.statuses(strings.ReplaceAll(get+get, "1.0", "1.1") + get); len(got) != 3 || got[2] != 200 {
			t.Fatalf("positive control: %v", got)
		}
		if got := w.statuses(get + get); len(got) != 1 || got[0] != 200 {
			t.Errorf("HTTP/1.0: %v, want one answer", got)
		}
		w.forget()
		if got := w.statuses(coded + get); len(got) != 1 || got[0] != 400 {
			t.Errorf("HTTP/1.0 with chunks: %v, want 400 alone", got)
		}
		if w.got() != nil {
			t.Errorf("the backend got %v", w.got())
		}
	})
}

// A body whose end cannot be found is the last thing that its connection brings, whether it is found out before the
// backend's answer or after.
func TestBrokenChunksEndTheConnection(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *world) {
		w.handle(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("early") == "" {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			rw.WriteHeader(http.StatusAccepted)
		})
		auth := " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token(nil) + "\r\n"
		get := "GET /raw/v1/items/x" + auth + "\r\n"
		last := strings.Replace(get, "Host: x", "Host: x\r\nConnection: close", 1)
		post := func(query, chunks string) string {
			return "POST /raw/v1/items/x" + query + auth + "Transfer-Encoding: chunked\r\n\r\n" + chunks
		}
		if got := w.statuses(post("", "3\r\nabc\r\n0\r\n\r\n") + last); len(got) != 2 || got[1] != http.StatusAccepted {
			t.Fatalf("positive control: %v", got)
		}
		for _, chunks := range []string{
			"3\r\nabc0\r\n\r\n", "3\r\nabc\n0\r\n\r\n", "3\r\nabc\r\n0\n\n", "3;a\nb\r\nabc\r\n0\r\n\r\n", "x\r\n\r\n", "-1\r\n\r\n",
		} {
			if got := w.statuses(post("", chunks) + get + last); len(got) != 1 || got[0] != http.StatusBadRequest {
				t.Errorf("%q: %v, want 400 alone", chunks, got)
			}
			if got := w.statuses(post("?early=1", chunks) + get + last); len(got) > 1 {
				t.Errorf("%q, answered early: %v, want nothing after the first answer", chunks, got)
			}
		}
	})
}

// statuses sends bytes and gives the status of every answer until the gateway ends the connection.
func (w *world) statuses(text string) []int {
	w.t.Helper()
	c := w.dial()
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, text); err != nil {
		w.t.Fatal(err)
	}
	var list []int
	for in := bufio.NewReader(c); ; {
		resp, err := http.ReadResponse(in, nil)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err != nil && len(list) > 0 {
			return list
		}
		if err != nil {
			w.t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		list = append(list, resp.StatusCode)
	}
}
