package past

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestTheRingIsBounded: what passes pushes nothing that was refused out, texts are cut, and steps are kept of so many in a
// second.
func TestTheRingIsBounded(t *testing.T) {
	r, now := New("g"), time.Now()
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range keptRefused {
				r.Keep(&Record{ID: r.Name(fmt.Sprint(w, "-", i)), At: now.Add(time.Duration(i)), Tenant: "default"})
				r.Find(Query{ID: "none"})
			}
		})
	}
	long := strings.Repeat("é", longest)
	r.Keep(&Record{ID: r.Name("no"), At: now, Tenant: "acme", API: "orders", Code: "invalid_token", Steps: []Step{{Seen: long}}})
	all.Wait()
	if n := len(r.Find(Query{})); n != MaxRecords {
		t.Errorf("%d records are found at once", n)
	}
	if n := len(r.Find(Query{Limit: 3, Tenants: []string{"default"}})); n != 3 {
		t.Errorf("%d records are found, want 3", n)
	}
	for what, q := range map[string]Query{
		"id": {ID: r.Name("no")}, "tenant": {Tenants: []string{"acme"}}, "API": {API: "orders"}, "code": {Code: "invalid_token"},
	} {
		got := r.Find(q)
		if len(got) != 1 || got[0].ID != r.Name("no") || len(got[0].Steps) != map[bool]int{true: 1}[q.ID != ""] {
			t.Errorf("by %s: %d records", what, len(got))
		} else if q.ID != "" && (len(got[0].Steps[0].Seen) > longest+len("…") || !strings.HasSuffix(got[0].Steps[0].Seen, "é…")) {
			t.Errorf("kept of a long text: %d bytes", len(got[0].Steps[0].Seen))
		}
	}
	for what, q := range map[string]Query{
		"another tenant": {ID: r.Name("no"), Tenants: []string{"default"}}, "later": {Code: "invalid_token", Since: now},
		"another application": {Code: "invalid_token", Applications: []string{"mobile"}},
	} {
		if got := r.Find(q); len(got) > 0 {
			t.Errorf("%s: %d records", what, len(got))
		}
	}
	detailed := 0
	for range 3 * detailedASecond {
		if r.Detailed(now) {
			detailed++
		}
	}
	if detailed != detailedASecond || !r.Detailed(now.Add(time.Second)) {
		t.Errorf("%d decisions of a second have steps", detailed)
	}
	var none *Ring
	none.Keep(&Record{})
	if none.Detailed(now) || none.Name("x") != "x" || len(none.Find(Query{})) > 0 || Prefix("g") == Prefix("h") {
		t.Error("a ring that is not there keeps something, or two gateways have one name")
	}
}
