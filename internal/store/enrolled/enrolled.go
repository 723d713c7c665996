// Package enrolled owns the rows of the clients that Keyward has of its own at key managers' servers, for people who sign in
// to the console: one for each attempt, with its secrets, sealed. They outlive their key manager, because what was made at a
// server has to be deleted there. It does not own what is made, nor how a server is asked.
package enrolled

import (
	"encoding/json"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/secrets"
)

// Roll is the rows as one transaction sees them.
type Roll struct {
	run *database.Run
	key seal.Key // of the secrets
}

// New gives the roll to a transaction.
func New(run *database.Run, key seal.Key) *Roll { return &Roll{run, key} }

// Client is one attempt at a client, and what became of it. Of a key manager one at most is in use, and one pending.
type Client struct {
	ID           string // names the client at the server too, and is never used again
	KeyManagerID string // of the object, which may be gone
	Tenant       string // of the key manager
	KeyManager   string // its name
	State        keyward.ClientState
	ClientID     string            // "" = not known yet
	Method       string            // how it proves itself at the token endpoint, as spec.signIn.method says it
	Body         json.RawMessage   // what its owner keeps
	Secrets      map[string]string // by path
	ChangedAt    time.Time
	Version      int64 // counts the writes; 0 = not stored yet
}

// Paths of secrets.
const (
	SecretPath = "secret" // the client's
	KeyPath    = "key"    // the client's private key, a JWK
	HandlePath = "handle" // its connector.Handle, as JSON
	ServerPath = "server" // how its server is reached when the key manager is gone, as JSON
)

const columns = `id, key_manager_id, tenant, key_manager, state, client_id, method, body, sealed, changed_at, version`

// OwnClients lists all of a key manager, the oldest first; without an id those of every key manager.
func (r *Roll) OwnClients(keyManagerID string) ([]*Client, error) {
	query, args := `SELECT `+columns+` FROM own_clients`, []any(nil)
	if keyManagerID != "" {
		query, args = query+` WHERE key_manager_id = $1`, []any{database.Clean(keyManagerID)}
	}
	return r.clients(query+` ORDER BY tenant, key_manager, id`, args...)
}

// OwnClient gives one by its id, or a not_found error.
func (r *Roll) OwnClient(id string) (*Client, error) {
	list, err := r.clients(`SELECT `+columns+` FROM own_clients WHERE id = $1`, database.Clean(id))
	if err == nil && len(list) == 0 {
		err = database.NotFound("client of the console " + id)
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// OwnClientInUse gives the one of a key manager that people sign in by; nil without an error where there is none.
func (r *Roll) OwnClientInUse(keyManagerID string) (*Client, error) {
	list, err := r.clients(`SELECT `+columns+` FROM own_clients WHERE key_manager_id = $1
		AND state IN ('active', 'rotating', 'updating', 'drifted')`, database.Clean(keyManagerID))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

func (r *Roll) clients(query string, args ...any) ([]*Client, error) {
	var list []*Client
	err := r.run.Rows(query, args, func(row database.Row) error {
		var c Client
		var body, sealed string
		var changed int64
		err := row.Scan(&c.ID, &c.KeyManagerID, &c.Tenant, &c.KeyManager, &c.State, &c.ClientID, &c.Method, &body, &sealed, &changed,
			&c.Version)
		if err != nil {
			return err
		}
		c.Body, c.ChangedAt = json.RawMessage(body), database.FromMicros(changed)
		c.Secrets, err = secrets.Open(r.key, c.ID, sealed)
		list = append(list, &c)
		return err
	})
	return list, err
}

// PutOwnClient stores a client, where nobody has changed it since it was read: else it is a conflict.
func (r *Roll) PutOwnClient(c *Client) error {
	sealed, err := secrets.Column(r.key, c.ID, c.Secrets)
	if err != nil {
		return err
	}
	args := []any{
		c.ID, c.KeyManagerID, c.Tenant, c.KeyManager, string(c.State), database.Clean(c.ClientID), c.Method,
		database.Clean(string(c.Body)), sealed, database.Micros(c.ChangedAt), c.Version,
	}
	query := `INSERT INTO own_clients (` + columns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 + 1)`
	if c.Version > 0 {
		query = `UPDATE own_clients SET key_manager_id = $2, tenant = $3, key_manager = $4, state = $5, client_id = $6,
			method = $7, body = $8, sealed = $9, changed_at = $10, version = version + 1 WHERE id = $1 AND version = $11`
	}
	n, err := r.run.Exec(query, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return &keyward.Error{Code: keyward.CodeConflict, Message: fmt.Sprintf("the console's client at key manager %s was changed "+
			"meanwhile: look how it stands before you ask again", c.KeyManager)}
	}
	c.Version++
	return nil
}

// DropOwnClient forgets a client. One that is gone is no error.
func (r *Roll) DropOwnClient(id string) error {
	_, err := r.run.Exec(`DELETE FROM own_clients WHERE id = $1`, database.Clean(id))
	return err
}

// KeepServer notes how the server of a key manager's clients is reached, before that changes or is forgotten. Where server
// gives "", what was noted before stays.
func (r *Roll) KeepServer(keyManagerID string, server func() (string, error)) error {
	list, err := r.OwnClients(keyManagerID)
	if err != nil || len(list) == 0 {
		return err
	}
	text, err := server()
	if err != nil || text == "" {
		return err
	}
	for _, c := range list {
		c.Secrets[ServerPath] = text
		if err := r.PutOwnClient(c); err != nil {
			return err
		}
	}
	return nil
}

// SignInClient gives what the console is at a key manager's server; nil without an error while it has no client there.
func (r *Roll) SignInClient(keyManagerID string) (*connector.Own, error) {
	c, err := r.OwnClientInUse(keyManagerID)
	if err != nil || c == nil {
		return nil, err
	}
	return &connector.Own{ID: c.ClientID, Method: c.Method, Secret: c.Secrets[SecretPath], Key: c.Secrets[KeyPath]}, nil
}
