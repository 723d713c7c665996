package onepath

import (
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCanonical(t *testing.T) {
	for target, want := range map[string]string{
		"/":                          "/",
		"/orders/v1/items":           "/orders/v1/items",
		"/orders/v1/items/":          "/orders/v1/items/",
		"/orders/v1/items?a=1&b=%2F": "/orders/v1/items ?a=1&b=%2F",
		"/orders?":                   "/orders ?",
		"/Orders":                    "/Orders",
		"/%6f%72ders/%7Eme":          "/orders/~me",
		"/a%20b":                     "/a%20b",
		"/a%3ab":                     "/a%3Ab",
		"/a:b@c!$&'()*+,=":           "/a:b@c!$&'()*+,=",
		"/caf\u00e9":                 "/caf%C3%A9",
		"/caf%c3%a9":                 "/caf%C3%A9",
		"/100%25":                    "/100%25",
		"/100%25%20off":              "/100%25%20off",
		"/a%2541":                    "/a%2541", // not ambiguous: nobody reads a separator into it
		"/a\"b<c>":                   "/a%22b%3Cc%3E",
		"/...":                       "/...",
		"/.well-known/x":             "/.well-known/x",
		"/a..b/.c":                   "/a..b/.c",
		"http://host/orders?x":       "/orders ?x",
		"HTTPS://host:8/orders":      "/orders",
		"http://host":                "/",
		"http://host?x":              "/ ?x",
	} {
		path, query, fault := Canonical(target)
		got := strings.TrimRight(path+" "+query, " ")
		if fault != "" || got != want {
			t.Errorf("Canonical(%q) = %q (%s), want %q", target, got, fault, want)
		}
	}
}

// ambiguousTargets are paths that two readers may read in two ways (threats, row D4).
func ambiguousTargets() []string {
	return []string{
		"", "*", "orders", "ftp://host/orders", "http:///orders", "http://", "http://?x", "http://u@host/orders", "http://u:p@host",
		"//orders/v1", "/orders//v1", "/orders/v1//", "/orders/v1/items//",
		"/./orders", "/orders/.", "/orders/./v1", "/orders/../v1", "/orders/..", "/..", "/.",
		"/%2e/orders", "/orders/%2E%2e/x", "/orders/.%2e/x", "/orders/%2e./x",
		"/orders/%252e%252e/x", "/orders/%252e/x", "/orders/%25252e%25252e/x", "/orders/%2525252e/x", "/orders/.%252e/x",
		"/orders/v1;x/items", "/orders;/v1", "/orders/v1/items;jsessionid=1", "/orders/v1/items%3Bx", "/orders/%253bx",
		"/orders\\v1", "/orders%5cv1", "/orders%5Cv1", "/orders%255cv1", "/orders/..%5c..%5cx",
		"/orders%2fv1", "/orders%2Fv1/items", "/orders%252fv1", "/orders%25252Fv1", "/orders/v1%2f..%2fitems",
		"/orders/%00", "/orders/%0a", "/orders/%0D%0Ax", "/orders/%1f", "/orders/%7f", "/orders/%c2%80", "/orders/%09",
		"/orders/\x00", "/orders/\n", "/orders/\x7f", "/orders/%2500", "/orders/%250d%250a",
		"/orders/%", "/orders/%2", "/orders/%g0", "/orders/%2g", "/orders/%u002e", "/orders/%%32%65",
		"/orders/\xff", "/orders/%ff", "/orders/%c0%ae", "/orders/%c0%af", "/orders/%e0%80%af", "/orders/%ed%a0%80", "/orders/\xc0\xae",
		"/orders/ x", "/orders#x", "/orders?a#b", "/orders?a b", "/orders?a\x00", "/orders?a\nb",
		"/" + strings.Repeat("a", maxPath), "/%25252525252541",
	}
}

func TestCanonicalRefusesTheAmbiguous(t *testing.T) {
	for _, target := range ambiguousTargets() {
		if path, _, fault := Canonical(target); fault == "" {
			t.Errorf("Canonical(%.60q) = %.60q, want a fault", target, path)
		}
	}
}

// Whatever comes in, a path that comes out is one that every reader reads alike, and its own canonical form.
func FuzzCanonical(f *testing.F) {
	for _, target := range ambiguousTargets() {
		f.Add(target)
	}
	for _, target := range []string{"/", "/orders/v1/items?x=1", "/caf%c3%a9/%7e", "http://h/a", "/a%2541/", "/a%25/b"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		canonical, query, fault := Canonical(target)
		if fault != "" {
			return
		}
		again, _, fault := Canonical(canonical)
		if fault != "" || again != canonical {
			t.Fatalf("%q: canonical %q becomes %q (%s)", target, canonical, again, fault)
		}
		if query != "" && !strings.HasSuffix(target, query) {
			t.Fatalf("%q: the query became %q", target, query)
		}
		for layer, read := 0, canonical; layer < 3; layer++ {
			if strings.ContainsAny(read, "\\;") || layer == 1 && !utf8.ValidString(read) {
				t.Fatalf("%q: layer %d is %q", target, layer, read)
			}
			if strings.Count(read, "/") != strings.Count(canonical, "/") {
				t.Fatalf("%q: layer %d has other segments: %q", target, layer, read)
			}
			if clean := path.Clean(read); clean != read && clean+"/" != read {
				t.Fatalf("%q: layer %d is cleaned to %q", target, layer, clean)
			}
			plain, err := url.PathUnescape(read)
			if err != nil {
				if layer == 0 {
					t.Fatalf("%q: %q has bad percent-encoding", target, read)
				}
				return
			}
			read = plain
		}
	})
}
