package declare_test

import (
	"context"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/testbed/plane"
)

func TestRulesBetweenObjects(t *testing.T) {
	api := func(name, extra string) string {
		return plane.Manifest(keyward.KindAPI, name, `{"upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":["corp"],
			"operations":[{"method":"GET","path":"/a"}],`+extra+`}`)
	}
	external := func(name, issuer, claims string) string {
		return plane.Manifest(keyward.KindKeyManager, name, `{"type":"external","issuer":"`+issuer+`",
			"keys":{"jwks":"https://keys.example/"},"tokens":{"match":[`+claims+`]}}`)
	}
	tests := map[string]struct {
		code  keyward.Code
		path  string
		texts []string
		first []string
	}{
		"no such key manager in an entry with more": {keyward.CodeInvalidInput, "spec.keyManagers[0].name", []string{
			strings.Replace(api("x", `"context":"/x","version":"v1"`), `"corp"`, `{"name":"nobody","audiences":["a"]}`, 1)}, nil},
		"no such key manager": {keyward.CodeInvalidInput, "spec.keyManagers[0]", []string{
			strings.Replace(api("x", `"context":"/x","version":"v1"`), "corp", "nobody", 1)}, nil},
		"no such plan": {keyward.CodeInvalidInput, "spec.plans[0]",
			[]string{api("x", `"context":"/x","version":"v1","plans":["lead"]`)}, nil},
		"context taken": {keyward.CodeConflict, "spec.version",
			[]string{api("x", `"context":"/orders","version":"v1"`)}, nil},
		"context collides": {keyward.CodeConflict, "spec.default",
			[]string{api("x", `"context":"/orders/v1","version":"v2","default":true`)}, nil},
		"plan is required": {keyward.CodeInvalidInput, "spec.plan",
			[]string{plane.Manifest(keyward.KindSubscription, "mobile-orders", `{"application":"mobile","api":"orders-v1"}`)}, nil},
		"plan not offered": {keyward.CodeInvalidInput, "spec.plan",
			[]string{plane.Manifest(keyward.KindPlan, "lead", `{}`),
				plane.Manifest(keyward.KindSubscription, "mobile-orders",
					`{"application":"mobile","api":"orders-v1","plan":"lead"}`)}, nil},
		"subscribed twice": {keyward.CodeConflict, "spec.api",
			[]string{plane.Manifest(keyward.KindSubscription, "again",
				`{"application":"mobile","api":"orders-v1","plan":"gold"}`)}, nil},
		"plan is used": {keyward.CodeInUse, "spec.plans",
			[]string{plane.Manifest(keyward.KindAPI, "orders-v1", strings.Replace(plane.OrdersSpec, `["gold"]`, `[]`, 1))}, nil},
		"place taken": {keyward.CodeKeysExist, "spec.environment",
			[]string{plane.Manifest(keyward.KindOAuthClient, "second",
				`{"application":"mobile","keyManager":"corp","clientId":"def"}`)}, nil},
		"own client": {keyward.CodeInvalidInput, "spec.clientId",
			[]string{plane.Manifest(keyward.KindOAuthClient, "mobile-corp",
				`{"application":"mobile","keyManager":"corp","clientId":"Gateway"}`)}, nil},
		"opaque tokens without introspection": {keyward.CodeInvalidInput, "spec.introspection",
			[]string{external("x", "https://x.example", `{"prefix":"opq_"}`)}, nil},
		"type resident": {keyward.CodeInvalidInput, "spec.type",
			[]string{plane.Manifest(keyward.KindKeyManager, "mine", `{"type":"resident"}`)}, nil},
		"resident's issuer": {keyward.CodeInvalidInput, "spec.issuer",
			[]string{plane.Manifest(keyward.KindKeyManager, "resident", `{"type":"resident","issuer":"https://x"}`)}, nil},
		"no such tenant": {keyward.CodeInvalidInput, "metadata.tenant",
			[]string{`{"apiVersion":"keyward.dev/v1","kind":"Plan","metadata":{"name":"p","tenant":"nowhere"},` +
				`"spec":{}}`}, nil},
		"issuer taken": {keyward.CodeConflict, "spec.issuer",
			[]string{external("b", "https://shared.example", `{"claims":{"tid":"b"}}`)}, []string{external("a",
				"https://shared.example", ``)}},
		"claims overlap": {keyward.CodeConflict, "spec.issuer",
			[]string{external("b", "https://shared.example", `{"claims":{"org":"b"}}`)}, []string{external("a",
				"https://shared.example", `{"claims":{"tid":"a"}}`)}},
		"claims taken away": {keyward.CodeConflict, "spec.issuer", []string{external("a", "https://shared.example", ``)},
			[]string{
				external("a", "https://shared.example", `{"claims":{"tid":"a"}}`), external("b", "https://shared.example",
					`{"claims":{"tid":"b"}}`)}},
		"discovered issuer taken": {keyward.CodeConflict, "spec.issuer", []string{external("a", "SERVER/corp", ``)}, nil},
		"environment in use": {keyward.CodeInUse, "spec.environments",
			[]string{plane.Manifest(keyward.KindKeyManager, "corp",
				strings.Replace(plane.CorpSpec, `"type"`, `"environments":["sandbox"],"type"`, 1))}, nil},
		"mapping disabled": {keyward.CodeMappingDisabled, "spec.keyManager",
			[]string{plane.Manifest(keyward.KindOAuthClient, "web", `{"application":"mobile","keyManager":"ext","clientId":"x"}`)},
			[]string{plane.Manifest(keyward.KindKeyManager, "ext",
				`{"type":"external","issuer":"https://e.example","keys":{"jwks":"https://keys.example/"},`+
					`"clients":{"map":false}}`)}},
		"openapi fault": {keyward.CodeInvalidInput, "spec.openapi.document", []string{
			plane.Manifest(keyward.KindAPI, "x", `{"context":"/x","version":"v1",`+
				`"upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":"all",`+
				`"openapi":{"document":"swagger: 2"}}`)}, nil},
	}
	shared := plane.New(t) // what is refused changes nothing
	shared.MustApply(plane.Usual()...)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := shared
			if test.first != nil {
				h = plane.New(t)
				h.MustApply(plane.Usual()...)
				h.MustApply(test.first...)
			}
			e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(test.texts...)}, test.code)
			if !strings.Contains(e.Paths, test.path) {
				t.Errorf("faults at %s, want %s", e.Paths, test.path)
			}
		})
	}
}

