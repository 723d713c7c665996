package enforce

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/reading"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/view"
)

// Explanation is a decision with its steps. Its JSON form is the contract's.
type Explanation struct {
	Status      int          `json:"status"`
	Code        keyward.Code `json:"code"` // empty when the call passes
	Detail      string       `json:"detail,omitempty"`
	Decision    string       `json:"decision"`
	Tenant      string       `json:"tenant,omitempty"`
	API         string       `json:"api,omitempty"`
	KeyManager  string       `json:"keyManager,omitempty"`
	Application string       `json:"application,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"` // all that is shown of the token
	Steps       []Step       `json:"steps"`

	Held    []keyward.HeldRow `json:"-"` // rows that failed a step because their objects are held
	Refusal *Refusal          `json:"-"` // nil: the call passes
}

// Step is one step of the line.
type Step = past.Step

// Explain decides as Decide does, with the same code, and tells each step. It counts no call against a plan. A key
// manager may be asked, as for the call itself.
func (e *Engine) Explain(ctx context.Context, v *view.View, req Request) *Explanation {
	t := &trace{}
	var p progress
	d, ref := e.line(ctx, v, &req, e.now(), t, &p)
	x := &Explanation{Status: 200, Fingerprint: t.fingerprint(), Steps: t.finish(), Held: t.holds}
	if p.api != nil {
		x.Tenant, x.API = p.api.Tenant, p.api.Name
	}
	if p.km != nil {
		x.KeyManager = p.km.Name
	}
	if p.app != nil {
		x.Application = p.app.Name
	}
	if ref != nil {
		x.Status, x.Code, x.Detail, x.Decision, x.Refusal = ref.Status(), ref.Code, ref.Detail, ref.ID, ref
		return x
	}
	x.Decision = d.ID
	return x
}

// Judgement is what the line makes of a token by its key manager's settings, up to the sender constraint, and what it
// read from it. What depends on an API or an application is not asked.
type Judgement struct {
	Refusal     *Refusal // nil: the token is taken
	Fingerprint string   // all that is shown of the token
	Steps       []Step

	// Of a token whose key manager answers for it.
	ClientID    string
	ClientClaim string // the claim that gave the client id
	Subject     string
	Issuer      string // as the token has it
	Audience    []string
	Scopes      []string                   // of the scope claims and of the key manager's grants
	Mapped      map[string]json.RawMessage // the claims that the key manager puts into backend JWTs
}

// stepClient is the part of the application step that the token alone decides.
const stepClient = "client id"

// Judge takes a token through the steps of Decide that have nothing to do with an API or an application. The view has
// the one key manager that is to judge, and an API at the target that takes it.
func (e *Engine) Judge(ctx context.Context, v *view.View, target, token string) *Judgement {
	t := &trace{}
	var p progress
	req := &Request{Method: http.MethodGet, Target: target, Authorization: []string{"Bearer " + token}}
	r, ref := e.route(v, req, nil)
	if ref != nil {
		return &Judgement{Refusal: ref}
	}
	_, ref = e.trust(ctx, &r, req, e.now(), t, &p)
	j := &Judgement{Refusal: ref, Fingerprint: t.fingerprint()}
	j.Steps = slices.DeleteFunc(t.finish(), func(s Step) bool { return s.Result != past.Fail && !aboutToken(s.Step) })
	client := Step{Step: stepClient, Result: past.NotReached, Expected: "a client id in one of the claims of claims.clientId"}
	if ref == nil {
		client.Result, client.Seen = past.Pass, reading.Quote(p.facts.ClientKey)+", from claim "+p.facts.ClientClaim
		if fault := p.facts.IdentityFault(false); fault != "" {
			j.Refusal = refuse(keyward.CodeInvalidToken)
			client.Result, client.Seen, client.Fix = past.Fail, fault, "check spec.claims.clientId of key manager "+p.km.Name
		}
	}
	j.Steps = append(j.Steps, client)
	if p.facts != nil {
		j.read(p.facts, p.km)
	}
	return j
}

func aboutToken(step string) bool {
	return slices.Contains([]string{
		stepCredential, stepKeyManager, stepSignature, stepIntrospection, stepTime, stepAudience, stepRevocation, stepSender,
	}, step)
}

func (j *Judgement) read(f *facts, km *view.KeyManager) {
	j.ClientID, j.ClientClaim, j.Subject, j.Audience, j.Scopes = f.ClientID, f.ClientClaim, f.Subject, f.Audience, f.Scopes
	j.Issuer, _ = reading.Text(f.Claims, "iss")
	j.Mapped = reading.Mapped(km, f)
}
