package keys_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/blank"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/walks"
)

// TestMain ends the Keycloak that tests share.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := walks.Shorten(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	shared.Kill()
	os.Exit(code)
}

var shared keycloak.Shared

// empty is the database that each rig on SQLite begins with.
var empty blank.Database

// rig is a store with an application, and keys over it.
type rig struct {
	t     *testing.T
	store *store.Store
	keys  *keys.Keys
	ahead atomic.Int64 // how far the clock is put forward
}

func newRig(t *testing.T) *rig { return newRigOn(t, "") }

// newRigOn is newRig on a PostgreSQL database, or else on SQLite.
func newRigOn(t *testing.T, url string) *rig {
	t.Helper()
	options := store.Options{URL: url, Key: seal.NewKey()}
	if url == "" {
		options = empty.Options(t)
	}
	s, err := store.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	r := &rig{t: t, store: s}
	r.keys = r.start()
	r.put(&keyward.Object{Kind: keyward.KindApplication, Name: "mobile", Spec: &keyward.ApplicationSpec{
		Owners: []string{"alice", "group/payments"},
	}}, store.Extra{})
	r.put(&keyward.Object{Kind: keyward.KindApplication, Name: "other", Spec: &keyward.ApplicationSpec{Owner: "bob"}}, store.Extra{})
	return r
}

// start gives keys as a process that has just started has them: nothing is known to be under way.
func (r *rig) start() *keys.Keys {
	r.t.Helper()
	return r.startAs(keys.Options{Patience: time.Minute})
}

