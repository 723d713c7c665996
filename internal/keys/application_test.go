package keys_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/registrar"
)

func registrarSpec(s *registrar.Server) string {
	return oidcSpec(s.URL+"/.well-known/openid-configuration", "")
}

func registrarSecrets() map[string]string {
	return map[string]string{"connection.initialAccessToken": registrar.InitialAccessToken}
}

func any1(*keyward.Object) error { return nil }

// exists tells whether the application mobile is stored.
func (r *rig) exists() bool {
	r.t.Helper()
	found := true
	err := r.store.Read(r.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Get(keyward.KindApplication, keyward.DefaultTenant, "mobile")
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			found = false
			return nil
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

func ids(clients []registrar.Client) []string {
	var list []string
	for _, c := range clients {
		list = append(list, c.ID)
	}
	return list
}

// An application goes with its keys in every key manager: what was generated is deleted at its server, what was mapped
// stays there, and a server that fails is asked again until it has done it.
func TestDeleteApplicationWithKeys(t *testing.T) {
	ctx := t.Context()
	well, ill := registrar.Start(t), registrar.Start(t)
	r := newRig(t)
	r.subscribe()
	r.keyManager("well", registrarSpec(well), registrarSecrets())
	r.keyManager("ill", registrarSpec(ill), registrarSecrets())
	for _, km := range []string{"well", "ill"} {
		if _, err := r.keys.Generate(ctx, alice(), at(km), keys.Ask{}); err != nil {
			t.Fatal(err)
		}
	}
	well.Add("by-hand", "s")
	sandbox := at("well")
	sandbox.Environment = keyward.Sandbox
	if _, err := r.keys.Map(ctx, alice(), sandbox, "by-hand", "s"); err != nil {
		t.Fatal(err)
	}
	other := keys.Place{Application: "other", KeyManager: "well"}
	neighbour, err := r.keys.Generate(ctx, bob(), other, keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	generated := []string{ill.Clients()[0].ID, well.Clients()[1].ID}
	for _, id := range append(generated, "by-hand") {
		if !r.onGateways(id) {
			t.Fatalf("no gateway knows %s", id)
		}
	}

	_, err = r.keys.DeleteApplication(ctx, bob(), "default", "mobile", any1)
	wantCode(t, err, keyward.CodeForbidden)
	ill.Order(contract.Trouble{Method: http.MethodDelete, Part: "/reg/", Status: 503, Body: `{"error":"maintenance"}`})
	gone, err := r.keys.DeleteApplication(ctx, alice(), "default", "mobile", any1)
	if err != nil || gone {
		t.Fatalf("gone %t, error %v", gone, err)
	}
	for _, id := range append(generated, "by-hand") {
		if r.onGateways(id) {
			t.Errorf("gateways take %s", id)
		}
	}
	if one := r.one(keyward.ClientDeleting); one.KeyManager != "ill" || !strings.Contains(one.Status.Reason, "maintenance") {
		t.Errorf("%+v", one)
	}
	if got := ids(well.Clients()); !slices.Equal(got, []string{"by-hand", neighbour.ClientID}) {
		t.Errorf("at the server that is well: %v", got)
	}
	for _, km := range []string{"well", "ill"} {
		_, err := r.keys.Generate(ctx, alice(), at(km), keys.Ask{})
		wantCode(t, err, keyward.CodeConflict, "being deleted")
	}
	_, err = r.keys.Map(ctx, admin(), at("well"), "by-hand", "s")
	wantCode(t, err, keyward.CodeConflict, "being deleted")
	if err := r.start().Sweep(ctx); err == nil || !r.exists() {
		t.Errorf("the application went before its client: %v", err)
	}
	ill.Mend()
	sweep(t, r.start())
	if r.exists() || len(ill.Clients()) != 0 || !slices.Contains(ids(well.Clients()), neighbour.ClientID) {
		t.Errorf("left: application %t, clients %v", r.exists(), ill.Clients())
	}
	_, err = r.keys.DeleteApplication(ctx, alice(), "default", "mobile", any1)
	wantCode(t, err, keyward.CodeNotFound)
}

// What nobody knows the end of stays listed, and the application with it, until somebody has looked.
func TestDeleteApplicationWaitsForThePersonWhoLooks(t *testing.T) {
	ctx := t.Context()
	s := registrar.Start(t)
	r := newRig(t)
	r.keyManager("corp", registrarSpec(s), registrarSecrets())
	s.Order(contract.Trouble{Method: http.MethodPost, Part: "/reg", Half: true, Times: 1})
	_, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{})
	wantCode(t, err, keyward.CodeOutcomeUnknown)
	if gone, err := r.keys.DeleteApplication(ctx, alice(), "default", "mobile", any1); gone || err != nil {
		t.Fatalf("gone %t, error %v", gone, err)
	}
	if one := r.one(keyward.ClientFailed); !one.Status.Orphan {
		t.Errorf("%+v", one.Status)
	}
	s.Remove(s.Clients()[0].ID)
	if err := r.keys.Dismiss(ctx, alice(), at("corp")); err != nil {
		t.Fatal(err)
	}
	sweep(t, r.keys)
	if r.exists() {
		t.Error("the application is still there")
	}
}

// A registration that is under way when its application is deleted ends deleted, at the server too.
func TestDeleteApplicationDuringARegistration(t *testing.T) {
	ctx := t.Context()
	s := registrar.Start(t)
	r := newRig(t)
	r.keyManager("corp", registrarSpec(s), registrarSecrets())
	hook := &hook{before: map[string]func(){"POST /reg": func() {
		if gone, err := r.keys.DeleteApplication(ctx, alice(), "default", "mobile", any1); gone || err != nil {
			t.Errorf("gone %t, error %v", gone, err)
		}
	}}}
	r.keys = r.startWith(hook)
	_, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{})
	wantCode(t, err, keyward.CodeConflict, "being deleted")
	sweep(t, r.start())
	if r.exists() || len(s.Clients()) != 0 {
		t.Errorf("left: application %t, clients %v", r.exists(), s.Clients())
	}
}

// Only administrators delete what is held, or take away what others decided about.
func TestDeleteApplicationThatIsHeld(t *testing.T) {
	ctx := t.Context()
	r := newRig(t)
	r.subscribe()
	err := r.store.Write(ctx, "test", func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindSubscription, keyward.DefaultTenant, "mobile-orders")
		if err != nil {
			return err
		}
		_, err = tx.Hold(o, &keyward.Hold{Reason: "look into it", Since: r.now()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.keys.DeleteApplication(ctx, alice(), "default", "mobile", any1)
	wantCode(t, err, keyward.CodeHeld, "mobile-orders")
	if gone, err := r.keys.DeleteApplication(ctx, admin(), "default", "mobile", any1); !gone || err != nil {
		t.Errorf("gone %t, error %v", gone, err)
	}
}
