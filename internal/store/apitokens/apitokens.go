// Package apitokens owns the rows of users' API tokens: by SHA-256, when they were used last, and whether they were revoked. It
// does not own who may have one, nor how one looks.
package apitokens

import (
	"cmp"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/audited"
	"keyward.dev/keyward/internal/store/database"
)

// Book is the API tokens as one transaction sees them.
type Book struct {
	run   *database.Run
	trail *audited.Trail
	now   time.Time
}

// New gives the API tokens to a transaction of the time now.
func New(run *database.Run, trail *audited.Trail, now time.Time) *Book {
	return &Book{run: run, trail: trail, now: now}
}

const tokenColumns = `SELECT t.id, u.tenant, u.name, t.created_at, t.last_used, t.revoked_at
	FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE `

func (b *Book) list(where string, args ...any) ([]keyward.APIToken, error) {
	var list []keyward.APIToken
	err := b.run.Rows(tokenColumns+where, args, func(r database.Row) error {
		var t keyward.APIToken
		var created int64
		var used, revoked *int64
		err := r.Scan(&t.ID, &t.Tenant, &t.User, &created, &used, &revoked)
		t.CreatedAt, t.LastUsed, t.RevokedAt = database.FromMicros(created), database.TimeOrNil(used), database.TimeOrNil(revoked)
		list = append(list, t)
		return err
	})
	return list, err
}

// one gives the token that the condition names, or a not_found error with what it was called.
func (b *Book) one(called, where string, args ...any) (*keyward.APIToken, error) {
	list, err := b.list(where, args...)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, database.NotFound(called)
	}
	return &list[0], nil
}

func (b *Book) byID(tenant, id string) (*keyward.APIToken, error) {
	return b.one("API token of that id", `u.tenant = $1 AND t.id = $2`, database.Clean(tenant), database.Clean(id))
}

// CreateAPIToken stores a token of an existing user by its SHA-256. An empty ID and zero CreatedAt are filled in. A
// user that is missing is an invalid_input error; a hash that is stored already is a conflict.
func (b *Book) CreateAPIToken(t *keyward.APIToken, hash []byte) error {
	t.Tenant = cmp.Or(t.Tenant, keyward.DefaultTenant)
	var userID string
	found, err := b.run.One(`SELECT id FROM users WHERE tenant = $1 AND name = $2`,
		[]any{database.Clean(t.Tenant), database.Clean(t.User)}, &userID)
	if err != nil {
		return err
	}
	if !found {
		return database.Invalid("user", "there is no User %s", strings.ToValidUTF8(t.User, "?"))
	}
	if list, err := b.list(`t.hash = $1`, hash); err != nil {
		return err
	} else if len(list) > 0 {
		return database.Conflict("token", "this token is stored already")
	}
	if t.ID == "" {
		t.ID = database.NewID()
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = b.now
	}
	if _, err := b.run.Exec(`INSERT INTO api_tokens (id, user_id, hash, created_at) VALUES ($1, $2, $3, $4)`,
		t.ID, userID, hash, database.Micros(t.CreatedAt)); err != nil {
		return err
	}
	return b.trail.Audit(keyward.AuditEntry{
		Tenant: t.Tenant, Action: "token.created", Kind: "APIToken", Name: t.ID, Detail: "user " + t.User,
	})
}

// APITokenByHash gives the token, revoked or not, or a not_found error. It is gone with its user.
func (b *Book) APITokenByHash(hash []byte) (*keyward.APIToken, error) {
	return b.one("API token like that", `t.hash = $1`, hash)
}

// APITokens lists a tenant's tokens, oldest first; an empty tenant is every tenant.
func (b *Book) APITokens(tenant string) ([]keyward.APIToken, error) {
	if tenant == "" {
		return b.list(`1 = 1 ORDER BY t.created_at, t.id`)
	}
	// There are fewer tokens than users: the tenant's index is kept out of it.
	return b.list(`u.tenant || '' = $1 ORDER BY t.created_at, t.id`, database.Clean(tenant))
}

// RevokeAPIToken revokes the token of that id in the tenant, or gives a not_found error. Revoking twice changes
// nothing.
func (b *Book) RevokeAPIToken(tenant, id string) error {
	t, err := b.byID(tenant, id)
	if err != nil {
		return err
	}
	if t.RevokedAt != nil {
		return nil
	}
	if _, err := b.run.Exec(`UPDATE api_tokens SET revoked_at = $1 WHERE id = $2`,
		database.Micros(b.now), id); err != nil {
		return err
	}
	return b.trail.Audit(keyward.AuditEntry{
		Tenant: tenant, Action: "token.revoked", Kind: "APIToken", Name: id, Detail: "user " + t.User,
	})
}

// TouchAPIToken notes when the token was last used. A token that is gone is no error.
func (b *Book) TouchAPIToken(id string, at time.Time) error {
	_, err := b.run.Exec(`UPDATE api_tokens SET last_used = $1 WHERE id = $2`, database.Micros(at), database.Clean(id))
	return err
}

// ReinstateAPIToken makes a revoked token valid again: the settings name the first administrator's token, and may name
// a former one. A token that is not there gives a not_found error.
func (b *Book) ReinstateAPIToken(tenant, id string) error {
	t, err := b.byID(tenant, id)
	if err != nil {
		return err
	}
	if t.RevokedAt == nil {
		return nil
	}
	if _, err := b.run.Exec(`UPDATE api_tokens SET revoked_at = NULL WHERE id = $1`, id); err != nil {
		return err
	}
	return b.trail.Audit(keyward.AuditEntry{
		Tenant: tenant, Action: "token.reinstated", Kind: "APIToken", Name: id, Detail: "user " + t.User,
	})
}
