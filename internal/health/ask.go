package health

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/store"
)

// Summary is a key manager's health in one line. Who may see the key manager and is neither administrator nor auditor of
// its tenant gets its names and issuer, how things stand and when somebody looked.
type Summary struct {
	KeyManager          string                 `json:"keyManager"`
	Tenant              string                 `json:"tenant" doc:"Whose it is: default for a global one"`
	DisplayName         string                 `json:"displayName,omitempty"`
	Type                keyward.KeyManagerType `json:"type"`
	Issuer              string                 `json:"issuer,omitempty" doc:"What it is set to, or what its metadata say"`
	State               Condition              `json:"state" doc:"ok, warning, failing, disabled, or unknown before the first look"`
	Since               *time.Time             `json:"since,omitempty" doc:"Of the state"`
	Hold                *keyward.Hold          `json:"hold,omitempty" doc:"While it is held: gateways accept none of its tokens then"`
	LookedAt            *time.Time             `json:"lookedAt,omitempty"`
	NextLook            *time.Time             `json:"nextLook,omitempty"`
	Failures            int                    `json:"failures,omitempty" doc:"Looks that failed in a row, up to now"`
	LastSuccess         *time.Time             `json:"lastSuccess,omitempty"`
	Error               string                 `json:"error,omitempty" doc:"In the server's own words"`
	Keys                *int                   `json:"keys,omitempty" doc:"Those that can verify tokens"`
	NewestKey           *time.Time             `json:"newestKey,omitempty" doc:"Since when the newest key is known"`
	LastRotation        *time.Time             `json:"lastRotation,omitempty" doc:"When a change of its keys was last seen"`
	KeysMillis          *int64                 `json:"keysMillis,omitempty" doc:"How long reading its keys took; of sets the slowest"`
	IntrospectionMillis *int64                 `json:"introspectionMillis,omitempty"`
	TLSDays             *int                   `json:"tlsDays,omitempty" doc:"Until the first certificate expires"`
	ClockOffsetMillis   *int64                 `json:"clockOffsetMillis,omitempty" doc:"How far its clock is ahead of the control plane's"`
	Alerts              []string               `json:"alerts,omitempty" doc:"Codes of what asks for attention"`
	Calls               *Calls                 `json:"calls,omitempty" doc:"In listings, to administrators and auditors of the tenant"`
}

// Health is everything that is known of a key manager's server, as the control plane sees it. The lists are empty for those
// who get a Summary of few words.
type Health struct {
	Summary
	KeySets       []KeySet       `json:"keySets"`
	Introspection *Introspection `json:"introspection,omitempty" doc:"Where gateways have credentials to ask"`
	Metadata      *Metadata      `json:"metadata,omitempty" doc:"Once they were read again, where something of them is stored"`
	Servers       []Server       `json:"servers"`
	Attention     []Alert        `json:"attention" doc:"What asks for attention, and what to do"`
	LastHour      *Recent        `json:"lastHour,omitempty"`
}

// full tells whether the principal may know everything about a key manager's server.
func full(p keyward.Principal, km *keyward.Object) bool {
	return access.May(p, access.RightHealth, km.Tenant)
}

// find gives a key manager that the principal may see, as it is called in the tenant.
func find(tx *store.Tx, p keyward.Principal, tenant, name string) (*keyward.Object, error) {
	if !access.To(p, keyward.KindKeyManager, tenant).Reads() {
		return nil, access.ForbiddenRead(p, keyward.KindKeyManager, tenant)
	}
	km, err := tx.KeyManagerFor(tenant, name)
	if err != nil {
		return nil, err
	}
	if !access.Permitted(p, km) {
		return nil, keyward.Errorf(keyward.CodeNotFound, "there is no %s",
			keyward.Ref{Kind: keyward.KindKeyManager, Tenant: tenant, Name: name})
	}
	return km, nil
}

