package enforce

import (
	"time"

	"keyward.dev/keyward"
)

// identified is a validated token whose client and environment are known.
type identified struct {
	validated
	app         *keyward.ApplicationRow // nil: a client that no application has, where none is needed
	client      *keyward.ClientRow      // by which the application has the token; nil as app
	rule        *keyward.ClientMatch    // the client's; nil: it is named by its client id
	environment keyward.Environment
}

// granted is a call that a subscription allows, or that needs none.
type granted struct {
	identified
	sub      *keyward.SubscriptionRow // nil: there is none, and the API needs none
	plan     *keyward.PlanRow         // nil: no limit
	upstream string
}

// identify finds whose client the token was issued to, by the pair (key manager, client id), or else by the rules for
// the key manager's tokens.
func (e *Engine) identify(v *validated, now time.Time, t *trace) (identified, *Refusal) {
	t.expect(stepApplication, "a client id, or a match rule that fits, of an application in key manager ", v.km.Name)
	client := clientOf(v)
	if fault := v.facts.IdentityFault(client != nil); fault != "" {
		t.fail(fault, "check spec.claims.clientId of key manager "+v.km.Name)
		return identified{}, refuse(keyward.CodeInvalidToken)
	}
	i := identified{validated: *v, environment: keyward.Production}
	if client != nil && client.Revoked {
		client = nil
	}
	if client != nil {
		i.rule = client.Match
		i.app = v.view.Application(client.ApplicationID)
		if i.app != nil && i.app.Tenant == v.api.Tenant {
			i.environment = client.Environment
		} else {
			client, i.app, i.rule = nil, nil, nil
		}
	}
	i.client = client
	if client == nil && v.api.Subscription {
		if t.live() {
			t.fail(v.facts.Who()+", which no application has in this key manager, "+whyNoRule(v),
				"map the client to an application: keyward keys map --application A --key-manager "+v.km.Name)
		}
		return identified{}, refuse(keyward.CodeNoSubscription)
	}
	if client != nil && (client.Hold.Holds(now) || i.app.Hold.Holds(now)) {
		return i.heldAt(client, now, t)
	}
	if !v.km.In(i.environment) {
		t.fail("environment "+string(i.environment)+", which key manager "+v.km.Name+" does not have",
			"add it to spec.environments of key manager "+v.km.Name+", or use a client of another environment")
		return identified{client: client}, refuse(keyward.CodeEnvironmentMismatch)
	}
	if t.live() {
		t.pass(i.describe())
	}
	return i, nil
}

// heldAt refuses a client that an administrator holds, or whose application: where the API needs no subscription too.
func (i *identified) heldAt(client *keyward.ClientRow, now time.Time, t *trace) (identified, *Refusal) {
	t.held(keyward.KindOAuthClient, client.ID, client.Hold, now)
	t.held(keyward.KindApplication, i.app.ID, i.app.Hold, now)
	t.fail("application "+i.app.Name+", by "+i.by()+": one of the two is held",
		"lift the hold: keyward unhold application "+i.app.Name+", or keyward unhold oauth-client and its name")
	return *i, refuse(keyward.CodeSubscriptionBlocked)
}

func (i *identified) describe() string {
	if i.app == nil {
		return i.facts.Who() + ", which no application has: the API needs none"
	}
	return "application " + i.app.Name + ", environment " + string(i.environment) + ", by " + i.by()
}

// subscribe finds the application's subscription and the backend of its environment.
func (e *Engine) subscribe(i *identified, now time.Time, t *trace) (granted, *Refusal) {
	t.expect(stepSubscription, "an active subscription to API ", i.api.Name, ", and an upstream for ",
		string(i.environment))
	g := granted{identified: *i}
	var sub *keyward.SubscriptionRow
	if i.app != nil {
		sub = i.view.Subscription(i.app.ID, i.api.ID)
	}
	if sub == nil && i.api.Subscription {
		t.fail("application "+i.app.Name+" is not subscribed to API "+i.api.Name,
			"subscribe it: keyward apply a Subscription of application "+i.app.Name+" to API "+i.api.Name)
		return g, refuse(keyward.CodeNoSubscription)
	}
	g.sub = sub
	if sub != nil {
		if sub.Hold.Holds(now) {
			t.held(keyward.KindSubscription, sub.ID, sub.Hold, now)
			t.fail("a subscription that is held", "lift the hold: keyward unhold subscription and its name")
			return g, refuse(keyward.CodeSubscriptionBlocked)
		}
		if code := stateFault(sub.State, i.environment); code != "" {
			t.fail("a subscription that is "+string(sub.State), "set its state to active")
			return g, refuse(code)
		}
		if sub.PlanID != "" {
			if g.plan = i.view.Plan(sub.PlanID); g.plan == nil {
				t.fail("a subscription whose plan this gateway does not have",
					"wait until the gateway is up to date, or update it")
				return g, refuse(keyward.CodeGatewayStale)
			}
		}
	}
	if g.upstream = upstreamOf(&i.api.APIRow, i.environment); g.upstream == "" {
		t.fail("API "+i.api.Name+" has no upstream for "+string(i.environment),
			"set spec.upstream."+string(i.environment)+" of API "+i.api.Name+", or use a client of the other environment")
		return g, refuse(keyward.CodeEnvironmentMismatch)
	}
	if t.live() {
		t.pass(g.describeSubscription(sub))
	}
	return g, nil
}

func (g *granted) describeSubscription(sub *keyward.SubscriptionRow) string {
	switch {
	case sub == nil:
		return "none, and API " + g.api.Name + " needs none"
	case g.plan == nil:
		return string(sub.State) + ", without a plan"
	default:
		return string(sub.State) + ", plan " + g.plan.Name
	}
}

func stateFault(state keyward.SubscriptionState, e keyward.Environment) keyward.Code {
	switch {
	case state == keyward.SubscriptionActive:
		return ""
	case state == keyward.SubscriptionProductionBlocked && e != keyward.Production:
		return ""
	case state == keyward.SubscriptionBlocked || state == keyward.SubscriptionProductionBlocked:
		return keyward.CodeSubscriptionBlocked
	default:
		return keyward.CodeSubscriptionInactive
	}
}

func upstreamOf(api *keyward.APIRow, e keyward.Environment) string {
	switch e {
	case keyward.Production:
		return api.Upstream.Production
	case keyward.Sandbox:
		return api.Upstream.Sandbox
	default:
		return ""
	}
}
