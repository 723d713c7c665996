package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/secret"
)

func privatePEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func privateJWK(t *testing.T, key crypto.Signer, kid, algorithm string) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: algorithm})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAssertions: by each kind of key, what RFC 7523, section 3, asks of them, and no two alike.
func TestAssertions(t *testing.T) {
	k := testKeys()
	legacy := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k.rsa)}))
	for _, c := range []struct {
		name, key, algorithm, kid string
		public                    any
	}{
		{"RSA", privatePEM(t, k.rsa), "RS256", "", &k.rsa.PublicKey},
		{"RSA in its old form", legacy, "RS256", "", &k.rsa.PublicKey},
		{"P-256", privatePEM(t, k.p256), "ES256", "", &k.p256.PublicKey},
		{"P-384", privatePEM(t, k.p384), "ES384", "", &k.p384.PublicKey},
		{"Ed25519", privatePEM(t, k.ed), "EdDSA", "", k.ed.Public()},
		{"JWK", privateJWK(t, k.rsa, "gw-1", "PS256"), "PS256", "gw-1", &k.rsa.PublicKey},
		{"JWK without alg", privateJWK(t, k.p521, "gw-2", ""), "ES512", "gw-2", &k.p521.PublicKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newAskServer(t, says(`{"active":true}`))
			i, clock := newIntrospector(t)
			seen := map[string]bool{}
			for n := range 2 {
				q := server.question(fmt.Sprint("t", n))
				q.Method, q.Secret, q.Audience = keyward.IntrospectJWT, secret.New(c.key), "https://as.example"
				if _, err := i.Introspect(t.Context(), q); err != nil {
					t.Fatal(err)
				}
				got := server.last.Load()
				if got.basic || got.form.Has("client_secret") || got.form.Get("client_assertion_type") != AssertionType ||
					got.form.Get("client_id") != "gateway" {
					t.Errorf("sent %v", got.form)
				}
				algorithms := []jose.SignatureAlgorithm{jose.SignatureAlgorithm(c.algorithm)}
				parsed, err := jwt.ParseSigned(got.form.Get("client_assertion"), algorithms)
				if err != nil {
					t.Fatal(err)
				}
				var claims jwt.Claims
				if err := parsed.Claims(c.public, &claims); err != nil {
					t.Fatal(err)
				}
				now := clock.now()
				if claims.Issuer != "gateway" || claims.Subject != "gateway" || len(claims.Audience) != 1 ||
					claims.Audience[0] != "https://as.example" || claims.Expiry.Time().Sub(now) > time.Minute ||
					!claims.Expiry.Time().After(now) || parsed.Headers[0].KeyID != c.kid || seen[claims.ID] || claims.ID == "" {
					t.Errorf("claims %+v, kid %q", claims, parsed.Headers[0].KeyID)
				}
				seen[claims.ID] = true
			}
		})
	}
}

func TestKeysThatCannotSign(t *testing.T) {
	k := testKeys()
	weak, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // too weak, as it must be here
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: &k.rsa.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "a word": "secret", "weak RSA": privatePEM(t, weak), "another curve": privatePEM(t, p224), "public": string(public),
		"symmetric": `{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}`, "no JWK": `{"kty":"RSA","d":"secret"}`,
		"an alg of another key": privateJWK(t, k.rsa, "x", "ES256"), "none": privateJWK(t, k.rsa, "x", "none"),
		"a certificate": "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n",
		"broken":        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
	} {
		if key, err := ParseAssertionKey(text); err == nil || key != nil || strings.Contains(err.Error(), "secret") ||
			strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: %v", name, err)
		}
	}
	server := newAskServer(t, says(`{"active":true}`))
	i, _ := newIntrospector(t)
	q := server.question("t")
	q.Method = keyward.IntrospectJWT
	if _, err := i.Introspect(t.Context(), q); keyward.CodeOf(err) != keyward.CodeKeyManagerUnavailable || server.count.Load() > 0 {
		t.Errorf("asked with a key that is none: %v", err)
	}
	q.Method = "jws"
	if _, err := i.Introspect(t.Context(), q); keyward.CodeOf(err) != keyward.CodeKeyManagerUnavailable || server.count.Load() > 0 {
		t.Errorf("asked in a way that nobody knows: %v", err)
	}
}

// clientCertificate makes a certificate for client authentication, and its key, in PEM.
func clientCertificate(t *testing.T) (certificate, key string, raw []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	raw, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), privatePEM(t, private), raw
}

