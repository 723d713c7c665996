package enforce

import (
	"fmt"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/quota"
)

// checkPlan counts the call, or only looks when it is explained.
func (e *Engine) checkPlan(g *granted, now time.Time, t *trace) *Refusal {
	if g.plan == nil || len(g.plan.Rate) == 0 {
		t.expect(stepPlan, "no limit")
		t.pass("no limit")
		return nil
	}
	t.expect(stepPlan, "a call left in plan ", g.plan.Name)
	why := quota.Purpose{Peek: t.live() && !t.real, Tell: t.live()}
	s := e.counts.Take(quota.Key{Application: g.app.ID, API: g.api.ID}, g.plan.Rate, now, why)
	if !s.Exhausted {
		if t.live() {
			t.pass(e.leftText(s, g.plan))
		}
		return nil
	}
	ref := refuse(keyward.CodePlanExhausted)
	ref.RetryAfter = seconds(s.Wait)
	ref.RateLimit = rateLimit(s, g.plan)
	if t.live() {
		t.fail(e.leftText(s, g.plan), fmt.Sprintf("wait %d seconds, or subscribe with a larger plan than %s",
			ref.RetryAfter, g.plan.Name))
	}
	return ref
}

func (e *Engine) leftText(s quota.State, plan *keyward.PlanRow) string {
	if e.blind {
		return "nothing is counted here: each gateway counts the calls that it lets pass"
	}
	parts := make([]string, len(plan.Rate))
	for i, rate := range plan.Rate {
		parts[i] = fmt.Sprintf("%d of %d calls per %s left", s.Left[i], rate.Requests, rate.Window())
	}
	return strings.Join(parts, ", ")
}

// rateLimit writes the fields of draft-ietf-httpapi-ratelimit-headers: one item for each limit of the plan.
func rateLimit(s quota.State, plan *keyward.PlanRow) RateLimit {
	policies, limits := make([]string, len(plan.Rate)), make([]string, len(plan.Rate))
	for i, rate := range plan.Rate {
		name := fmt.Sprintf("%q", fmt.Sprintf("%s-%s", plan.Name, rate.Per))
		policies[i] = fmt.Sprintf("%s;q=%d;w=%d", name, rate.Requests, seconds(rate.Per.Std()))
		limits[i] = fmt.Sprintf("%s;r=%d;t=%d", name, s.Left[i], seconds(s.Reset[i]))
	}
	return RateLimit{Limit: strings.Join(limits, ", "), Policy: strings.Join(policies, ", ")}
}
