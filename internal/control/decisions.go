package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/store"
)

// Decisions are recent decisions of gateways.
type Decisions struct {
	Items  []past.Record `json:"items" doc:"The newest first, without their steps"`
	Silent int           `json:"silent,omitempty" doc:"How many gateways could not be asked: what they decided is missing"`
	Away   []string      `json:"away,omitempty" doc:"Which ones, for who may list gateways"`
}

// DecisionFilter chooses decisions; empty fields choose nothing out.
type DecisionFilter struct {
	Gateway, KeyManager, API, Application string
	Code                                  keyward.Code
	Refused                               bool      // only calls that did not pass
	Since                                 time.Time // later than that
	Limit                                 int
	Wait                                  time.Duration // for the first that fits, where there is none yet
}

// tailPause is how long a wait for decisions rests between two looks.
const tailPause = 500 * time.Millisecond

// Decisions gives what gateways decided lately about a tenant's calls: to administrators, auditors and publishers everything, to
// developers what was called by their own applications, in safe words. Calls to no API at all are for those of the tenant default
// who see gateways.
func (c *Control) Decisions(ctx context.Context, p keyward.Principal, tenant string, f DecisionFilter) (*Decisions, error) {
	q, err := c.decisionsSeen(ctx, p, tenant, past.Query{
		KeyManager: f.KeyManager, API: f.API, Application: f.Application, Code: f.Code, Refused: f.Refused, Since: f.Since,
		Limit: f.Limit,
	})
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(f.Wait)
	for {
		found, err := c.askGateways(ctx, q, func(g keyward.Gateway) bool {
			return g.LastSeen != nil && (f.Gateway == "" || g.Name == f.Gateway) // one that never reported has decided nothing
		})
		if err != nil {
			return nil, err
		}
		if len(found.Items) > 0 || !time.Now().Add(tailPause).Before(end) {
			found.Items = past.Newest(found.Items, q.Query)
			return c.shownDecisions(ctx, p, found, q.all, f.API)
		}
		select {
		case <-ctx.Done(): // who asks went away, or this process does
			return found, nil
		case <-time.After(tailPause):
		}
	}
}

// Decision gives one decision with its steps. Its id names the gateway, which alone is asked. Errors for people: not_found,
// also for one that the principal may not see, and gateway_away.
func (c *Control) Decision(ctx context.Context, p keyward.Principal, tenant, id string) (*past.Record, error) {
	q, err := c.decisionsSeen(ctx, p, tenant, past.Query{ID: id, Limit: 1})
	if err != nil {
		return nil, err
	}
	found, err := c.askGateways(ctx, q, func(g keyward.Gateway) bool { return strings.HasPrefix(id, past.Prefix(g.ID)) })
	switch {
	case err != nil:
		return nil, err
	case len(found.Items) > 0:
		shown, err := c.shownDecisions(ctx, p, found, q.all, "")
		if err != nil {
			return nil, err
		}
		return &shown.Items[0], nil
	case len(found.Away) > 0 && access.May(p, access.RightReadGateways, tenant):
		return nil, keyward.Errorf(keyward.CodeGatewayAway, "gateway %s, which decided that, cannot be asked now: try again", found.Away[0])
	case len(found.Away) > 0:
		return nil, keyward.Errorf(keyward.CodeGatewayAway, "the gateway that decided that cannot be asked now: try again")
	case !q.all:
		return nil, keyward.Errorf(keyward.CodeNotFound, "no gateway keeps such a decision about an application that you see: each keeps "+
			"its last ones only, until it ends")
	default:
		return nil, keyward.Errorf(keyward.CodeNotFound, "no gateway keeps such a decision: each keeps its last ones only, until it ends")
	}
}

// seen is what somebody may see of a tenant's decisions, and asks for.
type seen struct {
	past.Query

	all bool                 // everything
	own map[string]time.Time // else what these applications called, since they are there: others may have been called so before
}

