package keys_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/registrar"
)

func codeGrant() keys.Ask {
	return keys.Ask{Grants: []string{"authorization_code"}, Callbacks: []string{"https://app.example/cb"}}
}

// What is named changes, the rest stays; each answer's new registration access token is used for the next call.
func TestUpdateChangesWhatIsNamed(t *testing.T) {
	ctx := t.Context()
	s := registrar.Start(t)
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", registrarSpec(s), registrarSecrets())
	ask := codeGrant()
	ask.Fields = map[string]any{"client_uri": "https://app.example", "tos_uri": "https://app.example/tos"}
	made, err := r.keys.Generate(ctx, alice(), at("corp"), ask)
	if err != nil {
		t.Fatal(err)
	}
	for _, callback := range []string{"https://app.example/two", "https://app.example/three"} {
		got, err := r.keys.Update(ctx, alice(), at("corp"), keys.Ask{
			Callbacks: []string{callback}, Fields: map[string]any{"tos_uri": "https://app.example/new"},
		})
		if err != nil {
			t.Fatal(err)
		}
		there := s.Clients()[0]
		if got.ClientID != made.ClientID || !slices.Equal(there.Callbacks, []string{callback}) ||
			!slices.Equal(there.Grants, []string{"authorization_code"}) || there.Secret != made.ClientSecret {
			t.Errorf("at the server: %+v", there)
		}
	}
	one := r.one(keyward.ClientActive)
	if !slices.Equal(one.Status.Callbacks, []string{"https://app.example/three"}) ||
		one.Status.Fields["client_uri"] != "https://app.example" || one.Status.Fields["tos_uri"] != "https://app.example/new" {
		t.Errorf("%+v", one.Status)
	}
	_, err = r.keys.Update(ctx, alice(), at("corp"), keys.Ask{Grants: []string{"nonsense"}})
	wantCode(t, err, keyward.CodeInvalidInput)
	_, err = r.keys.Update(ctx, bob(), at("corp"), keys.Ask{})
	wantCode(t, err, keyward.CodeForbidden)
	if err := r.keys.Delete(ctx, alice(), at("corp")); err != nil || len(s.Clients()) != 0 {
		t.Errorf("delete: %v, left %v", err, s.Clients())
	}
	if got := r.audited(); !slices.Equal(got, []string{"key.generated", "key.updated", "key.updated", "key.deleted"}) {
		t.Errorf("audit: %v", got)
	}
}

// A refusal leaves the client as it was, here and there, and still manageable.
func TestUpdateThatTheServerRefuses(t *testing.T) {
	ctx := t.Context()
	s := registrar.Start(t)
	r := newRig(t)
	r.keyManager("corp", registrarSpec(s), registrarSecrets())
	if _, err := r.keys.Generate(ctx, alice(), at("corp"), codeGrant()); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		s.Order(contract.Trouble{Method: method, Part: "/reg/", Status: 400, Body: `{"error":"invalid_redirect_uri"}`, Times: 1})
		_, err := r.keys.Update(ctx, alice(), at("corp"), keys.Ask{Callbacks: []string{"https://app.example/bad"}})
		wantCode(t, err, keyward.CodeKeyManagerFailed, "invalid_redirect_uri")
		if one := r.one(keyward.ClientActive); !slices.Equal(one.Status.Callbacks, codeGrant().Callbacks) || one.Status.Wanted != nil {
			t.Errorf("%s: %+v", method, one.Status)
		}
	}
	// A server's words may hold what the call itself does not, such as the credential of registrations.
	s.Order(contract.Trouble{Method: http.MethodPut, Part: "/reg/", Status: 400, Times: 1,
		Body: `{"error":"no","error_description":"told by ` + registrar.InitialAccessToken + `"}`})
	_, err := r.keys.Update(ctx, alice(), at("corp"), keys.Ask{Callbacks: []string{"https://app.example/bad"}})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "no: told by ***")
	if _, err := r.keys.Update(ctx, alice(), at("corp"), keys.Ask{Callbacks: []string{"https://app.example/good"}}); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

