package keymanager_test

import (
	"strings"
	"testing"

	"keyward.dev/keyward/internal/keymanager"
)

// TestPartsFitTheMethod: a way to authenticate has what it needs and nothing else, and nothing that is mapped into a token
// decides about it.
func TestPartsFitTheMethod(t *testing.T) {
	const begin = `{"type":"oidc","issuer":"https://e.example","keys":{"jwks":"https://e.example/k"},` +
		`"endpoints":{"introspection":"https://e.example/i","token":"https://e.example/t","authorization":"https://e.example/a"},`
	for _, c := range []struct{ name, rest, fault string }{
		{"what binds a token", `"claims":{"mapping":[{"from":"x","to":"cnf"}]}}`, ""},
		{"what binds an exchanged one", `"tokens":{"use":"both"},"claims":{"mapping":[{"from":"x","to":"Cnf"}]}}`,
			"spec.claims.mapping[0].to"},
		{"a signed assertion", `"introspection":{"clientId":"g","method":"private_key_jwt","key":"KEY"}}`, ""},
		{"one without a key", `"introspection":{"clientId":"g","method":"private_key_jwt"}}`,
			"spec.introspection.key"},
		{"one with a secret", `"introspection":{"clientId":"g","method":"private_key_jwt","key":"KEY","clientSecret":"s"}}`,
			"spec.introspection.clientSecret"},
		{"one without a certificate", `"introspection":{"clientId":"g","method":"tls","key":"KEY"}}`,
			"spec.introspection.certificate"},
		{"a fixed token", `"introspection":{"method":"bearer","token":"t"}}`, ""},
		{"a token to get", `"introspection":{"method":"bearer","clientId":"g","clientSecret":"s","scope":"i"}}`, ""},
		{"both", `"introspection":{"method":"bearer","clientId":"g","clientSecret":"s","token":"t"}}`,
			"spec.introspection.token"},
		{"neither", `"introspection":{"method":"bearer"}}`,
			"spec.introspection.token"},
		{"half of it", `"introspection":{"method":"bearer","clientId":"g"}}`,
			"spec.introspection.clientSecret"},
		{"a key for basic", `"introspection":{"clientId":"g","clientSecret":"s","key":"KEY"}}`,
			"spec.introspection.key"},
		{"another way", `"introspection":{"clientId":"g","clientSecret":"s","method":"digest"}}`,
			"spec.introspection.method"},
		{"a client to sign in by", `"signIn":{"enabled":true,"clientId":"c","clientSecret":"s"}}`, ""},
		{"a public one", `"signIn":{"enabled":true,"clientId":"c","method":"none"}}`, ""},
		{"one that signs", `"signIn":{"enabled":true,"clientId":"c","method":"private_key_jwt","key":"KEY"}}`, ""},
		{"one with a key that signs nothing", `"signIn":{"enabled":true,"clientId":"c","method":"private_key_jwt","key":"k"}}`,
			"spec.signIn.key"},
		{"one with a secret too", `"signIn":{"enabled":true,"clientId":"c","method":"none","clientSecret":"s"}}`,
			"spec.signIn.clientSecret"},
		{"no client", `"signIn":{"enabled":true,"clientSecret":"s"}}`, "spec.signIn.clientId"},
		{"a client and no secret", `"signIn":{"enabled":true,"clientId":"c"}}`, "spec.signIn.clientSecret"},
		{"a secret that is not there", `"signIn":{"enabled":true,"clientId":"c","clientSecret":{"stored":true}}}`,
			"spec.signIn.clientSecret"},
		{"a certificate that is not there", `"signIn":{"enabled":true,"clientId":"c","method":"tls"}}`, "spec.outbound.certificate"},
		{"another method", `"signIn":{"enabled":true,"clientId":"c","method":"digest"}}`, "spec.signIn.method"},
		{"userinfo without an endpoint", `"signIn":{"enabled":true,"clientId":"c","method":"none","userinfo":true}}`,
			"spec.endpoints.userinfo"},
		{"not enabled", `"signIn":{"roles":[]}}`, ""},
	} {
		got := paths(keymanager.Validate(specOf(t, begin+strings.ReplaceAll(c.rest, "KEY", assertionKey)), nil))
		if strings.Join(got, " ") != c.fault {
			t.Errorf("%s: faults at %v, want %q", c.name, got, c.fault)
		}
	}
}
