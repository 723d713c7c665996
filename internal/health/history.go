package health

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward/internal/store"
)

// Sample is what was measured in one look, in the looks of ten seconds where people wanted several, or in all looks of an hour.
type Sample struct {
	At                time.Time `json:"at" doc:"Of the look, to ten seconds; the beginning of the hour"`
	Hour              bool      `json:"hour,omitempty" doc:"All looks of the hour, in one"`
	Looks             int       `json:"looks"`
	Failures          int       `json:"failures"`
	Keys              *Latency  `json:"keys,omitempty" doc:"Of reading keys, where a server has them"`
	Introspection     *Latency  `json:"introspection,omitempty" doc:"Of answers about tokens, where gateways ask"`
	TLSDays           *int      `json:"tlsDays,omitempty" doc:"Until the first certificate expires"`
	ClockOffsetMillis *int64    `json:"clockOffsetMillis,omitempty" doc:"The largest"`
	Error             string    `json:"error,omitempty" doc:"The last one, with the server's own words"`
}

// Latency is how long answers took, in milliseconds. A failure has none.
type Latency struct {
	Answers int   `json:"answers"`
	Mean    int64 `json:"mean"`
	Max     int64 `json:"max"`
}

// How long history is kept, and how closely.
const (
	keptSingly  = 6 * time.Hour // single looks; then the hours that they are in
	keptPast    = 7 * 24 * time.Hour
	sampleEvery = 10 * time.Second // however often people want a look
)

// sample is what the last look adds to the history; nil where no server was asked.
func (s *state) sample() *Sample {
	if s.Disabled {
		return nil
	}
	one := &Sample{At: s.LookedAt.Truncate(sampleEvery), Looks: 1, Failures: min(s.Failures, 1)}
	for _, set := range s.Sets {
		switch {
		case set.Source == "":
		case set.Error != "":
			one.Error = set.Error
		default:
			one.Keys = one.Keys.with(&Latency{Answers: 1, Mean: set.Millis, Max: set.Millis})
		}
	}
	switch {
	case s.Asked == nil:
	case s.Asked.Error != "":
		one.Error = s.Asked.Error
	case s.Asked.AskedAt != nil && s.Asked.AskedAt.Equal(s.LookedAt):
		one.Introspection = &Latency{Answers: 1, Mean: s.Asked.Millis, Max: s.Asked.Millis}
	}
	if until := s.tlsUntil(); until != nil {
		days := daysLeft(*until, s.LookedAt)
		one.TLSDays = &days
	}
	one.ClockOffsetMillis = s.clockOffset()
	if one.Keys == nil && one.Introspection == nil && one.Error == "" {
		return nil
	}
	return one
}

// tlsUntil is when the first certificate of all servers expires; nil where none was seen.
func (s *state) tlsUntil() *time.Time {
	var first *time.Time
	for _, server := range s.Servers {
		if server.TLSUntil != nil && (first == nil || server.TLSUntil.Before(*first)) {
			first = server.TLSUntil
		}
	}
	return first
}

// clockOffset is the largest of all servers; nil where none dates its answers.
func (s *state) clockOffset() *int64 {
	var largest *int64
	for _, server := range s.Servers {
		if server.Dated && (largest == nil || abs(server.ClockOffsetMillis) > abs(*largest)) {
			largest = &server.ClockOffsetMillis
		}
	}
	return largest
}

func abs(n int64) int64 { return max(n, -n) }

// with joins two; either may be nil.
func (l *Latency) with(other *Latency) *Latency {
	switch {
	case l == nil:
		return other
	case other == nil:
		return l
	}
	n := l.Answers + other.Answers
	return &Latency{
		Answers: n, Mean: (l.Mean*int64(l.Answers) + other.Mean*int64(other.Answers)) / int64(n), Max: max(l.Max, other.Max),
	}
}

