package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// authority is a private certificate authority with its files in a folder.
type authority struct {
	dir    string
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	file   string // its certificate in PEM form
	serial int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.file = filepath.Join(a.dir, "ca.pem")
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a private authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue writes NAME.crt and NAME.key for the hosts, and gives the certificate's serial number.
func (a *authority) issue(t *testing.T, name string, hosts ...string) int64 {
	t.Helper()
	return a.issueUntil(t, name, time.Now().Add(time.Hour), hosts...)
}

// issueUntil is issue for a certificate that ends then.
func (a *authority) issueUntil(t *testing.T, name string, until time.Time, hosts ...string) int64 {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1000 + a.serial), NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.path(name, "crt"), "CERTIFICATE", der)
	writePEM(t, a.path(name, "key"), "PRIVATE KEY", private)
	return 1000 + a.serial
}

func (a *authority) path(name, kind string) string { return filepath.Join(a.dir, name+"."+kind) }

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
}

// config believes this authority and no other.
func (a *authority) config() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ServerName: "localhost"}
}

func (a *authority) client() *http.Client {
	return &http.Client{Timeout: callLimit, Transport: &http.Transport{
		TLSClientConfig: a.config(), DisableKeepAlives: true,
	}}
}

// get asks by HTTPS; status 0 is a call that failed, with the reason as body.
func (a *authority) get(t *testing.T, address, target, token string) *answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := a.client().Do(req)
	if err != nil {
		return &answer{body: err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := read(resp)
	if err != nil {
		return &answer{body: err.Error()}
	}
	return got
}

// answers waits until the address answers 200.
func (a *authority) answers(t *testing.T, address, target, token string) {
	t.Helper()
	testbed.Eventually(t, target+" at "+address,
		func() string { return a.get(t, address, target, token).want(http.StatusOK, "") })
}

// serve gives a listener of the node its certificate.
func (a *authority) serve(t *testing.T, n *program.Node, listener string, hosts ...string) {
	t.Helper()
	name := n.Name + "-" + strings.ToLower(listener)
	a.issue(t, name, hosts...)
	n.Env["KEYWARD_"+listener+"_TLS_CERT"] = a.path(name, "crt")
	n.Env["KEYWARD_"+listener+"_TLS_KEY"] = a.path(name, "key")
}

// cli runs a command as the administrator over TLS, with these settings besides.
func (a *authority) cli(t *testing.T, n *program.Node, stdin string, settings map[string]string, args ...string) program.Result {
	t.Helper()
	token, err := n.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"KEYWARD_SERVER": "https://" + n.Control, "KEYWARD_TOKEN": token}
	for name, value := range settings {
		env[name] = value
	}
	r, err := binary.Run(t.TempDir(), env, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// must is a command that succeeds.
func (a *authority) must(t *testing.T, n *program.Node, stdin string, args ...string) string {
	t.Helper()
	r := a.cli(t, n, stdin, map[string]string{"KEYWARD_CONTROL_CA": a.file}, args...)
	if r.Code != 0 {
		t.Fatalf("keyward %s: %s", strings.Join(args, " "), r)
	}
	return r.Stdout
}

// secure starts a control plane and one gateway whose every listener has TLS. The hub's certificate names a host that
// only the public URL tells of.
func (a *authority) secure(t *testing.T) (control, gateway *program.Node) {
	t.Helper()
	control = binary.NewNode(t, "control", "control", t.TempDir())
	_, port, err := net.SplitHostPort(control.Control)
	if err != nil {
		t.Fatal(err)
	}
	control.Env["KEYWARD_PUBLIC_URL"] = "https://localhost:" + port
	a.serve(t, control, "CONTROL", "127.0.0.1", "localhost")
	a.serve(t, control, "OPS", "127.0.0.1", "localhost")
	a.serve(t, control, "NATS", "localhost")
	control.Launch(t)
	a.answers(t, control.Ops, "/readyz", "")
	gateway = a.gateway(t, control, "g1", a.file)
	a.answers(t, gateway.Ops, "/readyz", "")
	return control, gateway
}

// gateway launches a gateway with TLS that believes the given authority, the system's when it is empty.
func (a *authority) gateway(t *testing.T, control *program.Node, name, believes string) *program.Node {
	t.Helper()
	g := binary.NewNode(t, name, "gateway", t.TempDir())
	g.Env["KEYWARD_CONTROL_URL"] = "https://" + control.Control
	g.Env["KEYWARD_GATEWAY_TOKEN"] = strings.TrimSpace(a.must(t, control, "", "gateway", "token", name))
	g.Env["KEYWARD_CONTROL_CA"] = believes
	a.serve(t, g, "GATEWAY", "127.0.0.1", "localhost")
	a.serve(t, g, "OPS", "127.0.0.1", "localhost")
	g.Launch(t)
	return g
}

// TestTLSOnEveryListener: console, internal API, hub, traffic and ops with certificates of a private authority.
func TestTLSOnEveryListener(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	control, g := a.secure(t)
	up, i := newUpstream(t), issuer.Start(t, "a", "ES256")
	token := mint(t, i, issuer.Token{})
	a.must(t, control, join(external("a", i, ""), orders(up.URL, "[a]", ""), mobile("a")), "apply", "-f", "-")
	a.answers(t, g.Gateway, items, token)

	// The hub is followed over TLS: a gateway that has no hub asks twice a second.
	testbed.Eventually(t, "the gateway follows the hub and asks for nothing", func() string {
		before := pulls(a.get(t, g.Ops, "/metrics", "").body)
		time.Sleep(1500 * time.Millisecond) // three questions of a gateway without a hub
		return testbed.Same(pulls(a.get(t, g.Ops, "/metrics", "").body), before)
	})
	if got := a.get(t, control.Control, "/.well-known/openid-configuration", ""); !strings.Contains(got.body,
		fmt.Sprintf(`"issuer":"%s"`, control.Env["KEYWARD_PUBLIC_URL"])) {
		t.Errorf("the resident issuer is not the public URL: %s", got.body)
	}
	for address, target := range map[string]string{control.Control: "/openapi.json", g.Gateway: items, g.Ops: "/healthz"} {
		if got := call(t, address, http.MethodGet, target, token); got.status != 400 {
			t.Errorf("%s answers plain text with %d", target, got.status)
		}
	}

	for name, believes := range map[string]string{"stranger": stranger.file, "system": ""} {
		wrong := a.gateway(t, control, name, believes)
		testbed.Eventually(t, "a gateway that believes another authority says what is wrong", func() string {
			if strings.Contains(wrong.Output(), "certificate") {
				return ""
			}
			return "it printed: " + wrong.Output()
		})
		if got := a.get(t, wrong.Ops, "/readyz", ""); got.status != 503 {
			t.Errorf("it believes the control plane: %d %s", got.status, got.body)
		}
		settings := map[string]string{"KEYWARD_CONTROL_CA": believes}
		if r := a.cli(t, control, "", settings, "get", "tenants"); r.Code != 1 || !containsText(r.Stderr, "certificate") {
			t.Errorf("the CLI believes another authority: %s", r)
		}
	}
	// The control: the CLI also believes what the system is told to.
	if r := a.cli(t, control, "", map[string]string{"SSL_CERT_FILE": a.file}, "get", "tenants"); r.Code != 0 {
		t.Errorf("the CLI with the system's authorities: %s", r)
	}
}

// pulls are the lines of a gateway's metrics that count its questions.
func pulls(metrics string) string {
	var lines []string
	for line := range strings.SplitSeq(metrics, "\n") {
		if strings.HasPrefix(line, "keyward_gateway_pulls_total{") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// TestCertificatesAreReadAgain on every listener: new files are served, broken ones leave the last good certificate in
// place and are told of, and good ones after them are served.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel() // it waits for files to be looked at
	a := newAuthority(t)
	control, g := a.secure(t)
	listeners := []struct {
		name, address string
		node          *program.Node
		hub           bool
	}{
		{"control-control", control.Control, control, false}, {"control-ops", control.Ops, control, false},
		{"control-nats", control.Hub, control, true}, {"g1-gateway", g.Gateway, g, false}, {"g1-ops", g.Ops, g, false},
	}
	for _, l := range listeners {
		t.Run(l.name, func(t *testing.T) {
			served := func(serial int64) func() string {
				return func() string { return testbed.Same(a.served(t, l.address, l.hub), serial) }
			}
			second := a.issue(t, l.name, "127.0.0.1", "localhost")
			testbed.Eventually(t, "the new certificate is served", served(second))
			if err := os.WriteFile(a.path(l.name, "crt"), []byte("-----BEGIN CERTIFICATE-----\nhalf"), 0o600); err != nil {
				t.Fatal(err)
			}
			testbed.Eventually(t, "the broken file is told of", func() string {
				if fault := served(second)(); fault != "" {
					t.Fatalf("the last good certificate serves no more: %s", fault)
				}
				if strings.Contains(l.node.Output(), "the certificate files cannot be used; the certificate before serves on\" file="+
					a.path(l.name, "crt")) {
					return ""
				}
				return "not yet"
			})
			testbed.Eventually(t, "the next good certificate is served", served(a.issue(t, l.name, "127.0.0.1", "localhost")))
		})
	}
}

// served gives the serial number of the certificate that a listener shows; the hub greets before it does.
func (a *authority) served(t *testing.T, address string, hub bool) int64 {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: callLimit}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(callLimit)); err != nil {
		t.Fatal(err)
	}
	if hub {
		greeting := make([]byte, 1)
		for greeting[0] != '\n' {
			if _, err := conn.Read(greeting); err != nil {
				t.Fatal(err)
			}
		}
	}
	secure := tls.Client(conn, a.config())
	if err := secure.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return secure.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}