// An answer that is lost takes the registration access token with it: the client is shown as nobody's to manage, and
// its deletion ends listed, because a refused token does not mean that the client is gone.
func TestUpdateWhoseAnswerIsLost(t *testing.T) {
	ctx := t.Context()
	s := registrar.Start(t)
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", registrarSpec(s), registrarSecrets())
	made, err := r.keys.Generate(ctx, alice(), at("corp"), codeGrant())
	if err != nil {
		t.Fatal(err)
	}
	s.Order(contract.Trouble{Method: http.MethodPut, Part: "/reg/", Half: true, Times: 1})
	_, err = r.keys.Update(ctx, alice(), at("corp"), keys.Ask{Callbacks: []string{"https://app.example/two"}})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "tried again")
	r.one(keyward.ClientUpdating)
	if !r.onGateways(made.ClientID) {
		t.Error("gateways do not take a client that is being changed")
	}
	if err := r.start().Sweep(ctx); err == nil || !strings.Contains(err.Error(), "registration access token") {
		t.Errorf("sweep: %v", err)
	}
	if one := r.one(keyward.ClientActive); one.Status.Unmanageable == "" {
		t.Errorf("%+v", one.Status)
	}
	wantCode(t, r.keys.Delete(ctx, alice(), at("corp")), keyward.CodeKeyManagerFailed, "registration access token")
	if one := r.one(keyward.ClientFailed); !one.Status.Orphan || len(s.Clients()) != 1 {
		t.Errorf("%+v, at the server %v", one.Status, s.Clients())
	}
}

// The server has refused for a while: the change is made later, by itself.
func TestUpdateGoesOnByItself(t *testing.T) {
	ctx := t.Context()
	s := registrar.Start(t)
	r := newRig(t)
	r.keyManager("corp", registrarSpec(s), registrarSecrets())
	if _, err := r.keys.Generate(ctx, alice(), at("corp"), codeGrant()); err != nil {
		t.Fatal(err)
	}
	s.Order(contract.Trouble{Method: http.MethodPut, Part: "/reg/", Status: 502, Times: 1})
	_, err := r.keys.Update(ctx, alice(), at("corp"), keys.Ask{Callbacks: []string{"https://app.example/two"}})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "502")
	for _, status := range []int{429, 500} { // met before the change is asked for again, and no refusal of it
		s.Order(contract.Trouble{Method: http.MethodGet, Part: "/reg/", Status: status, Times: 1})
		if err := r.start().Sweep(ctx); err == nil {
			t.Errorf("%d: the sweep had no trouble", status)
		}
		r.one(keyward.ClientUpdating)
	}
	sweep(t, r.start())
	if one := r.one(keyward.ClientActive); !slices.Equal(one.Status.Callbacks, []string{"https://app.example/two"}) ||
		!slices.Equal(s.Clients()[0].Callbacks, one.Status.Callbacks) {
		t.Errorf("%+v", one.Status)
	}
}

