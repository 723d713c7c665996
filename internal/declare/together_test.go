package declare_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/plane"
	"keyward.dev/keyward/internal/testbed/postgres"
)

// TestSetsAppliedTogether, by two control planes on one PostgreSQL: each apply makes the set what its manifests say, though another
// one makes and prunes the same objects meanwhile. None is told that something is not there, or there already.
func TestSetsAppliedTogether(t *testing.T) {
	cluster, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	url, err := cluster.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	options := store.Options{URL: url, Key: seal.NewKey()}
	planes := []*plane.Plane{plane.Over(t, options), plane.Over(t, options)}
	for round := range 25 {
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				h := planes[i%2]
				r := declare.Request{Set: "shared", Prune: true, Objects: []json.RawMessage{
					json.RawMessage(plane.Manifest(keyward.KindPlan, fmt.Sprint("common-", round), `{}`)),
					json.RawMessage(plane.Manifest(keyward.KindApplication, fmt.Sprintf("own-%d-%d", round, i), `{"owner":"alice"}`)),
				}}
				if _, err := h.Apply(plane.Operator(), r); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		all.Wait()
	}
	list, _, err := planes[0].Control.List(t.Context(), plane.Operator(), keyward.KindApplication, keyward.DefaultTenant,
		control.Page{})
	if err != nil || len(list) != 1 {
		t.Errorf("the last apply left %d applications (%v), want its own", len(list), err)
	}
}
