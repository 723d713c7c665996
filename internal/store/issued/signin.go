package issued

import (
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward/internal/store/database"
)

// SignIn is a browser that is signed in at a tenant's resident authorization server. What the browser holds is stored as
// its SHA-256 only.
type SignIn struct {
	ID      string // sid of ID tokens
	Hash    []byte
	Tenant  string
	UserID  string
	Stamp   string // of the password that counted then: with another one the sign-in is over
	Since   time.Time
	Seen    time.Time
	Expires time.Time
}

const signInColumns = `SELECT id, hash, tenant, user_id, stamp, since, seen_at, expires_at FROM resident_browsers WHERE `

// PutSignIn stores a new sign-in.
func (m *Material) PutSignIn(s SignIn) error {
	_, err := m.run.Exec(`INSERT INTO resident_browsers (id, hash, tenant, user_id, stamp, since, seen_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, s.ID, s.Hash, s.Tenant, s.UserID, s.Stamp,
		database.Micros(s.Since), database.Micros(s.Seen), database.Micros(s.Expires))
	return err
}

// SignInByHash gives a tenant's sign-in by what the browser holds, over or not, or a not_found error.
func (m *Material) SignInByHash(tenant string, hash []byte) (*SignIn, error) {
	return m.signIn(`tenant = $1 AND hash = $2`, database.Clean(tenant), hash)
}

// SignInByID gives a sign-in by its id, over or not, or a not_found error.
func (m *Material) SignInByID(id string) (*SignIn, error) {
	return m.signIn(`id = $1`, database.Clean(id))
}

func (m *Material) signIn(where string, args ...any) (*SignIn, error) {
	var s SignIn
	var since, seen, expires int64
	found, err := m.run.One(signInColumns+where, args, &s.ID, &s.Hash, &s.Tenant, &s.UserID, &s.Stamp, &since, &seen, &expires)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, database.NotFound("sign-in like that")
	}
	s.Since, s.Seen, s.Expires = database.FromMicros(since), database.FromMicros(seen), database.FromMicros(expires)
	return &s, nil
}

// TouchSignIn notes that the browser was seen. A sign-in that is gone is no error.
func (m *Material) TouchSignIn(id string, at time.Time) error {
	_, err := m.run.Exec(`UPDATE resident_browsers SET seen_at = $1 WHERE id = $2`, database.Micros(at), database.Clean(id))
	return err
}

// DropSignIn ends a sign-in, the console's sessions that came of it, and what clients may refresh only while it lasts. One
// that is gone is no error.
func (m *Material) DropSignIn(id string, at time.Time) error {
	if id == "" { // sessions have that which came of none
		return nil
	}
	if _, err := m.run.Exec(`DELETE FROM console_sessions WHERE signin_id = $1`, database.Clean(id)); err != nil {
		return err
	}
	if _, err := m.run.Exec(`DELETE FROM resident_browsers WHERE id = $1`, database.Clean(id)); err != nil {
		return err
	}
	_, err := m.run.Exec(`UPDATE resident_grants SET revoked_at = $1 WHERE signin_id = $2 AND offline = 0 AND revoked_at IS NULL`,
		database.Micros(at), database.Clean(id))
	return err
}

// SignInIDsOf lists the browsers in which a user is signed in.
func (m *Material) SignInIDsOf(userID string) ([]string, error) {
	return m.run.Texts(`SELECT id FROM resident_browsers WHERE user_id = $1 ORDER BY id`, database.Clean(userID))
}

// DropSignInsOf ends every sign-in of a user, and revokes everything that the user let clients have.
func (m *Material) DropSignInsOf(userID string, at time.Time) error {
	if _, err := m.run.Exec(`DELETE FROM resident_browsers WHERE user_id = $1`, database.Clean(userID)); err != nil {
		return err
	}
	_, err := m.run.Exec(`UPDATE resident_grants SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL`,
		database.Micros(at), database.Clean(userID))
	return err
}

// Consent gives the scopes that a user has let a client have before; none when there was no such decision.
func (m *Material) Consent(userID, clientID string) (scopes []string, decided bool, err error) {
	var text string
	decided, err = m.run.One(`SELECT scopes FROM resident_consents WHERE user_id = $1 AND client_id = $2`,
		[]any{database.Clean(userID), database.Clean(clientID)}, &text)
	return strings.Fields(text), decided, err
}

// PutConsent remembers that a user let a client have the scopes, beside those of earlier decisions.
func (m *Material) PutConsent(userID, clientID string, scopes []string, at time.Time) error {
	before, _, err := m.Consent(userID, clientID)
	if err != nil {
		return err
	}
	all := slices.Concat(before, scopes)
	slices.Sort(all)
	_, err = m.run.Exec(`INSERT INTO resident_consents (user_id, client_id, scopes, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, client_id) DO UPDATE SET scopes = excluded.scopes, at = excluded.at`,
		userID, database.Clean(clientID), database.Clean(strings.Join(slices.Compact(all), " ")), database.Micros(at))
	return err
}

// Reset is a one-time link with which a user chooses a password. What the link holds is stored as its SHA-256 only.
type Reset struct {
	UserID  string
	Hash    []byte
	Stamp   string // of the password at that time: with another one the link is worth nothing
	Expires time.Time
}

// PutReset stores a link; the one that the user had before is worth nothing then.
func (m *Material) PutReset(r Reset) error {
	_, err := m.run.Exec(`INSERT INTO user_resets (user_id, hash, stamp, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, stamp = excluded.stamp, expires_at = excluded.expires_at`,
		r.UserID, r.Hash, r.Stamp, database.Micros(r.Expires))
	return err
}

// ResetByHash gives the link, expired or not, or a not_found error.
func (m *Material) ResetByHash(hash []byte) (*Reset, error) {
	r := Reset{Hash: hash}
	var expires int64
	found, err := m.run.One(`SELECT user_id, stamp, expires_at FROM user_resets WHERE hash = $1`, []any{hash},
		&r.UserID, &r.Stamp, &expires)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, database.NotFound("link like that")
	}
	r.Expires = database.FromMicros(expires)
	return &r, nil
}

// DropResetOf makes a link that a user was given worth nothing.
func (m *Material) DropResetOf(userID string) error {
	_, err := m.run.Exec(`DELETE FROM user_resets WHERE user_id = $1`, database.Clean(userID))
	return err
}

// DropReset uses the link up.
func (m *Material) DropReset(hash []byte) error {
	_, err := m.run.Exec(`DELETE FROM user_resets WHERE hash = $1`, hash)
	return err
}
