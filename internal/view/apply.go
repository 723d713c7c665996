package view

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/needs"
)

// Apply gives the view after the changes, which must be whole transactions. It never changes v. What the changes refer
// to may come later, in the same call or another: references are followed when a decision is made, so the same rows
// give the same view in any order and any cutting.
//
// A row that this build cannot use, because the change needs a feature that it lacks or because the row cannot be
// read, grants nothing and is listed by Unused: an API keeps its place and is refused, a key manager keeps its issuers
// and is refused, any other row is as if it were not there. Rows of kinds that this build does not know are ignored. An
// error means that the changes are no changes at all; the view stays as it is.
func (v *View) Apply(changes []keyward.Change) (*View, error) {
	a := newApplication(v)
	for i := range changes {
		c := &changes[i]
		if c.ID == "" || c.Kind == "" {
			return nil, errors.New("apply changes: one has no kind or no id")
		}
		a.apply(c)
	}
	return a.done(), nil
}

// application is one Apply in progress: a copy of the view that owns only what it has touched.
type application struct {
	next          View
	ownedUnused   bool
	applications  shardEdit[string, *keyward.ApplicationRow]
	clients       indexedEdit[clientKey, keyward.ClientRow]
	rules         indexedEdit[ruleKey, keyward.ClientRow]
	subscriptions indexedEdit[subscriptionKey, keyward.SubscriptionRow]
	owned         map[keyward.RowKind]bool
	tenants       map[string]bool // those to derive again
	everyTenant   bool
}

func newApplication(v *View) *application {
	a := &application{next: *v, owned: map[keyward.RowKind]bool{}, tenants: map[string]bool{}}
	a.applications = edit(v.seed, v.applications)
	clientID := func(r *keyward.ClientRow) string { return r.ID }
	a.rules = editIndexed(v.seed, v.rules, clientID,
		func(r *keyward.ClientRow) ruleKey { return ruleKey{r.Tenant, r.KeyManagerID} })
	a.rules.order = func(x, y *keyward.ClientRow) int { return x.Match.Compare(*y.Match) }
	a.clients = editIndexed(v.seed, v.clients, clientID,
		func(r *keyward.ClientRow) clientKey { return clientKey{r.Tenant, r.KeyManagerID, r.ClientID} })
	a.subscriptions = editIndexed(v.seed, v.subscriptions,
		func(r *keyward.SubscriptionRow) string { return r.ID },
		func(r *keyward.SubscriptionRow) subscriptionKey { return subscriptionKey{r.ApplicationID, r.APIID} })
	return a
}

func (a *application) apply(c *keyward.Change) {
	a.markUsed(c)
	if c.Deleted {
		a.remove(c)
		return
	}
	if lacking := missing(c.Needs); len(lacking) > 0 {
		a.refuse(c, "it needs "+strings.Join(lacking, ", ")+", which this build does not have")
		return
	}
	if err := a.put(c); err != nil {
		a.refuse(c, "it cannot be read: "+err.Error())
	}
}

func missing(asked []string) []string {
	var lacking []string
	for _, need := range asked {
		if !slices.Contains(needs.All(), need) {
			lacking = append(lacking, need)
		}
	}
	return lacking
}

