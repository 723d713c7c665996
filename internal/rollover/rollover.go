// Package rollover owns which of a credential's two values is sent to a server while it is changed there: the current one
// first, the next one after the server has refused that, and from then on the one that it took. It does not own what a
// refusal looks like, nor where credentials come from.
package rollover

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Credential is a secret that a server knows us by, with the value that comes after it.
type Credential struct {
	Owner   string // id of the object that it belongs to, which is never used twice
	Name    string // of that object, for the log
	Path    string // the secret's place in that object: connection.apiToken
	Current string
	Next    string // "" = there is none
}

// String hides the values.
func (c Credential) String() string { return c.Path }

// GoString hides the values from %#v.
func (c Credential) GoString() string { return c.Path }

// LogValue hides the values from slog.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.Path) }

// Values are those that there are, without the empty.
func (c Credential) Values() []string {
	if c.Next == "" {
		return []string{c.Current}
	}
	return []string{c.Current, c.Next}
}

// Outcome is what a server made of a value.
type Outcome int

// The outcomes.
const (
	Unknown Outcome = iota // no answer, or one that says nothing about the value
	Taken
	Refused // as a credential: nothing came of the request
)

// Limits of a Memory.
const (
	pause   = 10 * time.Second // after a refusal, in which the value is not tried as the second one
	maxKept = 4096             // credentials come and go; one that is forgotten is tried from its current value on
)

// Memory remembers which values servers took and refused. Its methods are safe for concurrent use.
type Memory struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	kept map[[sha256.Size]byte]*turn
}

// turn is what is known of one credential. Its places are those of Values.
type turn struct {
	first   int // the place of the value that is sent first
	refused [2]time.Time
}

// New makes an empty memory. A nil log is silent, a nil now is time.Now.
func New(log *slog.Logger, now func() time.Time) *Memory {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	return &Memory{log: log, now: now, kept: map[[sha256.Size]byte]*turn{}}
}

// Try sends a credential's values in order, the second one only after the first was refused: so a request that may have
// had an effect is not repeated. Where both were refused a moment ago, only one is sent. A change of either value begins
// anew.
func (m *Memory) Try(ctx context.Context, c Credential, send func(value string) Outcome) {
	if c.Next == "" {
		send(c.Current)
		return
	}
	key := c.key()
	for _, place := range m.order(key) {
		outcome := send(c.Values()[place])
		if m.note(key, place, outcome) {
			m.log.WarnContext(ctx, "the server refuses the current value of a secret and takes the next one: declare {stored: next} for it",
				"object", c.Name, "secret", c.Path)
		}
		if outcome != Refused {
			return
		}
	}
}

// TakesNext tells that the server refused the current value and took the next one, as far as is remembered.
func (m *Memory) TakesNext(c Credential) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, known := m.kept[c.key()]
	return c.Next != "" && known && t.first == 1
}

// order gives the places of the values to try.
func (m *Memory) order(key [sha256.Size]byte) []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, known := m.kept[key]
	if !known {
		return []int{0, 1}
	}
	var places []int
	for _, place := range []int{t.first, 1 - t.first} {
		if m.now().Sub(t.refused[place]) >= pause {
			places = append(places, place)
		}
	}
	if len(places) == 0 {
		return []int{t.first}
	}
	return places
}

// note remembers an outcome; it tells that from now on the next value is sent first.
func (m *Memory) note(key [sha256.Size]byte, place int, o Outcome) bool {
	if o == Unknown {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, known := m.kept[key]
	if !known {
		if len(m.kept) >= maxKept {
			clear(m.kept)
		}
		t = &turn{}
		m.kept[key] = t
	}
	if o == Refused {
		t.refused[place] = m.now()
		return false
	}
	turned := t.first == 0 && place == 1
	t.first, t.refused[place] = place, time.Time{}
	return turned
}

// key is that of everything about the credential that decides.
func (c Credential) key() [sha256.Size]byte {
	h := sha256.New()
	for _, part := range []string{c.Owner, c.Path, c.Current, c.Next} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}
	return [sha256.Size]byte(h.Sum(nil))
}
