// Package looked owns when each generated client was compared with its server, when it is due again, and what was found:
// one row each, and one for each key manager, whose server is searched for clients that nobody knows. It does not own what
// is compared, nor how a server is asked.
package looked

import (
	"encoding/json"
	"time"

	"keyward.dev/keyward/internal/store/database"
)

// Book is the rows as one transaction sees them.
type Book struct{ run *database.Run }

// New gives the book to a transaction.
func New(run *database.Run) *Book { return &Book{run: run} }

// Row is what is known of one look.
type Row struct {
	Subject      string // an OAuthClient object; the key manager itself for the search of its server
	KeyManagerID string
	DueAt        time.Time       // not looked at before
	Tries        int             // failures since the last look that told something
	Asked        bool            // somebody waits for it
	Found        json.RawMessage // what the reconciler keeps
}

// IsSearch tells that the row is of a server's search, not of a client.
func (r *Row) IsSearch() bool { return r.Subject == r.KeyManagerID }

// EnqueueLook makes the rows of a client and of its key manager, where they are missing.
func (b *Book) EnqueueLook(clientID string, due time.Time) error {
	for _, own := range []string{`id, id`, `key_manager_id, NULL`} {
		if _, err := b.run.Exec(`INSERT INTO looks (subject_id, client_id, key_manager_id, due_at, tries, asked, found)
			SELECT `+own+`, key_manager_id, $1, 0, 0, '{}' FROM oauth_clients WHERE id = $2
			ON CONFLICT (subject_id) DO NOTHING`, database.Micros(due), clientID); err != nil {
			return err
		}
	}
	return nil
}

// ForgetLook lets a client that its server is asked to change be looked at as if for the first time.
func (b *Book) ForgetLook(clientID string, due time.Time) error {
	_, err := b.run.Exec(`UPDATE looks SET found = '{}', tries = 0, due_at = $1 WHERE subject_id = $2`,
		database.Micros(due), database.Clean(clientID))
	return err
}

// AskLooks makes everything of a key manager due at once, because somebody waits for it.
func (b *Book) AskLooks(keyManagerID string) error {
	_, err := b.run.Exec(`INSERT INTO looks (subject_id, client_id, key_manager_id, due_at, tries, asked, found)
		VALUES ($1, NULL, $1, 0, 0, 1, '{}') ON CONFLICT (subject_id) DO NOTHING`, database.Clean(keyManagerID))
	if err != nil {
		return err
	}
	_, err = b.run.Exec(`UPDATE looks SET due_at = 0, asked = 1 WHERE key_manager_id = $1
		AND (client_id IS NULL OR client_id IN (SELECT id FROM oauth_clients WHERE state IN ('active', 'pending')))`,
		database.Clean(keyManagerID))
	return err
}

const columns = `l.subject_id, l.key_manager_id, l.due_at, l.tries, l.asked, l.found`

func scan(r database.Row) (*Row, error) {
	var row Row
	var due, asked int64
	var found string
	if err := r.Scan(&row.Subject, &row.KeyManagerID, &due, &row.Tries, &asked, &found); err != nil {
		return nil, err
	}
	row.DueAt, row.Asked, row.Found = database.FromMicros(due), asked != 0, json.RawMessage(found)
	return &row, nil
}

func (b *Book) rows(query string, args ...any) ([]*Row, error) {
	var list []*Row
	err := b.run.Rows(query, args, func(r database.Row) error {
		row, err := scan(r)
		list = append(list, row)
		return err
	})
	return list, err
}

func (b *Book) first(query string, args ...any) (*Row, error) {
	list, err := b.rows(query, args...)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// Look gives the row of a client, or of a key manager's search; nil without an error where there is none.
func (b *Book) Look(subject string) (*Row, error) {
	return b.first(`SELECT `+columns+` FROM looks l WHERE l.subject_id = $1`, database.Clean(subject))
}

// Looks gives the rows of a key manager.
func (b *Book) Looks(keyManagerID string) ([]*Row, error) {
	return b.rows(`SELECT `+columns+` FROM looks l WHERE l.key_manager_id = $1 ORDER BY l.subject_id`,
		database.Clean(keyManagerID))
}

const due = ` FROM looks l LEFT JOIN oauth_clients c ON c.id = l.client_id
	WHERE l.due_at <= $1 AND (l.client_id IS NULL OR c.state IN ('active', 'pending'))`

// ManagersToLookAt lists the ids of key managers of which something is due.
func (b *Book) ManagersToLookAt(now time.Time) ([]string, error) {
	return b.run.Texts(`SELECT DISTINCT l.key_manager_id`+due+` ORDER BY 1`, database.Micros(now))
}

// NextLook gives what is due at a key manager and has waited longest, what was asked for before the rest; nil where
// nothing is due.
func (b *Book) NextLook(keyManagerID string, now time.Time) (*Row, error) {
	return b.first(`SELECT `+columns+due+` AND l.key_manager_id = $2 ORDER BY l.asked DESC, l.due_at, l.subject_id LIMIT 1`,
		database.Micros(now), database.Clean(keyManagerID))
}

// HoldLook tells whether a row is still what it was when it was read, and keeps it so until the transaction ends.
func (b *Book) HoldLook(began *Row) (bool, error) {
	same, err := b.run.Exec(`UPDATE looks SET tries = tries WHERE subject_id = $1 AND due_at = $2 AND found = $3`,
		database.Clean(began.Subject), database.Micros(began.DueAt), database.Clean(string(began.Found)))
	return same > 0, err
}

// SettleLook stores what a look found, and when the next one is due.
func (b *Book) SettleLook(subject string, found json.RawMessage, due time.Time) error {
	_, err := b.run.Exec(`UPDATE looks SET found = $1, due_at = $2, tries = 0, asked = 0 WHERE subject_id = $3`,
		database.Clean(string(found)), database.Micros(due), database.Clean(subject))
	return err
}

// PutOffLook stores that a look told nothing, and when it is tried again.
func (b *Book) PutOffLook(subject string, found json.RawMessage, until time.Time) error {
	_, err := b.run.Exec(`UPDATE looks SET found = $1, due_at = $2, tries = tries + 1, asked = 0 WHERE subject_id = $3`,
		database.Clean(string(found)), database.Micros(until), database.Clean(subject))
	return err
}

// PutOffLooks puts off everything that is due before then at a key manager which asked for a pause or does not answer.
func (b *Book) PutOffLooks(keyManagerID string, until time.Time) error {
	_, err := b.run.Exec(`UPDATE looks SET due_at = $1, asked = 0 WHERE due_at < $1 AND key_manager_id = $2`,
		database.Micros(until), database.Clean(keyManagerID))
	return err
}
