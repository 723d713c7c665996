package keys_test

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keys"
)

// hook is the way to a server on which a test can do something before a request goes out, or after its answer has come.
type hook struct {
	mu            sync.Mutex
	before, after map[string]func() // by method and beginning of the path
}

// RoundTrip implements http.RoundTripper.
func (h *hook) RoundTrip(r *http.Request) (*http.Response, error) {
	h.run(h.before, r)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		h.run(h.after, r)
	}
	return resp, err
}

// run does what is due, once.
func (h *hook) run(due map[string]func(), r *http.Request) {
	h.mu.Lock()
	var found func()
	for at, do := range due {
		if strings.HasPrefix(r.Method+" "+r.URL.Path, at) {
			found = do
			delete(due, at)
			break
		}
	}
	h.mu.Unlock()
	if found != nil {
		found()
	}
}

// startWith gives keys of a new process whose calls go through a transport.
func (r *rig) startWith(transport http.RoundTripper) *keys.Keys {
	r.t.Helper()
	k, err := keys.New(r.store, catalog.New(&http.Client{Transport: transport}, nil), keys.Options{
		Sole: true, Now: r.now, Patience: time.Minute,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return k
}
