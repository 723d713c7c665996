package enforce

import (
	"context"
	"errors"
	"math"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/reading"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/token"
)

// validated is a token that its key manager answers for: signed with a key of its issuer, or introspected as active.
type validated struct {
	allowed
	facts *facts
}

// validate has the token judged by its key manager, and by nobody else.
func (e *Engine) validate(ctx context.Context, a *allowed, t *trace) (validated, *Refusal) {
	var entry *verified
	var ref *Refusal
	if a.issuer == nil {
		entry, ref = e.introspect(ctx, a, t)
	} else {
		entry, ref = e.verify(ctx, a, t)
	}
	if ref != nil {
		return validated{}, ref
	}
	if entry.TypeFault != "" {
		t.fail(entry.TypeFault, entry.TypeFix)
		return validated{}, refuse(keyward.CodeInvalidToken)
	}
	return validated{allowed: *a, facts: &entry.facts}, nil
}

// verify checks the signature, unless it was checked before and still counts: same key manager, same settings, same
// issuer entry, and the key is in today's set.
func (e *Engine) verify(ctx context.Context, a *allowed, t *trace) (*verified, *Refusal) {
	t.expect(stepSignature, "a signature by a key of issuer ", a.issuer.Issuer, " of key manager ", a.km.Name)
	keys := e.keySet(a.view, a.km, a.issuer)
	if v := a.known; v != nil && v.keyManagerID == a.km.ID && v.settings == a.km.Settings &&
		v.issuer == a.issuer.Issuer && v.key != nil && keys.Holds(v.key.Thumbprint) {
		e.metrics.verifiedHits.Inc()
		t.pass("verified before, with the key of ", v.key.Name, ", which is still in the issuer's set")
		return v, nil
	}
	e.metrics.verifiedMisses.Inc()
	jwt := a.jwt
	if jwt == nil {
		var err error
		if jwt, err = token.Parse(a.raw); err != nil {
			t.fail(messageOf(err), "get a fresh token")
			return nil, refuseFor(err, keyward.CodeInvalidToken)
		}
	}
	candidates, err := keys.Candidates(ctx, jwt)
	if err != nil {
		e.explainKeys(a, jwt, err, t)
		return nil, unavailable(err)
	}
	for _, key := range candidates {
		if err = jwt.Verify(key, a.km.Algorithms); err != nil {
			continue
		}
		t.pass("signed with ", jwt.Algorithm(), " by the key of ", key.Name)
		v := &verified{
			facts: reading.JWT(jwt, a.km, a.issuer), keyManagerID: a.km.ID, settings: a.km.Settings, issuer: a.issuer.Issuer,
			key: key,
		}
		v.Size = sizeOf(a.raw)
		e.caches.keepVerified(a.api.Tenant, a.sum, v)
		return v, nil
	}
	t.fail(messageOf(err), "get a token from key manager "+a.km.Name+" itself; check its keys and tokens.algorithms")
	return nil, refuse(keyward.CodeInvalidToken)
}

// sizeOf estimates what keeping a token's claims costs.
func sizeOf(raw string) uint32 {
	const fixed, perByte = 1024, 6
	return uint32(min(fixed+perByte*len(raw), math.MaxUint32))
}

func (e *Engine) explainKeys(a *allowed, jwt *token.JWT, err error, t *trace) {
	if !t.live() {
		return
	}
	kid, named := jwt.KeyID()
	switch {
	case keyward.CodeOf(err) == keyward.CodeKeyManagerUnavailable:
		t.fail("the keys of key manager "+a.km.Name+" cannot be had now",
			"check that this gateway reaches the JWKS address of key manager "+a.km.Name)
	case named:
		t.fail("kid "+reading.Quote(kid)+" with algorithm "+reading.Quote(jwt.Algorithm())+", which no current key of the issuer has",
			"get a fresh token: the server has changed its keys, or another server signed this one")
	default:
		t.fail("no kid, and no key of the issuer is for algorithm "+reading.Quote(jwt.Algorithm()),
			"check the keys of key manager "+a.km.Name)
	}
}

