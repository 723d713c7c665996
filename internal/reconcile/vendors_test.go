package reconcile_test

import (
	"net/http"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oktaserver"
	"keyward.dev/keyward/internal/testbed/pingserver"
	"keyward.dev/keyward/internal/testbed/wso2server"
)

// cloud is one vendor's contract server.
type cloud struct {
	name   string
	scope  string // that a subscription gives
	build  func(origin string, key *issuer.Key) http.Handler
	spec   func(origin string) *keyward.KeyManagerSpec
	secret map[string]string
}

func clouds() []cloud {
	stored := secret.Stored()
	return []cloud{
		{"okta", oktaserver.OtherScope, oktaserver.Build, func(o string) *keyward.KeyManagerSpec {
			return &keyward.KeyManagerSpec{Type: keyward.TypeOkta, Issuer: o + "/oauth2/" + oktaserver.Server,
				Connection: map[string]any{"apiToken": stored, "proofScope": oktaserver.Scope}}
		}, map[string]string{"connection.apiToken": oktaserver.APIToken}},
		{"auth0", auth0server.OtherScope, auth0server.Build, func(o string) *keyward.KeyManagerSpec {
			return &keyward.KeyManagerSpec{Type: keyward.TypeAuth0, Issuer: o + "/", Connection: map[string]any{
				"clientId": auth0server.ManagementClient, "clientSecret": stored, "audience": auth0server.Audience,
			}}
		}, map[string]string{"connection.clientSecret": auth0server.ManagementSecret}},
		{"ping", pingserver.Scope, pingserver.Build, func(o string) *keyward.KeyManagerSpec {
			return &keyward.KeyManagerSpec{
				Type: keyward.TypePing, Discovery: o + "/.well-known/openid-configuration", Connection: map[string]any{
					"adminUrl": o + "/pf-admin-api/v1", "username": pingserver.AdminUser, "password": stored,
				},
			}
		}, map[string]string{"connection.password": pingserver.AdminPassword}},
		{"entra", entraserver.Role, func(o string, key *issuer.Key) http.Handler { return entraserver.Build(o, key, 0) },
			func(o string) *keyward.KeyManagerSpec {
				return &keyward.KeyManagerSpec{
					Type: keyward.TypeEntra, Discovery: o + "/" + entraserver.Tenant + "/v2.0", Connection: map[string]any{
						"clientId": entraserver.ManagementClient, "clientSecret": stored, "graphUrl": o + "/v1.0",
						"resource": entraserver.Resource,
					},
				}
			}, map[string]string{"connection.clientSecret": entraserver.ManagementSecret}},
		{"wso2is", wso2server.Scope, func(o string, key *issuer.Key) http.Handler { return wso2server.Build(o, "", key) },
			func(o string) *keyward.KeyManagerSpec {
				return &keyward.KeyManagerSpec{Type: keyward.TypeWSO2IS, Discovery: o + "/oauth2/token",
					Connection: map[string]any{"clientId": wso2server.ManagementClient, "clientSecret": stored}}
			}, map[string]string{"connection.clientSecret": wso2server.ManagementSecret}},
	}
}

// No vendor's way of writing a client, nor what subscriptions give it and take away, is a difference; and one that is gone
// there has vanished.
func TestVendorsOwnWaysAreNoDrift(t *testing.T) {
	key := conformance.SigningKey(t)
	for _, c := range clouds() {
		t.Run(c.name, func(t *testing.T) {
			s := contract.Start(t, func(origin string) http.Handler { return c.build(origin, key) })
			r := newRig(t)
			r.register(c.name, c.spec(s.URL), c.secret)
			made := r.generate("mobile", c.name, keys.Ask{
				Grants:    []string{"authorization_code", "client_credentials", "refresh_token"},
				Callbacks: []string{"https://app.example/cb"},
			})
			want(t, r.reconcile(c.name), "mobile", reconcile.InStep)
			r.put(keyward.KindAPI, "orders", &keyward.APISpec{
				Context: "/orders", Version: "v1", Upstream: keyward.Upstream{Production: "http://127.0.0.1:9"},
				KeyManagers: keyward.KeyManagerSet{All: true},
				Operations:  []keyward.Operation{{Method: "*", Path: "/**", Scopes: []string{c.scope}}},
			})
			r.put(keyward.KindSubscription, "mobile-orders", &keyward.SubscriptionSpec{Application: "mobile", API: "orders"})
			r.entitler.Now(t.Context(), r.object("mobile"))
			want(t, r.reconcile(c.name), "mobile", reconcile.InStep)
			do(t, r.store.Write(t.Context(), "test", func(tx *store.Tx) error {
				o, err := tx.Get(keyward.KindSubscription, keyward.DefaultTenant, "mobile-orders")
				if err != nil {
					return err
				}
				return tx.Delete(o)
			}))
			r.entitler.Now(t.Context(), r.object("mobile"))
			want(t, r.reconcile(c.name), "mobile", reconcile.InStep)

			conn, handle := r.opened("mobile", c.name)
			do(t, conn.Delete(t.Context(), handle))
			want(t, r.reconcile(c.name), "mobile", reconcile.Vanished)
			if anew := r.mend("mobile", c.name); anew.ClientSecret == "" || anew.ClientID == made.ClientID {
				t.Errorf("made anew as %v", anew)
			}
			want(t, r.reconcile(c.name), "mobile", reconcile.InStep)
		})
	}
}

// opened gives the connector of a key manager, and what it needs to change an application's client.
func (r *rig) opened(application, keyManager string) (conn connector.Connector, handle connector.Handle) {
	r.t.Helper()
	var server connector.Server
	id := r.object(application)
	err := r.store.Read(r.t.Context(), func(tx *store.Tx) error {
		km, err := tx.KeyManagerFor(keyward.DefaultTenant, keyManager)
		if err != nil {
			return err
		}
		if server, err = keymanager.ServerOf(tx, km); err != nil {
			return err
		}
		o, err := tx.GetByID(keyward.KindOAuthClient, id)
		if err != nil {
			return err
		}
		c, err := scene.ReadClient(o)
		if err != nil {
			return err
		}
		handle, err = scene.HandleOf(tx, c)
		return err
	})
	do(r.t, err)
	conn, err = catalog.New(http.DefaultClient, nil).Open(server)
	do(r.t, err)
	return conn, handle
}
