package probe_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// world is a Probe over a database of its own, and a server that can lie.
type world struct {
	*testing.T
	store  *store.Store
	probe  *probe.Probe
	issuer *issuer.Issuer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir(), Key: seal.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	p, err := probe.New(st, outbound.NewClient(outbound.Rules{}, outbound.Options{}), nil, probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &world{T: t, store: st, probe: p, issuer: issuer.Start(t, "k", "RS256")}
}

func (w *world) spec(more string) *keyward.KeyManagerSpec {
	w.Helper()
	var s keyward.KeyManagerSpec
	text := fmt.Sprintf(`{"type":"oidc","discovery":%q%s}`, w.issuer.URL, more)
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		w.Fatalf("%s: %v", text, err)
	}
	return &s
}

// register stores a key manager as control would.
func (w *world) register(name, more string) {
	w.Helper()
	spec := w.spec(more)
	status, err := keymanager.Discover(w.Context(), spec, http.DefaultClient)
	if err != nil {
		w.Fatal(err)
	}
	values, _, _ := keymanager.TakeSecrets(spec)
	raw, err := json.Marshal(status)
	if err != nil {
		w.Fatal(err)
	}
	err = w.store.Write(w.Context(), "test", func(tx *store.Tx) error {
		o := &keyward.Object{Kind: keyward.KindKeyManager, Tenant: "default", Name: name, Spec: spec, Status: raw}
		return tx.Put(o, store.Extra{Secrets: values})
	})
	if err != nil {
		w.Fatal(err)
	}
}

func order() probe.Order { return probe.Order{Actor: "admin", Register: true} }

// check runs a prepared check, and holds that the lines come as they are in the report.
func (w *world) check(c *probe.Check, err error) map[string][]probe.Line {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	var told []probe.Line
	report, err := c.Run(w.Context(), func(l probe.Line) { told = append(told, l) })
	if err != nil {
		w.Fatal(err)
	}
	if !slices.Equal(told, report.Steps) {
		w.Errorf("told %+v, reported %+v", told, report.Steps)
	}
	byStep := map[string][]probe.Line{}
	for _, l := range report.Steps {
		byStep[l.Step] = append(byStep[l.Step], l)
		if (l.Verdict == probe.Fail || l.Verdict == probe.Warn) != (l.Fix != "") {
			w.Errorf("a verdict and what to change belong together: %+v", l)
		}
	}
	return byStep
}

func (w *world) unsaved(more string) map[string][]probe.Line {
	w.Helper()
	return w.check(w.probe.Unsaved(w.Context(), "default", "corp", w.spec(more), order()))
}

func (w *world) want(lines map[string][]probe.Line, step string, verdict probe.Verdict, text string) {
	w.Helper()
	l := lines[step]
	if len(l) == 0 || l[0].Verdict != verdict || !strings.Contains(l[0].Seen+" "+l[0].Fix, text) {
		w.Errorf("%s: %+v, want %s with %q", step, l, verdict, text)
	}
}

const credentials = `,"introspection":{"clientId":"gateway","clientSecret":"gateway-secret"}`

