package enforce

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/token"
)

// opaqueWorld lets corp take tokens that start with corp_, and partner those of six digits.
func opaqueWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	for id, i := range map[string]*issuer.Issuer{"km-corp": w.corp, "km-partner": w.partner} {
		rule := keyward.MatchRule{Prefix: "corp_"}
		if id == "km-partner" {
			rule = keyward.MatchRule{Regex: "[0-9]{6}"}
		}
		change(w, keyward.RowKeyManager, id, w.view.KeyManager(id).KeyManagerRow, func(r *keyward.KeyManagerRow) {
			r.Introspection = i.URL + "/introspect"
			r.Match = []keyward.MatchRule{rule}
		})
		w.put(keyward.RowIntrospection, id, keyward.IntrospectionRow{
			ClientID: issuer.IntrospectionClient, Method: "basic", Cache: keyward.Duration(30 * time.Second), Digest: "1",
			Secret: keyward.Sealed{Key: w.group.ID(), Text: w.group.Seal(
				[]byte(issuer.IntrospectionSecret), seal.RowContext(keyward.RowIntrospection, id, "secret"))},
		})
	}
	return w
}

func asked(i *issuer.Issuer) int { return len(i.Seen("/introspect")) }

func answer(more map[string]any) map[string]any {
	a := map[string]any{"active": true, "client_id": "abc", "scope": "orders:read"}
	for name, v := range more {
		a[name] = v
	}
	return a
}

func TestOpaqueChoice(t *testing.T) {
	w := opaqueWorld(t)
	w.corp.SetOpaque("corp_1", answer(nil))
	w.partner.SetOpaque("123456", answer(nil))
	w.want("corp's", items("corp_1"), "")
	w.want("corp's, unknown there", items("corp_2"), keyward.CodeTokenInactive)
	if asked(w.partner) != 0 {
		t.Error("partner was asked about corp's tokens")
	}
	w.corp.Forget()
	w.want("partner's, at an API that does not take it", items("123456"), keyward.CodeKeyManagerNotAllowed)
	w.want("nobody's", items("1234567"), keyward.CodeInvalidToken)
	w.want("nobody's, with dots", items("a.b.c"), keyward.CodeInvalidToken)
	w.want("the prefix inside", items("xcorp_1"), keyward.CodeInvalidToken)
	if asked(w.partner)+asked(w.corp) != 0 {
		t.Error("somebody was asked about a token that nobody fits")
	}
	w.want("partner's, at an API that takes it", open("123456"), "")

	// Both fit: the API's order decides, and the other is not asked.
	change(w, keyward.RowKeyManager, "km-partner", w.view.KeyManager("km-partner").KeyManagerRow, func(r *keyward.KeyManagerRow) {
		r.Match = []keyward.MatchRule{{Regex: ".*"}}
	})
	w.corp.Forget()
	w.want("first in the API's order", open("corp_1"), keyward.CodeTokenInactive)
	if asked(w.corp) != 0 {
		t.Error("the second in the order was asked")
	}
	all := w.view.API("api-open").APIRow
	all.KeyManagers, all.AllKeyManagers = nil, true
	w.put(keyward.RowAPI, "api-open", all)
	w.want("all: by name, corp before partner", open("corp_1"), "")

	// A JWT is no opaque token, whatever a pattern says.
	w.want("a JWT", items(w.claims(nil)), "")
	broken := w.claims(nil)
	w.partner.Forget()
	w.want("a broken JWT goes nowhere", open(broken[:len(broken)-3]+"=="), keyward.CodeInvalidToken)
	w.want("a JWT of an unknown issuer goes nowhere", open(w.claims(map[string]any{"iss": "https://x"})),
		keyward.CodeUnknownIssuer)
	if asked(w.partner) != 0 {
		t.Error("a JWT was sent to an introspection endpoint")
	}
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Enabled = false })
	w.want("disabled, cached answers included", items("corp_1"), keyward.CodeUnknownIssuer)
}

// A token is the same, what its server says of it need not be: each answer counts for itself.
func TestNewAnswerAboutAKnownToken(t *testing.T) {
	w := opaqueWorld(t)
	w.corp.SetOpaque("corp_1", answer(nil))
	w.want("the first answer", items("corp_1"), "")
	w.corp.SetOpaque("corp_1", answer(map[string]any{"scope": "x"}))
	w.want("the first answer, kept", items("corp_1"), "")
	w.later(31 * time.Second)
	w.want("a scope less", items("corp_1"), keyward.CodeInsufficientScope)
	w.corp.SetOpaque("corp_1", answer(map[string]any{"client_id": "nobody"}))
	w.later(31 * time.Second)
	w.want("another client", items("corp_1"), keyward.CodeNoSubscription)
}

