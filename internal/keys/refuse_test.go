package keys_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
)

func oidcSpec(discovery, more string) string {
	return `{"type":"oidc","discovery":"` + discovery + `","connection":{"initialAccessToken":{"stored":true}}` + more + `}`
}

func initialToken() map[string]string {
	return map[string]string{"connection.initialAccessToken": oidcprovider.InitialAccessToken}
}

func TestGenerateRefusals(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	for _, c := range []struct {
		name   string
		more   string // of the key manager's spec
		who    keyward.Principal
		edit   func(*keys.Place, *keys.Ask)
		code   keyward.Code
		fields []string
	}{
		{name: "nothing named", edit: func(p *keys.Place, _ *keys.Ask) { p.Application, p.KeyManager = "", "" },
			code: keyward.CodeInvalidInput, fields: []string{"application", "keyManager"}},
		{name: "environment unknown", edit: func(p *keys.Place, _ *keys.Ask) { p.Environment = "staging" },
			code: keyward.CodeInvalidInput, fields: []string{"environment"}},
		{name: "environment not the key manager's", more: `,"environments":["sandbox"]`,
			code: keyward.CodeInvalidInput, fields: []string{"environment"}},
		{name: "no such application", edit: func(p *keys.Place, _ *keys.Ask) { p.Application = "none" }, code: keyward.CodeNotFound},
		{name: "no such key manager", edit: func(p *keys.Place, _ *keys.Ask) { p.KeyManager = "none" }, code: keyward.CodeNotFound},
		{name: "not an owner", who: bob(), code: keyward.CodeForbidden},
		{name: "owner without the role", who: principal("alice", keyward.RoleAuditor), code: keyward.CodeForbidden},
		{name: "owner of that name in another tenant", who: keyward.Principal{User: "alice", Tenant: "acme",
			Roles: []keyward.Role{keyward.RoleAdmin, keyward.RoleDeveloper}}, code: keyward.CodeForbidden},
		{name: "disabled", more: `,"enabled":false`, code: keyward.CodeKeyManagerDisabled},
		{name: "creation off", more: `,"clients":{"create":false}`, code: keyward.CodeCreationDisabled},
		{name: "grant not declared", more: `,"clients":{"grantTypes":["authorization_code"]}`,
			code: keyward.CodeInvalidInput, fields: []string{"grants[0]"}},
		{name: "grant not discovered", edit: func(_ *keys.Place, a *keys.Ask) { a.Grants = []string{"client_credentials", "password"} },
			code: keyward.CodeInvalidInput, fields: []string{"grants[1]"}},
		{name: "a grant twice", edit: func(_ *keys.Place, a *keys.Ask) {
			a.Grants = []string{"client_credentials", "client_credentials"}
		}, code: keyward.CodeInvalidInput, fields: []string{"grants[1]"}},
		{name: "redirect without callback", edit: func(_ *keys.Place, a *keys.Ask) { a.Grants = []string{"authorization_code"} },
			code: keyward.CodeCallbackRequired, fields: []string{"callbacks"}},
		{name: "callback that is none", edit: func(_ *keys.Place, a *keys.Ask) {
			a.Grants, a.Callbacks = []string{"authorization_code"}, []string{"/cb", "https://a.example/cb#x", "JavaScript:alert(1)"}
		}, code: keyward.CodeInvalidInput, fields: []string{"callbacks[0]", "callbacks[1]", "callbacks[2]"}},
		{name: "unknown and wrong fields", edit: func(_ *keys.Place, a *keys.Ask) {
			a.Fields = map[string]any{"authorization_code": "yes", "application_type": "desktop"}
		}, code: keyward.CodeInvalidInput, fields: []string{"fields.application_type", "fields.authorization_code"}},
		{name: "scope that is none", edit: func(_ *keys.Place, a *keys.Ask) { a.Scopes = []string{"read", "a b"} },
			code: keyward.CodeInvalidInput, fields: []string{"scopes[1]"}},
		{name: "the server refuses", edit: func(_ *keys.Place, a *keys.Ask) { a.Scopes = []string{"no:such"} },
			code: keyward.CodeKeyManagerFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.keyManager("corp", oidcSpec(op.Issuer, c.more), initialToken())
			place, ask, who := at("corp"), keys.Ask{}, alice()
			if c.edit != nil {
				c.edit(&place, &ask)
			}
			if c.who.User != "" {
				who = c.who
			}
			_, err := r.keys.Generate(t.Context(), who, place, ask)
			wantCode(t, err, c.code)
			if diff := cmp.Diff(c.fields, fieldPaths(err)); diff != "" {
				t.Errorf("fields (-want +got):\n%s\n%v", diff, err)
			}
			// What was refused stands in nobody's way.
			r.change("corp", func(s *keyward.KeyManagerSpec) {
				s.Enabled, s.Clients, s.Environments = nil, keyward.ClientRules{}, nil
			})
			if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
				t.Errorf("the next try: %v", err)
			}
		})
	}
}

