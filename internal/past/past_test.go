package past

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"keyward.dev/keyward"
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
		"outcome": {Refused: true},
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

// TestAnswersAreBounded: whatever a gateway answers, no more is taken than was asked for and than a ring would keep.
func TestAnswersAreBounded(t *testing.T) {
	long := strings.Repeat("x", 100*longest)
	d := Record{
		ID: "a", Gateway: long, Tenant: long, API: long, KeyManager: long, Application: long, Method: long, Operation: long,
		Code: keyward.Code(long), Detail: long, Fingerprint: long, Note: long,
	}
	for range 100 {
		d.Steps = append(d.Steps, Step{Step: long, Result: long, Expected: long, Seen: long, Fix: long})
		d.Held = append(d.Held, keyward.HeldRow{Kind: keyward.Kind(long), ID: long})
	}
	answer := func(records ...Record) []byte {
		text, err := json.Marshal(records)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	read := func(q Query, answer []byte) []Record {
		found, err := q.Read(answer)
		if err != nil {
			t.Error(err)
		}
		return found
	}
	found := read(Query{ID: "a", Limit: 1}, answer(d))
	if len(found) != 1 || len(found[0].Steps) != mostSteps || len(found[0].Held) != mostHeld {
		t.Fatalf("%d records are taken", len(found))
	}
	// Everything that is left of it is texts, each of them cut: 12 of its own, 5 of a step and 2 of a row, and their names.
	if n, most := len(answer(found...)), (12+5*mostSteps+2*mostHeld)*(longest+50); n > most {
		t.Errorf("%d bytes of a record are taken, want at most %d", n, most)
	}
	many := make([]Record, 3*MaxRecords)
	for limit, want := range map[int]int{0: MaxRecords, 3: 3, 10 * MaxRecords: MaxRecords} {
		if n := len(read(Query{Limit: limit}, answer(many...))); n != want {
			t.Errorf("with the limit %d: %d records are taken, want %d", limit, n, want)
		}
	}
	if found := read(Query{ID: "a", Limit: 2}, answer(Record{ID: "b"}, Record{ID: "a"}, Record{ID: "a"})); len(found) != 1 {
		t.Errorf("taken as the one decision: %+v", found)
	}
	if found := read(Query{}, []byte("null")); len(found) > 0 {
		t.Errorf("no answer is %+v", found)
	}
	for _, bad := range []string{"", "{}", "[1]", `"[]"`, "["} {
		if found, err := new(Query).Read([]byte(bad)); len(found) > 0 || bad != "[" && err == nil {
			t.Errorf("%q is taken as %+v, %v", bad, found, err)
		}
	}
}

// TestNoApplicationsAreNone: a question about no application is not one about every application once it was sent.
func TestNoApplicationsAreNone(t *testing.T) {
	r := New("g")
	r.Keep(&Record{ID: "a", At: time.Now(), Application: "mobile", Code: "invalid_token"})
	for want, q := range []Query{{Applications: []string{}}, {}} {
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var heard Query
		if err := json.Unmarshal(text, &heard); err != nil {
			t.Fatal(err)
		}
		if n := len(r.Find(heard)); n != want {
			t.Errorf("%s finds %d decisions, want %d", text, n, want)
		}
	}
}