func (r *rig) startAs(o keys.Options) *keys.Keys {
	r.t.Helper()
	o.Sole, o.Now = true, r.now
	k, err := keys.New(r.store, r.openers(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	return k
}

func (r *rig) openers() *connector.Openers {
	return catalog.New(outbound.NewClient(outbound.Rules{}, outbound.Options{}), nil)
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

func (r *rig) later(d time.Duration) { r.ahead.Add(int64(d)) }

func (r *rig) put(o *keyward.Object, e store.Extra) {
	r.t.Helper()
	o.Tenant = keyward.DefaultTenant
	err := r.store.Write(r.t.Context(), "test", func(tx *store.Tx) error { return tx.Put(o, e) })
	if err != nil {
		r.t.Fatalf("put %s: %v", o.Ref(), err)
	}
}

// keyManager registers one, as the use cases above do.
func (r *rig) keyManager(name, text string, secrets map[string]string) {
	r.t.Helper()
	var spec keyward.KeyManagerSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		r.t.Fatal(err)
	}
	if faults := append(spec.Validate(), keymanager.Validate(&spec, secrets)...); len(faults) > 0 {
		r.t.Fatal(faults)
	}
	var status keyward.KeyManagerStatus
	if keymanager.Discovers(&spec) {
		var err error
		if status, err = keymanager.Discover(r.t.Context(), &spec, http.DefaultClient); err != nil {
			r.t.Fatal(err)
		}
	}
	o := &keyward.Object{ID: store.NewID(), Kind: keyward.KindKeyManager, Tenant: keyward.DefaultTenant, Name: name, Spec: &spec}
	row, introspection, faults := keymanager.Resolve(o, &spec, status)
	if len(faults) > 0 {
		r.t.Fatal(faults)
	}
	o.Status = encode(r.t, status)
	r.put(o, store.Extra{Secrets: secrets, Row: encode(r.t, row), Introspection: introspection})
}

// change edits a key manager's spec.
func (r *rig) change(name string, edit func(*keyward.KeyManagerSpec)) {
	r.t.Helper()
	err := r.store.Write(r.t.Context(), "test", func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, name)
		if err != nil {
			return err
		}
		spec, ok := o.Spec.(*keyward.KeyManagerSpec)
		if !ok {
			return fmt.Errorf("%s has another spec", o.Ref())
		}
		edit(spec)
		return tx.Put(o, store.Extra{})
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func encode(t *testing.T, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func principal(user string, roles ...keyward.Role) keyward.Principal {
	return keyward.Principal{User: user, Tenant: keyward.DefaultTenant, Roles: roles}
}

func alice() keyward.Principal { return principal("alice", keyward.RoleDeveloper) }
func bob() keyward.Principal   { return principal("bob", keyward.RoleDeveloper) }
func admin() keyward.Principal { return principal("root", keyward.RoleAdmin) }

func at(keyManager string) keys.Place {
	return keys.Place{Tenant: keyward.DefaultTenant, Application: "mobile", KeyManager: keyManager, Environment: keyward.Production}
}

// list gives the clients of the application mobile.
func (r *rig) list() []keys.Listed {
	r.t.Helper()
	l, _, err := r.keys.List(r.t.Context(), admin(), keyward.DefaultTenant, "mobile", listing.Choice{})
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// one wants exactly one client of the application mobile, in the state.
func (r *rig) one(state keyward.ClientState) keys.Listed {
	r.t.Helper()
	l := r.list()
	if len(l) != 1 || l[0].Status.State != state {
		r.t.Fatalf("clients %s, want one that is %s", encode(r.t, l), state)
	}
	return l[0]
}

// onGateways tells whether a client id is in the feed of the group default, and in use.
func (r *rig) onGateways(clientID string) bool {
	r.t.Helper()
	found := false
	err := r.store.Read(r.t.Context(), func(tx *store.Tx) error {
		found = false
		return tx.Snapshot(keyward.DefaultGroup, func(record []byte) error {
			var change keyward.Change
			if err := json.Unmarshal(record, &change); err != nil {
				return err
			}
			if change.Kind != keyward.RowClient {
				return nil
			}
			var row keyward.ClientRow
			if err := json.Unmarshal(change.Row, &row); err != nil {
				return err
			}
			found = found || row.ClientID == clientID && !row.Revoked
			return nil
		})
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

// subscribe publishes an API that takes every key manager, and subscribes the application mobile to it.
func (r *rig) subscribe() {
	r.t.Helper()
	api := &keyward.APISpec{
		Context: "/orders", Version: "v1", Upstream: keyward.Upstream{Production: "http://127.0.0.1:9"},
		KeyManagers: keyward.KeyManagerSet{All: true}, Operations: []keyward.Operation{{Method: "*", Path: "/**"}},
	}
	row := keyward.APIRow{
		Context: api.Context, Version: api.Version, Upstream: api.Upstream, AllKeyManagers: true,
		Operations: api.Operations, Subscription: true,
	}
	r.put(&keyward.Object{Kind: keyward.KindAPI, Name: "orders", Spec: api}, store.Extra{Row: encode(r.t, row)})
	r.put(&keyward.Object{Kind: keyward.KindSubscription, Name: "mobile-orders", Spec: &keyward.SubscriptionSpec{
		Application: "mobile", API: "orders",
	}}, store.Extra{})
}

func wantCode(t *testing.T, err error, code keyward.Code, words ...string) {
	t.Helper()
	if keyward.CodeOf(err) != code {
		t.Errorf("error %v, want %s", err, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %v does not say %q", err, w)
		}
	}
}

func fieldPaths(err error) []string {
	var e *keyward.Error
	if !errors.As(err, &e) {
		return nil
	}
	var paths []string
	for _, f := range e.Fields {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	return paths
}

// audited lists the actions of the audit trail on clients, oldest first.
func (r *rig) audited() []string {
	r.t.Helper()
	var actions []string
	err := r.store.Read(r.t.Context(), func(tx *store.Tx) error {
		entries, err := tx.AuditEntries(store.AuditFilter{Kind: string(keyward.KindOAuthClient)})
		actions = nil
		for _, e := range slices.Backward(entries) {
			if strings.HasPrefix(e.Action, "key.") {
				actions = append(actions, e.Action)
			}
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return actions
}

type storeTx = store.Tx

func extra(secrets map[string]string) store.Extra { return store.Extra{Secrets: secrets} }
