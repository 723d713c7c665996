package secrets

import (
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
)

// Reveals are the secrets that somebody may look at once more, as one transaction sees them.
type Reveals struct {
	run *database.Run
	key seal.Key
}

// NewReveals gives them to a transaction; the key seals.
func NewReveals(run *database.Run, key seal.Key) *Reveals { return &Reveals{run: run, key: key} }

// PutReveal keeps a client's secret, sealed, for one more look by requester until expires.
func (r *Reveals) PutReveal(clientObjectID, requester, secret string, expires time.Time) error {
	sealed := r.key.Seal([]byte(secret), Context(clientObjectID, "reveal"))
	_, err := r.run.Exec(`INSERT INTO reveals (client_id, requester, sealed, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (client_id) DO UPDATE
		SET requester = excluded.requester, sealed = excluded.sealed, expires_at = excluded.expires_at`,
		clientObjectID, database.Clean(requester), sealed, database.Micros(expires))
	return err
}

// RevealsUntil tells until when a requester may look once more at the secrets of clients, by the ids of their objects; of
// those whose secret they cannot have any more it tells nothing.
func (r *Reveals) RevealsUntil(clientObjectIDs []string, requester string, now time.Time) (map[string]time.Time, error) {
	until := map[string]time.Time{}
	for some := range slices.Chunk(clientObjectIDs, database.ChunkSize) {
		var v database.Values
		query := `SELECT client_id, expires_at FROM reveals WHERE client_id IN ` + v.In(some) +
			` AND requester = ` + v.Add(database.Clean(requester)) + ` AND expires_at > ` + v.Add(database.Micros(now))
		err := r.run.Rows(query, v, func(row database.Row) error {
			var client string
			var at int64
			err := row.Scan(&client, &at)
			until[client] = database.FromMicros(at)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return until, nil
}

// TakeReveal gives the secret once: to its requester, before it expires. Else a not_found error.
func (r *Reveals) TakeReveal(clientObjectID, requester string, now time.Time) (string, error) {
	var sealed string
	found, err := r.run.One(`DELETE FROM reveals WHERE client_id = $1 AND requester = $2 AND expires_at > $3
		RETURNING sealed`,
		[]any{database.Clean(clientObjectID), database.Clean(requester), database.Micros(now)}, &sealed)
	if err != nil {
		return "", err
	}
	if !found {
		return "", database.NotFound("secret waiting to be fetched")
	}
	plain, err := r.key.Open(sealed, Context(clientObjectID, "reveal"))
	if err != nil {
		return "", fmt.Errorf("open the secret of client %s: %w", clientObjectID, err)
	}
	return string(plain), nil
}

// DropExpiredReveals forgets secrets that nobody fetched before now.
func (r *Reveals) DropExpiredReveals(now time.Time) error {
	_, err := r.run.Exec(`DELETE FROM reveals WHERE expires_at <= $1`, database.Micros(now))
	return err
}
