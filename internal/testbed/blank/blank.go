// Package blank gives tests a SQLite database to begin with. It is made once for a test program and copied for each test. It
// does not open them, and has none for PostgreSQL.
package blank

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
)

// Database is what the tests of a program begin with. The zero value is ready.
type Database struct {
	// Fill puts into it what each test of the program has; nil = nothing is declared yet.
	Fill func(ctx context.Context, s *store.Store) error

	once sync.Once
	key  seal.Key
	file []byte
	err  error
}

const fileName = "keyward.db"

// Options say where the test's own copy is, and which key seals the secrets in it.
func (d *Database) Options(t testing.TB) store.Options {
	t.Helper()
	d.once.Do(func() { d.err = d.make() })
	if d.err != nil {
		t.Fatal(d.err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, fileName), d.file, 0o600); err != nil {
		t.Fatal(err)
	}
	return store.Options{DataDir: folder, Key: d.key}
}

// make lets a store make its first rows in a folder that is needed no more once the store is closed.
func (d *Database) make() error {
	folder, err := os.MkdirTemp("", "keyward-blank-")
	if err != nil {
		return fmt.Errorf("make a blank database: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	d.key = seal.NewKey()
	s, err := store.Open(context.Background(), store.Options{DataDir: folder, Key: d.key})
	if err == nil && d.Fill != nil {
		err = errors.Join(d.Fill(context.Background(), s), s.Close())
	} else if err == nil {
		err = s.Close()
	}
	if err != nil {
		return err
	}
	if d.file, err = os.ReadFile(filepath.Join(folder, fileName)); err != nil {
		return fmt.Errorf("read the blank database: %w", err)
	}
	return nil
}