// unavailable keeps the verifier's advice when to try again.
func unavailable(err error) *Refusal {
	ref := refuseFor(err, keyward.CodeKeyManagerUnavailable)
	if ref.Code != keyward.CodeKeyManagerUnavailable {
		return ref
	}
	ref.RetryAfter = 1
	var u *token.Unavailable
	if errors.As(err, &u) {
		ref.RetryAfter = seconds(u.RetryAfter)
	}
	return ref
}

// seconds rounds up: a caller that waits so long does not come too early.
func seconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}

// introspect asks the key manager about an opaque token (RFC 7662).
func (e *Engine) introspect(ctx context.Context, a *allowed, t *trace) (*verified, *Refusal) {
	t.expect(stepIntrospection, "key manager ", a.km.Name, " answers that the token is active")
	question, ref := e.question(ctx, a, t)
	if ref != nil {
		return nil, ref
	}
	answer, err := e.introspector.Introspect(ctx, question)
	if err != nil {
		t.fail("no usable answer of the introspection endpoint",
			"check that this gateway reaches it, and the introspection credentials of key manager "+a.km.Name)
		return nil, unavailable(err)
	}
	if !answer.Active {
		t.fail("active: false",
			"get a fresh token; where it is fresh, the gateway's client may lack the right to ask about it")
		return nil, refuse(keyward.CodeTokenInactive)
	}
	v := e.caches.answered(a.api.Tenant, a.sum, answer.Claims)
	if v == nil || v.keyManagerID != a.km.ID || v.settings != a.km.Settings {
		v = &verified{
			facts: reading.Claims(answer.Claims, a.km, true), keyManagerID: a.km.ID, settings: a.km.Settings,
		}
		v.Size = sizeOf(answer.Claims.Raw())
		e.caches.keepVerified(a.api.Tenant, a.sum, v)
	}
	if iss, found := answer.Claims.Get("iss"); found && iss.Kind() != strictjson.Null {
		if s, ok := iss.Str(); !ok || a.km.Issuer(s, e.now()) < 0 {
			t.fail("an answer for another issuer: iss "+reading.Quote(s),
				"check issuer and endpoints.introspection of key manager "+a.km.Name)
			return nil, refuse(keyward.CodeInvalidToken)
		}
	}
	t.pass("active: true")
	return v, nil
}

// question puts together what the introspection endpoint is asked. The credential is opened here and nowhere else.
func (e *Engine) question(ctx context.Context, a *allowed, t *trace) (token.Question, *Refusal) {
	row := a.view.Introspection(a.km.ID)
	if row == nil || a.km.Introspection == "" {
		t.fail("key manager "+a.km.Name+" has no introspection endpoint, or no credentials for it",
			"set endpoints.introspection and the credentials in introspection of key manager "+a.km.Name)
		ref := refuse(keyward.CodeKeyManagerUnavailable)
		ref.RetryAfter = seconds(time.Minute)
		return token.Question{}, ref
	}
	secret, err := e.open(ctx, row)
	var way outbound.Policy
	if err == nil {
		way, err = e.policy(ctx, a.km.Outbound, a.view.OutboundSecrets(a.km.ID))
	}
	if err != nil {
		t.fail("a secret that introspection needs cannot be opened by this gateway",
			"the gateway asks the control plane for the group's key: check that it reaches it")
		return token.Question{}, unavailable(&token.Unavailable{RetryAfter: time.Second, Err: &keyward.Error{
			Code: keyward.CodeKeyManagerUnavailable, Message: "a secret that introspection needs cannot be opened", Err: err,
		}})
	}
	return token.Question{
		KeyManagerID: a.km.ID, Digest: a.km.Settings + row.Digest, Endpoint: a.km.Introspection, ClientID: row.ClientID,
		Secret: secret.Current, Next: secret.Next, Name: a.km.Tenant + "/" + a.km.Name, Method: row.Method, Cache: row.Cache.Std(),
		Token: a.raw, Certificate: row.Certificate,
		Audience: a.km.Issuers[0].Issuer, TokenEndpoint: row.TokenEndpoint, Scope: row.Scope, Way: way,
	}, nil
}
