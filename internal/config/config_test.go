package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testSealKey is 32 bytes of zero.
const testSealKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyward.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNamesFollowOneRule(t *testing.T) {
	for _, f := range fields() {
		words := strings.ToLower(strings.TrimPrefix(f.env, "KEYWARD_"))
		if want := strings.ReplaceAll(words, "_", "-"); f.flag != want {
			t.Errorf("%s has the flag --%s, want --%s", f.env, f.flag, want)
		}
		if got := strings.ToLower(f.key); got != strings.ReplaceAll(words, "_", "") {
			t.Errorf("%s is %s in the file", f.env, f.key)
		}
	}
}

func TestLaterSourcesWin(t *testing.T) {
	path := writeFile(t, "data: /file\ncontrolAddress: 127.0.0.1:1\nopsAddress: 127.0.0.1:2\ntrustedPeers: [10.0.0.0/8, 192.0.2.1]\n")
	env := []string{"KEYWARD_CONTROL_ADDRESS=127.0.0.1:3", "KEYWARD_DATA=/env", "KEYWARD_OPS_ADDRESS=", "HOME=/root"}
	v, warnings, err := Load(path, env, Values{Data: "/flag"})
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	s, err := v.Parse()
	if err != nil {
		t.Fatal(err)
	}
	if s.Data != "/flag" || s.ControlAddress != "127.0.0.1:3" || s.OpsAddress != "127.0.0.1:2" {
		t.Errorf("data %s, control %s, ops %s", s.Data, s.ControlAddress, s.OpsAddress)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}
	if len(s.TrustedPeers) != 2 || s.TrustedPeers[0] != want[0] || s.TrustedPeers[1] != want[1] {
		t.Errorf("trusted peers %v", s.TrustedPeers)
	}
}