func TestKeyManagersThatClaimsTellApartShareAnIssuer(t *testing.T) {
	h := plane.New(t)
	spec := `{"type":"external","issuer":"https://shared.example","keys":{"jwks":"https://keys.example/"},` +
		`"tokens":{"match":[{"claims":{"tid":"NAME"}}]}}`
	got := h.MustApply(plane.Manifest(keyward.KindKeyManager, "a", strings.Replace(spec, "NAME", "a", 1)),
		plane.Manifest(keyward.KindKeyManager, "b", strings.Replace(spec, "NAME", "b", 1)))
	if got["KeyManager b"] != declare.Created {
		t.Errorf("got %v", got)
	}
}

func TestAStoredSecretStaysWithItsAddress(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	stored := `{"type":"oidc","discovery":"SERVER/corp","displayName":"Corp","connection":{"initialAccessToken":{"stored":true}},
		"introspection":{"clientId":"gateway","clientSecret":{"stored":true}}}`
	if got := h.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", stored)); got["KeyManager corp"] != declare.Updated {
		t.Errorf("the positive control: %v", got)
	}
	for name, change := range map[string][2]string{
		"discovery":               {"SERVER/corp", "SERVER/evil"},
		"introspection endpoint":  {`"type"`, `"endpoints":{"introspection":"https://evil.example/i"},"type"`},
		"registration endpoint":   {`"type"`, `"endpoints":{"registration":"https://evil.example/r"},"type"`},
		"issuer, with metadata's": {`"SERVER/corp"`, `"SERVER/evil","issuer":"SERVER/evil"`},
	} {
		e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(
			plane.Manifest(keyward.KindKeyManager, "corp",
				strings.Replace(stored, change[0], change[1], 1)))}, keyward.CodeInvalidInput)
		if !strings.Contains(e.Paths, "clientSecret") && !strings.Contains(e.Paths, "initialAccessToken") {
			t.Errorf("%s: faults at %s", name, e.Paths)
		}
	}
	given := strings.NewReplacer("SERVER/corp", "SERVER/evil", `{"stored":true}`, `"new"`).Replace(stored)
	if got := h.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", given)); got["KeyManager corp"] != declare.Updated {
		t.Errorf("with the values given again: %v", got)
	}
	changed := strings.Replace(given, `"new"`, `"newer"`, 1)
	if got := h.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", changed)); got["KeyManager corp"] != declare.Updated {
		t.Errorf("another secret value: %v", got)
	}
}