// Of tells of one key manager.
func (m *Monitor) Of(ctx context.Context, p keyward.Principal, tenant, name string) (*Health, error) {
	var h *Health
	err := m.store.Read(ctx, func(tx *store.Tx) error {
		km, err := find(tx, p, tenant, name)
		if err == nil {
			h, err = m.read(tx, p, km)
		}
		return err
	})
	return h, err
}

// read gives what the principal may know of a key manager's server.
func (m *Monitor) read(tx *store.Tx, p keyward.Principal, km *keyward.Object) (*Health, error) {
	o, s, err := readState(tx, km.ID)
	if err != nil {
		return nil, err
	}
	h := &Health{KeySets: []KeySet{}, Servers: []Server{}, Attention: []Alert{}}
	h.Summary = m.summary(km, o, s, full(p, km))
	if !full(p, km) || s.Disabled {
		return h, nil
	}
	h.KeySets, h.Servers = append(h.KeySets, s.Sets...), append(h.Servers, s.Servers...)
	h.Metadata, h.Introspection, h.Attention = s.Metadata, s.Asked, append(h.Attention, s.Alerts...)
	list, err := readSamples(tx, km.ID, m.now().Add(-time.Hour), m.now().Add(time.Hour))
	if err != nil {
		return nil, err
	}
	r := recent(list)
	h.LastHour = &r
	return h, nil
}

// summary makes one line of a state.
func (m *Monitor) summary(km *keyward.Object, o *store.Observation, s *state, all bool) Summary {
	line := Summary{KeyManager: km.Name, Tenant: km.Tenant, State: s.Condition, Hold: m.held(km, all)}
	if spec, ok := km.Spec.(*keyward.KeyManagerSpec); ok {
		line.DisplayName, line.Type, line.Issuer = spec.DisplayName, spec.Type, cmp.Or(spec.Issuer, discovered(km))
		if !spec.IsEnabled() {
			line.State = Disabled
		}
	}
	if o == nil {
		return line
	}
	line.LookedAt = &s.LookedAt
	if line.State == s.Condition {
		line.Since = &s.Since
	}
	if !all || line.State == Disabled {
		return line
	}
	line.NextLook, line.Failures, line.LastSuccess = &o.DueAt, s.Failures, s.LastSuccess
	line.NewestKey, line.LastRotation, line.ClockOffsetMillis = s.newestKey(), s.lastRotation(), s.clockOffset()
	if until := s.tlsUntil(); until != nil {
		days := daysLeft(*until, m.now())
		line.TLSDays = &days
	}
	keys := 0
	for _, set := range s.Sets {
		keys += len(set.Keys)
		line.Keys = &keys
		if set.Error != "" {
			line.Error = set.Error
		} else if set.Source != "" && (line.KeysMillis == nil || set.Millis > *line.KeysMillis) {
			line.KeysMillis = &set.Millis
		}
	}
	if s.Asked != nil {
		if s.Asked.Error != "" {
			line.Error = s.Asked.Error
		} else if s.Asked.AskedAt != nil {
			line.IntrospectionMillis = &s.Asked.Millis
		}
	}
	for _, a := range s.Alerts {
		line.Alerts = append(line.Alerts, a.Code)
	}
	return line
}

// discovered is the issuer that the metadata say; "" where none is known.
func discovered(km *keyward.Object) string {
	var status keyward.KeyManagerStatus
	if json.Unmarshal(km.Status, &status) != nil {
		return ""
	}
	return status.Issuer
}

// held is the hold in force; why and by whom is for who may know all.
func (m *Monitor) held(km *keyward.Object, all bool) *keyward.Hold {
	switch {
	case !km.Hold.Holds(m.now()):
		return nil
	case all:
		return km.Hold
	default:
		return km.Hold.Public()
	}
}

// newestKey is since when the newest key is known; nil without keys.
func (s *state) newestKey() *time.Time {
	var newest *time.Time
	for _, set := range s.Sets {
		for _, k := range set.Keys {
			if newest == nil || k.FirstSeen.After(*newest) {
				newest = &k.FirstSeen
			}
		}
	}
	return newest
}

