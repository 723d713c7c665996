package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// TestWithdrawalCutsTheHub: a gateway that is revoked stops, and whoever else listens with its credential is cut off
// the embedded hub and not let in again. The other gateway's connection stays.
func TestWithdrawalCutsTheHub(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, false)
	up, a := newUpstream(t), issuer.Start(t, "a", "RS256")
	token := mint(t, a, issuer.Token{})
	apply(t, f.control, external("a", a, ""), orders(up.URL, "[a]", ""), mobile("a"))
	f.everywhere(t, token, 200, "")

	stolen := f.gateways[0].Env["KEYWARD_GATEWAY_TOKEN"]
	thief, honest := listen(t, f.control.Hub, stolen), listen(t, f.control.Hub, f.gateways[1].Env["KEYWARD_GATEWAY_TOKEN"])
	thief.await(t, "MSG")
	honest.await(t, "MSG")

	cli(t, f.control, "gateway", "revoke", "g1")
	until(t, f.gateways[0].Gateway, http.MethodGet, items, token, 503, "gateway_stale")
	thief.awaitEnd(t)
	again := listen(t, f.control.Hub, stolen)
	again.await(t, "-ERR 'Authorization Violation'")
	honest.await(t, "MSG")
	until(t, f.gateways[1].Gateway, http.MethodGet, items, token, 200, "")
}

// listener speaks the hub's protocol by hand, as anybody could who found a gateway's credential.
type listener struct {
	conn  net.Conn
	lines *bufio.Reader
}

func listen(t *testing.T, hub, credential string) *listener {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(credential, "kwg_"))
	if err != nil || len(raw) < 16 {
		t.Fatalf("the credential does not begin with an id: %v", err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", hub)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	hello, err := json.Marshal(map[string]any{"user": hex.EncodeToString(raw[:16]), "pass": credential, "verbose": false})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s\r\nSUB keyward.v1.default 1\r\n", hello); err != nil {
		t.Fatal(err)
	}
	return &listener{conn: conn, lines: bufio.NewReader(conn)}
}

// next gives one line of the hub's, and answers its pings.
func (l *listener) next() (string, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(testbed.StartupLimit)); err != nil {
		return "", err
	}
	line, err := l.lines.ReadString('\n')
	if err == nil && strings.HasPrefix(line, "PING") {
		_, err = fmt.Fprint(l.conn, "PONG\r\n")
	}
	return line, err
}

func (l *listener) await(t *testing.T, prefix string) {
	t.Helper()
	for {
		line, err := l.next()
		if err != nil {
			t.Fatalf("the hub did not say %s: %v", prefix, err)
		}
		if strings.HasPrefix(line, prefix) {
			return
		}
	}
}

// awaitEnd waits until the hub ends the connection.
func (l *listener) awaitEnd(t *testing.T) {
	t.Helper()
	for {
		if _, err := l.next(); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // net returns it bare
				t.Fatal("the hub still serves the withdrawn credential")
			}
			return
		}
	}
}
