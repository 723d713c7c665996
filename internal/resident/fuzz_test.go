package resident

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
)

// Whatever is sent without the secret: no token, no fault of ours, and always an answer of RFC 6749, section 5.2.
func FuzzTokenEndpoint(f *testing.F) {
	backend, err := NewMemory(time.Now, time.Hour, MemoryClient{ID: "alice", Secret: "alice-secret"})
	if err != nil {
		f.Fatal(err)
	}
	handler := NewServer(time.Now).Alone(Authority{Issuer: "http://issuer.example", Backend: backend})
	f.Add(pathToken, "Basic YWxpY2U6eA==", "application/x-www-form-urlencoded", "grant_type=client_credentials")
	f.Add(pathIntrospect, "", "application/x-www-form-urlencoded", "token=a.b.c&client_id=alice&client_secret=x")
	f.Add(pathRevoke, "Basic Og==", "application/x-www-form-urlencoded; charset=utf-8", "token=%zz;a=b&&=")
	f.Add(pathToken, "Basic YWxpY2U6", "text/plain", strings.Repeat("a=b&", 100))
	f.Add(pathToken, "", "application/x-www-form-urlencoded", "grant_type[]=x&scope[0]=y&client_id.a=b")
	f.Fuzz(func(t *testing.T, path, authorization, kind, body string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " ?#%\r\n") || strings.Contains(body, "alice-secret") {
			return
		}
		if _, err := url.Parse(path); err != nil {
			return
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://issuer.example/", strings.NewReader(body))
		req.URL.Path = path
		req.Header.Set("Content-Type", kind)
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		if _, secret, _ := req.BasicAuth(); secret == "alice-secret" {
			return
		}
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, req)
		if rec.Code < 400 || rec.Code >= 500 || !strings.Contains(rec.Body.String(), `"error":`) {
			t.Errorf("%s %q %q %q: %d %s", path, authorization, kind, body, rec.Code, rec.Body)
		}
	})
}

// However a path is written, it belongs to one tenant at most, and never to one that has no such name.
func FuzzPlace(f *testing.F) {
	s, err := store.Open(f.Context(), store.Options{DataDir: f.TempDir(), Key: seal.NewKey()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	r, err := New(s, Options{PublicURL: "https://public.example/kw"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"/kw/t/acme/oauth2/token", "/t/acme", pathMetadata + "/kw/t/x", "/t//t/", "/kw/kw/oauth2/keys"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tenant, rest, ok := r.place(path)
		if !ok {
			return
		}
		if !keyward.ValidName(tenant) {
			t.Errorf("%q belongs to %q", path, tenant)
		}
		if strings.HasPrefix(rest, "/t/") && tenant == keyward.DefaultTenant {
			t.Errorf("%q leads to %q of the default tenant", path, rest)
		}
	})
}
