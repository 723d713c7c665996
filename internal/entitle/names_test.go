package entitle_test

import (
	"net/http"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// An API at the server may have several names. A scope that goes under one of them, with its subscription, and is due under
// another one, stays.
func TestOneAPIUnderTwoNames(t *testing.T) {
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	stored := secret.Stored()
	for name, c := range map[string]struct {
		build  func(origin string) http.Handler
		spec   func(origin string) *keyward.KeyManagerSpec
		secret string
		scope  string
		names  [2]string // "" = what the key manager says
	}{
		"entra": {
			func(origin string) http.Handler { return entraserver.Build(origin, key, 0) },
			func(origin string) *keyward.KeyManagerSpec {
				return &keyward.KeyManagerSpec{
					Type: keyward.TypeEntra, Discovery: origin + "/" + entraserver.Tenant + "/v2.0", Connection: map[string]any{
						"clientId": entraserver.ManagementClient, "clientSecret": stored, "graphUrl": origin + "/v1.0",
						"resource": entraserver.Resource,
					},
				}
			}, entraserver.ManagementSecret, entraserver.Role, [2]string{entraserver.Resource, entraserver.ResourceID},
		},
		"auth0": {
			func(origin string) http.Handler { return auth0server.Build(origin, key) },
			func(origin string) *keyward.KeyManagerSpec {
				return &keyward.KeyManagerSpec{Type: keyward.TypeAuth0, Issuer: origin + "/", Connection: map[string]any{
					"clientId": auth0server.ManagementClient, "clientSecret": stored, "audience": auth0server.Audience,
				}}
			}, auth0server.ManagementSecret, auth0server.OtherScope, [2]string{auth0server.Audience, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := contract.Start(t, c.build)
			w := newWorld(t)
			w.register("km", c.spec(s.URL), map[string]string{"connection.clientSecret": c.secret})
			for i, api := range []string{"first", "second"} {
				use := keyward.KeyManagerUse{Name: "km"}
				if c.names[i] != "" {
					use.Audiences = []string{c.names[i]}
				}
				w.put(keyward.KindAPI, api, &keyward.APISpec{
					Context: "/" + api, Version: "v1", Upstream: keyward.Upstream{Production: "http://127.0.0.1:9"},
					KeyManagers: keyward.KeyManagerSet{List: []keyward.KeyManagerUse{use}},
					Operations:  []keyward.Operation{{Method: "*", Path: "/**", Scopes: []string{c.scope}}},
				})
			}
			subscribe := func(api string, state keyward.SubscriptionState) {
				t.Helper()
				w.put(keyward.KindSubscription, "mobile-"+api, &keyward.SubscriptionSpec{Application: "mobile", API: api, State: state})
			}
			subscribe("first", keyward.SubscriptionActive)
			subscribe("second", keyward.SubscriptionActive)
			if e := w.generate("km", keys.Ask{}).Entitlement; e.State != keyward.EntitlementGiven {
				t.Fatalf("%+v", e)
			}
			id, entitler, handle := w.opened("km")
			asked := []connector.Entitlement{{Scope: c.scope, Audience: c.names[0]}, {Scope: c.scope, Audience: c.names[1]}}
			for _, step := range []struct {
				stop string
				left int // of both names, as the server says
			}{{"", 2}, {"first", 2}, {"second", 0}} {
				if step.stop != "" {
					subscribe(step.stop, keyward.SubscriptionBlocked)
				}
				if e := w.entitler.Now(t.Context(), id); e == nil || e.State != keyward.EntitlementGiven {
					t.Errorf("without %s: %+v", step.stop, e)
				}
				if has, err := entitler.Entitled(t.Context(), handle, asked); err != nil || len(has) != step.left {
					t.Errorf("without %s it has %q, error %v", step.stop, has, err)
				}
			}
		})
	}
}

// opened gives the id of the client in a key manager, and what its server is asked about it with.
func (w *world) opened(keyManager string) (id string, e connector.Entitler, h connector.Handle) {
	w.t.Helper()
	var server connector.Server
	err := w.store.Read(w.t.Context(), func(tx *store.Tx) error {
		km, err := tx.KeyManagerFor(w.tenant, keyManager)
		if err != nil {
			return err
		}
		if server, err = keymanager.ServerOf(tx, km); err != nil {
			return err
		}
		objects, _, err := tx.List(keyward.KindOAuthClient, store.Filter{ManagerID: km.ID})
		if err != nil {
			return err
		}
		c, err := scene.ReadClient(objects[0])
		if err != nil {
			return err
		}
		id = c.Object.ID
		h, err = scene.HandleOf(tx, c)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := catalog.New(http.DefaultClient, nil).Open(server)
	if err != nil {
		w.t.Fatal(err)
	}
	e, ok := conn.(connector.Entitler)
	if !ok {
		w.t.Fatalf("%T gives nothing", conn)
	}
	return id, e, h
}