// TestClientCertificate: the server sees the certificate of this key manager and no other's, and no secret.
func TestClientCertificate(t *testing.T) {
	certificate, key, raw := clientCertificate(t)
	second, secondKey, secondRaw := clientCertificate(t)
	var shown atomic.Pointer[[]byte]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got []byte
		if len(r.TLS.PeerCertificates) > 0 {
			got = r.TLS.PeerCertificates[0].Raw
		}
		shown.Store(&got)
		_ = r.ParseForm()
		if r.PostForm.Get("client_id") != "gateway" || r.PostForm.Has("client_secret") || r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, `{"active":true}`)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	i, err := NewIntrospector(outbound.NewClient(outbound.Rules{}, outbound.Options{RootCAs: roots}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string, change func(*Question)) error {
		q := Question{
			KeyManagerID: "km", Digest: "d", Endpoint: server.URL, ClientID: "gateway", Method: keyward.IntrospectTLS, Token: token,
			Certificate: certificate, Secret: secret.New(key),
		}
		if change != nil {
			change(&q)
		}
		_, err := i.Introspect(context.Background(), q)
		return err
	}
	if err := ask("a", nil); err != nil || string(*shown.Load()) != string(raw) {
		t.Errorf("the certificate was not shown: %v", err)
	}
	replaced := func(q *Question) { q.Certificate, q.Secret = second, secret.New(secondKey) }
	if err := ask("b", replaced); err != nil || string(*shown.Load()) != string(secondRaw) {
		t.Errorf("another certificate: %v", err)
	}
	basicNow := func(q *Question) { q.Method, q.Secret = "post", secret.New("x") }
	if err := ask("c", basicNow); keyward.CodeOf(err) != keyward.CodeKeyManagerUnavailable || len(*shown.Load()) > 0 {
		t.Errorf("the certificate was shown with another method: %v", err)
	}
	mixed := func(q *Question) { q.Certificate = second }
	if err := ask("d", mixed); keyward.CodeOf(err) != keyward.CodeKeyManagerUnavailable || strings.Contains(err.Error(), "PRIVATE") {
		t.Errorf("a certificate of another key: %v", err)
	}
	plain := func(q *Question) { q.Endpoint = strings.Replace(server.URL, "https", "http", 1) }
	if err := ask("e", plain); keyward.CodeOf(err) != keyward.CodeKeyManagerUnavailable {
		t.Errorf("without TLS: %v", err)
	}
}

// TestBearer: a fixed token, and one that client id and secret get, which is kept and replaced when it is not taken.
func TestBearer(t *testing.T) {
	good, issued, asked := atomic.Pointer[string]{}, atomic.Int32{}, atomic.Int32{}
	fixed := "fixed-token"
	good.Store(&fixed)
	server := newAskServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/token":
			id, secret, _ := r.BasicAuth()
			if id != "gateway" || secret != "secret" || r.PostForm.Get("grant_type") != "client_credentials" ||
				r.PostForm.Get("scope") != "introspect" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			access := fmt.Sprint("access-", issued.Add(1))
			good.Store(&access)
			_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":100}`, access)
		default:
			asked.Add(1)
			if r.Header.Get("Authorization") != "Bearer "+*good.Load() || r.PostForm.Has("client_id") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, `{"active":true}`)
		}
	})
	i, clock := newIntrospector(t)
	n := 0
	ask := func(change func(*Question)) error {
		n++
		q := server.question(fmt.Sprint("t", n))
		q.Method = keyward.IntrospectBearer
		change(&q)
		_, err := i.Introspect(t.Context(), q)
		return err
	}
	static := func(q *Question) { q.ClientID, q.Secret = "", secret.New(fixed) }
	if err := ask(static); err != nil || issued.Load() != 0 {
		t.Errorf("a fixed token: %v", err)
	}
	other := "other"
	good.Store(&other)
	if err := ask(static); keyward.CodeOf(err) != keyward.CodeKeyManagerUnavailable || asked.Load() != 2 {
		t.Errorf("a fixed token that is not taken: %v after %d questions", err, asked.Load())
	}
	own := func(q *Question) { q.TokenEndpoint, q.Scope = server.URL+"/token", "introspect" }
	for range 3 {
		if err := ask(own); err != nil {
			t.Error(err)
		}
	}
	if issued.Load() != 1 {
		t.Errorf("%d tokens for three questions", issued.Load())
	}
	clock.advance(90 * time.Second)
	if err := ask(own); err != nil || issued.Load() != 2 {
		t.Errorf("a token near its end: %v, %d", err, issued.Load())
	}
	good.Store(&other) // the server forgot it
	if err := ask(own); err != nil || issued.Load() != 3 {
		t.Errorf("a token that was withdrawn: %v, %d", err, issued.Load())
	}
	wrong := func(q *Question) { own(q); q.Secret = secret.New("wr0ng-secret") }
	err := ask(wrong)
	if keyward.CodeOf(err) != keyward.CodeKeyManagerUnavailable || strings.Contains(fmt.Sprint(err, errors.Unwrap(err)), "wr0ng-secret") {
		t.Errorf("a wrong secret: %v", err)
	}
}
