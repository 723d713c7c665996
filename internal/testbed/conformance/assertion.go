package conformance

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// Assertion is a client assertion that a contract server takes, and what must be wrong with it for that server.
type Assertion struct {
	Endpoint string     // where it is sent
	Form     url.Values // the rest of the request
	Client   string
	Audience string
	Key      *issuer.Key    // its algorithm is the header's
	Header   map[string]any // beside alg
	Claims   map[string]any // beside iss, sub, aud, exp, iat and jti
	Longest  time.Duration  // documented; 0 = no limit is

	// Wrong are changes that this vendor refuses beside those that all do: nil takes a member away.
	Wrong map[string]Members
	// Fine are changes that it documents as optional.
	Fine map[string]Members
}

// Members are changed in an assertion's header and claims.
type Members struct{ Header, Claims map[string]any }

// Refusals sends the assertion to the server, then the same with one change each: the server must refuse those that are
// wrong, and take the right one after each of them.
func (a Assertion) Refusals(t *testing.T, s *contract.Server) {
	t.Helper()
	now := time.Now().Unix()
	wrong := map[string]Members{
		"another iss":         {Claims: map[string]any{"iss": "somebody"}},
		"no iss":              {Claims: map[string]any{"iss": nil}},
		"another sub":         {Claims: map[string]any{"sub": "somebody"}},
		"no sub":              {Claims: map[string]any{"sub": nil}},
		"another aud":         {Claims: map[string]any{"aud": "https://another.example/token"}},
		"two aud":             {Claims: map[string]any{"aud": []string{a.Audience, "https://another.example"}}},
		"no aud":              {Claims: map[string]any{"aud": nil}},
		"no exp":              {Claims: map[string]any{"exp": nil}},
		"exp as a text":       {Claims: map[string]any{"exp": fmt.Sprint(now + 60)}},
		"exp has passed":      {Claims: map[string]any{"exp": now - 1}},
		"issued in an hour":   {Claims: map[string]any{"iat": now + 3600}},
		"an unknown alg":      {Header: map[string]any{"alg": "XX256"}},
		"alg none":            {Header: map[string]any{"alg": "none"}},
		"alg HS256":           {Header: map[string]any{"alg": "HS256"}},
		"another alg's label": {Header: map[string]any{"alg": otherAlgorithm(a.Key.Algorithm)}},
	}
	maps.Copy(wrong, a.Wrong)
	if a.Longest > 0 {
		wrong["exp too far"] = Members{Claims: map[string]any{"exp": now + int64(a.Longest.Seconds()) + 60}}
	}
	a.mustTake(t, s, "the right one", Members{})
	for name, change := range wrong {
		if status, _ := a.send(t, s, a.sign(t, a.Key, change)); status != http.StatusUnauthorized && status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
		a.mustTake(t, s, "the right one after "+name, Members{})
	}
	for name, change := range a.Fine {
		a.mustTake(t, s, name, change)
	}
	stranger, err := issuer.NewKey(a.Key.Kid, a.Key.Algorithm)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := a.send(t, s, a.sign(t, stranger, Members{})); status < 400 {
		t.Errorf("another key: %d", status)
	}
	twice := a.sign(t, a.Key, Members{})
	if status, words := a.send(t, s, twice); status != http.StatusOK {
		t.Errorf("for the first time: %d %s", status, words)
	}
	if status, _ := a.send(t, s, twice); status < 400 {
		t.Errorf("for the second time: %d", status)
	}
}

// otherAlgorithm is one of the same kind of key.
func otherAlgorithm(name string) string {
	if strings.HasPrefix(name, "RS") {
		return "PS256"
	}
	return "RS384"
}

func (a Assertion) mustTake(t *testing.T, s *contract.Server, name string, change Members) {
	t.Helper()
	if status, words := a.send(t, s, a.sign(t, a.Key, change)); status != http.StatusOK {
		t.Errorf("%s: %d %s", name, status, words)
	}
}

func (a Assertion) sign(t *testing.T, key *issuer.Key, change Members) string {
	t.Helper()
	now := time.Now().Unix()
	header := map[string]any{"alg": key.Algorithm}
	claims := map[string]any{
		"iss": a.Client, "sub": a.Client, "aud": a.Audience, "exp": now + 60, "iat": now, "jti": rand.Text(),
	}
	parts := make([]string, 0, 2)
	for _, part := range []struct{ base, own, change map[string]any }{
		{header, a.Header, change.Header}, {claims, a.Claims, change.Claims},
	} {
		maps.Copy(part.base, part.own)
		maps.Copy(part.base, part.change)
		maps.DeleteFunc(part.base, func(_ string, v any) bool { return v == nil })
		b, err := json.Marshal(part.base)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, issuer.Encode(string(b)))
	}
	input := strings.Join(parts, ".")
	signature, err := key.Sign(input)
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + issuer.Encode(string(signature))
}

func (a Assertion) send(t *testing.T, s *contract.Server, assertion string) (status int, words string) {
	t.Helper()
	form := maps.Clone(a.Form)
	form.Set("grant_type", "client_credentials")
	form.Set("client_assertion_type", contract.AssertionType)
	form.Set("client_assertion", assertion)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+a.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// Account is the key of a service account, in the two forms that a person can give it.
type Account struct {
	Key      *issuer.Key
	JWK, PEM string
}

// AccountKey makes one.
func AccountKey(t *testing.T, kid, algorithm string) Account {
	t.Helper()
	key, err := issuer.NewKey(kid, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jose.JSONWebKey{Key: key.Private, KeyID: kid, Algorithm: algorithm, Use: "sig"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.Private)
	if err != nil {
		t.Fatal(err)
	}
	return Account{Key: key, JWK: string(jwk), PEM: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
}

// Certified is the key of a service account with its certificate.
type Certified struct {
	Account
	Certificate *x509.Certificate
	Thumbprint  string // SHA-256, as x5t#S256 has it (RFC 7515 section 4.1.8)
	Bundle      string // the private key, then the certificate, both PEM
}

// CertifiedKey makes an RSA key with a certificate that it signed itself.
func CertifiedKey(t *testing.T) Certified {
	t.Helper()
	account := AccountKey(t, "", "PS256")
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "keyward"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, account.Key.Private.Public(), account.Key.Private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return Certified{
		Account: account, Certificate: certificate, Thumbprint: issuer.Encode(string(sum[:])),
		Bundle: account.PEM + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
	}
}
