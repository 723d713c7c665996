package keycloak_test

import (
	"testing"

	"keyward.dev/keyward/internal/testbed/keycloak"
)

func TestRealmGivesTokens(t *testing.T) {
	ctx := t.Context()
	s, err := keycloak.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	r, err := s.NewRealm(ctx, "corp")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AddClient(ctx, "abc", "abc-secret"); err != nil {
		t.Fatal(err)
	}
	if err := r.SetClaim(ctx, "abc", "tid", "acme", "String"); err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []string{"", "PS256", "ES384", "EdDSA"} {
		if algorithm != "" {
			if err := r.UseAlgorithm(ctx, algorithm); err != nil {
				t.Fatalf("%s: %v", algorithm, err)
			}
		}
		token, err := r.Token(ctx, "abc", "abc-secret", "orders:read")
		if err != nil || token == "" {
			t.Fatalf("%s: token %q, error %v", algorithm, token, err)
		}
	}
	if err := r.RotateKeys(ctx, "second"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Token(ctx, "abc", "wrong", ""); err == nil {
		t.Error("a wrong secret got a token")
	}
	if err := r.SetEnabled(ctx, false); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Token(ctx, "abc", "abc-secret", ""); err == nil {
		t.Error("a disabled realm gave a token")
	}
}
