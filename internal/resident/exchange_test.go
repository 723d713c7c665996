package resident

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed"
)

// told is what the judge of subject tokens says, by token. Whether that is right is the judge's own tests' matter.
type told map[string]*Subject

// Judge implements Subjects. A token that starts with a code is refused with it.
func (s told) Judge(_ context.Context, tenant, subjectToken string) (*Subject, error) {
	if subject, ok := s[tenant+"/"+subjectToken]; ok {
		return subject, nil
	}
	return nil, &SubjectFault{Code: keyward.Code(subjectToken), Seen: "the judge said so"}
}

// trader is application shop with a client that may exchange, a key manager corp, and what the judge says of its token
// "good".
func trader(t *testing.T) (*world, connector.Registered, *Subject, string) {
	t.Helper()
	w := newWorld(t, "")
	w.api("", "orders", "a:read", "a:write")
	w.api("", "secret", "b:read")
	w.application("", "shop")
	w.subscribe("", "shop", "orders")
	client := w.register("", "shop", keyward.OAuthClientStatus{Grants: []string{keyward.GrantTokenExchange}})
	w.put("", keyward.KindKeyManager, "corp", &keyward.KeyManagerSpec{
		Type: keyward.TypeExternal, Issuer: "https://corp.example", Tokens: keyward.TokenRules{Use: keyward.UseExchange},
	}, store.Extra{})
	var id string
	w.write(func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, "corp")
		id = o.ID
		return err
	})
	s := &Subject{
		KeyManager: "corp", KeyManagerID: id, Environments: []keyward.Environment{keyward.Production}, Subject: "corp|joe",
		Expires: w.clock().Add(5 * time.Minute), Claims: map[string]json.RawMessage{},
	}
	w.resident.subjects = told{"default/good": s}
	return w, client, s, w.resident.Issuer("")
}

func exchange(subjectToken string, extra ...string) url.Values {
	form := url.Values{
		"grant_type": {keyward.GrantTokenExchange}, "subject_token": {subjectToken},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
	}
	for i := 0; i+1 < len(extra); i += 2 {
		if extra[i+1] == "" {
			form.Del(extra[i])
			continue
		}
		form[extra[i]] = append(form[extra[i]], extra[i+1])
	}
	return form
}

// trade asks the token endpoint for an exchange.
func (w *world) trade(c connector.Registered, form url.Values) answer {
	w.t.Helper()
	return send(w.t, http.MethodPost, w.resident.Issuer("")+pathToken, form, basic(c.ClientID, c.ClientSecret))
}

// traded gives the claims of an exchanged token; the exchange must succeed.
func (w *world) traded(c connector.Registered, form url.Values) map[string]any {
	w.t.Helper()
	got := w.trade(c, form)
	raw, _ := got.body["access_token"].(string)
	if got.status != http.StatusOK || raw == "" {
		w.t.Fatalf("no token: %d %s", got.status, got.text)
	}
	return testbed.Claims(w.t, raw)
}

