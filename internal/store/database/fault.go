package database

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// Primary result codes of SQLite.
const (
	busy       = 5
	locked     = 6
	constraint = 19
)

func primaryCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// Passing tells whether a fresh run of the transaction may succeed. On PostgreSQL that includes a broken constraint:
// who looks before writing was overtaken by another transaction, which the next look sees. SQLite has one writer.
func Passing(err error) bool {
	if code := primaryCode(err); code == busy || code == locked {
		return true
	}
	return serializationFault(err) || Constraint(err) && primaryCode(err) == 0
}

func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// serializationFault holds serialization_failure, deadlock_detected and lock_not_available.
func serializationFault(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01", "55P03":
		return true
	}
	return false
}

// Constraint tells of unique_violation and foreign_key_violation, and SQLite's one code for both.
func Constraint(err error) bool {
	switch sqlState(err) {
	case "23505", "23503":
		return true
	}
	return primaryCode(err) == constraint
}
