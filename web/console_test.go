package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func built() fstest.MapFS {
	return fstest.MapFS{
		"index.html":          {Data: []byte(`<head>` + builtBase + builtNonce + `</head>`)},
		"icon.svg":            {Data: []byte(`<svg/>`)},
		".keep":               {Data: []byte("kept")},
		"assets/a-1234.js":    {Data: []byte(strings.Repeat("export const one = 1;\n", 200))},
		"assets/a-1234.js.br": {Data: []byte("packed by the build")},
	}
}

// answer is what a browser got.
type answer struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, files fstest.MapFS, publicURL, method, address string, headers ...string) answer {
	t.Helper()
	c, err := open(files, publicURL)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/{$}", c.Front())
	mux.Handle(Path, c.Handler())
	r := httptest.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func TestEveryPageIsTheOnePageWithItsPlaceAndANonce(t *testing.T) {
	t.Parallel()
	nonces := map[string]bool{}
	for _, address := range []string{"/console/", "/console/default/admin/key-managers/corp", "/console/index.html", "/console/.keep"} {
		got := ask(t, built(), "https://sso.example/keyward/", http.MethodGet, address)
		if got.status != http.StatusOK || !strings.Contains(got.body, `<base href="/keyward/console/" />`) {
			t.Fatalf("%s: %d %q", address, got.status, got.body)
		}
		nonce := regexp.MustCompile(`csp-nonce" content="([A-Z2-7]{26})"`).FindStringSubmatch(got.body)
		if nonce == nil || nonces[nonce[1]] {
			t.Fatalf("%s has no nonce of its own: %q", address, got.body)
		}
		nonces[nonce[1]] = true
		policy := got.header.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self';", "'nonce-" + nonce[1] + "'", "frame-ancestors 'none'", "base-uri 'self'",
		} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", address, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", address, got.header)
		}
	}
}

func TestFilesAreServedAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	got := ask(t, built(), "http://127.0.0.1:8480", http.MethodGet, "/console/assets/a-1234.js", "Accept-Encoding", "gzip")
	if got.status != http.StatusOK || !strings.Contains(got.header.Get("Content-Type"), "javascript") ||
		got.header.Get("Content-Encoding") != "gzip" || len(got.body) > 1000 ||
		!strings.Contains(got.header.Get("Cache-Control"), "immutable") {
		t.Errorf("a script: %d %v, %d bytes", got.status, got.header, len(got.body))
	}
	for accepted, coding := range map[string]string{
		"gzip, deflate, br, zstd": "br", "gzip;q=1, BR; q=0.5": "br", "gzip, br;q=0": "gzip", "identity": "",
	} {
		got = ask(t, built(), "http://127.0.0.1:8480", http.MethodGet, "/console/assets/a-1234.js", "Accept-Encoding", accepted)
		if got.header.Get("Content-Encoding") != coding || (got.body == "packed by the build") != (coding == "br") ||
			!strings.Contains(got.header.Get("Content-Type"), "javascript") || got.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", accepted, got.header)
		}
	}
	if got = ask(t, built(), "http://127.0.0.1:8480", http.MethodGet, "/console/assets/a-1234.js.br"); got.status != http.StatusNotFound {
		t.Errorf("what is packed, by its own name: %d", got.status)
	}
	got = ask(t, built(), "http://127.0.0.1:8480", http.MethodGet, "/console/icon.svg")
	if got.header.Get("Content-Type") != "image/svg+xml" || got.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("the icon: %v", got.header)
	}
	got = ask(t, built(), "http://127.0.0.1:8480", http.MethodGet, "/console/assets/gone-9.js")
	if got.status != http.StatusNotFound || strings.Contains(got.body, "<base") {
		t.Errorf("a script of another build: %d %q", got.status, got.body)
	}
	for _, method := range []string{http.MethodPost, http.MethodOptions} {
		for _, address := range []string{"/console/", "/"} {
			got = ask(t, built(), "http://127.0.0.1:8480", method, address)
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, address, got.status, got.header.Get("Allow"))
			}
		}
	}
}

func TestTheRootLeadsToTheConsole(t *testing.T) {
	t.Parallel()
	got := ask(t, built(), "https://sso.example/keyward", http.MethodGet, "/")
	if got.status != http.StatusFound || got.header.Get("Location") != "/keyward/console/" {
		t.Errorf("%d to %q", got.status, got.header.Get("Location"))
	}
}

func TestATreeWithoutABuiltConsoleSaysHowToBuildIt(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"/", "/console/", "/console/default/admin"} {
		got := ask(t, fstest.MapFS{".keep": {}}, "http://127.0.0.1:8480", http.MethodGet, address)
		if got.status != http.StatusOK || !strings.Contains(got.body, "make build") {
			t.Errorf("%s: %d %q", address, got.status, got.body)
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