// A field whose name speaks of a grant is no grant: the list decides.
func TestCallbackIsJudgedByTheGrantListAlone(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, ""), initialToken())
	ask := keys.Ask{Fields: map[string]any{"client_uri": "https://app.example/authorization_code/implicit"}}
	if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), ask); err != nil {
		t.Error(err)
	}
	place := at("corp")
	place.Environment = keyward.Sandbox
	ask = keys.Ask{Grants: []string{"authorization_code"}, Callbacks: []string{"https://app.example/cb"}}
	if _, err := r.keys.Generate(t.Context(), alice(), place, ask); err != nil {
		t.Errorf("with its callback: %v", err)
	}
}

func TestFailedTryTellsTheServersWordsAndBlocksNothing(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, ""), map[string]string{"connection.initialAccessToken": "used-up-token"})
	_, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "corp", "401", "invalid_token")
	if strings.Contains(err.Error(), "used-up-token") {
		t.Errorf("the credential is in the error: %v", err)
	}
	failed := r.one(keyward.ClientFailed)
	if failed.Status.Orphan || !strings.Contains(failed.Status.Reason, "invalid_token") || failed.Status.Requester != "alice" {
		t.Errorf("status %+v", failed.Status)
	}
	err = r.store.Write(t.Context(), "test", func(tx *storeTx) error {
		o, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, "corp")
		if err != nil {
			return err
		}
		return tx.Put(o, extra(initialToken()))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
		t.Fatal(err)
	}
	if ok := r.one(keyward.ClientActive); ok.Status.VendorName == failed.Status.VendorName {
		t.Error("the next try has the name of the first")
	}
}

func TestMapRefusals(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	id, secret, err := op.Register(t.Context(), "by hand")
	if err != nil {
		t.Fatal(err)
	}
	spec := `,"introspection":{"clientId":"introspector","clientSecret":{"stored":true}}`
	secrets := initialToken()
	secrets["introspection.clientSecret"] = "x"
	for _, c := range []struct {
		name   string
		more   string
		who    keyward.Principal
		id     string
		secret string
		code   keyward.Code // "" = mapped
	}{
		{"developer with the secret", "", alice(), id, secret, ""},
		{"administrator's word", "", admin(), "whatever", "", ""},
		{"administrator with a secret", "", admin(), id, secret, ""},
		{"developer with a wrong one", "", alice(), id, "wrong", keyward.CodeInvalidInput},
		{"prefix of an id", "", alice(), id[:len(id)-1], secret, keyward.CodeInvalidInput},
		{"administrator with a wrong one", "", admin(), id, "wrong", keyward.CodeInvalidInput},
		{"not an owner", "", bob(), id, secret, keyward.CodeForbidden},
		{"the gateway's own", "", admin(), "introspector", "", keyward.CodeInvalidInput},
		{"no id", "", admin(), "", "", keyward.CodeInvalidInput},
		{"mapping off", `,"clients":{"map":false}`, admin(), id, "", keyward.CodeMappingDisabled},
		{"disabled", `,"enabled":false`, alice(), id, secret, keyward.CodeKeyManagerDisabled},
		{"environment", `,"environments":["sandbox"]`, alice(), id, secret, keyward.CodeInvalidInput},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.subscribe()
			r.keyManager("corp", oidcSpec(op.Issuer, spec+c.more), secrets)
			got, err := r.keys.Map(t.Context(), c.who, at("corp"), c.id, c.secret)
			if c.code != "" {
				wantCode(t, err, c.code)
				if len(r.list()) != 0 || r.onGateways(c.id) {
					t.Error("what was refused is there")
				}
				return
			}
			if err != nil || got.ClientID != c.id || got.ClientSecret != "" || got.TokenEndpoint != op.Issuer+"/token" {
				t.Fatalf("%v, error %v", got, err)
			}
			if one := r.one(keyward.ClientActive); one.Status.Mode != keyward.ClientMapped || !r.onGateways(c.id) {
				t.Errorf("%+v", one)
			}
			if !slices.Equal(r.audited(), []string{"key.mapped"}) {
				t.Errorf("audit: %v", r.audited())
			}
		})
	}
}

