package keys_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

// Two secrets are alive for as long as was asked, where the server keeps two; elsewhere it is refused before anything
// changes.
func TestTwoSecretsOverlap(t *testing.T) {
	ctx := t.Context()
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("entra", func(t *testing.T) {
		s := contract.Start(t, func(o string) http.Handler { return entraserver.Build(o, key, 0) })
		twoSecrets(t, fmt.Sprintf(`{"type":"entra","discovery":"%s/%s/v2.0","connection":{"clientId":"%s",
			"clientSecret":{"stored":true},"graphUrl":"%s/v1.0","resource":"%s"}}`,
			s.URL, entraserver.Tenant, entraserver.ManagementClient, s.URL, entraserver.Resource),
			map[string]string{"connection.clientSecret": entraserver.ManagementSecret})
	})
	t.Run("okta", func(t *testing.T) {
		s := contract.Start(t, func(o string) http.Handler { return oktaserver.Build(o, key) })
		twoSecrets(t, fmt.Sprintf(`{"type":"okta","issuer":"%s/oauth2/%s","connection":{"apiToken":{"stored":true},
			"proofScope":"%s"}}`, s.URL, oktaserver.Server, oktaserver.Scope),
			map[string]string{"connection.apiToken": oktaserver.APIToken})
	})
	s := contract.Start(t, func(o string) http.Handler { return auth0server.Build(o, key) })
	r := newRig(t)
	r.keyManager("auth0", fmt.Sprintf(`{"type":"auth0","issuer":"%s/","connection":{"clientId":"%s","clientSecret":{"stored":true},
		"audience":"%s"}}`, s.URL, auth0server.ManagementClient, auth0server.Audience),
		map[string]string{"connection.clientSecret": auth0server.ManagementSecret})
	if _, err := r.keys.Generate(ctx, alice(), at("auth0"), keys.Ask{}); err != nil {
		t.Fatal(err)
	}
	before := len(s.Seen())
	_, err = r.keys.Rotate(ctx, alice(), at("auth0"), keys.RotateAsk{Overlap: time.Hour})
	wantCode(t, err, keyward.CodeOverlapUnsupported)
	if l := r.list()[0]; !l.Rotates || l.Overlaps || !strings.Contains(l.Obstacle, "one secret of a client") {
		t.Errorf("what is offered: %+v", l.Rotation)
	}
	if len(s.Seen()) != before {
		t.Error("the server was asked")
	}
}

// twoSecrets walks the overlaps of one client.
func twoSecrets(t *testing.T, spec string, secrets map[string]string) {
	t.Helper()
	ctx := t.Context()
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", spec, secrets)
	made, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if l := r.list()[0]; !l.Rotates || !l.Overlaps || l.Obstacle != "" {
		t.Errorf("what is offered: %+v", l.Rotation)
	}
	tries := prover(t, r)
	lives := func(secret string) bool {
		return tries.Prove(ctx, made.ClientID, secret) == nil
	}
	_, err = r.keys.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{Overlap: 365 * 24 * time.Hour})
	wantCode(t, err, keyward.CodeInvalidInput, "overlap")
	second, err := r.keys.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{Overlap: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if second.OldSecretUntil == nil || !lives(made.ClientSecret) || !lives(second.ClientSecret) {
		t.Errorf("both secrets live: %t, %t", lives(made.ClientSecret), lives(second.ClientSecret))
	}
	_, err = r.keys.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{Overlap: time.Hour})
	wantCode(t, err, keyward.CodeConflict, "two secrets until")
	r.later(23 * time.Hour)
	sweep(t, r.start())
	if !lives(made.ClientSecret) {
		t.Error("the old secret ended too early")
	}
	r.later(2 * time.Hour)
	sweep(t, r.start())
	if lives(made.ClientSecret) || !lives(second.ClientSecret) {
		t.Errorf("after its time: old %t, new %t", lives(made.ClientSecret), lives(second.ClientSecret))
	}
	if one := r.one(keyward.ClientActive); one.Status.OldSecretUntil != nil {
		t.Errorf("%+v", one.Status)
	}
	// A rotation without an overlap ends both at once.
	third, err := r.keys.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{Overlap: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	fourth, err := r.keys.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{})
	if err != nil || lives(second.ClientSecret) || lives(third.ClientSecret) || !lives(fourth.ClientSecret) {
		t.Errorf("without an overlap: %v", err)
	}
}

func prover(t *testing.T, r *rig) connector.Prover {
	t.Helper()
	p, ok := openedAt(t, r).(connector.Prover)
	if !ok {
		t.Fatal("the server tries no secrets")
	}
	return p
}