// has tells whether a decision is a part of it. What a gateway says is held against the question: it knows every tenant's calls,
// applications by their names alone, and may be of an earlier build.
func (s *seen) has(d past.Record) bool {
	since, own := s.own[d.Application]
	return slices.Contains(s.Tenants, d.Tenant) && (s.all || own && !d.At.Before(since)) && (!s.Refused || d.Code != "")
}

// decisionsSeen says what the principal may see of a tenant's decisions.
func (c *Control) decisionsSeen(ctx context.Context, p keyward.Principal, tenant string, q past.Query) (*seen, error) {
	q.Tenants = []string{tenant}
	if access.May(p, access.RightDecisions, tenant) {
		if tenant == keyward.DefaultTenant && access.May(p, access.RightReadGateways, tenant) {
			q.Tenants = append(q.Tenants, "")
		}
		return &seen{Query: q, all: true}, c.store.Read(ctx, func(tx *store.Tx) error { return tenantExists(tx, tenant) })
	}
	if p.Tenant != tenant || !p.Has(keyward.RoleDeveloper) {
		return nil, access.Require(p, access.RightDecisions, tenant)
	}
	q.Applications = []string{}
	s := &seen{own: map[string]time.Time{}}
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		own, _, err := tx.List(keyward.KindApplication, store.Filter{Tenant: tenant, Owners: access.Owners(p), Limit: MaxPage})
		for _, o := range own {
			q.Applications, s.own[o.Name] = append(q.Applications, o.Name), o.CreatedAt
		}
		return err
	})
	s.Query = q
	return s, err
}

// askGateways asks those that are in use and that the filter takes, all at once. None is asked about no application at all.
func (c *Control) askGateways(ctx context.Context, q *seen, takes func(keyward.Gateway) bool) (*Decisions, error) {
	all := &Decisions{Items: []past.Record{}}
	if !q.all && len(q.own) == 0 {
		return all, nil
	}
	var gateways []keyward.Gateway
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		gateways, err = tx.Gateways()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the gateways: %w", err)
	}
	var mu sync.Mutex
	var asked sync.WaitGroup
	for _, g := range gateways {
		if g.RevokedAt != nil || !takes(g) {
			continue
		}
		asked.Go(func() {
			found, err := c.ask(ctx, g.ID, q.Query)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				all.Away = append(all.Away, g.Name)
				return
			}
			for _, d := range found {
				if q.has(d) {
					d.Gateway = g.Name
					all.Items = append(all.Items, d)
				}
			}
		})
	}
	asked.Wait()
	slices.Sort(all.Away)
	all.Silent = len(all.Away)
	return all, ctx.Err()
}

// shownDecisions leaves out what the principal may not know. An API that is not there for them has no name and no operations;
// chosen by its name it gives nothing.
func (c *Control) shownDecisions(ctx context.Context, p keyward.Principal, found *Decisions, all bool, chosen string) (*Decisions, error) {
	gateways := access.May(p, access.RightReadGateways, p.Tenant)
	if !gateways {
		found.Away = nil
	}
	var items []past.Record
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		items = make([]past.Record, 0, len(found.Items))
		for _, d := range found.Items {
			if !all {
				knows, err := knowsAPI(p, tx, d.Tenant, d.API, d.Application)
				if err != nil {
					return err
				}
				if !knows && chosen != "" {
					continue
				}
				d = safely(d, knows)
			}
			if !gateways {
				d.Gateway = ""
			}
			items = append(items, d)
		}
		return nil
	})
	found.Items = items
	return found, err
}

// safely is a decision for those whose application was refused.
func safely(d past.Record, knowsAPI bool) past.Record {
	d = past.Record{
		ID: d.ID, At: d.At, Tenant: d.Tenant, API: d.API, Application: d.Application, Method: d.Method, Operation: d.Operation,
		Status: d.Status, Code: d.Code, Detail: d.Detail,
	}
	if !knowsAPI {
		d.API, d.Operation = "", ""
	}
	return d
}
