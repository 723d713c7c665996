package enforce

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// exchangeWorld has partner's tokens for exchange only.
func exchangeWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.engine.o.Exchanges = true
	w.changePartner(func(r *keyward.KeyManagerRow) { r.Use = keyward.UseExchange })
	return w
}

func (w *world) changePartner(f func(*keyward.KeyManagerRow)) {
	w.t.Helper()
	change(w, keyward.RowKeyManager, "km-partner", w.view.KeyManager("km-partner").KeyManagerRow, f)
}

// wantExchange judges a subject token in tenant default.
func (w *world) wantExchange(what, raw string, want keyward.Code) *Subject {
	w.t.Helper()
	s, unfit := w.engine.Exchange(w.t.Context(), w.view, "default", raw)
	var got keyward.Code
	if unfit != nil {
		got = unfit.Code
		if unfit.Step == "" || unfit.Seen == "" || unfit.Fix == "" || strings.Contains(unfit.Fix, "API") {
			w.t.Errorf("%s: a refusal that helps nobody: %+v", what, unfit)
		}
	}
	if got != want || (s == nil) == (unfit == nil) {
		w.t.Errorf("%s: got %q, want %q: %+v", what, got, want, unfit)
	}
	return s
}

// TestUseSaysWhatATokenIsGoodFor: each use in turn, with a token that was verified before.
func TestUseSaysWhatATokenIsGoodFor(t *testing.T) {
	w := exchangeWorld(t)
	raw := w.mint(issuer.Token{}, w.partner)
	for _, c := range []struct {
		use              keyward.TokenUse
		called, exchange keyward.Code
	}{
		{"", "", keyward.CodeUnknownIssuer},
		{keyward.UseExchange, keyward.CodeUnknownIssuer, ""},
		{keyward.UseBoth, "", ""},
		{keyward.UseExchange, keyward.CodeUnknownIssuer, ""},
		{"", "", keyward.CodeUnknownIssuer},
	} {
		w.changePartner(func(r *keyward.KeyManagerRow) { r.Use = c.use })
		w.want("called, use "+string(c.use), open(raw), c.called)
		w.wantExchange("exchanged, use "+string(c.use), raw, c.exchange)
	}
	w.changePartner(func(r *keyward.KeyManagerRow) { r.Use = keyward.UseExchange })
	x := w.engine.Explain(t.Context(), w.view, open(raw))
	if text, _ := json.Marshal(x); !strings.Contains(string(text), "for token exchange only") {
		t.Errorf("explain does not say why: %s", text)
	}
}

// TestGatewaysWantNoKeysOfExchangeOnly: a gateway's engine asks such a key manager for nothing; the judge's engine does.
func TestGatewaysWantNoKeysOfExchangeOnly(t *testing.T) {
	w := exchangeWorld(t)
	judged := w.view.KeyManager("km-partner")
	if !w.engine.follows(w.view, judged) {
		t.Error("the judge does not follow the keys")
	}
	w.engine.o.Exchanges = false
	if w.engine.follows(w.view, judged) {
		t.Error("a gateway follows the keys of a key manager whose tokens it never takes")
	}
	w.changePartner(func(r *keyward.KeyManagerRow) { r.Use = keyward.UseBoth })
	if !w.engine.follows(w.view, w.view.KeyManager("km-partner")) {
		t.Error("a gateway does not follow the keys of a key manager whose tokens it takes")
	}
}

