package enforce

import (
	"context"

	"keyward.dev/keyward"
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

	Held []keyward.HeldRow `json:"-"` // rows that failed a step because their objects are held
}

// Step is one step of the line.
type Step struct {
	Step     string `json:"step"`
	Result   string `json:"result"` // pass, fail or not reached
	Expected string `json:"expected"`
	Seen     string `json:"seen"`
	Fix      string `json:"fix"` // what to change; for a failed step
}

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
		x.Status, x.Code, x.Detail, x.Decision = ref.Status(), ref.Code, ref.Detail, ref.ID
		return x
	}
	x.Decision = d.ID
	return x
}