func TestOpaqueTokenHasALimit(t *testing.T) {
	w := opaqueWorld(t)
	longest := "corp_" + strings.Repeat("a", token.MaxSize-len("corp_"))
	w.corp.SetOpaque(longest, answer(nil))
	w.corp.SetOpaque(longest+"a", answer(nil))
	w.want("as long as it may be", items(longest), "")
	w.corp.Forget()
	w.want("a byte longer", items(longest+"a"), keyward.CodeInvalidToken)
	if asked(w.corp) != 0 {
		t.Error("the server was asked about a token that is too long")
	}
}

func TestIntrospectionAnswers(t *testing.T) {
	w := opaqueWorld(t)
	now := time.Now().Unix()
	n := 0
	ask := func(more map[string]any) Request {
		n++
		raw := fmt.Sprintf("corp_%d", n)
		w.corp.SetOpaque(raw, answer(more))
		return items(raw)
	}
	w.changeCorp(func(r *keyward.KeyManagerRow) {
		r.Audiences = []string{"urn:test"}
		r.Require = map[string]any{"tier": "one"}
		r.ClientID = []string{"azp"}
	})
	plain := func(more map[string]any) Request {
		c := map[string]any{"tier": "one"}
		for name, v := range more {
			c[name] = v
		}
		return ask(c)
	}
	for _, c := range []struct {
		what string
		more map[string]any
		want keyward.Code
	}{
		{"nothing but what must be", nil, ""},
		{"all there", map[string]any{"iss": w.corp.Issuer, "aud": []string{"urn:test"}, "exp": now + 60, "nbf": now - 60,
			"iat": now - 60}, ""},
		{"nulls", map[string]any{"iss": nil, "aud": nil, "exp": nil, "nbf": nil, "iat": nil, "sub": nil}, ""},
		{"inactive", map[string]any{"active": false}, keyward.CodeTokenInactive},
		{"another issuer", map[string]any{"iss": "https://x"}, keyward.CodeInvalidToken},
		{"an issuer that is not a string", map[string]any{"iss": 5}, keyward.CodeInvalidToken},
		{"another audience", map[string]any{"aud": "urn:x"}, keyward.CodeAudienceMismatch},
		{"expired", map[string]any{"exp": now - 60}, keyward.CodeTokenExpired},
		{"a broken exp", map[string]any{"exp": "soon"}, keyward.CodeInvalidToken},
		{"not yet", map[string]any{"nbf": now + 60}, keyward.CodeTokenNotYetValid},
		{"a required claim of another value", map[string]any{"tier": "two"}, keyward.CodeInvalidToken},
		{"a refresh token", map[string]any{"typ": "Refresh"}, keyward.CodeInvalidToken},
		{"a refresh token as Hydra says it", map[string]any{"token_use": "refresh_token", "token_type": "Bearer"},
			keyward.CodeInvalidToken},
		{"a refresh token as OpenAM says it", map[string]any{"token_type": "refresh_token"}, keyward.CodeInvalidToken},
		{"an ID token by its whole name", map[string]any{"token_type": "urn:ietf:params:oauth:token-type:id_token"},
			keyward.CodeInvalidToken},
		{"an access token as OpenAM says it", map[string]any{"token_type": "access_token", "token_use": "access_token"}, ""},
		{"the configured client claim", map[string]any{"azp": "nobody"}, keyward.CodeNoSubscription},
		{"a broken client id", map[string]any{"client_id": 5}, keyward.CodeInvalidToken},
		{"no client id", map[string]any{"client_id": ""}, keyward.CodeInvalidToken},
		{"bound by cnf", map[string]any{"cnf": map[string]any{"jkt": "x"}}, keyward.CodeSenderConstraintFailed},
		{"bound by type", map[string]any{"token_type": "DPoP"}, keyward.CodeSenderConstraintFailed},
		{"bound by type, in another case", map[string]any{"token_type": "dpop"}, keyward.CodeSenderConstraintFailed},
		{"a plain type", map[string]any{"token_type": "Bearer"}, ""},
		{"another scope", map[string]any{"scope": "x"}, keyward.CodeInsufficientScope},
		{"scopes as an array", map[string]any{"scope": []string{"orders:read"}}, ""},
	} {
		w.want(c.what, plain(c.more), c.want)
	}
	grouped := map[string]any{"scope": "x", "groups": "staff warehouse"}
	w.want("no grant", plain(grouped), keyward.CodeInsufficientScope)
	w.changeCorp(func(r *keyward.KeyManagerRow) {
		r.Grants = []keyward.Grant{{Claim: "groups", Equals: "warehouse", Scopes: []string{"orders:read"}}}
	})
	w.want("a grant", plain(grouped), "")
	w.want("a grant of another group", plain(map[string]any{"scope": "x", "groups": "staff"}), keyward.CodeInsufficientScope)
	d := w.decide(plain(nil))
	if sub := testbed.Claims(t, d.BackendJWT)["sub"]; sub != "corp|abc" {
		t.Errorf("sub falls back to the client id, got %v", sub)
	}
}

