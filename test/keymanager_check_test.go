package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/testbed/program"
)

// checkReport is what `keymanager check -o json` prints.
type checkReport struct {
	Name, Verdict string
	Steps         []checkStep
}

type checkStep struct {
	Step, Verdict, Expected, Seen, Fix string
	Millis                             int64
}

// line gives the first line of a step.
func (r checkReport) line(t *testing.T, step string) checkStep {
	t.Helper()
	for _, s := range r.Steps {
		if s.Step == step {
			return s
		}
	}
	t.Fatalf("the report has no step %q: %+v", step, r.Steps)
	return checkStep{}
}

// want holds a step against a verdict and texts that must be seen in it or its fix.
func (r checkReport) want(t *testing.T, step, verdict string, texts ...string) {
	t.Helper()
	s := r.line(t, step)
	if s.Verdict != verdict {
		t.Errorf("%s: %+v, want %s", step, s, verdict)
	}
	for _, text := range texts {
		if !containsText(s.Seen+" "+s.Fix, text) {
			t.Errorf("%s: %+v, want %q in it", step, s, text)
		}
	}
	if (verdict == "fail" || verdict == "warn") && s.Fix == "" {
		t.Errorf("%s: nothing says what to change: %+v", step, s)
	}
}

// check runs the command on a registered key manager, or on a manifest, and wants the exit code.
func check(t *testing.T, n *program.Node, manifest string, code int, args ...string) checkReport {
	t.Helper()
	args = append([]string{"keymanager", "check", "-o", "json"}, args...)
	if manifest != "" {
		args = append(args, "-f", "-")
	}
	r := n.CLI(t, manifest, args...)
	if r.Code != code {
		t.Fatalf("keyward %s: %s", strings.Join(args, " "), r)
	}
	return decode[checkReport](t, r.Stdout)
}

// TestCheckOnRealServers checks good key managers, and the same with one thing wrong, which that step alone says.
func TestCheckOnRealServers(t *testing.T) {
	t.Parallel()
	realm := shared.Realm(t, "kc-check")
	if err := realm.AddClient(t.Context(), "stranger", "stranger-secret"); err != nil {
		t.Fatal(err)
	}
	before, err := realmClients(realm)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := serve(t)
	good := keycloakSpec(realm, realm.Registration(), true)
	apply(t, n, manifest("KeyManager", "kc", good))
	saved := check(t, n, "", 0, "kc")
	for step, seen := range map[string]string{
		"discovery": realm.Issuer, "keys": "RS256", "connection": "was searched", "token endpoint": keycloak.ManagerClient,
		"introspection": "active: false", "fresh token": "active: true", "registration": "and is gone",
	} {
		saved.want(t, step, "pass", seen)
	}
	saved.want(t, "audiences", "warn", "another service")
	if h := cliJSON[healthOfOne](t, n, "keymanager", "refresh", "kc"); h.State != "ok" || len(h.KeySets[0].LeftOut) != 1 ||
		!containsText(h.KeySets[0].LeftOut[0], "use is not sig") || h.Introspection.AskedAt == "" || h.Metadata.ReadAt == "" {
		t.Errorf("the health of a sound server, which has a key for encryption too: %+v", h)
	}
	if r := cli(t, n, "get", "key-manager"); containsText(r, "unsaved") {
		t.Errorf("a check stored something: %s", r)
	}

	unsaved := func(change func(string) string) string { return manifest("KeyManager", "unsaved", change(good)) }
	replace := func(old, by string) string {
		return unsaved(func(s string) string {
			if !containsText(s, old) {
				t.Fatalf("%q is not in %s", old, s)
			}
			return strings.ReplaceAll(s, old, by)
		})
	}
	check(t, n, unsaved(func(s string) string { return s }), 0).want(t, "registration", "pass", "and is gone")
	r := check(t, n, manifest("KeyManager", "unsaved", keycloakSpec(realm, realm.Registration(), false)), 0)
	r.want(t, "registration", "pass", "and is gone")
	r.want(t, "connection", "not tried", "cannot be searched")

	r = check(t, n, replace(fmt.Sprintf("introspection: {clientId: %s, clientSecret: %s}", keycloak.IntrospectionClient,
		keycloak.IntrospectionSecret), "introspection: {clientId: stranger, clientSecret: stranger-secret}"), 1)
	r.want(t, "introspection", "pass")
	r.want(t, "fresh token", "fail", "its own fresh token inactive", "stranger in aud", "audience mapper")
	r.want(t, "registration", "pass", "and is gone")

	r = check(t, n, replace(keycloak.ManagerSecret, "wrong-secret-of-manager"), 1)
	r.want(t, "connection", "fail", "401 unauthorized_client", "Invalid client or Invalid client credentials")
	r.want(t, "token endpoint", "fail", "unauthorized_client")
	r.want(t, "keys", "pass")
	r.want(t, "introspection", "pass")
	r.want(t, "registration", "fail")
	r = check(t, n, replace(keycloak.IntrospectionSecret, "wrong-secret-of-gateway"), 1)
	r.want(t, "introspection", "fail", "401")
	r.want(t, "registration", "pass")
	r = check(t, n, "", 0, "kc", "--no-register")
	r.want(t, "registration", "not tried", "not requested")
	r.want(t, "fresh token", "warn", "client "+keycloak.ManagerClient+" got a token", "may be treated differently")

	after, err := realmClients(realm)(t.Context())
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("the server's clients: %v before, %v after, %v", before, after, err)
	}
	for _, secret := range []string{keycloak.ManagerSecret, keycloak.IntrospectionSecret, realm.InitialAccessToken, "wrong-secret"} {
		if containsText(fmt.Sprint(saved, r), secret) {
			t.Errorf("%s is in the output", secret)
		}
	}
	nowhere(t, n.Dir, keycloak.ManagerSecret, "wrong-secret-of")
}

