package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/program"
)

func runBinary(t *testing.T, env map[string]string, args ...string) program.Result {
	t.Helper()
	r, err := binary.Run(t.TempDir(), env, "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFaultySettingsAreAllReported at once, with the place in the file.
func TestFaultySettingsAreAllReported(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keyward.yaml")
	text := "controlAddress: nowhere\nunknownThing: 1\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runBinary(t, map[string]string{
		"KEYWARD_GATEWAY_ADDRESS": "127.0.0.1:99999", "KEYWARD_TRUSTED_PEERS": "not-a-network", "KEYWARD_MAX_STALE": "soon",
		"KEYWARD_OUTBOUND_DENY": "everything", "KEYWARD_ADMIN_TOKEN": "short", "KEYWARD_SEAL_KEY": "short",
		"KEYWARD_CONTROL_TLS_CERT": "/nowhere/cert.pem",
	}, "serve", "--config", file)
	if r.Code != 2 {
		t.Errorf("exit %d, want 2", r.Code)
	}
	for _, part := range []string{
		"unknownThing", "2:1", "KEYWARD_GATEWAY_ADDRESS", "KEYWARD_TRUSTED_PEERS", "KEYWARD_OUTBOUND_DENY", "KEYWARD_ADMIN_TOKEN",
		"KEYWARD_SEAL_KEY", "KEYWARD_CONTROL_TLS",
	} {
		if !containsText(r.Stderr, part) {
			t.Errorf("%s is not reported: %s", part, r)
		}
	}
	if containsText(r.Stderr, "KEYWARD_MAX_STALE") {
		t.Errorf("a setting that the role does not use is reported: %s", r)
	}
	gateway := runBinary(t, map[string]string{"KEYWARD_MAX_STALE": "soon"}, "serve", "--role", "gateway")
	for _, part := range []string{"KEYWARD_MAX_STALE", "KEYWARD_CONTROL_URL", "KEYWARD_GATEWAY_TOKEN"} {
		if gateway.Code != 2 || !containsText(gateway.Stderr, part) {
			t.Errorf("%s is not reported: %s", part, gateway)
		}
	}
}

// TestOpenListenersWantTLS: a control listener that others reach is refused without TLS, unless insecure is said.
func TestOpenListenersWantTLS(t *testing.T) {
	t.Parallel()
	r := runBinary(t, map[string]string{"KEYWARD_CONTROL_ADDRESS": "0.0.0.0:0"}, "serve")
	if r.Code == 0 || !containsText(r.Stderr, "KEYWARD_CONTROL_ADDRESS") {
		t.Errorf("%s", r)
	}
	database := runBinary(t, map[string]string{"KEYWARD_DATABASE": "postgres://x@127.0.0.1:1/x"}, "serve")
	if database.Code == 0 || !containsText(database.Stderr, "KEYWARD_SEAL_KEY") {
		t.Errorf("PostgreSQL without a seal key: %s", database)
	}
}

// TestOddSettingsDoNotStop: an unknown KEYWARD_ variable warns, an empty one counts as not set, one of another role is
// ignored; flags win over environment, which wins over the file.
func TestOddSettingsDoNotStop(t *testing.T) {
	t.Parallel()
	n := binary.NewNode(t, "all", "", t.TempDir())
	file := filepath.Join(t.TempDir(), "keyward.yaml")
	if err := os.WriteFile(file, []byte("opsAddress: 127.0.0.1:1\ncontrolAddress: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ops := testbed.Address(t)
	n.Env["KEYWARD_NO_SUCH_THING"] = "1"
	n.Env["KEYWARD_DATABASE"] = ""
	n.Env["KEYWARD_SEAL_KEY"] = ""
	n.Env["KEYWARD_CONTROL_URL"] = "not used by this role"
	n.Env["KEYWARD_OPS_ADDRESS"] = "127.0.0.1:2"
	n.Args = append(n.Args, "--config", file, "--ops-address", ops)
	n.Ops = ops
	n.Start(t)
	if !containsText(n.Output(), "KEYWARD_NO_SUCH_THING") {
		t.Errorf("no warning about the unknown variable:\n%s", n.Output())
	}
	cli(t, n, "get", "key-managers")
}

// TestAdminToken: written with mode 0600, never printed; a refused token never falls back; the CLI reads the file only
// where KEYWARD_TOKEN is not set.
func TestAdminToken(t *testing.T) {
	t.Parallel()
	n := serve(t)
	path := filepath.Join(n.Dir, "admin.token")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, error %v", info.Mode(), err)
	}
	token, err := n.AdminToken()
	if err != nil || len(token) < 32 {
		t.Fatalf("token of %d characters, error %v", len(token), err)
	}
	if containsText(n.Output(), token) {
		t.Error("the log holds the administrator's token")
	}
	env := map[string]string{"KEYWARD_SERVER": "http://" + n.Control, "KEYWARD_DATA": n.Dir}
	if r := runBinary(t, env, "get", "tenants"); r.Code != 0 {
		t.Errorf("the token from the data folder: %s", r)
	}
	env["KEYWARD_TOKEN"] = "a-token-that-nobody-has-ever-made-up"
	if r := runBinary(t, env, "get", "tenants"); r.Code != 3 {
		t.Errorf("a refused token fell back to the file: %s", r)
	}
	delete(env, "KEYWARD_TOKEN")
	env["KEYWARD_ADMIN_TOKEN"] = token
	env["KEYWARD_DATA"] = t.TempDir()
	if r := runBinary(t, env, "get", "tenants"); r.Code == 0 {
		t.Errorf("KEYWARD_ADMIN_TOKEN is read by serve alone: %s", r)
	}
	apply(t, n, manifest("User", "dev", "roles: [developer]"))
	developer := strings.TrimSpace(cli(t, n, "token", "create", "--user", "dev"))
	if r := n.CLIAs(t, developer, "", "get", "key-managers"); r.Code != 0 {
		t.Errorf("a developer reads key managers: %s", r)
	}
	if r := n.CLIAs(t, developer, manifest("Plan", "x", "rate: []"), "apply", "-f",
		"-"); r.Code != 3 || !containsText(r.Stderr, "forbidden") {
		t.Errorf("a developer makes a plan: %s", r)
	}
	if r := n.CLIAs(t, developer, "", "gateway", "token", "x"); r.Code != 3 {
		t.Errorf("a developer makes a gateway: %s", r)
	}
}

// TestWrongUsage is exit 2, and version says what it must.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"nonsense"}, {"apply"}, {"get"}, {"serve", "--role", "cook"}, {"keys", "generate"},
		{"get", "nonsense"}} {
		if r := runBinary(t, nil, args...); r.Code != 2 {
			t.Errorf("%v: %s", args, r)
		}
	}
	r := runBinary(t, nil, "version")
	if r.Code != 0 || !containsText(r.Stdout, "keyward") || !containsText(r.Stdout, "go1.") {
		t.Errorf("version: %s", r)
	}
	if r := runBinary(t, map[string]string{"KEYWARD_SERVER": "http://" + testbed.Address(t),
		"KEYWARD_TOKEN": repeat("x", 40)}, "get", "tenants"); r.Code != 1 {
		t.Errorf("no server: %s", r)
	}
}
