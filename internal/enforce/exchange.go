package enforce

import (
	"context"
	"encoding/json"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/reading"
	"keyward.dev/keyward/internal/view"
)

// Subject is who a subject token of RFC 8693 speaks of.
type Subject struct {
	KeyManager   string // name
	KeyManagerID string
	Environments []keyward.Environment // the key manager's
	Subject      string                // KEYMANAGER|sub as backends see it; KEYMANAGER|TID|sub of one of many organizations
	Expires      time.Time
	Claims       map[string]json.RawMessage // those that claims.mapping names, under their new names
	Delegated    bool                       // it has an act claim: somebody acts for the subject already (RFC 8693, section 4.1)
	MayAct       json.RawMessage            // who may (section 4.4); nil = it does not say
}

// Unfit says why a subject token is not taken: the gateway's code, and what explain would say of the step that failed.
type Unfit struct {
	Code            keyward.Code
	KeyManager      string // name; empty while it is unknown
	Step, Seen, Fix string
}

// Exchange judges a token that is to be exchanged at the tenant's resident key manager: by the same steps as a call with
// it would be, but for those that need an API. Only JWTs of key managers whose tokens.use says so are taken.
func (e *Engine) Exchange(ctx context.Context, v *view.View, tenant, raw string) (*Subject, *Unfit) {
	t := &trace{}
	r := routed{view: v, api: &view.API{APIRow: keyward.APIRow{Tenant: tenant}}, exchange: true}
	judged, ref := e.subject(ctx, &r, raw, t)
	if ref != nil {
		last := t.steps[len(t.steps)-1]
		unfit := &Unfit{Code: ref.Code, Step: last.Step, Seen: last.Seen, Fix: last.Fix}
		if judged.km != nil {
			unfit.KeyManager = judged.km.Name
		}
		return nil, unfit
	}
	f := judged.facts
	s := &Subject{
		KeyManager: judged.km.Name, KeyManagerID: judged.km.ID, Environments: judged.km.Environments,
		Subject: reading.Qualified(judged.km, f), Expires: time.Unix(f.Expires.Seconds, 0), Claims: reading.Mapped(judged.km, f),
	}
	_, s.Delegated = f.Claims.Get("act")
	if who, found := f.Claims.Get("may_act"); found {
		s.MayAct = json.RawMessage(who.Raw())
	}
	return s, nil
}

// subject takes the steps from the credential to the sender constraint.
func (e *Engine) subject(ctx context.Context, r *routed, raw string, t *trace) (validated, *Refusal) {
	now := e.now()
	c, ref := e.credential(r, []string{"Bearer " + raw}, t)
	if ref != nil {
		return validated{}, ref
	}
	if c.opaque() {
		t.fail("an opaque token", "exchange a JWT: what an opaque token says is known to its own server only")
		return validated{}, refuse(keyward.CodeInvalidToken)
	}
	i, ref := e.chooseKeyManager(&c, now, t)
	if ref != nil {
		return validated{allowed: allowed{issued: i}}, ref
	}
	v, ref := e.validate(ctx, &allowed{issued: i, use: &keyward.APIKeyManager{ID: i.km.ID}}, t)
	if ref != nil {
		return validated{allowed: allowed{issued: i}}, ref
	}
	if ref = e.checkTime(&v, now, t); ref != nil {
		return v, ref
	}
	if ref = e.checkAudience(&v, t); ref != nil {
		return v, ref
	}
	if ref = e.checkRevocation(&v, now, t); ref != nil {
		return v, ref
	}
	if ref = e.checkSender(&v, t); ref != nil {
		return v, ref
	}
	if v.facts.SubjectFault != "" || v.facts.Subject == "" {
		t.fail("no sub that is a string, and no client id", "let the server put sub into its tokens")
		return v, refuse(keyward.CodeInvalidToken)
	}
	return v, nil
}
