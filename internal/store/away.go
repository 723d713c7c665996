package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

// away is whether the last transaction that read, and the last that wrote, failed because of the database, and when the last one did
// that wrote, in nanoseconds since 1970.
type away struct {
	reads, writes atomic.Bool
	unwritten     atomic.Int64
}

// unwrittenFor is how long the database counts as away after it did not take something, whatever it took since: on a full disk there
// may be room for what is small.
const unwrittenFor = 15 * time.Second

// comeAgain is when whoever needed the database may try again.
const comeAgain = 5 * time.Second

// settled is the error of a transaction that will not be run again, and notes what it says about the database. The log has the cause
// once, not for each transaction.
func (s *Store) settled(ctx context.Context, kind *atomic.Bool, err error) error {
	if err == nil {
		if kind.Load() && kind.Swap(false) {
			s.log.InfoContext(ctx, "the database does its work again")
		}
		return nil
	}
	if !database.Away(err) || ctx.Err() != nil {
		return settled(err)
	}
	if kind == &s.away.writes {
		s.away.unwritten.Store(time.Now().UnixNano())
	}
	if !kind.Swap(true) {
		s.log.ErrorContext(ctx, "the database cannot be used", "error", err)
	}
	return &keyward.Error{
		Code: keyward.CodeDatabaseUnavailable, Err: err, RetryAfter: comeAgain,
		Message: "the control plane cannot use its database now: try again in a moment, and if it stays so, its administrator sees why " +
			"in its log; gateways go on deciding meanwhile",
	}
}

// Refuses tells whether the last that was written was not taken: what can be left out is not waited for then.
func (s *Store) Refuses() bool { return s.away.writes.Load() }

// Ping tells whether the database answers, and whether it took what was written lately.
func (s *Store) Ping(ctx context.Context) error {
	err := s.Read(ctx, func(tx *Tx) error {
		_, err := tx.run.Texts(`SELECT name FROM keyring WHERE name = $1`, canaryName)
		return err
	})
	if err != nil {
		return errUnread
	}
	if time.Since(time.Unix(0, s.away.unwritten.Load())) < unwrittenFor {
		return errUnwritten
	}
	if !s.away.writes.Load() {
		return nil
	}
	err = s.Write(ctx, "system/store", func(tx *Tx) error {
		_, err := tx.run.Exec(`UPDATE keyring SET sealed = sealed WHERE name = $1`, canaryName)
		return err
	})
	if err != nil {
		return errUnwritten
	}
	return nil
}

// What Ping tells: the cause names hosts and users, and is in the log.
var (
	errUnread    = errors.New("the database does not answer; the log says why")
	errUnwritten = errors.New("the database takes nothing; the log says why")
)
