package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestSecretsOverlapAtTheResidentServer: with an overlap the old secret lives beside the new one until the next rotation
// without; and a generated client is changed.
func TestSecretsOverlapAtTheResidentServer(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	n := serve(t)
	v := vendor{name: "resident", scope: "orders:read"}
	apply(t, n, orders(up.URL, "[resident]", ""), mobile())
	first := cliJSON[madeKeys](t, n, place("generate", v.name)...)
	second := cliJSON[madeKeys](t, n, place("rotate", v.name, "--overlap", "1h")...)
	if first.ClientID != second.ClientID || first.ClientSecret == second.ClientSecret {
		t.Error("the rotation changed the id, or kept the secret")
	}
	for _, k := range []madeKeys{first, second} {
		until(t, n.Gateway, http.MethodGet, items, k.token(t, v), 200, "")
	}
	if r := n.CLI(t, "", place("rotate", v.name, "--overlap", "1h")...); r.Code != 3 || !strings.Contains(r.Stderr, "conflict") {
		t.Errorf("a third secret: %s", r)
	}
	third := cliJSON[madeKeys](t, n, place("rotate", v.name)...)
	for _, k := range []madeKeys{first, second} {
		if _, err := k.tryToken(t.Context(), v); err == nil {
			t.Error("an old secret lives after a rotation without an overlap")
		}
	}
	until(t, n.Gateway, http.MethodGet, items, third.token(t, v), 200, "")

	updated := cliJSON[madeKeys](t, n, place("update", v.name, "--scope", "orders:write")...)
	if updated.ClientID != first.ClientID || updated.ClientSecret != "" {
		t.Errorf("updated: %+v", updated)
	}
	if r := n.CLI(t, "", place("update", v.name, "--grant", "nonsense")...); r.Code != 3 || !strings.Contains(r.Stderr, "grants[0]") {
		t.Errorf("a grant that is none: %s", r)
	}
	if r := n.CLI(t, "", place("retry", v.name)...); r.Code != 3 || !strings.Contains(r.Stderr, "nothing to try again") {
		t.Errorf("retry of what is well: %s", r)
	}
}
