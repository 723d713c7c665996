package keys_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/registrar"
)

// A server that answers a registration with a client that was there before has made none: what was there is another's, which
// is neither deleted nor given away, and whose it is would tell of other people's applications.
func TestAServerThatAnswersWithAnotherClient(t *testing.T) {
	s := registrar.Start(t)
	s.Add("mapped", "secret")
	s.Add("gateway", "secret")
	r := newRig(t)
	secrets := registrarSecrets()
	secrets["introspection.clientSecret"] = "secret"
	asked := `,"endpoints":{"introspection":"` + s.URL + `/introspect"},` +
		`"introspection":{"clientId":"gateway","clientSecret":{"stored":true}}`
	r.keyManager("corp", oidcSpec(s.URL+"/.well-known/openid-configuration", asked), secrets)
	others := at("corp")
	others.Application = "other"
	if _, err := r.keys.Map(t.Context(), admin(), others, "mapped", ""); err != nil {
		t.Fatal(err)
	}
	s.Add("elsewhere", "secret")
	r.change("corp", func(s *keyward.KeyManagerSpec) { s.Global = true })
	r.edit(keyward.KindTenant, "acme", &keyward.TenantSpec{})
	err := r.store.Write(t.Context(), "test", func(tx *store.Tx) error {
		return tx.Put(&keyward.Object{
			Kind: keyward.KindApplication, Tenant: "acme", Name: "theirs", Spec: &keyward.ApplicationSpec{Owner: "zoe"},
		}, store.Extra{})
	})
	if err != nil {
		t.Fatal(err)
	}
	theirs := keys.Place{Tenant: "acme", Application: "theirs", KeyManager: "corp"}
	if _, err := r.keys.Map(t.Context(), admin(), theirs, "elsewhere", ""); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"mapped", "gateway", "elsewhere"} {
		s.Repeat(id)
		_, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
		wantCode(t, err, keyward.CodeKeyManagerFailed, "the id of a client that was there before")
		if strings.Contains(fmt.Sprint(err), "OAuthClient") {
			t.Errorf("told whose it is: %v", err)
		}
		if failed := r.one(keyward.ClientFailed); failed.Status.Orphan {
			t.Errorf("%s waits to be deleted: %+v", id, failed.Status)
		}
	}
	list := ids(s.Clients())
	if diff := cmp.Diff([]string{"elsewhere", "gateway", "mapped"}, list); diff != "" {
		t.Errorf("the server's clients (-want +got):\n%s", diff)
	}

	s.Repeat("")
	if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
		t.Errorf("a server that makes one: %v", err)
	}
}

// Nor does it go with an application that is deleted while the server answers.
func TestAnAnswerWithAnotherClientForAnApplicationThatGoes(t *testing.T) {
	ctx := t.Context()
	s := registrar.Start(t)
	s.Add("mapped", "secret")
	r := newRig(t)
	r.keyManager("corp", registrarSpec(s), registrarSecrets())
	others := keys.Place{Application: "other", KeyManager: "corp"}
	if _, err := r.keys.Map(ctx, admin(), others, "mapped", ""); err != nil {
		t.Fatal(err)
	}
	r.keys = r.startWith(&hook{before: map[string]func(){"POST /reg": func() {
		if gone, err := r.keys.DeleteApplication(ctx, alice(), "default", "mobile", any1); gone || err != nil {
			t.Errorf("gone %t, error %v", gone, err)
		}
	}}})
	s.Repeat("mapped")
	_, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{})
	wantCode(t, err, keyward.CodeKeyManagerFailed)
	sweep(t, r.start())
	if list := ids(s.Clients()); r.exists() || len(list) != 1 {
		t.Errorf("left: application %t, clients %v", r.exists(), list)
	}
}

// What an interrupted registration left at the server is another application's once it has been mapped: the sweep neither takes it
// over nor deletes it, whether it comes upon it at once or later.
func TestWhatIsLeftAndMappedIsAnothers(t *testing.T) {
	kc := shared.Realm(t, "left-and-mapped")
	for _, late := range []bool{false, true} {
		r := newRig(t)
		r.keyManager("corp", adminSpec(kc, kc.Server.URL), adminSecrets())
		status, k := r.left(), r.start()
		if late {
			sweep(t, k) // nothing is there yet
		}
		if err := kc.AddClient(t.Context(), status.VendorName, "secret"); err != nil {
			t.Fatal(err)
		}
		others := keys.Place{Application: "other", KeyManager: "corp"}
		if _, err := k.Map(t.Context(), admin(), others, status.VendorName, ""); err != nil {
			t.Fatal(err)
		}
		r.later(time.Hour)
		sweep(t, k)
		if one := r.one(keyward.ClientFailed); one.Status.Orphan {
			t.Errorf("late %t: %+v", late, one.Status)
		}
		if !has(t, kc, status.VendorName) {
			t.Errorf("late %t: it was deleted under another application's feet", late)
		}
	}
}
