package wire_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/testbed/walled"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
)

// serve answers the n-th request, counted from one.
func serve(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) (at string, seen *atomic.Int64) {
	t.Helper()
	seen = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(int(seen.Add(1)), w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, seen
}

func TestShortPausesAreWaitedFor(t *testing.T) {
	soon := func() string { return fmt.Sprint(time.Now().Unix()) }
	for _, c := range []struct {
		name, field string
		value       func() string
		requests    int64
	}{
		{"seconds", "Retry-After", func() string { return "0" }, 3},
		{"a date", "Retry-After", func() string { return time.Now().UTC().Format(http.TimeFormat) }, 3},
		{"Okta's way", "X-Rate-Limit-Reset", soon, 3},
		{"Auth0's way", "X-RateLimit-Reset", soon, 3},
		{"too long", "Retry-After", func() string { return "3600" }, 1},
		{"nonsense", "Retry-After", func() string { return "soon" }, 1},
		{"negative", "Retry-After", func() string { return "-1" }, 1},
		{"nothing said", "X-Other", func() string { return "1" }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, seen := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(c.field, c.value())
				w.WriteHeader(http.StatusTooManyRequests)
			})
			a, err := wire.New(nil).Do(t.Context(), wire.Call{Op: "try", Method: http.MethodGet, URL: at})
			if err != nil || a.Status != http.StatusTooManyRequests || seen.Load() != c.requests {
				t.Errorf("%d requests, error %v, want %d", seen.Load(), err, c.requests)
			}
		})
	}
	at, seen := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != `{"a":1}` {
			t.Errorf("request %d has the body %q", n, body)
		}
		if n < 3 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	call := wire.Call{Op: "try", Method: http.MethodPost, URL: at, JSON: map[string]int{"a": 1}}
	if a, err := wire.New(nil).Do(t.Context(), call); err != nil || a.Status != http.StatusOK || seen.Load() != 3 {
		t.Errorf("after two pauses: %v, %d requests", err, seen.Load())
	}
}

// A pause ends with the asker's own time.
func TestPauseEndsWithTheContext(t *testing.T) {
	at, seen := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "4")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	a, err := wire.New(nil).Do(ctx, wire.Call{Op: "try", Method: http.MethodGet, URL: at})
	if err != nil || a.Status != http.StatusTooManyRequests || seen.Load() != 1 {
		t.Errorf("%v, %d requests", err, seen.Load())
	}
}

func TestVendorsWords(t *testing.T) {
	challenges := map[string]string{
		"a challenge": `Bearer realm="x", scope="a.manage", error="insufficient_scope", ` +
			`error_description="the-secret lacks a scope"`,
		"a challenge beside own words":  `Bearer error="insufficient_scope"`,
		"a challenge that says nothing": `Bearer realm="x"`,
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"a challenge":                   {403, "", "403 insufficient_scope: *** lacks a scope"},
		"a challenge beside own words":  {403, `{"error":"own"}`, "403 own"},
		"a challenge that says nothing": {401, "", "401"},
		"OAuth":                         {400, `{"error":"invalid_scope","error_description":"no:such"}`, "400 invalid_scope: no:such"},
		"Okta": {400, `{"errorCode":"E0000001","errorSummary":"Api validation failed","errorCauses":[{"errorSummary":"name: is taken"}]}`,
			"400 E0000001: Api validation failed name: is taken"},
		"Auth0": {400, `{"statusCode":400,"error":"Bad Request","message":"Payload validation error"}`,
			"400 Bad Request: Payload validation error"},
		"PingFederate": {422, `{"resultId":"validation_error","message":"Review.",
			"validationErrors":[{"fieldPath":"name","message":"Taken"}]}`, "422 validation_error: Review. name Taken"},
		"a secret in a detail": {422, `{"resultId":"x","validationErrors":[{"message":"the-secret is too short"}]}`,
			"422 x: *** is too short"},
		"details of other types": {422, `{"resultId":"x","validationErrors":"none","errorCauses":[1,{"message":2}]}`, "422 x"},
		"a long pause":           {429, `{"error":"too_many"}`, "429 too_many: (try again in 1h0m0s)"},
	} {
		t.Run(name, func(t *testing.T) {
			at, _ := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "3600")
				w.Header().Set("WWW-Authenticate", challenges[name])
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			call := wire.Call{Op: "try", Method: http.MethodGet, URL: at, Secrets: []string{"the-secret"}}
			a, err := wire.New(nil).Do(t.Context(), call)
			if err != nil {
				t.Fatal(err)
			}
			if got := call.Failure(a).Error(); got != "try: the server answered "+c.want {
				t.Errorf("%s", got)
			}
		})
	}
}