// A second spelling of a client's id is refused while the first has an application: to servers that do not mind case it is
// the same client, and what was revoked here would live on under it.
func TestMapWantsOneSpellingOfAnID(t *testing.T) {
	r := newRig(t)
	r.keyManager("corp", `{"type":"external","issuer":"https://ext.example","keys":{"jwks":"https://ext.example/k"}}`, nil)
	ctx := t.Context()
	if _, err := r.keys.Map(ctx, admin(), at("corp"), "Legacy", ""); err != nil {
		t.Fatal(err)
	}
	other := at("corp")
	other.Application = "other"
	if _, err := r.keys.Revoke(ctx, admin(), at("corp")); err != nil {
		t.Fatal(err)
	}
	_, err := r.keys.Map(ctx, admin(), other, "LEGACY", "")
	wantCode(t, err, keyward.CodeConflict, "in case alone")
	if _, err := r.keys.Map(ctx, admin(), other, "Legacy2", ""); err != nil {
		t.Errorf("another id: %v", err)
	}
}

// A developer could otherwise guess the secrets of other people's clients through Keyward.
func TestSecretsAreNotGuessedThroughMap(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
	}))
	t.Cleanup(srv.Close)
	r := newRig(t)
	for _, name := range []string{"corp", "other"} {
		r.keyManager(name, `{"type":"external","issuer":"`+name+`","keys":{"jwks":"https://as.example/k"},
			"endpoints":{"token":"`+srv.URL+`"}}`, nil)
	}
	guess := func(p keyward.Principal, keyManager string) error {
		place := at(keyManager)
		if p.User == "bob" {
			place.Application = "other"
		}
		_, err := r.keys.Map(t.Context(), p, place, "abc", "guess")
		return err
	}
	tries := 0
	for ; tries < 100; tries++ {
		if err := guess(alice(), "corp"); keyward.CodeOf(err) != keyward.CodeInvalidInput {
			wantCode(t, err, keyward.CodeTooManyRequests, "KeyManager corp")
			var e *keyward.Error
			if errors.As(err, &e); e.RetryAfter <= 0 {
				t.Errorf("when to try again is not told: %+v", e)
			}
			break
		}
	}
	before := asked
	if wantCode(t, guess(alice(), "corp"), keyward.CodeTooManyRequests); tries != 10 || asked != before {
		t.Errorf("after %d tries; the server was asked again: %v", tries, asked != before)
	}
	wantCode(t, guess(alice(), "other"), keyward.CodeInvalidInput)
	wantCode(t, guess(bob(), "corp"), keyward.CodeInvalidInput)
	r.later(7 * time.Second)
	wantCode(t, guess(alice(), "corp"), keyward.CodeInvalidInput)
	wantCode(t, guess(alice(), "corp"), keyward.CodeTooManyRequests)
	// An administrator's word needs no secret, and so is never too much.
	if _, err := r.keys.Map(t.Context(), admin(), at("corp"), "abc", ""); err != nil {
		t.Error(err)
	}
}

// The secret was proved at the one key manager; what stands in its place meanwhile may be anybody's.
func TestMapSeesThatTheKeyManagerWasReplaced(t *testing.T) {
	r := newRig(t)
	var replace func()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		replace()
		_, _ = io.WriteString(w, `{"access_token":"t","token_type":"Bearer"}`)
	}))
	t.Cleanup(srv.Close)
	spec := `{"type":"external","issuer":"x","keys":{"jwks":"https://as.example/k"},"endpoints":{"token":"` + srv.URL + `"}}`
	r.keyManager("corp", spec, nil)
	replace = func() {
		err := r.store.Write(context.Background(), "test", func(tx *store.Tx) error {
			old, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, "corp")
			if err != nil {
				return err
			}
			if err := tx.Delete(old); err != nil {
				return err
			}
			fresh := &keyward.Object{Kind: old.Kind, Tenant: old.Tenant, Name: old.Name, Spec: old.Spec, Status: old.Status}
			return tx.Put(fresh, store.Extra{})
		})
		if err != nil {
			t.Error(err)
		}
	}
	_, err := r.keys.Map(t.Context(), alice(), at("corp"), "abc", "secret")
	wantCode(t, err, keyward.CodeConflict, "replaced meanwhile")
	if len(r.list()) != 0 {
		t.Error("what was refused is there")
	}
	replace = func() {} // the positive control
	if _, err := r.keys.Map(t.Context(), alice(), at("corp"), "abc", "secret"); err != nil {
		t.Error(err)
	}
}

