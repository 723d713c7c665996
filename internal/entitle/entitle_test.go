package entitle_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/entitle"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/blank"
	"keyward.dev/keyward/internal/testbed/keycloak"
)

// TestMain ends the Keycloak that tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	shared.Kill()
	os.Exit(code)
}

var shared keycloak.Shared

// world is a store with an application, keys over it, and a road to the servers that can be closed.
type world struct {
	t        *testing.T
	store    *store.Store
	keys     *keys.Keys
	entitler *entitle.Entitler
	ahead    atomic.Int64
	road     *road
	tenant   string // in which people work
	global   bool   // of key managers
}

// road lets every request through but those that it is told to answer itself.
type road struct {
	mu     sync.Mutex
	part   string // of the addresses that are closed; "" = none
	answer int
	wait   string // Retry-After
	closed int    // requests that were not let through
}

// RoundTrip implements http.RoundTripper.
func (r *road) RoundTrip(q *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.part == "" || !strings.Contains(q.URL.Path, r.part) {
		return http.DefaultTransport.RoundTrip(q)
	}
	r.closed++
	h := http.Header{"Content-Type": {"application/json"}}
	if r.wait != "" {
		h.Set("Retry-After", r.wait)
	}
	return &http.Response{
		StatusCode: r.answer, Header: h, Request: q, Body: io.NopCloser(strings.NewReader(`{"error":"not now"}`)),
	}, nil
}

// close answers requests to addresses with this part; "" opens the road again. It gives how many it has answered.
func (r *road) close(part string, answer int, wait string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.part, r.answer, r.wait = part, answer, wait
	return r.closed
}

// empty is the database that each world begins with.
var empty blank.Database

func newWorld(t *testing.T) *world {
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
	w := &world{t: t, store: s, road: &road{}, tenant: keyward.DefaultTenant}
	openers := catalog.New(&http.Client{Transport: w.road}, nil)
	now := func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	if w.entitler, err = entitle.New(s, openers, entitle.Options{Sole: true, Now: now}); err != nil {
		t.Fatal(err)
	}
	if w.keys, err = keys.New(s, openers, keys.Options{Sole: true, Entitler: w.entitler}); err != nil {
		t.Fatal(err)
	}
	w.put(keyward.KindApplication, "mobile", &keyward.ApplicationSpec{Owner: "alice"})
	return w
}

