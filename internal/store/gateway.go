package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	keyward "keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/feedlog"
)

// keyOverlap is how long a gateway's older keys stay published after a new one.
const keyOverlap = 10 * time.Minute

// awayAfter is how long a gateway may say nothing; it reports every two seconds.
const awayAfter = 10 * time.Second

const gatewayColumns = `SELECT w.id, w.name, w.group_name, w.created_at, w.revoked_at, w.last_seen, w.revision, w.stale,
	w.build, g.revision FROM gateways w JOIN gateway_groups g ON g.name = w.group_name WHERE `

func (tx *Tx) gateways(where string, args ...any) ([]keyward.Gateway, error) {
	var list []keyward.Gateway
	err := tx.run.Rows(gatewayColumns+where, args, func(r database.Row) error {
		var g keyward.Gateway
		var created int64
		var revoked, seen *int64
		var head uint64
		err := r.Scan(&g.ID, &g.Name, &g.Group, &created, &revoked, &seen, &g.Revision, &g.Stale, &g.Build, &head)
		g.CreatedAt, g.RevokedAt, g.LastSeen = database.FromMicros(created), database.TimeOrNil(revoked), database.TimeOrNil(seen)
		g.Away = g.LastSeen != nil && tx.now.Sub(*g.LastSeen) > awayAfter
		if head > g.Revision {
			g.Lag = head - g.Revision
		}
		list = append(list, g)
		return err
	})
	return list, err
}

