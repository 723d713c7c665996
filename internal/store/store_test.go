package store

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/testbed/postgres"
	"keyward.dev/keyward/internal/testbed/walks"
)

// cluster is the PostgreSQL of this test binary, started and stopped by TestMain.
var cluster *postgres.Cluster

func TestMain(m *testing.M) {
	flag.Parse()
	err := walks.Shorten()
	code := 0
	if err == nil {
		code, err = run(m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if os.Getenv(victimKey) != "" {
		return 1, victim()
	}
	var err error
	if cluster, err = postgres.Start(context.Background()); err != nil {
		return 1, err
	}
	code := 1
	if first, err = begin(context.Background()); err == nil {
		code = m.Run()
	}
	return code, errors.Join(err, cluster.Stop())
}

// backend opens empty databases of one kind.
type backend struct {
	name string
	open func(t testing.TB, key seal.Key) Options
}

func backends() []backend {
	return []backend{
		{"sqlite", func(t testing.TB, key seal.Key) Options { return Options{DataDir: t.TempDir(), Key: key} }},
		{"postgres", func(t testing.TB, key seal.Key) Options {
			url, err := cluster.Database(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return Options{URL: url, Key: key}
		}},
	}
}

// each runs the test on a database of each kind in which nothing is declared yet.
func each(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, first.copied(t, b.name)))
		})
	}
}

// beginning is a new installation's database of each kind, made once: to migrate one for each test took a third of their time.
type beginning struct {
	key  seal.Key
	file []byte // of SQLite
	url  string // of PostgreSQL
}

// first is what each copies, made by TestMain.
var first beginning

const fileName = "keyward.db"

func begin(ctx context.Context) (beginning, error) {
	b := beginning{key: seal.NewKey()}
	folder, err := os.MkdirTemp("", "keyward-store-")
	if err != nil {
		return b, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if b.url, err = cluster.Database(ctx); err != nil {
		return b, err
	}
	for _, o := range []Options{{DataDir: folder, Key: b.key}, {URL: b.url, Key: b.key}} {
		s, err := Open(ctx, o)
		if err != nil {
			return b, err
		}
		if err := s.Close(); err != nil {
			return b, err
		}
	}
	b.file, err = os.ReadFile(filepath.Join(folder, fileName))
	return b, err
}

func (b beginning) copied(t testing.TB, kind string) Options {
	t.Helper()
	o := Options{Key: b.key}
	var err error
	if kind == "postgres" {
		o.URL, err = cluster.Copy(t.Context(), b.url)
	} else {
		o.DataDir = t.TempDir()
		err = os.WriteFile(filepath.Join(o.DataDir, fileName), b.file, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Error(...any)
	Fatal(...any)
	Fatalf(string, ...any)
}

func open(t tester, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func write(t tester, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), "alice", fn); err != nil {
		t.Fatal(err)
	}
}

func read(t tester, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func enabled() json.RawMessage { return json.RawMessage(`{"enabled":true}`) }

func keyManager(name, issuer string) *keyward.Object {
	return &keyward.Object{Kind: keyward.KindKeyManager, Name: name, Spec: &keyward.KeyManagerSpec{
		Type: keyward.TypeOIDC, Issuer: issuer,
	}}
}

func api(name, context string, managers ...string) *keyward.Object {
	spec := &keyward.APISpec{Context: context, Version: "v1"}
	for _, m := range managers {
		spec.KeyManagers.List = append(spec.KeyManagers.List, keyward.KeyManagerUse{Name: m})
	}
	spec.KeyManagers.All = len(managers) == 0
	return &keyward.Object{Kind: keyward.KindAPI, Name: name, Spec: spec}
}

func application(name string, owners ...string) *keyward.Object {
	return &keyward.Object{Kind: keyward.KindApplication, Name: name, Spec: &keyward.ApplicationSpec{Owners: owners}}
}

func subscription(name, application, api string) *keyward.Object {
	return &keyward.Object{Kind: keyward.KindSubscription, Name: name, Spec: &keyward.SubscriptionSpec{
		Application: application, API: api,
	}}
}

func client(name, application, manager, clientID string) *keyward.Object {
	return &keyward.Object{Kind: keyward.KindOAuthClient, Name: name, Spec: &keyward.OAuthClientSpec{
		Application: application, KeyManager: manager, ClientID: clientID,
	}}
}

func acme() *keyward.Object {
	return &keyward.Object{Kind: keyward.KindTenant, Name: "acme", Spec: &keyward.TenantSpec{}}
}

func user(name string) *keyward.Object {
	return &keyward.Object{Kind: keyward.KindUser, Name: name, Spec: &keyward.UserSpec{Roles: []keyward.Role{"admin"}}}
}

func plan(name string) *keyward.Object {
	return &keyward.Object{Kind: keyward.KindPlan, Name: name, Spec: &keyward.PlanSpec{
		Rate: []keyward.Rate{{Requests: 10, Per: keyward.Duration(time.Second)}},
	}}
}

// store writes objects one after the other, in one transaction, each with a row.
func store(t tester, s *Store, objects ...*keyward.Object) {
	t.Helper()
	write(t, s, func(tx *Tx) error {
		for _, o := range objects {
			if err := tx.Put(o, Extra{Row: enabled()}); err != nil {
				return err
			}
		}
		return nil
	})
}

// refused expects a keyward.Error of the code, naming the field when one is given.
func refused(t tester, err error, code keyward.Code, field string) {
	t.Helper()
	var e *keyward.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want code %s", err, code)
	}
	if field == "" {
		return
	}
	for _, f := range e.Fields {
		if f.Path == field {
			return
		}
	}
	t.Fatalf("got fields %v, want %s", e.Fields, field)
}

func tryPut(t tester, s *Store, o *keyward.Object) error {
	t.Helper()
	return s.Write(t.Context(), "alice", func(tx *Tx) error { return tx.Put(o, Extra{Row: enabled()}) })
}

func tryDelete(t tester, s *Store, o *keyward.Object) error {
	t.Helper()
	return s.Write(t.Context(), "alice", func(tx *Tx) error { return tx.Delete(o) })
}
