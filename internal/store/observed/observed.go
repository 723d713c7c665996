// Package observed owns what was seen of key managers over time: of each one row with where things stand and when the next
// look is due, and samples of the past. It does not own what is looked at, nor what any of it means.
package observed

import (
	"encoding/json"
	"time"

	"keyward.dev/keyward/internal/store/database"
)

// Book is the rows as one transaction sees them.
type Book struct{ run *database.Run }

// New gives the book to a transaction.
func New(run *database.Run) *Book { return &Book{run: run} }

// KeyManager is one that can be looked at.
type KeyManager struct {
	ID, Tenant, Name string
	Version          int64     // of the object
	Seen             int64     // its version at the last look; 0 = there was none
	DueAt            time.Time // the next look; zero before the first
}

// ObservedKeyManagers lists every key manager, the one whose look is due first at the head; of two due at once, by tenant and
// name: ids of one millisecond have no order.
func (b *Book) ObservedKeyManagers() ([]KeyManager, error) {
	var list []KeyManager
	err := b.run.Rows(`SELECT k.id, k.tenant, k.name, k.version, COALESCE(h.version, 0), COALESCE(h.due_at, 0)
		FROM key_managers k LEFT JOIN health h ON h.key_manager_id = k.id ORDER BY 6, 2, 3`, nil, func(r database.Row) error {
		var k KeyManager
		var due int64
		err := r.Scan(&k.ID, &k.Tenant, &k.Name, &k.Version, &k.Seen, &due)
		if due > 0 {
			k.DueAt = database.FromMicros(due)
		}
		list = append(list, k)
		return err
	})
	return list, err
}

// Observation is where things stand with one key manager.
type Observation struct {
	Version int64 // of the object that was looked at
	DueAt   time.Time
	State   json.RawMessage
}

// Observation gives what was last kept of a key manager; nil without an error before the first look.
func (b *Book) Observation(keyManagerID string) (*Observation, error) {
	var o Observation
	var due int64
	var state string
	found, err := b.run.One(`SELECT version, due_at, state FROM health WHERE key_manager_id = $1 AND version > 0`,
		[]any{database.Clean(keyManagerID)}, &o.Version, &due, &state)
	if err != nil || !found {
		return nil, err
	}
	o.DueAt, o.State = database.FromMicros(due), json.RawMessage(state)
	return &o, nil
}

// LockObservation makes other transactions wait that would keep something of this key manager, which must exist.
func (b *Book) LockObservation(keyManagerID string) error {
	_, err := b.run.Exec(`INSERT INTO health (key_manager_id, version, due_at, state) VALUES ($1, 0, 0, '{}')
		ON CONFLICT (key_manager_id) DO UPDATE SET due_at = health.due_at`, database.Clean(keyManagerID))
	return err
}

// KeepObservation stores where things stand, after LockObservation.
func (b *Book) KeepObservation(keyManagerID string, o Observation) error {
	_, err := b.run.Exec(`UPDATE health SET version = $1, due_at = $2, state = $3 WHERE key_manager_id = $4`,
		o.Version, database.Micros(o.DueAt), database.Clean(string(o.State)), database.Clean(keyManagerID))
	return err
}

// Sample is what was measured at a time, or over a span that began then.
type Sample struct {
	At       time.Time
	Span     time.Duration // 0 = at one moment
	Measured json.RawMessage
}

// Samples lists those of a key manager that are not before from and before until, the oldest first.
func (b *Book) Samples(keyManagerID string, from, until time.Time) ([]Sample, error) {
	var list []Sample
	err := b.run.Rows(`SELECT at, span, measured FROM health_samples WHERE key_manager_id = $1 AND at >= $2 AND at < $3
		ORDER BY at, span`, []any{database.Clean(keyManagerID), database.Micros(from), database.Micros(until)},
		func(r database.Row) error {
			var s Sample
			var at, span int64
			var measured string
			err := r.Scan(&at, &span, &measured)
			s.At, s.Span, s.Measured = database.FromMicros(at), time.Duration(span)*time.Microsecond, json.RawMessage(measured)
			list = append(list, s)
			return err
		})
	return list, err
}

// PutSample stores a sample in the place of one of the same time and span.
func (b *Book) PutSample(keyManagerID string, s Sample) error {
	_, err := b.run.Exec(`INSERT INTO health_samples (key_manager_id, at, span, measured) VALUES ($1, $2, $3, $4)
		ON CONFLICT (key_manager_id, at, span) DO UPDATE SET measured = excluded.measured`,
		database.Clean(keyManagerID), database.Micros(s.At), s.Span.Microseconds(), database.Clean(string(s.Measured)))
	return err
}

// FirstSampleOf gives the time of the oldest sample of a span, and false where there is none.
func (b *Book) FirstSampleOf(keyManagerID string, span time.Duration) (time.Time, bool, error) {
	var at int64
	found, err := b.run.One(`SELECT at FROM health_samples WHERE key_manager_id = $1 AND span = $2 ORDER BY at LIMIT 1`,
		[]any{database.Clean(keyManagerID), span.Microseconds()}, &at)
	return database.FromMicros(at), found, err
}

// DropSamples deletes the samples of a span that are not before from and before until.
func (b *Book) DropSamples(keyManagerID string, span time.Duration, from, until time.Time) error {
	_, err := b.run.Exec(`DELETE FROM health_samples WHERE key_manager_id = $1 AND span = $2 AND at >= $3 AND at < $4`,
		database.Clean(keyManagerID), span.Microseconds(), database.Micros(from), database.Micros(until))
	return err
}
