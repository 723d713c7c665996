package keycloak

import (
	"context"
	"sync"
	"testing"
)

// Shared is the one Keycloak of a test program: the first test that asks starts it, each has a realm of its own in it,
// and TestMain ends it with Kill. The zero value is ready.
type Shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Realm gives a realm of the test's own.
func (s *Shared) Realm(t testing.TB, name string) *Realm {
	t.Helper()
	// The server outlives the test that starts it, so its start must not hang on that test's context.
	s.once.Do(func() { s.server, s.err = Start(context.Background()) })
	if s.err != nil {
		t.Fatal(s.err)
	}
	r, err := s.server.NewRealm(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Kill ends the server, if any test asked for it.
func (s *Shared) Kill() {
	if s.server != nil {
		s.server.Kill()
	}
}
