package declare

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/manifest/openapi"
)

// Request makes the control plane match manifests, all or nothing.
type Request struct {
	Tenant  string            // of manifests that name none, and one that is pruned in
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

	Findings []openapi.Finding `json:"findings,omitempty" doc:"Where a gateway does otherwise than the API's OpenAPI document says"`
}

// Apply carries the request out in one transaction. Every fault of every manifest is reported at once, its path
// beginning with objects[N]. The results stand in the order of the manifests; deleted objects come last.
func (c *Writer) Apply(ctx context.Context, p keyward.Principal, r Request) ([]Result, error) {
	b := &batch{principal: p, set: r.Set, prune: r.Prune, dryRun: r.DryRun}
	if r.Prune || len(r.Objects) == 0 {
		b.tenants = append(b.tenants, r.Tenant)
	}
	var faults []keyward.FieldError
	if r.Set != "" && !keyward.ValidName(r.Set) {
		faults = append(faults, badName("set", r.Set))
	}
	if r.Prune && r.Set == "" {
		faults = append(faults, keyward.Fault("prune", "needs a set: only objects of a set are ever deleted"))
	}
	for i, raw := range r.Objects {
		prefix := fmt.Sprintf("objects[%d].", i)
		d, found := manifest.Decode(raw)
		it, more := c.newItem(d, prefix, r.Tenant, found)
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
		if ch.item != nil && ch.action != Unchanged {
			r.Findings = ch.findings
		}
		if ch.existing != nil && ch.existing.Hold.Holds(now) {
			r.Action = Held
		}
		out = append(out, r)
	}
	return out
}
