package keys_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/pingserver"
)

// A server that gives a client a new secret and refuses to end those before has changed something: the developer reads what,
// until a rotation ends well.
func TestARotationThatIsRefusedHalfway(t *testing.T) {
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		build   func(origin string) http.Handler
		spec    string // with ORIGIN
		secrets map[string]string
		trouble contract.Trouble
		says    []string
		doubt   bool
	}{
		"ping": {
			func(o string) http.Handler { return pingserver.Build(o, key) },
			`{"type":"ping","discovery":"ORIGIN/.well-known/openid-configuration","connection":{"adminUrl":"ORIGIN/pf-admin-api/v1",
				"username":"` + pingserver.AdminUser + `","password":{"stored":true}}}`,
			map[string]string{"connection.password": pingserver.AdminPassword},
			contract.Trouble{Method: http.MethodGet, Part: "/oauth/clients/", Status: http.StatusForbidden, Times: 1},
			[]string{"refused halfway", "another secret", "rotate again"}, true,
		},
		"entra": {
			func(o string) http.Handler { return entraserver.Build(o, key, 0) },
			fmt.Sprintf(`{"type":"entra","discovery":"ORIGIN/%s/v2.0","connection":{"clientId":"%s","clientSecret":{"stored":true},
				"graphUrl":"ORIGIN/v1.0","resource":"%s"}}`, entraserver.Tenant, entraserver.ManagementClient, entraserver.Resource),
			map[string]string{"connection.clientSecret": entraserver.ManagementSecret},
			contract.Trouble{Method: http.MethodPost, Part: "/removePassword", Status: http.StatusForbidden, Times: 2},
			[]string{"refused halfway", "the one that it had", "one that nobody knows", "rotate again"}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := contract.Start(t, c.build)
			r := newRig(t)
			r.keyManager("corp", strings.ReplaceAll(c.spec, "ORIGIN", s.URL), c.secrets)
			if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
				t.Fatal(err)
			}
			if name == "ping" { // it retains the secret before only where that is asked for
				if _, err := r.keys.Rotate(t.Context(), alice(), at("corp"), keys.RotateAsk{Overlap: time.Hour}); err != nil {
					t.Fatal(err)
				}
			}
			if one := r.one(keyward.ClientActive); one.Status.Reason != "" {
				t.Errorf("before: %+v", one.Status)
			}
			s.Order(c.trouble)
			_, err := r.keys.Rotate(t.Context(), alice(), at("corp"), keys.RotateAsk{})
			wantCode(t, err, keyward.CodeKeyManagerFailed, "403")
			one := r.one(keyward.ClientActive)
			for _, part := range c.says {
				if !strings.Contains(one.Status.Reason, part) {
					t.Errorf("the reason %q says nothing of %q", one.Status.Reason, part)
				}
			}
			if (one.Status.SecretDoubt != "") != c.doubt {
				t.Errorf("the secret is in doubt: %q", one.Status.SecretDoubt)
			}
			s.Mend()
			again, err := r.keys.Rotate(t.Context(), alice(), at("corp"), keys.RotateAsk{})
			if err != nil {
				t.Fatal(err)
			}
			if one := r.one(keyward.ClientActive); one.Status.Reason != "" || one.Status.SecretDoubt != "" {
				t.Errorf("after a rotation that ended well: %+v", one.Status)
			}
			if err := prover(t, r).Prove(t.Context(), again.ClientID, again.ClientSecret); err != nil {
				t.Errorf("the new secret: %v", err)
			}
		})
	}
}

// An older secret whose time is over and that its server does not end is a reason, for as long as it lives.
func TestAnOldSecretThatDoesNotEnd(t *testing.T) {
	ctx := t.Context()
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	s := contract.Start(t, func(o string) http.Handler { return entraserver.Build(o, key, 0) })
	r := newRig(t)
	r.keyManager("corp", fmt.Sprintf(`{"type":"entra","discovery":"%s/%s/v2.0","connection":{"clientId":"%s",
		"clientSecret":{"stored":true},"graphUrl":"%s/v1.0","resource":"%s"}}`,
		s.URL, entraserver.Tenant, entraserver.ManagementClient, s.URL, entraserver.Resource),
		map[string]string{"connection.clientSecret": entraserver.ManagementSecret})
	if _, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.keys.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{Overlap: time.Hour}); err != nil {
		t.Fatal(err)
	}
	s.Order(contract.Trouble{Method: http.MethodPost, Part: "/removePassword", Status: http.StatusForbidden})
	r.later(2 * time.Hour)
	if err := r.keys.Sweep(ctx); err == nil {
		t.Error("the old secret was ended")
	}
	one := r.one(keyward.ClientActive)
	if one.Status.OldSecretUntil == nil || !strings.Contains(one.Status.Reason, "could not be ended yet") ||
		!strings.Contains(one.Status.Reason, "403") {
		t.Errorf("%+v", one.Status)
	}
	s.Mend()
	r.later(time.Hour)
	sweep(t, r.start())
	if one := r.one(keyward.ClientActive); one.Status.OldSecretUntil != nil || one.Status.Reason != "" {
		t.Errorf("after it was ended: %+v", one.Status)
	}
}
