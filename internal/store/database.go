package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // registers the driver that openSQLite names
)

//go:embed migrations
var migrations embed.FS

// dialect is what differs between the two databases beside the types of the schema.
type dialect struct {
	name  string
	clock string         // the database's time in microseconds since 1970, as an SQL expression
	reads *sql.TxOptions // one snapshot for the whole transaction
}

// Connections kept to PostgreSQL by one process. Writes queue on the groups' counters anyway.
const postgresConns = 16

// openSQLite opens one writing connection and several reading ones on the file in dir, and takes the folder's lock.
func (s *Store) openSQLite(ctx context.Context, dir string) error {
	s.dialect = dialect{
		name:  "sqlite",
		clock: `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`,
		reads: &sql.TxOptions{ReadOnly: true}, // in WAL mode a transaction reads the snapshot of its first statement
	}
	if dir == "" {
		return errors.New("SQLite needs a data folder")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := s.lockFolder(ctx, dir); err != nil {
		return err
	}
	path := filepath.Join(dir, "keyward.db")
	if err := ensurePrivate(path); err != nil {
		return err
	}
	var err error
	if s.write, err = sqliteDB(path, "_txlock=immediate"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := s.write.PingContext(ctx); err != nil {
		return fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	if s.read, err = sqliteDB(path, "_pragma=query_only(1)"); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(8)
	s.read.SetMaxIdleConns(8)
	return nil
}

// lockFolder holds an exclusive lock on a file beside the database for as long as the store is open, so that no second
// control plane runs on it. The system lets go of it when the process dies, however that happens.
func (s *Store) lockFolder(ctx context.Context, dir string) error {
	path := filepath.Join(dir, "keyward.lock")
	if err := ensurePrivate(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: absolute(path)}).String()+"?_txlock=exclusive")
	if err != nil {
		return fmt.Errorf("lock the data folder: %w", err)
	}
	s.guard = db
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("lock the data folder: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		_ = conn.Close()
		if primaryCode(err) == sqliteBusy {
			return errors.New("another keyward runs on this data folder: stop it, or give this one a folder of its own")
		}
		return fmt.Errorf("lock the data folder: %w", err)
	}
	s.locked = conn
	return nil
}

// ensurePrivate creates a missing file that only its owner may read. SQLite gives its side files the same mode.
func ensurePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("create %s: %w", filepath.Base(path), err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("create %s: %w", filepath.Base(path), err)
	}
	return nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return filepath.ToSlash(abs)
	}
	return path
}

func sqliteDB(path, options string) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", Path: absolute(path)}).String() +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&" + options
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	return db, nil
}

func (s *Store) openPostgres(ctx context.Context, address string) error {
	s.dialect = dialect{
		name:  "postgres",
		clock: `CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`,
		reads: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return errors.New("the database URL cannot be read: write postgres://user:password@host:port/name")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	config.RuntimeParams["application_name"] = "keyward"
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns / 2)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s.write, s.read = db, db
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("reach PostgreSQL at %s: %w", config.Host, err)
	}
	return nil
}

// schema tells whether the database is new, and gives the step that brings it up to date.
func (s *Store) schema(ctx context.Context) (fresh bool, migrate func(context.Context) error, err error) {
	files, err := fs.Sub(migrations, "migrations/"+s.dialect.name)
	if err != nil {
		return false, nil, fmt.Errorf("read the schema: %w", err)
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	kind := goose.DialectSQLite3
	if s.dialect.name == "postgres" {
		kind = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return false, nil, fmt.Errorf("make the migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(kind, s.write, files, options...)
	if err != nil {
		return false, nil, fmt.Errorf("read the schema: %w", err)
	}
	have, known, err := provider.GetVersions(ctx)
	if err != nil {
		return false, nil, fmt.Errorf("read the schema's version: %w", err)
	}
	if have > known {
		return false, nil, fmt.Errorf("a newer keyward wrote this database (schema %d, this one knows %d): "+
			"run that one, or restore a backup from before the upgrade", have, known)
	}
	return have == 0, func(ctx context.Context) error {
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("bring the schema up to date: %w", err)
		}
		return nil
	}, nil
}
