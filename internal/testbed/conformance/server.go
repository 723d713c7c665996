package conformance

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Server is a real authorization server with a key manager that may manage its clients, and what can be done there: a
// new server is one entry of a table. What is declared as impossible must be said to be impossible, before anything is
// changed.
type Server struct {
	Name         string
	Spec         *keyward.KeyManagerSpec
	Secrets      map[string]string
	Registration connector.Registration
	Resource     string   // asked for with a token, where the server wants one (RFC 8707)
	Notes        []string // a part of each thing that discovery finds odd, in this order

	Creates bool // clients can be registered
	Deletes bool // and deleted again
	Finds   bool // the server can be searched for a client's name
	Lists   bool // and lists clients by how their name begins
	Rotates bool // a client gets another secret and keeps its id
	Reads   bool // what was registered can be looked at
	Knows   bool // the server tells of any client id whether there is such a client, as a mapping asks

	Existing func(t *testing.T) (id, secret string) // a client made by the server's own administrator
	Odd      func(t *testing.T, s connector.Server) // what only this server does
}

// Run takes clients of the server through what is declared.
func (s Server) Run(t *testing.T) {
	t.Helper()
	at := ServerAt(t, s.Spec, s.Secrets)
	s.discovered(t, at.Status.Notes)
	c := Open(t, at)
	if _, can := c.(connector.Finder); can != s.Finds {
		t.Errorf("the connector searches: %v", can)
	}
	if _, can := c.(connector.Lister); can != s.Lists {
		t.Errorf("the connector lists: %v", can)
	}
	if _, can := c.(connector.Rotator); can != s.Rotates {
		t.Errorf("the connector rotates: %v", can)
	}
	if s.Creates {
		s.life(t, c)
	} else if _, err := c.Register(t.Context(), s.registration()); keyward.CodeOf(err) != keyward.CodeCreationDisabled {
		t.Errorf("register where nothing can be registered: %v", err)
	}
	s.existing(t, c)
	if s.Odd != nil {
		s.Odd(t, at)
	}
}

func (s Server) registration() connector.Registration {
	r := s.Registration
	if r.Name == "" {
		r.Name = Registration().Name
	}
	if len(r.Grants) == 0 {
		r.Grants = Registration().Grants
	}
	return r
}

func (s Server) discovered(t *testing.T, notes []string) {
	t.Helper()
	if len(notes) != len(s.Notes) {
		t.Fatalf("discovery noted %q", notes)
	}
	for i, part := range s.Notes {
		if !strings.Contains(notes[i], part) {
			t.Errorf("discovery noted %q, want %q", notes[i], part)
		}
	}
}