func TestMapTakesAClientAndAPlaceOnce(t *testing.T) {
	r := newRig(t)
	r.keyManager("ext", `{"type":"external","issuer":"x","keys":{"jwks":"https://as.example/k"}}`, nil)
	if _, err := r.keys.Map(t.Context(), admin(), at("ext"), "abc", ""); err != nil {
		t.Fatal(err)
	}
	elsewhere := at("ext")
	elsewhere.Application = "other"
	_, err := r.keys.Map(t.Context(), admin(), elsewhere, "abc", "")
	wantCode(t, err, keyward.CodeConflict)
	if strings.Contains(err.Error(), "mobile") {
		t.Errorf("the refusal names another application: %v", err)
	}
	_, err = r.keys.Map(t.Context(), admin(), at("ext"), "def", "")
	wantCode(t, err, keyward.CodeKeysExist, "abc")
	if _, err = r.keys.Map(t.Context(), admin(), elsewhere, "def", ""); err != nil {
		t.Errorf("another client at another place: %v", err)
	}
	_, err = r.keys.Map(t.Context(), alice(), at("ext"), "ghi", "secret")
	wantCode(t, err, keyward.CodeKeysExist)
	_, err = r.keys.Generate(t.Context(), alice(), at("ext"), keys.Ask{})
	wantCode(t, err, keyward.CodeCreationDisabled)
	_, err = r.keys.Rotate(t.Context(), alice(), at("ext"), keys.RotateAsk{})
	wantCode(t, err, keyward.CodeRotationUnsupported, "mapped")
	if err := r.keys.Delete(t.Context(), alice(), at("ext")); err != nil {
		t.Fatal(err)
	}
	if len(r.list()) != 0 {
		t.Error("the client is still mapped")
	}
	wantCode(t, r.keys.Delete(t.Context(), alice(), at("ext")), keyward.CodeNotFound)
	_, err = r.keys.Map(t.Context(), alice(), at("ext"), "ghi", "secret")
	wantCode(t, err, keyward.CodeForbidden, "no token endpoint")
}

// TestConstraintsHoldForWhatIsGenerated: every field that breaks a rule is named in one answer with what is allowed, and
// what the server does not take over is said.
func TestConstraintsHoldForWhatIsGenerated(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, `,"clients":{"constraints":{"access_token_lifetime":{"max":3600},
		"client_uri":{"regex":"https://.*"},"callbacks":{"regex":"https://.*"}}}`), initialToken())
	ask := keys.Ask{
		Grants: []string{"authorization_code"}, Callbacks: []string{"http://127.0.0.1/cb"},
		Fields: map[string]any{"access_token_lifetime": "7200", "client_uri": "http://a.example", "speed": "1"},
	}
	_, err := r.keys.Generate(t.Context(), alice(), at("corp"), ask)
	wantCode(t, err, keyward.CodeInvalidInput, "at most 3600")
	want := []string{"callbacks[0]", "fields.access_token_lifetime", "fields.client_uri", "fields.speed"}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(fieldPaths(err)))); diff != "" {
		t.Errorf("fields (-want +got):\n%s\n%v", diff, err)
	}
	_, err = r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{Fields: map[string]any{"client_uri": "https://a.example/"}})
	wantCode(t, err, keyward.CodeInvalidInput, "fields.access_token_lifetime: is required: KeyManager corp allows at most 3600")
	if len(r.list()) != 0 {
		t.Error("what was refused left something")
	}
	made, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{
		Fields: map[string]any{"access_token_lifetime": "3600", "client_uri": "https://a.example/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(made.LackingFields, []string{"access_token_lifetime"}) {
		t.Errorf("not confirmed: %v", made.LackingFields)
	}
	if got := r.one(keyward.ClientActive).Status.LackingFields; !slices.Equal(got, made.LackingFields) {
		t.Errorf("the listing says %v", got)
	}
}
