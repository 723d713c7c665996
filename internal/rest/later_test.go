package rest_test

import (
	"net/http"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/rest"
)

// TestWhatIsMissingIsRefusedByName sends every part of the contract that this build does not carry out, one at a time
// in a manifest that is sound without it, and wants its name back. Values that only say what happens anyway are taken.
func TestWhatIsMissingIsRefusedByName(t *testing.T) {
	const external = `{"type":"external","issuer":"https://e.example","keys":{"jwks":"https://e.example/k"}`
	const api = `{"context":"/x","version":"v1","upstream":{"production":"http://127.0.0.1:9"},"keyManagers":"all",` +
		`"operations":[{"method":"GET","path":"/a"}]`
	bases := map[keyward.Kind]string{
		keyward.KindKeyManager: external, keyward.KindAPI: api, keyward.KindPlan: `{"rate":[]`,
		keyward.KindSubscription: `{"application":"a","api":"x"`,
	}
	later := map[keyward.Kind]map[string]string{
		keyward.KindKeyManager: {
			`"tokens":{"jwt":"introspect"}`: "spec.tokens.jwt", `"tokens":{"jwt":"both"}`: "spec.tokens.jwt",
			`"tokens":{"type":"at+jwt"}`: "spec.tokens.type",
		},
		keyward.KindAPI: {
			`"gateways":["eu"]`:               "spec.gateways",
			`"backendJWT":{"dialect":"wso2"}`: "spec.backendJWT.dialect",
		},
	}
	idle := map[keyward.Kind][]string{
		keyward.KindKeyManager: {
			`"global":false,"signIn":{"enabled":false,"roles":[]},"permissions":{},"clients":{"constraints":{}},` +
				`"claims":{"grants":[]},"tokens":{"use":"direct","jwt":"local","type":"access","match":[]},"otherIssuers":[]`,
		},
		keyward.KindAPI:          {`"state":"published","visibility":[],"gateways":["default"],"backendJWT":{}`},
		keyward.KindPlan:         {`"approval":"auto"`},
		keyward.KindSubscription: {`"scopes":[],"state":"active"`},
	}
	h := newHouse(t)
	put := func(kind keyward.Kind, field string) answer {
		return h.call("admin", http.MethodPut, "/api/v1/"+kind.Plural()+"/x", `{"spec":`+bases[kind]+`,`+field+`}}`)
	}
	h.apply(manifestOf(keyward.KindApplication, "a", `{}`))
	for _, kind := range keyward.Kinds() {
		for field, name := range later[kind] {
			a := put(kind, field)
			var p rest.Problem
			a.into(t, &p)
			if a.status != http.StatusBadRequest || p.Code != keyward.CodeNotSupported || len(p.Errors) != 1 ||
				p.Errors[0].Path != name {
				t.Errorf("%s with %s: %d %s", kind, field, a.status, a.body)
			}
		}
		for _, field := range idle[kind] {
			if a := put(kind, field); a.status != http.StatusCreated {
				t.Errorf("%s with %s: %d %s", kind, field, a.status, a.body)
			}
		}
	}
}
