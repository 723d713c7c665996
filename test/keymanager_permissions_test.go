package e2e

import (
	"strings"
	"testing"
)

// TestPermissions: a developer outside the key manager's list neither sees it nor gets keys in it; one inside does, and
// an administrator too.
func TestPermissions(t *testing.T) {
	t.Parallel()
	n := serve(t)
	apply(t, n, manifest("KeyManager", "resident", "type: resident, permissions: {allow: [partners]}"),
		manifest("User", "alice", "roles: [developer]"), manifest("User", "pam", "roles: [developer], groups: [partners]"),
		manifest("Application", "mobile", "owners: [alice, pam]"))
	place := []string{"--application", "mobile", "--key-manager", "resident", "--environment", "production"}
	as := func(user string) string { return strings.TrimSpace(cli(t, n, "token", "create", "--user", user)) }
	alice, pam := as("alice"), as("pam")
	run := func(token string, args ...string) (int, string) {
		r := n.CLIAs(t, token, "", args...)
		return r.Code, r.Stdout + r.Stderr
	}
	for _, verb := range []string{"generate", "rotate"} {
		if code, text := run(alice, append([]string{"keys", verb}, place...)...); code != 3 || !containsText(text, "forbidden") {
			t.Errorf("%s outside the list: %d %s", verb, code, text)
		}
		if code, text := run(pam, append([]string{"keys", verb}, place...)...); code != 0 {
			t.Errorf("%s inside the list: %d %s", verb, code, text)
		}
	}
	if code, text := run(alice, "get", "key-manager", "-o", "json"); code != 0 || containsText(text, "resident") {
		t.Errorf("listed outside the list: %d %s", code, text)
	}
	if code, text := run(alice, "get", "key-manager", "resident"); code != 3 || !containsText(text, "forbidden") {
		t.Errorf("read outside the list: %d %s", code, text)
	}
	if code, text := run(pam, "get", "key-manager", "resident"); code != 0 || containsText(text, "partners") {
		t.Errorf("read inside the list: %d %s", code, text)
	}
	if code, text := run(alice, append([]string{"keys", "delete"}, place...)...); code != 0 {
		t.Errorf("keys that are there can be deleted: %d %s", code, text)
	}
	cli(t, n, append([]string{"keys", "generate"}, place...)...)
}
