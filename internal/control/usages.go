package control

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/store"
)

// Usages say who depends on a key manager, and what would follow if it were gone.
type Usages struct {
	KeyManager   string        `json:"keyManager"`
	APIs         []UsingAPI    `json:"apis" doc:"Those that name it, and those that take all"`
	Applications []string      `json:"applications" doc:"Those with clients in it"`
	Clients      []UsingClient `json:"clients"`
	Counts       UsageCounts   `json:"counts" doc:"Of all, where the lists end at 500 for each tenant"`
	Calls        RecentCalls   `json:"calls" doc:"Calls in the last hour with its tokens, to the tenant's APIs"`
	Disable      Impact        `json:"disable" doc:"What disabling it would do"`
	Delete       Impact        `json:"delete" doc:"What deleting it would do"`
}

// maxUsages bounds the lists of what depends on something, in each tenant.
const maxUsages = 500

// UsageCounts say how many depend on a key manager.
type UsageCounts struct {
	Applications int `json:"applications"`
	Clients      int `json:"clients"`
}

// UsingAPI is an API that takes the key manager's tokens.
type UsingAPI struct {
	Name  string `json:"name"`
	All   bool   `json:"all,omitempty" doc:"It takes every key manager and does not name this one"`
	Calls Calls  `json:"calls" doc:"In the last hour, with tokens of the key manager"`
}

// UsingClient is an application's client in the key manager.
type UsingClient struct {
	Name        string              `json:"name"`
	Application string              `json:"application"`
	Environment keyward.Environment `json:"environment"`
	ClientID    string              `json:"clientId,omitempty"`
	Mode        keyward.ClientMode  `json:"mode"`
	State       keyward.ClientState `json:"state"`
	LastUsedAt  *time.Time          `json:"lastUsedAt,omitempty" doc:"When a gateway let a call with a token of it pass"`
	Calls       Calls               `json:"calls" doc:"In the last hour"`
}

// Calls say how calls ended at the gateways, whatever the backends made of them.
type Calls struct {
	Passed  int64 `json:"passed"`
	Refused int64 `json:"refused"`
}

func (c *Calls) add(o store.UsageOutcome) {
	c.Passed += o.Passed
	c.Refused += o.Refused
}

// RecentCalls are all calls of the last hour.
type RecentCalls struct {
	Since  time.Time `json:"since" doc:"60 to 65 minutes ago; what gateways have not told yet is missing"`
	Nobody *Calls    `json:"nobody,omitempty" doc:"Those of clients that no application has; told to the key manager's own tenant"`
	Calls
}

// Impact is what would follow.
type Impact struct {
	RefusedBy []keyward.Ref `json:"refusedBy" doc:"It would be refused, because these use it"`
	// Of both lists only what would have no other way: an API may take other key managers, an application have other
	// clients.
	Calls        int64    `json:"calls" doc:"As many calls in the last hour passed with its tokens"`
	APIs         []string `json:"apis" doc:"No caller could reach these any more: no other enabled key manager is taken"`
	Applications []string `json:"applications" doc:"These could call nothing any more: they have no client elsewhere"`
	// Of very many the list has some.
	ApplicationCount int `json:"applicationCount" doc:"As many applications could call nothing any more"`
}