func TestCheckOfOtherTypes(t *testing.T) {
	t.Parallel()
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	n := serve(t)
	v := providerVendor(t, op)
	apply(t, n, manifest("KeyManager", "op", v.spec))
	r := check(t, n, "", 0, "op")
	r.want(t, "registration", "pass", "and is gone")
	r.want(t, "token endpoint", "pass", "invalid_client")
	if left, err := v.clients(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("the server has clients %v, %v", left, err)
	}
	r = check(t, n, manifest("KeyManager", "x", strings.ReplaceAll(v.spec, oidcprovider.InitialAccessToken, "no-such-token")), 1)
	r.want(t, "registration", "fail", "401 invalid_token")
	r = check(t, n, "", 0, "resident")
	r.want(t, "keys", "pass")
	r.want(t, "registration", "not tried")

	// The table comes line by line, and faults of a manifest are told with their place.
	table := cli(t, n, "keymanager", "check", "op")
	if !containsText(table, "STEP            VERDICT        TIME  SEEN\ndiscovery       pass") ||
		!containsText(table, "to change: list in spec") {
		t.Errorf("the table: %s", table)
	}
	bad := n.CLI(t, manifest("KeyManager", "x", "type: keycloak, issuer: \"http://127.0.0.1:1/realms/a\", connection: {clientId: a}"),
		"keymanager", "check", "-f", "-")
	if bad.Code != 3 || !containsText(bad.Stderr, "standard input:4:") || !containsText(bad.Stderr, "spec.connection.clientSecret") {
		t.Errorf("a faulty manifest: %s", bad)
	}
	for _, args := range [][]string{{"op", "-f", "x"}, {}, {"-f", "-", "--token-file", "-"}} {
		if r := n.CLI(t, "", append([]string{"keymanager", "check"}, args...)...); r.Code != 2 {
			t.Errorf("%v: %s", args, r)
		}
	}
	if r := n.CLI(t, "", "keymanager", "check", "nobody"); r.Code != 3 || !containsText(r.Stderr, "not_found") {
		t.Errorf("one that is not there: %s", r)
	}
}