func (tx *Tx) gateway(where string, args ...any) (*keyward.Gateway, error) {
	list, err := tx.gateways(where, args...)
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
func (tx *Tx) CreateGateway(g *keyward.Gateway, tokenHash []byte) error {
	if !keyward.ValidName(g.Name) {
		return invalid("name", notAName, g.Name)
	}
	if g.Group == "" {
		g.Group = keyward.DefaultGroup
	}
	if _, err := tx.Head(g.Group); keyward.CodeOf(err) == keyward.CodeNotFound {
		return invalid("group", "there is no gateway group %s", g.Group)
	} else if err != nil {
		return err
	}
	if _, err := tx.gateway(`w.name = $1 AND w.revoked_at IS NULL`, g.Name); err == nil {
		return conflict("name", "there is already a gateway %s: revoke it first, or choose another name", g.Name)
	} else if keyward.CodeOf(err) != keyward.CodeNotFound {
		return err
	}
	if g.ID == "" {
		g.ID = NewID()
	}
	if g.CreatedAt.IsZero() {
		g.CreatedAt = tx.now
	}
	if _, err := tx.run.Exec(`INSERT INTO gateways (id, name, group_name, token_hash, created_at, revision, stale, build)
		VALUES ($1, $2, $3, $4, $5, 0, $6, '')`,
		g.ID, g.Name, g.Group, tokenHash, database.Micros(g.CreatedAt), false); err != nil {
		return err
	}
	return tx.Audit(gatewayEntry(g, "gateway.created", "group "+g.Group))
}

// GatewayByTokenHash gives the gateway, revoked or not, or a not_found error.
func (tx *Tx) GatewayByTokenHash(tokenHash []byte) (*keyward.Gateway, error) {
	return tx.gateway(`w.token_hash = $1`, tokenHash)
}

// GatewayByName gives the gateway of the name, the last revoked one when no other is left, or a not_found error.
func (tx *Tx) GatewayByName(name string) (*keyward.Gateway, error) {
	return tx.gateway(`w.name = $1
		ORDER BY CASE WHEN w.revoked_at IS NULL THEN 0 ELSE 1 END, w.revoked_at DESC`, database.Clean(name))
}

// Gateways lists all gateways by name, revoked ones included. Lag is how far the group's head is from the report.
func (tx *Tx) Gateways() ([]keyward.Gateway, error) {
	return tx.gateways(`1 = 1 ORDER BY w.name, w.created_at, w.id`)
}

// RevokeGateway marks the gateway, takes its keys out of the feed and gives its group a new key, with which the
// introspection rows are sealed again. Revoking twice changes nothing.
func (tx *Tx) RevokeGateway(id string, at time.Time) error {
	g, err := tx.gateway(`w.id = $1`, database.Clean(id))
	if err != nil {
		return err
	}
	changed, err := tx.run.Exec(`UPDATE gateways SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`,
		database.Micros(at), g.ID)
	if err != nil || changed == 0 {
		return err
	}
	tx.marks.Gateway(g.ID)
	if err := feedlog.NewGroupKey(tx.feedLog, tx.marks, g.Group); err != nil {
		return err
	}
	return tx.Audit(gatewayEntry(g, "gateway.revoked", "group "+g.Group))
}

func gatewayEntry(g *keyward.Gateway, action, detail string) keyward.AuditEntry {
	return keyward.AuditEntry{Action: action, Kind: "Gateway", Name: g.Name, Detail: detail}
}

// PutGatewayKey publishes the public key with which a gateway signs backend JWTs; kid is its RFC 7638 thumbprint.
// Other keys of the gateway stay until now + 10 minutes. Putting the same key again changes nothing of the feed. A
// revoked gateway is refused with forbidden, a key of another gateway with conflict.
func (tx *Tx) PutGatewayKey(gatewayID, kid string, jwk json.RawMessage, now time.Time) error {
	if tx.marks == nil {
		return errors.New("a write in a transaction that only reads")
	}
	g, err := tx.gateway(`w.id = $1`, database.Clean(gatewayID))
	if err != nil {
		return err
	}
	if g.RevokedAt != nil {
		return &keyward.Error{Code: keyward.CodeForbidden, Message: "the gateway is revoked"}
	}
	var owner string
	found, err := tx.run.One(`SELECT gateway_id FROM gateway_keys WHERE kid = $1`, []any{database.Clean(kid)}, &owner)
	if err != nil {
		return err
	}
	if found && owner != g.ID {
		return conflict("jwk", "another gateway has this key")
	}
	tx.marks.Gateway(g.ID)
	if _, err := tx.run.Exec(`UPDATE gateway_keys SET expires_at = $1
		WHERE gateway_id = $2 AND kid <> $3 AND expires_at IS NULL`, database.Micros(now.Add(keyOverlap)), g.ID, kid); err != nil {
		return err
	}
	if found {
		_, err := tx.run.Exec(`UPDATE gateway_keys SET expires_at = NULL WHERE kid = $1`, kid)
		return err
	}
	row, err := json.Marshal(keyward.GatewayKeyRow{ID: kid, Gateway: g.ID, JWK: jwk})
	if err != nil {
		return fmt.Errorf("encode the key of gateway %s: %w", g.Name, err)
	}
	if _, err := tx.run.Exec(`INSERT INTO gateway_keys (kid, gateway_id, gateway_row, created_at) VALUES ($1, $2, $3, $4)`,
		database.Clean(kid), g.ID, string(row), database.Micros(now)); err != nil {
		return err
	}
	return tx.Audit(gatewayEntry(g, "gateway.key", "key "+kid))
}

// DropExpiredGatewayKeys takes keys out that expired before now, and tells how many.
func (tx *Tx) DropExpiredGatewayKeys(now time.Time) (int, error) {
	kids, err := tx.run.Texts(`SELECT kid FROM gateway_keys WHERE expires_at <= $1`, database.Micros(now))
	if err != nil {
		return 0, err
	}
	dropped := 0
	for _, kid := range kids {
		n, err := tx.run.Exec(`DELETE FROM gateway_keys WHERE kid = $1 AND expires_at <= $2`, kid, database.Micros(now))
		if err != nil {
			return 0, err
		}
		tx.marks.Row(keyward.RowGatewayKey, kid)
		dropped += int(n)
	}
	return dropped, nil
}

// GatewayReport is what a gateway says of itself.
type GatewayReport struct {
	Revision uint64
	Stale    bool
	Build    string // empty keeps what is stored
	At       time.Time
}

// ReportGateway notes a report. It changes nothing of the feed.
func (tx *Tx) ReportGateway(id string, r GatewayReport) error {
	_, err := tx.run.Exec(`UPDATE gateways SET revision = $1, stale = $2, last_seen = $3,
		build = CASE WHEN CAST($4 AS TEXT) = '' THEN build ELSE CAST($4 AS TEXT) END WHERE id = $5`,
		r.Revision, r.Stale, database.Micros(r.At), database.Clean(r.Build), database.Clean(id))
	return err
}