func TestExchangeAnswersAsRFC8693Says(t *testing.T) {
	w, client, s, issuer := trader(t)
	got := w.trade(client, exchange("good"))
	raw, _ := got.body["access_token"].(string)
	delete(got.body, "access_token")
	want := map[string]any{
		"issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer",
		"expires_in": 299.0, "scope": "a:read a:write",
	}
	if left, _ := got.body["expires_in"].(float64); left == 300 {
		want["expires_in"] = 300.0
	}
	if diff := cmp.Diff(want, got.body); got.status != http.StatusOK || diff != "" {
		t.Errorf("status %d: %s", got.status, diff)
	}
	claims := testbed.Claims(t, raw)
	if exp, _ := claims["exp"].(float64); int64(exp) > s.Expires.Unix() || claims["sub"] != "corp|joe" ||
		claims["client_id"] != client.ClientID || claims["iss"] != issuer || claims["scope"] != "a:read a:write" {
		t.Errorf("claims: %v", claims)
	}
	from := map[string]any{"key_manager": "corp", "key_manager_id": s.KeyManagerID}
	if diff := cmp.Diff(any(from), claims["keyward"]); diff != "" {
		t.Errorf("where it comes from: %s", diff)
	}
	seen := send(t, http.MethodPost, issuer+pathIntrospect, url.Values{"token": {raw}}, basic(client.ClientID, client.ClientSecret))
	if seen.body["active"] != true || seen.body["sub"] != "corp|joe" {
		t.Errorf("introspected: %s", seen.text)
	}
	if got := w.traded(client, exchange("good", "scope", "a:read b:read")); got["scope"] != "a:read" {
		t.Errorf("what was asked for, below what the application may: %v", got["scope"])
	}
	s.Expires = w.clock().Add(24 * time.Hour)
	if exp, _ := w.traded(client, exchange("good"))["exp"].(float64); int64(exp) > w.clock().Add(time.Hour).Unix() {
		t.Errorf("it outlives the server's own tokens: %v", exp)
	}
	jwt := exchange("good", "subject_token_type", "", "requested_token_type", "urn:ietf:params:oauth:token-type:jwt")
	jwt.Set("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
	if got := w.trade(client, jwt); got.body["issued_token_type"] != "urn:ietf:params:oauth:token-type:jwt" {
		t.Errorf("a JWT for a JWT: %d %s", got.status, got.text)
	}
	doc := send(t, http.MethodGet, issuer+pathMetadata, nil)
	if !strings.Contains(doc.text, keyward.GrantTokenExchange) {
		t.Errorf("the metadata does not offer it: %s", doc.text)
	}
}

func TestExchangeRefusals(t *testing.T) {
	w, client, _, _ := trader(t)
	idToken := exchange("good")
	idToken.Set("subject_token_type", "urn:ietf:params:oauth:token-type:id_token")
	const kind = "urn:ietf:params:oauth:token-type:"
	for what, c := range map[string]struct {
		form   url.Values
		status int
		code   string
		says   string
	}{
		"no subject token":   {exchange("good", "subject_token", ""), 400, "invalid_request", "subject_token"},
		"no type":            {exchange("good", "subject_token_type", ""), 400, "invalid_request", "subject_token_type"},
		"an ID token":        {idToken, 400, "invalid_request", "access_token"},
		"two subject tokens": {exchange("good", "subject_token", "good"), 400, "invalid_request", "more than once"},
		"an actor": {exchange("good", "actor_token", "x", "actor_token_type", kind+"jwt"),
			400, "invalid_request", "actor_token"},
		"an actor's type": {exchange("good", "actor_token_type", kind+"jwt"), 400, "invalid_request", "actor_token"},
		"an ID token asked for": {exchange("good", "requested_token_type", kind+"id_token"),
			400, "invalid_request", "requested_token_type"},
		"a refresh token": {exchange("good", "requested_token_type", kind+"refresh_token"),
			400, "invalid_request", "requested_token_type"},
		"another audience":  {exchange("good", "audience", "urn:elsewhere"), 400, "invalid_target", "audience"},
		"another resource":  {exchange("good", "resource", "https://elsewhere.example"), 400, "invalid_target", "resource"},
		"another's scope":   {exchange("good", "scope", "b:read"), 400, "invalid_scope", "scopes"},
		"unknown issuer":    {exchange("unknown_issuer"), 400, "invalid_request", "tokens.use"},
		"expired":           {exchange("token_expired"), 400, "invalid_request", "expired"},
		"not yet valid":     {exchange("token_not_yet_valid"), 400, "invalid_request", "not valid yet"},
		"for somebody else": {exchange("audience_mismatch"), 400, "invalid_request", "tokens.audiences"},
		"bound":             {exchange("sender_constraint_failed"), 400, "invalid_request", "cnf"},
		"broken":            {exchange("invalid_token"), 400, "invalid_request", "not valid"},
		"keys out of reach": {exchange("key_manager_unavailable"), 503, "server_error", "out of reach"},
	} {
		got := w.trade(client, c.form)
		says, _ := got.body["error_description"].(string)
		if got.status != c.status || got.body["error"] != c.code || !strings.Contains(says, c.says) ||
			got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", what, got.status, got.text)
		}
		if c.status == 503 && got.header.Get("Retry-After") == "" {
			t.Errorf("%s: it does not say when to come again", what)
		}
	}
	w.traded(client, exchange("good"))
}

