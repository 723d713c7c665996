package health

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
	"keyward.dev/keyward/internal/wire/witness"
)

// state is what is stored of one key manager.
type state struct {
	version     int64          // of the key manager that was looked at
	LookedAt    time.Time      `json:"lookedAt"`
	Disabled    bool           `json:"disabled,omitempty"`
	Looks       int64          `json:"looks"`              // ever
	Failed      int64          `json:"failed"`             // of them
	Failures    int            `json:"failures,omitempty"` // in a row, up to now
	LastSuccess *time.Time     `json:"lastSuccess,omitempty"`
	Skew        time.Duration  `json:"skew"`
	Condition   Condition      `json:"condition"`
	Since       time.Time      `json:"since"` // of the condition
	Sets        []KeySet       `json:"sets,omitempty"`
	Asked       *Introspection `json:"asked,omitempty"`
	AskAt       time.Time      `json:"askAt"` // the next question about a token
	Metadata    *Metadata      `json:"metadata,omitempty"`
	ReadAt      time.Time      `json:"readAt"` // the next reading of the metadata
	Servers     []Server       `json:"servers,omitempty"`
	Alerts      []Alert        `json:"alerts,omitempty"`
}

// Condition is how things stand with a key manager, in a word.
type Condition string

// The conditions.
const (
	OK       Condition = "ok"
	Warning  Condition = "warning" // an alert says what asks for attention
	Failing  Condition = "failing" // its keys cannot be read, or it does not answer about tokens
	Disabled Condition = "disabled"
	Unknown  Condition = "unknown" // nobody has looked yet
)

// KeySet is one source of keys as it was last read.
type KeySet struct {
	Source     string           `json:"source,omitempty" doc:"Its address; absent for keys that are declared or made here"`
	Issuers    []string         `json:"issuers" doc:"Whose keys these are"`
	Refresh    keyward.Duration `json:"refresh,omitempty" doc:"How often each gateway reads it"`
	ReadAt     *time.Time       `json:"readAt,omitempty" doc:"When it was last read well"`
	Millis     int64            `json:"millis" doc:"How long the last reading took, with a connection of its own"`
	Error      string           `json:"error,omitempty" doc:"Why the last reading failed, with the server's own words"`
	ErrorSince *time.Time       `json:"errorSince,omitempty"`
	Keys       []Key            `json:"keys" doc:"Those of the last good reading"`
	LeftOut    []string         `json:"leftOut,omitempty" doc:"Keys of the set that are not used, and why"`
	Rotations  []Rotation       `json:"rotations,omitempty" doc:"The last ones, the newest first"`
	ReplacedAt *time.Time       `json:"replacedAt,omitempty" doc:"When all keys were last replaced at once"`
}

// Key is one public key that was seen in a set.
type Key struct {
	Kid        string    `json:"kid,omitempty"`
	Alg        string    `json:"alg,omitempty" doc:"The only algorithm that it is for; absent for any that fits its type"`
	Thumbprint string    `json:"thumbprint" doc:"RFC 7638, SHA-256"`
	FirstSeen  time.Time `json:"firstSeen" doc:"It is at least as old as that"`
	LastSeen   time.Time `json:"lastSeen"`
}

// Rotation is a change of a set's keys.
type Rotation struct {
	At      time.Time `json:"at" doc:"When it was seen; it happened since the reading before"`
	Added   []string  `json:"added,omitempty" doc:"Key ids; where one does not tell keys apart, or is missing, thumbprints"`
	Removed []string  `json:"removed,omitempty"`
}

// Introspection is the answer about a token that never was.
type Introspection struct {
	Endpoint   string     `json:"endpoint"`
	AskedAt    *time.Time `json:"askedAt,omitempty" doc:"When it last answered well; absent before that"`
	Millis     int64      `json:"millis" doc:"How long the last answer took, with a connection of its own"`
	Error      string     `json:"error,omitempty" doc:"Why the last answer was none, with the server's own words"`
	ErrorSince *time.Time `json:"errorSince,omitempty"`
}

// Metadata is what the server says of itself now (RFC 8414), compared with what is stored since the key manager was last
// written.
type Metadata struct {
	Address string    `json:"address" doc:"Theirs, or the issuer that leads to them"`
	ReadAt  time.Time `json:"readAt"`
	Differ  string    `json:"differ,omitempty" doc:"What differs from what is stored; gateways go continue with what is stored"`
	Error   string    `json:"error,omitempty" doc:"Why they could not be read; nothing depends on it until the key manager is changed"`
}

