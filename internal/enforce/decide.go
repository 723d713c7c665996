package enforce

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/reading"
	"keyward.dev/keyward/internal/tally"
	"keyward.dev/keyward/internal/view"
)

// Decide says whether the request may pass, and how. Exactly one of its results is not nil. It asks nobody, unless a
// key or the answer about an opaque token is not known yet.
func (e *Engine) Decide(ctx context.Context, v *view.View, req Request) (*Decision, *Refusal) {
	start := e.now()
	var p progress
	var t *trace
	if e.o.Past.Detailed(start) {
		t = &trace{real: true}
	}
	d, ref := e.line(ctx, v, &req, start, t, &p)
	e.remember(&req, start, t, &p, d, ref)
	e.metrics.latency.Observe(e.now().Sub(start).Seconds())
	e.metrics.decisions.WithLabelValues(p.labels(ref)...).Inc()
	c := tally.Call{KeyManager: p.km, API: p.api, Identified: p.identified, Client: p.client}
	if ref != nil {
		c.Code = ref.Code
	}
	e.o.Tally.Count(c, start)
	return d, ref
}

// progress is how far a line came, for those who count and log.
type progress struct {
	api   *view.API
	op    *keyward.Operation
	km    *view.KeyManager
	app   *keyward.ApplicationRow
	facts *facts // of a token whose key manager answers for it
	token [32]byte
	seen  bool // token was set
	asked bool // a credential was looked for

	identified bool               // the token was found good, and it was asked whose it is
	client     *keyward.ClientRow // who has it; nil = nobody
}

func (p *progress) labels(ref *Refusal) []string {
	labels := []string{"", "", "", "allowed"}
	if p.api != nil {
		labels[0], labels[1] = p.api.Tenant, p.api.Name
	}
	if p.km != nil {
		labels[2] = p.km.Name
	}
	if ref != nil {
		labels[3] = string(ref.Code)
	}
	return labels
}

// line is the decision: each step needs what the one before found. The order is the contract's, section 7.
func (e *Engine) line(
	ctx context.Context, v *view.View, req *Request, now time.Time, t *trace, p *progress,
) (*Decision, *Refusal) {
	r, ref := e.route(v, req, t)
	p.api, p.op = r.api, r.op
	if ref != nil {
		return nil, p.complete(ref)
	}
	if r.op.Security == "none" {
		return e.openTo(&r, t)
	}
	p.asked = true
	g, ref := e.grant(ctx, &r, req, now, t, p)
	if ref != nil {
		return nil, p.complete(ref)
	}
	if ref = e.checkScope(&g, t); ref != nil {
		return nil, p.complete(ref)
	}
	if ref = e.checkPlan(&g, now, t); ref != nil {
		return nil, p.complete(ref)
	}
	backend, ref := e.mint(&g, now, t)
	if ref != nil {
		return nil, p.complete(ref)
	}
	return g.decision(backend), nil
}

// grant is the part of the line that finds out who calls and what they were granted.
func (e *Engine) grant(
	ctx context.Context, r *routed, req *Request, now time.Time, t *trace, p *progress,
) (granted, *Refusal) {
	v, ref := e.trust(ctx, r, req, now, t, p)
	if ref != nil {
		return granted{}, ref
	}
	who, ref := e.identify(&v, now, t)
	p.app, p.client, p.identified = who.app, who.client, ref == nil || ref.Code != keyward.CodeInvalidToken
	if ref != nil {
		return granted{}, ref
	}
	return e.subscribe(&who, now, t)
}

// trust is the part of it that only the token and its key manager have a say in.
func (e *Engine) trust(
	ctx context.Context, r *routed, req *Request, now time.Time, t *trace, p *progress,
) (validated, *Refusal) {
	c, ref := e.credential(r, req.Authorization, t)
	p.token, p.seen = c.sum, c.raw != ""
	if ref != nil {
		return validated{}, ref
	}
	i, ref := e.chooseKeyManager(&c, now, t)
	p.km = i.km
	if ref != nil {
		return validated{}, ref
	}
	a, ref := e.allow(&i, t)
	if ref != nil {
		return validated{}, ref
	}
	v, ref := e.validate(ctx, &a, t)
	if ref != nil {
		return validated{}, ref
	}
	p.facts = v.facts
	if ref = e.checkTime(&v, now, t); ref != nil {
		return validated{}, ref
	}
	if ref = e.checkAudience(&v, t); ref != nil {
		return validated{}, ref
	}
	if ref = e.checkRevocation(&v, now, t); ref != nil {
		return validated{}, ref
	}
	if ref = e.checkSender(&v, t); ref != nil {
		return validated{}, ref
	}
	return v, nil
}

// openTo lets a call to an operation without security pass: no credential is looked at, so nobody is named.
func (e *Engine) openTo(r *routed, t *trace) (*Decision, *Refusal) {
	t.expect(stepCredential, "none: the operation has security none")
	t.pass("not looked at")
	d := &Decision{
		ID: newID(), Tenant: r.api.Tenant, API: r.api.Name, APIID: r.api.ID, Version: r.api.Version, Operation: r.op,
		Environment: keyward.Production, Upstream: r.api.Upstream.Production, Path: r.path, Query: r.query,
		KeepCredential: r.api.KeepCredential,
	}
	if d.Upstream == "" {
		d.Environment, d.Upstream = keyward.Sandbox, r.api.Upstream.Sandbox
	}
	return d, nil
}

func (g *granted) decision(backend string) *Decision {
	d := &Decision{
		ID: newID(), Tenant: g.api.Tenant, API: g.api.Name, APIID: g.api.ID, Version: g.api.Version, Operation: g.op,
		KeyManager: g.km.Name, KeyManagerID: g.km.ID, OriginID: g.facts.Origin, ClientID: g.facts.ClientKey, Environment: g.environment,
		Upstream: g.upstream, Path: g.path, Query: g.query, KeepCredential: g.api.KeepCredential, BackendJWT: backend,
		token: g.sum, seen: true,
	}
	if g.app != nil {
		d.Application = g.app.Name
	}
	if g.plan != nil {
		d.Plan = g.plan.Name
	}
	if g.facts.Expires.State == reading.Present {
		d.Expires = time.Unix(g.facts.Expires.Seconds, 0)
	}
	return d
}

// complete adds to a refusal what its door logs and counts.
func (p *progress) complete(ref *Refusal) *Refusal {
	ref.ID = newID()
	ref.Challenge = p.asked && (ref.Status() <= 401 || ref.Code == keyward.CodeInsufficientScope)
	ref.token, ref.seen = p.token, p.seen
	if p.api != nil {
		ref.Tenant, ref.API = p.api.Tenant, p.api.Name
	}
	if p.km != nil {
		ref.KeyManager = p.km.Name
	}
	if p.app != nil {
		ref.Application = p.app.Name
	}
	return ref
}

// newID makes a decision's id.
func newID() string { return rand.Text() }

// fingerprint is token.Fingerprint of the token with this digest.
func fingerprint(sum [32]byte) string { return "sha256:" + hex.EncodeToString(sum[:8]) }