func TestWhoMayExchange(t *testing.T) {
	w, client, _, issuer := trader(t)
	refused := func(what string, c connector.Registered, status int, code string) {
		t.Helper()
		if got := w.trade(c, exchange("good")); got.status != status || got.body["error"] != code {
			t.Errorf("%s: %d %s", what, got.status, got.text)
		}
	}
	w.application("", "plain")
	plain := w.register("", "plain", keyward.OAuthClientStatus{})
	refused("a client without the grant", plain, 400, "unauthorized_client")
	refused("a wrong secret", connector.Registered{ClientID: client.ClientID, ClientSecret: "x"}, 401, "invalid_client")
	if got := w.ask(issuer, client); got.body["error"] != "unauthorized_client" {
		t.Errorf("client credentials with a client for exchange alone: %d %s", got.status, got.text)
	}
	resident := func(edit func(*keyward.KeyManagerSpec)) {
		change(w, "", keyward.KindKeyManager, keyward.ResidentName, edit)
	}
	resident(func(s *keyward.KeyManagerSpec) { s.Clients.GrantTypes = []string{"client_credentials"} })
	refused("the grant is taken away", client, 400, "unauthorized_client")
	resident(func(s *keyward.KeyManagerSpec) { s.Clients.GrantTypes = []string{keyward.GrantTokenExchange} })
	w.traded(client, exchange("good"))
	resident(func(s *keyward.KeyManagerSpec) { off := false; s.Enabled = &off })
	refused("the server is off", client, 403, "access_denied")
	resident(func(s *keyward.KeyManagerSpec) { s.Enabled = nil })
	w.traded(client, exchange("good"))
	w.resident.subjects = nil
	refused("nobody judges", client, 400, "unauthorized_client")
}

// TestExchangeKeepsPermissions: the other key manager's permissions count for the application's owners, and its
// environments for the client.
func TestExchangeKeepsPermissions(t *testing.T) {
	w, client, s, _ := trader(t)
	w.put("", keyward.KindUser, "alice", &keyward.UserSpec{Roles: []keyward.Role{"developer"}}, store.Extra{})
	w.put("", keyward.KindUser, "pam", &keyward.UserSpec{Groups: []string{"partners"}}, store.Extra{})
	w.put("", keyward.KindUser, "root", &keyward.UserSpec{Roles: []keyward.Role{"admin"}}, store.Extra{})
	for _, c := range []struct {
		permissions *keyward.Permissions
		owners      []string
		passes      bool
	}{
		{nil, []string{"alice"}, true},
		{&keyward.Permissions{Allow: []string{"partners"}}, []string{"alice"}, false},
		{&keyward.Permissions{Allow: []string{"partners"}}, []string{"alice", "pam"}, true},
		{&keyward.Permissions{Allow: []string{"partners"}}, []string{"group/partners"}, true},
		{&keyward.Permissions{Allow: []string{"partners"}}, []string{"group/others"}, false},
		{&keyward.Permissions{Allow: []string{"partners"}}, []string{"nobody"}, false},
		{&keyward.Permissions{Allow: []string{"partners"}}, []string{"root"}, true},
		{&keyward.Permissions{Allow: []string{"partners"}}, nil, true},
		{&keyward.Permissions{Deny: []string{"developer"}}, []string{"alice"}, false},
		{&keyward.Permissions{Deny: []string{"developer"}}, []string{"pam"}, true},
	} {
		change(w, "", keyward.KindKeyManager, "corp", func(k *keyward.KeyManagerSpec) { k.Permissions = c.permissions })
		change(w, "", keyward.KindApplication, "shop", func(a *keyward.ApplicationSpec) { a.Owners = c.owners })
		got := w.trade(client, exchange("good"))
		if passes := got.status == http.StatusOK; passes != c.passes || !passes && !strings.Contains(got.text, "permissions") {
			t.Errorf("%+v for %v: %d %s", c.permissions, c.owners, got.status, got.text)
		}
	}
	s.Environments = []keyward.Environment{keyward.Sandbox}
	if got := w.trade(client, exchange("good")); got.body["error"] != "invalid_request" || !strings.Contains(got.text, "environment") {
		t.Errorf("a sandbox token for a production client: %d %s", got.status, got.text)
	}
}

// TestExchangeNamesNoOtherActor: a token that says who acts, or who may, is not turned into one that does not say it.
func TestExchangeNamesNoOtherActor(t *testing.T) {
	w, client, s, issuer := trader(t)
	for may, passes := range map[string]bool{
		"":                                 true,
		`{"sub":"SELF","iss":"ISS"}`:       true,
		`{"client_id":"SELF","iss":"ISS"}`: true,
		`{"sub":"SELF"}`:                   false, // of whose clients?
		`{"sub":"SELF","iss":"https://corp.example"}`:    false,
		`{"sub":"other","iss":"ISS"}`:                    false,
		`{"sub":"other","client_id":"SELF","iss":"ISS"}`: false,
		`{"sub":"SELF","client_id":"other","iss":"ISS"}`: false,
		`{}`:     false,
		`"SELF"`: false,
		`null`:   false,
	} {
		s.MayAct = nil
		if may != "" {
			s.MayAct = json.RawMessage(strings.NewReplacer("SELF", client.ClientID, "ISS", issuer).Replace(may))
		}
		if got := w.trade(client, exchange("good")); (got.status == http.StatusOK) != passes ||
			!passes && !strings.Contains(got.text, "may_act") {
			t.Errorf("may_act %s: %d %s", may, got.status, got.text)
		}
	}
	s.MayAct, s.Delegated = nil, true
	if got := w.trade(client, exchange("good")); got.body["error"] != "invalid_request" || !strings.Contains(got.text, "act claim") {
		t.Errorf("a delegated token: %d %s", got.status, got.text)
	}
}

