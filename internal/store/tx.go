package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	keyward "keyward.dev/keyward"
)

// Tx is one transaction. It lives as long as the function that got it, and is for one goroutine.
type Tx struct {
	ctx    context.Context // of the one call that the Tx lives in
	store  *Store
	sql    *sql.Tx
	actor  string
	now    time.Time          // the time of everything that the transaction writes
	marks  *marks             // what the feed must look at before the commit; nil in a read
	seen   map[string]int64   // versions of the objects read so far, by id
	vacant map[string]*stored // what Vacate took away and Put has not brought back, by id
	undo   []func()           // gives objects back what Put set, for a transaction that is rolled back
	broken error              // the first fault of the database itself: nothing after it counts
}

// Read runs fn over one snapshot of the database. Do not keep the Tx, and do not wait for a network in fn.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	t, err := s.db.Read.BeginTx(ctx, s.db.Reads)
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	defer func() { _ = t.Rollback() }() // nothing was written
	tx := &Tx{ctx: ctx, store: s, sql: t, now: now()}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.broken
}

// Write runs fn in one transaction: object rows, then the feed rows and log records that follow from them, then the
// commit. fn may run more than once, from a fresh transaction each time, so it must have no other effect. Its own
// error rolls everything back and is returned as it is. actor is who the audit trail names: a user, or system/ROOM.
func (s *Store) Write(ctx context.Context, actor string, fn func(*Tx) error) error {
	if err := s.attempts(ctx, actor, fn, true); err != nil {
		return err
	}
	s.committed()
	return nil
}

// DryRun is Write that is rolled back at its end, whatever fn returned.
func (s *Store) DryRun(ctx context.Context, actor string, fn func(*Tx) error) error {
	return s.attempts(ctx, actor, fn, false)
}

func (s *Store) attempts(ctx context.Context, actor string, fn func(*Tx) error, keep bool) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 5*time.Millisecond, 250*time.Millisecond
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := s.attempt(ctx, actor, fn, keep)
		if err != nil && !passing(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(12), backoff.WithMaxElapsedTime(30*time.Second))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Unwrap()
	}
	return settled(err)
}

// attempt runs the transaction once. A fault of the database counts before whatever fn made of it.
func (s *Store) attempt(ctx context.Context, actor string, fn func(*Tx) error, keep bool) (err error) {
	t, err := s.db.Write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to write: %w", err)
	}
	tx := &Tx{ctx: ctx, store: s, sql: t, actor: actor, now: now(), marks: newMarks(), seen: map[string]int64{}}
	tx.vacant = map[string]*stored{}
	done := false
	defer func() {
		if !done {
			_ = t.Rollback() // what failed before is what must be told
			for _, undo := range tx.undo {
				undo()
			}
		}
	}()
	err = fn(tx)
	if err == nil && tx.broken == nil {
		err = tx.settle()
	}
	if err == nil && tx.broken == nil {
		err = tx.project()
	}
	if tx.broken != nil && (err == nil || passing(tx.broken)) {
		err = tx.broken
	}
	if err != nil || !keep {
		return err
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	return nil
}

// now is cut to what the database keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// fault notes that the database refused a statement; on PostgreSQL nothing of the transaction counts after that.
func (tx *Tx) fault(query string, err error) error {
	words := strings.Fields(query)
	err = fmt.Errorf("%s: %w", strings.ToLower(strings.Join(words[:min(3, len(words))], " ")), err)
	if tx.broken == nil {
		tx.broken = err
	}
	return err
}

func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if tx.marks == nil {
		return 0, errors.New("a write in a transaction that only reads")
	}
	r, err := tx.sql.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, tx.fault(query, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return 0, tx.fault(query, err)
	}
	return n, nil
}

// one reads the first row of the answer, and tells whether there was one.
func (tx *Tx) one(query string, args []any, into ...any) (bool, error) {
	err := tx.sql.QueryRowContext(tx.ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, tx.fault(query, err)
	}
	return true, nil
}

// rows calls scan for each row of the answer. scan must not use the transaction: its connection is busy.
func (tx *Tx) rows(query string, args []any, scan func(scanner) error) error {
	rows, err := tx.sql.QueryContext(tx.ctx, query, args...)
	if err != nil {
		return tx.fault(query, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells of anything that matters
	for rows.Next() {
		if err := scan(rows); err != nil {
			return tx.fault(query, err)
		}
	}
	if err := rows.Err(); err != nil {
		return tx.fault(query, err)
	}
	return nil
}

// scanner is a row of an answer.
type scanner interface{ Scan(into ...any) error }

// texts reads one column of text.
func (tx *Tx) texts(query string, args ...any) ([]string, error) {
	var list []string
	err := tx.rows(query, args, func(r scanner) error {
		var v string
		err := r.Scan(&v)
		list = append(list, v)
		return err
	})
	return list, err
}

// keep makes the transaction's rollback give the object back what it had.
func (tx *Tx) keep(o *keyward.Object) {
	before := *o
	tx.undo = append(tx.undo, func() { *o = before })
}
