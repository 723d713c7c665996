package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
)

// echoUpgrade is a backend that speaks another protocol after 101: it gives back each line.
func echoUpgrade(t *testing.T) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			rw.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		c, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		for {
			line, err := buffered.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "echo "+line)
		}
	}
}

// tunnel is the caller's end of an upgraded connection.
type tunnel struct {
	net.Conn
	in *bufio.Reader
}

func (w *world) upgrade(protocol string) (*tunnel, reply) {
	w.t.Helper()
	return w.upgradeWith(protocol, w.token(nil))
}

func (w *world) upgradeWith(protocol, token string) (*tunnel, reply) {
	w.t.Helper()
	c := w.dial()
	_, err := fmt.Fprintf(c, "GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Connection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		token, protocol)
	if err != nil {
		w.t.Fatal(err)
	}
	in := bufio.NewReader(c)
	return &tunnel{Conn: c, in: in}, w.read(in)
}

func (u *tunnel) echo(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(u, text+"\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := u.in.ReadString('\n'); err != nil || line != "echo "+text+"\n" {
		t.Fatalf("%q, %v", line, err)
	}
}

func TestWebSocketPasses(t *testing.T) {
	w := newWorld(t)
	w.handle(echoUpgrade(t))
	u, resp := w.upgrade("websocket")
	if resp.StatusCode != 101 || resp.Header.Get("X-Keyward-Decision") == "" || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	for i := range 3 {
		u.echo(t, fmt.Sprint("message ", i))
	}
	if w.got().Header.Get("X-JWT-Assertion") == "" || w.got().Header.Get("Authorization") != "" {
		t.Errorf("header %v", w.got().Header)
	}
}

func TestWebSocketNeedsATokenLikeAnyCall(t *testing.T) {
	w := newWorld(t)
	w.handle(echoUpgrade(t))
	resp := w.raw("GET /orders/v1/items HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	wantProblem(t, resp, 401, keyward.CodeMissingCredentials)
}

func TestOtherProtocolsAreNotUpgradedTo(t *testing.T) {
	w := newWorld(t)
	upgraded := make(chan string, 8)
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		upgraded <- r.Header.Get("Upgrade")
		_, _ = io.WriteString(rw, "plain")
	})
	for _, protocol := range []string{"h2c", "TLS/1.0", "websocket, h2c", "connect-udp"} {
		_, resp := w.upgrade(protocol)
		if got := <-upgraded; got != "" || resp.StatusCode != 200 {
			t.Errorf("%s: the backend was asked for %q, status %d", protocol, got, resp.StatusCode)
		}
	}
	w.handle(func(rw http.ResponseWriter, _ *http.Request) { // a backend that switches without being asked
		c, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		_ = c.Close()
	})
	wantProblem(t, w.send("GET", "/orders/v1/items", nil, nil), 502, keyward.CodeUpstreamUnreachable)
}