// TestCarriedClaimsDecideNothing: mapped claims come along, but none that says whose the token is or what it is good
// for, nor one that the resident key manager was told to read.
func TestCarriedClaimsDecideNothing(t *testing.T) {
	w, client, s, _ := trader(t)
	change(w, "", keyward.KindKeyManager, keyward.ResidentName, func(k *keyward.KeyManagerSpec) {
		k.Claims = keyward.ClaimRules{
			ClientID: []string{"app"}, Scopes: []string{"/permissions/~1all"},
			Grants: []keyward.Grant{{Claim: "/realm~1access/roles", Equals: "x", Scopes: []string{"b:read"}}},
		}
		k.Tokens.Require = map[string]any{"level": "high"}
		k.Tokens.Match = []keyward.MatchRule{{Claims: map[string]any{"tid": "acme"}}}
	})
	for _, name := range []string{
		"iss", "Sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "SCP", "azp", "keyward", "cnf", "act", "may_act",
		"app", "permissions", "realm/access", "level", "TID", "email", "groups",
	} {
		s.Claims[name] = json.RawMessage(`["mapped"]`)
	}
	before := w.traded(client, exchange("good"))
	var mapped []string
	for name, v := range before {
		if cmp.Equal(v, any([]any{"mapped"})) {
			mapped = append(mapped, name)
		}
	}
	if len(mapped) != 2 || before["email"] == nil || before["groups"] == nil {
		t.Errorf("carried: %v in %v", mapped, before)
	}
	s.Claims = map[string]json.RawMessage{"much": json.RawMessage(`"` + strings.Repeat("x", 17<<10) + `"`)}
	if got := w.trade(client, exchange("good")); got.status != 400 || !strings.Contains(got.text, "16 KiB") {
		t.Errorf("a token that no gateway would take: %d %s", got.status, got.text)
	}
}

// TestExchangedTokensTargets: repeated audience and resource choose among what the application's APIs expect.
func TestExchangedTokensTargets(t *testing.T) {
	w, client, _, issuer := trader(t)
	if got := w.traded(client, exchange("good", "audience", issuer)); !cmp.Equal(got["aud"], any([]any{issuer})) && got["aud"] != issuer {
		t.Errorf("the issuer itself: %v", got["aud"])
	}
	change(w, "", keyward.KindAPI, "orders", func(a *keyward.APISpec) { a.Audiences = []string{"urn:a", "urn:b", "urn:c"} })
	got := w.traded(client, exchange("good", "audience", "urn:a", "audience", "urn:b", "resource", "urn:b"))
	if !cmp.Equal(got["aud"], any([]any{"urn:a", "urn:b"})) {
		t.Errorf("two of three: %v", got["aud"])
	}
	if refused := w.trade(client, exchange("good", "audience", "urn:a", "audience", "urn:d")); refused.body["error"] != "invalid_target" {
		t.Errorf("one that no API expects: %d %s", refused.status, refused.text)
	}
}

// TestSubjectThatEndsNow is refused, and so is one whose key manager was deleted in between.
func TestSubjectThatEndsNow(t *testing.T) {
	w, client, s, _ := trader(t)
	s.Expires = w.clock().Add(300 * time.Millisecond)
	if got := w.trade(client, exchange("good")); got.body["error"] != "invalid_request" || !strings.Contains(got.text, "expired") {
		t.Errorf("less than a second is left: %d %s", got.status, got.text)
	}
	s.Expires, s.KeyManagerID = w.clock().Add(time.Minute), store.NewID()
	if got := w.trade(client, exchange("good")); got.body["error"] != "invalid_request" {
		t.Errorf("its key manager is gone: %d %s", got.status, got.text)
	}
	var fault *SubjectFault
	if err := error(badSubject(keyward.CodeTokenExpired, "x")); !errors.As(err, &fault) || err.Error() != "token_expired: x" {
		t.Errorf("the fault reads %v", err)
	}
}
