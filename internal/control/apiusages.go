package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/store"
)

// APIUsages say who depends on an API, and what would follow if no gateway served it.
type APIUsages struct {
	API           string            `json:"api"`
	State         keyward.APIState  `json:"state"`
	Subscriptions []APISubscription `json:"subscriptions" doc:"A page of them"`
	Next          string            `json:"next,omitempty" doc:"Cursor of the next page; absent on the last one"`
	Count         int               `json:"count" doc:"Of all subscriptions"`
	Calls         APICalls          `json:"calls" doc:"Calls in the last hour"`
	Retire        Impact            `json:"retire" doc:"What retiring it, or making it a draft again, would do"`
	Delete        Impact            `json:"delete" doc:"What deleting it would do"`
}

// APISubscription is a subscription to an API.
type APISubscription struct {
	Name        string                    `json:"name"`
	Application string                    `json:"application"`
	Plan        string                    `json:"plan,omitempty"`
	State       keyward.SubscriptionState `json:"state"`
	Approval    keyward.ApprovalState     `json:"approval,omitempty" doc:"Of one that had to be approved"`
	Outside     bool                      `json:"outside,omitempty" doc:"No owner of the application sees the API: the subscription stays"`
}

// APICalls are all calls of the last hour to an API.
type APICalls struct {
	Since time.Time `json:"since" doc:"60 to 65 minutes ago; what gateways have not told yet is missing"`
	Calls
}

// APIUsages lists everything that depends on an API, its subscriptions by pages.
func (c *Control) APIUsages(ctx context.Context, p keyward.Principal, tenant, name string, page Page) (*APIUsages, error) {
	if err := access.Require(p, access.RightAPIUsages, tenant); err != nil {
		return nil, err
	}
	var u *APIUsages
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		u = &APIUsages{API: name, Subscriptions: []APISubscription{}}
		api, err := tx.Get(keyward.KindAPI, tenant, name)
		if err != nil {
			return err
		}
		spec, err := keyward.SpecOf[*keyward.APISpec](api)
		if err != nil {
			return err
		}
		u.State = spec.StateOrDefault()
		calls, since, err := tx.UsageOfAPI(api.ID, c.now())
		if err != nil {
			return err
		}
		u.Calls = APICalls{Since: since, Calls: Calls(calls)}
		u.Delete.RefusedBy = []keyward.Ref{}
		if err := u.readSubscriptions(tx, api, spec, page); err != nil {
			return err
		}
		lost := store.SomeNames{Some: []string{}}
		if spec.Served() { // else what it would take away is gone already
			if lost, err = tx.ApplicationsOnlyCalling(api.ID, maxUsages); err != nil {
				return fmt.Errorf("list the applications that call %s alone: %w", api.Ref(), err)
			}
			slices.Sort(lost.Some)
		}
		u.Retire = Impact{RefusedBy: []keyward.Ref{}, APIs: []string{}, Applications: lost.Some, Calls: u.Calls.Passed,
			ApplicationCount: lost.Total}
		u.Delete.APIs, u.Delete.Applications, u.Delete.Calls, u.Delete.ApplicationCount = []string{}, lost.Some, u.Calls.Passed, lost.Total
		return nil
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// readSubscriptions lists a page of those to the API, and counts all.
func (u *APIUsages) readSubscriptions(tx *store.Tx, api *keyward.Object, spec *keyward.APISpec, page Page) (err error) {
	if u.Count, err = tx.SubscriptionsTo(api.ID); err != nil {
		return fmt.Errorf("count the subscriptions to %s: %w", api.Ref(), err)
	}
	filter := page.filter(api.Tenant)
	filter.API = api.Name
	objects, next, err := tx.List(keyward.KindSubscription, filter)
	if err != nil {
		return fmt.Errorf("list the subscriptions to %s: %w", api.Ref(), err)
	}
	u.Next = next
	forEverybody := access.SeesAPI(keyward.Principal{Tenant: api.Tenant}, spec)
	for _, o := range objects {
		s, err := keyward.SpecOf[*keyward.SubscriptionSpec](o)
		if err != nil {
			return err
		}
		approval, err := keyward.ApprovalOf(o)
		if err != nil {
			return err
		}
		listed := APISubscription{Name: o.Name, Application: s.Application, Plan: s.Plan, State: s.StateOrDefault()}
		if approval != nil {
			listed.Approval = approval.State
		}
		if !forEverybody {
			if listed.Outside, err = outside(tx, api, s.Application); err != nil {
				return err
			}
		}
		u.Subscriptions = append(u.Subscriptions, listed)
		u.Delete.RefusedBy = append(u.Delete.RefusedBy, o.Ref())
	}
	return nil
}

// outside tells whether an application has owners and none of them sees the API.
func outside(tx *store.Tx, api *keyward.Object, application string) (bool, error) {
	spec, err := keyward.SpecOf[*keyward.APISpec](api)
	if err != nil {
		return false, err
	}
	o, err := tx.Get(keyward.KindApplication, api.Tenant, application)
	if err != nil {
		return false, fmt.Errorf("read the application %s: %w", application, err)
	}
	owned, err := keyward.SpecOf[*keyward.ApplicationSpec](o)
	if err != nil || !owned.HasOwners() {
		return false, err
	}
	for _, owner := range append([]string{owned.Owner}, owned.Owners...) {
		p := keyward.Principal{Tenant: api.Tenant}
		if group, ok := strings.CutPrefix(owner, "group/"); ok {
			p.Groups = []string{group}
		} else if p, err = principalOf(tx, api.Tenant, owner); err != nil {
			return false, err
		}
		if owner != "" && access.SeesAPI(p, spec) {
			return false, nil
		}
	}
	return true, nil
}

// principalOf gives a user of the tenant with roles and groups; one that is not there has none. Whoever signs in through a key manager
// has every group that its rules give: which of them they are in, only a sign-in tells.
func principalOf(tx *store.Tx, tenant, name string) (keyward.Principal, error) {
	p := keyward.Principal{User: name, Tenant: tenant}
	if keyManager, _, through := keyward.CutThrough(name); through {
		o, err := tx.KeyManagerFor(tenant, keyManager)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return p, nil
		}
		if err != nil {
			return p, fmt.Errorf("read the key manager of %s: %w", name, err)
		}
		spec, err := keyward.SpecOf[*keyward.KeyManagerSpec](o)
		if err == nil && spec.SignsIn() {
			for _, rule := range spec.SignIn.Roles {
				if account.Counts(rule, o.Tenant, tenant, spec.Global) {
					p.Groups = append(p.Groups, rule.Groups...)
				}
			}
		}
		return p, err
	}
	o, err := tx.Get(keyward.KindUser, tenant, name)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("read the user %s: %w", name, err)
	}
	user, err := keyward.SpecOf[*keyward.UserSpec](o)
	if err == nil {
		p.Roles, p.Groups = user.Roles, user.Groups
	}
	return p, err
}