func (a *application) put(c *keyward.Change) error {
	switch c.Kind {
	case keyward.RowKeyManager:
		return a.putKeyManager(c, "")
	case keyward.RowAPI:
		return a.putAPI(c, "")
	case keyward.RowIntrospection:
		return putSmall(a, c, &a.next.introspections, func(r *keyward.IntrospectionRow) { r.ID = c.ID })
	case keyward.RowOutbound:
		return putSmall(a, c, &a.next.outbounds, func(r *keyward.OutboundSecretsRow) {
			if r.ID = c.ID; r.Digest == "" { // then what is sealed anew counts as changed
				r.Digest = string(c.Row)
			}
		})
	case keyward.RowPlan:
		return putSmall(a, c, &a.next.plans, func(r *keyward.PlanRow) { r.ID = c.ID })
	case keyward.RowGatewayKey:
		return putSmall(a, c, &a.next.gatewayKeys, func(r *keyward.GatewayKeyRow) { r.ID = c.ID })
	case keyward.RowApplication:
		row, err := decode[keyward.ApplicationRow](c)
		if err == nil {
			row.ID = c.ID
			a.applications.put(c.ID, row)
		}
		return err
	case keyward.RowClient:
		return a.putClient(c)
	case keyward.RowSubscription:
		row, err := decode[keyward.SubscriptionRow](c)
		if err == nil {
			row.ID = c.ID
			a.subscriptions.put(row)
		}
		return err
	default:
		return nil
	}
}

func (a *application) remove(c *keyward.Change) {
	switch c.Kind {
	case keyward.RowKeyManager:
		if old := a.next.keyManagers[c.ID]; old != nil {
			a.touchKeyManager(old)
			delete(own(a, c.Kind, &a.next.keyManagers), c.ID)
		}
	case keyward.RowAPI:
		if old := a.next.apis[c.ID]; old != nil {
			a.tenants[old.Tenant] = true
			delete(own(a, c.Kind, &a.next.apis), c.ID)
		}
	case keyward.RowIntrospection:
		delete(own(a, c.Kind, &a.next.introspections), c.ID)
	case keyward.RowOutbound:
		delete(own(a, c.Kind, &a.next.outbounds), c.ID)
	case keyward.RowPlan:
		delete(own(a, c.Kind, &a.next.plans), c.ID)
	case keyward.RowGatewayKey:
		delete(own(a, c.Kind, &a.next.gatewayKeys), c.ID)
	case keyward.RowApplication:
		a.applications.remove(c.ID)
	case keyward.RowClient:
		a.removeClient(c.ID)
	case keyward.RowSubscription:
		a.subscriptions.remove(c.ID)
	}
}

func (a *application) putClient(c *keyward.Change) error {
	row, err := decode[keyward.ClientRow](c)
	if err != nil {
		return err
	}
	row.ID = c.ID
	a.removeClient(c.ID)
	switch {
	case row.Match == nil:
		a.clients.put(row)
	case !row.Match.Sound():
		return errors.New("its match is not a rule")
	default:
		*row.Match = row.Match.Canonical()
		a.rules.put(row)
	}
	return nil
}

// removeClient looks in both tables: a client may have become a rule.
func (a *application) removeClient(id string) {
	a.clients.remove(id)
	a.rules.remove(id)
}

// refuse takes the row out of use. What the row was before must not live on.
func (a *application) refuse(c *keyward.Change, reason string) {
	a.remove(c)
	switch c.Kind {
	case keyward.RowKeyManager:
		_ = a.putKeyManager(c, reason) // unreadable: then it has no issuers to keep
	case keyward.RowAPI:
		_ = a.putAPI(c, reason) // unreadable: then it has no place to keep
	}
	if !a.ownedUnused {
		a.ownedUnused = true
		a.next.unused = maps.Clone(a.next.unused)
	}
	a.next.unused[rowName{c.Kind, c.ID}] = Unused{Kind: c.Kind, ID: c.ID, Reason: reason, row: c.Row}
}

func (a *application) markUsed(c *keyward.Change) {
	name := rowName{c.Kind, c.ID}
	if _, ok := a.next.unused[name]; !ok {
		return
	}
	if !a.ownedUnused {
		a.ownedUnused = true
		a.next.unused = maps.Clone(a.next.unused)
	}
	delete(a.next.unused, name)
}

func (a *application) putKeyManager(c *keyward.Change, unusable string) error {
	row, err := decode[keyward.KeyManagerRow](c)
	if err != nil {
		return err
	}
	row.ID = c.ID
	km, err := compileKeyManager(*row)
	if err != nil && unusable != "" {
		row.Match = nil
		km, err = compileKeyManager(*row)
	}
	if err != nil {
		return err
	}
	km.Unusable = unusable
	if old := a.next.keyManagers[c.ID]; old != nil {
		a.touchKeyManager(old)
	}
	a.touchKeyManager(km)
	own(a, c.Kind, &a.next.keyManagers)[c.ID] = km
	return nil
}