// TestAStoredSecretStaysWithItsAdminAddress is the same for an address that is a field of the connection.
func TestAStoredSecretStaysWithItsAdminAddress(t *testing.T) {
	h := plane.New(t)
	realm := func(admin, secret string) string {
		return plane.Manifest(keyward.KindKeyManager, "kc", `{"type":"keycloak","discovery":"SERVER/kc","connection":`+
			`{"clientId":"svc","clientSecret":`+secret+`,"adminUrl":"`+admin+`"}}`)
	}
	const here, evil = "https://sso.example/admin/realms/corp", "https://evil.example/admin/realms/corp"
	h.MustApply(realm(here, `"given"`))
	if got := h.MustApply(realm(here, `{"stored":true}`)); got["KeyManager kc"] != declare.Unchanged {
		t.Errorf("the positive control: %v", got)
	}
	e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(realm(evil, `{"stored":true}`))}, keyward.CodeInvalidInput)
	if !strings.Contains(e.Paths, "connection.clientSecret") {
		t.Errorf("faults at %s", e.Paths)
	}
	if got := h.MustApply(realm(evil, `"given again"`)); got["KeyManager kc"] != declare.Updated {
		t.Errorf("with the value given again: %v", got)
	}
}

func TestTenants(t *testing.T) {
	ctx := context.Background()
	h := plane.New(t)
	tenant := plane.Manifest(keyward.KindTenant, "acme", `{"displayName":"Acme"}`)
	inside := `{"apiVersion":"keyward.dev/v1","kind":"KeyManager","metadata":{"name":"resident","tenant":"acme"},` +
		`"spec":{"type":"resident","enabled":false}}`
	if got := h.MustApply(inside, tenant); got["KeyManager resident"] != declare.Updated {
		t.Errorf("a tenant with its resident key manager in one apply: %v", got)
	}
	o, err := h.Control.Get(ctx, plane.Operator(), keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "acme", Name: "resident"})
	if err != nil || !strings.Contains(string(o.Status), "http://127.0.0.1:8480/t/acme") {
		t.Errorf("status %s, error %v", o.Status, err)
	}
	resident := keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "acme", Name: "resident"}
	if err := h.Control.Delete(ctx, plane.Operator(), resident, ""); keyward.CodeOf(err) != keyward.CodeConflict {
		t.Errorf("deleting a resident key manager: %v", err)
	}
	acme := keyward.Ref{Kind: keyward.KindTenant, Name: "acme"}
	user := `{"apiVersion":"keyward.dev/v1","kind":"User","metadata":{"name":"bob","tenant":"acme"},"spec":{"roles":["admin"]}}`
	h.MustApply(user)
	if err := h.Control.Delete(ctx, plane.Operator(), acme, ""); keyward.CodeOf(err) != keyward.CodeInUse {
		t.Errorf("deleting a tenant in use: %v", err)
	}
	bob := keyward.Principal{User: "bob", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	h.Refused(bob, declare.Request{Tenant: "acme", Objects: h.Objects(plane.Manifest(keyward.KindTenant, "evil", `{}`))},
		keyward.CodeForbidden)
	if _, err := h.Apply(bob, declare.Request{Tenant: "acme",
		Objects: h.Objects(plane.Manifest(keyward.KindPlan, "p", `{}`)), Set: "x"}); err != nil {
		t.Errorf("the positive control: %v", err)
	}
	h.Refused(bob, declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindPlan, "p", `{}`))}, keyward.CodeForbidden)
	if err := h.Control.Delete(ctx, bob, keyward.Ref{Kind: keyward.KindPlan, Tenant: "acme", Name: "p"}, ""); err != nil {
		t.Fatal(err)
	}
	if err := h.Control.Delete(ctx, plane.Operator(), keyward.Ref{Kind: keyward.KindUser, Tenant: "acme", Name: "bob"},
		""); err != nil {
		t.Fatal(err)
	}
	if err := h.Control.Delete(ctx, plane.Operator(), acme, ""); err != nil {
		t.Errorf("deleting an empty tenant: %v", err)
	}
	if err := h.Control.Delete(ctx, plane.Operator(), keyward.Ref{Kind: keyward.KindTenant, Name: "default"},
		""); keyward.CodeOf(err) != keyward.CodeConflict {
		t.Errorf("deleting the default tenant: %v", err)
	}
}
