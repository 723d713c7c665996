package store

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	keyward "keyward.dev/keyward"
)

// errRace says that another transaction changed what this one had read: a fresh run of it will see that.
var errRace = errors.New("another transaction changed the same object")

// Primary result codes of SQLite.
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteConstraint = 19
)

func primaryCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// passing tells whether a fresh run of the transaction may succeed. On PostgreSQL that includes a broken constraint:
// Put and Delete look before they write, so it was another transaction that came between, and the next look names it.
func passing(err error) bool {
	if errors.Is(err, errRace) {
		return true
	}
	if code := primaryCode(err); code == sqliteBusy || code == sqliteLocked {
		return true
	}
	return serializationFault(err) || constraintFault(err) && primaryCode(err) == 0
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

// constraintFault holds unique_violation and foreign_key_violation, and SQLite's one code for both.
func constraintFault(err error) bool {
	switch sqlState(err) {
	case "23505", "23503":
		return true
	}
	return primaryCode(err) == sqliteConstraint
}

// settled is the error of a transaction that will not be run again.
func settled(err error) error {
	var told *keyward.Error
	switch {
	case err == nil || errors.As(err, &told):
		return err
	case errors.Is(err, errRace), constraintFault(err):
		return &keyward.Error{
			Code: keyward.CodeConflict, Message: "others are changing the same objects: try again", Err: err,
		}
	}
	return err
}

func notFound(what string) error {
	return &keyward.Error{Code: keyward.CodeNotFound, Message: "there is no " + what}
}

func conflict(path, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return &keyward.Error{
		Code: keyward.CodeConflict, Message: message,
		Fields: []keyward.FieldError{{Path: path, Code: keyward.CodeConflict, Message: message}},
	}
}

func invalid(path, format string, args ...any) error {
	return keyward.Invalid([]keyward.FieldError{
		{Path: path, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...)},
	})
}
