package probe_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/keymanager/draft"
)

// TestAServerOfAPrivateAuthority: who reads a server's metadata for the first time says whom to trust, and it is in the
// manifest then. A proxy counts too.
func TestAServerOfAPrivateAuthority(t *testing.T) {
	w := newWorld(t)
	var s *httptest.Server
	s = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"issuer":"`+s.URL+`","token_endpoint":"`+s.URL+`/token"}`)
	}))
	t.Cleanup(s.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	d, err := w.probe.Discover(t.Context(), draft.Ask{URL: s.URL, Name: "corp", CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	spec, _ := d.Manifest["spec"].(map[string]any)
	if way, _ := spec["outbound"].(map[string]any); way["ca"] != ca {
		t.Errorf("the manifest has not whom to trust: %v", d.Manifest)
	}
	for want, ask := range map[string]draft.Ask{
		"is not trusted: it was issued by an unknown authority": {URL: s.URL, Name: "corp"},
		"outbound.ca": {URL: s.URL, Name: "corp", CA: "nonsense"},
		"outbound.proxy is not an http or https URL": {URL: s.URL, Name: "corp", CA: ca, Proxy: "nonsense"},
		"nothing listens there":                      {URL: s.URL, Name: "corp", CA: ca, Proxy: "http://127.0.0.1:1"},
	} {
		if _, err := w.probe.Discover(t.Context(), ask); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
