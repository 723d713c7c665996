package database

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// Primary result codes of SQLite.
const (
	busy       = 5
	locked     = 6
	noMemory   = 7
	readOnly   = 8
	ioFault    = 10
	corrupt    = 11
	full       = 13
	cannotOpen = 14
	protocol   = 15
	constraint = 19
	notADB     = 26
)

func primaryCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// Passing tells whether a fresh run of the transaction may succeed. On PostgreSQL that includes a broken constraint:
// who looks before writing was overtaken by another transaction, which the next look sees. SQLite has one writer, and was waited
// for already.
func Passing(err error) bool {
	return serializationFault(err) || Constraint(err) && primaryCode(err) == 0
}

// Away tells whether the database could not do its work, whatever that was: it is out of reach, does not answer, is full, locked by
// another program, or takes nothing now. It says nothing about whether a transaction that was being committed counts.
func Away(err error) bool {
	switch primaryCode(err) {
	case busy, locked, noMemory, readOnly, ioFault, corrupt, full, cannotOpen, protocol, notADB:
		return true
	}
	if state := sqlState(err); len(state) == 5 {
		switch state[:2] { // the classes of PostgreSQL's manual, appendix A
		case "08", "28", "53", "57", "58", "XX": // connection, login, resources, operator, system and internal faults
			return true
		}
		return state == "25006" || state == "3D000" // a standby that takes no writes; no database of that name
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.Is(err, errLate) || errors.Is(err, errLocked) ||
		errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone)
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