// Keycloak's admin API needs no registration access token; a mapped client is nobody's to change here.
func TestUpdateAtKeycloak(t *testing.T) {
	ctx := t.Context()
	kc := shared.Realm(t, "keys-update")
	r := newRig(t)
	r.keyManager("admin", adminSpec(kc, kc.Server.URL), adminSecrets())
	r.keyManager("dcr", `{"type":"keycloak","discovery":"`+kc.Issuer+`","otherIssuers":[],"issuer":"`+kc.Issuer+`x",
		"connection":{"initialAccessToken":{"stored":true}}}`, map[string]string{"connection.initialAccessToken": kc.InitialAccessToken})
	for _, km := range []string{"admin", "dcr"} {
		made, err := r.keys.Generate(ctx, alice(), at(km), keys.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		for _, callback := range []string{"https://app.example/one", "https://app.example/two"} {
			got, err := r.keys.Update(ctx, alice(), at(km), keys.Ask{
				Grants: []string{"client_credentials", "authorization_code"}, Callbacks: []string{callback},
			})
			if err != nil || got.ClientID != made.ClientID {
				t.Fatalf("%s: %v", km, err)
			}
		}
		if _, err := r.keys.Token(ctx, alice(), at(km), keys.TokenAsk{}); err != nil {
			t.Errorf("%s: the client after its change: %v", km, err)
		}
		if err := r.keys.Delete(ctx, alice(), at(km)); err != nil || has(t, kc, made.ClientID) {
			t.Errorf("%s: delete: %v", km, err)
		}
	}
	if err := kc.AddClient(ctx, "by-hand", "s"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.keys.Map(ctx, alice(), at("admin"), "by-hand", "s"); err != nil {
		t.Fatal(err)
	}
	_, err := r.keys.Update(ctx, alice(), at("admin"), codeGrant())
	wantCode(t, err, keyward.CodeUpdateUnsupported, "mapped")
	_, err = r.keys.Rotate(ctx, alice(), at("admin"), keys.RotateAsk{Overlap: time.Hour})
	wantCode(t, err, keyward.CodeRotationUnsupported, "mapped")
}

// A server may give a new secret with a change: then that is the one that waits to be fetched, and it is said.
func TestUpdateThatBringsANewSecret(t *testing.T) {
	ctx := t.Context()
	s := registrar.Start(t)
	r := newRig(t)
	r.keyManager("corp", registrarSpec(s), registrarSecrets())
	made, err := r.keys.Generate(ctx, alice(), at("corp"), codeGrant())
	if err != nil {
		t.Fatal(err)
	}
	change := func(callback string) {
		t.Helper()
		if _, err := r.keys.Update(ctx, alice(), at("corp"), keys.Ask{Callbacks: []string{callback}}); err != nil {
			t.Fatal(err)
		}
	}
	change("https://app.example/two")
	if reason := r.one(keyward.ClientActive).Status.Reason; reason != "" || s.Clients()[0].Secret != made.ClientSecret {
		t.Errorf("a change that leaves the secret: %q", reason)
	}
	s.RenewSecrets()
	mine, err := r.keys.Update(ctx, alice(), at("corp"), keys.Ask{Callbacks: []string{"https://app.example/mine"}})
	if err != nil || mine.ClientSecret == "" || mine.ClientSecret != s.Clients()[0].Secret ||
		r.one(keyward.ClientActive).Status.Reason != "" {
		t.Errorf("a change whose new secret is for who asked: %v, error %v, %+v", mine, err, r.one(keyward.ClientActive).Status)
	}
	other, err := r.keys.Update(ctx, admin(), at("corp"), keys.Ask{Callbacks: []string{"https://app.example/three"}})
	if err != nil || other.ClientSecret != "" {
		t.Errorf("a change by somebody else: %v, error %v", other, err)
	}
	reason := r.one(keyward.ClientActive).Status.Reason
	if !strings.Contains(reason, "new secret") || s.Clients()[0].Secret == made.ClientSecret {
		t.Errorf("a change that brings a new one: %q", reason)
	}
	_, err = r.keys.Reveal(ctx, admin(), at("corp"))
	wantCode(t, err, keyward.CodeNotFound)
	shown, err := r.keys.Reveal(ctx, alice(), at("corp"))
	if err != nil || shown.ClientSecret != s.Clients()[0].Secret {
		t.Errorf("revealed: %v, error %v", shown, err)
	}
	if reason := r.one(keyward.ClientActive).Status.Reason; reason != "" {
		t.Errorf("after it was fetched: %q", reason)
	}

	r.approval(manual())
	wantCode(t, r.keys.Delete(ctx, alice(), at("corp")), "")
	r.ask()
	if _, err := r.keys.Approve(ctx, admin(), at("corp"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.keys.Update(ctx, admin(), at("corp"), keys.Ask{Fields: map[string]any{"client_uri": "https://a.example"}}); err != nil {
		t.Fatal(err)
	}
	r.later(time.Hour) // an approved one waits for days
	shown, err = r.keys.Reveal(ctx, alice(), at("corp"))
	if err != nil || shown.ClientSecret != s.Clients()[0].Secret {
		t.Errorf("revealed after an approval: %v, error %v", shown, err)
	}
}
