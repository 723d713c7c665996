// Package store owns the database: objects with their references and uniqueness, sealed secrets, the audit trail, and
// the log of each gateway group, all changed in one transaction. It does not own permissions, what a vendor's answer
// means, or how the log reaches a gateway.
//
// Every write follows one line: object rows, audit entries, then the lock on the groups' counters, then the feed rows
// that follow from what was touched, then the commit.
package store

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/feedlog"
	"keyward.dev/keyward/internal/store/leased"
)

// Options say where the database is and which key seals the secrets in it.
type Options struct {
	URL     string       // postgres://… ; empty = SQLite in DataDir
	DataDir string       // for SQLite only
	Key     seal.Key     // seals secrets at rest; a database made with another key is refused
	Log     *slog.Logger // nil = silent
}

// leases is what a store has of the room below.
type leases = leased.Leases

// Store is an open database.
type Store struct {
	*leases
	db     *database.DB
	key    seal.Key
	digest seal.Key // keys the digests of feed rows, which cover secrets
	uses   seal.Key // keys those of secrets that were taken
	log    *slog.Logger
	away   away

	installation string // see Installation

	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
}

// Names in the keyring, and what the canary says.
const (
	canaryName  = "canary"
	canaryText  = "the seal key fits"
	signingName = "signing key"
	nameOfUs    = "installation"
)

// Open opens or creates the database, brings its schema up to date, verifies the seal key, and makes what every
// installation has: the tenant default, the group default with its first key, and the signing key. It refuses a
// database that a newer Keyward wrote, one that was made with another seal key, and a SQLite file that another
// process has open as its own.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Key.IsZero() {
		return nil, errors.New("open the database: no seal key was given")
	}
	s := &Store{
		key: o.Key, digest: o.Key.Derive("feed digest"), uses: o.Key.Derive("use of a secret"), log: o.Log,
		watchers: map[chan struct{}]struct{}{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	s.db, err = database.Open(ctx, o.URL, o.DataDir)
	if err == nil {
		s.leases = leased.New(s.db)
		err = s.prepare(ctx)
	}
	if err != nil {
		_ = s.Close() // what failed first is what must be told
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return s, nil
}

// prepare verifies the key before it migrates, so that a wrong key changes nothing.
func (s *Store) prepare(ctx context.Context) error {
	fresh, migrate, err := s.db.Schema(ctx)
	if err != nil {
		return err
	}
	if !fresh {
		if err := s.verifyKey(ctx); err != nil {
			return err
		}
	}
	if err := migrate(ctx); err != nil {
		return err
	}
	if err := s.Write(ctx, "system/store", (*Tx).furnish); err != nil {
		return fmt.Errorf("make the first rows: %w", err)
	}
	if err := s.Write(ctx, "system/store", (*Tx).christen); err != nil {
		return fmt.Errorf("name the installation: %w", err)
	}
	return s.verifyKey(ctx)
}

// christen gives the installation its name once.
func (tx *Tx) christen() error {
	name, found, err := tx.keyring(nameOfUs)
	if err == nil && !found {
		id := NewID()
		name = []byte(id[len(id)-installationSize:])
		err = tx.putKeyring(nameOfUs, name)
	}
	tx.store.installation = string(name)
	return err
}

const installationSize = 10 // 50 bits of chance

// Installation is what tells the clients that this installation makes at a server from those of another: ten characters
// out of a-v and 0-9. A copy of the database has the same.
func (s *Store) Installation() string { return s.installation }

// verifyKey opens the canary. A schema without one was left by a first start that was cut short.
func (s *Store) verifyKey(ctx context.Context) error {
	return s.Read(ctx, func(tx *Tx) error {
		_, found, err := tx.keyring(canaryName)
		if errors.Is(err, seal.ErrOpen) {
			return errors.New("the seal key is not the one this database was made with: give the one that was used " +
				"before (KEYWARD_SEAL_KEY or KEYWARD_SEAL_KEY_FILE)")
		}
		if err == nil && !found {
			s.log.DebugContext(ctx, "the database has no canary yet")
		}
		return err
	})
}

// furnish makes the rows that every installation has, those that are missing.
func (tx *Tx) furnish() error {
	_, found, err := tx.keyring(canaryName)
	if err != nil || found {
		return err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make the signing key: %w", err)
	}
	for name, value := range map[string][]byte{canaryName: []byte(canaryText), signingName: private.Seed()} {
		if err := tx.putKeyring(name, value); err != nil {
			return err
		}
	}
	var none keyward.Chain
	if _, err := tx.run.Exec(`INSERT INTO gateway_groups (name, revision, chain, trimmed_revision, trimmed_chain)
		VALUES ($1, 0, $2, 0, $2)`, keyward.DefaultGroup, none[:]); err != nil {
		return err
	}
	if err := feedlog.NewGroupKey(tx.feedLog, tx.marks, keyward.DefaultGroup); err != nil {
		return err
	}
	return tx.Put(&keyward.Object{
		Kind: keyward.KindTenant, Tenant: keyward.DefaultTenant, Name: keyward.DefaultTenant, Spec: &keyward.TenantSpec{},
	}, Extra{})
}

// keyring opens a sealed value of the installation itself.
func (tx *Tx) keyring(name string) (value []byte, found bool, err error) {
	var sealed string
	if found, err = tx.run.One(`SELECT sealed FROM keyring WHERE name = $1`, []any{name}, &sealed); err != nil || !found {
		return nil, false, err
	}
	value, err = tx.store.key.Open(sealed, []byte("keyward keyring\x00"+name))
	if err != nil {
		return nil, false, fmt.Errorf("open %s in the keyring: %w", name, err)
	}
	return value, true, nil
}

func (tx *Tx) putKeyring(name string, value []byte) error {
	_, err := tx.run.Exec(`INSERT INTO keyring (name, sealed) VALUES ($1, $2)`,
		name, tx.store.key.Seal(value, []byte("keyward keyring\x00"+name)))
	return err
}

// Close closes the database. Transactions under way fail.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Key gives a key for one purpose, the same for every control plane that shares the database.
func (s *Store) Key(purpose string) seal.Key { return s.key.Derive(purpose) }

// Watch gives a channel that gets a value after commits of this process (several commits may give one value), and a
// function that ends the watch. Commits of another process are not seen: who must see those also polls Head.
func (s *Store) Watch() (wake <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[c] = struct{}{}
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, c)
	}
}

// committed wakes the watchers. One that has not yet looked at the last wake-up will see this commit too.
func (s *Store) committed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// NewID makes an identity that is never used again: 26 characters of 0-9 a-v, roughly in order of time.
func NewID() string { return database.NewID() }

// IDs are those of objects, in their order.
func IDs(objects []*keyward.Object) []string {
	ids := make([]string, len(objects))
	for i, o := range objects {
		ids[i] = o.ID
	}
	return ids
}

// SigningKey gives the control plane's key that signs the feed. It is made once, with the database.
func (tx *Tx) SigningKey() (ed25519.PrivateKey, error) {
	seed, found, err := tx.keyring(signingName)
	if err != nil {
		return nil, err
	}
	if !found || len(seed) != ed25519.SeedSize {
		return nil, errors.New("the database has no signing key")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
