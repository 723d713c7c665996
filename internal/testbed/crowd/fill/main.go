// Command fill puts a crowd into the database of a control plane, which may run on it. It does not own what a crowd is: see
// the package crowd.
//
// usage: fill DATA-FOLDER|postgres://… '{"Tenant": "default", "Applications": 50000, …}'
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers that open names
	_ "modernc.org/sqlite"

	"keyward.dev/keyward/internal/testbed/crowd"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("want where the database is, and a size as JSON")
	}
	var size crowd.Size
	if err := json.Unmarshal([]byte(args[1]), &size); err != nil {
		return fmt.Errorf("read the size: %w", err)
	}
	db, err := open(args[0])
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { _ = db.Close() }()
	return crowd.Fill(ctx, db, size)
}

func open(at string) (*sql.DB, error) {
	if strings.HasPrefix(at, "postgres://") {
		return sql.Open("pgx", at)
	}
	return sql.Open("sqlite", "file:"+filepath.Join(at, "keyward.db")+"?_txlock=immediate&_pragma=busy_timeout(20000)")
}
