package issued

import (
	"strings"
	"time"

	"keyward.dev/keyward/internal/store/database"
)

// Session is a browser that is signed in at the console. What the browser holds is stored as its SHA-256 only.
type Session struct {
	ID           string
	Hash         []byte
	Tenant       string
	UserID       string   // of the tenant's user; "" = the person came by a key manager
	KeyManagerID string   // by which the person came; "" = with an account of the tenant
	Subject      string   // sub at that key manager
	Shown        string   // what to call the person; nothing is decided by it
	Roles        []string // of a person who came by a key manager, as their claims gave them
	Groups       []string
	Stamp        string // of what let the person in: a password, or a key manager's rules; with others the session is over
	SignInID     string // of the browser at the resident authorization server; "" = it is not signed in there
	Hint         string // the key manager's ID token, sealed, for signing out there; "" = there is none
	Agent        string // what the browser said that it is
	SID          string // of the session at the key manager's server; "" = it has not said
	Since        time.Time
	Seen         time.Time
	Expires      time.Time
}

// PutSession stores a new session.
func (m *Material) PutSession(s Session) error {
	_, err := m.run.Exec(`INSERT INTO console_sessions (id, hash, tenant, user_id, key_manager_id, subject, shown, roles, groups_of,
		stamp, signin_id, hint, since, seen_at, expires_at, agent, sid)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		s.ID, s.Hash, s.Tenant, orNull(s.UserID), orNull(s.KeyManagerID), database.Clean(s.Subject), database.Clean(s.Shown),
		strings.Join(s.Roles, " "), database.Clean(strings.Join(s.Groups, "\n")), s.Stamp, s.SignInID, s.Hint,
		database.Micros(s.Since), database.Micros(s.Seen), database.Micros(s.Expires), database.Clean(s.Agent),
		database.Clean(s.SID))
	return err
}

func orNull(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

const sessionColumns = `SELECT id, hash, tenant, user_id, key_manager_id, subject, shown, roles, groups_of, stamp, signin_id, hint,
	since, seen_at, expires_at, agent FROM console_sessions WHERE `

// SessionByHash gives the session by what the browser holds, over or not, or a not_found error.
func (m *Material) SessionByHash(hash []byte) (*Session, error) { return m.session(`hash = $1`, hash) }

// SessionByID gives a session, over or not, or a not_found error.
func (m *Material) SessionByID(id string) (*Session, error) {
	return m.session(`id = $1`, database.Clean(id))
}

func (m *Material) session(where string, arg any) (*Session, error) {
	list, err := m.sessions(where, arg)
	if err == nil && len(list) == 0 {
		err = database.NotFound("session like that")
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// SessionsOf gives a tenant's sessions, over or not, those that were seen last first: of one of its users, of a person who came by a
// key manager, or, where neither is named, limit of everybody's at most.
func (m *Material) SessionsOf(tenant, userID, keyManagerID, subject string, limit int) ([]*Session, error) {
	tenant = database.Clean(tenant)
	switch {
	case userID != "":
		return m.sessions(`tenant = $1 AND user_id = $2 ORDER BY seen_at DESC, id`, tenant, database.Clean(userID))
	case keyManagerID != "":
		return m.sessions(`tenant = $1 AND key_manager_id = $2 AND subject = $3 ORDER BY seen_at DESC, id`, tenant,
			database.Clean(keyManagerID), database.Clean(subject))
	default:
		return m.sessions(`tenant = $1 ORDER BY seen_at DESC, id LIMIT $2`, tenant, limit)
	}
}

func (m *Material) sessions(where string, args ...any) ([]*Session, error) {
	var list []*Session
	err := m.run.Rows(sessionColumns+where, args, func(r database.Row) error {
		var s Session
		var user, keyManager *string
		var roles, groups string
		var since, seen, expires int64
		err := r.Scan(&s.ID, &s.Hash, &s.Tenant, &user, &keyManager, &s.Subject, &s.Shown, &roles, &groups, &s.Stamp, &s.SignInID,
			&s.Hint, &since, &seen, &expires, &s.Agent)
		if err != nil {
			return err
		}
		if user != nil {
			s.UserID = *user
		}
		if keyManager != nil {
			s.KeyManagerID = *keyManager
		}
		s.Roles = strings.Fields(roles)
		if groups != "" {
			s.Groups = strings.Split(groups, "\n")
		}
		s.Since, s.Seen, s.Expires = database.FromMicros(since), database.FromMicros(seen), database.FromMicros(expires)
		list = append(list, &s)
		return nil
	})
	return list, err
}

// UseOnce notes, by a hash of it, that what counts once was used, and tells whether this was the first time: the state of a sign-in
// at the console that was answered, or a logout token's jti. It is remembered until then.
func (m *Material) UseOnce(hash []byte, until time.Time) (bool, error) {
	n, err := m.run.Exec(`INSERT INTO console_answers (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`,
		hash, database.Micros(until))
	return n == 1, err
}

// TouchSession notes that its person was seen. A session that is gone is no error.
func (m *Material) TouchSession(id string, at time.Time) error {
	_, err := m.run.Exec(`UPDATE console_sessions SET seen_at = $1 WHERE id = $2`, database.Micros(at), database.Clean(id))
	return err
}

// DropSession ends a session. One that is gone is no error.
func (m *Material) DropSession(id string) error {
	_, err := m.run.Exec(`DELETE FROM console_sessions WHERE id = $1`, database.Clean(id))
	return err
}

// DropSessionsOf ends the console's sessions of a user, or of a key manager: whoever they are.
func (m *Material) DropSessionsOf(userID, keyManagerID string) error {
	_, err := m.run.Exec(`DELETE FROM console_sessions WHERE user_id = $1 OR key_manager_id = $2`,
		database.Clean(userID), database.Clean(keyManagerID))
	return err
}

// EndSessionsThrough ends the sessions of a key manager that came of one at its server, or, without a sid, all of a subject, which
// began at that time or before. It tells how many.
func (m *Material) EndSessionsThrough(keyManagerID, sid, subject string, until time.Time) (int64, error) {
	query, of := `DELETE FROM console_sessions WHERE key_manager_id = $1 AND since <= $2 AND sid = $3`, sid
	if sid == "" {
		query, of = `DELETE FROM console_sessions WHERE key_manager_id = $1 AND since <= $2 AND subject = $3`, subject
	}
	return m.run.Exec(query, database.Clean(keyManagerID), database.Micros(until), database.Clean(of))
}
