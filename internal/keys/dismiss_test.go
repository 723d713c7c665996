package keys_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
)

// TestGiveUpWhileTheServerIsAsked: an administrator gives up a deletion that its server did not come to, also in the moment in
// which the server is asked again and lets everybody wait; not one that it is asked for the first time, which may just work.
func TestGiveUpWhileTheServerIsAsked(t *testing.T) {
	var frozen atomic.Bool
	asked, thaw := make(chan struct{}, 2), make(chan struct{})
	var url string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodDelete {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"client_id":"abc","client_secret":"s","registration_access_token":"rat",
				"registration_client_uri":"`+url+`/reg/abc"}`)
			return
		}
		if frozen.Load() {
			asked <- struct{}{}
			<-thaw
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(srv.Close)
	url = srv.URL
	r := newRig(t)
	r.keyManager("corp", `{"type":"oidc","issuer":"x","keys":{"jwks":"https://as.example/k"},
		"endpoints":{"registration":"`+url+`/reg"}}`, nil)
	generate := func() {
		t.Helper()
		if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
			t.Fatal(err)
		}
	}
	hangs := func(do func() error) (ended chan error) { // until thaw
		t.Helper()
		ended = make(chan error, 1)
		frozen.Store(true)
		go func() { ended <- do() }()
		<-asked
		return ended
	}
	generate()
	wantCode(t, r.keys.Delete(t.Context(), alice(), at("corp")), keyward.CodeKeyManagerFailed)
	retried := hangs(func() error { _, err := r.keys.Retry(t.Context(), alice(), at("corp")); return err })
	wantCode(t, r.keys.Dismiss(t.Context(), alice(), at("corp")), keyward.CodeNotFound)
	if err := r.keys.Dismiss(t.Context(), admin(), at("corp")); err != nil || len(r.list()) != 0 {
		t.Errorf("given up while the server is asked: %v, %+v", err, r.list())
	}
	thaw <- struct{}{}
	t.Logf("the attempt whose key was given up ended with: %v", <-retried)
	if left := r.list(); len(left) != 0 {
		t.Errorf("the late answer brought back %+v", left)
	}
	for _, end := range []func() error{
		func() error { return r.keys.Delete(t.Context(), alice(), at("corp")) },
		func() error { return r.tryRevoke(alice()) },
	} {
		frozen.Store(false)
		generate()
		ended := hangs(end)
		if one := r.list()[0]; one.Status.Reason != "" {
			t.Errorf("before its server answered anything, the reason is %q", one.Status.Reason)
		}
		wantCode(t, r.keys.Dismiss(t.Context(), admin(), at("corp")), keyward.CodeConflict, "for the first time")
		thaw <- struct{}{}
		wantCode(t, <-ended, keyward.CodeKeyManagerFailed)
		if err := r.keys.Dismiss(t.Context(), admin(), at("corp")); err != nil || len(r.list()) != 0 {
			t.Errorf("given up after the first try: %v", err)
		}
	}
}
