package keys_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oktaserver"
	"keyward.dev/keyward/internal/testbed/pingserver"
)

// A vendor that broke off in the middle of an answer has made a client whose secret nobody knows. The sweep finds it by
// its name and deletes it, and the place is free for the next try.
func TestSweepSettlesWhatVendorsBrokeOff(t *testing.T) {
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		build  func(origin string) http.Handler
		spec   string // with ORIGIN
		secret map[string]string
		part   string
	}{
		{"okta", func(o string) http.Handler { return oktaserver.Build(o, key) },
			`{"type":"okta","issuer":"ORIGIN/oauth2/` + oktaserver.Server + `","connection":{"apiToken":{"stored":true}}}`,
			map[string]string{"connection.apiToken": oktaserver.APIToken}, "/oauth2/v1/clients"},
		{"auth0", func(o string) http.Handler { return auth0server.Build(o, key) },
			`{"type":"auth0","issuer":"ORIGIN/","connection":{"clientId":"` + auth0server.ManagementClient + `",
				"clientSecret":{"stored":true},"audience":"` + auth0server.Audience + `"}}`,
			map[string]string{"connection.clientSecret": auth0server.ManagementSecret}, "/api/v2/clients"},
		{"ping", func(o string) http.Handler { return pingserver.Build(o, key) },
			`{"type":"ping","discovery":"ORIGIN/.well-known/openid-configuration","connection":{"adminUrl":"ORIGIN/pf-admin-api/v1",
				"username":"` + pingserver.AdminUser + `","password":{"stored":true}}}`,
			map[string]string{"connection.password": pingserver.AdminPassword}, "/oauth/clients"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := contract.Start(t, c.build)
			r := newRig(t)
			r.keyManager(c.name, strings.ReplaceAll(c.spec, "ORIGIN", s.URL), c.secret)
			s.Order(contract.Trouble{Method: http.MethodPost, Part: c.part, Half: true, Times: 1})
			_, err := r.keys.Generate(t.Context(), alice(), at(c.name), keys.Ask{})
			wantCode(t, err, keyward.CodeOutcomeUnknown, "broke off")
			failed := r.one(keyward.ClientFailed)
			if !failed.Status.Orphan || find(t, r, c.name, failed.Status.VendorName) == nil {
				t.Fatalf("the server made no client, or nobody looks for it: %+v", failed.Status)
			}
			r.later(time.Hour)
			if err := r.keys.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if one := r.one(keyward.ClientFailed); one.Status.Orphan || find(t, r, c.name, failed.Status.VendorName) != nil {
				t.Errorf("the client is still there: %+v", one.Status)
			}
			made, err := r.keys.Generate(t.Context(), alice(), at(c.name), keys.Ask{})
			if err != nil {
				t.Fatal(err)
			}
			again, err := r.keys.Rotate(t.Context(), alice(), at(c.name), keys.RotateAsk{})
			if err != nil || again.ClientSecret == made.ClientSecret {
				t.Errorf("rotate: %v", err)
			}
			if err := r.keys.Delete(t.Context(), alice(), at(c.name)); err != nil {
				t.Error(err)
			}
		})
	}
}

// find asks the vendor for a client by name.
func find(t *testing.T, r *rig, keyManager, name string) *connector.Registered {
	t.Helper()
	var server connector.Server
	err := r.store.Read(t.Context(), func(tx *storeTx) error {
		o, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, keyManager)
		if err != nil {
			return err
		}
		server.Spec, _ = o.Spec.(*keyward.KeyManagerSpec)
		server.Secrets, err = tx.Secrets(o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Status.Endpoints.Token = server.Spec.Issuer + "oauth/token"
	conn, err := r.openers().Open(server)
	if err != nil {
		t.Fatal(err)
	}
	finder, ok := conn.(connector.Finder)
	if !ok {
		t.Fatalf("%T finds nothing", conn)
	}
	found, err := finder.Find(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// openedAt gives the connector of the key manager corp.
func openedAt(t *testing.T, r *rig) connector.Connector {
	t.Helper()
	var server connector.Server
	err := r.store.Read(t.Context(), func(tx *storeTx) error {
		o, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, "corp")
		if err != nil {
			return err
		}
		server, err = keymanager.ServerOf(tx, o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := r.openers().Open(server)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