// Server is what connections and answers told beside their content.
type Server struct {
	Address           string     `json:"address" doc:"Scheme, host and port"`
	TLSUntil          *time.Time `json:"tlsUntil,omitempty" doc:"When the first certificate of its chain expires"`
	Dated             bool       `json:"dated" doc:"Its answers have a date"`
	ClockOffsetMillis int64      `json:"clockOffsetMillis" doc:"How far its clock is ahead of the control plane's, to about a second"`
}

const (
	keptRotations = 10 // of each set
	keptServers   = 50 // addresses of one key manager
)

// readState reads what is stored of a key manager, and when it is looked at next; an empty state before the first look.
func readState(tx *store.Tx, id string) (*store.Observation, *state, error) {
	o, err := tx.Observation(id)
	if err != nil || o == nil {
		return nil, &state{Condition: Unknown}, err
	}
	var s state
	if err := json.Unmarshal(o.State, &s); err != nil {
		return nil, nil, fmt.Errorf("read the health of key manager %s: %w", id, err)
	}
	s.version = o.Version
	return o, &s, nil
}

func (s *state) write(tx *store.Tx, id string, version int64, due time.Time) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the health of key manager %s: %w", id, err)
	}
	return tx.KeepObservation(id, store.Observation{Version: version, DueAt: due, State: text})
}

// after gives the state that a look leads to. The one before stays as it is.
func (s *state) after(o outcome) *state {
	n := &state{
		LookedAt: o.at, Disabled: !o.enabled, Looks: s.Looks, Failed: s.Failed, LastSuccess: s.LastSuccess, Skew: o.skew,
		Condition: Disabled, Since: s.Since, Sets: s.Sets, Asked: s.Asked, Servers: s.Servers,
	}
	if o.enabled {
		n.see(s, o)
	}
	if n.Condition != s.Condition {
		n.Since = o.at
	}
	return n
}

// see takes over what a look at an enabled key manager's server saw.
func (s *state) see(before *state, o outcome) {
	s.Looks++
	s.Sets, s.Servers = []KeySet{}, []Server{}
	failed := false
	for _, sight := range o.sight.Sets {
		set := before.set(sight).after(sight, o.at)
		s.Sets = append(s.Sets, set)
		failed = failed || set.Error != ""
	}
	s.Asked, s.AskAt = before.Asked.after(o.sight, o.at), before.AskAt
	switch {
	case o.sight.Asked != nil && s.Asked.Error != "":
		s.AskAt = o.at // with the next look
	case o.sight.Asked != nil:
		s.AskAt = o.at.Add(askInterval - interval/2)
	case before.version != o.version:
		s.AskAt = o.at.Add(askInterval - interval)
	}
	s.readMetadata(before, o)
	failed = failed || s.Asked != nil && s.Asked.Error != ""
	for _, origin := range o.sight.Origins[:min(keptServers, len(o.sight.Origins))] {
		s.Servers = append(s.Servers, before.server(origin))
	}
	if failed {
		s.Failed++
		s.Failures = before.Failures + 1
	} else {
		s.LastSuccess = &o.at
	}
	s.Alerts = s.alerts(before, o.at)
	s.Condition = OK
	switch {
	case failed:
		s.Condition = Failing
	case len(s.Alerts) > 0:
		s.Condition = Warning
	}
}

// reads tells whether it is time to read the metadata: an hour after they were read, and after a change that may have
// settled what differed.
func (s *state) reads(version int64, now time.Time) bool {
	if s.version != version {
		return s.Metadata != nil && s.Metadata.Differ != ""
	}
	return !now.Before(s.ReadAt)
}

// readMetadata takes over what was read.
func (s *state) readMetadata(before *state, o outcome) {
	if o.sight.Reads == "" {
		return
	}
	s.Metadata, s.ReadAt = before.Metadata, before.ReadAt
	if before.version != o.version {
		s.ReadAt = o.at.Add(metadataAge)
	}
	if r := o.sight.Read; r != nil {
		s.ReadAt = o.at.Add(metadataAge)
		s.Metadata = &Metadata{Address: o.sight.Reads, ReadAt: o.at, Differ: r.Differ, Error: r.Err}
	}
}

// asks tells whether it is time for a question about a token. After a change it is not, when people try what they have set
// up and count what their server is asked, unless the last answer was none.
func (s *state) asks(version int64, now time.Time) bool {
	return s.Asked != nil && s.Asked.Error != "" || s.version == version && !now.Before(s.AskAt)
}

