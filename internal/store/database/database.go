// Package database owns how SQLite and PostgreSQL are opened, their schema, how values are put into a statement and what
// their errors mean. It does not own any statement on the tables: those are the same for both, and the store's.
package database

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
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // registers the driver that openSQLite names
)

//go:embed migrations
var migrations embed.FS

// DB is an open database. The fields are what differs between the two, beside the types of the schema.
type DB struct {
	Write *sql.DB        // on SQLite one connection, whose transactions begin with the write lock
	Read  *sql.DB        // on PostgreSQL the same as Write
	Reads *sql.TxOptions // one snapshot for the whole transaction
	Clock string         // the database's time in microseconds since 1970, as an SQL expression

	dialect goose.Dialect
	begin   time.Duration // how long a transaction may wait for its connection and its beginning
	answer  time.Duration // how long a statement may wait for its answer, or for its next row; 0 = for ever
	guard   *sql.DB       // on the lock file of the data folder; nil on PostgreSQL
	locked  *sql.Conn     // the one connection of guard, which Close must give back for it to be closed
	lock    time.Duration // how long a lock of another program on SQLite's file is waited for
	turn    turn
}

// Open opens PostgreSQL at a postgres:// URL, or without one SQLite on a file in dir. Close it, after an error too.
func Open(ctx context.Context, address, dir string) (*DB, error) {
	db := &DB{}
	switch {
	case address == "":
		return db, db.openSQLite(ctx, dir)
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		return db, db.openPostgres(ctx, address)
	}
	return db, errors.New("the database is a postgres://… URL, or none for SQLite in the data folder")
}

// Patience sets how long a statement on PostgreSQL may wait for its answer, or a lock on SQLite's file is waited for, and gives how
// long it was before.
func (db *DB) Patience(d time.Duration) (before time.Duration) {
	if db.lock > 0 {
		before, db.lock = db.lock, d
		return before
	}
	before, db.answer = db.answer, d
	return before
}

// Close closes all connections. Transactions under way fail.
func (db *DB) Close() error {
	var errs []error
	if db.locked != nil {
		errs = append(errs, db.locked.Close())
	}
	for _, pool := range []*sql.DB{db.Read, db.Write, db.guard} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

// Connections kept to PostgreSQL by one process. Writes queue on the groups' counters anyway.
const postgresConns = 16

// How long anything waits for a database. On SQLite a transaction that writes waits for those before it, the longest of which is an
// apply of very much, and then for a lock that only another program can have: one that makes a backup, or a person's. A server that is
// frozen, or was cut off, ends no connection: nothing else would end a statement there.
const (
	sqliteBegin    = 30 * time.Second
	sqliteLock     = 5 * time.Second
	postgresBegin  = 10 * time.Second
	postgresAnswer = 30 * time.Second
)

// openSQLite opens one writing connection and several reading ones on the file in dir, and takes the folder's lock.
func (db *DB) openSQLite(ctx context.Context, dir string) error {
	db.dialect, db.begin, db.lock = goose.DialectSQLite3, sqliteBegin, sqliteLock
	db.Clock = `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`
	db.Reads = &sql.TxOptions{ReadOnly: true} // in WAL mode a transaction reads the snapshot of its first statement
	if dir == "" {
		return errors.New("SQLite needs a data folder")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := db.lockFolder(ctx, dir); err != nil {
		return err
	}
	path := filepath.Join(dir, "keyward.db")
	if err := ensurePrivate(path); err != nil {
		return err
	}
	var err error
	if db.Write, err = sqliteDB(path, "_txlock=immediate"); err != nil {
		return err
	}
	db.Write.SetMaxOpenConns(1)
	if err := db.Write.PingContext(ctx); err != nil {
		return fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	if db.Read, err = sqliteDB(path, "_pragma=query_only(1)"); err != nil {
		return err
	}
	db.Read.SetMaxOpenConns(8)
	db.Read.SetMaxIdleConns(8)
	return nil
}

// lockFolder holds an exclusive lock on a file beside the database for as long as the store is open, so that no second
// control plane runs on it. The system lets go of it when the process dies, however that happens.
func (db *DB) lockFolder(ctx context.Context, dir string) error {
	path := filepath.Join(dir, "keyward.lock")
	if err := ensurePrivate(path); err != nil {
		return err
	}
	guard, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: absolute(path)}).String())
	if err != nil {
		return fmt.Errorf("lock the data folder: %w", err)
	}
	db.guard = guard
	guard.SetMaxOpenConns(1)
	conn, err := guard.Conn(ctx)
	if err != nil {
		return fmt.Errorf("lock the data folder: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		_ = conn.Close()
		if primaryCode(err) == busy {
			return errors.New("another keyward runs on this data folder: stop it, or give this one a folder of its own")
		}
		return fmt.Errorf("lock the data folder: %w", err)
	}
	db.locked = conn
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
		fmt.Sprintf("?_pragma=busy_timeout(%d)", sqliteLock.Milliseconds()) +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&" + options
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	return pool, nil
}

func (db *DB) openPostgres(ctx context.Context, address string) error {
	db.dialect, db.begin, db.answer = goose.DialectPostgres, postgresBegin, postgresAnswer
	db.Clock = `CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`
	db.Reads = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return errors.New("the database URL cannot be read: write postgres://user:password@host:port/name")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	config.RuntimeParams["application_name"] = "keyward"
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns / 2)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db.Write, db.Read = pool, pool
	if err := pool.PingContext(ctx); err != nil {
		return fmt.Errorf("reach PostgreSQL at %s: %w", config.Host, err)
	}
	return nil
}

// Schema tells whether the database is new, and gives the step that brings it up to date. A schema of a newer program
// is an error.
func (db *DB) Schema(ctx context.Context) (fresh bool, migrate func(context.Context) error, err error) {
	files, err := fs.Sub(migrations, "migrations/"+strings.TrimSuffix(string(db.dialect), "3"))
	if err != nil {
		return false, nil, fmt.Errorf("read the schema: %w", err)
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	if db.dialect == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return false, nil, fmt.Errorf("make the migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(db.dialect, db.Write, files, options...)
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
