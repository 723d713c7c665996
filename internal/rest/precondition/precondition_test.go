package precondition_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"keyward.dev/keyward/internal/rest/precondition"
)

// TestNormalize: several lines are one list, and an If-Match that names nothing is told from none at all.
func TestNormalize(t *testing.T) {
	cases := []struct {
		name, field string
		sent        []string
		want        []string
	}{
		{"no field", "If-Match", nil, nil},
		{"one tag", "If-Match", []string{`"1-a"`}, []string{`"1-a"`}},
		{"any object", "If-Match", []string{"*"}, []string{"*"}},
		{"two lines", "If-Match", []string{`"1-a"`, `"2-b"`}, []string{`"1-a", "2-b"`}},
		{"an empty line", "If-Match", []string{""}, []string{`""`}},
		{"two empty lines", "If-Match", []string{"", ""}, []string{`""`}},
		{"a list of nothing", "If-Match", []string{" , "}, []string{`""`}},
		{"two lines of tags to lack", "If-None-Match", []string{`W/"1-a"`, "*"}, []string{`W/"1-a", *`}},
		{"nothing to lack", "If-None-Match", []string{""}, []string{""}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			h := precondition.Normalize(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Values(c.field) }))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", nil)
			for _, line := range c.sent {
				r.Header.Add(c.field, line)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
				t.Errorf("%q came as %q, want %q", c.sent, got, c.want)
			}
		})
	}
}
