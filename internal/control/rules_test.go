package control_test

import (
	"context"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
)

func TestRulesBetweenObjects(t *testing.T) {
	api := func(name, extra string) string {
		return manifestOf(keyward.KindAPI, name, `{"upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":["corp"],
			"operations":[{"method":"GET","path":"/a"}],`+extra+`}`)
	}
	external := func(name, issuer, claims string) string {
		return manifestOf(keyward.KindKeyManager, name, `{"type":"external","issuer":"`+issuer+`","keys":{"jwks":"https://keys.example/"},
			"tokens":{"match":[`+claims+`]}}`)
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
			[]string{manifestOf(keyward.KindSubscription, "mobile-orders", `{"application":"mobile","api":"orders-v1"}`)}, nil},
		"plan not offered": {keyward.CodeInvalidInput, "spec.plan",
			[]string{manifestOf(keyward.KindPlan, "lead", `{}`),
				manifestOf(keyward.KindSubscription, "mobile-orders",
					`{"application":"mobile","api":"orders-v1","plan":"lead"}`)}, nil},
		"subscribed twice": {keyward.CodeConflict, "spec.api",
			[]string{manifestOf(keyward.KindSubscription, "again",
				`{"application":"mobile","api":"orders-v1","plan":"gold"}`)}, nil},
		"plan is used": {keyward.CodeInUse, "spec.plans",
			[]string{manifestOf(keyward.KindAPI, "orders-v1", strings.Replace(ordersSpec, `["gold"]`, `[]`, 1))}, nil},
		"place taken": {keyward.CodeKeysExist, "spec.environment",
			[]string{manifestOf(keyward.KindOAuthClient, "second",
				`{"application":"mobile","keyManager":"corp","clientId":"def"}`)}, nil},
		"own client": {keyward.CodeInvalidInput, "spec.clientId",
			[]string{manifestOf(keyward.KindOAuthClient, "mobile-corp",
				`{"application":"mobile","keyManager":"corp","clientId":"Gateway"}`)}, nil},
		"opaque tokens without introspection": {keyward.CodeInvalidInput, "spec.introspection",
			[]string{external("x", "https://x.example", `{"prefix":"opq_"}`)}, nil},
		"type resident": {keyward.CodeInvalidInput, "spec.type",
			[]string{manifestOf(keyward.KindKeyManager, "mine", `{"type":"resident"}`)}, nil},
		"resident's issuer": {keyward.CodeInvalidInput, "spec.issuer",
			[]string{manifestOf(keyward.KindKeyManager, "resident", `{"type":"resident","issuer":"https://x"}`)}, nil},
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
			[]string{manifestOf(keyward.KindKeyManager, "corp",
				strings.Replace(corpSpec, `"type"`, `"environments":["sandbox"],"type"`, 1))}, nil},
		"mapping disabled": {keyward.CodeMappingDisabled, "spec.keyManager",
			[]string{manifestOf(keyward.KindOAuthClient, "web", `{"application":"mobile","keyManager":"ext","clientId":"x"}`)},
			[]string{manifestOf(keyward.KindKeyManager, "ext",
				`{"type":"external","issuer":"https://e.example","keys":{"jwks":"https://keys.example/"},`+
					`"clients":{"map":false}}`)}},
		"openapi fault": {keyward.CodeInvalidInput, "spec.openapi.document", []string{
			manifestOf(keyward.KindAPI, "x", `{"context":"/x","version":"v1",`+
				`"upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":"all",`+
				`"openapi":{"document":"swagger: 2"}}`)}, nil},
	}
	shared := newHouse(t) // what is refused changes nothing
	shared.mustApply(usual()...)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := shared
			if test.first != nil {
				h = newHouse(t)
				h.mustApply(usual()...)
				h.mustApply(test.first...)
			}
			e := h.refused(operator, control.ApplyRequest{Objects: h.objects(test.texts...)}, test.code)
			if !strings.Contains(e.paths, test.path) {
				t.Errorf("faults at %s, want %s", e.paths, test.path)
			}
		})
	}
}

func TestKeyManagersThatClaimsTellApartShareAnIssuer(t *testing.T) {
	h := newHouse(t)
	spec := `{"type":"external","issuer":"https://shared.example","keys":{"jwks":"https://keys.example/"},` +
		`"tokens":{"match":[{"claims":{"tid":"NAME"}}]}}`
	got := h.mustApply(manifestOf(keyward.KindKeyManager, "a", strings.Replace(spec, "NAME", "a", 1)),
		manifestOf(keyward.KindKeyManager, "b", strings.Replace(spec, "NAME", "b", 1)))
	if got["KeyManager b"] != control.Created {
		t.Errorf("got %v", got)
	}
}

