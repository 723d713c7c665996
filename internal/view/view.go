// Package view owns what a gateway knows at one position of its group's log: the compiled, immutable tables of every row,
// and the lookups over them that decisions need. It does not own how a view comes to be current, which is package
// registry's, nor which request may pass, which is package enforce's.
package view

import (
	"cmp"
	"encoding/json"
	"hash/maphash"
	"slices"

	"keyward.dev/keyward"
)

// View is everything a gateway knows at one position of its group's log. It never changes: Apply makes a new one that
// shares what did not change. One request uses one view from its first step to its last.
type View struct {
	position keyward.Position
	seed     maphash.Seed

	keyManagers    map[string]*KeyManager
	introspections map[string]*keyward.IntrospectionRow
	outbounds      map[string]*keyward.OutboundSecretsRow
	plans          map[string]*keyward.PlanRow
	apis           map[string]*API
	gatewayKeys    map[string]*keyward.GatewayKeyRow
	unused         map[rowName]Unused

	applications  shards[string, *keyward.ApplicationRow]
	clients       indexed[clientKey, keyward.ClientRow]
	rules         indexed[ruleKey, keyward.ClientRow] // clients with match
	subscriptions indexed[subscriptionKey, keyward.SubscriptionRow]

	tenants map[string]*tenant // derived from keyManagers and apis
	sorted  []*KeyManager      // derived from keyManagers
}

// clientKey has no tenant where it is the key manager's own.
type clientKey struct{ tenant, keyManager, client string }

// ruleKey has the tenant whose APIs the rules count for, and always.
type ruleKey struct{ tenant, keyManager string }

type subscriptionKey struct{ application, api string }

type rowName struct {
	kind keyward.RowKind
	id   string
}

// Unused is a row that this build cannot use, and why. It is in nobody's way, but grants nothing.
type Unused struct {
	Kind   keyward.RowKind
	ID     string
	Reason string
	row    json.RawMessage
}

// EmptyView knows nothing and is at the zero position.
func EmptyView() *View {
	return &View{
		seed:           maphash.MakeSeed(),
		keyManagers:    map[string]*KeyManager{},
		introspections: map[string]*keyward.IntrospectionRow{},
		outbounds:      map[string]*keyward.OutboundSecretsRow{},
		plans:          map[string]*keyward.PlanRow{},
		apis:           map[string]*API{},
		gatewayKeys:    map[string]*keyward.GatewayKeyRow{},
		unused:         map[rowName]Unused{},
		tenants:        map[string]*tenant{},
	}
}

// Position is the place in the group's log that the view was last said to stand at.
func (v *View) Position() keyward.Position { return v.position }

// At gives the same view, standing at p.
func (v *View) At(p keyward.Position) *View {
	moved := *v
	moved.position = p
	return &moved
}

// KeyManager gives the key manager with the id, or nil. It may be disabled or unusable.
func (v *View) KeyManager(id string) *KeyManager { return v.keyManagers[id] }

// KeyManagers gives all key managers of all tenants, ordered by tenant and name. The slice must not be changed.
func (v *View) KeyManagers() []*KeyManager { return v.sorted }

// Introspection gives the credential for the key manager's introspection endpoint, its secret still sealed, or nil.
func (v *View) Introspection(keyManagerID string) *keyward.IntrospectionRow {
	return v.introspections[keyManagerID]
}

// OutboundSecrets gives what is secret of the key manager's outbound policy, still sealed, or nil.
func (v *View) OutboundSecrets(keyManagerID string) *keyward.OutboundSecretsRow {
	return v.outbounds[keyManagerID]
}

// Reaches tells whether what is secret of the key manager's outbound policy is here, where it has one.
func (v *View) Reaches(km *KeyManager) bool {
	if km.Outbound == nil {
		return true
	}
	row := v.outbounds[km.ID]
	for _, path := range km.Outbound.Secrets {
		if row == nil || row.Secrets[path].Text == "" {
			return false
		}
	}
	return true
}

// API gives the API with the id, or nil.
func (v *View) API(id string) *API { return v.apis[id] }

// Plan gives the plan with the id, or nil.
func (v *View) Plan(id string) *keyward.PlanRow { return v.plans[id] }

// Application gives the application with the id, or nil.
func (v *View) Application(id string) *keyward.ApplicationRow {
	row, _ := v.applications.get(v.seed, id)
	return row
}

// Client gives who of a tenant has the client id in that key manager, or nil. The same client id in another key manager is
// another client, and in a global one each tenant has its own.
func (v *View) Client(tenant string, km *KeyManager, clientID string) *keyward.ClientRow {
	if tenant == km.Tenant {
		tenant = ""
	}
	return v.clients.find(v.seed, clientKey{tenant, km.ID, clientID})
}

// ClientRules gives a tenant's clients with match in a key manager, in the order in which they count. The slice must not
// be changed.
func (v *View) ClientRules(tenant, keyManagerID string) []*keyward.ClientRow {
	return v.rules.all(v.seed, ruleKey{tenant, keyManagerID})
}

