package feedlog

import (
	"maps"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/entitled"
)

// Marks are what a transaction touched, as far as the feed is concerned. They name causes: which rows follow from them
// is asked only when the groups' counters are locked, so that what other transactions committed meanwhile is seen.
type Marks struct {
	rows         map[keyward.RowKind]map[string]struct{}
	subscribed   map[string]struct{} // APIs whose subscriptions may enter or leave a group
	applications map[string]struct{} // applications that may enter or leave, with their clients
	ruled        map[string]struct{} // key managers of which all clients may
	open         map[string]struct{} // tenants of which all applications may
	takers       map[string]struct{} // tenants of whose key managers all secrets may
	gateways     map[string]struct{} // gateways whose keys may
	keysAsked    map[string]struct{} // key managers whose rows change in nothing but when their keys were wanted anew
	resealed     bool                // a group key was changed: every secret is sealed again
}

// NewMarks gives marks of a transaction that has touched nothing yet.
func NewMarks() *Marks {
	return &Marks{
		rows: map[keyward.RowKind]map[string]struct{}{}, subscribed: map[string]struct{}{},
		applications: map[string]struct{}{}, open: map[string]struct{}{}, takers: map[string]struct{}{},
		gateways: map[string]struct{}{}, ruled: map[string]struct{}{}, keysAsked: map[string]struct{}{},
	}
}

// Row marks rows that were written or deleted themselves.
func (m *Marks) Row(kind keyward.RowKind, ids ...string) {
	if m.rows[kind] == nil {
		m.rows[kind] = map[string]struct{}{}
	}
	for _, id := range ids {
		m.rows[kind][id] = struct{}{}
	}
}

// Secrets marks a key manager whose sealed secrets were written, or may enter or leave a group.
func (m *Marks) Secrets(keyManager string) {
	for _, kind := range sealedKinds() {
		m.Row(kind, keyManager)
	}
}

// sealedKinds are the rows of key managers that carry secrets.
func sealedKinds() []keyward.RowKind {
	return []keyward.RowKind{keyward.RowIntrospection, keyward.RowOutbound}
}

// Concern names what of the touched rows decides what clients' tokens may carry.
func (m *Marks) Concern() entitled.Concern {
	return entitled.Concern{
		Applications:  slices.Sorted(maps.Keys(m.applications)),
		Subscriptions: slices.Sorted(maps.Keys(m.rows[keyward.RowSubscription])),
		APIs:          slices.Sorted(maps.Keys(m.rows[keyward.RowAPI])),
		KeyManagers:   slices.Sorted(maps.Keys(m.rows[keyward.RowKeyManager])),
	}
}

func (m *Marks) empty() bool {
	return !m.resealed && len(m.rows)+len(m.subscribed)+len(m.applications)+len(m.ruled)+len(m.open)+len(m.takers)+
		len(m.gateways)+len(m.keysAsked) == 0
}

// Subscribed marks an API whose subscriptions may enter or leave a group.
func (m *Marks) Subscribed(api string) { m.subscribed[api] = struct{}{} }

// Application marks an application that may enter or leave a group, with its clients.
func (m *Marks) Application(id string) { m.applications[id] = struct{}{} }

// Ruled marks a key manager of which every client may enter or leave a group: a rule for its tokens does.
func (m *Marks) Ruled(keyManager string) { m.ruled[keyManager] = struct{}{} }

// Open marks a tenant of which every application may enter or leave a group.
func (m *Marks) Open(tenant string) { m.open[tenant] = struct{}{} }

// Takers marks a tenant of whose key managers every secret may enter or leave a group.
func (m *Marks) Takers(tenant string) { m.takers[tenant] = struct{}{} }

// KeysAsked marks a key manager whose keys are wanted anew, which is no concern of its clients.
func (m *Marks) KeysAsked(keyManager string) { m.keysAsked[keyManager] = struct{}{} }

// Gateway marks a gateway whose keys may enter or leave its group.
func (m *Marks) Gateway(id string) { m.gateways[id] = struct{}{} }