func TestEachStepSaysItsOwnTrouble(t *testing.T) {
	w := newWorld(t)
	w.issuer.Fix("/token", issuer.Answer{Status: 401, Body: `{"error":"invalid_client"}`})
	w.issuer.Fix("/register", issuer.Answer{Status: 403, Body: `{"error":"access_denied","error_description":"no open registration"}`})
	good := w.unsaved(credentials)
	w.want(good, "discovery", probe.Pass, "issuer "+w.issuer.URL)
	w.want(good, "keys", probe.Pass, `1 usable; kid "k" RS256`)
	w.want(good, "token endpoint", probe.Pass, "refused, as it should be: ")
	w.want(good, "token endpoint", probe.Pass, "401 invalid_client")
	w.want(good, "registration", probe.Fail, "the server requires credentials for this")
	w.want(good, "introspection", probe.Pass, "active: false")
	w.want(good, "registration", probe.Fail, "403 access_denied: no open registration")
	w.want(good, "audiences", probe.Warn, "another service")
	w.want(good, "clock", probe.Pass, " s") // to about a second, and more on a busy machine

	for _, c := range []struct {
		path   string
		answer issuer.Answer
		step   string
		text   string
		fix    string
	}{
		{"/jwks", issuer.Answer{Body: `{"keys":[{"kty":"oct","k":"AA"}]}`}, "keys", "key 0 is ignored", "publish RSA keys"},
		{"/jwks", issuer.Answer{Body: strings.Repeat(" ", 1<<20+1)}, "keys", "more than 1048576 bytes", "outbound.maxAnswer permits"},
		{"/token", issuer.Answer{Body: strings.Repeat(" ", 1<<20+1)}, "token endpoint", "the answer is too large: more than 1048576 bytes",
			"spec.outbound.maxAnswer permits more"},
		{"/jwks", issuer.Answer{Status: 500}, "keys", "500", "correct spec.keys.jwks, or the jwks_uri"},
		{"/token", issuer.Answer{Status: 200, Body: `{"access_token":"x","token_type":"Bearer"}`}, "token endpoint",
			"does not exist got a token", "do not trust it"},
		{"/token", issuer.Answer{Status: 502, Type: "text/plain", Body: "bad gateway"}, "token endpoint", "502: bad gateway",
			"see its log"},
		{
			"/token", issuer.Answer{Status: 404, Body: `{"error":"no such resource"}`}, "token endpoint", "404",
			"correct spec.endpoints.token",
		},
		{"/introspect", issuer.Answer{Body: `{"active":true}`}, "introspection", "anything as a token", "do not ask this server"},
		{"/introspect", issuer.Answer{Body: `<html>`, Type: "text/html"}, "introspection", `"text/html", not JSON`,
			"spec.endpoints.introspection"},
		{"/introspect", issuer.Answer{Body: `{"active":false}`, Type: "text/html"}, "introspection", `"text/html", not JSON`,
			"spec.endpoints.introspection"},
		{"/introspect", issuer.Answer{Body: `{"active":"false"}`}, "introspection", "no boolean named active",
			"spec.endpoints.introspection"},
		{"/introspect", issuer.Answer{Status: 401, Body: `{"error":"invalid_client"}`}, "introspection", "401 invalid_client",
			"correct spec.introspection.clientId and spec.introspection.clientSecret"},
	} {
		w.issuer.Fix(c.path, c.answer)
		lines := w.unsaved(credentials)
		w.want(lines, c.step, probe.Fail, c.text)
		w.want(lines, c.step, probe.Fail, c.fix)
		for step, l := range lines {
			if step != c.step && step != "fresh token" && good[step] != nil && l[0].Verdict != good[step][0].Verdict {
				t.Errorf("%s at %s: %s is %+v", c.text, c.path, step, l)
			}
		}
		w.issuer.Mend()
		w.issuer.Fix("/token", issuer.Answer{Status: 401, Body: `{"error":"invalid_client"}`})
		w.issuer.Fix("/register", issuer.Answer{Status: 403, Body: `{"error":"access_denied"}`})
	}
	w.issuer.Fix("/token", issuer.Answer{Status: 403})
	w.want(w.unsaved(credentials), "token endpoint", probe.Warn, "without an error code")
	if lines := w.unsaved(`,"enabled":false,"tokens":{"audiences":["a","b"]}`); lines["state"][0].Verdict != probe.Warn ||
		lines["audiences"][0].Verdict != probe.Pass || lines["audiences"][0].Seen != "a, b" {
		t.Errorf("%+v", lines)
	}
}

// Where discovery fails, what depends on it is not tried, and blames nothing else; what is declared is tried all the same.
func TestWhatDependsOnDiscoveryIsNotTried(t *testing.T) {
	w := newWorld(t)
	const realm = `,"type":"keycloak","connection":{"clientId":"m","clientSecret":{"current":"one-secret","next":"two-secret"}}` +
		credentials
	for _, more := range []string{realm, credentials} {
		lines := w.unsaved(more + `,"discovery":"` + w.issuer.URL + `/nowhere"`)
		w.want(lines, "discovery", probe.Fail, "answered 404, and so did the other places")
		w.want(lines, "discovery", probe.Fail, "correct spec.discovery")
		for _, step := range []string{"keys", "connection", "token endpoint", "introspection", "fresh token", "registration"} {
			w.want(lines, step, probe.NotTried, "discovery failed")
		}
		for _, l := range lines["secret"] {
			if l.Verdict != probe.NotTried || !strings.HasPrefix(l.Seen, "spec.connection.clientSecret: discovery failed") {
				t.Errorf("%+v", l)
			}
		}
	}
	lines := w.unsaved(credentials + fmt.Sprintf(`,"discovery":"%[1]s/nowhere","keys":{"jwks":"%[1]s/jwks"},`+
		`"endpoints":{"introspection":"%[1]s/introspect"}`, w.issuer.URL))
	w.want(lines, "keys", probe.Pass, "1 usable")
	w.want(lines, "introspection", probe.Pass, "active: false")
	w.want(lines, "token endpoint", probe.NotTried, "discovery failed")

	// What apply would still want is said beside what the server answers.
	w.want(w.unsaved(`,"tokens":{"match":[{"prefix":"x_"}]}`), "settings", probe.Fail, "spec.introspection is required")
}

