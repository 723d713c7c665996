package keyward_test

import (
	"encoding/json"
	"strings"
	"testing"

	"keyward.dev/keyward"
)

// What a mapping or a claim's value may be: nothing that one reader takes for something else than another.
func TestClaimsHaveOneMeaning(t *testing.T) {
	const begin = `{"type":"external","issuer":"https://e.example","keys":{"jwks":"https://e.example/k"},`
	for _, c := range []struct{ name, rest, fault string }{
		{"another claim", `"claims":{"mapping":[{"from":"email","to":"user_email"}]}}`, ""},
		{"a registered claim", `"claims":{"mapping":[{"from":"email","to":"sub"}]}}`, "spec.claims.mapping[0].to"},
		{"in another case", `"claims":{"mapping":[{"from":"email","to":"Sub"}]}}`, "spec.claims.mapping[0].to"},
		{"a letter that folds", `"claims":{"mapping":[{"from":"email","to":"ſub"}]}}`, "spec.claims.mapping[0].to"},
		{"ours in another case", `"claims":{"mapping":[{"from":"email","to":"KEYWARD"}]}}`, "spec.claims.mapping[0].to"},
		{"two into one", `"claims":{"mapping":[{"from":"a","to":"x"},{"from":"b","to":"X"}]}}`, "spec.claims.mapping[1].to"},
		{"a JSON Pointer", `"claims":{"clientId":["/a~1b/c~0d"],"scopes":"a~b"}}`, ""},
		{"a broken JSON Pointer", `"claims":{"clientId":["azp","/a~2"]}}`, "spec.claims.clientId[1]"},
		{"a refresh of an address", `"otherIssuers":[{"issuer":"o","keys":{"jwks":"https://k","refresh":"1m"}}]}`, ""},
		{"a refresh of nothing", `"otherIssuers":[{"issuer":"o","keys":{"jwksInline":{},"refresh":"1m"}}]}`,
			"spec.otherIssuers[0].keys.refresh"},
		{"a number", `"tokens":{"require":{"n":9007199254740991}}}`, ""},
		{"a fraction", `"tokens":{"match":[{"claims":{"n":-1.5}}]}}`, ""},
		{"one that is its neighbour", `"tokens":{"require":{"n":9007199254740993}}}`, "spec.tokens.require.n"},
		{"in a match", `"tokens":{"match":[{"claims":{"n":-1e300}}]}}`, "spec.tokens.match[0].claims.n"},
		{"rules", `"signIn":{"enabled":true,"roles":[{"claim":"/groups","equals":"apis","role":"publisher","groups":["x"]}]}}`, ""},
		{"no rules", `"signIn":{"enabled":true}}`, "spec.signIn.roles"},
		{"rules without a role", `"signIn":{"enabled":true,"roles":[{"claim":"g","equals":"a","groups":["x"]}]}}`, "spec.signIn.roles"},
		{"a rule of nothing", `"signIn":{"roles":[{"claim":"g","equals":"a"}]}}`, "spec.signIn.roles[0].role"},
		{"another role", `"signIn":{"roles":[{"claim":"g","equals":"a","role":"root"}]}}`, "spec.signIn.roles[0].role"},
		{"no value", `"signIn":{"roles":[{"claim":"g","equals":"","role":"admin"}]}}`, "spec.signIn.roles[0].equals"},
		{"a list of values", `"signIn":{"roles":[{"claim":"g","equals":["a"],"role":"admin"}]}}`, "spec.signIn.roles[0].equals"},
		{"a group that is none", `"signIn":{"roles":[{"claim":"g","equals":"a","role":"admin","groups":["A B"]}]}}`,
			"spec.signIn.roles[0].groups[0]"},
		{"another tenant", `"signIn":{"roles":[{"claim":"g","equals":"a","role":"admin","tenant":"acme"}]}}`,
			"spec.signIn.roles[0].tenant"},
		{"one of a global one", `"global":true,"signIn":{"roles":[{"claim":"g","equals":"a","role":"admin","tenant":"acme"}]}}`, ""},
		{"for ever", `"signIn":{"lifetime":"9000h"}}`, "spec.signIn.lifetime"},
		{"a use", `"tokens":{"use":"exchange"}}`, ""},
		{"no use", `"tokens":{"use":"exchanged"}}`, "spec.tokens.use"},
		{"a refresh beyond what is believed", `"otherIssuers":[{"issuer":"o","keys":{"jwks":"https://k","refresh":"25h"}}]}`,
			"spec.otherIssuers[0].keys.refresh"},
		{"a port that is none", `"endpoints":{"token":"https://e.example:65536/t","userinfo":"https://e.example:65535/u"}}`,
			"spec.endpoints.token"},
		{"port 0", `"endpoints":{"token":"https://e.example:0/t"}}`, "spec.endpoints.token"},
		{"groups and roles", `"permissions":{"deny":["partners","developer"]}}`, ""},
		{"a group that nobody can be in", `"permissions":{"deny":["partners","Partners "]}}`, "spec.permissions.deny[1]"},
		{"a name of blanks", `"displayName":"\u2003\u200b"}`, "spec.displayName"},
		{"a list", `"tokens":{"require":{"n":[1]}}}`, "spec.tokens.require.n"},
	} {
		var spec keyward.KeyManagerSpec
		if err := json.Unmarshal([]byte(begin+c.rest), &spec); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got []string
		for _, f := range spec.Validate() {
			got = append(got, f.Path)
		}
		if strings.Join(got, " ") != c.fault {
			t.Errorf("%s: faults at %v, want %q", c.name, got, c.fault)
		}
	}
}
