package daemon

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"keyward.dev/keyward/internal/config"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/secret"
)

// folder is the data folder, held by one process at a time.
type folder struct {
	path string
	lock *os.File
}

// openFolder makes the folder if needed and takes its lock.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("the data folder %s is in use by another keyward process", path)
	}
	return &folder{path: path, lock: lock}, nil
}

// close gives the folder free.
func (f *folder) close() { _ = f.lock.Close() }

// sealKey gives the configured key, or the folder's own, which is made at the first start with SQLite.
func (f *folder) sealKey(s *config.Settings) (seal.Key, error) {
	text := s.SealKey.Reveal()
	if text == "" {
		if err := f.holdsKeyOf(databaseFile); err != nil {
			return seal.Key{}, err
		}
		made, err := f.secretFile(sealKeyFile, func() (string, error) { return seal.NewKey().Reveal(), nil })
		if err != nil {
			return seal.Key{}, fmt.Errorf("the seal key: %w", err)
		}
		text = made
	}
	key, err := seal.ParseKey(text)
	if err != nil {
		return seal.Key{}, fmt.Errorf("KEYWARD_SEAL_KEY: %w", err)
	}
	return key, nil
}

// databaseFile is SQLite's, in the data folder.
const databaseFile = "keyward.db"

// holdsKeyOf refuses a folder with a database and without the key that it was made with: a new key would open nothing
// in it, and lie in the place of the old one.
func (f *folder) holdsKeyOf(database string) error {
	_, keyErr := os.Stat(filepath.Join(f.path, sealKeyFile))
	_, databaseErr := os.Stat(filepath.Join(f.path, database))
	if errors.Is(keyErr, fs.ErrNotExist) && databaseErr == nil {
		return fmt.Errorf("the seal key: %s is missing beside %s, which was made with it: restore it, "+
			"or give the key by KEYWARD_SEAL_KEY or KEYWARD_SEAL_KEY_FILE", sealKeyFile, database)
	}
	return nil
}

const sealKeyFile = "seal.key"

// adminToken gives the configured token, or the one that admin.token holds, which is made at the first start. The file
// always tells the token in force.
func (f *folder) adminToken(s *config.Settings) (secret.Value, error) {
	if !s.AdminToken.IsZero() {
		return s.AdminToken, f.write("admin.token", s.AdminToken.Reveal()+"\n")
	}
	text, err := f.secretFile("admin.token", func() (string, error) {
		b := make([]byte, 32)
		if _, err := rand.Read(b); err != nil {
			return "", fmt.Errorf("make an administrator's token: %w", err)
		}
		return "kwt_" + base64.RawURLEncoding.EncodeToString(b), nil
	})
	return secret.New(text), err
}

// secretFile reads a one-line file, or makes it with mode 0600.
func (f *folder) secretFile(name string, generate func() (string, error)) (string, error) {
	text, err := os.ReadFile(filepath.Join(f.path, name))
	if err == nil {
		if line := strings.TrimSpace(string(text)); line != "" {
			return line, nil
		}
		return "", fmt.Errorf("%s in the data folder is empty: restore it, or delete it to have a new one made", name)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	line, err := generate()
	if err != nil {
		return "", err
	}
	return line, f.write(name, line+"\n")
}

// write replaces a file whole, so that a crash leaves the old or the new one.
func (f *folder) write(name, text string) error {
	path := filepath.Join(f.path, name)
	if has, err := os.ReadFile(path); err == nil && string(has) == text {
		return nil // a start on a full disk needs no room for it
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// remove deletes a file that may not be there.
func (f *folder) remove(name string) error {
	if err := os.Remove(filepath.Join(f.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}
