// Package gateways owns the rows of gateways: their credentials by SHA-256, the keys with which they sign, and what they report
// of themselves. It does not own what they hold, which is package feedlog's, nor how a credential looks.
package gateways

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/audited"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/feedlog"
)

// Book is the gateways as one transaction sees them.
type Book struct {
	run   *database.Run
	log   *feedlog.Log
	marks *feedlog.Marks // nil in a read
	trail *audited.Trail
	now   time.Time
}

// New gives the gateways to a transaction of the time now. Without marks it only reads.
func New(run *database.Run, log *feedlog.Log, marks *feedlog.Marks, trail *audited.Trail, now time.Time) *Book {
	return &Book{run: run, log: log, marks: marks, trail: trail, now: now}
}

// KeyOverlap is how long a gateway's older keys stay published after a new one.
const KeyOverlap = 10 * time.Minute

// awayAfter is how long a gateway may say nothing; it reports every two seconds.
const awayAfter = 10 * time.Second

const gatewayColumns = `SELECT w.id, w.name, w.group_name, w.created_at, w.revoked_at, w.last_seen, w.revision, w.stale,
	w.build, g.revision FROM gateways w JOIN gateway_groups g ON g.name = w.group_name WHERE `

func (b *Book) gateways(where string, args ...any) ([]keyward.Gateway, error) {
	var list []keyward.Gateway
	err := b.run.Rows(gatewayColumns+where, args, func(r database.Row) error {
		var g keyward.Gateway
		var created int64
		var revoked, seen *int64
		var head uint64
		err := r.Scan(&g.ID, &g.Name, &g.Group, &created, &revoked, &seen, &g.Revision, &g.Stale, &g.Build, &head)
		g.CreatedAt, g.RevokedAt, g.LastSeen = database.FromMicros(created), database.TimeOrNil(revoked), database.TimeOrNil(seen)
		g.Away = g.LastSeen != nil && b.now.Sub(*g.LastSeen) > awayAfter
		if head > g.Revision {
			g.Lag = head - g.Revision
		}
		list = append(list, g)
		return err
	})
	return list, err
}

func (b *Book) gateway(where string, args ...any) (*keyward.Gateway, error) {
	list, err := b.gateways(where, args...)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, database.NotFound("gateway like that")
	}
	return &list[0], nil
}

// CreateGateway stores a gateway with the SHA-256 of its token. An empty ID, Group and zero CreatedAt are filled in. A
// name that a gateway has which is not revoked is a conflict; a group that is missing is an invalid_input error.
func (b *Book) CreateGateway(g *keyward.Gateway, tokenHash []byte) error {
	if why := keyward.NameFault(g.Name); why != "" {
		return database.Invalid("name", "%s", why)
	}
	if g.Group == "" {
		g.Group = keyward.DefaultGroup
	}
	if _, err := b.log.Head(g.Group); keyward.CodeOf(err) == keyward.CodeNotFound {
		return database.Invalid("group", "there is no gateway group %s", g.Group)
	} else if err != nil {
		return err
	}
	if _, err := b.gateway(`w.name = $1 AND w.revoked_at IS NULL`, g.Name); err == nil {
		return database.Conflict("name", "there is already a gateway %s: revoke it first, or choose another name", g.Name)
	} else if keyward.CodeOf(err) != keyward.CodeNotFound {
		return err
	}
	if g.ID == "" {
		g.ID = database.NewID()
	}
	if g.CreatedAt.IsZero() {
		g.CreatedAt = b.now
	}
	if _, err := b.run.Exec(`INSERT INTO gateways (id, name, group_name, token_hash, created_at, revision, stale, build)
		VALUES ($1, $2, $3, $4, $5, 0, $6, '')`,
		g.ID, g.Name, g.Group, tokenHash, database.Micros(g.CreatedAt), false); err != nil {
		return err
	}
	return b.trail.Audit(gatewayEntry(g, "gateway.created", "group "+g.Group))
}

// GatewayByTokenHash gives the gateway, revoked or not, or a not_found error.
func (b *Book) GatewayByTokenHash(tokenHash []byte) (*keyward.Gateway, error) {
	return b.gateway(`w.token_hash = $1`, tokenHash)
}

// GatewayByName gives the gateway of the name, the last revoked one when no other is left, or a not_found error.
func (b *Book) GatewayByName(name string) (*keyward.Gateway, error) {
	return b.gateway(`w.name = $1
		ORDER BY CASE WHEN w.revoked_at IS NULL THEN 0 ELSE 1 END, w.revoked_at DESC`, database.Clean(name))
}

