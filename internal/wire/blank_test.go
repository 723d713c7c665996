package wire_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/wire"
)

// A server that repeats a secret may write it in its own way: none of them is shown, and what stands around it stays.
func TestWordsShowNoEncodedSecret(t *testing.T) {
	jsonOf := func(s string) string {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Trim(string(text), `"`)
	}
	lower := func(s string) string { return strings.NewReplacer("%2B", "%2b", "%2F", "%2f", "%C3", "%c3").Replace(s) }
	basic := func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape("a user") + ":" + url.QueryEscape(s)))
	}
	ways := map[string]func(string) string{
		"as it is":                         func(s string) string { return s },
		"a form":                           url.QueryEscape,
		"a path":                           url.PathEscape,
		"lower case":                       func(s string) string { return lower(url.QueryEscape(s)) },
		"every byte":                       func(s string) string { return "%" + strings.Join(strings.Split(hexOf(s), " "), "%") },
		"twice":                            func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
		"JSON":                             jsonOf,
		"JSON with slashes":                func(s string) string { return strings.ReplaceAll(jsonOf(s), "/", `\/`) },
		"JSON in JSON":                     func(s string) string { return jsonOf(jsonOf(s)) },
		"HTML":                             html.EscapeString,
		"HTML by number":                   func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "&#39;", "&#x27;") },
		"base64":                           func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64url":                        func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"a Basic credential":               basic,
		"one that is not form-encoded":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s)) },
		"a Basic credential in a query":    func(s string) string { return url.QueryEscape(basic(s)) },
		"a Basic credential, again base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(basic(s))) },
	}
	for _, secret := range []string{"management-secret", `an other secret+with/"every\thing"&<é>'`, "~.-_!*()'", "Ab3d"} {
		for name, way := range ways {
			const around = " of YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo= 100%, a+b & c"
			text, want := "got ("+way(secret)+") and tokens="+way(secret)+around, "got (***) and tokens=***"+around
			if got := wire.Words(text, "another secret", secret); got != want {
				t.Errorf("%s of %q: %s", name, secret, got)
			}
			if got := wire.Words(text, "another secret"); !strings.Contains(text, got) && !strings.HasSuffix(got, "…") {
				t.Errorf("%s of %q, which is none: %s", name, secret, got)
			}
		}
	}
}

func hexOf(s string) string {
	const digits = "0123456789abcdef"
	var out []string
	for _, b := range []byte(s) {
		out = append(out, string([]byte{digits[b>>4], digits[b&15]}))
	}
	return strings.Join(out, " ")
}