// Subscription gives the application's subscription to the API, or nil.
func (v *View) Subscription(applicationID, apiID string) *keyward.SubscriptionRow {
	return v.subscriptions.find(v.seed, subscriptionKey{applicationID, apiID})
}

// SealedWith lists the group keys that the view's rows name.
func (v *View) SealedWith() map[string]struct{} {
	ids := make(map[string]struct{})
	for _, row := range v.introspections {
		if row.Secret.Key != "" {
			ids[row.Secret.Key] = struct{}{}
		}
	}
	for _, row := range v.outbounds {
		for _, sealed := range row.Secrets {
			ids[sealed.Key] = struct{}{}
		}
	}
	return ids
}

// GatewayKeys gives the public halves of the group's backend JWT keys, ordered by id.
func (v *View) GatewayKeys() []*keyward.GatewayKeyRow {
	rows := make([]*keyward.GatewayKeyRow, 0, len(v.gatewayKeys))
	for _, row := range v.gatewayKeys {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b *keyward.GatewayKeyRow) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

// HasGatewayKey tells whether the group was told of the key with this id.
func (v *View) HasGatewayKey(id string) bool { return v.gatewayKeys[id] != nil }

// Unused lists the rows that this build cannot use, ordered by kind and id.
func (v *View) Unused() []Unused {
	list := make([]Unused, 0, len(v.unused))
	for _, u := range v.unused {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b Unused) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Counts gives the number of rows of each kind that the view uses.
func (v *View) Counts() map[keyward.RowKind]int {
	return map[keyward.RowKind]int{
		keyward.RowKeyManager:    len(v.keyManagers),
		keyward.RowIntrospection: len(v.introspections),
		keyward.RowOutbound:      len(v.outbounds),
		keyward.RowPlan:          len(v.plans),
		keyward.RowAPI:           len(v.apis),
		keyward.RowApplication:   v.applications.size,
		keyward.RowSubscription:  v.subscriptions.byID.size,
		keyward.RowClient:        v.clients.byID.size + v.rules.byID.size,
		keyward.RowGatewayKey:    len(v.gatewayKeys),
	}
}

// Rows gives every row that the view holds as puts, ordered by kind and id: two views that know the same give the
// same rows, however they came to know it. Revisions are not part of it.
func (v *View) Rows() ([]keyward.Change, error) {
	c := collector{}
	for id, row := range v.keyManagers {
		c.add(keyward.RowKeyManager, id, row.KeyManagerRow, v.needs(keyward.RowKeyManager, id))
	}
	for id, row := range v.introspections {
		c.add(keyward.RowIntrospection, id, row, nil)
	}
	for id, row := range v.outbounds {
		c.add(keyward.RowOutbound, id, row, nil)
	}
	for id, row := range v.plans {
		c.add(keyward.RowPlan, id, row, nil)
	}
	for id, row := range v.apis {
		c.add(keyward.RowAPI, id, row.APIRow, v.needs(keyward.RowAPI, id))
	}
	for id, row := range v.gatewayKeys {
		c.add(keyward.RowGatewayKey, id, row, nil)
	}
	v.applications.each(func(row *keyward.ApplicationRow) { c.add(keyward.RowApplication, row.ID, row, nil) })
	for _, table := range []shards[string, *keyward.ClientRow]{v.clients.byID, v.rules.byID} {
		table.each(func(row *keyward.ClientRow) { c.add(keyward.RowClient, row.ID, row, nil) })
	}
	v.subscriptions.byID.each(func(row *keyward.SubscriptionRow) { c.add(keyward.RowSubscription, row.ID, row, nil) })
	for name, u := range v.unused {
		if v.holds(name) {
			continue
		}
		c.changes = append(c.changes, keyward.Change{Kind: name.kind, ID: name.id, Needs: []string{u.Reason},
			Row: u.row})
	}
	slices.SortFunc(c.changes, func(a, b keyward.Change) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return c.changes, c.err
}

// holds tells whether the row is kept in refused form: key managers and APIs keep their place, so that nothing else
// takes it.
func (v *View) holds(name rowName) bool {
	switch name.kind {
	case keyward.RowKeyManager:
		return v.keyManagers[name.id] != nil
	case keyward.RowAPI:
		return v.apis[name.id] != nil
	default:
		return false
	}
}

func (v *View) needs(kind keyward.RowKind, id string) []string {
	if u, ok := v.unused[rowName{kind, id}]; ok {
		return []string{u.Reason}
	}
	return nil
}

type collector struct {
	changes []keyward.Change
	err     error
}

func (c *collector) add(kind keyward.RowKind, id string, row any, needs []string) {
	text, err := json.Marshal(row)
	if err != nil && c.err == nil {
		c.err = err
	}
	c.changes = append(c.changes, keyward.Change{Kind: kind, ID: id, Needs: needs, Row: text})
}
