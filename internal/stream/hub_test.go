package stream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/testbed/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// inbox collects what a follower is given.
type inbox chan string

// follow runs a follower until the test's end or stop.
func follow(t *testing.T, o stream.FollowOptions) (got inbox, stop func()) {
	t.Helper()
	got = make(inbox, 10_000)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = stream.Follow(ctx, keyward.DefaultGroup, o, func(b []byte) { got <- string(b) }) })
	stop = func() { cancel(); done.Wait() }
	t.Cleanup(stop)
	return got, stop
}

// publishUntil sends again and again, because a follower may not be there yet.
func publishUntil(t *testing.T, hub *stream.Hub, text string, got inbox) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		_ = hub.Publish(t.Context(), keyward.DefaultGroup, []byte(text)) // the hub may be away for now
		select {
		case s := <-got:
			if s == text {
				return
			}
		case <-tick.C:
		}
	}
	t.Fatalf("%q did not arrive", text)
}

func openHub(t *testing.T, o stream.HubOptions) *stream.Hub {
	t.Helper()
	hub, err := stream.OpenHub(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Close)
	return hub
}

// credentials is the list of who may listen to what.
type credentials struct {
	mu    sync.Mutex
	group map[string]string // user:password -> group
}

func (c *credentials) check(user, password string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.group[user+":"+password]
	return g, ok
}

func TestEmbeddedHubWithoutListener(t *testing.T) {
	hub := openHub(t, stream.HubOptions{})
	if urls := hub.Access("x").URLs; len(urls) != 0 {
		t.Errorf("gateways are told %v, but nothing listens", urls)
	}
	got := make(inbox, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = hub.Follow(ctx, "default", func(b []byte) { got <- string(b) }) })
	publishUntil(t, hub, "hello", got)
	cancel()
	done.Wait()
}

func TestGatewayListensToItsGroupAndNothingElse(t *testing.T) {
	token := stream.NewToken(stream.Fingerprint{1})
	c := &credentials{group: map[string]string{token.ID() + ":" + token.Reveal(): "default"}}
	hub := openHub(t, stream.HubOptions{Listen: "127.0.0.1:0", Authenticate: c.check})
	got, _ := follow(t, stream.FollowOptions{Access: hub.Access(token.ID()), Token: token})
	publishUntil(t, hub, "hello", got)

	conn, faults := connect(t, hub.Access(token.ID()).URLs[0], token.ID(), token.Reveal())
	listen := make(inbox, 100)
	subscribe(t, conn, "keyward.v1.default", listen)
	publishUntil(t, hub, "hello again", listen)
	checkRights(t, hub, conn, faults, got)
}

// connect opens a plain connection, as somebody would who got hold of a gateway's credential.
func connect(t *testing.T, url, user, password string) (*nats.Conn, chan error) {
	t.Helper()
	faults := make(chan error, 100)
	opts := []nats.Option{nats.NoReconnect(), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { faults <- err })}
	if user != "" {
		opts = append(opts, nats.UserInfo(user, password))
	}
	conn, err := nats.Connect(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn, faults
}

func subscribe(t *testing.T, conn *nats.Conn, subject string, got inbox) {
	t.Helper()
	if _, err := conn.Subscribe(subject, func(m *nats.Msg) { got <- string(m.Data) }); err != nil {
		t.Fatal(err)
	}
}

// checkRights tries what a gateway must not be able to do. follower is an honest gateway of the group.
func checkRights(t *testing.T, hub *stream.Hub, conn *nats.Conn, faults chan error, follower inbox) {
	t.Helper()
	violation := func(what string) {
		t.Helper()
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-faults:
			if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
				t.Errorf("%s: got the fault %v", what, err)
			}
		case <-time.After(patience):
			t.Errorf("%s is not refused", what)
		}
	}
	for _, subject := range []string{"keyward.v1.default", "keyward.v1.other", "$SYS.REQ.SERVER.PING", "anything"} {
		if err := conn.Publish(subject, []byte("forged")); err != nil {
			t.Fatal(err)
		}
		violation("publishing to " + subject)
	}
	foreign := make(inbox, 100)
	for _, subject := range []string{"keyward.v1.other", "keyward.v1.*", "keyward.>", ">", "$SYS.>", "_INBOX.>"} {
		subscribe(t, conn, subject, foreign)
		violation("listening to " + subject)
	}
	// What was forged did not reach the honest gateway, and what goes to another group not this one; both would have
	// come before these.
	if err := hub.Publish(t.Context(), "other", []byte("not for you")); err != nil {
		t.Fatal(err)
	}
	publishUntil(t, hub, "the end", follower)
	for len(follower) > 0 {
		if s := <-follower; s == "forged" {
			t.Error("a gateway published to its group")
		}
	}
	if len(foreign) > 0 {
		t.Errorf("a gateway heard %q of another group", <-foreign)
	}
}

