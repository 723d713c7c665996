package enforce

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/view"
)

func TestExplainSteps(t *testing.T) {
	w := newWorld(t)
	explain := func(r Request) *Explanation { return w.engine.Explain(t.Context(), w.view, r) }
	raw := w.claims(nil)
	x := explain(items(raw))
	var names []string
	for _, s := range x.Steps {
		names = append(names, s.Step)
		if s.Result != "pass" || s.Expected == "" || s.Seen == "" || s.Fix != "" {
			t.Errorf("a step of a call that passes: %+v", s)
		}
	}
	if diff := cmp.Diff(stepOrder(), names); diff != "" {
		t.Errorf("the steps (-want +got):\n%s", diff)
	}
	name := `by the key of kid "` + w.corp.Key().Kid + `"`
	if seen := x.Steps[slices.Index(names, "signature")].Seen; !strings.Contains(seen, name) {
		t.Errorf("the key is named as elsewhere: %q, want %q", seen, name)
	}
	if x.Status != 200 || x.Code != "" || x.KeyManager != "corp" || x.API != "orders" || x.Application != "mobile" ||
		x.Decision == "" ||
		x.Fingerprint != w.decide(items(raw)).Fingerprint() {
		t.Errorf("the head: %+v", x)
	}
	w = opaqueWorld(t)
	w.corp.SetOpaque("corp_1", answer(nil))
	names = nil
	for _, s := range w.engine.Explain(t.Context(), w.view, items("corp_1")).Steps {
		names = append(names, s.Step)
	}
	order := stepOrder()
	order[slices.Index(order, "signature")] = "introspection"
	if diff := cmp.Diff(order, names); diff != "" {
		t.Errorf("the steps of an opaque token (-want +got):\n%s", diff)
	}
	none := w.engine.Explain(t.Context(), w.view, get("/orders/v1/ping", ""))
	if none.Status != 200 || none.Steps[1].Result != "pass" || none.Steps[2].Result != "not reached" ||
		len(none.Steps) != len(order) {
		t.Errorf("security none: %+v", none)
	}
	text, err := json.Marshal(none.Steps[2])
	if err != nil || string(text) != `{"step":"key manager","result":"not reached","expected":"","seen":"","fix":""}` {
		t.Errorf("the JSON form: %s", text)
	}
}

