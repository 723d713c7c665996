// Command crowd puts very many applications into the database of a control plane that runs on SQLite, for tests of how its
// lists are with them. It does not tell gateways of them, and nothing but such tests may use it.
//
// usage: crowd DATA-FOLDER TENANT COUNT
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	_ "modernc.org/sqlite" // the driver that run names
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

// numbers are 1 to the count; the first ten applications are owned by somebody of their own.
const (
	numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) `
	owner   = `CASE WHEN i <= 10 THEN 'hermit' ELSE 'crowd' END`

	applications = `INSERT INTO applications (id, tenant, name, set_name, version, spec, status, sealed, gateway_row, search,
	created_at, updated_at) ` + numbers + `SELECT printf('crowd-%s-%05d', $1, i), $1, printf('app-%05d', i), '', 1,
	printf('{"displayName":"Application %05d","owners":["%s"]}', i, ` + owner + `), '', '', '',
	printf('app-%05d application %05d', i, i), $3, $3 FROM n`
	owners = `INSERT INTO application_owners (application_id, owner) ` + numbers +
		`SELECT printf('crowd-%s-%05d', $1, i), ` + owner + ` FROM n`
)

func run(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("want a data folder, a tenant and a count, got %q", args)
	}
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("read the count: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(args[0], "keyward.db")+"?_txlock=immediate&_pragma=busy_timeout(20000)")
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, applications, args[1], count, time.Now().UnixMicro()); err != nil {
		return fmt.Errorf("insert applications: %w", err)
	}
	if _, err := tx.ExecContext(ctx, owners, args[1], count); err != nil {
		return fmt.Errorf("insert their owners: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