func (s Server) life(t *testing.T, c connector.Connector) {
	t.Helper()
	ctx := t.Context()
	r := s.registration()
	made, err := c.Register(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if made.ClientID == "" || made.ClientSecret == "" {
		t.Fatal("the client lacks its id or secret")
	}
	s.proves(t, c, made.ClientID, made.ClientSecret)
	s.reads(t, c, made)
	if s.Finds {
		s.finds(t, c, made)
	}
	if s.Lists {
		Lists(t, c, made, r.Name)
	}
	secret := made.ClientSecret
	if s.Rotates {
		if secret, err = RotatorOf(t, c).Rotate(ctx, made.Handle); err != nil || secret == "" || secret == made.ClientSecret {
			t.Fatalf("rotate: another secret %v, error %v", secret != made.ClientSecret, err)
		}
		s.proves(t, c, made.ClientID, secret)
		if err := ProverOf(t, c).Prove(ctx, made.ClientID, made.ClientSecret); err == nil {
			t.Error("the old secret lives")
		}
	}
	if !s.Deletes {
		if err := c.Delete(ctx, made.Handle); !errors.Is(err, connector.ErrUnsupported) {
			t.Errorf("delete where the server cannot: %v", err)
		}
		return
	}
	for range 2 { // what is gone is no error
		if err := c.Delete(ctx, made.Handle); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if err := ProverOf(t, c).Prove(ctx, made.ClientID, secret); err == nil {
		t.Error("the client lives after it was deleted")
	}
	if s.Reads {
		if got, err := ReaderOf(t, c).Read(ctx, made.Handle); err != nil || got != nil {
			t.Errorf("read what is gone: %+v, error %v", got, err)
		}
	}
}

// proves: the right secret is proved and gets a token with the scopes that were registered, a wrong one does not.
func (s Server) proves(t *testing.T, c connector.Connector, id, secret string) {
	t.Helper()
	ctx := t.Context()
	prover := ProverOf(t, c)
	if err := prover.Prove(ctx, id, secret); err != nil {
		t.Errorf("the right secret: %v", err)
	}
	err := prover.Prove(ctx, id, "not-"+secret)
	var f *wire.Failure
	if !errors.As(err, &f) || f.Status == 0 || strings.Contains(err.Error(), secret) {
		t.Errorf("a wrong secret: %v", err)
	}
	ask := connector.TokenRequest{ClientID: id, Secret: secret, Scopes: s.Registration.Scopes}
	if s.Resource != "" {
		ask.Resources = []string{s.Resource}
	}
	token, err := able[connector.Granter](t, c).Token(ctx, ask)
	if err != nil || token.Value == "" || !strings.EqualFold(token.Type, "bearer") {
		t.Errorf("a token of type %q, error %v", token.Type, err)
	}
	for _, scope := range s.Registration.Scopes {
		if !slices.Contains(strings.Fields(token.Scope), scope) {
			t.Errorf("the token has scopes %q", token.Scope)
		}
	}
}

func (s Server) reads(t *testing.T, c connector.Connector, made connector.Registered) {
	t.Helper()
	got, err := ReaderOf(t, c).Read(t.Context(), made.Handle)
	if !s.Reads {
		if !errors.Is(err, connector.ErrUnsupported) {
			t.Errorf("read where the server cannot: %+v, error %v", got, err)
		}
		return
	}
	r := s.registration()
	if err != nil || got == nil || got.ClientID != made.ClientID || got.Name != r.Name || !slices.Equal(got.Callbacks, r.Callbacks) {
		t.Errorf("read: %+v, error %v", got, err)
	}
}

func (s Server) finds(t *testing.T, c connector.Connector, made connector.Registered) {
	t.Helper()
	finder, name := FinderOf(t, c), s.registration().Name
	if found, err := finder.Find(t.Context(), name); err != nil || found == nil || found.ClientID != made.ClientID {
		t.Errorf("find: %v, error %v", found, err)
	}
	for _, other := range []string{name[:len(name)-1], name + "2", strings.ToUpper(name), "%"} {
		if found, err := finder.Find(t.Context(), other); err != nil || found != nil {
			t.Errorf("find %q, which is not there: %v, error %v", other, found, err)
		}
	}
}

// Lists holds that a client, which was registered under this name, is listed by how its name begins, can be deleted by
// what the list says of it, and is listed by no other beginning.
func Lists(t *testing.T, c connector.Connector, made connector.Registered, name string) {
	t.Helper()
	lister := able[connector.Lister](t, c)
	for i, prefix := range []string{name, name[:len(name)-1], name + "2", name[1:], strings.ToUpper(name), "%"} {
		listed := i < 2
		list, err := lister.List(t.Context(), prefix)
		of := slices.IndexFunc(list, func(c connector.Client) bool { return c.ClientID == made.ClientID })
		switch {
		case err != nil || listed != (of >= 0):
			t.Errorf("list what begins with %q: %+v, error %v", prefix, list, err)
		case listed && (list[of].Name != name || list[of].Handle.ClientID != made.Handle.ClientID):
			t.Errorf("listed as %+v", list[of])
		}
		for _, other := range list {
			if !strings.HasPrefix(other.Name, prefix) {
				t.Errorf("%q begins with %q", other.Name, prefix)
			}
		}
	}
}

// existing asks about clients that were not registered here, as a mapping does.
func (s Server) existing(t *testing.T, c connector.Connector) {
	t.Helper()
	ctx := t.Context()
	id := "by-hand"
	if s.Existing != nil {
		var secret string
		id, secret = s.Existing(t)
		s.proves(t, c, id, secret)
	}
	reader := ReaderOf(t, c)
	if !s.Knows {
		if got, err := reader.Read(ctx, connector.Handle{ClientID: id}); !errors.Is(err, connector.ErrUnsupported) {
			t.Errorf("a client that the server cannot be asked about: %+v, error %v", got, err)
		}
		return
	}
	if got, err := reader.Read(ctx, connector.Handle{ClientID: id}); s.Existing != nil && (err != nil || got == nil || got.ClientID != id) {
		t.Errorf("a client that exists: %+v, error %v", got, err)
	}
	for _, none := range []string{"nobody", id[:len(id)-1], id + "x", "../" + id} {
		if got, err := reader.Read(ctx, connector.Handle{ClientID: none}); err != nil || got != nil {
			t.Errorf("client %s, which does not exist: %+v, error %v", none, got, err)
		}
	}
}