func TestEmbeddedHubRefusesStrangers(t *testing.T) {
	token := stream.NewToken(stream.Fingerprint{1})
	c := &credentials{group: map[string]string{token.ID() + ":" + token.Reveal(): "default"}}
	hub := openHub(t, stream.HubOptions{Listen: "127.0.0.1:0", Authenticate: c.check})
	url := hub.Access(token.ID()).URLs[0]
	if conn, err := nats.Connect(url, nats.UserInfo(token.ID(), token.Reveal())); err != nil {
		t.Fatalf("the gateway itself is refused: %v", err)
	} else {
		conn.Close()
	}
	for _, who := range [][2]string{
		{"", ""}, {token.ID(), ""}, {token.ID(), "x"}, {"", token.Reveal()}, {"x", token.Reveal()},
		{"keyward-control", ""}, {"keyward-control", token.Reveal()}, {"$G", "$G"},
	} {
		if conn, err := nats.Connect(url, nats.UserInfo(who[0], who[1])); err == nil {
			conn.Close()
			t.Errorf("%q is let in", who[0])
		}
	}
	if conn, err := nats.Connect(url, nats.Token(token.Reveal())); err == nil {
		conn.Close()
		t.Error("a credential without its gateway's name is let in")
	}
}

func TestCutGatewayIsDisconnectedAtOnce(t *testing.T) {
	one, two := stream.NewToken(stream.Fingerprint{1}), stream.NewToken(stream.Fingerprint{1})
	c := &credentials{group: map[string]string{
		one.ID() + ":" + one.Reveal(): "default", two.ID() + ":" + two.Reveal(): "default",
	}}
	hub := openHub(t, stream.HubOptions{Listen: "127.0.0.1:0", Authenticate: c.check})
	url := hub.Access(one.ID()).URLs[0]
	cut, _ := connect(t, url, one.ID(), one.Reveal())
	stays, _ := connect(t, url, two.ID(), two.Reveal())
	hub.Cut(one.ID())
	deadline := time.Now().Add(patience)
	for !cut.IsClosed() && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if !cut.IsClosed() {
		t.Error("the connection of the withdrawn gateway lives on")
	}
	if conn, err := nats.Connect(url, nats.UserInfo(one.ID(), one.Reveal())); err == nil {
		conn.Close()
		t.Error("the withdrawn gateway comes back in")
	}
	got := make(inbox, 100)
	subscribe(t, stays, "keyward.v1.default", got)
	publishUntil(t, hub, "hello", got)
}

func TestExternalHub(t *testing.T) {
	server := natsserver.Start(t, t.TempDir())
	hub := openHub(t, stream.HubOptions{URL: server.URL, GatewayURL: server.GatewayURL()})
	access := hub.Access("any")
	if access.User != "" || len(access.URLs) != 1 || access.URLs[0] != server.GatewayURL() {
		t.Fatalf("gateways are told %+v", access)
	}
	got, _ := follow(t, stream.FollowOptions{Access: access})
	publishUntil(t, hub, "hello", got)

	conn, faults := connect(t, access.URLs[0], "", "")
	listen := make(inbox, 100)
	subscribe(t, conn, "keyward.v1.default", listen)
	publishUntil(t, hub, "hello again", listen)
	checkRights(t, hub, conn, faults, got)

	// The server goes away and comes back: both sides find it again.
	server.Kill()
	deadline := time.Now().Add(patience)
	for told := false; !told; {
		select {
		case data := <-got:
			told = data == ""
		case <-time.After(patience):
			t.Fatal("nobody was told that the connection is lost")
		}
	}
	for hub.Publish(t.Context(), "default", []byte("lost")) == nil && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	publishUntil(t, hub, "back again", got)
}

func TestExternalHubNeedNotBeThereYet(t *testing.T) {
	hub := openHub(t, stream.HubOptions{URL: "nats://control:secret@127.0.0.1:1"})
	if err := hub.Publish(t.Context(), "default", []byte("x")); err == nil {
		t.Error("publishing to nobody succeeds")
	}
	if urls := hub.Access("x").URLs; len(urls) != 1 || urls[0] != "nats://127.0.0.1:1" {
		t.Errorf("gateways are told %v: the publisher's credentials are not for them", urls)
	}
}

func TestHubSaysWhyItCannotListen(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if hub, err := stream.OpenHub(stream.HubOptions{Listen: l.Addr().String()}); err == nil {
		hub.Close()
		t.Error("a taken address is not a fault")
	} else if !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}

func TestHubOverTLSWithReload(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	roots := writeCertificate(t, certFile, keyFile)
	certificate, err := stream.NewCertificate(certFile, keyFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := stream.NewToken(stream.Fingerprint{1})
	c := &credentials{group: map[string]string{token.ID() + ":" + token.Reveal(): "default"}}
	hub := openHub(t, stream.HubOptions{Listen: "127.0.0.1:0", Authenticate: c.check, TLS: certificate.Config()})
	access := hub.Access(token.ID())
	if !strings.HasPrefix(access.URLs[0], "tls://") {
		t.Fatalf("gateways are told %v", access.URLs)
	}
	o := stream.FollowOptions{Access: access, Token: token, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	got, stop := follow(t, o)
	publishUntil(t, hub, "hello", got)
	stop()
	if conn, err := nats.Connect(access.URLs[0], nats.UserInfo(token.ID(), token.Reveal())); err == nil {
		conn.Close()
		t.Error("a certificate that leads to no root is believed")
	}

	roots = writeCertificate(t, certFile, keyFile)
	o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	got, _ = follow(t, o)
	publishUntil(t, hub, "with the new certificate", got)
}

// stamp makes each certificate file newer than the last, whatever the file system's clock resolution.
var stamp atomic.Int64

func writeCertificate(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Duration(stamp.Add(1)) * time.Second)
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(mustParse(t, der))
	return pool
}

func mustParse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