// lastRotation is when a change of keys was last seen; nil when none was.
func (s *state) lastRotation() *time.Time {
	var last *time.Time
	for _, set := range s.Sets {
		if len(set.Rotations) > 0 && (last == nil || set.Rotations[0].At.After(*last)) {
			last = &set.Rotations[0].At
		}
	}
	return last
}

// Page chooses a part of a listing.
type Page struct {
	After  string // the cursor that the page before gave
	Limit  int    // at most so many; 0 = all
	Search string // part of what people look for; case does not count
}

// List tells of the key managers of a tenant that the principal may see, the global ones too, in order of name, and gives the
// cursor of the next page, empty on the last one.
func (m *Monitor) List(ctx context.Context, p keyward.Principal, tenant string, page Page) (list []Summary, next string, err error) {
	if !access.To(p, keyward.KindKeyManager, tenant).Reads() {
		return nil, "", access.ForbiddenRead(p, keyward.KindKeyManager, tenant)
	}
	err = m.store.Read(ctx, func(tx *store.Tx) error {
		if _, err := tx.Get(keyward.KindTenant, keyward.DefaultTenant, tenant); err != nil { // not_found, and no empty list
			return err
		}
		managers, after, err := tx.List(keyward.KindKeyManager, store.Filter{
			Tenant: tenant, Offered: true, After: page.After, Limit: page.Limit, Search: page.Search,
		})
		if err != nil {
			return err
		}
		managers = slices.DeleteFunc(managers, func(km *keyward.Object) bool { return !access.Permitted(p, km) })
		list, next = make([]Summary, len(managers)), after
		for i, km := range managers {
			o, s, err := readState(tx, km.ID)
			if err != nil {
				return err
			}
			list[i] = m.summary(km, o, s, full(p, km))
		}
		return m.count(tx, p, tenant, managers, list)
	})
	return list, next, err
}

// History lists what was measured of a key manager since a time, the oldest first: single looks of the last six hours and
// more, and whole hours of seven days. It is for administrators and auditors of its tenant.
func (m *Monitor) History(ctx context.Context, p keyward.Principal, tenant, name string, since time.Time) ([]Sample, error) {
	var list []Sample
	err := m.store.Read(ctx, func(tx *store.Tx) error {
		km, err := find(tx, p, tenant, name)
		if err == nil {
			err = access.Require(p, access.RightHealth, km.Tenant)
		}
		if err == nil {
			list, err = readSamples(tx, km.ID, since, m.now().Add(time.Hour))
		}
		return err
	})
	return list, err
}

// Refresh looks at a key manager now, also at one whose turn is late because its server failed, and tells what was seen. It
// is for administrators of its tenant. Gateways that have the key manager are told to read its keys too.
func (m *Monitor) Refresh(ctx context.Context, p keyward.Principal, tenant, name string) (*Health, error) {
	var km *keyward.Object
	err := m.store.Write(ctx, p.Actor(), func(tx *store.Tx) (err error) {
		if km, err = find(tx, p, tenant, name); err == nil {
			err = access.Require(p, access.RightCheck, km.Tenant)
		}
		if err != nil {
			return err
		}
		if spec, ok := km.Spec.(*keyward.KeyManagerSpec); ok && !spec.IsEnabled() {
			return keyward.Errorf(keyward.CodeConflict, "%s is disabled: gateways read no keys of it, and neither does this", km.Ref())
		}
		return tx.AskKeys(km)
	})
	if err != nil {
		return nil, err
	}
	end, err := m.await(ctx, km.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	o, err := m.look(ctx, km.ID, probe.Wants{Token: true, Metadata: true})
	if err == nil {
		err = m.keep(ctx, *o)
	}
	if err != nil {
		return nil, err
	}
	return m.Of(ctx, p, tenant, name)
}
