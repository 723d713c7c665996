package enforce

import (
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/token"
)

// The steps of the line, in the contract's order.
const (
	stepRoute         = "route"
	stepCredential    = "credential"
	stepKeyManager    = "key manager"
	stepAllowed       = "allowed for this API"
	stepSignature     = "signature"
	stepIntrospection = "introspection"
	stepTime          = "time"
	stepAudience      = "audience"
	stepRevocation    = "revocation"
	stepSender        = "sender constraint"
	stepApplication   = "application"
	stepSubscription  = "subscription"
	stepScope         = "scope"
	stepPlan          = "plan"
	stepBackendJWT    = "backend JWT"

	stepBackend = "backend" // after the decision; remembered where it failed
)

func stepOrder() []string {
	return []string{
		stepRoute, stepCredential, stepKeyManager, stepAllowed, stepSignature, stepTime, stepAudience, stepRevocation,
		stepSender, stepApplication, stepSubscription, stepScope, stepPlan, stepBackendJWT,
	}
}

// trace records the steps of a decision that somebody wants explained. A nil trace records nothing and costs nothing:
// texts are handed over in parts, and what must be formatted is formatted only under live.
type trace struct {
	real  bool // of a call that is made, not only explained
	steps []Step
	print string // fingerprint of the token
	holds []keyward.HeldRow
}

func (t *trace) live() bool { return t != nil }

// expect opens a step.
func (t *trace) expect(step string, expected ...string) {
	if t != nil {
		t.steps = append(t.steps, Step{Step: step, Result: past.Pass, Expected: strings.Join(expected, "")})
	}
}

// pass closes the open step.
func (t *trace) pass(seen ...string) {
	if t != nil {
		t.steps[len(t.steps)-1].Seen = strings.Join(seen, "")
	}
}

// fail closes the open step, and the line.
func (t *trace) fail(seen, fix string) {
	if t != nil {
		s := &t.steps[len(t.steps)-1]
		s.Result, s.Seen, s.Fix = past.Fail, seen, fix
	}
}

// held notes an object that is in the way because it is held, if it is.
func (t *trace) held(kind keyward.Kind, id string, h *keyward.HoldRow, now time.Time) {
	if t != nil && h.Holds(now) {
		t.holds = append(t.holds, keyward.HeldRow{Kind: kind, ID: id})
	}
}

func (t *trace) token(raw string) {
	if t != nil {
		t.print = token.Fingerprint(raw)
	}
}

func (t *trace) fingerprint() string {
	if t == nil {
		return ""
	}
	return t.print
}

// finish adds the steps that were not reached.
func (t *trace) finish() []Step {
	order := stepOrder()
	reached := 0
	if len(t.steps) > 0 {
		last := t.steps[len(t.steps)-1].Step
		if last == stepIntrospection {
			last = stepSignature
		}
		reached = slices.Index(order, last) + 1
	}
	for _, step := range order[reached:] {
		t.steps = append(t.steps, Step{Step: step, Result: past.NotReached})
	}
	return t.steps
}