func TestIntrospectionCacheAndSettings(t *testing.T) {
	w := opaqueWorld(t)
	w.corp.SetOpaque("corp_1", answer(nil))
	first := w.decide(items("corp_1"))
	second := w.decide(items("corp_1"))
	if asked(w.corp) != 1 || first.BackendJWT != second.BackendJWT {
		t.Errorf("asked %d times, backend JWTs equal: %t", asked(w.corp), first.BackendJWT == second.BackendJWT)
	}
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Name = "corporate" })
	w.want("a new name", items("corp_1"), "")
	if asked(w.corp) != 1 {
		t.Error("a new name emptied the cache")
	}
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Require = map[string]any{"tier": "one"} })
	w.want("a new rule", items("corp_1"), keyward.CodeInvalidToken)
	if asked(w.corp) != 2 {
		t.Errorf("asked %d times after a new rule", asked(w.corp))
	}
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Require = nil })
	w.corp.SetOpaque("corp_1", nil)
	w.later(31 * time.Second)
	w.want("the answer's time is over", items("corp_1"), keyward.CodeTokenInactive)
}

func TestIntrospectionOutOfReach(t *testing.T) {
	w := opaqueWorld(t)
	w.corp.SetOpaque("corp_1", answer(nil))
	for what, broken := range map[string]issuer.Answer{
		"400": {Status: 400, Body: `{"error":"unsupported_token_type"}`}, "401": {Status: 401,
			Body: `{"active":true}`}, "HTML": {Type: "text/html", Body: "<html>"},
		"no active": {Body: `{"client_id":"abc"}`}, "active a string": {Body: `{"active":"true"}`},
		"active twice": {Body: `{"active":true,"Active":false}`},
		"truncated":    {Body: `{"active":tr`}, "201": {Status: 201, Body: `{"active":true}`}, "a redirect": {Status: 302,
			Location: w.partner.URL},
	} {
		w.corp.Fix("/introspect", broken)
		ref := w.refuse(items("corp_" + strings.ReplaceAll(what, " ", "-")))
		if ref.Code != keyward.CodeKeyManagerUnavailable || ref.RetryAfter < 1 {
			t.Errorf("%s: %+v", what, ref)
		}
		w.holdsNoSecret(items("corp_1"), ref.Detail)
		w.later(2 * time.Second)
	}
	w.corp.Mend()
	testbed.Eventually(t, "the breaker closes again", func() string {
		return testbed.Same(w.code(items("corp_1")), "")
	})
	w.remove(keyward.RowIntrospection, "km-corp")
	w.want("no credentials", items("corp_1"), keyward.CodeKeyManagerUnavailable)
	w = opaqueWorld(t)
	w.engine.o.OpenSealed = nil
	w.want("nothing to open them with", items("corp_1"), keyward.CodeKeyManagerUnavailable)
	if asked(w.corp) != 0 {
		t.Error("asked without a secret")
	}
}

func TestIntrospectionAsksAsTheClient(t *testing.T) {
	w := opaqueWorld(t)
	w.corp.SetOpaque("corp_a+b", answer(nil))
	w.want("basic", items("corp_a+b"), "")
	row := *w.view.Introspection("km-corp")
	row.Method, row.Digest = "post", "2"
	w.put(keyward.RowIntrospection, "km-corp", row)
	w.want("post", items("corp_a+b"), "")
	seen := w.corp.Seen("/introspect")
	if len(seen) != 2 {
		t.Fatalf("asked %d times, want once with each method", len(seen))
	}
	for i, s := range seen {
		form, err := url.ParseQuery(s.Form)
		if err != nil || form.Get("token") != "corp_a+b" || (i == 0) != (s.Auth != "") || (i == 1) != form.Has("client_secret") {
			t.Errorf("question %d: %+v", i, s)
		}
	}
}
