package forgerock_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/wire"
)

// realm answers as OpenAM 16 does, which the end-to-end tests walk, with the session that was signed in for last.
type realm struct {
	*conformance.OddServer

	sessions  atomic.Int64
	over      atomic.Bool // the session is
	away      atomic.Bool // it runs no OpenAM
	unread    atomic.Bool // a client cannot be read
	undeleted atomic.Bool // or deleted
}

func newRealm(t *testing.T) *realm {
	t.Helper()
	r := &realm{}
	r.OddServer = conformance.NewOddServer(t, func(w http.ResponseWriter, req *http.Request, b map[string]any) {
		status, body := http.StatusOK, `{}`
		switch {
		case r.away.Load():
			http.NotFound(w, req)
			return
		case strings.HasSuffix(req.URL.Path, "/none"):
			status, body = http.StatusNotFound, `{"code":404,"reason":"Not Found","message":"Agent not found"}`
		case strings.HasSuffix(req.URL.Path, "/json/authenticate"):
			r.over.Store(false)
			body = fmt.Sprintf(`{"tokenId":"session-%d"}`, r.sessions.Add(1))
		case r.over.Load() || req.Header.Get("iPlanetDirectoryPro") != fmt.Sprintf("session-%d", r.sessions.Load()):
			status, body = http.StatusUnauthorized, `{"code":401,"reason":"Unauthorized","message":"Access Denied"}`
		case req.Method == http.MethodPut && req.Header.Get("If-None-Match") != "":
			status = http.StatusCreated
		case req.Method == http.MethodGet && r.unread.Load(), req.Method == http.MethodDelete && r.undeleted.Load():
			status, body = http.StatusInternalServerError, `{"code":500,"message":"CTS: timed out"}`
		case req.Method == http.MethodGet:
			body = `{"_id":"` + req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:] + `"}`
		}
		conformance.Say(status, body)(w, req, b)
	})
	return r
}

// opener gives connectors as a process does that asks about one client after the other.
func (r *realm) opener(t *testing.T) func() connector.Connector {
	t.Helper()
	openers := catalog.New(&http.Client{}, nil)
	return func() connector.Connector {
		c, err := openers.Open(connector.Server{ID: "km1", Tenant: "default", Name: "am",
			Spec: &keyward.KeyManagerSpec{Type: "forgerock", Issuer: r.URL + "/am/oauth2/realms/root/realms/alpha",
				Connection: map[string]any{"username": "amadmin", "password": secret.Stored()}},
			Secrets: map[string]string{"connection.password": "p"}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// TestOneSessionServesMany: the server keeps each until it is over, and no more than so many. One that is over is replaced.
func TestOneSessionServesMany(t *testing.T) {
	r := newRealm(t)
	open := r.opener(t)
	rotate := func() {
		t.Helper()
		if _, err := conformance.RotatorOf(t, open()).Rotate(t.Context(), connector.Handle{ClientID: "a"}); err != nil {
			t.Error(err)
		}
	}
	for range 3 {
		rotate()
	}
	if n := r.sessions.Load(); n != 1 {
		t.Errorf("three turns of work signed in %d times", n)
	}
	r.over.Store(true)
	rotate()
	rotate()
	if n := r.sessions.Load(); n != 2 {
		t.Errorf("after the session was over: signed in %d times", n)
	}
}

// TestAClientThatCannotBeReadIsTakenBack: and the server's words are told, not that it passed over what was asked for.
func TestAClientThatCannotBeReadIsTakenBack(t *testing.T) {
	r := newRealm(t)
	c := r.opener(t)()
	if _, err := c.Register(t.Context(), conformance.Registration()); err != nil {
		t.Fatal(err)
	}
	r.unread.Store(true)
	for _, undeleted := range []bool{false, true} {
		r.undeleted.Store(undeleted)
		_, err := c.Register(t.Context(), conformance.Registration())
		f, failed := errors.AsType[*wire.Failure](err)
		if !failed || f.Uncertain() != undeleted || !strings.Contains(err.Error(), "500: CTS: timed out") ||
			strings.Contains(err.Error(), "take the client's scopes over") {
			t.Errorf("undeleted %v: %v", undeleted, err)
		}
	}
}

// TestAServerThatIsAwayHasItsClients: what runs OpenAM answers 404 about everything while it starts.
func TestAServerThatIsAwayHasItsClients(t *testing.T) {
	r := newRealm(t)
	c, read := r.opener(t)(), connector.Handle{ClientID: "a"}
	if got, err := conformance.ReaderOf(t, c).Read(t.Context(), read); err != nil || got == nil {
		t.Fatalf("%+v, error %v", got, err)
	}
	none := connector.Handle{ClientID: "none"}
	if got, err := conformance.ReaderOf(t, c).Read(t.Context(), none); err != nil || got != nil {
		t.Errorf("a client that is not there: %+v, error %v", got, err)
	}
	if err := c.Delete(t.Context(), none); err != nil {
		t.Errorf("delete what is not there: %v", err)
	}
	r.unread.Store(true) // by us: it says nothing of the client's secret
	err := conformance.ProverOf(t, c).Prove(t.Context(), "a", "secret")
	if f, failed := errors.AsType[*wire.Failure](err); failed || keyward.CodeOf(err) != keyward.CodeKeyManagerFailed {
		t.Errorf("a secret whose client could not be read: %v, %v", err, f)
	}
	r.away.Store(true)
	if got, err := conformance.ReaderOf(t, c).Read(t.Context(), read); err == nil {
		t.Errorf("read while it is away: %+v", got)
	}
	if err := c.Delete(t.Context(), read); err == nil {
		t.Error("deleted while it is away")
	}
}
