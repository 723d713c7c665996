package resident

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/blank"
)

// world is a real store with the authorization servers of tenants default and acme on a real listener.
type world struct {
	t        *testing.T
	store    *store.Store
	resident *Resident
	url      string
	closed   bool // the store, by the test

	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// empty is the database that each world begins with.
var empty blank.Database

func newWorld(t *testing.T, path string) *world {
	t.Helper()
	w := &world{t: t, now: time.Now()}
	var err error
	w.store, err = store.Open(t.Context(), empty.Options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil && !w.closed {
			t.Error(err)
		}
	})
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	w.url = server.URL + path
	w.resident, err = New(w.store, Options{PublicURL: w.url + "/", Now: w.clock, Schedule: Schedule{
		TokenLifetime: time.Hour, RotateEvery: 10 * time.Hour, PublishAhead: 2 * time.Hour, Margin: time.Minute,
	}})
	if err != nil {
		t.Fatal(err)
	}
	handler = w.resident.Handler()
	w.put("", keyward.KindTenant, "acme", &keyward.TenantSpec{}, store.Extra{})
	for _, tenant := range []string{keyward.DefaultTenant, "acme"} {
		w.write(func(tx *store.Tx) error {
			o := &keyward.Object{
				Kind: keyward.KindKeyManager, Tenant: tenant, Name: keyward.ResidentName,
				Spec: &keyward.KeyManagerSpec{Type: keyward.TypeResident},
			}
			status, row, err := w.resident.Resolve(tx, o)
			if err != nil {
				return err
			}
			o.Status = status
			return tx.Put(o, store.Extra{Row: row})
		})
	}
	return w
}

func (w *world) write(fn func(tx *store.Tx) error) {
	w.t.Helper()
	if err := w.store.Write(w.t.Context(), "test", fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(
	tenant string, kind keyward.Kind, name string, spec keyward.Spec, extra store.Extra, status ...any,
) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		o := &keyward.Object{Kind: kind, Tenant: tenant, Name: name, Spec: spec}
		if len(status) > 0 {
			b, err := json.Marshal(status[0])
			if err != nil {
				return err
			}
			o.Status = b
		}
		return tx.Put(o, extra)
	})
}

// change edits a stored object's spec in place.
func change[S keyward.Spec](w *world, tenant string, kind keyward.Kind, name string, edit func(S)) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		o, err := tx.Get(kind, tenant, name)
		if err != nil {
			return err
		}
		spec, _ := o.Spec.(S)
		edit(spec)
		return tx.Put(o, store.Extra{})
	})
}

// api stores an API with one operation per scope that takes all key managers.
func (w *world) api(tenant, name string, scopes ...string) {
	w.t.Helper()
	spec := &keyward.APISpec{
		Context: "/" + name, Version: "v1", Upstream: keyward.Upstream{Production: "http://127.0.0.1:1"},
		KeyManagers: keyward.KeyManagerSet{All: true},
	}
	for i, scope := range scopes {
		spec.Operations = append(spec.Operations, keyward.Operation{
			Method: "GET", Path: "/" + string(rune('a'+i)), Scopes: []string{scope},
		})
	}
	w.put(tenant, keyward.KindAPI, name, spec, store.Extra{})
}

func (w *world) subscribe(tenant, application, api string) {
	w.t.Helper()
	w.put(tenant, keyward.KindSubscription, application+"-"+api,
		&keyward.SubscriptionSpec{Application: application, API: api}, store.Extra{})
}

// register makes a client as the keys room does: through the connector, then the object with its secret.
func (w *world) register(tenant, application string, status keyward.OAuthClientStatus) connector.Registered {
	w.t.Helper()
	c, err := w.resident.Open(connector.Server{Tenant: tenant})
	if err != nil {
		w.t.Fatal(err)
	}
	made, err := c.Register(w.t.Context(), connector.Registration{Name: application})
	if err != nil {
		w.t.Fatal(err)
	}
	status.Mode = keyward.ClientGenerated
	if status.State == "" {
		status.State = keyward.ClientActive
	}
	w.put(tenant, keyward.KindOAuthClient, application+"-resident", &keyward.OAuthClientSpec{
		Application: application, KeyManager: keyward.ResidentName, ClientID: made.ClientID,
	}, store.Extra{Secrets: map[string]string{SecretPath: made.ClientSecret}}, status)
	return made
}

func (w *world) application(tenant, name string) {
	w.t.Helper()
	w.put(tenant, keyward.KindApplication, name, &keyward.ApplicationSpec{}, store.Extra{})
}

// shop is an application with a client and a subscription to an API with the scopes a:read and a:write; there is also
// an API without its subscription.
func (w *world) shop(tenant string) connector.Registered {
	w.t.Helper()
	w.api(tenant, "orders", "a:read", "a:write")
	w.api(tenant, "secret", "b:read")
	w.application(tenant, "shop")
	w.subscribe(tenant, "shop", "orders")
	return w.register(tenant, "shop", keyward.OAuthClientStatus{})
}

func (w *world) ask(issuer string, c connector.Registered, extra ...string) answer {
	w.t.Helper()
	return send(w.t, http.MethodPost, issuer+pathToken, credentials(extra...), basic(c.ClientID, c.ClientSecret))
}
