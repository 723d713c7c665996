package keys_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
)

// A token for trying out is what the server answered: with the stored secret for a generated client, with the given one
// for a mapped client, and for nobody but owners and administrators.
func TestTokenForTryingOut(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, ""), initialToken())
	if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{Scopes: []string{"orders:read"}}); err != nil {
		t.Fatal(err)
	}
	ask := keys.TokenAsk{Scopes: []string{"orders:read"}, Resources: []string{oidcprovider.JWTResource}}
	for _, who := range []keyward.Principal{alice(), admin()} {
		token, err := r.keys.Token(t.Context(), who, at("corp"), ask)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(token.Value, ".") != 2 || token.Type != "Bearer" || token.ExpiresIn <= 0 || token.Scope != "orders:read" {
			t.Errorf("type %s, expires in %d, scope %q", token.Type, token.ExpiresIn, token.Scope)
		}
		if text := fmt.Sprintf("%v %+v %#v", *token, token, *token); strings.Contains(text, token.Value) {
			t.Error("the token shows in text")
		}
	}
	if got := r.audited(); !slices.Equal(got, []string{"key.generated", "key.token", "key.token"}) {
		t.Errorf("audit: %v", got)
	}
	_, err := r.keys.Token(t.Context(), bob(), at("corp"), ask)
	wantCode(t, err, keyward.CodeForbidden)
	_, err = r.keys.Token(t.Context(), principal("alice", keyward.RoleAuditor), at("corp"), ask)
	wantCode(t, err, keyward.CodeForbidden)
	_, err = r.keys.Token(t.Context(), alice(), at("corp"), keys.TokenAsk{Resources: []string{"urn:no:such"}})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "corp", "400", "invalid_target")
	_, err = r.keys.Token(t.Context(), alice(), at("corp"), keys.TokenAsk{Scopes: []string{"a b"}, Resources: []string{""}})
	wantCode(t, err, keyward.CodeInvalidInput)
	if got := fieldPaths(err); !slices.Equal(got, []string{"resources[0]", "scopes[0]"}) {
		t.Errorf("fields %v", got)
	}
	_, err = r.keys.Token(t.Context(), alice(), at("corp"), keys.TokenAsk{Secret: "not-the-secret"})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "invalid_client")
	if strings.Contains(err.Error(), "not-the-secret") {
		t.Errorf("the secret is in the error: %v", err)
	}
	off := false
	r.change("corp", func(s *keyward.KeyManagerSpec) { s.Enabled = &off })
	_, err = r.keys.Token(t.Context(), admin(), at("corp"), ask)
	wantCode(t, err, keyward.CodeKeyManagerDisabled)
	r.change("corp", func(s *keyward.KeyManagerSpec) { s.Enabled, s.Clients.Tokens = nil, &off })
	_, err = r.keys.Token(t.Context(), admin(), at("corp"), ask)
	wantCode(t, err, keyward.CodeForbidden, "clients.tokens")
	r.change("corp", func(s *keyward.KeyManagerSpec) { s.Clients.Tokens = nil })
	if _, err := r.keys.Token(t.Context(), admin(), at("corp"), ask); err != nil {
		t.Errorf("when it is on again: %v", err)
	}
	if err := r.keys.Delete(t.Context(), alice(), at("corp")); err != nil {
		t.Fatal(err)
	}
	_, err = r.keys.Token(t.Context(), alice(), at("corp"), ask)
	wantCode(t, err, keyward.CodeNotFound)
}

func TestTokenOfAMappedClientNeedsItsSecret(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	id, secret, err := op.Register(t.Context(), "by hand")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, ""), initialToken())
	if _, err := r.keys.Map(t.Context(), alice(), at("corp"), id, secret); err != nil {
		t.Fatal(err)
	}
	_, err = r.keys.Token(t.Context(), alice(), at("corp"), keys.TokenAsk{})
	wantCode(t, err, keyward.CodeInvalidInput, "clientSecret", "mapped")
	if got := r.audited(); !slices.Equal(got, []string{"key.mapped"}) {
		t.Errorf("a refused request is in the trail: %v", got)
	}
	token, err := r.keys.Token(t.Context(), alice(), at("corp"), keys.TokenAsk{Secret: secret})
	if err != nil || token.Value == "" {
		t.Errorf("with its secret: %v", err)
	}
	r.keyManager("ext", `{"type":"external","issuer":"x","keys":{"jwks":"https://as.example/k"}}`, nil)
	if _, err := r.keys.Map(t.Context(), admin(), at("ext"), "abc", ""); err != nil {
		t.Fatal(err)
	}
	_, err = r.keys.Token(t.Context(), alice(), at("ext"), keys.TokenAsk{Secret: secret})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "no way")
}
