package control

import (
	"context"
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
	Calls        RecentCalls   `json:"calls" doc:"Calls in the last hour with its tokens, to the tenant's APIs"`
	Disable      Impact        `json:"disable" doc:"What disabling it would do"`
	Delete       Impact        `json:"delete" doc:"What deleting it would do"`
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
		stranded, lost := []string{}, []string{}
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
			stranded, lost = append(stranded, apis...), append(lost, applications...)
		}
		u.Disable = Impact{RefusedBy: []keyward.Ref{}, Calls: u.Calls.Passed, APIs: stranded, Applications: lost}
		u.Delete.APIs, u.Delete.Applications, u.Delete.Calls = stranded, lost, u.Calls.Passed
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
	var others []string
	for _, o := range managers {
		if s, ok := o.Spec.(*keyward.KeyManagerSpec); ok && o.ID != km.ID && s.IsEnabled() {
			others = append(others, o.Name)
		}
	}
	apis, _, err := tx.List(keyward.KindAPI, store.Filter{Tenant: in.tenant})
	if err != nil {
		return nil, err
	}
	stranded := []string{}
	for _, o := range apis {
		s, ok := o.Spec.(*keyward.APISpec)
		if !ok {
			continue
		}
		u.Calls.add(in.lately.APIs[o.ID]) // an API that does not take the key manager refuses calls
		takes := others
		if !s.KeyManagers.All {
			takes = nil
			for _, use := range s.KeyManagers.List {
				takes = append(takes, use.Name)
			}
			if !slices.Contains(takes, km.Name) {
				continue
			}
		}
		if !s.KeyManagers.All {
			u.Delete.RefusedBy = append(u.Delete.RefusedBy, o.Ref())
		}
		u.APIs = append(u.APIs, UsingAPI{
			Name: in.prefix + o.Name, All: s.KeyManagers.All, Calls: Calls(in.lately.APIs[o.ID]),
		})
		if !slices.ContainsFunc(takes, func(name string) bool { return slices.Contains(others, name) }) {
			stranded = append(stranded, in.prefix+o.Name)
		}
	}
	return stranded, nil
}

// readClients gives the applications that have clients nowhere else.
func (u *Usages) readClients(tx *store.Tx, km *keyward.Object, in place) ([]string, error) {
	all, _, err := tx.List(keyward.KindOAuthClient, store.Filter{Tenant: in.tenant})
	if err != nil {
		return nil, err
	}
	var own []*keyward.Object
	for _, o := range all {
		if s, ok := o.Spec.(*keyward.OAuthClientSpec); ok && s.KeyManager == km.Name {
			own = append(own, o)
		}
	}
	uses, err := tx.ClientUses(own)
	if err != nil {
		return nil, err
	}
	elsewhere, here := map[string]bool{}, []string{}
	for _, o := range all {
		s, ok := o.Spec.(*keyward.OAuthClientSpec)
		if !ok {
			continue
		}
		status, err := o.ClientStatus()
		if err != nil {
			return nil, err
		}
		if status.Mode == "" {
			status.Mode, status.State = keyward.ClientMapped, keyward.ClientActive
		}
		if s.KeyManager != km.Name {
			name := in.prefix + s.Application
			elsewhere[name] = elsewhere[name] || status.State == keyward.ClientActive
			continue
		}
		u.Clients = append(u.Clients, UsingClient{
			Name: in.prefix + o.Name, Application: in.prefix + s.Application, Environment: s.EnvironmentOrDefault(), ClientID: s.ClientID,
			Mode: status.Mode, State: status.State, LastUsedAt: uses[o.ID].LastUsedAt, Calls: Calls(in.lately.Clients[o.ID]),
		})
		if status.State != keyward.ClientFailed || status.Orphan { // a failed attempt that left nothing goes with the key manager
			u.Delete.RefusedBy = append(u.Delete.RefusedBy, o.Ref())
		}
		if name := in.prefix + s.Application; s.Application != "" && !slices.Contains(here, name) {
			here = append(here, name)
		}
	}
	slices.Sort(here)
	u.Applications = append(u.Applications, here...)
	return slices.DeleteFunc(here, func(name string) bool { return elsewhere[name] }), nil
}
