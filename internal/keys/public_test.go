package keys_test

import (
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
)

// A public client has no secret: none is shown, replaced or used, and it cannot become another kind of client.
func TestPublicClient(t *testing.T) {
	ctx := t.Context()
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, ""), initialToken())
	r.subscribe()
	k := r.start()
	ask := keys.Ask{
		Grants: []string{"authorization_code"}, Callbacks: []string{"https://app.example/cb"},
		Fields: map[string]any{"token_endpoint_auth_method": "none"},
	}
	wrong := ask
	wrong.Grants = []string{"authorization_code", "client_credentials"}
	_, err := k.Generate(ctx, alice(), at("corp"), wrong)
	wantCode(t, err, keyward.CodeInvalidInput, "grants[1]")
	made, err := k.Generate(ctx, alice(), at("corp"), ask)
	if err != nil || made.ClientID == "" || made.ClientSecret != "" {
		t.Fatalf("%+v, error %v", made, err)
	}
	if !r.onGateways(made.ClientID) {
		t.Error("gateways do not know it")
	}
	_, err = k.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{})
	wantCode(t, err, keyward.CodeRotationUnsupported, "public")
	if l := r.list()[0]; l.Rotates || !strings.Contains(l.Obstacle, "public") {
		t.Errorf("what is offered: %+v", l.Rotation)
	}
	_, err = k.Token(ctx, alice(), at("corp"), keys.TokenAsk{})
	wantCode(t, err, keyward.CodeNotSupported, "public")
	_, err = k.Update(ctx, alice(), at("corp"), keys.Ask{Fields: map[string]any{"token_endpoint_auth_method": "client_secret_basic"}})
	wantCode(t, err, keyward.CodeInvalidInput, "token_endpoint_auth_method")
	if _, err := k.Update(ctx, alice(), at("corp"), keys.Ask{Callbacks: []string{"https://app.example/other"}}); err != nil {
		t.Errorf("change its callbacks: %v", err)
	}
	r.later(time.Hour)
	sweep(t, k)
	r.one(keyward.ClientActive)
	if err := k.Delete(ctx, alice(), at("corp")); err != nil {
		t.Error(err)
	}
}