func (a *application) touchKeyManager(km *KeyManager) {
	a.tenants[km.Tenant] = true
	a.everyTenant = a.everyTenant || km.Global
}

func (a *application) putAPI(c *keyward.Change, unusable string) error {
	row, err := decode[keyward.APIRow](c)
	if err != nil {
		return err
	}
	row.ID = c.ID
	api := compileAPI(*row)
	api.Unusable = unusable
	if old := a.next.apis[c.ID]; old != nil {
		a.tenants[old.Tenant] = true
	}
	a.tenants[api.Tenant] = true
	own(a, c.Kind, &a.next.apis)[c.ID] = api
	return nil
}

func decode[R any](c *keyward.Change) (*R, error) {
	row := new(R)
	if err := json.Unmarshal(c.Row, row); err != nil {
		return nil, fmt.Errorf("decode a row of kind %s: %w", c.Kind, err)
	}
	return row, nil
}

func putSmall[R any](a *application, c *keyward.Change, to *map[string]*R, name func(*R)) error {
	row, err := decode[R](c)
	if err != nil {
		return err
	}
	name(row)
	own(a, c.Kind, to)[c.ID] = row
	return nil
}

// own copies a small map before its first change.
func own[R any](a *application, kind keyward.RowKind, m *map[string]*R) map[string]*R {
	if !a.owned[kind] {
		a.owned[kind] = true
		*m = maps.Clone(*m)
	}
	return *m
}

func (a *application) done() *View {
	a.next.applications = a.applications.now
	a.next.clients = a.clients.done()
	a.next.rules = a.rules.done()
	a.next.subscriptions = a.subscriptions.done()
	if a.owned[keyward.RowKeyManager] {
		a.next.sorted = sortedKeyManagers(a.next.keyManagers)
	}
	if a.everyTenant || len(a.tenants) > 0 {
		a.deriveTenants()
	}
	next := a.next
	return &next
}

func sortedKeyManagers(all map[string]*KeyManager) []*KeyManager {
	list := make([]*KeyManager, 0, len(all))
	for _, km := range all {
		list = append(list, km)
	}
	slices.SortFunc(list, func(a, b *KeyManager) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// deriveTenants makes the tables of the tenants that changed, or of all when a global key manager did.
func (a *application) deriveTenants() {
	touched := func(name string) bool { return a.everyTenant || a.tenants[name] }
	fresh := map[string]*tenant{}
	of := func(name string) *tenant {
		if fresh[name] == nil {
			fresh[name] = newTenant()
		}
		return fresh[name]
	}
	var global []*KeyManager
	for _, km := range a.next.sorted {
		if touched(km.Tenant) {
			of(km.Tenant)
		}
		if km.Global {
			global = append(global, km)
		}
	}
	for _, api := range a.next.apis {
		if touched(api.Tenant) {
			of(api.Tenant).addAPI(api)
		}
	}
	own := map[string][]*KeyManager{}
	for _, km := range a.next.sorted {
		if !km.Global && touched(km.Tenant) {
			own[km.Tenant] = append(own[km.Tenant], km)
		}
	}
	for name, t := range fresh {
		for _, km := range byName(own[name], global) {
			t.addKeyManager(km)
		}
	}
	tenants := map[string]*tenant{}
	for name, t := range a.next.tenants {
		if !touched(name) {
			tenants[name] = t
		}
	}
	maps.Copy(tenants, fresh)
	a.next.tenants = tenants
}

func byName(own, global []*KeyManager) []*KeyManager {
	list := slices.Concat(own, global)
	slices.SortFunc(list, func(a, b *KeyManager) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}
