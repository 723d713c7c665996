package control

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/store"
)

// Change is what one transaction changed on the gateways of a group, and how far it has come.
type Change struct {
	Group    string       `json:"group"`
	Revision uint64       `json:"revision" doc:"A gateway at this revision or a later one has it"`
	Objects  []ChangedRow `json:"objects" doc:"The first of them"`
	Rows     int          `json:"rows" doc:"How many rows of gateways it changed"`
	There    int          `json:"there" doc:"On how many gateways it is in force"`
	Of       int          `json:"of" doc:"How many gateways are in use and have reported"`
	Lacking  []string     `json:"lacking" doc:"The first gateways that lack it, by name, for who may list gateways"`
}

// ChangedRow names what a row of gateways is about.
type ChangedRow struct {
	Kind    keyward.RowKind `json:"kind"`
	Tenant  string          `json:"tenant,omitempty"`
	Name    string          `json:"name,omitempty" doc:"Not there of objects that one may not read, and of what an earlier version deleted"`
	Deleted bool            `json:"deleted,omitempty" doc:"Its gateways hold it no more"`
	Gone    bool            `json:"gone,omitempty" doc:"The object itself was deleted"`
}

const (
	changesRead   = 200 // rows of the log that are looked at for them
	changesShown  = 10
	objectsShown  = 5
	gatewaysShown = 5
)

// Changes gives the last changes of each gateway group, the newest first, each with the gateways that have it. From a
// gateway's name they are those that it lacks, the oldest first.
func (c *Control) Changes(ctx context.Context, p keyward.Principal, gateway string) ([]Change, error) {
	if err := access.Require(p, access.RightReadGateways, keyward.DefaultTenant); err != nil {
		return nil, err
	}
	fleet, err := c.fleet(ctx, 0)
	if err != nil {
		return nil, err
	}
	out := []Change{}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		if gateway != "" {
			g, err := tx.GatewayByName(gateway)
			if err != nil {
				return err
			}
			lacks, err := changesAfter(tx, p, g.Group, g.Revision)
			out = append(out, lacks[:min(len(lacks), changesShown)]...)
			return err
		}
		for _, group := range slices.Sorted(maps.Keys(fleet.heads)) {
			last, err := changesAfter(tx, p, group, max(fleet.heads[group], changesRead)-changesRead)
			if err != nil {
				return err
			}
			slices.Reverse(last)
			last = slices.DeleteFunc(last, func(ch Change) bool { return ch.Objects[0].Kind == keyward.RowGatewayKey }) // by nobody
			out = append(out, last[:min(len(last), changesShown)]...)
		}
		return nil
	})
	for i := range out {
		out[i].reached(fleet.gateways)
	}
	return out, err
}

// InForce gives, of each gateway group that holds an object, the change with which it got the present form, and the gateways
// that have it; none where no gateway holds anything of the object. Who writes all objects of the kind is told how many gateways
// have it; which ones they are is for who may list gateways.
func (c *Control) InForce(ctx context.Context, p keyward.Principal, ref keyward.Ref) ([]Change, error) {
	lists := access.Require(p, access.RightReadGateways, keyward.DefaultTenant)
	if lists != nil && access.To(p, ref.Kind, ref.Tenant)&access.WriteAll == 0 {
		return nil, lists
	}
	fleet, err := c.fleet(ctx, 0)
	if err != nil {
		return nil, err
	}
	if _, known := ref.Kind.NewSpec(); !known {
		return nil, keyward.Invalid([]keyward.FieldError{keyward.Fault("kind", "is none that objects have")})
	}
	if !access.To(p, ref.Kind, ref.Tenant).Reads() {
		return nil, access.ForbiddenRead(p, ref.Kind, ref.Tenant)
	}
	var rows []keyward.RowKind
	for row, kind := range declaredKinds() {
		if kind == ref.Kind {
			rows = append(rows, row)
		}
	}
	slices.Sort(rows)
	out := []Change{}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		o, err := tx.Get(ref.Kind, ref.Tenant, ref.Name)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, group := range slices.Sorted(maps.Keys(fleet.heads)) {
			revision, err := tx.HeldAt(group, o.ID, rows)
			if err != nil {
				return fmt.Errorf("look up what the gateways of %s hold: %w", group, err)
			}
			if revision > 0 {
				row := ChangedRow{Kind: rows[0], Tenant: o.Tenant, Name: o.Name}
				out = append(out, Change{Group: group, Revision: revision, Objects: []ChangedRow{row}, Rows: 1})
			}
		}
		return nil
	})
	for i := range out {
		out[i].reached(fleet.gateways)
		if lists != nil {
			out[i].Lacking = []string{}
		}
	}
	return out, err
}

