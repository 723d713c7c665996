package keyward_test

import (
	"encoding/json"
	"strings"
	"testing"

	"keyward.dev/keyward"
)

// Scopes of tokens stand for those of operations: what no operation can ask for is refused, and not kept without effect.
func TestScopesOfAKeyManagerStandForScopes(t *testing.T) {
	for _, c := range []struct{ name, scopes, fault string }{
		{"one for another", `{"Orders.Read":"orders:read"}`, ""},
		{"a name with a blank, as groups have", `{"Orders Readers":"orders:read"}`, ""},
		{"for none", `{"Orders.Read":""}`, "spec.keyManagers[0].scopes.Orders.Read"},
		{"for two in one", `{"a":"b c"}`, "spec.keyManagers[0].scopes.a"},
		{"for what would break a header", `{"a":"b\nc"}`, "spec.keyManagers[0].scopes.a"},
		{"none for another", `{"":"a"}`, "spec.keyManagers[0].scopes"},
	} {
		var spec keyward.APISpec
		if err := json.Unmarshal([]byte(`{"context":"/a","version":"v1","upstream":{"production":"https://u.example"},
			"operations":[{"method":"GET","path":"/"}],"keyManagers":[{"name":"corp","scopes":`+c.scopes+`}]}`), &spec); err != nil {
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
