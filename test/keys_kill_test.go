package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/testbed/program"
	"keyward.dev/keyward/internal/testbed/vendorproxy"
)

func decode[T any](t *testing.T, s string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%v: %s", err, s)
	}
	return v
}

func tokenFrom(req *http.Request) (string, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var said struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(b, &said); err != nil || said.Token == "" {
		return "", fmt.Errorf("%s: %s", resp.Status, b)
	}
	return said.Token, nil
}

// background starts a command of the CLI and leaves it, for the server will be killed under it.
func background(t *testing.T, n *program.Node, args ...string) {
	t.Helper()
	token, err := n.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary.Path, args...)
	cmd.Dir = filepath.Dir(n.Dir)
	cmd.Env = program.Environment(map[string]string{"KEYWARD_SERVER": "http://" + n.Control, "KEYWARD_TOKEN": token})
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
}

// TestKillBetweenTheStepsOfARegistration ends the control plane with kill -9 while the vendor has not been reached yet,
// and after it has made the client; on a server that can be searched and on one that cannot. Afterwards the next try
// works, and no client is left that nobody knows of.
func TestKillBetweenTheStepsOfARegistration(t *testing.T) {
	t.Parallel()
	for _, searchable := range []bool{true, false} {
		for _, side := range []vendorproxy.Side{vendorproxy.Request, vendorproxy.Answer} {
			name := map[bool]string{true: "Keycloak", false: "oidc-provider"}[searchable] + " " +
				map[vendorproxy.Side]string{vendorproxy.Request: "before the vendor",
					vendorproxy.Answer: "after the vendor"}[side]
			t.Run(name, func(t *testing.T) { killDuringRegistration(t, searchable, side) })
		}
	}
}

func killDuringRegistration(t *testing.T, searchable bool, side vendorproxy.Side) {
	var v vendor
	var proxy *vendorproxy.Proxy
	part := "/reg"
	if searchable {
		r := shared.Realm(t, fmt.Sprintf("kill-%d", side))
		proxy = vendorproxy.Start(t, r.Server.URL)
		v = behindProxy(r, proxy)
		part = "/clients"
	} else {
		s := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
		proxy = vendorproxy.Start(t, strings.TrimSuffix(s.Issuer, "/"))
		v = providerVendor(t, s)
		v.spec += fmt.Sprintf(", endpoints: {registration: %q}", proxy.URL+"/reg")
	}
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "["+v.name+"]", ""), mobile())
	before, err := v.clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	generate := place("generate", v.name, "--grant", "client_credentials")

	hold := proxy.HoldNext(http.MethodPost, part, side)
	background(t, n, generate...)
	<-hold.Reached
	n.Kill()
	hold.Drop()
	n.Start(t)

	// Either the attempt left nothing and the next one works, or the client that the vendor made is the application's,
	// and its secret can be fetched once more.
	var k madeKeys
	reveal := append(place("reveal", v.name), "-o", "json")
	testbed.Eventually(t, "the developer has keys", func() string {
		r := n.CLI(t, "", append(generate, "-o", "json")...)
		if searchable && r.Code != 0 && containsText(r.Stderr, "keys_exist") {
			r = n.CLI(t, "", reveal...)
		}
		if r.Code != 0 {
			return r.String()
		}
		k = decode[madeKeys](t, r.Stdout)
		return ""
	})
	k.TokenEndpoint = tokenEndpoint(t, n, v)
	n.CLI(t, "", reveal...) // once more is allowed, as if the answer had been lost
	if r := n.CLI(t, "", reveal...); r.Code != 3 {
		t.Errorf("the secret is shown again and again: %s", r)
	}
	// What subscriptions give follows the client by itself: a token has it as soon as it was given.
	testbed.Eventually(t, "a token of the client passes", func() string {
		token, err := k.tryToken(t.Context(), v) // refused until the client has the scope
		if err != nil {
			return err.Error()
		}
		return call(t, n.Gateway, http.MethodGet, items, token).want(200, "")
	})

	want := len(before) + 1
	list := cli(t, n, "keys", "list", "--application", "mobile", "-o", "json")
	if !searchable {
		if !containsText(list, "keyward-") {
			t.Errorf("the possible orphan is not listed with the name to look for: %s", list)
		}
		if side == vendorproxy.Answer {
			want++ // nobody can find it but the vendor's administrator, who is told its name
		}
	}
	testbed.Eventually(t, "the vendor has the clients that are known here", func() string {
		ids, err := v.clients(t.Context())
		if err != nil {
			return err.Error()
		}
		if len(ids) != want {
			return fmt.Sprintf("%d clients, want %d: %v", len(ids), want, ids)
		}
		return ""
	})
}

// killedIn ends the control plane with kill -9 in the middle of a command that deletes the generated client of
// application mobile at the realm, key manager kc: before the server has seen it or after it has done it. The client's
// token is out of use at every moment from then on. The node runs again.
func killedIn(t *testing.T, realm string, side vendorproxy.Side, command ...string) (
	n *program.Node, v vendor, clientID, token string,
) {
	t.Helper()
	r := shared.Realm(t, fmt.Sprintf("%s-%d", realm, side))
	proxy := vendorproxy.Start(t, r.Server.URL)
	v = behindProxy(r, proxy)
	up := newUpstream(t)
	n = serve(t)
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "["+v.name+"]", ""), mobile())
	k := cliJSON[madeKeys](t, n, place("generate", v.name, "--scope", "orders:read")...)
	token = k.token(t, v)
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	hold := proxy.HoldNext(http.MethodDelete, "/clients/", side)
	background(t, n, command...)
	<-hold.Reached
	until(t, n.Gateway, http.MethodGet, items, token, 403, "no_subscription")
	n.Kill()
	hold.Drop()
	n.Start(t)
	return n, v, k.ClientID, token
}
