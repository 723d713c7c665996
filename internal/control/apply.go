package control

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/store"
)

// ApplyRequest makes the control plane match manifests, all or nothing.
type ApplyRequest struct {
	Tenant  string            // of manifests that name none
	Objects []json.RawMessage // manifests as JSON
	Set     string            // the set that the objects belong to from now on; empty leaves each in its set
	Prune   bool              // delete objects of the set, in the tenants named, that no manifest names
	DryRun  bool              // say what would happen and change nothing
}

// Result is what happened, or would happen, to one object.
type Result struct {
	Kind    keyward.Kind          `json:"kind"`
	Tenant  string                `json:"tenant"`
	Name    string                `json:"name"`
	Action  Action                `json:"action"`
	Changes []manifest.Difference `json:"changes,omitempty"`
}

// Apply carries the request out in one transaction. Every fault of every manifest is reported at once, its path
// beginning with objects[N]. The results stand in the order of the manifests; deleted objects come last.
func (c *Control) Apply(ctx context.Context, p keyward.Principal, r ApplyRequest) ([]Result, error) {
	b := &batch{principal: p, set: r.Set, prune: r.Prune, dryRun: r.DryRun, tenants: []string{r.Tenant}}
	var faults []keyward.FieldError
	if r.Set != "" && !keyward.ValidName(r.Set) {
		faults = append(faults, badName("set", r.Set))
	}
	if r.Prune && r.Set == "" {
		faults = append(faults, invalid("prune", "needs a set: only objects of a set are ever deleted"))
	}
	for i, raw := range r.Objects {
		prefix := fmt.Sprintf("objects[%d].", i)
		d, found := manifest.Decode(raw)
		it, more := newItem(d, prefix, r.Tenant, found)
		it.sound = it.sound && len(more) == 0
		for _, f := range append(found, more...) {
			if f.Path == "" {
				f.Path = prefix[:len(prefix)-1]
			} else {
				f.Path = prefix + f.Path
			}
			faults = append(faults, f)
		}
		b.items = append(b.items, it)
		if t := it.ref.Tenant; it.ref.Kind != keyward.KindTenant && keyward.ValidName(t) && !slices.Contains(b.tenants, t) {
			b.tenants = append(b.tenants, t)
		}
	}
	changes, err := c.run(ctx, b, faults)
	if err != nil {
		return nil, err
	}
	return results(b, changes, c.now()), nil
}

func results(b *batch, changes []*change, now time.Time) []Result {
	place := map[*item]int{}
	for i, it := range b.items {
		place[it] = i
	}
	out := make([]Result, 0, len(changes))
	slices.SortStableFunc(changes, func(x, y *change) int {
		i, inX := place[x.item]
		j, inY := place[y.item]
		switch {
		case inX && inY:
			return i - j
		case inX:
			return -1
		case inY:
			return 1
		default:
			return 0
		}
	})
	for _, ch := range changes {
		r := Result{Kind: ch.ref.Kind, Tenant: ch.ref.Tenant, Name: ch.ref.Name, Action: ch.action, Changes: ch.diffs}
		if ch.existing != nil && ch.existing.Hold.Holds(now) {
			r.Action = Held
		}
		out = append(out, r)
	}
	return out
}

// Export gives the manifests of a tenant that Apply takes back unchanged: every object but generated clients, and of
// what is built in only what was changed. Tenants belong to the tenant default. A set chooses its objects only.
func (c *Control) Export(ctx context.Context, p keyward.Principal, tenant, set string) ([]keyward.Manifest, error) {
	if err := Require(p, RightExport, tenant); err != nil {
		return nil, err
	}
	var out []keyward.Manifest
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		out = []keyward.Manifest{}
		if err := tenantExists(tx, tenant); err != nil {
			return err
		}
		for _, kind := range keyward.Kinds() {
			if kind == keyward.KindTenant && accessTo(p, kind, tenant)&readAll == 0 {
				continue
			}
			objects, _, err := tx.List(kind, store.Filter{Tenant: tenant, Set: set})
			if err != nil {
				return err
			}
			for _, o := range objects {
				m, export, err := exported(o)
				if err != nil {
					return err
				}
				if export {
					out = append(out, m)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return out, nil
}

func exported(o *keyward.Object) (keyward.Manifest, bool, error) {
	if builtIn(o.Ref()) && o.Set == "" {
		var untouched keyward.Spec = &keyward.TenantSpec{}
		if o.Kind == keyward.KindKeyManager {
			untouched = &keyward.KeyManagerSpec{Type: keyward.TypeResident}
		}
		if sameSpec(untouched, o.Spec) {
			return keyward.Manifest{}, false, nil
		}
	}
	if o.Kind == keyward.KindOAuthClient {
		status, err := clientStatus(o)
		if err != nil || status.Mode == keyward.ClientGenerated {
			return keyward.Manifest{}, false, err
		}
	}
	m, err := o.Manifest()
	m.Status = nil
	return m, true, err
}

// tenantExists gives a not_found error for a tenant that is not there.
func tenantExists(tx *store.Tx, tenant string) error {
	_, err := tx.Get(keyward.KindTenant, keyward.DefaultTenant, tenant)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return keyward.Errorf(keyward.CodeNotFound, "there is no tenant %s", tenant)
	}
	return err
}
