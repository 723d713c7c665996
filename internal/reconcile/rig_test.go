package reconcile_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/entitle"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/keys/turn"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/blank"
	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/registrar"
)

// TestMain ends the Keycloak that tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	shared.Kill()
	os.Exit(code)
}

var shared keycloak.Shared

// rig is a store with what looks after clients over it, and a road to the servers on which messages are lost or refused.
type rig struct {
	t          *testing.T
	store      *store.Store
	keys       *keys.Keys
	entitler   *entitle.Entitler
	reconciler *reconcile.Reconciler
	road       *road
}

// road lets every request through but those that it is told to answer itself.
type road struct {
	mu     sync.Mutex
	host   string // closed for it
	answer int
	wait   string // Retry-After
	method string // whose next request gets an answer of a broken server
	met    int    // requests that were not let through
	during func() // is called once, while a GET is under way
	last   string // method of the last request that is let through
}

// RoundTrip implements http.RoundTripper.
func (r *road) RoundTrip(q *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if during := r.during; during != nil && q.Method == http.MethodGet {
		r.during = nil
		during()
	}
	if r.host != "" && strings.Contains(q.URL.String(), r.host) {
		r.met++
		h := http.Header{"Content-Type": {"application/json"}, "Retry-After": {r.wait}}
		return &http.Response{
			StatusCode: r.answer, Header: h, Request: q, Body: io.NopCloser(strings.NewReader(`{"error":"not now"}`)),
		}, nil
	}
	if r.method == q.Method {
		r.method = ""
		return &http.Response{StatusCode: http.StatusBadGateway, Request: q, Body: http.NoBody, Header: http.Header{}}, nil
	}
	if r.last == q.Method {
		r.last, r.host, r.answer = "", q.URL.Host, http.StatusServiceUnavailable
	}
	return http.DefaultTransport.RoundTrip(q)
}

// close answers requests to a server; "" opens the road again. It gives how many it has met since.
func (r *road) close(host string, answer int, wait string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	met := r.met
	r.host, r.answer, r.wait, r.met = host, answer, wait, 0
	return met
}

// fail lets the next request of this method end nobody knows how.
func (r *road) fail(method string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.method = method
}

// empty is the database that each rig begins with.
var empty blank.Database

func newRig(t *testing.T) *rig { t.Helper(); return newRigWith(t, reconcile.Options{}) }

func newRigWith(t *testing.T, o reconcile.Options) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), empty.Options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	r := &rig{t: t, store: s, road: &road{}}
	openers, turns := catalog.New(&http.Client{Transport: r.road}, nil), turn.New()
	if r.entitler, err = entitle.New(s, openers, entitle.Options{Sole: true, Turns: turns}); err != nil {
		t.Fatal(err)
	}
	if r.keys, err = keys.New(s, openers, keys.Options{Sole: true, Entitler: r.entitler, Turns: turns}); err != nil {
		t.Fatal(err)
	}
	o.Sole = true
	parts := reconcile.Parts{Store: s, Openers: openers, Keys: r.keys, Entitler: r.entitler, Turns: turns}
	if r.reconciler, err = reconcile.New(parts, o); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx := t.Context()
	go func() { done <- r.reconciler.Run(ctx) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return r
}

func (r *rig) put(kind keyward.Kind, name string, spec keyward.Spec) {
	r.t.Helper()
	err := r.store.Write(r.t.Context(), "test", func(tx *store.Tx) error {
		return tx.Put(&keyward.Object{Kind: kind, Tenant: keyward.DefaultTenant, Name: name, Spec: spec},
			store.Extra{Row: json.RawMessage(`{}`)})
	})
	if err != nil {
		r.t.Fatalf("put %s %s: %v", kind, name, err)
	}
}

func (r *rig) register(name string, spec *keyward.KeyManagerSpec, secrets map[string]string) {
	r.t.Helper()
	r.registerIn(keyward.DefaultTenant, name, spec, secrets)
}