// run starts the loop, which ends with the test.
func (w *world) run() {
	done := make(chan error, 1)
	ctx := w.t.Context()
	go func() { done <- w.entitler.Run(ctx) }()
	w.t.Cleanup(func() {
		if err := <-done; err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
}

func (w *world) put(kind keyward.Kind, name string, spec keyward.Spec) {
	w.t.Helper()
	err := w.store.Write(w.t.Context(), "test", func(tx *store.Tx) error {
		o := &keyward.Object{Kind: kind, Tenant: w.tenant, Name: name}
		if old, err := tx.Get(kind, w.tenant, name); err == nil {
			o = old
		}
		o.Spec = spec
		return tx.Put(o, store.Extra{Row: json.RawMessage(`{}`)})
	})
	if err != nil {
		w.t.Fatalf("put %s %s: %v", kind, name, err)
	}
}

// api publishes one that asks for a scope, and subscribes the application to it.
func (w *world) api(name, scope string, uses ...keyward.KeyManagerUse) {
	w.t.Helper()
	w.put(keyward.KindAPI, name, &keyward.APISpec{
		Context: "/" + name, Version: "v1", Upstream: keyward.Upstream{Production: "http://127.0.0.1:9"},
		KeyManagers: keyward.KeyManagerSet{All: len(uses) == 0, List: uses}, Audiences: []string{"urn:" + name, "urn:other"},
		Operations: []keyward.Operation{{Method: "*", Path: "/**", Scopes: []string{scope}}},
	})
	w.put(keyward.KindSubscription, "mobile-"+name, &keyward.SubscriptionSpec{Application: "mobile", API: name})
}

func (w *world) keyManager(name string, r *keycloak.Realm, connection map[string]any, secrets map[string]string) {
	w.t.Helper()
	w.register(name, &keyward.KeyManagerSpec{
		Type: keyward.TypeKeycloak, Discovery: r.Discovery(), Connection: connection, Global: w.global,
	}, secrets)
}

func (w *world) register(name string, spec *keyward.KeyManagerSpec, secrets map[string]string) {
	w.t.Helper()
	status, err := keymanager.Discover(w.t.Context(), spec, http.DefaultClient)
	if err != nil {
		w.t.Fatal(err)
	}
	o := &keyward.Object{ID: store.NewID(), Kind: keyward.KindKeyManager, Tenant: keyward.DefaultTenant, Name: name, Spec: spec}
	row, introspection, faults := keymanager.Resolve(o, spec, status)
	if len(faults) > 0 {
		w.t.Fatal(faults)
	}
	encode := func(v any) json.RawMessage {
		b, err := json.Marshal(v)
		if err != nil {
			w.t.Fatal(err)
		}
		return b
	}
	o.Status = encode(status)
	err = w.store.Write(w.t.Context(), "test", func(tx *store.Tx) error {
		return tx.Put(o, store.Extra{Secrets: secrets, Row: encode(row), Introspection: introspection})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// managed registers a realm with a service account.
func (w *world) managed(name string, r *keycloak.Realm) {
	w.keyManager(name, r, map[string]any{"clientId": keycloak.ManagerClient, "clientSecret": secret.Stored()},
		map[string]string{"connection.clientSecret": keycloak.ManagerSecret})
}

func (w *world) generate(keyManager string, ask keys.Ask) *keys.Result {
	w.t.Helper()
	alice := keyward.Principal{User: "alice", Tenant: w.tenant, Roles: []keyward.Role{keyward.RoleDeveloper}}
	place := keys.Place{Tenant: w.tenant, Application: "mobile", KeyManager: keyManager}
	made, err := w.keys.Generate(w.t.Context(), alice, place, ask)
	if err != nil {
		w.t.Fatal(err)
	}
	if made.Entitlement == nil {
		w.t.Fatal("nothing is said of the client's entitlement")
	}
	return made
}

// status is what the developer reads.
func (w *world) status(keyManager string) *keyward.OAuthClientStatus {
	w.t.Helper()
	root := keyward.Principal{User: "root", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleAdmin}}
	all, _, err := w.keys.List(w.t.Context(), root, w.tenant, "mobile", listing.Choice{})
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(l keys.Listed) bool { return l.KeyManager == keyManager })
	if i < 0 || all[i].Status.Entitlement == nil {
		w.t.Fatalf("no entitlement in %s: %+v", keyManager, all)
	}
	return all[i].Status
}

func (w *world) until(keyManager string, state keyward.EntitlementState, scopes ...string) *keyward.OAuthClientStatus {
	w.t.Helper()
	var s *keyward.OAuthClientStatus
	testbed.Eventually(w.t, "the client in "+keyManager+" is "+string(state), func() string {
		s = w.status(keyManager)
		if e := s.Entitlement; e.State != state || !slices.Equal(e.Scopes, scopes) {
			b, _ := json.Marshal(e) // it was decoded from such
			return string(b)
		}
		return ""
	})
	return s
}

// A key manager that asks for a pause gets it, its words are told, and no other one waits.
func TestOneKeyManagerFails(t *testing.T) {
	w := newWorld(t)
	first, second := shared.Realm(t, "entitle-first"), shared.Realm(t, "entitle-second")
	w.managed("first", first)
	w.managed("second", second)
	w.api("orders", "orders:read")
	for _, km := range []string{"first", "second"} {
		made := w.generate(km, keys.Ask{})
		if e := made.Entitlement; e.State != keyward.EntitlementGiven || !slices.Equal(e.Scopes, []string{"orders:read"}) ||
			!slices.Equal(e.Audiences, []string{"urn:orders"}) {
			t.Errorf("%s: %+v", km, e)
		}
	}
	w.run()
	w.road.close("/admin/realms/"+first.Name+"/clients", http.StatusTooManyRequests, "3600")
	w.api("stock", "stock:read")
	w.until("second", keyward.EntitlementGiven, "orders:read", "stock:read")
	e := w.until("first", keyward.EntitlementFailed, "orders:read").Entitlement
	if !strings.Contains(e.Reason, "429 not now") || e.NextTry == nil || time.Until(*e.NextTry) < 50*time.Minute {
		t.Errorf("%+v", e)
	}
	refused := w.road.close("/admin/realms/"+first.Name+"/clients", http.StatusForbidden, "")
	w.api("parts", "parts:read") // another change does not shorten the pause
	w.until("second", keyward.EntitlementGiven, "orders:read", "parts:read", "stock:read")
	if again := w.road.close("", 0, ""); again != refused {
		t.Errorf("asked %d times during the pause", again-refused)
	}
	w.ahead.Add(int64(2 * time.Hour))
	w.until("first", keyward.EntitlementGiven, "orders:read", "parts:read", "stock:read")

	// A refusal is told, and tried again.
	w.road.close("/admin/realms/"+first.Name+"/client-scopes", http.StatusForbidden, "")
	w.api("depot", "depot:read")
	e = w.until("first", keyward.EntitlementFailed, "orders:read", "parts:read", "stock:read").Entitlement
	if !strings.Contains(e.Reason, "read the realm's client scopes: the server answered 403 not now") {
		t.Errorf("%+v", e)
	}
	w.road.close("", 0, "")
	w.ahead.Add(int64(time.Hour))
	w.until("first", keyward.EntitlementGiven, "depot:read", "orders:read", "parts:read", "stock:read")
}

// What a developer asks for by name is a ceiling, the API's entry may name scopes and audiences of its own, and a
// subscription has a ceiling too.
func TestWhatIsWanted(t *testing.T) {
	w := newWorld(t)
	r := shared.Realm(t, "entitle-wanted")
	w.managed("kc", r)
	w.api("orders", "orders:read", keyward.KeyManagerUse{
		Name: "kc", Audiences: []string{"urn:own"}, Scopes: map[string]string{"Orders.Read": "orders:read", "X": "y"},
	})
	w.api("stock", "orders:write")
	w.put(keyward.KindSubscription, "mobile-stock", &keyward.SubscriptionSpec{
		Application: "mobile", API: "stock", Scopes: []string{"none"},
	})
	w.run()
	made := w.generate("kc", keys.Ask{})
	e := w.until("kc", keyward.EntitlementGiven, "Orders.Read").Entitlement
	if !slices.Equal(e.Audiences, []string{"urn:own", "urn:stock"}) {
		t.Errorf("audiences %q", e.Audiences)
	}
	w.put(keyward.KindSubscription, "mobile-stock", &keyward.SubscriptionSpec{Application: "mobile", API: "stock"})
	w.until("kc", keyward.EntitlementGiven, "Orders.Read", "orders:write")
	// The scope was one that every client of the realm may ask for, and it is that again.
	w.put(keyward.KindSubscription, "mobile-stock", &keyward.SubscriptionSpec{
		Application: "mobile", API: "stock", State: keyward.SubscriptionBlocked,
	})
	w.until("kc", keyward.EntitlementGiven, "Orders.Read")
	if _, err := r.Token(t.Context(), made.ClientID, made.ClientSecret, "orders:write"); err != nil {
		t.Errorf("a scope that the realm offers everybody: %v", err)
	}

	w.put(keyward.KindSubscription, "mobile-stock", &keyward.SubscriptionSpec{Application: "mobile", API: "stock"})
	alice := keyward.Principal{User: "alice", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleDeveloper}}
	if err := w.keys.Delete(t.Context(), alice, keys.Place{Application: "mobile", KeyManager: "kc"}); err != nil {
		t.Fatal(err)
	}
	asked := w.generate("kc", keys.Ask{Scopes: []string{"orders:write"}})
	if e := asked.Entitlement; e.State != keyward.EntitlementGiven || !slices.Equal(e.Scopes, []string{"orders:write"}) {
		t.Errorf("below what was asked for: %+v", e)
	}
	w.put(keyward.KindSubscription, "mobile-stock", &keyward.SubscriptionSpec{
		Application: "mobile", API: "stock", State: keyward.SubscriptionOnHold,
	})
	w.until("kc", keyward.EntitlementGiven)
	if scopes, _, err := r.Carried(t.Context(), asked.ClientID); err != nil || slices.Contains(scopes, "orders:write") {
		t.Errorf("without the subscription it carries %q (%v)", scopes, err)
	}

	// One that somebody took out of both lists meanwhile is not offered again when the subscription ends.
	w.put(keyward.KindSubscription, "mobile-stock", &keyward.SubscriptionSpec{Application: "mobile", API: "stock"})
	w.until("kc", keyward.EntitlementGiven, "orders:write")
	if err := r.Detach(t.Context(), asked.ClientID, "orders:write"); err != nil {
		t.Fatal(err)
	}
	w.put(keyward.KindSubscription, "mobile-stock", &keyward.SubscriptionSpec{
		Application: "mobile", API: "stock", State: keyward.SubscriptionOnHold,
	})
	w.until("kc", keyward.EntitlementGiven)
	if _, err := r.Token(t.Context(), asked.ClientID, asked.ClientSecret, "orders:write"); err == nil {
		t.Error("a scope that somebody took away is offered again")
	}
}

// Where the way into the key manager only lets clients be made, the developer reads what to ask for.
func TestOnlyChecked(t *testing.T) {
	w := newWorld(t)
	r := shared.Realm(t, "entitle-checked")
	w.keyManager("kc", r, map[string]any{"initialAccessToken": secret.Stored()},
		map[string]string{"connection.initialAccessToken": r.InitialAccessToken})
	w.api("orders", "orders:read")
	w.api("stock", "stock:read")
	made := w.generate("kc", keys.Ask{})
	e := made.Entitlement
	if e.State != keyward.EntitlementLacking || !slices.Equal(e.LackingScopes, []string{"stock:read"}) ||
		!slices.Equal(made.LackingScopes, e.LackingScopes) ||
		!strings.Contains(e.Advice, "ask an administrator of key manager kc to give client "+made.ClientID+" there: stock:read") {
		t.Errorf("%+v", e)
	}
	w.run()
	s := w.until("kc", keyward.EntitlementLacking, "orders:read")
	if !slices.Equal(s.LackingScopes, []string{"stock:read"}) {
		t.Errorf("status %+v", s)
	}
	w.put(keyward.KindSubscription, "mobile-stock", &keyward.SubscriptionSpec{
		Application: "mobile", API: "stock", State: keyward.SubscriptionBlocked,
	})
	w.until("kc", keyward.EntitlementGiven, "orders:read")
}

// At a global key manager the APIs of other tenants make and give nothing: it is the operators'.
func TestOtherTenantsAreOnlyChecked(t *testing.T) {
	w := newWorld(t)
	w.global = true
	r := shared.Realm(t, "entitle-global")
	w.managed("kc", r)
	w.api("parts", "parts:made")
	if e := w.generate("kc", keys.Ask{}).Entitlement; e.State != keyward.EntitlementGiven ||
		!slices.Equal(e.Scopes, []string{"parts:made"}) {
		t.Errorf("the operators' own client: %+v", e)
	}
	w.put(keyward.KindTenant, "acme", &keyward.TenantSpec{})
	w.tenant = "acme"
	w.put(keyward.KindApplication, "mobile", &keyward.ApplicationSpec{Owner: "alice"})
	w.api("tools", "tools:made")
	w.api("spares", "parts:made")
	made := w.generate("kc", keys.Ask{})
	if e := made.Entitlement; e.State != keyward.EntitlementLacking ||
		!slices.Equal(e.LackingScopes, []string{"parts:made", "tools:made"}) {
		t.Errorf("another tenant's client: %+v", e)
	}
	w.run()
	w.until("kc", keyward.EntitlementLacking)
	if scopes, _, err := r.Carried(t.Context(), made.ClientID); err != nil || slices.Contains(scopes, "tools:made") ||
		slices.Contains(scopes, "parts:made") {
		t.Errorf("another tenant's client carries %q (%v)", scopes, err)
	}
}

// rule limits what the clients of the key manager kc are given; nil lifts that.
func (w *world) rule(rules map[string]keyward.Constraint) {
	w.t.Helper()
	err := w.store.Write(w.t.Context(), "test", func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, "kc")
		if err != nil {
			return err
		}
		spec, ok := o.Spec.(*keyward.KeyManagerSpec)
		if !ok {
			return fmt.Errorf("%s has another spec", o.Ref())
		}
		spec.Clients.Constraints = rules
		return tx.Put(o, store.Extra{})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// What an administrator's rule does not allow no subscription gives, nor what is Keycloak's own or manages the realm; what
// was given before the rule is taken away, and what somebody gave by hand stays.
func TestSubscriptionsGiveWhatTheRuleAllows(t *testing.T) {
	w := newWorld(t)
	r := shared.Realm(t, "entitle-rule")
	if err := r.AddManagingScope(t.Context(), "boss"); err != nil {
		t.Fatal(err)
	}
	w.managed("kc", r)
	w.api("orders", "orders:read")
	w.api("stock", "stock:read")
	w.api("mail", "offline_access")
	w.api("users", "boss")
	w.api("realm", "orders:read", keyward.KeyManagerUse{Name: "kc", Audiences: []string{"realm-management"}})
	made := w.generate("kc", keys.Ask{})
	carried := func(want bool, scope string) {
		t.Helper()
		if scopes, _, err := r.Carried(t.Context(), made.ClientID); err != nil || slices.Contains(scopes, scope) != want {
			t.Errorf("the client carries %q (%v), want %s: %t", scopes, err, scope, want)
		}
	}
	lacks := func(e *keyward.ClientEntitlement, words string, scopes ...string) {
		t.Helper()
		if !slices.Equal(e.LackingScopes, scopes) || !strings.Contains(e.Advice, words) {
			t.Errorf("%+v", e)
		}
	}
	if e := made.Entitlement; e.State != keyward.EntitlementLacking || !slices.Equal(e.Scopes, []string{"orders:read", "stock:read"}) {
		t.Errorf("%+v", e)
	}
	lacks(made.Entitlement, "offline_access, the audience realm-management is key manager kc's own", "boss", "offline_access")
	lacks(made.Entitlement, "to give client "+made.ClientID+" there: boss", "boss", "offline_access")
	carried(false, "offline_access")
	carried(false, "boss")
	meant := func(want ...string) {
		t.Helper()
		testbed.Eventually(t, "whom tokens are for", func() string {
			_, audiences, err := r.Carried(t.Context(), made.ClientID)
			slices.Sort(audiences)
			return testbed.Same(fmt.Sprint(audiences, err), fmt.Sprint(want, error(nil)))
		})
	}
	all := []string{"urn:mail", "urn:orders", "urn:stock", "urn:users"}
	meant(all...)
	if e := made.Entitlement; !slices.Equal(e.LackingAudiences, []string{"realm-management"}) ||
		!strings.Contains(e.Advice, "the audience realm-management is key manager kc's own") {
		t.Errorf("%+v", e)
	}

	w.run()
	w.rule(map[string]keyward.Constraint{"audiences": {Regex: "urn:(orders|users)"}})
	meant("urn:orders", "urn:users")
	testbed.Eventually(t, "the advice about the rule", func() string { // it is written down after the server was told
		e, rule := w.status("kc").Entitlement, "clients.constraints.audiences of key manager kc allows what fits "+
			"urn:(orders|users), and so no subscription gives the audience urn:mail, the audience urn:stock: "
		return testbed.Same(strings.Contains(e.Advice, rule), true)
	})
	w.rule(map[string]keyward.Constraint{"audiences": {Regex: "urn:o.*"}}) // of an API's audiences any one is enough
	meant("urn:orders", "urn:other")
	w.rule(nil)
	meant(all...)
	w.rule(map[string]keyward.Constraint{"scopes": {Regex: "orders:.*|boss"}})
	e := w.until("kc", keyward.EntitlementLacking, "orders:read").Entitlement
	lacks(e, "clients.constraints.scopes of key manager kc allows what fits orders:.*|boss, and so no subscription gives stock:read",
		"boss", "offline_access", "stock:read")
	carried(false, "stock:read")
	carried(true, "orders:read")
	w.rule(nil)
	w.until("kc", keyward.EntitlementLacking, "orders:read", "stock:read")
	carried(true, "stock:read")

	w.rule(map[string]keyward.Constraint{"scopes": {Enum: []any{"orders:read"}}})
	w.until("kc", keyward.EntitlementLacking, "orders:read")
	for _, scope := range []string{"stock:read", "offline_access", "boss"} {
		if err := r.Attach(t.Context(), made.ClientID, scope, "default"); err != nil {
			t.Fatal(err)
		}
	}
	w.ahead.Add(int64(time.Hour))
	w.put(keyward.KindSubscription, "mobile-realm", &keyward.SubscriptionSpec{
		Application: "mobile", API: "realm", State: keyward.SubscriptionBlocked,
	})
	w.until("kc", keyward.EntitlementGiven, "boss", "offline_access", "orders:read", "stock:read")
	w.put(keyward.KindSubscription, "mobile-orders", &keyward.SubscriptionSpec{
		Application: "mobile", API: "orders", State: keyward.SubscriptionBlocked,
	})
	w.until("kc", keyward.EntitlementGiven, "boss", "offline_access", "stock:read")
	for _, scope := range []string{"stock:read", "offline_access", "boss"} {
		carried(true, scope)
	}
}