// isCut waits for the end of a tunnel.
func (u *tunnel) isCut(t *testing.T) {
	t.Helper()
	if _, err := u.in.ReadByte(); err == nil || isTimeout(err) {
		t.Fatalf("the tunnel should have been cut: %v", err)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestStreamsAreCut(t *testing.T) {
	disabled := func(w *world) {
		row := w.current().KeyManager("km-corp").KeyManagerRow
		row.Enabled = false
		w.put(keyward.RowKeyManager, "km-corp", row)
	}
	for name, change := range map[string]func(*world){
		"key manager disabled": disabled,
		"key manager deleted": func(w *world) {
			w.apply(keyward.Change{Kind: keyward.RowKeyManager, ID: "km-corp", Deleted: true, Last: true})
		},
		"key manager believes another issuer": func(w *world) {
			row := w.current().KeyManager("km-corp").KeyManagerRow
			row.Issuers = []keyward.IssuerRow{{Issuer: "https://other.example", JWKS: row.Issuers[0].JWKS}}
			w.put(keyward.RowKeyManager, "km-corp", row)
		},
		"subscription blocked": func(w *world) {
			row := *w.current().Subscription("app", "api-orders")
			row.State = keyward.SubscriptionBlocked
			w.put(keyward.RowSubscription, "s", row)
		},
		"key manager held": func(w *world) {
			row := w.current().KeyManager("km-corp").KeyManagerRow
			row.Hold = &keyward.HoldRow{}
			w.put(keyward.RowKeyManager, "km-corp", row)
		},
		"application held": func(w *world) {
			row := *w.current().Application("app")
			row.Hold = &keyward.HoldRow{}
			w.put(keyward.RowApplication, "app", row)
		},
		"API deleted": func(w *world) {
			w.apply(keyward.Change{Kind: keyward.RowAPI, ID: "api-orders", Deleted: true, Last: true})
		},
		"gateway withdrawn": func(w *world) {
			w.stopServing(keyward.Errorf(keyward.CodeGatewayStale, "withdrawn"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.handle(echoUpgrade(t))
			u, resp := w.upgrade("websocket")
			if resp.StatusCode != 101 {
				t.Fatal(resp.StatusCode)
			}
			u.echo(t, "before")
			change(w)
			u.isCut(t)
		})
	}
}

// TestExchangedStreamsEndWithTheirOrigin: what goes on by a token that was given in exchange is cut when the key manager
// whose token it was given for is trusted no more; a change of that one that leaves the trust cuts nothing.
func TestExchangedStreamsEndWithTheirOrigin(t *testing.T) {
	for name, change := range map[string]func(*keyward.KeyManagerRow){
		"held":     func(r *keyward.KeyManagerRow) { r.Hold = &keyward.HoldRow{} },
		"disabled": func(r *keyward.KeyManagerRow) { r.Enabled = false },
		"direct":   func(r *keyward.KeyManagerRow) { r.Use = keyward.UseDirect },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.handle(echoUpgrade(t))
			row := w.current().KeyManager("km-corp").KeyManagerRow
			row.Name = keyward.ResidentName
			w.put(keyward.RowKeyManager, "km-corp", row)
			origin := keyward.KeyManagerRow{
				Tenant: "default", Name: "partner", Enabled: true, Issuers: []keyward.IssuerRow{{Issuer: "https://x"}},
				Use: keyward.UseExchange,
			}
			w.put(keyward.RowKeyManager, "km-partner", origin)
			u, resp := w.upgradeWith("websocket", w.token(map[string]any{
				"sub": "partner|joe", "keyward": map[string]any{"key_manager_id": "km-partner"},
			}))
			own, _ := w.upgrade("websocket")
			if resp.StatusCode != 101 {
				t.Fatal(resp.StatusCode)
			}
			u.echo(t, "before")
			origin.Use = keyward.UseBoth
			w.put(keyward.RowKeyManager, "km-partner", origin)
			u.echo(t, "trusted for more")
			change(&origin)
			w.put(keyward.RowKeyManager, "km-partner", origin)
			u.isCut(t)
			own.echo(t, "a client's own goes on")
		})
	}
}

func TestStreamsOutliveOtherChanges(t *testing.T) {
	w := newWorld(t)
	w.handle(echoUpgrade(t))
	u, _ := w.upgrade("websocket")
	u.echo(t, "before")
	row := w.current().KeyManager("km-corp").KeyManagerRow
	row.ClockSkew = keyward.Duration(time.Minute) // its own key manager, a harmless change
	w.put(keyward.RowKeyManager, "km-corp", row)
	w.put(keyward.RowKeyManager, "km-other", keyward.KeyManagerRow{
		Tenant: "default", Name: "other", Enabled: true, Issuers: []keyward.IssuerRow{{Issuer: "https://x"}},
	})
	one := w.onlyStream()
	deadline := time.Now().Add(20 * time.Second)
	for w.gateway.streams.groundOf(one) != groundOf(w.current(), one.decision) { // until it was judged anew
		if time.Now().After(deadline) {
			t.Fatal("the stream was not judged by the new view")
		}
		time.Sleep(5 * time.Millisecond)
	}
	u.echo(t, "after")
}

func (w *world) onlyStream() *stream {
	w.t.Helper()
	all := w.gateway.streams.all()
	if len(all) != 1 {
		w.t.Fatalf("%d streams", len(all))
	}
	return all[0]
}

func TestEventStreamsAndWaitingCallsAreCut(t *testing.T) {
	w := newWorld(t)
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, "data: 1\n\n")
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
	})
	resp := w.send("GET", "/orders/v1/items", nil, nil)
	events := bufio.NewReader(resp.Body)
	if line, err := events.ReadString('\n'); err != nil || line != "data: 1\n" {
		t.Fatalf("%q, %v", line, err)
	}
	row := w.current().KeyManager("km-corp").KeyManagerRow
	row.Enabled = false
	w.put(keyward.RowKeyManager, "km-corp", row)
	if _, err := io.ReadAll(events); err == nil {
		t.Error("a stream that was cut must not look complete")
	}
	wantProblem(t, w.send("GET", "/orders/v1/items", nil, nil), 401, keyward.CodeUnknownIssuer)
}

// TestAWaitingCallIsToldWhyItEnds: a call whose backend has not answered yet gets the answer that it would get now.
func TestAWaitingCallIsToldWhyItEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*world)
		status int
		code   keyward.Code
	}{
		"key manager disabled": {func(w *world) {
			row := w.current().KeyManager("km-corp").KeyManagerRow
			row.Enabled = false
			w.put(keyward.RowKeyManager, "km-corp", row)
		}, 401, keyward.CodeUnknownIssuer},
		"subscription blocked": {func(w *world) {
			row := *w.current().Subscription("app", "api-orders")
			row.State = keyward.SubscriptionBlocked
			w.put(keyward.RowSubscription, "s", row)
		}, 403, keyward.CodeSubscriptionBlocked},
		"scope taken away": {func(w *world) {
			row := w.current().API("api-orders").APIRow
			row.Operations = []keyward.Operation{{Method: "*", Path: "/items/**", Scopes: []string{"orders:other"}}}
			w.put(keyward.RowAPI, "api-orders", row)
		}, 403, keyward.CodeInsufficientScope},
		"gateway closed": {func(w *world) { w.gateway.Close() }, 503, keyward.CodeGatewayStale},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			arrived := make(chan struct{}, 1)
			w.handle(func(_ http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				<-r.Context().Done()
			})
			go func() {
				<-arrived
				tt.change(w)
			}()
			resp := w.send("GET", "/orders/v1/items", nil, nil)
			if challenge := resp.Header.Get("WWW-Authenticate"); tt.code == keyward.CodeInsufficientScope &&
				!strings.Contains(challenge, `scope="orders:other"`) {
				t.Errorf("challenge %s", challenge)
			}
			wantProblem(t, resp, tt.status, tt.code)
		})
	}
}

// TestTheEndLeavesCallsAlone: what is under way when the background part ends goes on, until the gateway is closed.
func TestTheEndLeavesCallsAlone(t *testing.T) {
	w := newWorld(t)
	w.handle(echoUpgrade(t))
	u, _ := w.upgrade("websocket")
	u.echo(t, "before")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.gateway.Run(ctx); err != nil {
		t.Fatal(err)
	}
	u.echo(t, "after")
	w.gateway.Close()
	u.isCut(t)
}
