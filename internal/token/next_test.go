package token

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/secret"
)

// keyOfAssertion gives the kid of a client assertion.
func keyOfAssertion(r *http.Request) string {
	head, _, _ := strings.Cut(r.PostForm.Get("client_assertion"), ".")
	text, _ := base64.RawURLEncoding.DecodeString(head)
	var h struct {
		KeyID string `json:"kid"`
	}
	_ = json.Unmarshal(text, &h)
	return h.KeyID
}

// TestNextSecret: the server changes from one secret to the next between two questions. Nobody sees a failure, and the
// refused one is not sent again.
func TestNextSecret(t *testing.T) {
	assertion := func(kid string) string { return privateJWK(t, testKeys().rsa, kid, "RS256") }
	password := func(r *http.Request) string { _, value, _ := r.BasicAuth(); return value }
	bearer := func(r *http.Request) string { return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") }
	for name, c := range map[string]struct {
		old, next string
		change    func(*Question)
		shown     func(*http.Request) string // the secret in a request, as old and next say it
		refusal   int
	}{
		"basic": {"old", "next", func(q *Question) { q.Method = "basic" }, password, 401},
		"post": {"old", "next", func(q *Question) { q.Method = "post" },
			func(r *http.Request) string { return r.PostForm.Get("client_secret") }, 400},
		"fixed token": {"old", "next", func(q *Question) { q.Method, q.ClientID = "bearer", "" }, bearer, 401},
		"assertion": {"old", "next", func(q *Question) {
			q.Method, q.Audience = "private_key_jwt", "https://as.example"
			q.Secret, q.Next = secret.New(assertion("old")), secret.New(assertion("next"))
		}, keyOfAssertion, 400},
		"token of a client": {"old", "next", func(q *Question) { q.Method, q.TokenEndpoint = "bearer", q.Endpoint+"/token" },
			func(r *http.Request) string {
				if r.URL.Path == "/token" {
					return password(r)
				}
				return strings.TrimPrefix(bearer(r), "token-of-")
			}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			takes, sent := c.old, []string{}
			server := newAskServer(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				got := c.shown(r)
				sent = append(sent, got)
				switch {
				case got != takes:
					w.WriteHeader(c.refusal)
					_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
				case r.URL.Path == "/token":
					_, _ = fmt.Fprintf(w, `{"access_token":"token-of-%s","expires_in":300}`, got)
				default:
					_, _ = io.WriteString(w, `{"active":true}`)
				}
			})
			i, clock := newIntrospector(t)
			n := 0
			ask := func(want string) {
				t.Helper()
				n++
				q := server.question(fmt.Sprint("t", n))
				q.Secret, q.Next = secret.New(c.old), secret.New(c.next)
				c.change(&q)
				mu.Lock()
				sent = sent[:0]
				mu.Unlock()
				_, err := i.Introspect(t.Context(), q)
				mu.Lock()
				defer mu.Unlock()
				if got := strings.Join(sent, " "); got != want || (err == nil) != strings.HasSuffix(want, takes) {
					t.Errorf("question %d: sent %q, wants %q: %v", n, got, want, err)
				}
			}
			set := func(value string) { mu.Lock(); takes = value; mu.Unlock() }
			got := func(values string) string { // a token is got with a secret, and asked with
				if name != "token of a client" {
					return values
				}
				return values + " " + values[strings.LastIndex(values, " ")+1:]
			}
			ask(got("old"))
			ask("old")
			set("next")
			if name == "token of a client" {
				ask("old old next next") // the token, which is not taken any more; then the secrets
			} else {
				ask("old next")
			}
			ask("next")
			clock.advance(time.Minute)
			ask("next")
			set("neither")
			clock.advance(time.Hour)
			ask("next old")
			ask("next") // no double load
		})
	}
}

// TestNextCertificate: the server stops to take the old certificate, by an alert or by its answer.
func TestNextCertificate(t *testing.T) {
	for name, alert := range map[string]bool{"alert": true, "answer": false} {
		t.Run(name, func(t *testing.T) {
			old, oldKey, oldRaw := clientCertificate(t)
			next, nextKey, nextRaw := clientCertificate(t)
			var mu sync.Mutex
			takes, seen := oldRaw, 0
			good := func(raw []byte) bool {
				mu.Lock()
				defer mu.Unlock()
				seen++
				return string(raw) == string(takes)
			}
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if !alert && !good(r.TLS.PeerCertificates[0].Raw) {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				_, _ = io.WriteString(w, `{"active":true}`)
			}))
			server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
			if alert {
				server.TLS.VerifyConnection = func(s tls.ConnectionState) error {
					if !good(s.PeerCertificates[0].Raw) {
						return fmt.Errorf("not taken")
					}
					return nil
				}
			}
			server.Config.SetKeepAlivesEnabled(false) // each question shows its certificate
			server.StartTLS()
			t.Cleanup(server.Close)
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			client := outbound.NewClient(outbound.Rules{}, outbound.Options{RootCAs: roots})
			i, err := NewIntrospector(client, Options{})
			if err != nil {
				t.Fatal(err)
			}
			ask := func(token string, connections int) {
				t.Helper()
				_, err := i.Introspect(t.Context(), Question{
					KeyManagerID: "km", Digest: "d", Endpoint: server.URL, ClientID: "gateway", Method: keyward.IntrospectTLS, Token: token,
					Certificate: old + next, Secret: secret.New(oldKey), Next: secret.New(nextKey),
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || seen != connections {
					t.Errorf("%s: %v, %d certificates shown, wants %d", token, err, seen, connections)
				}
			}
			ask("old", 1)
			mu.Lock()
			takes = nextRaw
			mu.Unlock()
			ask("next", 3)
			ask("next again", 4)
		})
	}
}
