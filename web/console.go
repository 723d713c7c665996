package web

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// Path is where the console is served. Every address below it that is no file is a page of the console's own.
const Path = "/console/"

// The places in the built page that are written anew for each answer.
const (
	builtBase  = `<base href="/console/" />`
	builtNonce = `<meta name="csp-nonce" content="" />`
)

// packed ends the name of a file that is another one, packed with Brotli by the build.
const packed = ".br"

// Console serves the built console.
type Console struct {
	files fs.FS
	page  []byte // index.html; nil where the console was not built
	base  string // the path of the console as browsers see it, with slashes around it
}

// New reads the built console. publicURL is how browsers reach the control plane; a path in it goes before every address.
// It returns an error when the page that was built lacks what has to be written into it.
func New(publicURL string) (*Console, error) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the built console: %w", err)
	}
	return open(files, publicURL)
}

func open(files fs.FS, publicURL string) (*Console, error) {
	public, err := url.Parse(publicURL)
	if err != nil {
		return nil, fmt.Errorf("the console's public URL: %w", err)
	}
	c := &Console{files: files, base: strings.TrimSuffix(public.EscapedPath(), "/") + Path}
	c.page, err = fs.ReadFile(files, "index.html")
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the built console: %w", err)
	}
	for _, place := range []string{builtBase, builtNonce} {
		if bytes.Count(c.page, []byte(place)) != 1 {
			return nil, fmt.Errorf("the built console's page has %s not exactly once", place)
		}
	}
	return c, nil
}

// Handler serves the console's pages and files below Path.
func (c *Console) Handler() http.Handler {
	return gzhttp.GzipHandler(http.HandlerFunc(c.serve))
}

// Front answers at the root of the control plane: it leads to the console, wherever a proxy put it.
func (c *Console) Front() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !reads(w, r) {
			return
		}
		if c.page == nil {
			c.unbuilt(w)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", c.base)
		w.WriteHeader(http.StatusFound)
	})
}

func (c *Console) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if !reads(w, r) {
		return
	}
	if c.page == nil {
		c.unbuilt(w)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, Path)
	if c.isFile(name) {
		c.file(w, r, name)
		return
	}
	if strings.HasPrefix(name, "assets/") { // of another build: a page in its place would be read as a script
		h.Set("Cache-Control", "no-store")
		http.NotFound(w, r)
		return
	}
	c.index(w)
}

// reads refuses what does not read, with the methods that do.
func reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "the console takes GET and HEAD", http.StatusMethodNotAllowed)
	return false
}

func (c *Console) isFile(name string) bool {
	if !fs.ValidPath(name) || name == "index.html" || strings.HasPrefix(path.Base(name), ".") || strings.HasSuffix(name, packed) {
		return false
	}
	info, err := fs.Stat(c.files, name)
	return err == nil && info.Mode().IsRegular()
}

// file serves a file of the build. Those below assets have the digest of their content in their name.
func (c *Console) file(w http.ResponseWriter, r *http.Request, name string) {
	text, err := fs.ReadFile(c.files, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if small, err := fs.ReadFile(c.files, name+packed); err == nil && takesBrotli(r) {
		w.Header().Set("Content-Encoding", "br")
		text = small
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
}

// takesBrotli reports whether a browser takes what the build packed with Brotli (RFC 7932), as browsers do over TLS and on
// the own machine.
func takesBrotli(r *http.Request) bool {
	for coding := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "br") {
			return weight == "" || strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" // q=0, q=0.000: not at all
		}
	}
	return false
}

// index serves the page, with where it is and a fresh nonce in it. Style elements need the nonce; scripts are files.
func (c *Console) index(w http.ResponseWriter) {
	nonce := rand.Text()
	base := `<base href="` + template.HTMLEscapeString(c.base) + `" />`
	page := bytes.Replace(c.page, []byte(builtBase), []byte(base), 1)
	page = bytes.Replace(page, []byte(builtNonce), []byte(`<meta name="csp-nonce" content="`+nonce+`" />`), 1)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self' 'nonce-" + nonce + "'", "img-src 'self' data:",
		"connect-src 'self'", "base-uri 'self'", "form-action 'self'", "frame-ancestors 'none'",
	}, "; "))
	_, _ = w.Write(page) // the reader went away: nobody is left to tell
}

// unbuilt says how a console is built.
func (c *Console) unbuilt(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	_, _ = w.Write([]byte(unbuiltPage)) // as above
}

const unbuiltPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Keyward</title></head>
<body><h1>Keyward</h1>
<p>This build has no console. <code>make build</code> builds it from the folder <code>web</code> of the source tree, which
needs Node.js, and takes it into the binary; <code>make web</code> builds it alone.</p>
<p>The command line and the REST API do everything: <a href="docs">the API</a>,
<a href="openapi.json">its OpenAPI document</a>.</p></body></html>
`
