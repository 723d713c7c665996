package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func built() fstest.MapFS {
	return fstest.MapFS{
		"index.html":       {Data: []byte(`<head>` + builtBase + builtNonce + `</head>`)},
		"icon.svg":         {Data: []byte(`<svg/>`)},
		".keep":            {Data: []byte("kept")},
		"assets/a-1234.js": {Data: []byte(strings.Repeat("export const one = 1;\n", 200))},
	}
}

func ask(t *testing.T, files fstest.MapFS, publicURL, method, address string, headers ...string) (*http.Response, string) {
	t.Helper()
	c, err := open(files, publicURL)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/{$}", c.Front())
	mux.Handle(Path, c.Handler())
	r := httptest.NewRequest(method, address, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestEveryPageIsTheOnePageWithItsPlaceAndANonce(t *testing.T) {
	t.Parallel()
	nonces := map[string]bool{}
	for _, address := range []string{"/console/", "/console/default/admin/key-managers/corp", "/console/index.html", "/console/.keep"} {
		answer, body := ask(t, built(), "https://sso.example/keyward/", http.MethodGet, address)
		if answer.StatusCode != http.StatusOK || !strings.Contains(body, `<base href="/keyward/console/" />`) {
			t.Fatalf("%s: %d %q", address, answer.StatusCode, body)
		}
		nonce := regexp.MustCompile(`csp-nonce" content="([A-Z2-7]{26})"`).FindStringSubmatch(body)
		if nonce == nil || nonces[nonce[1]] {
			t.Fatalf("%s has no nonce of its own: %q", address, body)
		}
		nonces[nonce[1]] = true
		policy := answer.Header.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self';", "'nonce-" + nonce[1] + "'", "frame-ancestors 'none'", "base-uri 'self'",
		} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", address, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", address, answer.Header)
		}
	}
}

func TestFilesAreServedAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	answer, body := ask(t, built(), "http://127.0.0.1:8480", http.MethodGet, "/console/assets/a-1234.js", "Accept-Encoding", "gzip")
	if answer.StatusCode != http.StatusOK || !strings.Contains(answer.Header.Get("Content-Type"), "javascript") ||
		answer.Header.Get("Content-Encoding") != "gzip" || len(body) > 1000 ||
		!strings.Contains(answer.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("a script: %d %v, %d bytes", answer.StatusCode, answer.Header, len(body))
	}
	answer, _ = ask(t, built(), "http://127.0.0.1:8480", http.MethodGet, "/console/icon.svg")
	if answer.Header.Get("Content-Type") != "image/svg+xml" || answer.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("the icon: %v", answer.Header)
	}
	answer, body = ask(t, built(), "http://127.0.0.1:8480", http.MethodGet, "/console/assets/gone-9.js")
	if answer.StatusCode != http.StatusNotFound || strings.Contains(body, "<base") {
		t.Errorf("a script of another build: %d %q", answer.StatusCode, body)
	}
	answer, _ = ask(t, built(), "http://127.0.0.1:8480", http.MethodPost, "/console/")
	if answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", answer.StatusCode)
	}
}

func TestTheRootLeadsToTheConsole(t *testing.T) {
	t.Parallel()
	answer, _ := ask(t, built(), "https://sso.example/keyward", http.MethodGet, "/")
	if answer.StatusCode != http.StatusFound || answer.Header.Get("Location") != "/keyward/console/" {
		t.Errorf("%d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
}

func TestATreeWithoutABuiltConsoleSaysHowToBuildIt(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"/", "/console/", "/console/default/admin"} {
		answer, body := ask(t, fstest.MapFS{".keep": {}}, "http://127.0.0.1:8480", http.MethodGet, address)
		if answer.StatusCode != http.StatusOK || !strings.Contains(body, "make build") {
			t.Errorf("%s: %d %q", address, answer.StatusCode, body)
		}
	}
}

func TestAPageThatLacksItsPlacesIsRefused(t *testing.T) {
	t.Parallel()
	files := built()
	files["index.html"] = &fstest.MapFile{Data: []byte(`<head>` + builtBase + `</head>`)}
	if _, err := open(files, "http://127.0.0.1:8480"); err == nil {
		t.Error("a page without a place for the nonce was taken")
	}
}
