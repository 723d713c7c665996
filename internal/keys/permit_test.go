package keys_test

import (
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
)

// TestPermissions: a key manager's lists hold for everything that gives or shows credentials, and not for deleting;
// administrators are not restricted.
func TestPermissions(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.keyManager("sso", oidcSpec(op.Issuer, ""), initialToken())
	grouped := alice()
	grouped.Groups = []string{"partners"}
	for name, c := range map[string]struct {
		lists   keyward.Permissions
		who     keyward.Principal
		refused bool
	}{
		"allowed by group":          {keyward.Permissions{Allow: []string{"partners"}}, grouped, false},
		"allowed by role":           {keyward.Permissions{Allow: []string{"other", "developer"}}, alice(), false},
		"not among the allowed":     {keyward.Permissions{Allow: []string{"partners"}}, alice(), true},
		"denied by group":           {keyward.Permissions{Deny: []string{"partners"}}, grouped, true},
		"denied by role":            {keyward.Permissions{Deny: []string{"developer"}}, alice(), true},
		"not among the denied":      {keyward.Permissions{Deny: []string{"partners"}}, alice(), false},
		"no list":                   {keyward.Permissions{}, alice(), false},
		"administrator":             {keyward.Permissions{Allow: []string{"partners"}}, admin(), false},
		"administrator, and denied": {keyward.Permissions{Deny: []string{"admin"}}, admin(), false},
	} {
		t.Run(name, func(t *testing.T) {
			restrict := func(p keyward.Permissions) {
				r.change("sso", func(s *keyward.KeyManagerSpec) { s.Permissions = &p })
			}
			want := keyward.Code("")
			if c.refused {
				want = keyward.CodeForbidden
			}
			restrict(c.lists)
			_, err := r.keys.Generate(t.Context(), c.who, at("sso"), keys.Ask{})
			wantCode(t, err, want)
			if c.refused {
				_, err = r.keys.Map(t.Context(), c.who, at("sso"), "some-client", "a-secret")
				wantCode(t, err, want)
				restrict(keyward.Permissions{}) // so that there is something to refuse below
				_, err = r.keys.Generate(t.Context(), c.who, at("sso"), keys.Ask{})
				wantCode(t, err, "")
				restrict(c.lists)
			}
			_, err = r.keys.Reveal(t.Context(), c.who, at("sso"))
			wantCode(t, err, want)
			if c.refused {
				_, err = r.keys.Rotate(t.Context(), c.who, at("sso"), keys.RotateAsk{})
				wantCode(t, err, want)
				_, err = r.keys.Token(t.Context(), c.who, at("sso"), keys.TokenAsk{})
				wantCode(t, err, want)
			}
			wantCode(t, r.keys.Delete(t.Context(), c.who, at("sso")), "")
		})
	}
}
