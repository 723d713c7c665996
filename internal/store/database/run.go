package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
)

// Run is one transaction: its statements, and the first fault of the database among them. It is for one goroutine.
type Run struct {
	ctx     context.Context // of the one call that the transaction lives in
	sql     *sql.Tx
	dialect goose.Dialect
	writes  bool
	broken  error

	answer time.Duration // see DB
	turn   *turn         // of a transaction that writes SQLite
	watch  *time.Timer   // ends ctx when the database is waited for too long; nil = it is not, once begun
	end    context.CancelCauseFunc
}

// What the database was waited for in vain for.
var (
	errLate   = errors.New("the database does not answer")
	errLocked = errors.New("another program has locked the database")
)

// late tells of a fault that came of the watch, or of a lock that another transaction met, what it was.
func late(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause == errLate || cause == errLocked { //nolint:errorlint // they are given as they are
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// turn is whose the one connection is with which SQLite is written: while a transaction of ours has it, others wait for it as long as
// they wait at all. Where nobody has, another program has locked the file, and all who wait are told so together: each would wait as
// long as it takes to see that, one after the other.
type turn struct {
	mu    sync.Mutex
	taken bool
	since time.Time // when it was taken or given back
}

func (t *turn) pass(taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken, t.since = taken, time.Now()
}

// untaken is for how long nobody has had it, of the time since a moment.
func (t *turn) untaken(since time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken {
		return 0
	}
	if t.since.After(since) {
		since = t.since
	}
	return time.Since(since)
}

// untilLocked ends a transaction that waits for its turn when nobody has had it for as long as a lock is waited for. begun ends that.
func (db *DB) untilLocked(r *Run) (begun func()) {
	since, has := time.Now(), &atomic.Bool{}
	var look func()
	look = func() {
		if has.Load() {
			return
		}
		if wait := db.lock - db.turn.untaken(since); wait > 0 {
			time.AfterFunc(wait, look)
			return
		}
		r.end(errLocked)
	}
	first := time.AfterFunc(db.lock, look)
	return func() {
		has.Store(true)
		first.Stop()
	}
}

// BeginRead begins a transaction over one snapshot, in which nothing can be written.
func (db *DB) BeginRead(ctx context.Context) (*Run, error) {
	r, err := db.beginOn(ctx, db.Read, db.Reads)
	if err != nil {
		return nil, fmt.Errorf("begin to read: %w", err)
	}
	return r, nil
}

// BeginWrite begins a transaction that writes. On SQLite it waits for the one before.
func (db *DB) BeginWrite(ctx context.Context) (*Run, error) {
	r, err := db.beginOn(ctx, db.Write, nil)
	if err != nil {
		return nil, fmt.Errorf("begin to write: %w", err)
	}
	r.writes = true
	if db.lock > 0 {
		r.turn = &db.turn
		r.turn.pass(true)
	}
	return r, nil
}

func (db *DB) beginOn(ctx context.Context, pool *sql.DB, options *sql.TxOptions) (*Run, error) {
	r := &Run{ctx: ctx, dialect: db.dialect, answer: db.answer}
	ctx, r.end = context.WithCancelCause(ctx)
	watch := time.AfterFunc(db.begin, func() { r.end(errLate) })
	begun := func() {}
	if options == nil && db.lock > 0 {
		begun = db.untilLocked(r)
	}
	var err error
	r.sql, err = pool.BeginTx(ctx, options)
	begun()
	if err == nil && ctx.Err() != nil { // ended when it had just begun
		_ = r.sql.Rollback()
		err = ctx.Err()
	}
	if err != nil {
		watch.Stop()
		r.end(nil)
		return nil, late(ctx, err)
	}
	if watch.Stop(); r.answer > 0 { // SQLite waits for nobody in a statement: its driver is spared a context that may end
		r.ctx, r.watch = ctx, watch
	}
	return r, nil
}

// waits begins the time in which the database has to answer, or to give the next row.
func (r *Run) waits() {
	if r.watch != nil {
		r.watch.Reset(r.answer)
	}
}

// answered ends that time.
func (r *Run) answered() {
	if r.watch != nil {
		r.watch.Stop()
	}
}

// Commit makes what was written count.
func (r *Run) Commit() error {
	r.waits()
	err := r.sql.Commit()
	r.answered()
	if err != nil {
		return fmt.Errorf("commit: %w", late(r.ctx, err))
	}
	r.over()
	return nil
}

// Rollback ends the transaction without effect. What made it end is what must be told, so its own fault is not.
func (r *Run) Rollback() {
	r.waits()
	_ = r.sql.Rollback()
	r.answered()
	r.over()
}

func (r *Run) over() {
	r.end(nil)
	if r.turn != nil {
		r.turn.pass(false)
	}
}

// Broken is the first fault of the database itself: nothing after it counts.
func (r *Run) Broken() error { return r.broken }

// Fault notes that the database refused a statement; on PostgreSQL nothing of the transaction counts after that. It
// gives the error with the statement's first words.
func (r *Run) Fault(query string, err error) error {
	words := strings.Fields(query)
	err = fmt.Errorf("%s: %w", strings.ToLower(strings.Join(words[:min(3, len(words))], " ")), late(r.ctx, err))
	if r.broken == nil {
		r.broken = err
	}
	return err
}

// Exec runs a statement that writes, and tells how many rows it changed.
func (r *Run) Exec(query string, args ...any) (int64, error) {
	if !r.writes {
		return 0, errors.New("a write in a transaction that only reads")
	}
	r.waits()
	defer r.answered()
	result, err := r.sql.ExecContext(r.ctx, query, args...)
	if err != nil {
		return 0, r.Fault(query, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, r.Fault(query, err)
	}
	return n, nil
}

// One reads the first row of the answer, and tells whether there was one.
func (r *Run) One(query string, args []any, into ...any) (bool, error) {
	r.waits()
	defer r.answered()
	err := r.sql.QueryRowContext(r.ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, r.Fault(query, err)
	}
	return true, nil
}

// Row is a row of an answer.
type Row interface{ Scan(into ...any) error }

// Rows calls scan for each row of the answer. scan must not use the transaction: its connection is busy.
func (r *Run) Rows(query string, args []any, scan func(Row) error) error {
	r.waits()
	defer r.answered()
	rows, err := r.sql.QueryContext(r.ctx, query, args...)
	if err != nil {
		return r.Fault(query, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells of anything that matters
	for rows.Next() {
		r.waits()
		if err := scan(rows); err != nil {
			return r.Fault(query, err)
		}
	}
	if err := rows.Err(); err != nil {
		return r.Fault(query, err)
	}
	return nil
}

// Texts reads one column of text.
func (r *Run) Texts(query string, args ...any) ([]string, error) {
	var list []string
	err := r.Rows(query, args, func(row Row) error {
		var v string
		err := row.Scan(&v)
		list = append(list, v)
		return err
	})
	return list, err
}