// Each of two values of a secret is told by its field; one that something else stands in the way of is not judged.
func TestBothValuesOfASecretAreNamed(t *testing.T) {
	w := newWorld(t)
	const two = `,"introspection":{"clientId":"gateway","clientSecret":{"current":"gateway-secret","next":"not-known-there"}}`
	w.want(w.unsaved(two), "secret", probe.Warn, "spec.introspection.clientSecret: current: taken; next: ask about a token")
	const create = `,"clients":{"create":false}`
	w.register("corp", strings.NewReplacer("gateway-secret", "ended", "not-known-there", "gateway-secret").Replace(two)+create)
	const promoted = `,"introspection":{"clientId":"gateway","clientSecret":{"stored":"next"}}`
	lines := w.unsaved(promoted + create)
	w.want(lines, "introspection", probe.Pass, "active: false")
	if len(lines["secret"]) != 0 {
		t.Errorf("the stored next value stands alone: %+v", lines["secret"])
	}
	elsewhere := w.spec(promoted + create + `,"endpoints":{"introspection":"https://x.example"}`)
	_, err := w.probe.Unsaved(t.Context(), "default", "corp", elsewhere, order())
	if keyward.CodeOf(err) != keyward.CodeInvalidInput || !strings.Contains(err.Error(), "stays with its address") {
		t.Errorf("the stored next value at another address: %v", err)
	}
	w.issuer.Fix("/introspect", issuer.Answer{Status: 503})
	w.want(w.unsaved(two), "secret", probe.NotTried, "spec.introspection.clientSecret could not be tried: ask about a token")
}

// What a trial leaves at the server is said with its name, and the audit trail knows it beforehand.
func TestTrialsLeaveNothingUnsaid(t *testing.T) {
	w := newWorld(t)
	made := issuer.Answer{Status: 201, Body: fmt.Sprintf(`{"client_id":"c1","client_secret":"very-secret-value",
		"registration_access_token":"rat","registration_client_uri":%q}`, w.issuer.URL+"/register/c1")}
	name := func() string {
		t.Helper()
		var name string
		err := w.store.Read(t.Context(), func(tx *store.Tx) error {
			entries, err := tx.AuditEntries(store.AuditFilter{Tenant: "default", Name: "corp", Limit: 1})
			if err == nil {
				_, name, _ = strings.Cut(entries[0].Detail, "trial client ")
			}
			return err
		})
		if err != nil || !strings.HasPrefix(name, "keyward-check-") {
			t.Fatalf("the audit trail names no trial client: %q, %v", name, err)
		}
		return name
	}
	for _, c := range []struct {
		what             string
		register, delete issuer.Answer
		verdict          probe.Verdict
		text             string
		named            bool
	}{
		{"good", made, issuer.Answer{Status: 204}, probe.Pass, "client c1 was made and deleted", false},
		{"no way to delete", made, issuer.Answer{Status: 405}, probe.Warn, "--no-register", true},
		{"deletion refused", made, issuer.Answer{Status: 403, Body: `{"error":"access_denied"}`}, probe.Fail, "403 access_denied", true},
		{"no answer", issuer.Answer{HangUp: true}, issuer.Answer{}, probe.Fail, "may have made a client", true},
		{"half an answer", issuer.Answer{Status: 201, Body: `{"client_id":`}, issuer.Answer{}, probe.Fail, "may have made a client", true},
	} {
		w.issuer.Fix("/register", c.register)
		w.issuer.Fix("/register/c1", c.delete)
		lines := w.unsaved("")
		w.want(lines, "registration", c.verdict, c.text)
		if l := lines["registration"][0]; strings.Contains(l.Fix, name()) != c.named || strings.Contains(fmt.Sprint(l), "very-secret") {
			t.Errorf("%s: %+v, want the name %s: %v", c.what, l, name(), c.named)
		}
	}

	// Even when nobody waits any more, what was made is deleted.
	w.issuer.Fix("/register", made)
	w.issuer.Fix("/register/c1", issuer.Answer{Status: 204})
	w.issuer.Forget()
	check, err := w.probe.Unsaved(t.Context(), "default", "corp", w.spec(""), order())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = check.Run(ctx, func(l probe.Line) {
		if l.Step == "fresh token" { // the trial client is there, and its deletion comes next
			cancel()
		}
	})
	if err != nil || ctx.Err() == nil {
		t.Fatal(err)
	}
	if seen := w.issuer.Seen("/register/c1"); len(seen) == 0 || seen[0].Method != http.MethodDelete {
		t.Errorf("the trial client was not deleted: %+v", seen)
	}
}