// TestCheckOfServersInTrouble: nothing hangs, nothing is hidden, and what is told is the trouble itself.
func TestCheckOfServersInTrouble(t *testing.T) {
	t.Parallel()
	n := serve(t)
	dead := issuer.Start(t, "d", "RS256")
	spec := func(i *issuer.Issuer) string {
		return fmt.Sprintf(`type: oidc, discovery: %q, introspection: {clientId: %s, clientSecret: %s}, clients: {create: false}`, i.URL,
			issuer.IntrospectionClient, issuer.IntrospectionSecret)
	}
	apply(t, n, manifest("KeyManager", "dead", spec(dead)))
	dead.Fix("/token", issuer.Answer{Status: 401, Body: `{"error":"invalid_client"}`})
	r := check(t, n, "", 0, "dead")
	r.want(t, "keys", "pass")
	r.want(t, "clock", "pass", " s") // to about a second, and more on a busy machine
	dead.Close()
	r = check(t, n, "", 1, "dead")
	for _, step := range []string{"discovery", "keys", "introspection"} {
		r.want(t, step, "fail", "connection refused")
	}
	r.want(t, "TLS", "not tried", "no connection")
	r = check(t, n, manifest("KeyManager", "x", spec(dead)), 1)
	r.want(t, "discovery", "fail", "connection refused")
	r.want(t, "keys", "not tried", "discovery failed")
	if s := r.line(t, "keys"); !containsText(s.Expected, "the issuer that discovery would name") {
		t.Errorf("%+v", s)
	}

	slow := issuer.Start(t, "s", "RS256")
	apply(t, n, manifest("KeyManager", "slow", strings.Replace(spec(slow), ", clients: {create: false}", "", 1)))
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks", "/token",
		"/introspect", "/register"} {
		slow.Fix(path, issuer.Answer{Delay: 10 * time.Minute})
	}
	began := time.Now()
	r = check(t, n, "", 1, "slow")
	if took := time.Since(began); took > 75*time.Second {
		t.Errorf("a server that hangs held the command for %s", took)
	}
	for _, step := range []string{"discovery", "keys", "token endpoint", "introspection", "registration"} {
		r.want(t, step, "fail", "did not answer in time")
	}
	r.want(t, "registration", "fail", "may have made a client named keyward-check-")
}

// TestCheckOfCertificates: a private authority, an end that is near or past, another name; and the same authority once
// the machine trusts it.
func TestCheckOfCertificates(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	site := func(name string, until time.Time, hosts ...string) string {
		a.issueUntil(t, name, until, hosts...)
		pair, err := tls.LoadX509KeyPair(a.path(name, "crt"), a.path(name, "key"))
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(nil)
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, s.URL, s.URL+"/jwks"))
		})
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		s.StartTLS()
		t.Cleanup(s.Close)
		return manifest("KeyManager", name, fmt.Sprintf("type: oidc, discovery: %q", s.URL))
	}
	year := time.Now().AddDate(1, 0, 0)
	good, near := site("good", year, "127.0.0.1"), site("near", time.Now().AddDate(0, 0, 5), "127.0.0.1")
	past, other := site("past", time.Now().Add(-time.Hour), "127.0.0.1"), site("other", year, "sso.example")
	r := check(t, serve(t), good, 1)
	r.want(t, "TLS", "fail", "an unknown authority", "spec.outbound.ca")
	r.want(t, "discovery", "fail", "an unknown authority")

	n := serve(t, "SSL_CERT_FILE="+a.file)
	check(t, n, good, 1).want(t, "TLS", "warn", "TLS 1.3, 0 days left", "a private authority") // the authority's own end is near
	check(t, n, near, 1).want(t, "TLS", "warn", "days left", "renew")
	check(t, n, past, 1).want(t, "TLS", "fail", "expired", "renew")
	check(t, n, other, 1).want(t, "TLS", "fail", "sso.example", "by a name that its certificate has")
}

// judged is what `keymanager check --token-file F -o json` prints.
type judged struct {
	KeyManager, Code, Fingerprint, ClientID, ClientClaim, Subject, Issuer string
	Status                                                                int
	Scopes, Audience, Unmapped                                            []string
	Steps                                                                 []struct{ Step, Result, Seen, Fix string }
}

