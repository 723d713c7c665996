package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// TestSecretsStayHidden: every secret of a run is looked for, plain and encoded, in what the processes print at the
// lowest level, in metrics, in listings and refusals, and in every file that they write.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0, false)
	f.control.Kill()
	f.control.Env["KEYWARD_LOG_LEVEL"] = "debug"
	f.control.Start(t)
	g := f.addGateway(t, "g1", "KEYWARD_LOG_LEVEL=debug")
	up, i := newUpstream(t), issuer.Start(t, "a", "RS256")
	i.SetOpaque("op_opaque-hush-token", map[string]any{"active": true, "client_id": "abc", "scope": "orders:read"})
	secrets := map[string]string{
		"introspection secret": issuer.IntrospectionSecret, "initial access token": "initial-hush-access-token",
		"password": "a-Passw0rd-to-hush", "opaque token": "op_opaque-hush-token",
		"gateway token": g.Env["KEYWARD_GATEWAY_TOKEN"], "token of a caller": mint(t, i, issuer.Token{}),
	}
	apply(t, f.control,
		introspecting("a", i, "op_", ""),
		manifest("KeyManager", "vendor", `type: oidc, issuer: "https://vendor.example", keys: {jwks: "`+i.URL+`/jwks"},
  endpoints: {token: "`+i.URL+`/token", registration: "`+i.URL+`/absent"},
  connection: {initialAccessToken: initial-hush-access-token}`),
		manifest("User", "dev", "roles: [developer], password: a-Passw0rd-to-hush"),
		orders(up.URL, "[a, resident, vendor]", ", backendJWT: {enabled: true}"), mobile("a"))
	secrets["API token"] = strings.TrimSpace(cli(t, f.control, "token", "create", "--user", "dev"))
	made := cliJSON[map[string]any](t, f.control, "keys", "generate", "--application", "mobile", "--key-manager", "resident",
		"--environment", "production")
	secrets["generated client secret"], _ = made["clientSecret"].(string)

	until(t, g.Gateway, http.MethodGet, items, secrets["token of a caller"], 200, "")
	until(t, g.Gateway, http.MethodGet, items, secrets["opaque token"], 200, "")
	said := map[string]string{}
	failed := f.control.CLI(t, "", "keys", "generate", "--application", "mobile", "--key-manager", "vendor")
	if failed.Code == 0 {
		t.Error("a vendor without a registration endpoint made a client")
	}
	said["a failed vendor call"] = failed.String()
	said["a refused manifest"] = f.control.CLI(t, manifest("User", "dev", "roles: [cook], password: a-Passw0rd-to-hush"),
		"apply", "-f", "-").String()
	for what, target := range map[string]string{
		"a token in the query": items + "?access_token=" + secrets["token of a caller"],
		"a token in the path":  "/nowhere/" + secrets["token of a caller"],
	} {
		said[what] = call(t, g.Gateway, http.MethodGet, target, "").body
	}
	for _, args := range [][]string{{"export"}, {"get", "key-managers", "-o", "json"}, {"get", "users", "-o", "json"},
		{"gateway", "list", "-o", "json"}, {"token", "list", "-o", "json"}, {"keys", "list", "--application", "mobile", "-o", "json"}} {
		said["keyward "+strings.Join(args, " ")] = cli(t, f.control, args...)
	}
	for _, n := range []*program.Node{f.control, g} {
		said["metrics of "+n.Name] = call(t, n.Ops, http.MethodGet, "/metrics", "").body
		if !strings.Contains(n.Output(), "level=DEBUG") && n == g {
			t.Error("the gateway's log is not at its lowest level")
		}
		said["log of "+n.Name] = n.Output()
		readFolder(t, n.Dir, said)
	}
	admin, err := f.control.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	seal, err := os.ReadFile(filepath.Join(f.control.Dir, "seal.key"))
	if err != nil {
		t.Fatal(err)
	}
	// The control: the two files that hold a secret, and the search finds it there.
	if !mentions(said["admin.token"], admin) || !mentions(said["seal.key"], string(seal)) {
		t.Error("the search does not find what is there")
	}
	delete(said, "admin.token")
	delete(said, "seal.key")
	secrets["administrator's token"], secrets["seal key"] = admin, strings.TrimSpace(string(seal))
	for what, secret := range secrets {
		if len(secret) < 8 {
			t.Fatalf("no %s", what)
		}
		for where, text := range said {
			if mentions(text, secret) {
				t.Errorf("the %s stands in %s", what, where)
			}
		}
	}
}

// mentions looks for a secret as it is and in the forms that programs write.
func mentions(text, secret string) bool {
	secret = strings.TrimSpace(secret)
	quoted, _ := json.Marshal(secret)
	for _, form := range []string{
		secret, strings.Trim(string(quoted), `"`), hex.EncodeToString([]byte(secret)),
		base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		if strings.Contains(text, form) {
			return true
		}
	}
	_, signature, signed := strings.Cut(secret, ".")
	return signed && strings.Contains(text, signature)
}

// readFolder adds every file below dir by its path in it.
func readFolder(t *testing.T, dir string, to map[string]string) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root.FS(), path)
		to[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
