package keys_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/store"
)

// declared is a key manager of which nothing has to be discovered, so that no server is asked.
func declared(kind, name, more string) string {
	at := "https://" + name + ".example"
	return fmt.Sprintf(`{"type":%q,"issuer":%q,"keys":{"jwks":%q}%s}`, kind, at, at+"/jwks", more)
}

// TestOptions: where an application may have keys, which of its APIs take them, and why not elsewhere.
func TestOptions(t *testing.T) {
	r := newRig(t)
	endpoints := func(name string) string {
		return fmt.Sprintf(`,"endpoints":{"token":"https://%s.example/t","registration":"https://%s.example/r"}`, name, name)
	}
	r.keyManager("able", declared("oidc", "able", endpoints("able")), nil)
	r.keyManager("asks", declared("oidc", "asks", endpoints("asks")+`,"environments":["production"],"clients":{"approval":"manual"}`), nil)
	r.keyManager("tokens-only", declared("external", "tokens-only", `,"environments":["production"],"displayName":"Partner"`), nil)
	r.keyManager("closed", declared("oidc", "closed", endpoints("closed")+`,"permissions":{"allow":["partners"]}`), nil)
	r.keyManager("off", declared("oidc", "off", endpoints("off")+`,"environments":["sandbox"],"enabled":false`), nil)
	r.subscribe() // an API for production that takes all

	read := func(p keyward.Principal) []keys.Option {
		t.Helper()
		options, _, err := r.keys.Options(t.Context(), p, "", "mobile", listing.Choice{})
		if err != nil {
			t.Fatal(err)
		}
		return options
	}
	rows := func(p keyward.Principal) []string {
		t.Helper()
		var out []string
		for _, row := range listing.Table(read(p))[1:] {
			out = append(out, strings.Join(row, "|"))
		}
		return out
	}
	none := "no: a key manager of type external creates no clients: map one that exists"
	want := []string{
		"able|production|oidc|orders||yes|yes|no",
		"asks|production|oidc|orders||after an approval|yes|no",
		"tokens-only|production|external|orders||" + none + "|yes|no",
		"able|sandbox|oidc|||yes|yes|no",
		"off|sandbox|oidc|||no: KeyManager off is disabled|no|no",
	}
	if diff := cmp.Diff(want, rows(alice())); diff != "" {
		t.Errorf("a developer (-want +got):\n%s", diff)
	}
	all := rows(admin())
	if len(all) != len(want)+2 || !slices.Contains(all, "closed|production|oidc|orders||yes|yes|no") ||
		!slices.Contains(all, "asks|production|oidc|orders||yes|yes|no") {
		t.Errorf("an administrator: %q", all)
	}
	_, _, err := r.keys.Options(t.Context(), bob(), "", "mobile", listing.Choice{})
	wantCode(t, err, keyward.CodeForbidden)

	r.change("tokens-only", func(s *keyward.KeyManagerSpec) { s.Tokens.Use = keyward.UseExchange })
	if _, err := r.keys.Map(t.Context(), admin(), at("able"), "abc", ""); err != nil {
		t.Fatal(err)
	}
	chosenOptions(t, r)
	hold(r, "asks")
	want[0] = "able|production|oidc|orders|abc active|no|no|no"
	want[1] = "asks|production|oidc|orders||no: KeyManager asks is held: there are no new keys until the hold is lifted|no|no"
	got := rows(alice())
	if diff := cmp.Diff(want[:2], got[:2]); diff != "" {
		t.Errorf("taken and held (-want +got):\n%s", diff)
	}
	for _, o := range read(alice()) {
		if o.KeyManager == "tokens-only" && (len(o.APIs) > 0 || o.Generate || o.Map || !strings.Contains(o.Why, "exchange only")) {
			t.Errorf("for exchange only: %+v", o)
		}
	}
}

// chosenOptions: of very many places only those that are wanted come, page by page, the one with a client first.
func chosenOptions(t *testing.T, r *rig) {
	t.Helper()
	for _, c := range []struct {
		which listing.Choice
		want  []string // and "…" where more follow
	}{
		{listing.Choice{Limit: 2}, []string{"able.production", "asks.production", "…"}},
		{listing.Choice{Limit: 2, After: "asks.production"}, []string{"able.sandbox", "off.sandbox", "…"}},
		{listing.Choice{Limit: 2, After: "off.sandbox"}, []string{"tokens-only.production"}},
		{listing.Choice{Environment: "sandbox", Limit: 2}, []string{"able.sandbox", "off.sandbox"}},
		{listing.Choice{KeyManager: "able"}, []string{"able.production", "able.sandbox"}},
		{listing.Choice{Search: "PARTNER"}, []string{"tokens-only.production"}},
		{listing.Choice{Search: "closed"}, nil},
	} {
		options, next, err := r.keys.Options(t.Context(), alice(), "", "mobile", c.which)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range options {
			got = append(got, o.KeyManager+"."+string(o.Environment))
		}
		if next != "" {
			got = append(got, "…")
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.which, diff)
		}
	}
	_, _, err := r.keys.Options(t.Context(), alice(), "", "mobile", listing.Choice{After: "closed.production"})
	wantCode(t, err, keyward.CodeInvalidInput)
}

