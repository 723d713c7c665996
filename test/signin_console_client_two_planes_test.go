package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/natsserver"
	"keyward.dev/keyward/internal/testbed/pingserver"
	"keyward.dev/keyward/internal/testbed/program"
	"keyward.dev/keyward/internal/testbed/vendorproxy"
)

// twoControlPlanes starts two on one PostgreSQL and one hub, at one public URL.
func twoControlPlanes(t *testing.T) []*program.Node {
	t.Helper()
	hub := natsserver.Start(t, t.TempDir())
	database, err := startPostgres(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var both []*program.Node
	for _, name := range []string{"one", "two"} {
		n := binary.NewNode(t, name, "control", t.TempDir())
		both = append(both, n)
		for setting, value := range map[string]string{
			"DATABASE": database, "NATS": hub.URL, "NATS_GATEWAY": hub.GatewayURL(), "PUBLIC_URL": "http://" + both[0].Control,
			"SEAL_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "ADMIN_TOKEN": "an-admin-token-of-more-than-32-characters",
		} {
			n.Env["KEYWARD_"+setting] = value
		}
		n.Start(t)
	}
	return both
}

// TestTwoControlPlanesRegisterOneConsole: of two processes on one PostgreSQL one registers the console's client at a key manager's
// server, and both know it; killed while the server has made the client and nobody knows yet, they leave exactly one there.
func TestTwoControlPlanesRegisterOneConsole(t *testing.T) {
	t.Parallel()
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return pingserver.Build(origin, key) })
	proxy := vendorproxy.Start(t, s.URL)
	both := twoControlPlanes(t)
	km := func(enabled bool) string {
		return manifest("KeyManager", "corp", fmt.Sprintf(`type: ping, discovery: %q,
  connection: {adminUrl: %q, username: %s, password: %q},
  signIn: {enabled: %v, roles: [{claim: groups, equals: apis, role: publisher}]}`, s.URL+"/.well-known/openid-configuration",
			proxy.URL+"/pf-admin-api/v1", pingserver.AdminUser, pingserver.AdminPassword, enabled))
	}
	there := func(ctx context.Context) string {
		var list struct{ Items []struct{ ClientID string } }
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, http.NoBody)
		if err != nil {
			return err.Error()
		}
		r.SetBasicAuth(pingserver.AdminUser, pingserver.AdminPassword)
		err = ask(ctx, http.MethodGet, s.URL+"/pf-admin-api/v1/oauth/clients", "", &list, "X-XSRF-Header", "PingFederate",
			"Authorization", r.Header.Get("Authorization"))
		var ids []string
		for _, c := range list.Items {
			ids = append(ids, c.ClientID)
		}
		return fmt.Sprint(ids, err)
	}
	one := func() {
		first := awaitClient(t, both[0], "active")
		if second := awaitClient(t, both[1], "active"); second.ClientID != first.ClientID {
			t.Errorf("%+v at the one, %+v at the other", first, second)
		}
		if got, want := there(t.Context()), fmt.Sprint([]string{first.ClientID}, nil); got != want {
			t.Errorf("at the server: %s, not %s", got, want)
		}
	}
	apply(t, both[0], km(true))
	one()
	made := slices.DeleteFunc(s.Seen(), func(q contract.Request) bool {
		return q.Method != http.MethodPost || !strings.HasSuffix(q.URI, "/oauth/clients")
	})
	if len(made) != 1 {
		t.Errorf("registered %d times", len(made))
	}
	apply(t, both[1], km(false))
	for _, n := range both {
		awaitClient(t, n, "")
	}

	hold := proxy.HoldNext(http.MethodPost, "/oauth/clients", vendorproxy.Answer)
	apply(t, both[0], km(true))
	<-hold.Reached
	for _, n := range both { // whichever of them asks
		n.Kill()
	}
	hold.Drop()
	if got := there(t.Context()); !strings.Contains(got, "keyward-") {
		t.Fatalf("the server has not made a client: %s", got)
	}
	for _, n := range both {
		n.Start(t)
	}
	// What a process had begun counts for a minute as its work.
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if all := consoleClients(t, both[1]); len(all) == 1 && all[0].State == "active" {
			break
		}
	}
	one()
	apply(t, both[1], km(false))
	for _, n := range both {
		awaitClient(t, n, "")
	}
	if got := there(t.Context()); got != "[] <nil>" {
		t.Errorf("left at the server: %s", got)
	}
}