func TestSubjectTokens(t *testing.T) {
	w := exchangeWorld(t)
	now := time.Now().Unix()
	with := func(claims map[string]any) string { return w.mint(issuer.Token{Claims: claims}, w.partner) }
	good := with(nil)
	s := w.wantExchange("the control", good, "")
	if s == nil || s.Subject != "partner|service-abc" || s.KeyManager != "partner" || s.KeyManagerID != "km-partner" ||
		s.Expires.Unix() < now+500 || s.Expires.Unix() > now+700 || s.Delegated || s.MayAct != nil {
		t.Errorf("read: %+v", s)
	}
	forged, err := newKey(t, "k1", "ES256").Mint("at+jwt", w.partner.Claims())
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		raw  string
		want keyward.Code
	}{
		"nothing":                  {"", keyward.CodeInvalidRequest},
		"a word":                   {"opaque", keyward.CodeInvalidToken},
		"two words":                {good + " " + good, keyward.CodeInvalidRequest},
		"no algorithm":             {w.mint(issuer.Token{Header: map[string]any{"alg": "none"}}, w.partner), keyward.CodeInvalidToken},
		"another key of that name": {forged, keyward.CodeInvalidToken},
		"corp's key for partner":   {w.claims(map[string]any{"iss": w.partner.Issuer}), keyward.CodeInvalidToken},
		"corp, which is direct":    {w.claims(nil), keyward.CodeUnknownIssuer},
		"nobody's":                 {with(map[string]any{"iss": "https://nobody.example"}), keyward.CodeUnknownIssuer},
		"two issuers":              {with(map[string]any{"iss": []string{w.partner.Issuer, "x"}}), keyward.CodeInvalidToken},
		"no issuer":                {with(map[string]any{"iss": nil}), keyward.CodeUnknownIssuer},
		"expired":                  {with(map[string]any{"exp": now - 60}), keyward.CodeTokenExpired},
		"without an end":           {with(map[string]any{"exp": nil}), keyward.CodeInvalidToken},
		"from tomorrow":            {with(map[string]any{"nbf": now + 86400}), keyward.CodeTokenNotYetValid},
		"an ID token":              {with(map[string]any{"at_hash": "x"}), keyward.CodeInvalidToken},
		"bound to a key":           {with(map[string]any{"cnf": map[string]any{"jkt": "x"}}), keyward.CodeSenderConstraintFailed},
		"a sub that is a list":     {with(map[string]any{"sub": []string{"a"}}), keyward.CodeInvalidToken},
		"nobody at all":            {with(map[string]any{"sub": nil, "client_id": nil}), keyward.CodeInvalidToken},
	} {
		w.wantExchange(what, c.raw, c.want)
	}
	if s := w.wantExchange("no client", with(map[string]any{"client_id": nil}), ""); s != nil && s.Subject != "partner|service-abc" {
		t.Errorf("without a client: %+v", s)
	}
	acting := w.wantExchange("somebody acts", with(map[string]any{
		"act": map[string]any{"sub": "x"}, "may_act": map[string]any{"sub": "y"},
	}), "")
	if acting == nil || !acting.Delegated || string(acting.MayAct) != `{"sub":"y"}` {
		t.Errorf("act and may_act: %+v", acting)
	}
}

// TestSubjectTokensKeepTheKeyManagersRules: what its settings ask of a call's token they ask of a subject token too.
func TestSubjectTokensKeepTheKeyManagersRules(t *testing.T) {
	for what, c := range map[string]struct {
		set       func(*keyward.KeyManagerRow)
		good, bad map[string]any
		want      keyward.Code
	}{
		"audiences": {func(r *keyward.KeyManagerRow) { r.Audiences = []string{"urn:keyward"} },
			map[string]any{"aud": []string{"urn:other", "urn:keyward"}}, map[string]any{"aud": "urn:other"}, keyward.CodeAudienceMismatch},
		"require": {func(r *keyward.KeyManagerRow) { r.Require = map[string]any{"token_use": "access"} },
			map[string]any{"token_use": "access"}, nil, keyward.CodeInvalidToken},
		"match.claims": {func(r *keyward.KeyManagerRow) { r.Match = []keyward.MatchRule{{Claims: map[string]any{"tid": "acme"}}} },
			map[string]any{"tid": "acme"}, map[string]any{"tid": "rival"}, keyward.CodeUnknownIssuer},
		"algorithms": {func(r *keyward.KeyManagerRow) { r.Algorithms = []string{"RS256"} }, nil, nil, keyward.CodeInvalidToken},
		"the main issuer's end": {func(r *keyward.KeyManagerRow) { past := time.Now().Add(-time.Hour); r.Issuers[0].Until = &past },
			nil, nil, keyward.CodeUnknownIssuer},
		"disabled":       {func(r *keyward.KeyManagerRow) { r.Enabled = false }, nil, nil, keyward.CodeUnknownIssuer},
		"held":           {func(r *keyward.KeyManagerRow) { r.Hold = &keyward.HoldRow{} }, nil, nil, keyward.CodeUnknownIssuer},
		"another tenant": {func(r *keyward.KeyManagerRow) { r.Tenant = "acme" }, nil, nil, keyward.CodeUnknownIssuer},
	} {
		t.Run(what, func(t *testing.T) {
			w := exchangeWorld(t)
			raw := func(claims map[string]any) string { return w.mint(issuer.Token{Claims: claims}, w.partner) }
			w.wantExchange("before", raw(c.bad), "")
			w.changePartner(c.set)
			w.wantExchange("bad", raw(c.bad), c.want)
			if c.good != nil {
				w.wantExchange("good", raw(c.good), "")
			}
		})
	}
	w := exchangeWorld(t)
	w.changePartner(func(r *keyward.KeyManagerRow) { r.Tenant, r.Global = "acme", true })
	w.wantExchange("a global key manager", w.mint(issuer.Token{}, w.partner), "")
}

