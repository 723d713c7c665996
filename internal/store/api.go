package store

import (
	"encoding/json"
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

func apiNoun() noun {
	return noun{
		kind: keyward.KindAPI, table: "apis",
		own:  []string{"context", "api_version", "is_default", "served", "open", "takes_all", "document"},
		fill: fillAPI, link: linkAPI, clear: clearAPI,
		drop: func(tx *Tx, o *keyward.Object) error {
			old, err := tx.reachOf(o.ID)
			if err == nil {
				tx.markReach(o, old, reach{})
			}
			return err
		},
		by: map[keyward.Kind]string{
			keyward.KindKeyManager: "EXISTS (SELECT 1 FROM api_key_managers u WHERE u.api_id = x.id AND u.key_manager_id = %s)",
			keyward.KindPlan:       "EXISTS (SELECT 1 FROM api_plans u WHERE u.api_id = x.id AND u.plan_id = %s)",
		},
	}
}

// reach is what decides which rows of others a group holds because of an API: whether gateways serve it, whether it
// asks for no subscription, whose tokens it takes, and where.
type reach struct {
	served, open, takesAll bool
	groups, keyManagers    []string
}

func fillAPI(p *put) ([]any, error) {
	o, spec := p.o, specOf[*keyward.APISpec](p.o)
	p.search = spec.Title + " " + spec.Context + " " + spec.Version
	p.indexed("spec.context", spec.Context)
	p.indexed("spec.version", spec.Version)
	for i, use := range spec.KeyManagers.List {
		id, _, err := p.manager(use.Name, use.Path(i))
		if err != nil {
			return nil, err
		}
		p.keyManagers = append(p.keyManagers, id)
	}
	for i, name := range spec.Plans {
		id, err := p.refer(keyward.KindPlan, name, fmt.Sprintf("spec.plans[%d]", i))
		if err != nil {
			return nil, err
		}
		p.plans = append(p.plans, id)
	}
	groups, err := p.tx.Groups()
	if err != nil {
		return nil, err
	}
	for i, group := range spec.GatewaysOrDefault() {
		if !slices.Contains(groups, group) {
			p.invalid(fmt.Sprintf("spec.gateways[%d]", i), "there is no gateway group %s", group)
		}
	}
	if len(p.faults) > 0 {
		return nil, nil
	}
	if err := p.placeFree(); err != nil {
		return nil, err
	}
	if p.oldReach, err = p.tx.reachOf(o.ID); err != nil {
		return nil, err
	}
	if err := p.encodeAPI(); err != nil {
		return nil, err
	}
	document := ""
	if spec.OpenAPI != nil {
		text, err := json.Marshal(spec.OpenAPI.Document)
		if err != nil {
			return nil, fmt.Errorf("encode the document of %s: %w", o.Ref(), err)
		}
		document = string(text)
	}
	return []any{
		spec.Context, spec.Version, spec.Default, spec.Served() && p.row != "", !spec.SubscriptionRequired(),
		spec.KeyManagers.All, document,
	}, nil
}

// withoutDocument is the spec without the OpenAPI document of an API, which has a column of its own: lists do not read it.
func withoutDocument(spec keyward.Spec) keyward.Spec {
	api, ok := spec.(*keyward.APISpec)
	if !ok || api.OpenAPI == nil {
		return spec
	}
	short := *api
	short.OpenAPI = &keyward.OpenAPI{}
	return &short
}

// placeFree refuses a context and version that another API of the tenant has, and a second default of a context.
func (p *put) placeFree() error {
	o, spec := p.o, specOf[*keyward.APISpec](p.o)
	var other string
	found, err := p.tx.run.One(
		`SELECT name FROM apis WHERE tenant = $1 AND context = $2 AND api_version = $3 AND id <> $4`,
		[]any{o.Tenant, spec.Context, spec.Version, o.ID}, &other)
	if err != nil {
		return err
	}
	if found {
		return database.Conflict("spec.version", "%s/%s is served by %s", spec.Context, spec.Version,
			keyward.Ref{Kind: o.Kind, Tenant: o.Tenant, Name: other})
	}
	if !spec.Default {
		return nil
	}
	found, err = p.tx.run.One(`SELECT name FROM apis WHERE tenant = $1 AND context = $2 AND is_default AND id <> $3`,
		[]any{o.Tenant, spec.Context, o.ID}, &other)
	if err != nil || !found {
		return err
	}
	return database.Conflict("spec.default", "the default version of %s is %s", spec.Context,
		keyward.Ref{Kind: o.Kind, Tenant: o.Tenant, Name: other})
}

// encodeAPI makes the gateways' row agree with what was just checked.
func (p *put) encodeAPI() error {
	if p.row == "" {
		return nil
	}
	o, spec := p.o, specOf[*keyward.APISpec](p.o)
	var row keyward.APIRow
	if err := json.Unmarshal([]byte(p.row), &row); err != nil {
		return fmt.Errorf("read the gateways' row of %s: %w", o.Ref(), err)
	}
	row.ID, row.Tenant, row.Name = o.ID, o.Tenant, o.Name
	row.Context, row.Version, row.Default = spec.Context, spec.Version, spec.Default
	row.AllKeyManagers, row.KeyManagers = spec.KeyManagers.All, nil
	for i, use := range spec.KeyManagers.List {
		row.KeyManagers = append(row.KeyManagers, keyward.APIKeyManager{
			ID: p.keyManagers[i], Audiences: use.Audiences, Scopes: use.Scopes,
		})
	}
	row.Subscription = spec.SubscriptionRequired()
	return p.encode(row)
}

// linkAPI rewrites the rows that tie the API to others, and marks what enters or leaves a group with it. The API's own
// row was just written, so no other transaction changes them at the same time.
func linkAPI(p *put) error {
	tx, o, spec := p.tx, p.o, specOf[*keyward.APISpec](p.o)
	for _, link := range []struct {
		table, column string
		ids           []string
	}{
		{"api_groups", "group_name", spec.GatewaysOrDefault()},
		{"api_key_managers", "key_manager_id", p.keyManagers},
		{"api_plans", "plan_id", p.plans},
	} {
		if p.old != nil {
			if _, err := tx.run.Exec(`DELETE FROM `+link.table+` WHERE api_id = $1`, o.ID); err != nil {
				return err
			}
		}
		seen := map[string]bool{}
		for _, id := range link.ids {
			if seen[id] {
				continue
			}
			seen[id] = true
			insert := `INSERT INTO ` + link.table + ` (api_id, ` + link.column + `) VALUES ($1, $2)`
			if _, err := tx.run.Exec(insert, o.ID, id); err != nil {
				return err
			}
		}
	}
	now, err := tx.reachOf(o.ID)
	if err == nil {
		tx.markReach(o, p.oldReach, now)
	}
	return err
}

// reachOf reads the API's reach as it is stored; that of an API that is not is zero.
func (tx *Tx) reachOf(id string) (reach, error) {
	var r reach
	found, err := tx.run.One(`SELECT served, open, takes_all FROM apis WHERE id = $1`, []any{id},
		&r.served, &r.open, &r.takesAll)
	if err != nil || !found {
		return r, err
	}
	r.groups, err = tx.run.Texts(`SELECT group_name FROM api_groups WHERE api_id = $1 ORDER BY group_name`, id)
	if err != nil {
		return r, err
	}
	r.keyManagers, err = tx.run.Texts(
		`SELECT key_manager_id FROM api_key_managers WHERE api_id = $1 ORDER BY key_manager_id`, id)
	return r, err
}

// markReach marks the API, and of other objects those whose place in a group may follow from the difference.
func (tx *Tx) markReach(o *keyward.Object, old, now reach) {
	m := tx.marks
	m.Row(keyward.RowAPI, o.ID)
	moved := old.served != now.served || !slices.Equal(old.groups, now.groups)
	if moved {
		m.Subscribed(o.ID)
	}
	if (moved || old.open != now.open) && (old.open || now.open) {
		m.Open(o.Tenant)
	}
	if (moved || old.takesAll != now.takesAll) && (old.takesAll || now.takesAll) {
		m.Takers(o.Tenant)
	}
	if moved || !slices.Equal(old.keyManagers, now.keyManagers) {
		for _, id := range slices.Concat(old.keyManagers, now.keyManagers) {
			m.Secrets(id)
		}
	}
}
