package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
)

func TestReopen(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			o := b.open(t, seal.NewKey())
			first, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			store(t, first, plan("gold"))
			type identity struct {
				signing string
				group   seal.Key
				head    keyward.Position
			}
			look := func(s *Store) (i identity) {
				read(t, s, func(tx *Tx) error {
					key, err := tx.SigningKey()
					if err != nil {
						return err
					}
					groups, err := tx.GroupKeys("default")
					if err != nil {
						return err
					}
					i.signing, i.group = string(key), groups[0]
					i.head, err = tx.Head("default")
					return err
				})
				return i
			}
			want := look(first)
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			if got := look(open(t, o)); got != want || want.head.Revision != 1 {
				t.Errorf("after reopening: %+v, before: %+v", got, want)
			}
		})
	}
}

func TestWrongSealKey(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			o := b.open(t, seal.NewKey())
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			wrong := o
			wrong.Key = seal.NewKey()
			if _, err := Open(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "seal key is not the one") {
				t.Errorf("another key: %v", err)
			}
			wrong.Key = seal.Key{}
			if _, err := Open(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "no seal key") {
				t.Errorf("no key: %v", err)
			}
			open(t, o)
		})
	}
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			o := b.open(t, seal.NewKey())
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.db.Write.ExecContext(t.Context(),
				`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "a newer keyward wrote this") {
				t.Errorf("a newer schema: %v", err)
			}
		})
	}
}

func TestBadAddress(t *testing.T) {
	t.Parallel()
	key := seal.NewKey()
	for url, want := range map[string]string{
		"mysql://x":                           "postgres://",
		"postgres://user:hunter2@host:notint": "cannot be read",
		"postgres://user:hunter2@127.0.0.1:1/x?connect_timeout=1": "reach PostgreSQL",
		"": "needs a data folder",
	} {
		_, err := Open(t.Context(), Options{URL: url, Key: key})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open %s: %v", url, err)
		}
	}
}

func TestOneProcessPerFolder(t *testing.T) {
	t.Parallel()
	o := Options{DataDir: filepath.Join(t.TempDir(), "a ?#%dir"), Key: seal.NewKey()}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "another keyward runs") {
		t.Errorf("a second one: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, o)
	files, err := os.ReadDir(o.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 2 {
		t.Fatalf("files: %v", files)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
}

// TestSeveralOpenAtOnce: processes that start together on one new PostgreSQL database make one installation.
func TestSeveralOpenAtOnce(t *testing.T) {
	t.Parallel()
	o := backends()[1].open(t, seal.NewKey())
	opens := make([]func() error, 4)
	stores := make([]*Store, len(opens))
	for i := range opens {
		opens[i] = func() (err error) {
			stores[i], err = Open(context.Background(), o)
			return err
		}
	}
	if err := errors.Join(together(opens...)...); err != nil {
		t.Fatal(err)
	}
	var first []byte
	for _, s := range stores {
		read(t, s, func(tx *Tx) error {
			key, err := tx.SigningKey()
			if first == nil {
				first = key
			}
			if !bytes.Equal(first, key) {
				t.Error("two signing keys")
			}
			return err
		})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		o := plan("gold")
		err := s.DryRun(t.Context(), "alice", func(tx *Tx) error {
			if err := tx.Put(o, Extra{}); err != nil {
				return err
			}
			_, err := tx.Get(o.Kind, "", o.Name)
			return err
		})
		if err != nil || o.Version != 0 || o.ID != "" {
			t.Fatalf("dry run: %v, %+v", err, o)
		}
		read(t, s, func(tx *Tx) error {
			_, err := tx.Get(o.Kind, "", o.Name)
			refused(t, err, keyward.CodeNotFound, "")
			head, err := tx.Head("default")
			if head.Revision != 0 {
				t.Errorf("head after a dry run: %v", head)
			}
			return err
		})
		store(t, s, o)
	})
}

func TestErrorsRollBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		o, mine := plan("gold"), errors.New("mine")
		err := s.Write(t.Context(), "alice", func(tx *Tx) error {
			return errors.Join(tx.Put(o, Extra{}), mine)
		})
		if !errors.Is(err, mine) {
			t.Fatalf("Write: %v", err)
		}
		store(t, s, o)
		err = s.Write(t.Context(), "alice", func(tx *Tx) error {
			_, _ = tx.run.Exec(`INSERT INTO nowhere (x) VALUES (1)`)
			return nil
		})
		if err == nil {
			t.Error("a statement that failed was committed over")
		}
		read(t, s, func(tx *Tx) error {
			if err := tx.Put(plan("silver"), Extra{}); err == nil {
				t.Error("Put in a read")
			}
			if err := tx.Delete(o); err == nil {
				t.Error("Delete in a read")
			}
			return nil
		})
	})
}

func TestWatch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		wake, stop := s.Watch()
		store(t, s, plan("gold"), plan("silver"))
		store(t, s, plan("bronze"))
		<-wake
		select {
		case <-wake:
			t.Error("two commits before a look gave two values")
		default:
		}
		stop()
		store(t, s, plan("tin"))
		select {
		case <-wake:
			t.Error("a value after the end of the watch")
		default:
		}
	})
}

func TestNothingLeaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, b := range backends() {
		s, err := Open(t.Context(), b.open(t, seal.NewKey()))
		if err != nil {
			t.Fatal(err)
		}
		store(t, s, plan("gold"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	goleak.VerifyNone(t, before)
}

// Variables that make this test binary the process that is killed.
const (
	victimURL = "STORE_TEST_VICTIM_URL"
	victimDir = "STORE_TEST_VICTIM_DIR"
	victimKey = "STORE_TEST_VICTIM_KEY"
)

// TestKilled: a writer that is killed at any moment leaves a database whose feed follows from its objects.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			o := b.open(t, seal.NewKey())
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			addGroup(t, s, "edge")
			store(t, s, acme())
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			followers := []*follower{follow("default"), follow("edge")}
			for lines := range 5 {
				killWriter(t, o, 3+7*lines)
				s, err := Open(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				read(t, s, func(tx *Tx) error { return checkFeed(tx, followers, false) })
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if followers[0].at.Revision == 0 {
				t.Error("nothing was written")
			}
		})
	}
}

// killWriter runs this test binary as a process that writes without end, and kills it after so many transactions.
func killWriter(t *testing.T, o Options, transactions int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), victimURL+"="+o.URL, victimDir+"="+o.DataDir, victimKey+"="+o.Key.Reveal())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range transactions {
		if !lines.Scan() {
			t.Fatalf("the writer ended by itself: %v", lines.Err())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, and says so
}

// victim writes at random until it is killed, and prints a line after each commit.
func victim() error {
	key, err := seal.ParseKey(os.Getenv(victimKey))
	if err != nil {
		return err
	}
	s, err := Open(context.Background(), Options{URL: os.Getenv(victimURL), DataDir: os.Getenv(victimDir), Key: key})
	if err != nil {
		return err
	}
	for {
		err := s.Write(context.Background(), "victim", func(tx *Tx) error {
			c := chooser(rand.IntN)
			for range 1 + c(4) {
				if err := c.step(tx); err != nil && !game(err) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Println("committed")
	}
}
