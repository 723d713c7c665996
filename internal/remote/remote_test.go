package remote_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/remote"
)

// A change whose answer is lost may have been made: whoever is told that nobody answered would look for the wrong address, or
// make it twice.
func TestAnAnswerThatIsLost(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(s.Close)
	c, err := remote.New(remote.Options{Server: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	const lost, away = "it may have been done, so look before you repeat it", "does not answer (set KEYWARD_SERVER)"
	ask := func(method, want string) {
		t.Helper()
		if err := c.Call(t.Context(), method, "/api/v1/apis", nil, nil); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, want %q", method, err, want)
		}
	}
	ask(http.MethodPost, lost)
	ask(http.MethodDelete, lost)
	ask(http.MethodGet, away)
	s.Close()
	ask(http.MethodPost, away)
}

// The address of a control plane with TLS is easily written as the default begins.
func TestClearTextWhereTLSIsSpoken(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	c, err := remote.New(remote.Options{Server: strings.Replace(s.URL, "https:", "http:", 1)})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Call(t.Context(), http.MethodGet, "/api/v1/apis", nil, nil)
	if want := "set KEYWARD_SERVER to " + s.URL; !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("%v, want %q", err, want)
	}
}