// server takes over what was seen of an address. Without a connection it is what was seen before.
func (s *state) server(origin witness.Origin) Server {
	ends := origin.Ends()
	i := slices.IndexFunc(s.Servers, func(o Server) bool { return o.Address == origin.Name })
	if i >= 0 && !origin.Reached && ends.IsZero() {
		return s.Servers[i]
	}
	server := Server{Address: origin.Name, Dated: origin.Dated, ClockOffsetMillis: origin.Offset.Milliseconds()}
	if !ends.IsZero() {
		ends = ends.UTC()
		server.TLSUntil = &ends
	}
	return server
}

// set finds what was seen before of a source. Of keys that are declared, the first issuer tells whose they are.
func (s *state) set(sight probe.SetSight) KeySet {
	i := slices.IndexFunc(s.Sets, func(k KeySet) bool {
		return k.Source == sight.Source && (k.Source != "" || len(k.Issuers) > 0 && k.Issuers[0] == sight.Issuers[0])
	})
	if i < 0 {
		return KeySet{}
	}
	return s.Sets[i]
}

// after gives the set that a reading leads to. One that failed leaves the keys of the last good one.
func (k KeySet) after(sight probe.SetSight, at time.Time) KeySet {
	n := KeySet{
		Source: sight.Source, Issuers: sight.Issuers, Refresh: keyward.Duration(sight.Refresh), Millis: sight.Took.Milliseconds(),
		ReadAt: k.ReadAt, Error: sight.Err, Keys: k.Keys, LeftOut: clean(sight.LeftOut), Rotations: k.Rotations, ReplacedAt: k.ReplacedAt,
	}
	if n.Keys == nil {
		n.Keys = []Key{}
	}
	if sight.Err != "" {
		if n.ErrorSince = k.ErrorSince; n.ErrorSince == nil {
			n.ErrorSince = &at
		}
		return n
	}
	n.ReadAt, n.Keys = &at, []Key{}
	rotation := Rotation{At: at}
	var added []Key
	kept := 0
	for _, seen := range sight.Keys {
		key := Key{Kid: wire.Words(seen.Kid), Alg: seen.Alg, Thumbprint: seen.Thumbprint, FirstSeen: at, LastSeen: at}
		if i := k.index(key.Thumbprint); i >= 0 {
			key.FirstSeen = k.Keys[i].FirstSeen
			kept++
		} else {
			added = append(added, key)
		}
		n.Keys = append(n.Keys, key)
	}
	for _, key := range added {
		rotation.Added = append(rotation.Added, n.name(key))
	}
	for _, old := range k.Keys {
		if n.index(old.Thumbprint) < 0 {
			rotation.Removed = append(rotation.Removed, k.name(old))
		}
	}
	if len(k.Keys) == 0 || len(rotation.Added)+len(rotation.Removed) == 0 {
		return n
	}
	n.Rotations = append([]Rotation{rotation}, n.Rotations[:min(len(n.Rotations), keptRotations-1)]...)
	if kept == 0 && n.Source != "" {
		n.ReplacedAt = &at
	}
	return n
}

func (k KeySet) index(thumbprint string) int {
	return slices.IndexFunc(k.Keys, func(key Key) bool { return key.Thumbprint == thumbprint })
}

// name is a key's id in lists of ids.
func (k KeySet) name(key Key) string {
	switch {
	case key.Kid == "":
		return key.Thumbprint
	case k.alone(key):
		return key.Kid
	default:
		return key.Kid + " " + key.Thumbprint
	}
}

func (k KeySet) alone(key Key) bool {
	return !slices.ContainsFunc(k.Keys, func(o Key) bool { return o.Kid == key.Kid && o.Thumbprint != key.Thumbprint })
}

// Name is how people are told of a key of the set, as explain and checks tell of it.
func (k KeySet) Name(key Key) string { return token.KeyName(key.Kid, key.Thumbprint, k.alone(key)) }

// clean makes notes about a server's keys fit to be shown.
func clean(notes []string) []string {
	var list []string
	for _, n := range notes {
		list = append(list, wire.Words(n))
	}
	return list
}

// after gives what a look leads to; nil where gateways have nothing to ask with.
func (i *Introspection) after(sight probe.Sight, at time.Time) *Introspection {
	if sight.Asks == "" {
		return nil
	}
	n := &Introspection{Endpoint: sight.Asks}
	if i != nil && i.Endpoint == n.Endpoint {
		*n = *i
	}
	if sight.Asked == nil {
		return n
	}
	n.Millis, n.Error = sight.Asked.Took.Milliseconds(), sight.Asked.Err
	switch {
	case n.Error == "":
		n.AskedAt, n.ErrorSince = &at, nil
	case n.ErrorSince == nil:
		n.ErrorSince = &at
	}
	return n
}
