package rest_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
)

// TestWhatIsReadIsCompressedAndWhatHasASecretIsNot reads the same answers with and without gzip, and names versions by either tag.
func TestWhatIsReadIsCompressedAndWhatHasASecretIsNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owners := `{"displayName":"` + strings.Repeat("A long name ", 10) + `","owners":["` + strings.Repeat("o", 60) + `"]}`
	var texts []string
	for _, name := range strings.Fields("a b c d e f g h i j") {
		texts = append(texts, manifestOf(keyward.KindApplication, name, owners))
	}
	h.apply(append(texts, manifestOf(keyward.KindPlan, "gold", `{"rate":[`+strings.Repeat(`{"requests":1,"per":"1s"},`, 60)+
		`{"requests":1,"per":"1s"}]}`))...)
	const list, one = "/api/v1/applications", "/api/v1/plans/gold"
	for _, path := range []string{list, one, "/openapi.json"} {
		plain := h.call("admin", http.MethodGet, path, "", "Accept-Encoding", "gzip;q=0")
		small := h.call("admin", http.MethodGet, path, "", "Accept-Encoding", "gzip")
		if plain.header.Get("Content-Encoding") != "" || small.header.Get("Content-Encoding") != "gzip" ||
			!bytes.Equal(unpacked(t, small), plain.body) || len(small.body)*2 > len(plain.body) {
			t.Fatalf("%s: %d bytes %v, plain %d bytes %v", path, len(small.body), small.header, len(plain.body), plain.header)
		}
		if small.header.Get("Vary") != "Accept-Encoding" || plain.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s depends on Accept-Encoding without saying so", path)
		}
		head := h.call("admin", http.MethodHead, path, "", "Accept-Encoding", "gzip")
		if head.status != http.StatusOK || head.header.Get("Content-Encoding") != "" ||
			head.header.Get("ETag") != plain.header.Get("ETag") {
			t.Errorf("HEAD %s is not about what is not compressed: %d %v", path, head.status, head.header)
		}
	}
	made := h.call("admin", http.MethodPost, "/api/v1/tokens", `{"user":"admin"}`, "Accept-Encoding", "gzip")
	put := h.call("admin", http.MethodPut, one, string(h.must("admin", http.MethodGet, one, "").body), "Accept-Encoding", "gzip")
	for _, a := range []answer{made, put} {
		if a.status >= 300 || a.header.Get("Content-Encoding") != "" || len(a.body) == 0 || a.body[0] != '{' {
			t.Errorf("the answer to a write came compressed: %d %v", a.status, a.header)
		}
	}
}

// TestBothTagsOfAnObjectNameIt: what is compressed is another representation of the same version.
func TestBothTagsOfAnObjectNameIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	spec := `{"rate":[` + strings.Repeat(`{"requests":1,"per":"1s"},`, 60) + `{"requests":1,"per":"1s"}]}`
	h.apply(manifestOf(keyward.KindPlan, "gold", spec))
	const one = "/api/v1/plans/gold"
	plain := h.call("admin", http.MethodGet, one, "", "Accept-Encoding", "identity").header.Get("ETag")
	small := h.call("admin", http.MethodGet, one, "", "Accept-Encoding", "gzip").header.Get("ETag")
	if want := strings.TrimSuffix(plain, `"`) + `-gzip"`; small != want || plain == "" {
		t.Fatalf("the tags are %s and %s", plain, small)
	}
	for _, tag := range []string{plain, small, `W/` + small, `"0-x", ` + small} {
		a := h.call("admin", http.MethodGet, one, "", "Accept-Encoding", "gzip", "If-None-Match", tag)
		want := small
		if tag == plain {
			want = plain
		}
		if a.status != http.StatusNotModified || len(a.body) != 0 || a.header.Get("ETag") != want {
			t.Errorf("If-None-Match %s: %d %v", tag, a.status, a.header)
		}
	}
	other := strings.Replace(string(h.must("admin", http.MethodGet, one, "").body), `"requests":1`, `"requests":2`, 1)
	if a := h.call("admin", http.MethodPut, one, other, "If-Match", `"0-x-gzip"`); a.status != http.StatusPreconditionFailed {
		t.Errorf("another version's tag: %d", a.status)
	}
	if a := h.call("admin", http.MethodPut, one, other, "If-Match", small); a.status != http.StatusOK {
		t.Errorf("the tag of what was read: %d %s", a.status, a.body)
	}
	for _, tag := range []string{plain, small} {
		if a := h.call("admin", http.MethodDelete, one, "", "If-Match", tag); a.status != http.StatusPreconditionFailed {
			t.Errorf("a tag of the version before: %d", a.status)
		}
	}
}

// TestCompressedBodiesAreRefused: a few kilobytes could become gigabytes.
func TestCompressedBodiesAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	body := manifestOf(keyward.KindPlan, "gold", `{"rate":[{"requests":1,"per":"1s"}]}`)
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a := h.call("admin", http.MethodPost, "/api/v1/plans", small.String(), "Content-Encoding", "gzip")
	if a.status != http.StatusUnsupportedMediaType || a.code(t) != keyward.CodeUnsupportedMedia ||
		a.header.Get("Accept-Encoding") != "identity" {
		t.Errorf("compressed: %d %s", a.status, a.body)
	}
	if a := h.call("admin", http.MethodPost, "/api/v1/plans", body, "Content-Encoding", "identity"); a.status != http.StatusCreated {
		t.Errorf("as it is: %d %s", a.status, a.body)
	}
}

func unpacked(t *testing.T, a answer) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(text)
}
