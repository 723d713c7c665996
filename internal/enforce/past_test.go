package enforce

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/past"
)

// TestDecisionsAreRemembered: with the steps that explain gives, counted against the plan once, under the id that the caller
// got; and with nothing of the token, nor of a path that leads nowhere.
func TestDecisionsAreRemembered(t *testing.T) {
	w := newWorld(t)
	w.engine.o.Past = past.New("g1")
	w.put(keyward.RowPlan, "plan-gold", keyward.PlanRow{
		Tenant: "default", Name: "gold", Rate: []keyward.Rate{{Requests: 1, Per: keyward.Duration(time.Hour)}},
	})
	good, stranger := w.claims(nil), w.claims(map[string]any{"client_id": "nobody"})
	w.engine.Decide(t.Context(), w.view, items(stranger)) // what explain finds verified
	for _, c := range []struct {
		request Request
		code    keyward.Code
	}{
		{items(stranger), keyward.CodeNoSubscription},
		{items(good + "x"), keyward.CodeInvalidToken},
		{Request{Method: "GET", Target: "/orders/v1/hush"}, keyward.CodeNoSuchOperation},
		{items(good), ""}, {items(good), keyward.CodePlanExhausted},
	} {
		d, ref := w.engine.Decide(t.Context(), w.view, c.request)
		var id string
		if ref != nil {
			id = ref.ID
		} else {
			id = d.ID
		}
		found := w.engine.o.Past.Find(past.Query{ID: id})
		if len(found) != 1 || found[0].Code != c.code || !strings.HasPrefix(id, past.Prefix("g1")) {
			t.Fatalf("%s: %+v of %s", c.code, found, id)
		}
		if c.code == "" || c.code == keyward.CodeNoSuchOperation { // counted meanwhile; or hidden
			if len(found[0].Steps) == 0 || strings.Contains(found[0].Steps[0].Seen+found[0].Steps[0].Fix, "hush") {
				t.Errorf("%q: %+v", c.code, found[0].Steps)
			}
			continue
		}
		x := w.engine.Explain(t.Context(), w.view, c.request)
		if !reflect.DeepEqual(found[0].Steps, x.Steps) || found[0].Status != x.Status || found[0].API != x.API ||
			found[0].Application != x.Application || found[0].Fingerprint != x.Fingerprint {
			t.Errorf("%s: remembered %+v, explained %+v", c.code, found[0], x)
		}
	}
}
