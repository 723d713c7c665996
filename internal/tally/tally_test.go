package tally

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/view"
)

func rows() (km *view.KeyManager, api *view.API, client *keyward.ClientRow) {
	return &view.KeyManager{KeyManagerRow: keyward.KeyManagerRow{ID: "km"}},
		&view.API{APIRow: keyward.APIRow{ID: "api"}}, &keyward.ClientRow{ID: "client"}
}

// told adds up what a control plane is told, which answers all of it.
type told struct {
	passed, refused map[string]uint64 // by client; of key managers that nobody has, KEYMANAGER/
	calls           map[keyward.Code]uint64
}

func newTold() *told {
	return &told{map[string]uint64{}, map[string]uint64{}, map[keyward.Code]uint64{}}
}

func (d *told) add(u *stream.Usage) {
	for _, c := range u.Calls {
		d.calls[c.Code] += c.Calls
	}
	for _, c := range u.Clients {
		name := c.Client
		if name == "" {
			name = c.KeyManager + "/"
		}
		d.passed[name] += c.Passed
		d.refused[name] += c.Refused
	}
}

func (d *told) all(t *Tally) *told {
	for u := t.Next(); u != nil; u = t.Next() {
		d.add(u)
		t.Answered(u.Sequence)
	}
	return d
}

func TestWhatIsCounted(t *testing.T) {
	km, api, client := rows()
	tally := New()
	known := Call{KeyManager: km, API: api, Identified: true, Client: client}
	refused, unknown, forged := known, known, known
	refused.Code = keyward.CodeInsufficientScope
	unknown.Client = nil
	forged.Client, forged.Identified, forged.Code = nil, false, keyward.CodeInvalidToken
	for _, c := range []Call{known, known, refused, unknown, forged, {}, {API: api, Code: keyward.CodeUnknownIssuer}} {
		tally.Count(c, time.Now())
	}
	got := newTold().all(tally)
	want := &told{
		passed: map[string]uint64{"client": 2, "km/": 1}, refused: map[string]uint64{"client": 1, "km/": 0},
		calls: map[keyward.Code]uint64{"": 3, keyward.CodeInsufficientScope: 1, keyward.CodeInvalidToken: 1},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("told %v, want %v", got, want)
	}
	var nobody *Tally
	nobody.Count(known, time.Now())
}

// What is not answered comes again as it was, and what is counted meanwhile comes after it.
func TestAPortionIsTheSameUntilItIsAnswered(t *testing.T) {
	km, api, client := rows()
	call := Call{KeyManager: km, API: api, Identified: true, Client: client}
	tally := New()
	if u := tally.Next(); u != nil {
		t.Fatalf("nothing was counted, and it tells %+v", u)
	}
	tally.Count(call, time.Now())
	first := tally.Next()
	tally.Count(call, time.Now())
	again := tally.Next()
	if first.Sequence != 1 || again.Sequence != 1 || again.Run != first.Run || again.Calls[0].Calls != 1 ||
		again.Clients[0].Passed != 1 {
		t.Fatalf("told %+v, and again %+v", first, again)
	}
	if tally.Answered(7); tally.Next().Sequence != 1 {
		t.Error("an answer to another portion ended this one")
	}
	if !tally.Answered(1) {
		t.Error("it does not say that more waits")
	}
	next := tally.Next()
	if next.Sequence != 2 || next.Calls[0].Calls != 1 {
		t.Errorf("then it tells %+v", next)
	}
	if tally.Answered(2) || tally.Next() != nil {
		t.Error("it tells more than was counted")
	}
	if other := New(); other.run == tally.run {
		t.Error("two gateways have one run")
	}
}

