package e2e

import (
	"maps"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/natsserver"
)

// Two control planes on one database need an external hub, both of them, or the gateways of one miss what the other writes.
func TestSecondControlPlaneNeedsAnExternalHub(t *testing.T) {
	t.Parallel() // it waits for a lease to end
	url, err := startPostgres(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{
		"KEYWARD_DATABASE": url, "KEYWARD_SEAL_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"KEYWARD_ADMIN_TOKEN": "an-admin-token-of-more-than-32-characters",
	}
	first := binary.NewNode(t, "first", "control", t.TempDir())
	second := binary.NewNode(t, "second", "control", t.TempDir())
	maps.Copy(first.Env, settings)
	maps.Copy(second.Env, settings)
	first.Start(t)
	refuse := func(what string) {
		t.Helper()
		refused, err := binary.Run(t.TempDir(), second.Env, "", "serve", "--role", "control")
		if err != nil {
			t.Fatal(err)
		}
		if refused.Code != 1 || !strings.Contains(refused.Stderr, "KEYWARD_NATS") {
			t.Fatalf("%s ended with %d: %s", what, refused.Code, refused.Stderr)
		}
	}
	refuse("a second control plane")

	// The control: with an external hub, killed, the first one's place is free soon; two share it, and no other gets in.
	first.Kill()
	hub := natsserver.Start(t, t.TempDir())
	third := binary.NewNode(t, "third", "control", t.TempDir())
	maps.Copy(third.Env, settings)
	for _, env := range []map[string]string{first.Env, third.Env} {
		env["KEYWARD_NATS"], env["KEYWARD_NATS_GATEWAY"] = hub.URL, hub.GatewayURL()
	}
	first.Start(t)
	third.Start(t)
	refuse("one with an embedded hub beside two with an external one")
	first.Kill()
	third.Kill()
	second.Start(t)
}
