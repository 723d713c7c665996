package issued

import (
	"strings"
	"time"

	"keyward.dev/keyward/internal/store/database"
)

// Given is what a user let a client have in one authorization: the code, every refresh token and every access token that
// came of it end with it.
type Given struct {
	ID       string
	Tenant   string
	ClientID string
	UserID   string
	SignInID string // of the browser
	Offline  bool   // it outlives the sign-in (OpenID Connect Core 1.0, section 11)
	Stamp    string // of the password that counted then
	Scopes   []string
	Nonce    string
	Since    time.Time // when the user signed in: auth_time
	Expires  time.Time
	Revoked  bool
}

// PutGiven stores what was given.
func (m *Material) PutGiven(g Given) error {
	_, err := m.run.Exec(`INSERT INTO resident_grants
		(id, tenant, client_id, user_id, signin_id, offline, stamp, scopes, nonce, since, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, g.ID, g.Tenant, database.Clean(g.ClientID), g.UserID, g.SignInID,
		number(g.Offline), g.Stamp, database.Clean(strings.Join(g.Scopes, " ")), database.Clean(g.Nonce),
		database.Micros(g.Since), database.Micros(g.Expires))
	return err
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// GivenByID gives it, revoked or not, or a not_found error.
func (m *Material) GivenByID(tenant, id string) (*Given, error) {
	var g Given
	var scopes string
	var offline, since, expires int64
	var revoked *int64
	found, err := m.run.One(`SELECT id, tenant, client_id, user_id, signin_id, offline, stamp, scopes, nonce, since, expires_at,
		revoked_at FROM resident_grants WHERE tenant = $1 AND id = $2`, []any{database.Clean(tenant), database.Clean(id)},
		&g.ID, &g.Tenant, &g.ClientID, &g.UserID, &g.SignInID, &offline, &g.Stamp, &scopes, &g.Nonce, &since, &expires, &revoked)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, database.NotFound("authorization of that id")
	}
	g.Offline, g.Scopes, g.Revoked = offline != 0, strings.Fields(scopes), revoked != nil
	g.Since, g.Expires = database.FromMicros(since), database.FromMicros(expires)
	return &g, nil
}

// RevokeGiven ends it with everything that came of it. One that is gone is no error.
func (m *Material) RevokeGiven(id string, at time.Time) error {
	_, err := m.run.Exec(`UPDATE resident_grants SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`,
		database.Micros(at), database.Clean(id))
	return err
}

// Code is an authorization code (RFC 6749, section 4.1.2), stored as its SHA-256 only.
type Code struct {
	Hash      []byte
	GivenID   string
	Redirect  string // redirect_uri of the request
	Challenge string // of PKCE, by S256; empty = the request had none
	Expires   time.Time
}

// PutCode stores a new code.
func (m *Material) PutCode(c Code) error {
	_, err := m.run.Exec(`INSERT INTO resident_codes (hash, grant_id, redirect, challenge, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		c.Hash, c.GivenID, database.Clean(c.Redirect), database.Clean(c.Challenge), database.Micros(c.Expires))
	return err
}

// CodeByHash gives the code, used or not, or a not_found error.
func (m *Material) CodeByHash(hash []byte) (*Code, error) {
	c := Code{Hash: hash}
	var expires int64
	found, err := m.run.One(`SELECT grant_id, redirect, challenge, expires_at FROM resident_codes WHERE hash = $1`, []any{hash},
		&c.GivenID, &c.Redirect, &c.Challenge, &expires)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, database.NotFound("code like that")
	}
	c.Expires = database.FromMicros(expires)
	return &c, nil
}

// UseCode uses the code up, and tells whether this was the first use.
func (m *Material) UseCode(hash []byte, at time.Time) (bool, error) {
	n, err := m.run.Exec(`UPDATE resident_codes SET used_at = $1 WHERE hash = $2 AND used_at IS NULL`, database.Micros(at), hash)
	return n == 1, err
}

// PutRefresh stores a new refresh token of what was given, by its SHA-256.
func (m *Material) PutRefresh(hash []byte, givenID string) error {
	_, err := m.run.Exec(`INSERT INTO resident_refreshes (hash, grant_id) VALUES ($1, $2)`, hash, givenID)
	return err
}

// GivenOfRefresh gives the id of what a refresh token belongs to, used or not, or a not_found error.
func (m *Material) GivenOfRefresh(hash []byte) (string, error) {
	var id string
	found, err := m.run.One(`SELECT grant_id FROM resident_refreshes WHERE hash = $1`, []any{hash}, &id)
	if err == nil && !found {
		err = database.NotFound("refresh token like that")
	}
	return id, err
}

// UseRefresh uses the refresh token up, and tells whether this was the first use.
func (m *Material) UseRefresh(hash []byte, at time.Time) (bool, error) {
	n, err := m.run.Exec(`UPDATE resident_refreshes SET used_at = $1 WHERE hash = $2 AND used_at IS NULL`, database.Micros(at), hash)
	return n == 1, err
}

// DropExpiredSignIns forgets sessions, answers, sign-ins, authorizations with what came of them, and links, that expired before now.
func (m *Material) DropExpiredSignIns(now time.Time) error {
	for _, query := range []string{
		`DELETE FROM resident_browsers WHERE expires_at <= $1`,
		`DELETE FROM resident_grants WHERE expires_at <= $1`,
		`DELETE FROM console_sessions WHERE expires_at <= $1`,
		`DELETE FROM console_answers WHERE expires_at <= $1`,
		`DELETE FROM user_resets WHERE expires_at <= $1`,
	} {
		if _, err := m.run.Exec(query, database.Micros(now)); err != nil {
			return err
		}
	}
	return nil
}
