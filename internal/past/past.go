// Package past owns what a gateway remembers of its recent decisions: a bounded ring of facts and fingerprints, and how they
// are chosen from. It does not own how decisions are made, nor who may see them; never is a token or a path in it.
package past

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"keyward.dev/keyward"
)

// The results of a step.
const (
	Pass       = "pass"
	Fail       = "fail"
	NotReached = "not reached"
)

// Step is one step of a decision.
type Step struct {
	Step     string `json:"step"`
	Result   string `json:"result" doc:"pass, fail or not reached"`
	Expected string `json:"expected"`
	Seen     string `json:"seen"`
	Fix      string `json:"fix" doc:"What to change, for a failed step"`
}

// Record is one decision.
type Record struct {
	ID          string       `json:"decision" doc:"As in X-Keyward-Decision, and in the instance of the problem document"`
	At          time.Time    `json:"at"`
	Gateway     string       `json:"gateway,omitempty"`
	Tenant      string       `json:"tenant,omitempty"`
	API         string       `json:"api,omitempty"`
	KeyManager  string       `json:"keyManager,omitempty"`
	Application string       `json:"application,omitempty"`
	Method      string       `json:"method,omitempty"`
	Operation   string       `json:"operation,omitempty" doc:"The path as the API declares it"`
	Status      int          `json:"status" doc:"What the caller got; 200 when the backend answered, whatever it said"`
	Code        keyward.Code `json:"code" doc:"Empty when the call passed"`
	Detail      string       `json:"detail,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty" doc:"All that is kept of the token"`
	Note        string       `json:"note,omitempty" doc:"Why the steps are not there"`
	Steps       []Step       `json:"steps,omitempty"`

	Held []keyward.HeldRow `json:"held,omitempty"` // rows that stood in the way because their objects are held
}

// Query chooses records. Empty fields choose nothing out.
type Query struct {
	ID           string       `json:"id,omitempty"`
	Tenants      []string     `json:"tenants,omitempty"` // "" = decisions of no tenant, about paths where no API is
	KeyManager   string       `json:"keyManager,omitempty"`
	API          string       `json:"api,omitempty"`
	Application  string       `json:"application,omitempty"`
	Applications []string     `json:"applications,omitzero"` // any of them; [] = none
	Code         keyward.Code `json:"code,omitempty"`
	Refused      bool         `json:"refused,omitempty"` // only calls that did not pass
	Since        time.Time    `json:"since,omitzero"`    // later than that
	Limit        int          `json:"limit"`             // at most MaxRecords
}

// MaxRecords bounds an answer.
const MaxRecords = 200

const (
	keptRefused = 4096
	keptPassed  = 1024
	// detailedASecond is how many decisions in a second have their steps kept: what those cost is bounded by it.
	detailedASecond = 1000
	longest         = 512 // of a kept text, in bytes
	// mostSteps and mostHeld are of a record that another process gave; decisions have fewer.
	mostSteps = 32
	mostHeld  = 16
)

// beyond says why a record has no steps.
const beyond = "this gateway decided more than 1000 times in that second: it keeps the steps of so many"

// Ring keeps the last decisions of one gateway. Writing to it takes no lock and waits for nobody. A nil Ring keeps nothing.
type Ring struct {
	prefix          string
	passed, refused shelf
	second, left    atomic.Int64
}

type shelf struct {
	next  atomic.Uint64
	slots []atomic.Pointer[Record]
}

// New gives the ring of the gateway with that id.
func New(gateway string) *Ring {
	return &Ring{
		prefix: Prefix(gateway), passed: shelf{slots: make([]atomic.Pointer[Record], keptPassed)},
		refused: shelf{slots: make([]atomic.Pointer[Record], keptRefused)},
	}
}

// Prefix is how the ids of a gateway's decisions begin. It tells nobody else which gateway that is.
func Prefix(gateway string) string {
	sum := sha256.Sum256([]byte("keyward decisions\x00" + gateway))
	return hex.EncodeToString(sum[:5]) + "-"
}

// Name gives a decision's id, which names the gateway.
func (r *Ring) Name(id string) string {
	if r == nil {
		return id
	}
	return r.prefix + id
}

// Detailed tells whether the steps of a decision that is made now are to be kept.
func (r *Ring) Detailed(now time.Time) bool {
	if r == nil {
		return false
	}
	if second := now.Unix(); r.second.Load() != second && r.second.Swap(second) != second {
		r.left.Store(detailedASecond)
	}
	return r.left.Load() > 0 && r.left.Add(-1) >= 0
}

