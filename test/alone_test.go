package e2e

import (
	"strings"
	"testing"
)

// Two control planes on one database need an external hub, or the gateways of one miss what the other writes.
func TestSecondControlPlaneNeedsAnExternalHub(t *testing.T) {
	t.Parallel() // it waits for a lease to end
	url, err := startPostgres(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := binary.NewNode(t, "first", "control", t.TempDir())
	second := binary.NewNode(t, "second", "control", t.TempDir())
	for _, settings := range []map[string]string{first.Env, second.Env} {
		settings["KEYWARD_DATABASE"] = url
		settings["KEYWARD_SEAL_KEY"] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
		settings["KEYWARD_ADMIN_TOKEN"] = "an-admin-token-of-more-than-32-characters"
	}
	first.Start(t)
	refused, err := binary.Run(t.TempDir(), second.Env, "", "serve", "--role", "control")
	if err != nil {
		t.Fatal(err)
	}
	if refused.Code != 1 || !strings.Contains(refused.Stderr, "KEYWARD_NATS") {
		t.Fatalf("a second control plane ended with %d: %s", refused.Code, refused.Stderr)
	}
	// The control: killed, the first one's place is free soon, and the second starts.
	first.Kill()
	second.Start(t)
}
