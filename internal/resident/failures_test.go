package resident

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Wrong secrets are slowed down for who sends them; a right one passes at once, whoever else was wrong.
func TestWrongSecretsAreSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend, err := NewMemory(time.Now, time.Hour, MemoryClient{ID: "a", Secret: "right"}, MemoryClient{ID: "b", Secret: "right"})
		if err != nil {
			t.Fatal(err)
		}
		handler := NewServer(time.Now).Alone(Authority{Issuer: "http://issuer.example", Backend: backend})
		ask := func(peer, client, secret string) (status int, took time.Duration, header http.Header) {
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret}}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/token", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.RemoteAddr = peer
			w := httptest.NewRecorder()
			start := time.Now()
			handler.ServeHTTP(w, r)
			return w.Code, time.Since(start), w.Header()
		}
		wants := func(what string, peer, client, secret string, want int, late bool) {
			t.Helper()
			status, took, header := ask(peer, client, secret)
			if status != want || (took >= holdFor) != late || (header.Get("Retry-After") != "") != (want == http.StatusTooManyRequests) {
				t.Errorf("%s: %d after %v, %v", what, status, took, header)
			}
		}
		for range pairBurst {
			wants("the first wrong ones", "192.0.2.1:1", "a", "wrong", http.StatusUnauthorized, false)
		}
		wants("one too many", "192.0.2.1:2", "a", "wrong", http.StatusTooManyRequests, true)
		wants("the right one from the same peer", "192.0.2.1:3", "a", "right", http.StatusOK, false)
		wants("the right one from elsewhere", "192.0.2.2:3", "a", "right", http.StatusOK, false)
		wants("a wrong one from elsewhere", "192.0.2.2:3", "a", "wrong", http.StatusUnauthorized, false)
		wants("a wrong one of another client", "192.0.2.1:4", "b", "wrong", http.StatusUnauthorized, false)
		time.Sleep(failurePeriod)
		wants("a wrong one later", "192.0.2.1:5", "a", "wrong", http.StatusUnauthorized, false)
		for range pairBurst {
			wants("one site", "[2001:db8::1]:1", "a", "wrong", http.StatusUnauthorized, false)
		}
		wants("another address of the site", "[2001:db8::2]:1", "a", "wrong", http.StatusTooManyRequests, true)
		// Answers that are held back are few; the others are refused at once.
		done := make(chan time.Duration)
		for range holdAtMost + 10 {
			go func() {
				_, took, _ := ask("[2001:db8::3]:1", "a", "wrong")
				done <- took
			}()
		}
		atOnce := 0
		for range holdAtMost + 10 {
			if <-done < holdFor {
				atOnce++
			}
		}
		if atOnce != 10 {
			t.Errorf("%d answers came at once", atOnce)
		}
	})
}
