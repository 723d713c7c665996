package oidc_test

import (
	"errors"
	"slices"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/wire"
)

// Below a path, both addresses of the metadata lead to it.
func TestOIDCProviderDiscovery(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{IssuerPath: "/tenant1"})
	for _, at := range []string{op.Issuer, op.Discovery()} {
		s := conformance.ServerAt(t, &keyward.KeyManagerSpec{Type: "oidc", Discovery: at}, nil)
		if s.Status.Issuer != op.Issuer || s.Status.Endpoints.Revocation == "" || len(s.Status.Notes) != 0 {
			t.Errorf("status: %+v", s.Status)
		}
	}
}

func TestOIDCProviderRegistration(t *testing.T) {
	ctx := t.Context()
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	connection, secrets := conformance.WithInitialToken(oidcprovider.InitialAccessToken)
	spec := &keyward.KeyManagerSpec{Type: "oidc", Discovery: op.Issuer, Connection: connection}
	c := conformance.Open(t, conformance.ServerAt(t, spec, secrets))
	made, err := c.Register(ctx, connector.Registration{
		Name: "keyward-code", Grants: []string{"authorization_code", "refresh_token"}, Callbacks: []string{"https://app.example/cb"},
		Fields: map[string]any{"token_endpoint_auth_method": "client_secret_post", "contacts": []string{"a@app.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	clients, err := op.Clients(ctx)
	if err != nil || !slices.Contains(clients, oidcprovider.RegisteredClient{ID: made.ClientID, Name: "keyward-code"}) {
		t.Errorf("clients %v, error %v", clients, err)
	}
	unknown := conformance.Registration()
	unknown.Scopes = []string{"no:such"}
	_, err = c.Register(ctx, unknown)
	var f *wire.Failure
	if !errors.As(err, &f) || f.Code != "invalid_client_metadata" || f.Description == "" || f.Uncertain() {
		t.Errorf("unknown scope: %v", err)
	}
	_, wrong := conformance.WithInitialToken("wrong-token")
	_, err = conformance.Open(t, conformance.ServerAt(t, spec, wrong)).Register(ctx, conformance.Registration())
	if !errors.As(err, &f) || f.Status != 401 || f.Code != "invalid_token" {
		t.Errorf("wrong initial access token: %v", err)
	}
	if _, can := c.(connector.Rotator); can {
		t.Error("plain registration claims to rotate")
	}
}

func TestOIDCTranscript(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	connection, secrets := conformance.WithInitialToken(oidcprovider.InitialAccessToken)
	s := conformance.ServerAt(t, &keyward.KeyManagerSpec{Type: "oidc", Discovery: op.Issuer, Connection: connection}, secrets)
	conformance.Transcript(t, "oidc", op.Issuer, s)
	_, err := conformance.ReaderOf(t, conformance.Open(t, s)).Read(t.Context(), connector.Handle{ClientID: "mapped"})
	if !errors.Is(err, connector.ErrUnsupported) {
		t.Errorf("a client without a registration access token: %v", err)
	}
}