// A stored secret goes to its own address alone, whatever a declaration or today's metadata says.
func TestStoredSecretsStayWithTheirAddress(t *testing.T) {
	w := newWorld(t)
	other := issuer.Start(t, "o", "RS256")
	w.issuer.Fix("/token", issuer.Answer{Status: 401, Body: `{"error":"invalid_client"}`})
	const create = `,"clients":{"create":false}`
	w.register("corp", credentials+create)
	kept := `,"introspection":{"clientId":"gateway","clientSecret":{"stored":true}}` + create
	w.want(w.unsaved(kept), "introspection", probe.Pass, "active: false")
	_, err := w.probe.Unsaved(t.Context(), "default", "corp",
		w.spec(kept+fmt.Sprintf(`,"endpoints":{"introspection":%q}`, other.URL+"/introspect")), order())
	if keyward.CodeOf(err) != keyward.CodeInvalidInput || !strings.Contains(err.Error(), "stays with its address") ||
		strings.Count(err.Error(), "spec.introspection.clientSecret: ") != 1 {
		t.Errorf("another address: %v", err)
	}
	next := strings.Replace(kept, `{"stored":true}`, `{"stored":"next"}`, 1)
	_, err = w.probe.Unsaved(t.Context(), "default", "corp", w.spec(next), order())
	if keyward.CodeOf(err) != keyward.CodeInvalidInput || strings.Count(err.Error(), "spec.introspection.clientSecret: ") != 1 ||
		!strings.Contains(err.Error(), "no next value is stored") {
		t.Errorf("a next one that is not stored: %v", err)
	}
	for _, spec := range []string{kept, next} {
		_, err = w.probe.Unsaved(t.Context(), "default", "nobody", w.spec(spec), order())
		if keyward.CodeOf(err) != keyward.CodeInvalidInput ||
			!strings.Contains(err.Error(), "spec.introspection.clientSecret: nothing is stored") {
			t.Errorf("nothing stored: %v", err)
		}
	}

	w.issuer.Fix("/.well-known/openid-configuration", issuer.Answer{Body: fmt.Sprintf(
		`{"issuer":%q,"jwks_uri":%q,"token_endpoint":%q,"introspection_endpoint":%q}`,
		w.issuer.URL, w.issuer.URL+"/jwks", w.issuer.URL+"/token", other.URL+"/introspect")})
	lines := w.check(w.probe.Saved(t.Context(), "default", "corp", order()))
	w.want(lines, "discovery", probe.Warn, "introspection_endpoint was")
	w.want(lines, "introspection", probe.Pass, "active: false")
	if seen := other.Seen(""); len(seen) != 0 {
		t.Errorf("a stored secret went elsewhere: %+v", seen)
	}
}

func TestDeclarationsAreJudgedBeforeAnythingIsAsked(t *testing.T) {
	w := newWorld(t)
	for more, path := range map[string]string{
		`,"connection":{"clientId":"x"}`:                              "spec.connection.clientId",
		`,"introspection":{"clientId":"x"}`:                           "spec.introspection.clientSecret",
		`,"connection":{"initialAccessToken":{"env":"TOKEN"}}`:        "spec.connection.initialAccessToken",
		`,"tokens":{"match":[{"prefix":"a_"}]},"type":"no-such-type"`: "spec.type",
	} {
		_, err := w.probe.Unsaved(t.Context(), "default", "x", w.spec(more), order())
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %s", more, err, path)
		}
	}
	if _, err := w.probe.Unsaved(t.Context(), "default", "x", &keyward.KeyManagerSpec{Type: "resident"}, order()); err == nil {
		t.Error("a second resident key manager was taken")
	}
	if _, err := w.probe.Saved(t.Context(), "default", "nobody", order()); keyward.CodeOf(err) != keyward.CodeNotFound {
		t.Errorf("one that is not there: %v", err)
	}
	if seen := w.issuer.Seen(""); len(seen) != 0 {
		t.Errorf("the server was asked: %+v", seen)
	}
}

