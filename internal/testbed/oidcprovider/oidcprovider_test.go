package oidcprovider_test

import (
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/oidcprovider"
)

func TestServerGivesBothKindsOfToken(t *testing.T) {
	ctx := t.Context()
	for _, o := range []oidcprovider.Options{{}, {IssuerPath: "/tenant1", Algorithm: "ES256"}, {Algorithm: "EdDSA"}} {
		s := oidcprovider.Start(t, t.TempDir(), o)
		id, secret, err := s.Register(ctx, "app")
		if err != nil {
			t.Fatal(err)
		}
		jwt, err := s.Token(ctx, id, secret, oidcprovider.JWTResource, "read")
		if err != nil || strings.Count(jwt, ".") != 2 {
			t.Errorf("%+v: JWT %q, error %v", o, jwt, err)
		}
		opaque, err := s.Token(ctx, id, secret, oidcprovider.OpaqueResource, "read")
		if err != nil || opaque == "" || strings.Contains(opaque, ".") {
			t.Errorf("%+v: opaque token %q, error %v", o, opaque, err)
		}
		if _, err := s.Token(ctx, id, "wrong", oidcprovider.JWTResource, "read"); err == nil {
			t.Errorf("%+v: a wrong secret got a token", o)
		}
		clients, err := s.Clients(ctx)
		if err != nil || len(clients) != 1 || clients[0].Name != "app" {
			t.Errorf("%+v: clients %v, error %v", o, clients, err)
		}
		before, err := s.AddKey(ctx)
		if err != nil || len(before.Kids) != 2 {
			t.Errorf("%+v: keys %v, error %v", o, before, err)
		}
		after, err := s.RetireKeys(ctx)
		if err != nil || len(after.Kids) != 1 || after.Signer == before.Signer {
			t.Errorf("%+v: keys %v after %v, error %v", o, after, before, err)
		}
	}
}
