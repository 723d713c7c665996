package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
)

// fences gives the parts of a page in one language.
func fences(t *testing.T, page, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("%s has no %s", page, language)
	}
	return all
}

// TestPagesRunAsTheyStand: what the pages of types say is pasted into a shell, with addresses and secrets of real servers
// in place of the examples'.
func TestPagesRunAsTheyStand(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]func(t *testing.T) []string{
		"resident": func(*testing.T) []string { return nil },
		"oidc": func(t *testing.T) []string {
			t.Helper()
			op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
			return []string{
				"https://as.example/.well-known/openid-configuration", op.Discovery(),
				"AS_INITIAL_ACCESS_TOKEN=…", "AS_INITIAL_ACCESS_TOKEN=" + oidcprovider.InitialAccessToken,
			}
		},
		"keycloak": func(t *testing.T) []string {
			t.Helper()
			realm := shared.Realm(t, "pages")
			return []string{
				"https://sso.example/realms/corp", realm.Issuer, "clientId: keyward,", "clientId: " + keycloak.ManagerClient + ",",
				"KEYCLOAK_SECRET=…", "KEYCLOAK_SECRET=" + keycloak.ManagerSecret,
			}
		},
	} {
		t.Run(name, func(t *testing.T) { runPage(t, name, instead(t)) })
	}
}

func runPage(t *testing.T, name string, instead []string) {
	t.Helper()
	up := newUpstream(t)
	n := serve(t)
	dir, page := t.TempDir(), "connectors/"+name+".md"
	put := strings.NewReplacer(append(instead, "http://127.0.0.1:9000", up.URL, "127.0.0.1:8400", n.Gateway)...)
	for _, text := range fences(t, "connectors.md", "yaml") {
		if strings.Contains(text, "kind: API") {
			apply(t, n, put.Replace(text))
		}
	}
	if name != "resident" {
		manifest := put.Replace(fences(t, page, "yaml")[0])
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(binary.Path, filepath.Join(dir, "keyward")); err != nil {
		t.Fatal(err)
	}
	token, err := n.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", put.Replace(fences(t, page, "sh")[0]))
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "KEYWARD_SERVER=http://" + n.Control,
		"KEYWARD_TOKEN=" + token,
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "HTTP/1.1 200 OK") {
		t.Errorf("%s: %v\n%s", page, err, out)
	}
}
