package keymanager_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
)

// TestConstraintsNameTheirFaults: each rule against the field it is for, all faults at once.
func TestConstraintsNameTheirFaults(t *testing.T) {
	const at = "spec.clients.constraints"
	for rules, want := range map[string][]string{
		`{"access_token_lifetime":{"max":3600}}`:                          {},
		`{"access_token_lifetime":{"min":60,"max":3600}}`:                 {},
		`{"access_token_lifetime":{"enum":[300,"3600"]}}`:                 {},
		`{"client_uri":{"regex":"https://.*"},"contacts":{"enum":["a"]}}`: {},
		`{"callbacks":{"regex":"https://.*"},"scopes":{"enum":["read"]}}`: {},
		`{"audiences":{"regex":"urn:.*"}}`:                                {},
		`{"audiences":{"max":1}}`:                                         {at + ".audiences.max"},
		`{"speed":{"max":1}}`:                                             {at + ".speed"},
		`{"grants":{"enum":["password"]}}`:                                {at + ".grants"},
		`{"access_token_lifetime":{}}`:                                    {at + ".access_token_lifetime"},
		`{"access_token_lifetime":{"min":9,"max":1}}`:                     {at + ".access_token_lifetime.min"},
		`{"access_token_lifetime":{"max":9007199254740992}}`:              {at + ".access_token_lifetime.max"},
		`{"access_token_lifetime":{"regex":"[0-9]+"}}`:                    {at + ".access_token_lifetime.regex"},
		`{"access_token_lifetime":{"enum":[1,"soon"]}}`:                   {at + ".access_token_lifetime.enum[1]"},
		`{"access_token_lifetime":{"max":10,"enum":[11,12]}}`:             {at + ".access_token_lifetime.enum"},
		`{"client_uri":{"max":9}}`:                                        {at + ".client_uri.max"},
		`{"client_uri":{"regex":"("}}`:                                    {at + ".client_uri.regex"},
		`{"client_uri":{"enum":["ftp://x"]}}`:                             {at + ".client_uri.enum[0]"},
		`{"client_uri":{"regex":"` + strings.Repeat("a", 1001) + `"}}`:    {at + ".client_uri.regex"},
		`{"token_endpoint_auth_method":{"enum":["plain"]}}`:               {at + ".token_endpoint_auth_method.enum[0]"},
		`{"scopes":{"min":1},"callbacks":{"min":2,"max":1}}`: {at + ".callbacks.max", at + ".callbacks.min",
			at + ".callbacks.min", at + ".scopes.min"},
	} {
		s := specOf(t, `{"type":"oidc","discovery":"https://as.example","clients":{"constraints":`+rules+`}}`)
		got := paths(append(s.Validate(), keymanager.Validate(s, nil)...))
		if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rules, diff)
		}
	}
	for kind, want := range map[string][]string{"external": {at}, "keycloak": {at + ".access_token_lifetime"}, "resident": {}} {
		rules := `{"access_token_lifetime":{"max":1}}`
		if kind == "resident" {
			rules = `{"scopes":{"regex":"orders:.*"}}`
		}
		s := specOf(t, fmt.Sprintf(`{"type":%q,"clients":{"constraints":%s}}`, kind, rules))
		if kind != "resident" {
			s.Issuer, s.Keys.JWKS = "https://as.example", "https://as.example/k"
		}
		if diff := cmp.Diff(want, paths(append(s.Validate(), keymanager.Validate(s, nil)...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

// TestConstrain: values that keep every rule pass, each that breaks one is named, and what is left out has a value only
// where no server could give another.
func TestConstrain(t *testing.T) {
	const two = `{"access_token_lifetime":{"min":60,"max":3600},"client_uri":{"regex":"https://[a-z]+\\.example/"}}`
	home := "https://app.example/"
	with := func(lifetime int64, home string) keymanager.Asked {
		return keymanager.Asked{Fields: map[string]any{"access_token_lifetime": lifetime, "client_uri": home}}
	}
	for name, c := range map[string]struct {
		kind, rules string
		asked       keymanager.Asked
		fields      map[string]any
		faults      []string
	}{
		"both fit": {"oidc", two, with(3600, home),
			map[string]any{"access_token_lifetime": int64(3600), "client_uri": home}, nil},
		"both break": {"oidc", two, with(3601, home+"x"),
			nil, []string{"fields.access_token_lifetime", "fields.client_uri"}},
		"the regex is anchored": {"oidc", two, with(60, "https://evil.org/?"+home), nil, []string{"fields.client_uri"}},
		"left out":              {"oidc", two, keymanager.Asked{}, nil, []string{"fields.access_token_lifetime", "fields.client_uri"}},
		"too little":            {"oidc", two, with(59, home), nil, []string{"fields.access_token_lifetime"}},
		"the only value": {"oidc", `{"access_token_lifetime":{"enum":["600"]}}`, keymanager.Asked{},
			map[string]any{"access_token_lifetime": int64(600)}, nil},
		"the only entry": {"oidc", `{"contacts":{"enum":["ops@a.example"]}}`, keymanager.Asked{},
			map[string]any{"contacts": []string{"ops@a.example"}}, nil},
		"an entry": {"oidc", `{"contacts":{"regex":".*@a\\.example"}}`,
			keymanager.Asked{Fields: map[string]any{"contacts": []string{"a@a.example", "b@b.example"}}}, nil, []string{"fields.contacts"}},
		"a default that is allowed": {"okta", `{"token_endpoint_auth_method":{"regex":"client_secret_.*"}}`, keymanager.Asked{},
			map[string]any{"token_endpoint_auth_method": "client_secret_basic"}, nil},
		"a default that is not": {"okta", `{"token_endpoint_auth_method":{"regex":".*_post"}}`, keymanager.Asked{}, nil,
			[]string{"fields.token_endpoint_auth_method"}},
		"callbacks and scopes": {"resident", `{"callbacks":{"regex":"https://.*"},"scopes":{"enum":["read"]}}`,
			keymanager.Asked{Callbacks: []string{home, "http://app.example/"}, Scopes: []string{"read", "write"}}, nil,
			[]string{"callbacks[1]", "scopes[1]"}},
		"a client's own audience": {"auth0", `{"audiences":{"regex":"urn:.*"}}`,
			keymanager.Asked{Fields: map[string]any{"audience": "https://acme.example/api/v2/"}}, nil, []string{"fields.audience"}},
		"an audience that is allowed": {"auth0", `{"audiences":{"regex":"urn:.*"}}`,
			keymanager.Asked{Fields: map[string]any{"audience": "urn:stock"}}, map[string]any{"audience": "urn:stock"}, nil},
		"none of them": {"resident", `{"callbacks":{"regex":"https://.*"},"scopes":{"enum":["read"]}}`, keymanager.Asked{},
			map[string]any{}, nil},
	} {
		s := specOf(t, fmt.Sprintf(`{"type":%q,"discovery":"https://as.example/oauth2/x","clients":{"constraints":%s}}`, c.kind, c.rules))
		km := keyward.Ref{Kind: keyward.KindKeyManager, Name: "corp"}
		fields, faults := keymanager.Constrain(km, s, c.asked, nil)
		if diff := cmp.Diff(c.faults, paths(faults)); len(c.faults)+len(faults) > 0 && diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.fields, fields); c.faults == nil && diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", name, diff)
		}
		for _, f := range faults {
			if !strings.Contains(f.Message, "KeyManager corp allows ") {
				t.Errorf("%s: %s does not say what is allowed", name, f.Message)
			}
		}
	}
}

// What is meant for the server itself is nobody's to give, but by the administrator who insists on it.
func TestOwnAudiences(t *testing.T) {
	const keycloak = `{"type":"keycloak","issuer":"https://sso.example/realms/corp","connection":{"clientId":"keyward"},` +
		`"introspection":{"clientId":"gateway"},"tokens":{"audiences":["account"]}}`
	const master = `{"type":"keycloak","issuer":"https://sso.example/realms/master"}`
	const auth0 = `{"type":"auth0","issuer":"https://acme.example/"}`
	for _, c := range []struct {
		spec, audience string
		own            bool
	}{
		{keycloak, "realm-management", true}, {keycloak, "Realm-Management", true}, {keycloak, "keyward", true},
		{keycloak, "urn:orders", false}, {keycloak, "gateway", false}, {keycloak, "account", false},
		{keycloak, "corp-realm", false}, {master, "corp-realm", true}, {master, "account", true},
		{auth0, "https://acme.example/api/v2/", true}, {auth0, "https://acme.example/api/", false},
		{auth0, "https://orders.example/api/v2/", false},
		{`{"type":"entra"}`, "00000003-0000-0000-c000-000000000000", true}, {`{"type":"entra"}`, "https://graph.microsoft.com", true},
		{`{"type":"entra"}`, "api://orders", false},
	} {
		if got := keymanager.OwnAudience(connector.Server{Spec: specOf(t, c.spec)}, c.audience); got != c.own {
			t.Errorf("%s of %s: own %t", c.audience, c.spec, got)
		}
	}
}