// Usages lists everything in the tenant that depends on a key manager. Operators who ask about a global one in its own
// tenant are told of every tenant's, as TENANT/NAME; nobody else learns what others have.
func (c *Control) Usages(ctx context.Context, p keyward.Principal, tenant, name string) (*Usages, error) {
	if err := access.Require(p, access.RightUsages, tenant); err != nil {
		return nil, err
	}
	u := &Usages{KeyManager: name, APIs: []UsingAPI{}, Applications: []string{}, Clients: []UsingClient{}}
	u.Delete.RefusedBy = []keyward.Ref{}
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		km, err := tx.KeyManagerFor(tenant, name)
		if err != nil {
			return err
		}
		tenants := []*keyward.Object{{Name: tenant}}
		if isGlobal(km) && seesAll(p, km, tenant) {
			if tenants, _, err = tx.List(keyward.KindTenant, store.Filter{}); err != nil {
				return err
			}
		}
		lately, err := tx.UsageLately(km.ID, time.Now())
		if err != nil {
			return err
		}
		if seesAll(p, km, tenant) {
			nobody := Calls(lately.Clients[""])
			u.Calls.Nobody = &nobody
		}
		u.Calls.Since = lately.Since
		stranded, lost, losing := []string{}, []string{}, 0
		for _, t := range tenants {
			in := place{tenant: t.Name, lately: lately}
			if t.Name != tenant {
				in.prefix = t.Name + "/"
			}
			apis, err := u.readAPIs(tx, km, in)
			if err != nil {
				return err
			}
			applications, err := u.readClients(tx, km, in)
			if err != nil {
				return err
			}
			stranded, lost, losing = append(stranded, apis...), append(lost, applications.Some...), losing+applications.Total
		}
		u.Disable = Impact{RefusedBy: []keyward.Ref{}, Calls: u.Calls.Passed, APIs: stranded, Applications: lost, ApplicationCount: losing}
		u.Delete.APIs, u.Delete.Applications, u.Delete.Calls, u.Delete.ApplicationCount = stranded, lost, u.Calls.Passed, losing
		return nil
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// seesAll tells whether nothing of the key manager's use is another tenant's business.
func seesAll(p keyward.Principal, km *keyward.Object, tenant string) bool {
	return km.Tenant == tenant && (!isGlobal(km) || p.IsOperator())
}

func isGlobal(km *keyward.Object) bool {
	s, ok := km.Spec.(*keyward.KeyManagerSpec)
	return ok && s.Global
}

// place is a tenant, what stands before the names of what is in it, and what was called there and elsewhere.
type place struct {
	tenant, prefix string
	lately         store.UsageLately
}

// readAPIs gives those that take no other enabled key manager.
func (u *Usages) readAPIs(tx *store.Tx, km *keyward.Object, in place) ([]string, error) {
	managers, _, err := tx.List(keyward.KindKeyManager, store.Filter{Tenant: in.tenant, Offered: true})
	if err != nil {
		return nil, err
	}
	others := map[string]bool{}
	for _, o := range managers {
		if s, ok := o.Spec.(*keyward.KeyManagerSpec); ok && o.ID != km.ID && s.IsEnabled() {
			others[o.ID] = true
		}
	}
	apis, err := tx.TakingAPIs(in.tenant)
	if err != nil {
		return nil, fmt.Errorf("list the APIs of %s: %w", in.tenant, err)
	}
	stranded := []string{}
	for _, a := range apis {
		u.Calls.add(in.lately.APIs[a.ID]) // an API that does not take the key manager refuses calls
		if !a.All && !a.Takes[km.ID] {
			continue
		}
		takes := others
		if !a.All {
			takes = a.Takes
			u.Delete.RefusedBy = append(u.Delete.RefusedBy, keyward.Ref{Kind: keyward.KindAPI, Tenant: in.tenant, Name: a.Name})
		}
		u.APIs = append(u.APIs, UsingAPI{Name: in.prefix + a.Name, All: a.All, Calls: Calls(in.lately.APIs[a.ID])})
		if !slices.ContainsFunc(slices.Collect(maps.Keys(takes)), func(id string) bool { return others[id] }) {
			stranded = append(stranded, in.prefix+a.Name)
		}
	}
	return stranded, nil
}

// readClients gives the applications that have clients nowhere else.
func (u *Usages) readClients(tx *store.Tx, km *keyward.Object, in place) (store.SomeNames, error) {
	var none store.SomeNames
	own, _, err := tx.List(keyward.KindOAuthClient, store.Filter{Tenant: in.tenant, ManagerID: km.ID, Limit: maxUsages})
	if err != nil {
		return none, fmt.Errorf("list the clients in %s: %w", km.Ref(), err)
	}
	uses, err := tx.ClientUses(own)
	if err != nil {
		return none, err
	}
	for _, o := range own {
		s, err := keyward.SpecOf[*keyward.OAuthClientSpec](o)
		if err != nil {
			return none, err
		}
		status, err := o.ClientStatus()
		if err != nil {
			return none, err
		}
		if status.Mode == "" {
			status.Mode, status.State = keyward.ClientMapped, keyward.ClientActive
		}
		u.Clients = append(u.Clients, UsingClient{
			Name: in.prefix + o.Name, Application: in.prefix + s.Application, Environment: s.EnvironmentOrDefault(), ClientID: s.ClientID,
			Mode: status.Mode, State: status.State, LastUsedAt: uses[o.ID].LastUsedAt, Calls: Calls(in.lately.Clients[o.ID]),
		})
	}
	return u.countClients(tx, km, in)
}

// countClients looks at all of them, however many are listed.
func (u *Usages) countClients(tx *store.Tx, km *keyward.Object, in place) (lost store.SomeNames, err error) {
	clients, err := tx.ClientsIn(in.tenant, km.ID)
	if err != nil {
		return lost, fmt.Errorf("count the clients in %s: %w", km.Ref(), err)
	}
	holding, err := tx.ClientsThatHold(in.tenant, km.ID, maxUsages)
	if err != nil {
		return lost, fmt.Errorf("list the clients that keep %s: %w", km.Ref(), err)
	}
	for _, name := range holding {
		u.Delete.RefusedBy = append(u.Delete.RefusedBy, keyward.Ref{Kind: keyward.KindOAuthClient, Tenant: in.tenant, Name: name})
	}
	here, err := tx.ApplicationsIn(in.tenant, km.ID, maxUsages)
	if err != nil {
		return lost, fmt.Errorf("list the applications with clients in %s: %w", km.Ref(), err)
	}
	u.Counts.Clients += clients
	u.Counts.Applications += here.Total
	u.Applications = append(u.Applications, in.all(here.Some)...)
	if lost, err = tx.ApplicationsOnlyIn(in.tenant, km.ID, maxUsages); err != nil {
		return lost, fmt.Errorf("list the applications with clients in %s alone: %w", km.Ref(), err)
	}
	lost.Some = in.all(lost.Some)
	return lost, nil
}

// all gives names as they are told, sorted.
func (in place) all(names []string) []string {
	told := make([]string, len(names))
	for i, name := range names {
		told[i] = in.prefix + name
	}
	slices.Sort(told)
	return told
}