// hold puts a key manager out of use.
func hold(r *rig, name string) {
	r.t.Helper()
	err := r.store.Write(r.t.Context(), "test", func(tx *store.Tx) error {
		km, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, name)
		if err != nil {
			return err
		}
		_, err = tx.Hold(km, &keyward.Hold{Reason: "x", By: "root", Since: time.Now()})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestChosenKeys: of very many keys only those come that are wanted, as many as are wanted, and more are told of only where they
// follow: what an API takes, what tokens are got with, and what somebody looks for by the key manager's name.
func TestChosenKeys(t *testing.T) {
	r := newRig(t)
	both := []string{"able", "broad", "calm", "deep"}
	for _, name := range append(both, "elsewhere") {
		r.keyManager(name, declared("external", name, fmt.Sprintf(`,"displayName":"Realm %s"`, strings.ToUpper(name))), nil)
	}
	r.subscribe() // an API for production that takes all
	r.put(&keyward.Object{Kind: keyward.KindAPI, Name: "some", Spec: &keyward.APISpec{
		Context: "/some", Version: "v1", Upstream: keyward.Upstream{Production: "http://127.0.0.1:9", Sandbox: "http://127.0.0.1:9"},
		KeyManagers: keyward.KeyManagerSet{List: []keyward.KeyManagerUse{{Name: "able"}, {Name: "calm"}, {Name: "deep"}}},
		Visibility:  []string{"payments"},
	}}, store.Extra{Row: encode(t, keyward.APIRow{Context: "/some", Version: "v1"})})
	for _, name := range append(both, "elsewhere") {
		for _, env := range []keyward.Environment{keyward.Production, keyward.Sandbox} {
			place := at(name)
			place.Environment = env
			if _, err := r.keys.Map(t.Context(), admin(), place, name+string(env), ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	revoked := at("calm")
	if _, err := r.keys.Revoke(t.Context(), admin(), revoked); err != nil {
		t.Fatal(err)
	}
	member := alice()
	member.Groups = []string{"payments"}
	for _, c := range []struct {
		who   keyward.Principal
		which listing.Choice
		want  string // and "…" where more follow
	}{
		{member, listing.Choice{API: "some", Environment: "sandbox"}, "able calm deep"},
		{member, listing.Choice{API: "some", Environment: "production"}, "able calm deep"},
		{member, listing.Choice{API: "some", Environment: "production", Usable: true}, "able deep"},
		{member, listing.Choice{API: "some", Environment: "production", Usable: true, Limit: 1}, "able …"},
		{member, listing.Choice{API: "some", Environment: "production", Usable: true, Limit: 2}, "able deep"},
		{member, listing.Choice{API: "some", Environment: "production", Search: "REALM d"}, "deep"},
		{member, listing.Choice{API: "some", KeyManager: "elsewhere"}, ""},
		{alice(), listing.Choice{API: "some"}, ""},
		{member, listing.Choice{API: "nothing"}, ""},
		{member, listing.Choice{API: "orders", Environment: "sandbox"}, ""},
		{member, listing.Choice{API: "orders", Environment: "production", Limit: 5}, "able broad calm deep elsewhere"},
		{member, listing.Choice{Usable: true, Environment: "production", Limit: 3}, "able broad deep …"},
	} {
		listed, next, err := r.keys.List(t.Context(), c.who, "", "mobile", c.which)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, k := range listed {
			got = append(got, k.KeyManager)
		}
		if next != "" {
			got = append(got, "…")
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s, %+v: %q, want %q", c.who.User, c.which, got, c.want)
		}
	}
	which := listing.Choice{API: "some", Environment: "production", Usable: true, Limit: 1}
	_, which.After, _ = r.keys.List(t.Context(), member, "", "mobile", which)
	if rest, next, err := r.keys.List(t.Context(), member, "", "mobile", which); err != nil || next != "" || len(rest) != 1 ||
		rest[0].KeyManager != "deep" {
		t.Errorf("the second page: %+v, %q, %v", rest, next, err)
	}
}