// TestCheckOfTokens has tokens judged by saved and unsaved settings, as gateways then do.
func TestCheckOfTokens(t *testing.T) {
	t.Parallel()
	i, other := issuer.Start(t, "k", "RS256"), issuer.Start(t, "o", "RS256")
	n := serve(t)
	file := filepath.Join(t.TempDir(), "token")
	judge := func(token, manifest string, code int, args ...string) judged {
		t.Helper()
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if manifest != "" {
			args = append(args, "-f", "-")
		}
		r := n.CLI(t, manifest, append([]string{"keymanager", "check", "--token-file", file, "-o", "json"}, args...)...)
		if r.Code != code || containsText(r.Stdout+r.Stderr, token) {
			t.Fatalf("%s", r)
		}
		return decode[judged](t, r.Stdout)
	}
	const grants = `, claims: {grants: [{claim: /groups, equals: warehouse, scopes: ["orders:write"]}],
    mapping: [{from: groups, to: teams}, {from: email, to: mail}]}`
	apply(t, n, external("corp", i, grants))
	token := mint(t, i, issuer.Token{Claims: map[string]any{"groups": []string{"warehouse"}}})
	j := judge(token, "", 0, "corp")
	if j.Code != "" || j.ClientID != "abc" || j.ClientClaim != "client_id" || j.Subject != "service-abc" || j.Issuer != i.Issuer ||
		!slices.Equal(j.Scopes, []string{"orders:read", "orders:write"}) || !strings.HasPrefix(j.Fingerprint, "sha256:") ||
		!slices.Equal(j.Unmapped, []string{"email"}) {
		t.Errorf("a good token: %+v", j)
	}
	for _, s := range j.Steps {
		if s.Result != "pass" {
			t.Errorf("%+v", s)
		}
	}
	refused := func(what, token, manifest, code, step string, args ...string) {
		t.Helper()
		j := judge(token, manifest, 1, args...)
		failed := ""
		for _, s := range j.Steps {
			if s.Result == "fail" && s.Fix != "" {
				failed = s.Step
			}
		}
		if j.Code != code || failed != step {
			t.Errorf("%s: %s at %q, want %s at %q: %+v", what, j.Code, failed, code, step, j)
		}
	}
	refused("of another server", mint(t, other, issuer.Token{}), "", "unknown_issuer", "key manager", "corp")
	refused("old", mint(t, i, issuer.Token{Claims: map[string]any{"exp": 1}}), "", "token_expired", "time", "corp")
	refused("bound", mint(t, i, issuer.Token{Claims: map[string]any{"cnf": map[string]any{"jkt": "x"}}}), "",
		"sender_constraint_failed", "sender constraint", "corp")
	refused("of nobody", mint(t, i, issuer.Token{Claims: map[string]any{"client_id": nil}}), "", "invalid_token", "client id", "corp")
	refused("changed", token[:len(token)-6]+"AAAAAA", "", "invalid_token", "signature", "corp")
	refused("by narrower settings", token, external("x", i, `, tokens: {audiences: ["urn:other"]}`), "audience_mismatch", "audience")
	if j := judge(token, external("x", i, `, tokens: {audiences: ["urn:test"]}`), 0); j.ClientID != "abc" || len(j.Scopes) != 1 {
		t.Errorf("by settings that are not saved: %+v", j)
	}
	cli(t, n, "hold", "key-manager", "corp", "--reason", "leaked")
	refused("while held", token, "", "unknown_issuer", "key manager", "corp")

	// An opaque token is asked about with the settings' own credentials.
	i.SetOpaque("op_1", map[string]any{"active": true, "client_id": "abc", "scope": "a b"})
	if j := judge("op_1", introspecting("x", i, "op_", ""), 0); j.ClientID != "abc" || !slices.Equal(j.Scopes, []string{"a", "b"}) {
		t.Errorf("an opaque token: %+v", j)
	}
	refused("unknown there", "op_2", introspecting("x", i, "op_", ""), "token_inactive", "introspection")
	nowhere(t, n.Dir, token, "op_1")
}