// Gateways lists all gateways by name, revoked ones included. Lag is how far the group's head is from the report.
func (b *Book) Gateways() ([]keyward.Gateway, error) {
	return b.gateways(`1 = 1 ORDER BY w.name, w.created_at, w.id`)
}

// RevokeGateway marks the gateway, takes its keys out of the feed and gives its group a new key, with which the
// introspection rows are sealed again. Revoking twice changes nothing.
func (b *Book) RevokeGateway(id string, at time.Time) error {
	g, err := b.gateway(`w.id = $1`, database.Clean(id))
	if err != nil {
		return err
	}
	changed, err := b.run.Exec(`UPDATE gateways SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`,
		database.Micros(at), g.ID)
	if err != nil || changed == 0 {
		return err
	}
	b.marks.Gateway(g.ID)
	if err := feedlog.NewGroupKey(b.log, b.marks, g.Group); err != nil {
		return err
	}
	return b.trail.Audit(gatewayEntry(g, "gateway.revoked", "group "+g.Group))
}

func gatewayEntry(g *keyward.Gateway, action, detail string) keyward.AuditEntry {
	return keyward.AuditEntry{Action: action, Kind: "Gateway", Name: g.Name, Detail: detail}
}

// PutGatewayKey publishes the public key with which a gateway signs backend JWTs; kid is its RFC 7638 thumbprint.
// Other keys of the gateway stay until now + 10 minutes. Putting the same key again changes nothing of the feed. A
// revoked gateway is refused with forbidden, a key of another gateway with conflict.
func (b *Book) PutGatewayKey(gatewayID, kid string, jwk json.RawMessage, now time.Time) error {
	if b.marks == nil {
		return errors.New("a write in a transaction that only reads")
	}
	g, err := b.gateway(`w.id = $1`, database.Clean(gatewayID))
	if err != nil {
		return err
	}
	if g.RevokedAt != nil {
		return &keyward.Error{Code: keyward.CodeForbidden, Message: "the gateway is revoked"}
	}
	var owner string
	found, err := b.run.One(`SELECT gateway_id FROM gateway_keys WHERE kid = $1`, []any{database.Clean(kid)}, &owner)
	if err != nil {
		return err
	}
	if found && owner != g.ID {
		return database.Conflict("jwk", "another gateway has this key")
	}
	b.marks.Gateway(g.ID)
	if _, err := b.run.Exec(`UPDATE gateway_keys SET expires_at = $1
		WHERE gateway_id = $2 AND kid <> $3 AND expires_at IS NULL`, database.Micros(now.Add(KeyOverlap)), g.ID, kid); err != nil {
		return err
	}
	if found {
		_, err := b.run.Exec(`UPDATE gateway_keys SET expires_at = NULL WHERE kid = $1`, kid)
		return err
	}
	row, err := json.Marshal(keyward.GatewayKeyRow{ID: kid, Gateway: g.ID, JWK: jwk})
	if err != nil {
		return fmt.Errorf("encode the key of gateway %s: %w", g.Name, err)
	}
	if _, err := b.run.Exec(`INSERT INTO gateway_keys (kid, gateway_id, gateway_row, created_at) VALUES ($1, $2, $3, $4)`,
		database.Clean(kid), g.ID, string(row), database.Micros(now)); err != nil {
		return err
	}
	return b.trail.Audit(gatewayEntry(g, "gateway.key", "key "+kid))
}

// DropExpiredGatewayKeys takes keys out that expired before now, and tells how many.
func (b *Book) DropExpiredGatewayKeys(now time.Time) (int, error) {
	kids, err := b.run.Texts(`SELECT kid FROM gateway_keys WHERE expires_at <= $1`, database.Micros(now))
	if err != nil {
		return 0, err
	}
	dropped := 0
	for _, kid := range kids {
		n, err := b.run.Exec(`DELETE FROM gateway_keys WHERE kid = $1 AND expires_at <= $2`, kid, database.Micros(now))
		if err != nil {
			return 0, err
		}
		b.marks.Row(keyward.RowGatewayKey, kid)
		dropped += int(n)
	}
	return dropped, nil
}

// Report is what a gateway says of itself.
type Report struct {
	Revision uint64
	Stale    bool
	Build    string // empty keeps what is stored
	At       time.Time
}

// ReportGateway notes a report. It changes nothing of the feed.
func (b *Book) ReportGateway(id string, r Report) error {
	_, err := b.run.Exec(`UPDATE gateways SET revision = $1, stale = $2, last_seen = $3,
		build = CASE WHEN CAST($4 AS TEXT) = '' THEN build ELSE CAST($4 AS TEXT) END WHERE id = $5`,
		r.Revision, r.Stale, database.Micros(r.At), database.Clean(r.Build), database.Clean(id))
	return err
}
