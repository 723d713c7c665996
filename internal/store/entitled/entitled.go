// Package entitled owns the queue of generated clients whose key manager is to be told what their tokens may carry: one
// row each, which grows a turn with every change that may concern it. It does not own what they may carry, nor how a
// key manager is told.
package entitled

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward/internal/store/database"
)

// Queue is the rows as one transaction sees them.
type Queue struct{ run *database.Run }

// New gives the queue to a transaction.
func New(run *database.Run) *Queue { return &Queue{run: run} }

// Row is one client in the queue.
type Row struct {
	ClientID string // the OAuthClient object
	Turn     int64
	Settled  int64           // the turn up to which it was carried out
	DueAt    time.Time       // not tried before
	Tries    int             // failures since the last success or change
	Asked    json.RawMessage // the scopes that its developer asked for; null = unknown
	Progress json.RawMessage // what was wanted, and what was done so far
}

// Enqueue makes the row of a client, or gives the one that is there another turn. asked counts for a new row only.
func (q *Queue) Enqueue(clientID string, asked []string) error { return q.enqueue(clientID, asked, "") }

// EnqueueAnew is Enqueue for a client of which its developer asks for something else now.
func (q *Queue) EnqueueAnew(clientID string, asked []string) error {
	return q.enqueue(clientID, asked, ", asked = excluded.asked")
}

func (q *Queue) enqueue(clientID string, asked []string, more string) error {
	if asked == nil {
		asked = []string{}
	}
	text, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("encode what was asked for: %w", err)
	}
	_, err = q.run.Exec(`INSERT INTO entitlements (client_id, turn, settled, due_at, tries, asked, progress)
		VALUES ($1, 1, 0, 0, 0, $2, '{}')
		ON CONFLICT (client_id) DO UPDATE SET turn = entitlements.turn + 1, due_at = 0, tries = 0`+more,
		clientID, database.Clean(string(text)))
	return err
}

// EntitleAnew gives a client another turn in which its key manager is asked what the client has, whatever is known of it.
func (q *Queue) EntitleAnew(clientID string) error {
	_, err := q.run.Exec(`UPDATE entitlements SET turn = turn + 1, settled = 0, due_at = 0, tries = 0 WHERE client_id = $1`,
		database.Clean(clientID))
	return err
}

// Concern names what a change may have concerned.
type Concern struct {
	Applications  []string // their own clients
	Subscriptions []string // the clients of their applications
	APIs          []string // the clients of the applications that are subscribed to them
	KeyManagers   []string // their clients
}

// Touch gives every client that a change may concern another turn.
func (q *Queue) Touch(c Concern) error {
	bySubscription := func(column string) func(string) string {
		return func(list string) string {
			return `application_id IN (SELECT application_id FROM subscriptions WHERE ` + column + ` IN ` + list + `)`
		}
	}
	for _, one := range []struct {
		ids   []string
		which func(list string) string
	}{
		{c.Applications, func(list string) string { return `application_id IN ` + list }},
		{c.Subscriptions, bySubscription("id")},
		{c.APIs, bySubscription("api_id")},
		{c.KeyManagers, func(list string) string { return `key_manager_id IN ` + list }},
	} {
		for chunk := range slices.Chunk(one.ids, database.ChunkSize) {
			var v database.Values
			which := one.which(v.In(chunk))
			if _, err := q.run.Exec(`UPDATE entitlements SET turn = turn + 1, due_at = 0, tries = 0
				WHERE client_id IN (SELECT id FROM oauth_clients WHERE `+which+`)`, v...); err != nil {
				return err
			}
		}
	}
	return nil
}

const columns = `e.client_id, e.turn, e.settled, e.due_at, e.tries, e.asked, e.progress`

func (r *Row) into(asked, progress *string, due *int64) []any {
	return []any{&r.ClientID, &r.Turn, &r.Settled, due, &r.Tries, asked, progress}
}

func (q *Queue) one(query string, args ...any) (*Row, error) {
	var r Row
	var asked, progress string
	var due int64
	found, err := q.run.One(query, args, r.into(&asked, &progress, &due)...)
	if err != nil || !found {
		return nil, err
	}
	r.DueAt, r.Asked, r.Progress = database.FromMicros(due), json.RawMessage(asked), json.RawMessage(progress)
	return &r, nil
}

// Entitlement gives a client's row; nil without an error for a client that is not Keyward's to change.
func (q *Queue) Entitlement(clientID string) (*Row, error) {
	return q.one(`SELECT `+columns+` FROM entitlements e WHERE e.client_id = $1`, database.Clean(clientID))
}

// due are clients in use; one with two secrets waits in its column for the end of the older, and is in use all the same.
const due = ` FROM entitlements e JOIN oauth_clients c ON c.id = e.client_id
	WHERE e.settled < e.turn AND e.due_at <= $1 AND (c.state = 'active'
		OR c.state = 'pending' AND (c.status LIKE '%"state":"active"%' OR c.status LIKE '%"state":"drifted"%'))`

// KeyManagersDue lists the ids of key managers that have clients to be told about.
func (q *Queue) KeyManagersDue(now time.Time) ([]string, error) {
	return q.run.Texts(`SELECT DISTINCT c.key_manager_id`+due+` ORDER BY 1`, database.Micros(now))
}

// NextEntitlement gives the client of a key manager that has waited longest; nil where none is due.
func (q *Queue) NextEntitlement(keyManagerID string, now time.Time) (*Row, error) {
	return q.one(`SELECT `+columns+due+` AND c.key_manager_id = $2 ORDER BY e.due_at, e.client_id LIMIT 1`,
		database.Micros(now), database.Clean(keyManagerID))
}

// KeepEntitlement stores how far the work has come.
func (q *Queue) KeepEntitlement(clientID string, progress json.RawMessage) error {
	_, err := q.run.Exec(`UPDATE entitlements SET progress = $1 WHERE client_id = $2`,
		database.Clean(string(progress)), clientID)
	return err
}

// SettleEntitlement stores that a turn was carried out. A later turn stays due.
func (q *Queue) SettleEntitlement(clientID string, turn int64, progress json.RawMessage) error {
	_, err := q.run.Exec(`UPDATE entitlements SET progress = $1, settled = $2, tries = 0 WHERE client_id = $3 AND settled < $2`,
		database.Clean(string(progress)), turn, clientID)
	return err
}

// PutOffEntitlement stores that a turn was tried in vain, and when it is tried again. A turn that came meanwhile is not
// put off.
func (q *Queue) PutOffEntitlement(clientID string, turn int64, progress json.RawMessage, until time.Time) error {
	_, err := q.run.Exec(`UPDATE entitlements SET progress = $1, tries = tries + 1,
		due_at = CASE WHEN turn = $2 THEN $3 ELSE due_at END WHERE client_id = $4`,
		database.Clean(string(progress)), turn, database.Micros(until), clientID)
	return err
}

// PutOffKeyManager puts off everything that is due at a key manager which asked for a pause.
func (q *Queue) PutOffKeyManager(keyManagerID string, until time.Time) error {
	_, err := q.run.Exec(`UPDATE entitlements SET due_at = $1 WHERE settled < turn AND due_at < $1
		AND client_id IN (SELECT id FROM oauth_clients WHERE key_manager_id = $2)`,
		database.Micros(until), database.Clean(keyManagerID))
	return err
}