// TestSubjectKeysFollowTheirIssuer: a new key is taken, a withdrawn one ends what it signed, also what was verified.
func TestSubjectKeysFollowTheirIssuer(t *testing.T) {
	w := exchangeWorld(t)
	old := w.mint(issuer.Token{}, w.partner)
	w.wantExchange("the first key", old, "")
	w.partner.SetKeys(newKey(t, "k2", "ES256"))
	w.wantExchange("the second key", w.mint(issuer.Token{}, w.partner), "")
	w.wantExchange("the withdrawn key", old, keyward.CodeInvalidToken)

	pem := newKey(t, "p", "ES256")
	text, err := pem.PEM()
	if err != nil {
		t.Fatal(err)
	}
	w.changePartner(func(r *keyward.KeyManagerRow) {
		r.Issuers = []keyward.IssuerRow{{Issuer: w.partner.Issuer, PEM: []string{text}}}
	})
	signed := w.mint(issuer.Token{Key: pem}, w.partner)
	w.wantExchange("by the PEM key", signed, "")
	w.wantExchange("by the key set's", w.mint(issuer.Token{}, w.partner), keyward.CodeInvalidToken)
	other, err := newKey(t, "p", "ES256").PEM()
	if err != nil {
		t.Fatal(err)
	}
	w.changePartner(func(r *keyward.KeyManagerRow) { r.Issuers[0].PEM = []string{other} })
	w.wantExchange("by a PEM key that was replaced", signed, keyward.CodeInvalidToken)
}

// TestMappedClaimsOfSubjects: whole values, under their new names.
func TestMappedClaimsOfSubjects(t *testing.T) {
	w := exchangeWorld(t)
	w.changePartner(func(r *keyward.KeyManagerRow) {
		r.Mapping = []keyward.ClaimMapping{{From: "email", To: "mail"}, {From: "/realm_access/roles", To: "roles"}, {From: "no", To: "no"}}
	})
	s := w.wantExchange("mapped", w.mint(issuer.Token{Claims: map[string]any{
		"email": "a@b.example", "realm_access": map[string]any{"roles": []string{"x", "y"}},
	}}, w.partner), "")
	if s == nil || len(s.Claims) != 2 || string(s.Claims["mail"]) != `"a@b.example"` || string(s.Claims["roles"]) != `["x","y"]` {
		t.Errorf("mapped: %+v", s)
	}
}

// TestExchangedTokensEndWithTheirOrigin: what the resident key manager gave for a token of another one passes only as
// long as that one is trusted for it. What it gave to its clients themselves goes on.
func TestExchangedTokensEndWithTheirOrigin(t *testing.T) {
	w := exchangeWorld(t)
	change(w, keyward.RowKeyManager, "km-corp", w.view.KeyManager("km-corp").KeyManagerRow, func(r *keyward.KeyManagerRow) {
		r.Name = keyward.ResidentName
	})
	exchanged := func(id string) Request {
		return items(w.claims(map[string]any{"sub": "partner|joe", "keyward": map[string]any{"key_manager_id": id}}))
	}
	r, own := exchanged("km-partner"), items(w.claims(nil))
	w.want("trusted", r, "")
	w.want("one that is not there", exchanged("km-gone"), keyward.CodeTokenRevoked)
	for what, c := range map[string]struct{ set, unset func(*keyward.KeyManagerRow) }{
		"held":     {func(r *keyward.KeyManagerRow) { r.Hold = &keyward.HoldRow{} }, func(r *keyward.KeyManagerRow) { r.Hold = nil }},
		"disabled": {func(r *keyward.KeyManagerRow) { r.Enabled = false }, func(r *keyward.KeyManagerRow) { r.Enabled = true }},
		"direct":   {func(r *keyward.KeyManagerRow) { r.Use = "" }, func(r *keyward.KeyManagerRow) { r.Use = keyward.UseBoth }},
		"foreign":  {func(r *keyward.KeyManagerRow) { r.Tenant = "acme" }, func(r *keyward.KeyManagerRow) { r.Tenant = "default" }},
	} {
		w.changePartner(c.set)
		w.want(what, r, keyward.CodeTokenRevoked)
		w.want(what+", a client's own", own, "")
		w.changePartner(c.unset)
		w.want("not "+what, r, "")
	}
	w.remove(keyward.RowKeyManager, "km-partner")
	w.want("deleted", r, keyward.CodeTokenRevoked)
	// Nobody but the resident key manager can say where a token comes from.
	change(w, keyward.RowKeyManager, "km-corp", w.view.KeyManager("km-corp").KeyManagerRow, func(r *keyward.KeyManagerRow) {
		r.Name = "corp"
	})
	w.want("the claim in another's token", exchanged("km-partner"), "")
}
