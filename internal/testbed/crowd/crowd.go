// Package crowd owns very many rows in a control plane's database, SQLite or PostgreSQL, for tests of how lists, pages and
// statements are with them. It tells gateways nothing of them, and what they name is at no server.
package crowd

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Size says how many rows of each kind there are to be, all in one tenant, which must exist.
type Size struct {
	Tenant       string
	KeyManagers  int // disabled, so that nobody asks their servers
	APIs         int // on no gateway; at least one where there are applications
	Applications int // each with a subscription, and with a client where there are key managers
	Users        int
	Tenants      int // beside the one
	Gateways     int
	Audit        int // entries
}

// Names of what stands out.
const (
	Busy   = "app-00001" // has a subscription to every API and a client in every key manager
	Hermit = "hermit"    // owns the first ten applications alone
	Owner  = "crowd"     // owns the others
)

// step inserts rows numbered by i. Its text is for both databases.
type step struct {
	what  string
	count int
	into  string // table and columns
	row   string // a SELECT from n
}

// numbers are 1 to $1; $2 is the tenant, $3 the time.
const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < CAST($1 AS INTEGER)),
	x(tenant, at) AS (SELECT CAST($2 AS TEXT), CAST($3 AS BIGINT)) `

// padded is a number with leading zeros, in SQL.
func padded(number string) string { return `substr(CAST(100000 + ` + number + ` AS TEXT), 2)` }

const objectColumns = `id, tenant, name, set_name, version, spec, status, sealed, gateway_row, search, created_at, updated_at`

// object is the SELECT of an object's columns and of further ones. In spec, status and row N stands for the number with
// zeros, and the texts are SQL with N spliced in.
func object(kind, name, spec, status, row, search string, more ...string) string {
	n := padded("i")
	text := func(s string) string { return `'` + strings.ReplaceAll(s, "~", `' || `+n+` || '`) + `'` }
	columns := append([]string{
		`'` + kind + `-' || tenant || '-' || ` + n, "tenant", text(name), "''", "1", text(spec), text(status), "''", text(row),
		text(search), "at", "at",
	}, more...)
	return `SELECT ` + strings.Join(columns, ", ") + ` FROM n, x`
}

// Fill inserts the rows in one transaction.
func Fill(ctx context.Context, db *sql.DB, s Size) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, st := range append(s.nouns(), s.ties()...) {
		if st.count == 0 {
			continue
		}
		text := `INSERT INTO ` + st.into + ` ` + numbers + st.row //nolint:gosec // all of it is written here
		if _, err := tx.ExecContext(ctx, text, st.count, s.Tenant, time.Now().UnixMicro()); err != nil {
			return fmt.Errorf("insert %s: %w", st.what, err)
		}
	}
	for i := range s.Gateways {
		name := fmt.Sprintf("gateway-%05d", i+1)
		if _, err := tx.ExecContext(ctx, `INSERT INTO gateways (id, name, group_name, token_hash, created_at, revision, stale, build)
			VALUES ($1, $1, 'default', $2, $3, 0, FALSE, '')`, name, []byte(name), time.Now().UnixMicro()); err != nil {
			return fmt.Errorf("insert gateways: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// nouns are the objects that refer to nothing, and what is no object.
func (s Size) nouns() []step {
	apis := s.APIs
	if s.Applications > 0 {
		apis = max(apis, 1)
	}
	return []step{
		{"tenants", s.Tenants, `tenants (` + objectColumns + `)`, strings.Replace(object("tenant", "tenant-~",
			`{"displayName":"Tenant ~"}`, "", "", "tenant-~ tenant ~"), ", tenant,", ", 'default',", 1)},
		{"users", s.Users, `users (` + objectColumns + `)`, object("user", "user-~",
			`{"email":"user-~@example.com","roles":["developer"],"groups":["team-~"]}`, "", "", "user-~ user-~@example.com")},
		{"key managers", s.KeyManagers, `key_managers (` + objectColumns + `, introspection)`, object("manager", "manager-~",
			`{"type":"external","displayName":"Manager ~","enabled":false,"issuer":"https://manager-~.example",`+
				`"keys":{"jwks":"https://manager-~.example/keys"}}`, `{"issuer":"https://manager-~.example"}`, "",
			"manager-~ manager ~ external https://manager-~.example", "''")},
		{"plans", min(1, s.Applications+s.APIs), `plans (` + objectColumns + `)`, object("plan", "plan-~",
			`{"rate":[{"requests":100,"per":"1s"}]}`, "", `{"id":"plan-~"}`, "plan-~")},
		{"APIs", apis, `apis (` + objectColumns + `, context, api_version, is_default, served, open, takes_all)`, object("api", "api-~",
			`{"title":"API ~","context":"/api-~","version":"v1","upstream":{"production":"http://127.0.0.1:9"},"keyManagers":"all",`+
				`"operations":[{"method":"GET","path":"/items","scopes":["items:read"]}],"plans":["plan-00001"]}`, "", "",
			"api-~ api ~ /api-~ v1", `'/api-' || `+padded("i"), "'v1'", "FALSE", "FALSE", "FALSE", "TRUE")},
		{"applications", s.Applications, `applications (` + objectColumns + `)`, strings.ReplaceAll(object("app", "app-~",
			`{"displayName":"Application ~","owners":["OWNER"]}`, "", "", "app-~ application ~"), "OWNER", `' || `+owner+` || '`)},
		{"audit entries", s.Audit, `audit (at, tenant, actor, action, kind, name, detail)`,
			`SELECT at - i, tenant, 'user-' || ` + padded("i % 1000") + `, 'updated', 'Application', 'app-' || ` +
				padded("i % 5000") + `, '' FROM n, x`},
	}
}

// owner is whose an application is; the first ten are owned by somebody of their own.
const owner = `CASE WHEN i <= 10 THEN '` + Hermit + `' ELSE '` + Owner + `' END`

// ties are what refers to those.
func (s Size) ties() []step {
	id := func(kind, number string) string { return `'` + kind + `-' || tenant || '-' || ` + padded(number) }
	apis, managers := fmt.Sprintf("1 + i %% %d", max(s.APIs, 1)), fmt.Sprintf("1 + i %% %d", max(s.KeyManagers, 1))
	named := func(text, number string) string {
		return strings.ReplaceAll(text, "OTHER", `' || `+padded(number)+` || '`)
	}
	row := `{"id":"sub-~","state":"active"}`
	subscription := func(prefix, name, application, api string) string {
		return named(strings.ReplaceAll(object(prefix, name,
			`{"application":"APP","api":"api-OTHER","plan":"plan-00001"}`, "", row, name+" APP api-OTHER plan-00001",
			id("app", application), id("api", api), id("plan", "1")), "APP", `app-' || `+padded(application)+` || '`), api)
	}
	client := func(prefix, name, application, manager string) string {
		return named(strings.ReplaceAll(object(prefix, name,
			`{"application":"APP","keyManager":"manager-OTHER","clientId":"`+prefix+`-~"}`, `{"mode":"mapped","state":"active"}`,
			`{"id":"`+prefix+`-~"}`, name+" APP manager-OTHER",
			id("app", application), id("manager", manager), "'production'", `'`+prefix+`-' || `+padded("i"), "'active'"),
			"APP", `app-' || `+padded(application)+` || '`), manager)
	}
	clients := 0
	if s.KeyManagers > 0 {
		clients = s.Applications
	}
	const subscriptions = `subscriptions (` + objectColumns + `, application_id, api_id, plan_id)`
	const oauthClients = `oauth_clients (` + objectColumns + `, application_id, key_manager_id, environment, client_id, state)`
	return []step{
		{"owners", s.Applications, `application_owners (application_id, owner)`, `SELECT ` + id("app", "i") + `, ` + owner + ` FROM n, x`},
		{"holds", s.Applications / 500, `holds (object_id, reason, held_by, since, until)`,
			`SELECT ` + id("app", "i * 500") + `, 'looked into', 'admin', at, NULL FROM n, x`},
		{"groups of APIs", s.APIs, `api_groups (api_id, group_name)`, `SELECT ` + id("api", "i") + `, 'default' FROM n, x`},
		{"plans of APIs", s.APIs, `api_plans (api_id, plan_id)`, `SELECT ` + id("api", "i") + `, ` + id("plan", "1") + ` FROM n, x`},
		{"subscriptions", s.Applications, subscriptions, subscription("sub", "sub-~", "i", apis) + ` WHERE i > 1`},
		{"subscriptions of one", min(s.APIs, s.Applications*s.APIs), subscriptions, subscription("busy", "busy-~", "1", "i")},
		{"clients", clients, oauthClients, client("client", "client-~", "i", managers) + ` WHERE i > 1`},
		{"clients of one", min(s.KeyManagers, clients*s.KeyManagers), oauthClients, client("key", "key-~", "1", "i")},
		{"when they were used", clients, `client_usage (client_id, used_at)`, `SELECT ` + id("client", "i") + `, at FROM n, x`},
	}
}