// changesAfter puts the rows of each transaction together. Where the log begins within one, what is left of it counts.
func changesAfter(tx *store.Tx, p keyward.Principal, group string, revision uint64) ([]Change, error) {
	records, err := tx.Records(group, revision, changesRead)
	if err != nil {
		return nil, err
	}
	out := []Change{}
	next := Change{Group: group}
	for _, r := range records {
		next.Rows++
		next.Revision = r.Revision
		if len(next.Objects) < objectsShown {
			row, err := changedRow(tx, p, r.Bytes)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(next.Objects, row) {
				next.Objects = append(next.Objects, row)
			}
		}
		if r.Last {
			slices.SortStableFunc(next.Objects, goneFirst)
			out = append(out, next)
			next = Change{Group: group}
		}
	}
	if next.Rows > 0 { // a transaction of more rows than are looked at
		out = append(out, next)
	}
	return out, nil
}

// goneFirst puts what was deleted before what gateways hold no more because of it.
func goneFirst(a, b ChangedRow) int {
	switch first, second := a.Deleted && a.Gone, b.Deleted && b.Gone; {
	case first == second:
		return 0
	case first:
		return -1
	default:
		return 1
	}
}

// changedRow names an object for who may read it.
func changedRow(tx *store.Tx, p keyward.Principal, record []byte) (ChangedRow, error) {
	var change keyward.Change
	if err := json.Unmarshal(record, &change); err != nil {
		return ChangedRow{}, err
	}
	row := ChangedRow{Kind: change.Kind, Deleted: change.Deleted}
	kind, declared := declaredKinds()[change.Kind]
	if !declared {
		return row, nil
	}
	var ref keyward.Ref
	o, err := tx.GetByID(kind, change.ID)
	if row.Gone = keyward.CodeOf(err) == keyward.CodeNotFound; row.Gone {
		ref, err = tx.Deleted(change.ID)
	} else if err == nil {
		ref = o.Ref()
	}
	if err == nil && access.To(p, ref.Kind, ref.Tenant).Reads() {
		row.Tenant, row.Name = ref.Tenant, ref.Name
	}
	return row, err
}

// declaredKinds are the kinds of the objects that rows of gateways follow from.
func declaredKinds() map[keyward.RowKind]keyward.Kind {
	return map[keyward.RowKind]keyward.Kind{
		keyward.RowKeyManager: keyward.KindKeyManager, keyward.RowIntrospection: keyward.KindKeyManager,
		keyward.RowOutbound: keyward.KindKeyManager, keyward.RowPlan: keyward.KindPlan, keyward.RowAPI: keyward.KindAPI,
		keyward.RowApplication: keyward.KindApplication, keyward.RowSubscription: keyward.KindSubscription,
		keyward.RowClient: keyward.KindOAuthClient,
	}
}

// reached counts the gateways that have the change. One that is away has what it last reported.
func (ch *Change) reached(gateways []SeenGateway) {
	ch.Lacking = []string{}
	for _, g := range gateways {
		switch {
		case g.Group != ch.Group || g.State == GatewayRevoked || g.State == GatewayNever:
			continue
		case g.Revision >= ch.Revision:
			ch.There++
		case len(ch.Lacking) < gatewaysShown:
			ch.Lacking = append(ch.Lacking, g.Name)
		}
		ch.Of++
	}
}
