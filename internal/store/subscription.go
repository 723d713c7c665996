package store

import (
	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

func subscriptionNoun() noun {
	return noun{
		kind: keyward.KindSubscription, table: "subscriptions", own: []string{"application_id", "api_id", "plan_id"},
		fill: fillSubscription, clear: clearSubscription,
		link: func(p *put) error { return p.tx.markSubscription(p.o.ID) },
		drop: func(tx *Tx, o *keyward.Object) error { return tx.markSubscription(o.ID) },
		by: map[keyward.Kind]string{
			keyward.KindApplication: "x.application_id = %s",
			keyward.KindAPI:         "x.api_id = %s",
			keyward.KindPlan:        "x.plan_id = %s",
		},
		owner: "x.application_id",
	}
}

func fillSubscription(p *put) ([]any, error) {
	o, spec := p.o, specOf[*keyward.SubscriptionSpec](p.o)
	p.search = spec.Application + " " + spec.API + " " + spec.Plan
	if p.old != nil {
		if err := p.tx.markSubscription(o.ID); err != nil { // the application that it may leave
			return nil, err
		}
	}
	application, err := p.refer(keyward.KindApplication, spec.Application, "spec.application")
	if err != nil {
		return nil, err
	}
	api, err := p.refer(keyward.KindAPI, spec.API, "spec.api")
	if err != nil {
		return nil, err
	}
	plan, other := (*string)(nil), ""
	row := keyward.SubscriptionRow{ID: o.ID, ApplicationID: application, APIID: api, State: spec.StateOrDefault(),
		Scopes: spec.Scopes}
	if spec.Plan != "" {
		if row.PlanID, err = p.refer(keyward.KindPlan, spec.Plan, "spec.plan"); err != nil {
			return nil, err
		}
		plan = &row.PlanID
	}
	found, err := p.tx.run.One(`SELECT name FROM subscriptions WHERE application_id = $1 AND api_id = $2 AND id <> $3`,
		[]any{application, api, o.ID}, &other)
	if err != nil {
		return nil, err
	}
	if found {
		return nil, database.Conflict("spec.api", "the application has a subscription to it already: %s",
			keyward.Ref{Kind: o.Kind, Tenant: o.Tenant, Name: other})
	}
	approval, err := keyward.ApprovalOf(o)
	if err != nil || !approval.Stands() {
		p.row = "" // on no gateway
		return []any{application, api, plan}, err
	}
	return []any{application, api, plan}, p.encode(row)
}

// markSubscription marks the stored subscription, and the application whose reach depends on it.
func (tx *Tx) markSubscription(id string) error {
	tx.marks.Row(keyward.RowSubscription, id)
	var application string
	found, err := tx.run.One(`SELECT application_id FROM subscriptions WHERE id = $1`, []any{id}, &application)
	if found {
		tx.marks.Application(application)
	}
	return err
}