func TestAStoredSecretStaysWithItsAddress(t *testing.T) {
	h := newHouse(t)
	h.mustApply(usual()...)
	stored := `{"type":"oidc","discovery":"SERVER/corp","displayName":"Corp","connection":{"initialAccessToken":{"stored":true}},
		"introspection":{"clientId":"gateway","clientSecret":{"stored":true}}}`
	if got := h.mustApply(manifestOf(keyward.KindKeyManager, "corp", stored)); got["KeyManager corp"] != control.Updated {
		t.Errorf("the positive control: %v", got)
	}
	for name, change := range map[string][2]string{
		"discovery":               {"SERVER/corp", "SERVER/evil"},
		"introspection endpoint":  {`"type"`, `"endpoints":{"introspection":"https://evil.example/i"},"type"`},
		"registration endpoint":   {`"type"`, `"endpoints":{"registration":"https://evil.example/r"},"type"`},
		"issuer, with metadata's": {`"SERVER/corp"`, `"SERVER/evil","issuer":"SERVER/evil"`},
	} {
		e := h.refused(operator, control.ApplyRequest{Objects: h.objects(
			manifestOf(keyward.KindKeyManager, "corp",
				strings.Replace(stored, change[0], change[1], 1)))}, keyward.CodeInvalidInput)
		if !strings.Contains(e.paths, "clientSecret") && !strings.Contains(e.paths, "initialAccessToken") {
			t.Errorf("%s: faults at %s", name, e.paths)
		}
	}
	given := strings.NewReplacer("SERVER/corp", "SERVER/evil", `{"stored":true}`, `"new"`).Replace(stored)
	if got := h.mustApply(manifestOf(keyward.KindKeyManager, "corp", given)); got["KeyManager corp"] != control.Updated {
		t.Errorf("with the values given again: %v", got)
	}
	changed := strings.Replace(given, `"new"`, `"newer"`, 1)
	if got := h.mustApply(manifestOf(keyward.KindKeyManager, "corp", changed)); got["KeyManager corp"] != control.Updated {
		t.Errorf("another secret value: %v", got)
	}
}

// TestAStoredSecretStaysWithItsAdminAddress is the same for an address that is a field of the connection.
func TestAStoredSecretStaysWithItsAdminAddress(t *testing.T) {
	h := newHouse(t)
	realm := func(admin, secret string) string {
		return manifestOf(keyward.KindKeyManager, "kc", `{"type":"keycloak","discovery":"SERVER/kc","connection":`+
			`{"clientId":"svc","clientSecret":`+secret+`,"adminUrl":"`+admin+`"}}`)
	}
	const here, evil = "https://sso.example/admin/realms/corp", "https://evil.example/admin/realms/corp"
	h.mustApply(realm(here, `"given"`))
	if got := h.mustApply(realm(here, `{"stored":true}`)); got["KeyManager kc"] != control.Unchanged {
		t.Errorf("the positive control: %v", got)
	}
	e := h.refused(operator, control.ApplyRequest{Objects: h.objects(realm(evil, `{"stored":true}`))}, keyward.CodeInvalidInput)
	if !strings.Contains(e.paths, "connection.clientSecret") {
		t.Errorf("faults at %s", e.paths)
	}
	if got := h.mustApply(realm(evil, `"given again"`)); got["KeyManager kc"] != control.Updated {
		t.Errorf("with the value given again: %v", got)
	}
}

func TestTenants(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t)
	tenant := manifestOf(keyward.KindTenant, "acme", `{"displayName":"Acme"}`)
	inside := `{"apiVersion":"keyward.dev/v1","kind":"KeyManager","metadata":{"name":"resident","tenant":"acme"},` +
		`"spec":{"type":"resident","enabled":false}}`
	if got := h.mustApply(inside, tenant); got["KeyManager resident"] != control.Updated {
		t.Errorf("a tenant with its resident key manager in one apply: %v", got)
	}
	o, err := h.control.Get(ctx, operator, keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "acme", Name: "resident"})
	if err != nil || !strings.Contains(string(o.Status), "http://127.0.0.1:8480/t/acme") {
		t.Errorf("status %s, error %v", o.Status, err)
	}
	resident := keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "acme", Name: "resident"}
	if err := h.control.Delete(ctx, operator, resident, ""); keyward.CodeOf(err) != keyward.CodeConflict {
		t.Errorf("deleting a resident key manager: %v", err)
	}
	acme := keyward.Ref{Kind: keyward.KindTenant, Name: "acme"}
	user := `{"apiVersion":"keyward.dev/v1","kind":"User","metadata":{"name":"bob","tenant":"acme"},"spec":{"roles":["admin"]}}`
	h.mustApply(user)
	if err := h.control.Delete(ctx, operator, acme, ""); keyward.CodeOf(err) != keyward.CodeInUse {
		t.Errorf("deleting a tenant in use: %v", err)
	}
	bob := keyward.Principal{User: "bob", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	h.refused(bob, control.ApplyRequest{Tenant: "acme", Objects: h.objects(manifestOf(keyward.KindTenant, "evil", `{}`))},
		keyward.CodeForbidden)
	if _, err := h.apply(bob, control.ApplyRequest{Tenant: "acme",
		Objects: h.objects(manifestOf(keyward.KindPlan, "p", `{}`)), Set: "x"}); err != nil {
		t.Errorf("the positive control: %v", err)
	}
	h.refused(bob, control.ApplyRequest{Objects: h.objects(manifestOf(keyward.KindPlan, "p", `{}`))}, keyward.CodeForbidden)
	if err := h.control.Delete(ctx, bob, keyward.Ref{Kind: keyward.KindPlan, Tenant: "acme", Name: "p"}, ""); err != nil {
		t.Fatal(err)
	}
	if err := h.control.Delete(ctx, operator, keyward.Ref{Kind: keyward.KindUser, Tenant: "acme", Name: "bob"},
		""); err != nil {
		t.Fatal(err)
	}
	if err := h.control.Delete(ctx, operator, acme, ""); err != nil {
		t.Errorf("deleting an empty tenant: %v", err)
	}
	if err := h.control.Delete(ctx, operator, keyward.Ref{Kind: keyward.KindTenant, Name: "default"},
		""); keyward.CodeOf(err) != keyward.CodeConflict {
		t.Errorf("deleting the default tenant: %v", err)
	}
}