// Each failed step names what was expected, what was seen and what to change, so that a person can act on it.
func TestExplainFixes(t *testing.T) {
	w := opaqueWorld(t)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Audiences = []string{"urn:test"} })
	w.put(keyward.RowClient, "c-lone", clientRow("km-corp", "lone", "app-rival", keyward.Production))
	w.corp.SetOpaque("corp_ok", answer(nil))
	type want struct {
		what   string
		r      Request
		status int
		code   keyward.Code
		step   string
		text   []string // all in expected, seen or fix
	}
	iss := func(v string) Request { return items(w.claims(map[string]any{"iss": v})) }
	claim := func(name string, v any) Request { return items(w.claims(map[string]any{name: v})) }
	for _, c := range []want{
		{"another place", get("/order/v1/items", ""), 404, keyward.CodeNoSuchAPI, stepRoute, []string{"keyward get apis"}},
		{"another case", get("/Orders/v1/items", ""), 404, keyward.CodeNoSuchAPI, stepRoute, []string{"/orders/v1",
			"upper and lower case"}},
		{"a slash too many", get("/orders/v1/items/", ""), 404, keyward.CodeNoSuchOperation, stepRoute,
			[]string{"trailing slash"}},
		{"another method", Request{Method: "DELETE", Target: "/orders/v1/items"}, 405, keyward.CodeNoSuchOperation, stepRoute,
			[]string{"GET, POST, PUT"}},
		{"dots", get("/orders/../x", ""), 400, keyward.CodeInvalidRequest, stepRoute, []string{"dot segment"}},
		{"nothing", items(""), 401, keyward.CodeMissingCredentials, stepCredential, []string{"Authorization: Bearer"}},
		{"in the query", get("/orders/v1/items?access_token=x", ""), 401, keyward.CodeMissingCredentials, stepCredential,
			[]string{"in the query"}},
		{"a slash in the issuer", iss(w.corp.Issuer + "/"), 401, keyward.CodeUnknownIssuer, stepKeyManager,
			[]string{"differs only by a trailing slash from the issuer of key manager corp"}},
		{"https", iss(strings.Replace(w.corp.Issuer, "http", "https", 1)), 401, keyward.CodeUnknownIssuer, stepKeyManager,
			[]string{"scheme", "corp"}},
		{"localhost", iss(strings.Replace(w.corp.Issuer, "127.0.0.1", "localhost", 1)), 401, keyward.CodeUnknownIssuer,
			stepKeyManager, []string{"host name", "localhost"}},
		{"an unknown issuer", iss("https://x.example"), 401, keyward.CodeUnknownIssuer, stepKeyManager,
			[]string{"https://x.example", "register a key manager"}},
		{"an opaque token", items("unknown"), 401, keyward.CodeInvalidToken, stepKeyManager, []string{"match"}},
		{"not allowed", items(w.mint(issuer.Token{}, w.partner)), 401, keyward.CodeKeyManagerNotAllowed, stepAllowed,
			[]string{"add partner to spec.keyManagers of API orders"}},
		{"not allowed, opaque", items("123456"), 401, keyward.CodeKeyManagerNotAllowed, stepAllowed, []string{"partner"}},
		{"an unknown kid", items(w.mint(issuer.Token{Header: map[string]any{"kid": "gone"}})), 401, keyward.CodeInvalidToken,
			stepSignature, []string{`"gone"`}},
		{"forged", items(w.mint(issuer.Token{Key: newKey(t, "k1", "ES256")})), 401, keyward.CodeInvalidToken, stepSignature,
			[]string{"corp"}},
		{"an ID token", claim("at_hash", "x"), 401, keyward.CodeInvalidToken, stepSignature, []string{"ID token",
			"tokens.type: any"}},
		{"inactive", items("corp_gone"), 401, keyward.CodeTokenInactive, stepIntrospection, []string{"active: false"}},
		{"expired", claim("exp", time.Now().Unix()-300), 401, keyward.CodeTokenExpired, stepTime, []string{"ago", "fresh token"}},
		{"no exp", claim("exp", nil), 401, keyward.CodeInvalidToken, stepTime, []string{"no exp"}},
		{"another audience", claim("aud", "urn:x"), 401, keyward.CodeAudienceMismatch, stepAudience, []string{"urn:test", "urn:x",
			"tokens.audiences of key manager corp"}},
		{"bound", claim("cnf", map[string]any{}), 401, keyward.CodeSenderConstraintFailed, stepSender, []string{"cnf"}},
		{"an unknown client", claim("client_id", "x y"), 403, keyward.CodeNoSubscription, stepApplication, []string{`"x y"`,
			"keyward keys map", "--key-manager corp"}},
		{"not subscribed", claim("client_id", "lone"), 403, keyward.CodeNoSubscription, stepSubscription,
			[]string{"application rival", "API orders"}},
		{"a scope", claim("scope", "x"), 403, keyward.CodeInsufficientScope, stepScope, []string{"orders:read", `"x"`,
			"ask corp for scope orders:read"}},
	} {
		x := w.engine.Explain(t.Context(), w.view, c.r)
		if x.Status != c.status || x.Code != c.code {
			t.Errorf("%s: %d %s", c.what, x.Status, x.Code)
		}
		i := slices.IndexFunc(x.Steps, func(s Step) bool { return s.Result == "fail" })
		if i < 0 || x.Steps[i].Step != c.step {
			t.Errorf("%s: fails at %d of %+v", c.what, i, x.Steps)
			continue
		}
		s := x.Steps[i]
		if s.Expected == "" || s.Seen == "" || s.Fix == "" {
			t.Errorf("%s: a step that helps nobody: %+v", c.what, s)
		}
		all := s.Expected + "\n" + s.Seen + "\n" + s.Fix
		for _, text := range c.text {
			if !strings.Contains(all, text) {
				t.Errorf("%s: %q is not in\n%s", c.what, text, all)
			}
		}
		for n, other := range x.Steps {
			if want := map[bool]string{true: "pass", false: "not reached"}[n < i]; n != i && other.Result != want {
				t.Errorf("%s: step %s is %s", c.what, other.Step, other.Result)
			}
		}
	}
}

// Decisions over a view that is swapped under them come out of one view or the other, never of a mixture.
func TestDecideWhileTheViewChanges(t *testing.T) {
	w := newWorld(t)
	raw := w.claims(nil)
	w.want("the control", items(raw), "")
	on := w.view
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Enabled = false })
	off := w.view
	var now atomic.Pointer[view.View]
	now.Store(on)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				v := now.Load()
				_, ref := w.engine.Decide(t.Context(), v, items(raw))
				if v == on && ref != nil && ref.Code != keyward.CodePlanExhausted || v == off && (ref == nil ||
					ref.Code != keyward.CodeUnknownIssuer) {
					t.Errorf("on: %t, got %+v", v == on, ref)
					return
				}
			}
		})
	}
	for n := range 200 {
		v := on
		if n%2 == 0 {
			v = off
		}
		w.engine.Follow(v)
		now.Store(v)
	}
	close(stop)
	all.Wait()
}