// with joins a later sample to an hour's.
func (s Sample) with(later Sample) Sample {
	s.Looks += later.Looks
	s.Failures += later.Failures
	s.Keys, s.Introspection = s.Keys.with(later.Keys), s.Introspection.with(later.Introspection)
	if later.TLSDays != nil {
		s.TLSDays = later.TLSDays
	}
	if later.ClockOffsetMillis != nil && (s.ClockOffsetMillis == nil || abs(*later.ClockOffsetMillis) > abs(*s.ClockOffsetMillis)) {
		s.ClockOffsetMillis = later.ClockOffsetMillis
	}
	if later.Error != "" {
		s.Error = later.Error
	}
	return s
}

// addSample stores a sample, joined to what was measured in the same ten seconds, and thins what is older: single looks are
// kept for six hours and until their hour is over, then one for each hour, for seven days.
func addSample(tx *store.Tx, id string, s *Sample, now time.Time) error {
	if s != nil {
		if err := joinSample(tx, id, *s); err != nil {
			return err
		}
	}
	forgotten, whole := now.Add(-keptPast), now.Add(-keptSingly).Truncate(time.Hour)
	for _, span := range []time.Duration{0, time.Hour} {
		if err := tx.DropSamples(id, span, time.UnixMicro(0), forgotten); err != nil {
			return err
		}
	}
	for {
		first, found, err := tx.FirstSampleOf(id, 0)
		if err != nil || !found || !first.Before(whole) {
			return err
		}
		if err := thin(tx, id, first.Truncate(time.Hour)); err != nil {
			return err
		}
	}
}

// joinSample stores a sample beside what its ten seconds have already: a failure is not forgotten because somebody looked again.
func joinSample(tx *store.Tx, id string, s Sample) error {
	there, err := readSamples(tx, id, s.At, s.At.Add(sampleEvery))
	if err != nil {
		return err
	}
	for _, earlier := range there {
		if !earlier.Hour {
			s = earlier.with(s)
		}
	}
	return putSample(tx, id, s)
}

// thin makes one sample of an hour's.
func thin(tx *store.Tx, id string, hour time.Time) error {
	list, err := readSamples(tx, id, hour, hour.Add(time.Hour))
	if err != nil {
		return err
	}
	all := Sample{At: hour, Hour: true}
	for _, s := range list {
		all = all.with(s)
	}
	if err := tx.DropSamples(id, 0, hour, hour.Add(time.Hour)); err != nil {
		return err
	}
	return putSample(tx, id, all)
}

func putSample(tx *store.Tx, id string, s Sample) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode a sample: %w", err)
	}
	row := store.Sample{At: s.At, Measured: text}
	if s.Hour {
		row.Span = time.Hour
	}
	return tx.PutSample(id, row)
}

// readSamples lists samples, the oldest first.
func readSamples(tx *store.Tx, id string, from, until time.Time) ([]Sample, error) {
	rows, err := tx.Samples(id, from, until)
	if err != nil {
		return nil, err
	}
	list := make([]Sample, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row.Measured, &list[i]); err != nil {
			return nil, fmt.Errorf("read a sample: %w", err)
		}
	}
	return list, nil
}

// Recent sums up the looks of the last hour.
type Recent struct {
	Looks         int         `json:"looks"`
	Failures      int         `json:"failures"`
	Keys          *Percentile `json:"keys,omitempty"`
	Introspection *Percentile `json:"introspection,omitempty"`
}

// Percentile is how long answers took, in milliseconds.
type Percentile struct {
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
	Max int64 `json:"max"`
}

func recent(list []Sample) Recent {
	var r Recent
	var keys, asked []int64
	for _, s := range list {
		r.Looks += s.Looks
		r.Failures += s.Failures
		if s.Keys != nil {
			keys = append(keys, s.Keys.Max)
		}
		if s.Introspection != nil {
			asked = append(asked, s.Introspection.Max)
		}
	}
	r.Keys, r.Introspection = percentiles(keys), percentiles(asked)
	return r
}

// percentiles takes the nearest rank; nil of nothing.
func percentiles(list []int64) *Percentile {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	rank := func(percent int) int64 { return list[(len(list)*percent+99)/100-1] }
	return &Percentile{P50: rank(50), P95: rank(95), Max: list[len(list)-1]}
}
