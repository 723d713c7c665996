package declare

import (
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/store"
)

// checkPlans keeps every subscription of the API under one of its plans.
func (w *world) checkPlans(ch *change, s *keyward.APISpec) error {
	before, err := keyward.SpecOf[*keyward.APISpec](ch.existing)
	if err != nil || before == nil || slices.Equal(before.Plans, s.Plans) {
		return err
	}
	stored, err := w.list(keyward.KindSubscription,
		store.Filter{Tenant: ch.ref.Tenant, API: ch.ref.Name}, "api "+ch.ref.Name)
	if err != nil {
		return err
	}
	for _, o := range w.after(keyward.KindSubscription, ch.ref.Tenant, "", stored) {
		sub, ok := o.spec.(*keyward.SubscriptionSpec)
		if !ok || sub.API != ch.ref.Name || o.change != nil { // what the batch writes is checked as a subscription
			continue
		}
		switch {
		case sub.Plan != "" && !slices.Contains(s.Plans, sub.Plan):
			w.add(ch, keyward.CodeInUse, "spec.plans", "%s has the plan %s", o.ref, sub.Plan)
		case sub.Plan == "" && len(s.Plans) > 0:
			w.add(ch, keyward.CodeInUse, "spec.plans", "%s has no plan yet: give it one in the same apply", o.ref)
		}
	}
	return nil
}

// hidden tells whether spec is of an API that who asks does not see and that the change would subscribe to anew: to them it is
// not there.
func (w *world) hidden(ch *change, spec keyward.Spec) bool {
	api, ok := spec.(*keyward.APISpec)
	if !ok {
		return false
	}
	s, ok := ch.spec.(*keyward.SubscriptionSpec)
	return ok && w.subscribesAnew(ch, s) && !access.SeesAPI(w.b.principal, api)
}

// subscribesAnew tells whether a change makes a subscription to an API that was there before: one that comes with its API in
// one apply is as old as that, so that an export goes into an empty house unchanged. What is asked for again is new.
func (w *world) subscribesAnew(ch *change, s *keyward.SubscriptionSpec) bool {
	of := w.byRef[keyward.Ref{Kind: keyward.KindAPI, Tenant: ch.ref.Tenant, Name: s.API}]
	before, _ := specIn(ch.existing).(*keyward.SubscriptionSpec)
	other := before == nil || before.API != s.API || before.Application != s.Application
	return (of == nil || of.existing != nil) && (other || w.b.again != nil)
}

// checkSubscribable keeps new subscriptions from an API that takes none.
func (w *world) checkSubscribable(ch *change, s *keyward.SubscriptionSpec, api *keyward.APISpec) {
	if !w.subscribesAnew(ch, s) {
		return
	}
	at := keyward.Ref{Kind: keyward.KindAPI, Tenant: ch.ref.Tenant, Name: s.API}
	state := api.StateOrDefault()
	switch {
	case state == keyward.APIPublished:
	case state == keyward.APIDraft && access.To(w.b.principal, ch.ref.Kind, ch.ref.Tenant)&access.WriteAll != 0:
		// Administrators prepare what is to be published.
	default:
		w.add(ch, keyward.CodeConflict, "spec.api", "%s is %s: it takes no new subscriptions", at, state)
	}
}

// checkPlaces holds that no two APIs of a tenant are found at one address: context and version, one default per
// context, and no context that is another API's context and version.
func (w *world) checkPlaces() error {
	for _, tenant := range w.tenantsOf(keyward.KindAPI) {
		all, err := w.all(keyward.KindAPI, tenant)
		if err != nil {
			return err
		}
		taken := map[string]candidate{}
		for _, touched := range []bool{false, true} { // what is there keeps its place
			for _, o := range all {
				if (o.change != nil) == touched {
					w.take(taken, o)
				}
			}
		}
	}
	return nil
}

func (w *world) take(taken map[string]candidate, o candidate) {
	s, ok := o.spec.(*keyward.APISpec)
	if !ok {
		return
	}
	for _, place := range []struct {
		at, field string
		claimed   bool
	}{
		{s.Context + "/" + s.Version, "spec.version", true},
		{s.Context, "spec.default", s.Default},
	} {
		if !place.claimed {
			continue
		}
		other, exists := taken[place.at]
		if exists && o.change != nil {
			does := "is found at %s already"
			if there, ok := other.spec.(*keyward.APISpec); ok && place.field == "spec.default" && there.Context == s.Context {
				does = "is the default version of %s: leave default out, and move it in one step afterwards (keyward api default NAME)"
			}
			w.add(o.change, keyward.CodeConflict, place.field, "%s "+does, other.ref, place.at)
		}
		if !exists {
			taken[place.at] = o
		}
	}
}
