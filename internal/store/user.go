package store

import (
	"strings"
	"time"

	keyward "keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

func userNoun() noun {
	return noun{
		kind: keyward.KindUser, table: "users",
		fill: func(p *put) ([]any, error) {
			p.search = specOf[*keyward.UserSpec](p.o).Email
			p.row = ""
			return nil, nil
		},
	}
}

const tokenColumns = `SELECT t.id, u.tenant, u.name, t.created_at, t.last_used, t.revoked_at
	FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE `

func scanToken(r database.Row) (keyward.APIToken, error) {
	var t keyward.APIToken
	var created int64
	var used, revoked *int64
	err := r.Scan(&t.ID, &t.Tenant, &t.User, &created, &used, &revoked)
	t.CreatedAt, t.LastUsed, t.RevokedAt = database.FromMicros(created), database.TimeOrNil(used), database.TimeOrNil(revoked)
	return t, err
}

func (tx *Tx) apiTokens(where string, args ...any) ([]keyward.APIToken, error) {
	var list []keyward.APIToken
	err := tx.run.Rows(tokenColumns+where, args, func(r database.Row) error {
		t, err := scanToken(r)
		list = append(list, t)
		return err
	})
	return list, err
}

// CreateAPIToken stores a token of an existing user by its SHA-256. An empty ID and zero CreatedAt are filled in. A
// user that is missing is an invalid_input error; a hash that is stored already is a conflict.
func (tx *Tx) CreateAPIToken(t *keyward.APIToken, hash []byte) error {
	user, err := tx.Get(keyward.KindUser, t.Tenant, t.User)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return invalid("user", "there is no User %s", strings.ToValidUTF8(t.User, "?"))
	}
	if err != nil {
		return err
	}
	if list, err := tx.apiTokens(`t.hash = $1`, hash); err != nil {
		return err
	} else if len(list) > 0 {
		return conflict("token", "this token is stored already")
	}
	if t.ID == "" {
		t.ID = NewID()
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = tx.now
	}
	t.Tenant = user.Tenant
	if _, err := tx.run.Exec(`INSERT INTO api_tokens (id, user_id, hash, created_at) VALUES ($1, $2, $3, $4)`,
		t.ID, user.ID, hash, database.Micros(t.CreatedAt)); err != nil {
		return err
	}
	return tx.Audit(keyward.AuditEntry{
		Tenant: t.Tenant, Action: "token.created", Kind: "APIToken", Name: t.ID, Detail: "user " + t.User,
	})
}

// APITokenByHash gives the token, revoked or not, or a not_found error. It is gone with its user.
func (tx *Tx) APITokenByHash(hash []byte) (*keyward.APIToken, error) {
	list, err := tx.apiTokens(`t.hash = $1`, hash)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, database.NotFound("API token like that")
	}
	return &list[0], nil
}

// APITokens lists a tenant's tokens, oldest first; an empty tenant is every tenant.
func (tx *Tx) APITokens(tenant string) ([]keyward.APIToken, error) {
	if tenant == "" {
		return tx.apiTokens(`1 = 1 ORDER BY t.created_at, t.id`)
	}
	// There are fewer tokens than users: the tenant's index is kept out of it.
	return tx.apiTokens(`u.tenant || '' = $1 ORDER BY t.created_at, t.id`, database.Clean(tenant))
}

// RevokeAPIToken revokes the token of that id in the tenant, or gives a not_found error. Revoking twice changes
// nothing.
func (tx *Tx) RevokeAPIToken(tenant, id string) error {
	list, err := tx.apiTokens(`u.tenant = $1 AND t.id = $2`, database.Clean(tenant), database.Clean(id))
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return database.NotFound("API token of that id")
	}
	if list[0].RevokedAt != nil {
		return nil
	}
	if _, err := tx.run.Exec(`UPDATE api_tokens SET revoked_at = $1 WHERE id = $2`,
		database.Micros(tx.now), id); err != nil {
		return err
	}
	return tx.Audit(keyward.AuditEntry{
		Tenant: tenant, Action: "token.revoked", Kind: "APIToken", Name: id, Detail: "user " + list[0].User,
	})
}

// TouchAPIToken notes when the token was last used. A token that is gone is no error.
func (tx *Tx) TouchAPIToken(id string, at time.Time) error {
	_, err := tx.run.Exec(`UPDATE api_tokens SET last_used = $1 WHERE id = $2`, database.Micros(at), database.Clean(id))
	return err
}

// ReinstateAPIToken makes a revoked token valid again: the settings name the first administrator's token, and may name
// a former one. A token that is not there gives a not_found error.
func (tx *Tx) ReinstateAPIToken(tenant, id string) error {
	list, err := tx.apiTokens(`u.tenant = $1 AND t.id = $2`, database.Clean(tenant), database.Clean(id))
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return database.NotFound("API token of that id")
	}
	if list[0].RevokedAt == nil {
		return nil
	}
	if _, err := tx.run.Exec(`UPDATE api_tokens SET revoked_at = NULL WHERE id = $1`, id); err != nil {
		return err
	}
	return tx.Audit(keyward.AuditEntry{
		Tenant: tenant, Action: "token.reinstated", Kind: "APIToken", Name: id, Detail: "user " + list[0].User,
	})
}
