// Package issued owns the rows of the resident authorization server: the keys that it signs with, the tokens that it gave
// out, who is signed in at it and at the console, and what users let clients have. It does not own when a key begins or
// ends to sign, what a token says, nor who may sign in.
package issued

import (
	"fmt"
	"strings"
	"time"

	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
)

// Material is what the resident authorization server has stored, as one transaction sees it.
type Material struct {
	run *database.Run
	key seal.Key
}

// New gives the material to a transaction; key seals private keys at rest.
func New(run *database.Run, key seal.Key) *Material { return &Material{run: run, key: key} }

// Key is a signing key of the resident authorization server.
type Key struct {
	Tenant     string
	Kid        string
	Alg        string
	PrivateJWK []byte // sealed at rest
	CreatedAt  time.Time
	ActiveFrom time.Time // signs from then on
	RetireAt   time.Time // no longer published from then on; zero = open
}

func keyContext(tenant, kid string) []byte {
	return []byte("keyward resident key\x00" + tenant + "\x00" + kid)
}

// ResidentKeys lists a tenant's keys, oldest first.
func (m *Material) ResidentKeys(tenant string) ([]Key, error) {
	var keys []Key
	err := m.run.Rows(`SELECT tenant, kid, alg, sealed, created_at, active_from, retire_at FROM resident_keys
		WHERE tenant = $1 ORDER BY created_at, kid`, []any{database.Clean(tenant)}, func(r database.Row) error {
		var k Key
		var sealed string
		var created, active int64
		var retire *int64
		if err := r.Scan(&k.Tenant, &k.Kid, &k.Alg, &sealed, &created, &active, &retire); err != nil {
			return err
		}
		k.CreatedAt, k.ActiveFrom = database.FromMicros(created), database.FromMicros(active)
		if retire != nil {
			k.RetireAt = database.FromMicros(*retire)
		}
		var err error
		if k.PrivateJWK, err = m.key.Open(sealed, keyContext(k.Tenant, k.Kid)); err != nil {
			return fmt.Errorf("open the resident key %s: %w", k.Kid, err)
		}
		keys = append(keys, k)
		return nil
	})
	return keys, err
}

// PutResidentKey inserts the key or updates the one of its tenant and kid.
func (m *Material) PutResidentKey(k Key) error {
	_, err := m.run.Exec(`INSERT INTO resident_keys (tenant, kid, alg, sealed, created_at, active_from, retire_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, kid) DO UPDATE SET alg = excluded.alg,
		sealed = excluded.sealed, active_from = excluded.active_from, retire_at = excluded.retire_at`,
		k.Tenant, k.Kid, k.Alg, m.key.Seal(k.PrivateJWK, keyContext(k.Tenant, k.Kid)),
		database.Micros(k.CreatedAt), database.Micros(k.ActiveFrom), database.MicrosOrNull(&k.RetireAt))
	return err
}

// DropResidentKey deletes a key.
func (m *Material) DropResidentKey(tenant, kid string) error {
	_, err := m.run.Exec(`DELETE FROM resident_keys WHERE tenant = $1 AND kid = $2`, tenant, kid)
	return err
}

// Token is an access token that the resident authorization server gave out. The token itself is not stored.
type Token struct {
	ID        string // the jti
	Tenant    string
	ClientID  string
	Subject   string
	Scopes    []string
	IssuedAt  time.Time
	ExpiresAt time.Time
	RevokedAt *time.Time
}

// PutResidentToken stores a new token.
func (m *Material) PutResidentToken(t Token) error {
	_, err := m.run.Exec(`INSERT INTO resident_tokens
		(tenant, id, client_id, subject, scopes, issued_at, expires_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, t.Tenant, t.ID, database.Clean(t.ClientID), database.Clean(t.Subject),
		database.Clean(strings.Join(t.Scopes, " ")), database.Micros(t.IssuedAt), database.Micros(t.ExpiresAt),
		database.MicrosOrNull(t.RevokedAt))
	return err
}

// ResidentToken gives the token of the tenant, revoked or not, or a not_found error.
func (m *Material) ResidentToken(tenant, id string) (*Token, error) {
	var t Token
	var scopes string
	var issued, expires int64
	var revoked *int64
	found, err := m.run.One(`SELECT tenant, id, client_id, subject, scopes, issued_at, expires_at, revoked_at
		FROM resident_tokens WHERE tenant = $1 AND id = $2`, []any{database.Clean(tenant), database.Clean(id)},
		&t.Tenant, &t.ID, &t.ClientID, &t.Subject, &scopes, &issued, &expires, &revoked)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, database.NotFound("token of that id")
	}
	t.Scopes = strings.Fields(scopes)
	t.IssuedAt, t.ExpiresAt, t.RevokedAt = database.FromMicros(issued), database.FromMicros(expires), database.TimeOrNil(revoked)
	return &t, nil
}

// RevokeResidentToken marks the token; one that is not there is no error (RFC 7009, section 2.2).
func (m *Material) RevokeResidentToken(tenant, id string, at time.Time) error {
	_, err := m.run.Exec(`UPDATE resident_tokens SET revoked_at = $1 WHERE tenant = $2 AND id = $3 AND revoked_at IS NULL`,
		database.Micros(at), database.Clean(tenant), database.Clean(id))
	return err
}

// DropExpiredResidentTokens forgets tokens that expired before now, and tells how many.
func (m *Material) DropExpiredResidentTokens(now time.Time) (int, error) {
	n, err := m.run.Exec(`DELETE FROM resident_tokens WHERE expires_at <= $1`, database.Micros(now))
	return int(n), err
}
