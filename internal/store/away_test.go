package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
)

// TestADatabaseThatIsAway: what cannot be done because of the database has a code of its own, says nothing of the cause, makes the
// store not ready, and is over as soon as the database is back.
func TestADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	sqlite := func(t *testing.T) *Store { return open(t, Options{DataDir: t.TempDir(), Key: seal.NewKey()}) }
	must := func(t *testing.T, s *Store, statement string) {
		t.Helper()
		if _, err := s.db.Write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		open  func(t *testing.T) *Store
		spoil func(t *testing.T, s *Store) (mend func())
		do    func(tx *Tx) error
	}{
		"SQLite on a full disk": {sqlite, func(t *testing.T, s *Store) func() {
			must(t, s, "PRAGMA max_page_count = 1") // no fewer than there are
			return func() { must(t, s, "PRAGMA max_page_count = 1000000") }
		}, func(tx *Tx) error {
			_, err := tx.run.Exec(`INSERT INTO keyring (name, sealed) VALUES ('much', $1)`, strings.Repeat("x", 1<<20))
			return err
		}},
		"SQLite locked by another program": {sqlite, func(t *testing.T, s *Store) func() {
			must(t, s, "PRAGMA busy_timeout = 300")
			patience := s.db.Patience(300 * time.Millisecond)
			var file string
			if err := s.db.Read.QueryRowContext(t.Context(), "SELECT file FROM pragma_database_list").Scan(&file); err != nil {
				t.Fatal(err)
			}
			other, err := sql.Open("sqlite", "file:"+filepath.ToSlash(file)+"?_txlock=immediate")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = other.Close() })
			tx, err := other.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				_ = tx.Rollback()
				s.db.Patience(patience)
				must(t, s, "PRAGMA busy_timeout = 5000")
			}
		}, func(*Tx) error { return nil }},
		"PostgreSQL that does not answer": {func(t *testing.T) *Store {
			url, err := cluster.Database(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return open(t, Options{URL: url, Key: seal.NewKey()})
		}, func(_ *testing.T, s *Store) func() {
			patience := s.db.Patience(20 * time.Millisecond)
			return func() { s.db.Patience(patience) }
		}, func(tx *Tx) error {
			_, err := tx.run.Exec(`SELECT pg_sleep(60)`)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.open(t)
			mend := c.spoil(t, s)
			many := make(chan error)
			for range 8 {
				go func() { many <- s.Write(t.Context(), "alice", c.do) }()
			}
			together := 0
			for range 8 {
				err := <-many
				if cause := errors.Unwrap(err); cause != nil && strings.Contains(cause.Error(), "another program has locked") {
					together++
				}
				if keyward.CodeOf(err) != keyward.CodeDatabaseUnavailable || strings.Contains(err.Error(), "SQL") {
					t.Errorf("a write: %v", err)
				}
			}
			if (together > 0) != (name == "SQLite locked by another program") {
				t.Errorf("%d of 8 writes were spared a wait of their own", together)
			}
			if err := s.Ping(t.Context()); err == nil {
				t.Error("the store is ready")
			}
			mend()
			write(t, s, func(*Tx) error { return nil })
			s.away.unwritten.Store(0) // as if a while had passed
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("the database is back: %v", err)
			}
		})
	}
}