// Everybody counts while portions are told and counters are taken away: nothing is lost, nothing comes twice.
func TestNothingIsLostWhileItIsTold(t *testing.T) {
	km, api, client := rows()
	call := Call{KeyManager: km, API: api, Identified: true, Client: client}
	tally, got := New(), newTold()
	tally.idle = 0
	const callers, each = 4, 20_000
	var callersDone sync.WaitGroup
	for range callers {
		callersDone.Go(func() {
			for range each {
				tally.Count(call, time.Now())
			}
		})
	}
	done := make(chan struct{})
	go func() { callersDone.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got.all(tally)
	}
	got.all(tally)
	if got.passed["client"] != callers*each || got.calls[""] != callers*each {
		t.Errorf("of %d calls it told %d of the client, %d of the API", callers*each, got.passed["client"], got.calls[""])
	}
}

// While nobody answers, no more waits than one sum for each row; what is told then is still all of it, in portions that
// the internal API takes.
func TestWhatWaitsIsBounded(t *testing.T) {
	km, api, _ := rows()
	km.ID, api.ID = strings.Repeat("k", 26), strings.Repeat("a", 26)
	tally := New()
	tally.limit, tally.tidyAt = 600, 600
	const clients, periods = 500, 10
	for period := range periods {
		for i := range clients {
			// A row that a change of the view made anew has the same id.
			tally.Count(Call{
				KeyManager: km, API: api, Identified: true, Client: &keyward.ClientRow{ID: fmt.Sprintf("%026d", i)},
			}, time.Now())
		}
		tally.gather(time.Duration(period) * slot)
	}
	if n := len(tally.clients); n > 3*clients {
		t.Errorf("%d sums wait for %d clients", n, clients)
	}
	got, total := newTold().all(tally), uint64(0)
	for _, n := range got.passed {
		total += n
	}
	if len(got.passed) != clients || total != clients*periods {
		t.Errorf("told %d calls of %d clients", total, len(got.passed))
	}
}

// The largest portion is one that the internal API takes.
func TestAPortionFitsIntoAReport(t *testing.T) {
	km, api, _ := rows()
	km.ID, api.ID = strings.Repeat("k", 26), strings.Repeat("a", 26)
	tally := New()
	for _, code := range tally.codes {
		tally.Count(Call{KeyManager: km, API: api, Code: code}, time.Now())
	}
	for i := range stream.MaxUsageEntries {
		client := &keyward.ClientRow{ID: fmt.Sprintf("%026d", i)}
		tally.Count(Call{KeyManager: km, API: api, Identified: true, Client: client}, time.Now())
	}
	tally.Next()
	for _, s := range tally.sent.clients {
		s.passed, s.refused, s.last = 1<<40, 1<<40, -1<<60
	}
	for _, s := range tally.sent.calls {
		s.passed, s.last = 1<<40, -1<<60
	}
	worst := tally.Next()
	text, err := json.Marshal(stream.Report{Build: strings.Repeat("b", 200), Usage: worst})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(text); n > 60<<10 || worst.Check() != nil {
		t.Errorf("a report of %d bytes is not far enough from the limit of 64 KiB; %v", n, worst.Check())
	}
	if n := len(worst.Calls) + len(worst.Clients); n != stream.MaxUsageEntries {
		t.Errorf("a portion of %d entries", n)
	}
}

// A flood of tokens of whoever makes no counters: they come from the rows of the view.
func TestAFloodMakesNoCounters(t *testing.T) {
	km, api, _ := rows()
	tally := New()
	for range 10_000 {
		tally.Count(Call{KeyManager: km, API: api, Identified: true}, time.Now())
		tally.Count(Call{KeyManager: km, API: api, Code: keyward.CodeInvalidToken}, time.Now())
	}
	u := tally.Next()
	if len(u.Clients) != 1 || len(u.Calls) != 2 || u.Clients[0].Passed != 10_000 {
		t.Errorf("it tells %+v", u)
	}
}

func BenchmarkCount(b *testing.B) {
	km, api, client := rows()
	for _, code := range []keyward.Code{"", keyward.CodePlanExhausted} {
		b.Run("code "+string(code), func(b *testing.B) {
			tally, call := New(), Call{KeyManager: km, API: api, Identified: true, Client: client, Code: code}
			now := time.Now()
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					tally.Count(call, now)
				}
			})
		})
	}
}