func TestFaultyValuesAreNamedWhereTheyStand(t *testing.T) {
	path := writeFile(t, "# a comment\ndata: x\ncontrolAddress: nowhere\ngatewayAddress: nowhere\n  \nopsAddress: 127.0.0.1:0\n")
	v, _, err := Load(path, []string{"KEYWARD_GATEWAY_ADDRESS=elsewhere"}, Values{OpsAddress: "overridden"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Parse()
	if err == nil {
		t.Fatal("accepted")
	}
	want := map[string]bool{
		path + `:3:1: controlAddress (KEYWARD_CONTROL_ADDRESS): "nowhere" is not HOST:PORT`: true,
		`KEYWARD_GATEWAY_ADDRESS: "elsewhere" is not HOST:PORT`:                             true,
		`KEYWARD_OPS_ADDRESS: "overridden" is not HOST:PORT`:                                true,
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !want[line] {
			t.Errorf("told: %s", line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("not told: %s", line)
	}
}

func TestUnknownKeysNameLineAndColumn(t *testing.T) {
	path := writeFile(t, "# a comment\ndata: x\n  \nControl_Address: y\nnonsense: 1\ndata: z\nnats: {a: b}\n")
	_, _, err := Load(path, nil, Values{})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`:6:1: "data" is given twice`, `:7:1: "nats" must be a value`,
		`:4:1: "Control_Address" is not a setting: did you mean controlAddress?`, `:5:1: "nonsense"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if _, _, err := Load(writeFile(t, "adminToken: hush\n\t- :"), nil, Values{}); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("broken YAML: %v", err)
	}
	if _, _, err := Load(writeFile(t, "data: x\n"), nil, Values{}); err != nil {
		t.Errorf("the control: %v", err)
	}
	if _, _, err := Load(filepath.Join(t.TempDir(), "absent.yaml"), nil, Values{}); err == nil {
		t.Error("a missing file was accepted")
	}
}

// TestFilesAndAddressesAreJudgedWithTheRest: a credential, an authority, a certificate and its key, and addresses that
// hold passwords, which stand in no fault.
func TestFilesAndAddressesAreJudgedWithTheRest(t *testing.T) {
	nothing := writeFile(t, "hush")
	_, err := Parse(Values{
		Role: "gateway", ControlURL: "http://u:hush@127.0.0.1:1", GatewayToken: "kwg_hush", ControlCA: nothing,
		OpsTLSCert: nothing, OpsTLSKey: nothing, GatewayURL: "http://u:hush@h:port%zz",
	})
	_, control := Parse(Values{NATS: "nats://u:hush@h:bad%zz", PublicURL: "://u:hush@x", NATSGateway: "nats://u:hush@,h:1"})
	if err == nil || control == nil {
		t.Fatal("accepted")
	}
	text := err.Error() + control.Error()
	for _, name := range []string{
		"KEYWARD_CONTROL_URL", "KEYWARD_GATEWAY_TOKEN", "KEYWARD_CONTROL_CA", "KEYWARD_OPS_TLS_CERT", "KEYWARD_GATEWAY_URL",
		"KEYWARD_NATS:", "KEYWARD_PUBLIC_URL", "KEYWARD_NATS_GATEWAY",
	} {
		if !strings.Contains(text, name) {
			t.Errorf("no word of %s in\n%s", name, text)
		}
	}
	if strings.Contains(text, "hush") {
		t.Errorf("a secret stands in a fault:\n%s", text)
	}
	if _, err := Parse(Values{NATS: "nats://u:p@127.0.0.1:1,127.0.0.2:1, tls://h", NATSGateway: "nats://h"}); err != nil {
		t.Errorf("the control: %v", err)
	}
}

func TestUnknownVariablesAreWarnings(t *testing.T) {
	_, warnings, err := Load("", []string{"KEYWARD_DATTA=x", "KEYWARD_EMPTY=", "OTHER=1"}, Values{})
	if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "KEYWARD_DATTA") {
		t.Error(warnings, err)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := Parse(Values{
		ControlAddress: "0.0.0.0:8480", OpsAddress: "nowhere", Database: "mysql://u:hush@h/db", AdminToken: "short",
		NATSAddress: "0.0.0.0:1", GatewayTLSCert: "/absent", ExtauthzAddress: ":1", PublicURL: "ftp://x", TrustedPeers: "all",
		LogLevel: "loud", Insecure: "maybe", UnaskedLooks: "never",
		OutboundDeny: "everything", OutboundAllow: "10.0.0.0/99", SealKey: "short-hush",
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, name := range []string{
		"KEYWARD_CONTROL_ADDRESS", "KEYWARD_OPS_ADDRESS", "KEYWARD_DATABASE", "KEYWARD_ADMIN_TOKEN", "KEYWARD_NATS_ADDRESS",
		"KEYWARD_GATEWAY_TLS_CERT", "KEYWARD_EXTAUTHZ_ADDRESS: not_supported", "KEYWARD_PUBLIC_URL", "KEYWARD_TRUSTED_PEERS",
		"KEYWARD_LOG_LEVEL", "KEYWARD_INSECURE", "KEYWARD_UNASKED_LOOKS",
		"KEYWARD_OUTBOUND_DENY", "KEYWARD_OUTBOUND_ALLOW", "KEYWARD_SEAL_KEY",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("no word of %s in\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Error("a password stands in the fault")
	}
}

// The path of an address stands before patterns and is compared with requests: one that is not plain ended the process in a panic.
func TestAnAddressHasAPlainPathAndAPort(t *testing.T) {
	for address, fine := range map[string]bool{
		"https://h.example": true, "https://h.example/": true, "https://h.example:8443/a/b-1.c_~/": true, "http://[::1]:1": true,
		"https://h.example/a/../b": false, "https://h.example/./a": false, "https://h.example/a//b": false,
		"https://h.example/{a}": false, "https://h.example/a%2fb": false, "https://h.example/ä": false, "https://h.example/a b": false,
		"https://h.example/%7ea": false, "https://h.example/a;b": false, "https://h.example:65536": false, "https://h.example:0": false,
	} {
		if _, err := Parse(Values{PublicURL: address}); (err == nil) != fine {
			t.Errorf("public %s: %v", address, err)
		}
		if _, err := Parse(Values{GatewayURL: address}); (err == nil) != fine {
			t.Errorf("gateway %s: %v", address, err)
		}
	}
}

// The addresses of the authorization server begin with /t/TENANT and /oauth2: a public URL that does so ended the process in a
// panic, or left tokens out of reach behind a proxy that takes its path off.
func TestAPublicURLDoesNotBeginLikeOurOwnAddresses(t *testing.T) {
	for path, fine := range map[string]bool{
		"/t": false, "/t/": false, "/t/acme": false, "/oauth2": false, "/oauth2/x": false, "/T": true, "/tenants": true, "/x/t": true,
	} {
		if _, err := Parse(Values{PublicURL: "https://h.example" + path}); (err == nil) != fine {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAnAdminTokenIsAnyPrintableText(t *testing.T) {
	for token, fine := range map[string]bool{
		strings.Repeat("x", 32):                       true,
		"correct horse battery staple, and then some": true,
		strings.Repeat("ü", 32):                       true,
		strings.Repeat("x", 31):                       false,
		strings.Repeat("ü", 31):                       false,
		strings.Repeat("x", 32) + " ":                 false,
		strings.Repeat("x", 32) + "\tx":               false,
		strings.Repeat("x", 32) + "\xff":              false,
	} {
		if _, err := Parse(Values{AdminToken: token}); (err == nil) != fine {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestWhatARoleDoesNotUseIsIgnored(t *testing.T) {
	s, err := Parse(Values{
		Role: "gateway", ControlURL: "http://127.0.0.1:8480/", GatewayToken: "kwg_" + strings.Repeat("A", 107), MaxStale: "5m",
		Database: "nonsense", ControlAddress: "0.0.0.0:1", AdminToken: "short", NATSAddress: "zzz",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.ControlURL != "http://127.0.0.1:8480" || s.MaxStale != 5*time.Minute {
		t.Errorf("control %q, stale %v", s.ControlURL, s.MaxStale)
	}
	if _, err := Parse(Values{Role: "gateway"}); err == nil || !strings.Contains(err.Error(), "KEYWARD_CONTROL_URL") ||
		!strings.Contains(err.Error(), "KEYWARD_GATEWAY_TOKEN") {
		t.Errorf("a gateway without control plane: %v", err)
	}
	s, err = Parse(Values{Role: "control", GatewayAddress: "zzz", ControlURL: "zzz", GatewayURL: "https://gw.example/"})
	if err != nil || s.GatewayURL != "https://gw.example" { // which the control plane tells people, and calls when they try an API out
		t.Errorf("control judged the gateway's settings: %v, or took the gateway for %q", err, s.GatewayURL)
	}
}

func TestListenersBeyondLoopback(t *testing.T) {
	if _, err := Parse(Values{ControlAddress: "0.0.0.0:8480"}); err == nil {
		t.Error("a control listener without TLS was accepted")
	}
	s, err := Parse(Values{ControlAddress: "0.0.0.0:8480", GatewayAddress: ":8400", OpsAddress: "[::]:8490", Insecure: "true"})
	if err != nil || len(s.Warnings) != 2 {
		t.Errorf("insecure by choice: %v %v", s.Warnings, err)
	}
	for _, address := range []string{"127.0.0.1:1", "localhost:1", "[::1]:1", "127.8.8.8:1"} {
		if _, err := Parse(Values{ControlAddress: address}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestPostgreSQLNeedsASealKey(t *testing.T) {
	v := Values{Database: "postgres://app@127.0.0.1/db"}
	if _, err := Parse(v); err == nil || !strings.Contains(err.Error(), "KEYWARD_SEAL_KEY") {
		t.Errorf("without a key: %v", err)
	}
	v.SealKeyFile = writeFile(t, testSealKey+"\n")
	s, err := Parse(v)
	if err != nil || s.SealKey.Reveal() != testSealKey {
		t.Errorf("with a key file: %v", err)
	}
}