// A service account sends its credentials as it is told to, and its token is kept.
func TestTokens(t *testing.T) {
	for _, post := range []bool{false, true} {
		at, seen := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
			id, secret, basic := r.BasicAuth()
			if post {
				id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
			}
			if basic == post || id != "a" || secret != "s" || r.PostFormValue("audience") != "x" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprintf("token-%d", n), "expires_in": 600})
		})
		tokens, caller := wire.NewTokens(rollover.New(nil, nil)), wire.New(nil)
		right := rollover.Credential{Current: "s"}
		account := wire.Account{Endpoint: at, ClientID: "a", Secret: right, Post: post, Params: map[string][]string{"audience": {"x"}}}
		for range 2 {
			if value, err := tokens.Get(t.Context(), caller, account, false); err != nil || value != "token-1" {
				t.Errorf("post %v: %s, error %v", post, value, err)
			}
		}
		if value, err := tokens.Get(t.Context(), caller, account, true); err != nil || value != "token-2" || seen.Load() != 2 {
			t.Errorf("post %v, fresh: %s, error %v", post, value, err)
		}
		account.Secret = rollover.Credential{Current: "wrong-secret", Next: "s"}
		for i, sent := range []int64{4, 5} { // the refused one is sent once
			if token, err := tokens.Get(t.Context(), caller, account, true); err != nil || token != fmt.Sprint("token-", sent) ||
				seen.Load() != sent {
				t.Errorf("post %v, the next secret, time %d: %s, error %v, %d requests", post, i, token, err, seen.Load())
			}
		}
		account.Secret.Next = "wrong-secret-2"
		_, err := tokens.Get(t.Context(), caller, account, false)
		var f *wire.Failure
		if !errors.As(err, &f) || f.Uncertain() || strings.Contains(err.Error(), "wrong-secret") || seen.Load() != 7 {
			t.Errorf("post %v, wrong secrets: %v after %d requests", post, err, seen.Load())
		}
		if _, err := tokens.Get(t.Context(), caller, account, false); err == nil || seen.Load() != 8 {
			t.Errorf("post %v, a wrong pair doubles the load: %v after %d requests", post, err, seen.Load())
		}
	}
}

// A service account without a secret: by assertions, which are made anew for each request, and by a certificate alone.
func TestAccountsWithoutASecret(t *testing.T) {
	authority := walled.NewAuthority(t)
	certificate, certificateKey := authority.Client(t, "keyward")
	var seen []url.Values
	server := authority.Server(t, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		seen = append(seen, r.PostForm)
		_, _, basic := r.BasicAuth()
		if basic || r.PostForm.Get("client_id") != "a" || r.TLS.PeerCertificates[0].Subject.CommonName != "keyward" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"got","expires_in":600}`)
	}))
	client, err := outbound.Under(outbound.NewClient(outbound.Rules{}, outbound.Options{}), "km",
		outbound.Policy{CA: authority.PEM, Certificate: certificate, Key: certificateKey})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	tokens, caller := wire.NewTokens(rollover.New(nil, nil)), wire.New(client)
	bare := wire.Account{Endpoint: server.URL, ClientID: "a", ByCertificate: true}
	signed := wire.Account{
		Endpoint: server.URL, ClientID: "a", Secret: rollover.Credential{Current: certificateKey}, Audience: "https://as.example",
	}
	for _, account := range []wire.Account{bare, bare, signed, signed} {
		if value, err := tokens.Get(t.Context(), caller, account, false); err != nil || value != "got" {
			t.Errorf("%q, error %v", value, err)
		}
	}
	if _, err := tokens.Get(t.Context(), caller, signed, true); err != nil {
		t.Error(err)
	}
	if len(seen) != 3 || len(seen[0]) != 2 || seen[1].Get("client_assertion_type") != token.AssertionType ||
		seen[1].Get("client_assertion") == seen[2].Get("client_assertion") {
		t.Errorf("the server saw %v", seen)
	}
	for what, account := range map[string]wire.Account{
		"no TLS": {Endpoint: "http://127.0.0.1:1", ClientID: "a", ByCertificate: true},
		"no key": {Endpoint: server.URL, ClientID: "a", Audience: "x", Secret: rollover.Credential{Current: "a-secret-that-is-no-key"}},
	} {
		if _, err := tokens.Get(t.Context(), caller, account, false); err == nil || strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(seen) != 3 {
		t.Errorf("the server was asked %d times", len(seen))
	}
}

// A server may repeat in any answer what it was told in another one, or told itself: none of it is in a failure's text.
func TestNoSecretComesBackInAFailure(t *testing.T) {
	given := []string{"management-secret", "bearer-of-before", "password-of-before", "assertion-of-before", "admin-word"}
	at, _ := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if n < 4 {
			_, _ = io.WriteString(w, `{"client_secret":"secret-of-the-client",`+
				`"registration_access_token":"token-of-the-client","value":"x"}`)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		text, err := json.Marshal(map[string]string{
			"error": "bad", "error_description": "exactly x: " + strings.Join(given, " ") + " secret-of-the-client token-of-the-client",
		})
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(text)
	})
	hiding := wire.New(nil).Hiding(wire.NewHidden("management-secret"))
	words := func(c *wire.Caller) string {
		k := wire.Call{Op: "try", Method: http.MethodGet, URL: at}
		a, err := c.Do(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		return k.Failure(a).Error()
	}
	for _, k := range []wire.Call{
		{Op: "a", Method: http.MethodGet, URL: at, Bearer: "bearer-of-before"},
		{Op: "b", Method: http.MethodPost, URL: at, User: "u", Password: "password-of-before", Form: url.Values{
			"client_assertion": {"assertion-of-before"},
		}},
		{Op: "c", Method: http.MethodGet, URL: at, Header: http.Header{"Authorization": {"SSWS admin-word"}}},
	} {
		if _, err := hiding.Do(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	if got := words(hiding); got != "try: the server answered 400 bad: exactly x: *** *** *** *** *** *** ***" {
		t.Errorf("a secret comes back: %s", got)
	}
	if got := words(wire.New(nil)); !strings.Contains(got, "secret-of-the-client") {
		t.Errorf("the server did not repeat them: %s", got)
	}
}
