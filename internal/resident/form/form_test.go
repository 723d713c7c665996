package form_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/resident/form"
)

// connection is an answer whose connection has a deadline for what is read from it.
type connection struct {
	*httptest.ResponseRecorder

	deadline time.Time
	set      int
}

// SetReadDeadline is what http.ResponseController calls.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.deadline = t
	c.set++
	return nil
}

// TestAFormComesInTime: a form has its time and its length; what came whole is answered for as long as that takes.
func TestAFormComesInTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body io.Reader
		good bool
	}{
		"short":    {strings.NewReader("a=b&c=d"), true},
		"too long": {strings.NewReader("a=" + strings.Repeat("b", 64<<10)), false},
		"broken":   {io.MultiReader(strings.NewReader("a="), broken{}), false},
	} {
		w := &connection{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", c.body)
		err := form.Hold(w, r)
		if c.good != (err == nil) || w.set == 0 || c.good != w.deadline.IsZero() {
			t.Errorf("%s: error %v, deadline %s, set %d times", name, err, w.deadline, w.set)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.good && (r.ParseForm() != nil || r.PostForm.Get("c") != "d") {
			t.Errorf("%s: nothing is left of it: %v", name, r.PostForm)
		}
	}
}

// broken is a connection that is cut.
type broken struct{}

// Read implements io.Reader.
func (broken) Read([]byte) (int, error) { return 0, errors.New("cut") }