// Keep keeps a decision in the place of the oldest one of its kind. The record must not be changed any more.
func (r *Ring) Keep(d *Record) {
	if r == nil {
		return
	}
	if d.Steps == nil {
		d.Note = beyond
	}
	d.Method = cut(d.Method)
	for i := range d.Steps {
		s := &d.Steps[i]
		s.Expected, s.Seen, s.Fix = cut(s.Expected), cut(s.Seen), cut(s.Fix)
	}
	kept := &r.passed
	if d.Code != "" {
		kept = &r.refused
	}
	kept.slots[kept.next.Add(1)%uint64(len(kept.slots))].Store(d)
}

// Take takes the decision of a call that passed out of the ring, to be kept anew with what came of it. nil = it is not there, or
// not any more.
func (r *Ring) Take(id string) *Record {
	if r == nil {
		return nil
	}
	for i := range r.passed.slots {
		slot := &r.passed.slots[i]
		if d := slot.Load(); d != nil && d.ID == id && slot.CompareAndSwap(d, nil) {
			taken := *d
			return &taken
		}
	}
	return nil
}

// cut shortens a text to what is kept of it.
func cut(text string) string {
	if len(text) <= longest {
		return text
	}
	end := longest
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// Find gives what the query chooses, the newest first. Steps are given of a single decision only.
func (r *Ring) Find(q Query) []Record {
	found := []Record{}
	if r == nil {
		return found
	}
	for _, kept := range []*shelf{&r.passed, &r.refused} {
		for i := range kept.slots {
			if d := kept.slots[i].Load(); d != nil && q.chooses(d) {
				found = append(found, *d)
			}
		}
	}
	return Newest(found, q)
}

// Newest sorts records, the newest first, and leaves out those beyond the query's limit, and steps that it does not want.
func Newest(found []Record, q Query) []Record {
	slices.SortFunc(found, func(a, b Record) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	if limit := q.most(); len(found) > limit {
		found = found[:limit]
	}
	for i := range found {
		if q.ID == "" {
			found[i].Steps, found[i].Held, found[i].Note = nil, nil, ""
		}
	}
	return found
}

func (q *Query) most() int { return cmp.Or(min(q.Limit, MaxRecords), MaxRecords) }

// Read reads a gateway's answer to the query. No gateway is trusted with the reader's memory: what is beyond the query's
// limit is not read, only the record with the query's id counts where it has one, and of each no more than a ring keeps.
func (q *Query) Read(answer []byte) ([]Record, error) {
	from := json.NewDecoder(bytes.NewReader(answer))
	begin, err := from.Token()
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	if begin == nil { // null: the gateway could not read the question
		return nil, nil
	}
	if begin != json.Delim('[') {
		return nil, fmt.Errorf("read decisions: they begin with %.20v, not as a list", begin)
	}
	var found []Record
	for n := 0; n < q.most() && from.More(); n++ {
		var d Record
		if err := from.Decode(&d); err != nil {
			return nil, fmt.Errorf("read decisions: %w", err)
		}
		if q.ID == "" || d.ID == q.ID {
			d.bound()
			found = append(found, d)
		}
	}
	return found, nil
}

// bound cuts a record to the size that one has at most. What is cut off is not kept in memory.
func (d *Record) bound() {
	d.Steps = slices.Clone(d.Steps[:min(len(d.Steps), mostSteps)])
	d.Held = slices.Clone(d.Held[:min(len(d.Held), mostHeld)])
	d.Code = keyward.Code(cut(string(d.Code)))
	texts := []*string{
		&d.ID, &d.Gateway, &d.Tenant, &d.API, &d.KeyManager, &d.Application, &d.Method, &d.Operation, &d.Detail, &d.Fingerprint, &d.Note,
	}
	for i := range d.Steps {
		s := &d.Steps[i]
		texts = append(texts, &s.Step, &s.Result, &s.Expected, &s.Seen, &s.Fix)
	}
	for i := range d.Held {
		h := &d.Held[i]
		h.Kind = keyward.Kind(cut(string(h.Kind)))
		texts = append(texts, &h.ID)
	}
	for _, text := range texts {
		*text = cut(*text)
	}
}

func (q *Query) chooses(d *Record) bool {
	fits := func(want, have string) bool { return want == "" || want == have }
	return fits(q.ID, d.ID) && (q.Tenants == nil || slices.Contains(q.Tenants, d.Tenant)) && fits(q.KeyManager, d.KeyManager) &&
		fits(q.API, d.API) && fits(q.Application, d.Application) && fits(string(q.Code), string(d.Code)) && (!q.Refused || d.Code != "") &&
		(q.Applications == nil || slices.Contains(q.Applications, d.Application)) && d.At.After(q.Since)
}