// Each way to authenticate at the introspection endpoint is the gateways': what the server does not take, the check says.
func TestIntrospectionInEveryWay(t *testing.T) {
	w := newWorld(t)
	w.issuer.Fix("/introspect", issuer.Answer{Body: `{"active":false}`})
	w.issuer.Fix("/token", issuer.Answer{Body: `{"access_token":"got-for-asking","token_type":"Bearer"}`})
	key, err := issuer.NewKey("gw", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: key.Private, KeyID: "gw"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ introspection, auth, form string }{
		{fmt.Sprintf(`{"clientId":"gateway","method":"private_key_jwt","key":%q}`, jwk), "", "client_assertion=ey"},
		{`{"method":"bearer","token":"fixed-for-asking"}`, "Bearer fixed-for-asking", ""},
		{`{"method":"bearer","clientId":"gateway","clientSecret":"x"}`, "Bearer got-for-asking", ""},
		{`{"method":"post","clientId":"gateway","clientSecret":"x"}`, "", "client_secret=x"},
	} {
		w.issuer.Forget()
		lines := w.unsaved(`,"introspection":` + c.introspection)
		w.want(lines, "introspection", probe.Pass, "active: false")
		seen := w.issuer.Seen("/introspect")
		if len(seen) == 0 || seen[0].Auth != c.auth || !strings.Contains(seen[0].Form, c.form) {
			t.Errorf("%s: the server saw %+v", c.introspection, seen)
		}
		if text := fmt.Sprint(lines); strings.Contains(text, "for-asking") || strings.Contains(text, string(jwk)) {
			t.Errorf("a secret is in %s", text)
		}
	}
}

// TestASharedAccountIsNotShownToOneKeyManager: the credentials of a Connection are tried where the connection says, never
// at a token endpoint that a key manager names.
func TestASharedAccountIsNotShownToOneKeyManager(t *testing.T) {
	w := newWorld(t)
	spy := issuer.Start(t, "spy", "RS256")
	shared := &keyward.ConnectionSpec{Type: keyward.TypeKeycloak, Connection: map[string]any{
		"realmUrl": w.issuer.URL + "/realms/master", "clientId": "shared-account", "clientSecret": secret.Stored(),
	}}
	err := w.store.Write(t.Context(), "test", func(tx *store.Tx) error {
		return tx.Put(&keyward.Object{Kind: keyward.KindConnection, Name: "sso", Spec: shared},
			store.Extra{Secrets: map[string]string{"connection.clientSecret": "shared-secret"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	spec := func(issuer string) *keyward.KeyManagerSpec {
		return &keyward.KeyManagerSpec{
			Type: keyward.TypeKeycloak, Issuer: issuer, Keys: keyward.KeySource{JWKS: w.issuer.URL + "/jwks"},
			Endpoints: keyward.Endpoints{Token: spy.URL + "/token"}, Connection: map[string]any{"ref": "sso"},
		}
	}
	lines := w.check(w.probe.Unsaved(t.Context(), "default", "corp", spec(w.issuer.URL+"/realms/corp"), order()))
	w.want(lines, "connection", probe.Fail, "service account")
	if seen := shown(w.issuer, "/realms/master/protocol/openid-connect/token"); !strings.Contains(seen, "shared-account:shared-secret") {
		t.Errorf("the connection's own server saw %q", seen)
	}
	if seen := shown(spy, "/token"); !strings.Contains(seen, ":") || strings.Contains(seen, "shared-") {
		t.Errorf("the key manager's token endpoint saw %q", seen)
	}
	_, err = w.probe.Unsaved(t.Context(), "default", "corp", spec(spy.URL+"/realms/corp"), order())
	if keyward.CodeOf(err) != keyward.CodeInvalidInput || !strings.Contains(err.Error(), "spec.issuer") {
		t.Errorf("a realm elsewhere: %v", err)
	}
}

// shown joins the credentials and bodies that a server was sent at a path.
func shown(i *issuer.Issuer, path string) string {
	all := ""
	for _, r := range i.Seen(path) {
		plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Auth, "Basic "))
		all += fmt.Sprintf("%s %s %v\n", plain, r.Form, err)
	}
	return all
}

// TestAStepHasThePolicysTime, where that is more than its own.
func TestAStepHasThePolicysTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys, err := issuer.JWKS(w.issuer.Key())
	if err != nil {
		t.Fatal(err)
	}
	w.issuer.Fix("/jwks", issuer.Answer{Body: keys, Delay: 7200 * time.Millisecond})
	w.want(w.unsaved(`,"outbound":{"timeout":"40s"}`), "keys", probe.Pass, "")
}
