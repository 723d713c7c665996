package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/past"
)

// TestABackendThatGivesNoAnswerIsRemembered: the call is among those that did not pass, once, with the steps that it was judged by
// and one that says why and what to change, which its caller is not told.
func TestABackendThatGivesNoAnswerIsRemembered(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.handle(func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	for _, c := range []struct {
		path, seen, fix string
		status          int
		code            keyward.Code
	}{
		{"/gone/v1/items", "connection refused by 127.0.0.1:1", "correct spec.upstream.production", 502, keyward.CodeUpstreamUnreachable},
		{"/orders/v1/items", "did not answer in time", "the backend's log", 504, keyward.CodeUpstreamTimeout},
	} {
		resp := w.send("GET", c.path, nil, nil)
		wantProblem(t, resp, c.status, c.code)
		found := w.past.Find(past.Query{ID: resp.Header.Get(decisionHeader)})
		if len(found) != 1 {
			t.Fatalf("%s: remembered %d times", c.path, len(found))
		}
		d := found[0]
		last := d.Steps[len(d.Steps)-1]
		if d.Status != c.status || d.Code != c.code || d.Operation != "/items/**" || d.KeyManager != "corp" || len(d.Steps) < 10 ||
			d.Steps[0].Step != "route" || last.Step != "backend" || last.Result != past.Fail || !strings.Contains(last.Seen, c.seen) ||
			!strings.Contains(last.Fix, c.fix) {
			t.Errorf("%s: remembered %+v", c.path, d)
		}
		if refused := w.past.Find(past.Query{Refused: true, Code: c.code}); len(refused) != 1 {
			t.Errorf("%s: %d refusals", c.path, len(refused))
		}
	}
}

// TestABackendsFaultsAreTold apart from each other: what to change is different.
func TestABackendsFaultsAreTold(t *testing.T) {
	w := newWorld(t)
	plain, secure := w.backend.URL, strings.Replace(w.backend.URL, "http://", "https://", 1)
	for upstream, want := range map[string]string{
		secure:                       plain[len("http://"):] + " speaks no TLS",
		w.secureBackend():            "it was issued by an unknown authority",
		w.expiredBackend():           "it has expired or is not yet valid",
		"http://nowhere.invalid/api": "cannot find the host name nowhere.invalid",
	} {
		w.put(keyward.RowAPI, "api-far", keyward.APIRow{
			Tenant: "default", Name: "far", Context: "/far", Version: "v1", Upstream: keyward.Upstream{Production: upstream},
			AllKeyManagers: true, Operations: []keyward.Operation{{Method: "GET", Path: "/**", Security: "none"}},
		})
		resp := w.send("GET", "/far/v1/items", nil, nil)
		wantProblem(t, resp, 502, keyward.CodeUpstreamUnreachable)
		found := w.past.Find(past.Query{ID: resp.Header.Get(decisionHeader)})
		if len(found) != 1 || !strings.Contains(found[0].Steps[len(found[0].Steps)-1].Seen, want) {
			t.Errorf("%s: remembered %+v, want %q", upstream, found, want)
			continue
		}
		fix := found[0].Steps[len(found[0].Steps)-1].Fix
		if renew := strings.Contains(want, "expired"); renew != strings.Contains(fix, "renewed") {
			t.Errorf("%s: to change: %q", upstream, fix)
		}
	}
}

// secureBackend starts one with a certificate that nobody trusts, and gives its address.
func (w *world) secureBackend() string {
	backend := httptest.NewTLSServer(http.NotFoundHandler())
	w.t.Cleanup(backend.Close)
	return backend.URL
}

// expiredBackend starts one whose certificate is of a time that is over, and gives its address.
func (w *world) expiredBackend() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{{127, 0, 0, 1}}, NotAfter: time.Now().Add(-time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	backend := httptest.NewUnstartedServer(http.NotFoundHandler())
	backend.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	backend.StartTLS()
	w.t.Cleanup(backend.Close)
	return backend.URL
}
