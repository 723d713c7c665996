package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/testbed/program"
)

// triedToken is what `keys token -o json` prints.
type triedToken struct {
	Token string `json:"access_token"`
	Type  string `json:"token_type"`
	Life  int64  `json:"expires_in"`
	Scope string `json:"scope"`
}

// TestTokenForTryingOut gets tokens on the command line from real servers and calls an API with them; nothing of a token
// or secret stays anywhere.
func TestTokenForTryingOut(t *testing.T) {
	t.Parallel()
	vendors := []vendor{
		keycloakVendor(t, "kc-trying", true),
		providerVendor(t, oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})),
		{name: "resident", scope: "orders:read"},
	}
	forEach(t, vendors, func(t *testing.T, n *program.Node, v vendor) {
		cli(t, n, place("generate", v.name, "--scope", "orders:read")...)
		ask := place("token", v.name, "--scope", "orders:read")
		if v.resource != "" {
			ask = append(ask, "--resource", v.resource)
		}
		plain := cli(t, n, ask...)
		until(t, n.Gateway, http.MethodGet, items, strings.TrimSpace(plain), 200, "")
		got := cliJSON[triedToken](t, n, ask...)
		if !strings.EqualFold(got.Type, "bearer") || got.Life <= 0 || !strings.Contains(got.Scope, "orders:read") {
			t.Errorf("type %q, life %d, scope %q", got.Type, got.Life, got.Scope)
		}
		until(t, n.Gateway, http.MethodGet, items, got.Token, 200, "")
		nowhere(t, n.Dir, strings.TrimSpace(plain), got.Token)
		if r := n.CLI(t, "", place("token", v.name, "--scope", "no:such", "--resource", "urn:no:such")...); r.Code != 3 ||
			!containsText(r.Stderr, "key_manager_failed: ") || !containsText(r.Stderr, "400 invalid_") || r.Stdout != "" {
			t.Errorf("the server's words: %s", r)
		}
		cli(t, n, place("delete", v.name)...)
		if r := n.CLI(t, "", ask...); r.Code != 3 || !containsText(r.Stderr, "not_found") {
			t.Errorf("without a client: %s", r)
		}
		if v.byHand != nil {
			tryMapped(t, n, v, ask)
		}
	})
}

// nowhere looks for texts in every file of a data folder and of the process's output.
func nowhere(t *testing.T, dir string, texts ...string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // files come and go while the server runs
		}
		content, err := os.ReadFile(path) //nolint:gosec // the test's own folder
		if err != nil {
			return nil //nolint:nilerr // likewise
		}
		seen++
		for _, text := range texts {
			if strings.Contains(string(content), text) {
				t.Errorf("%s holds a token", path)
			}
		}
		return nil
	})
	if err != nil || seen < 3 {
		t.Errorf("looked at %d files only: %v", seen, err)
	}
}

func tryMapped(t *testing.T, n *program.Node, v vendor, ask []string) {
	t.Helper()
	id, secret, file := handMade(t, v)
	cli(t, n, place("map", v.name, "--client-id="+id)...)
	if r := n.CLI(t, "", ask...); r.Code != 3 || !containsText(r.Stderr, "clientSecret") || !containsText(r.Stderr, "mapped") {
		t.Errorf("a mapped client without its secret: %s", r)
	}
	// Whether the client made by hand has the scope is the vendor's business: a token without one will do.
	if r := n.CLI(t, "", place("token", v.name, "--client-secret-file", file)...); r.Code != 0 || len(r.Stdout) < 20 {
		t.Errorf("a mapped client with its secret: %s", r)
	}
	nowhere(t, n.Dir, secret)
	cli(t, n, place("delete", v.name)...)
}