func (r *rig) registerIn(tenant, name string, spec *keyward.KeyManagerSpec, secrets map[string]string) {
	r.t.Helper()
	status, err := keymanager.Discover(r.t.Context(), spec, http.DefaultClient)
	if err != nil {
		r.t.Fatal(err)
	}
	o := &keyward.Object{ID: store.NewID(), Kind: keyward.KindKeyManager, Tenant: tenant, Name: name}
	err = r.store.Read(r.t.Context(), func(tx *store.Tx) error {
		if old, err := tx.Get(keyward.KindKeyManager, tenant, name); err == nil {
			o = old // it is changed
		}
		return nil
	})
	do(r.t, err)
	o.Spec = spec
	row, introspection, faults := keymanager.Resolve(o, spec, status)
	if len(faults) > 0 {
		r.t.Fatal(faults)
	}
	encode := func(v any) json.RawMessage {
		b, err := json.Marshal(v)
		if err != nil {
			r.t.Fatal(err)
		}
		return b
	}
	o.Status = encode(status)
	err = r.store.Write(r.t.Context(), "test", func(tx *store.Tx) error {
		return tx.Put(o, store.Extra{Secrets: secrets, Row: encode(row), Introspection: introspection})
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// managed registers a realm with a service account.
func (r *rig) managed(tenant, name string, realm *keycloak.Realm) {
	r.t.Helper()
	r.registerIn(tenant, name, &keyward.KeyManagerSpec{
		Type: keyward.TypeKeycloak, Discovery: realm.Discovery(),
		Connection: map[string]any{"clientId": keycloak.ManagerClient, "clientSecret": secret.Stored()},
	}, map[string]string{"connection.clientSecret": keycloak.ManagerSecret})
}

// registered registers a realm with an initial access token.
func (r *rig) registered(name string, realm *keycloak.Realm) {
	r.t.Helper()
	r.register(name, &keyward.KeyManagerSpec{
		Type: keyward.TypeKeycloak, Discovery: realm.Discovery(),
		Connection: map[string]any{"initialAccessToken": secret.Stored()},
	}, map[string]string{"connection.initialAccessToken": realm.InitialAccessToken})
}

// registering registers a contract server for dynamic registration.
func (r *rig) registering(name string, s *registrar.Server) {
	r.t.Helper()
	r.register(name, &keyward.KeyManagerSpec{
		Type: keyward.TypeOIDC, Discovery: s.URL + "/.well-known/openid-configuration",
		Connection: map[string]any{"initialAccessToken": secret.Stored()},
	}, map[string]string{"connection.initialAccessToken": registrar.InitialAccessToken})
}

func admin() keyward.Principal {
	return keyward.Principal{User: "admin", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleAdmin}}
}

func alice() keyward.Principal {
	return keyward.Principal{User: "alice", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleDeveloper}}
}

func at(application, keyManager string) keys.Place {
	return keys.Place{Tenant: keyward.DefaultTenant, Application: application, KeyManager: keyManager}
}

// generate makes an application of alice's and keys for it.
func (r *rig) generate(application, keyManager string, ask keys.Ask) *keys.Result {
	r.t.Helper()
	r.put(keyward.KindApplication, application, &keyward.ApplicationSpec{Owner: "alice"})
	made, err := r.keys.Generate(r.t.Context(), alice(), at(application, keyManager), ask)
	if err != nil {
		r.t.Fatal(err)
	}
	return made
}

// reconcile has everything of a key manager looked at, and tells what came of it.
func (r *rig) reconcile(keyManager string) *reconcile.Reconciliation {
	r.t.Helper()
	return r.reconcileIn(keyward.DefaultTenant, keyManager)
}

func (r *rig) reconcileIn(tenant, keyManager string) *reconcile.Reconciliation {
	r.t.Helper()
	ctx := r.t.Context()
	do(r.t, r.reconciler.Ask(ctx, admin(), tenant, keyManager))
	var report *reconcile.Reconciliation
	testbed.Eventually(r.t, "the looks", func() string {
		var err error
		report, err = r.reconciler.Report(ctx, admin(), tenant, keyManager)
		do(r.t, err)
		return testbed.Same(report.Waiting, 0)
	})
	return report
}

// object is the id of an application's client.
func (r *rig) object(application string) (id string) {
	r.t.Helper()
	err := r.store.Read(r.t.Context(), func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindOAuthClient, keyward.DefaultTenant, r.client(application).Name)
		if err == nil {
			id = o.ID
		}
		return err
	})
	do(r.t, err)
	return id
}

func wantCode(t *testing.T, err error, code keyward.Code, part string) {
	t.Helper()
	if keyward.CodeOf(err) != code || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v, want %s with %q", err, code, part)
	}
}

// line finds an application's client, or a name, in a report.
func line(t *testing.T, report *reconcile.Reconciliation, who string) reconcile.StandingClient {
	t.Helper()
	for _, l := range report.Lines {
		if l.Application == who || l.Application == "" && l.Name == who {
			return l
		}
	}
	t.Fatalf("nothing is said of %s: %+v", who, report.Lines)
	return reconcile.StandingClient{}
}

// want holds a verdict and parts of what was found.
func want(t *testing.T, report *reconcile.Reconciliation, who string, verdict reconcile.Verdict, parts ...string) {
	t.Helper()
	l := line(t, report, who)
	if l.Verdict != verdict {
		t.Errorf("%s is %s, want %s: %q", who, l.Verdict, verdict, l.Found)
	}
	for _, part := range parts {
		if !strings.Contains(strings.Join(l.Found, "; "), part) {
			t.Errorf("%s: %q says nothing of %q", who, l.Found, part)
		}
	}
}

// client gives an application's client as its developer sees it.
func (r *rig) client(application string) keys.Listed {
	r.t.Helper()
	list, _, err := r.keys.List(r.t.Context(), alice(), keyward.DefaultTenant, application, listing.Choice{})
	if err != nil || len(list) != 1 {
		r.t.Fatalf("the keys of %s: %+v, error %v", application, list, err)
	}
	return list[0]
}

func (r *rig) mend(application, keyManager string) *keys.Result {
	r.t.Helper()
	result, err := r.reconciler.Mend(r.t.Context(), alice(), at(application, keyManager), reconcile.MendAsk{})
	if err != nil {
		r.t.Fatalf("mend %s: %v", application, err)
	}
	return result
}

// audited counts the entries of an action about an application's client.
func (r *rig) audited(action, client string) int {
	r.t.Helper()
	count := 0
	err := r.store.Read(r.t.Context(), func(tx *store.Tx) error {
		entries, err := tx.AuditEntries(store.AuditFilter{Tenant: keyward.DefaultTenant})
		for _, e := range entries {
			if e.Action == action && e.Name == client {
				count++
			}
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return count
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
