package keys_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/oktaserver"
	"keyward.dev/keyward/internal/testbed/walled"
)

// connection registers one, as the use cases above do; the second time it is replaced.
func (r *rig) connection(name, text string, secrets map[string]string) {
	r.t.Helper()
	var spec keyward.ConnectionSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		r.t.Fatal(err)
	}
	if faults := append(spec.Validate(), keymanager.ValidateConnection(&spec, secrets)...); len(faults) > 0 {
		r.t.Fatal(faults)
	}
	o := &keyward.Object{Kind: keyward.KindConnection, Name: name}
	err := r.store.Read(r.t.Context(), func(tx *store.Tx) error {
		if found, err := tx.Get(keyward.KindConnection, keyward.DefaultTenant, name); err == nil {
			o = found
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	o.Spec = &spec
	r.put(o, store.Extra{Secrets: secrets})
}

// okta is an organization with two authorization servers, both managed through one connection.
func (r *rig) okta(apps ...*oktaserver.App) *contract.Server {
	r.t.Helper()
	key := conformance.SigningKey(r.t)
	s := contract.Start(r.t, func(origin string) http.Handler { return oktaserver.BuildWith(origin, key, apps...) })
	r.connection("acme", strings.ReplaceAll(oktaConnection, "ORIGIN", s.URL), apiToken(oktaserver.APIToken))
	for name, id := range map[string]string{"orders": oktaserver.Server, "billing": oktaserver.OtherServer} {
		r.keyManager(name, `{"type":"okta","issuer":"`+s.URL+`/oauth2/`+id+`","connection":{"ref":"acme","proofScope":"`+
			oktaserver.Scope+`"}}`, map[string]string{})
	}
	return s
}

const oktaConnection = `{"type":"okta","connection":{"orgUrl":"ORIGIN","apiToken":{"stored":true}}}`

func apiToken(value string) map[string]string { return map[string]string{"connection.apiToken": value} }

// TestOneConnectionForTwoKeyManagers: both make clients with its credentials, and a rotation in it counts for both at once.
func TestOneConnectionForTwoKeyManagers(t *testing.T) {
	r := newRig(t)
	s := r.okta()
	for _, name := range []string{"orders", "billing"} {
		if _, err := r.keys.Generate(t.Context(), alice(), at(name), keys.Ask{Scopes: []string{oktaserver.Scope}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := strings.ReplaceAll(oktaConnection, "ORIGIN", s.URL)
	r.connection("acme", text, apiToken("00-withdrawn"))
	for _, name := range []string{"orders", "billing"} {
		_, err := r.keys.Rotate(t.Context(), alice(), at(name), keys.RotateAsk{})
		wantCode(t, err, keyward.CodeKeyManagerFailed, "Invalid token provided")
	}
	r.connection("acme", text, apiToken(oktaserver.APIToken))
	for _, name := range []string{"orders", "billing"} {
		if _, err := r.keys.Rotate(t.Context(), alice(), at(name), keys.RotateAsk{}); err != nil {
			t.Errorf("%s, the token given again: %v", name, err)
		}
	}
}

// TestAServiceAppForTwoKeyManagers: a private key opens what an API token does, and one access token serves both.
func TestAServiceAppForTwoKeyManagers(t *testing.T) {
	r := newRig(t)
	account := conformance.AccountKey(t, "key-1", "ES256")
	app := oktaserver.ServiceApp(account.Key)
	s := r.okta(app)
	r.connection("acme", `{"type":"okta","connection":{"orgUrl":"`+s.URL+`","clientId":"`+app.ID+`","clientKey":{"stored":true}}}`,
		map[string]string{"connection.clientKey": account.JWK})
	for _, name := range []string{"orders", "billing"} {
		if _, err := r.keys.Generate(t.Context(), alice(), at(name), keys.Ask{Scopes: []string{oktaserver.Scope}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	tokens := 0
	for _, q := range s.Seen() {
		if q.URI == "/oauth2/v1/token" {
			tokens++
		}
	}
	if tokens != 1 {
		t.Errorf("%d access tokens were asked for", tokens)
	}
}

// TestAConnectionGoesItsOwnWay: its credentials go through its proxy, and never through one that a key manager names.
func TestAConnectionGoesItsOwnWay(t *testing.T) {
	r := newRig(t)
	s := r.okta()
	own, other := walled.StartProxy(t, "keyward", "a-password", nil), walled.StartProxy(t, "", "", nil)
	text := strings.ReplaceAll(oktaConnection, "ORIGIN", s.URL)
	through := func(password string) {
		secrets := apiToken(oktaserver.APIToken)
		secrets[keyward.OutboundPassword] = password
		r.connection("acme", strings.TrimSuffix(text, "}")+`,"outbound":{"proxy":"`+own.URL+
			`","proxyUser":"keyward","proxyPassword":{"stored":true}}}`, secrets)
	}
	r.change("orders", func(s *keyward.KeyManagerSpec) { s.Outbound = &keyward.Outbound{Proxy: other.URL} })
	through("a-password")
	for i, name := range []string{"orders", "billing"} {
		if _, err := r.keys.Generate(t.Context(), alice(), at(name), keys.Ask{Scopes: []string{oktaserver.Scope}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(own.Asked()); n != i+1 { // each key manager has connections of its own
			t.Errorf("%s: the connection's proxy was asked %d times", name, n)
		}
	}
	through("wrong")
	_, err := r.keys.Rotate(t.Context(), alice(), at("orders"), keys.RotateAsk{})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "cannot be reached")
	if asked := other.Asked(); len(asked) != 0 {
		t.Errorf("the key manager's proxy was asked: %v", asked)
	}
}

// TestAForeignKeyManagerGetsNothing: even where the store holds one at another address, the connection's credentials
// stay at home.
func TestAForeignKeyManagerGetsNothing(t *testing.T) {
	r := newRig(t)
	r.okta()
	elsewhere := contract.Start(t, func(origin string) http.Handler { return oktaserver.Build(origin, conformance.SigningKey(t)) })
	before := len(elsewhere.Seen())
	r.change("orders", func(s *keyward.KeyManagerSpec) { s.Issuer = elsewhere.URL + "/oauth2/" + oktaserver.Server })
	_, err := r.keys.Generate(t.Context(), alice(), at("orders"), keys.Ask{})
	wantCode(t, err, keyward.CodeInvalidInput, "not an address of the organization")
	if n := len(elsewhere.Seen()) - before; n != 0 {
		t.Errorf("the foreign server was called %d times", n)
	}
	if _, err := r.keys.Generate(t.Context(), alice(), at("billing"), keys.Ask{}); err != nil {
		t.Errorf("the positive control: %v", err)
	}
}

// TestARealmThroughMaster: a service account of the realm master manages the clients of two realms, through one
// connection.
func TestARealmThroughMaster(t *testing.T) {
	r := newRig(t)
	one, two := shared.Realm(t, "shared-one"), shared.Realm(t, "shared-two")
	home, err := one.Server.NewManager(t.Context(), "keyward-"+one.Name, "first-secret", one, two)
	if err != nil {
		t.Fatal(err)
	}
	text := `{"type":"keycloak","connection":{"realmUrl":"` + home + `","clientId":"keyward-` + one.Name +
		`","clientSecret":{"stored":true}}}`
	secret := func(value string) map[string]string { return map[string]string{"connection.clientSecret": value} }
	r.connection("sso", text, secret("first-secret"))
	r.keyManager("one", `{"type":"keycloak","discovery":"`+one.Discovery()+`","connection":{"ref":"sso"}}`, map[string]string{})
	r.keyManager("two", `{"type":"keycloak","issuer":"`+two.Issuer+`","connection":{"ref":"sso"}}`, map[string]string{})
	made := map[string]*keys.Result{}
	for _, name := range []string{"one", "two"} {
		if made[name], err = r.keys.Generate(t.Context(), alice(), at(name), keys.Ask{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Token(t.Context(), made["one"].ClientID, made["one"].ClientSecret, ""); err != nil {
		t.Error(err)
	}
	if _, err := two.Token(t.Context(), made["two"].ClientID, made["two"].ClientSecret, ""); err != nil {
		t.Error(err)
	}
	if _, err := two.Token(t.Context(), made["one"].ClientID, made["one"].ClientSecret, ""); err == nil {
		t.Error("the client of one realm is in the other")
	}
	if err := one.Server.SetManagerSecret(t.Context(), "keyward-"+one.Name, "second-secret"); err != nil {
		t.Fatal(err)
	}
	r.connection("sso", text, secret("second-secret"))
	for _, name := range []string{"one", "two"} {
		if _, err := r.keys.Rotate(t.Context(), alice(), at(name), keys.RotateAsk{}); err != nil {
			t.Errorf("%s, after the rotation: %v", name, err)
		}
		if err := r.keys.Delete(t.Context(), alice(), at(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
