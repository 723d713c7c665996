package resident

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
)

// published gives the kids of the tenant's JWKS endpoint, after checking that gateways were told the same.
func (w *world) published() map[string]bool {
	w.t.Helper()
	var set jose.JSONWebKeySet
	answer := send(w.t, http.MethodGet, w.url+pathKeys, nil)
	if err := json.Unmarshal([]byte(answer.text), &set); err != nil {
		w.t.Fatal(err)
	}
	served := kids(set)
	told := w.told()
	if len(told) != len(served) {
		w.t.Errorf("gateways know %v, the server publishes %v", told, served)
	}
	for kid := range served {
		if !told[kid] {
			w.t.Errorf("gateways do not know %s", kid)
		}
	}
	return served
}

func kids(set jose.JSONWebKeySet) map[string]bool {
	names := map[string]bool{}
	for _, k := range set.Keys {
		names[k.KeyID] = true
	}
	return names
}

// told reads the key manager's row as the feed has it.
func (w *world) told() map[string]bool {
	w.t.Helper()
	names := map[string]bool{}
	err := w.store.Read(w.t.Context(), func(tx *store.Tx) error {
		return tx.Snapshot(keyward.DefaultGroup, func(record []byte) error {
			var c keyward.Change
			var row keyward.KeyManagerRow
			if err := json.Unmarshal(record, &c); err != nil {
				return err
			}
			if c.Kind != keyward.RowKeyManager {
				return nil
			}
			if err := json.Unmarshal(c.Row, &row); err != nil {
				return err
			}
			if row.Tenant != keyward.DefaultTenant {
				return nil
			}
			if len(row.Issuers) != 1 || row.Issuers[0].Issuer != w.url || row.Issuers[0].JWKS != "" {
				w.t.Errorf("the row's issuers are %+v", row.Issuers)
				return nil
			}
			var set jose.JSONWebKeySet
			if err := json.Unmarshal(row.Issuers[0].Inline, &set); err != nil {
				return err
			}
			for _, k := range set.Keys {
				if !k.IsPublic() {
					w.t.Error("a private key is on its way to the gateways")
				}
			}
			names = kids(set)
			return nil
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

func (w *world) maintain() {
	w.t.Helper()
	if err := w.resident.Maintain(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) head() uint64 {
	w.t.Helper()
	var at keyward.Position
	err := w.store.Read(w.t.Context(), func(tx *store.Tx) (err error) {
		at, err = tx.Head(keyward.DefaultGroup)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return at.Revision
}

func TestRotationIsAChangeOfTheKeyManager(t *testing.T) {
	w := newWorld(t, "")
	shop := w.shop(keyward.DefaultTenant)
	signer := func() string {
		t.Helper()
		kid, _ := issued(t, w.ask(w.url, shop))
		return kid
	}
	first := signer()
	old, _ := w.ask(w.url, shop).body["access_token"].(string)
	if keys := w.published(); len(keys) != 1 || !keys[first] {
		t.Fatalf("at first %v is published and %s signs", keys, first)
	}
	before := w.head()
	w.pass(7 * time.Hour)
	w.maintain()
	if w.head() != before {
		t.Error("nothing was due, yet something changed")
	}

	w.pass(time.Hour) // 8 h: the next key is due 2 h before the first one's 10 h are over
	w.maintain()
	if keys := w.published(); len(keys) != 2 || signer() != first {
		t.Fatalf("published ahead: %v, signed by %s", keys, signer())
	}
	w.maintain()
	if keys := w.published(); len(keys) != 2 {
		t.Fatalf("a second turn made more keys: %v", keys)
	}
	w.pass(2 * time.Hour)
	second := signer()
	if second == first || !w.published()[second] {
		t.Fatalf("after its time %s still signs", first)
	}
	w.pass(time.Hour)
	w.maintain()
	if !w.published()[first] {
		t.Error("the first key is gone before its last token has expired")
	}
	w.pass(2 * time.Minute)
	w.maintain()
	if keys := w.published(); len(keys) != 1 || !keys[second] {
		t.Errorf("in the end %v is published", keys)
	}
	form := map[string][]string{"token": {old}}
	got := send(t, http.MethodPost, w.url+pathIntrospect, form, basic(shop.ClientID, shop.ClientSecret))
	if got.body["active"] != false {
		t.Errorf("a token of the first key: %s", got.text)
	}
}

func TestRotateByHand(t *testing.T) {
	w := newWorld(t, "")
	if err := w.resident.Rotate(t.Context(), keyward.DefaultTenant); err != nil {
		t.Fatal(err)
	}
	if keys := w.published(); len(keys) != 2 {
		t.Errorf("%d keys are published", len(keys))
	}
	if err := w.resident.Rotate(t.Context(), keyward.DefaultTenant); err != nil {
		t.Fatal(err)
	}
	if keys := w.published(); len(keys) != 2 {
		t.Errorf("while a key waited, another one was made: %d", len(keys))
	}
	if err := w.resident.Rotate(t.Context(), "nobody"); keyward.CodeOf(err) != keyward.CodeNotFound {
		t.Errorf("an unknown tenant gave %v", err)
	}
}

func TestAnotherPublicURLReachesGateways(t *testing.T) {
	w := newWorld(t, "")
	moved, err := New(w.store, Options{PublicURL: "https://moved.example", Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	if err := moved.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.url = "https://moved.example"
	if keys := w.told(); len(keys) != 1 {
		t.Errorf("gateways know %v", keys)
	}
}

func TestRevocationIsKept(t *testing.T) {
	w := newWorld(t, "")
	shop := w.shop(keyward.DefaultTenant)
	who := basic(shop.ClientID, shop.ClientSecret)
	token, _ := w.ask(w.url, shop).body["access_token"].(string)
	form := map[string][]string{"token": {token}}
	active := func() any {
		t.Helper()
		return send(t, http.MethodPost, w.url+pathIntrospect, form, who).body["active"]
	}
	if active() != true {
		t.Fatal("a fresh token is not active")
	}
	for range 2 {
		if got := send(t, http.MethodPost, w.url+pathRevoke, form, who); got.status != 200 {
			t.Fatalf("revoke: %d %s", got.status, got.text)
		}
	}
	if active() != false {
		t.Error("a revoked token is active")
	}
	other, _ := w.ask(w.url, shop).body["access_token"].(string)
	form = map[string][]string{"token": {other}}
	if active() != true {
		t.Error("another token of the client went with it")
	}
}

func TestRunKeepsKeysUntilItsEnd(t *testing.T) {
	w := newWorld(t, "")
	w.resident.check = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.resident.Run(ctx) }()
	w.pass(9 * time.Hour)
	wake, stop := w.store.Watch()
	defer stop()
	deadline := time.After(30 * time.Second)
	for len(w.told()) != 2 {
		select {
		case <-wake:
		case <-deadline:
			t.Fatalf("no key was made; %d known", len(w.told()))
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run ended with %v", err)
	}
	held, err := w.store.Lease(t.Context(), lease, "another", time.Second)
	if err != nil || !held {
		t.Errorf("the lease was not given back: %v, %v", held, err)
	}
}

// Which of a client's secrets was used is stored; Keyward's own proof of one is no use, nor is a wrong one.
func TestSecretsThatAreUsed(t *testing.T) {
	w := newWorld(t, "")
	c := w.shop(keyward.DefaultTenant)
	used := func() (paths []string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.resident.used.Run(ctx); err != nil { // at its end it stores what it has
			t.Fatal(err)
		}
		if err := w.store.Read(t.Context(), func(tx *store.Tx) error {
			o, err := tx.Get(keyward.KindOAuthClient, keyward.DefaultTenant, "shop-resident")
			if err != nil {
				return err
			}
			uses, err := tx.ClientUses([]*keyward.Object{o})
			paths = slices.Sorted(maps.Keys(uses[o.ID].Secrets))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return paths
	}
	opened, err := w.resident.Open(connector.Server{Tenant: keyward.DefaultTenant})
	if err != nil {
		t.Fatal(err)
	}
	prover, ok := opened.(connector.Prover)
	if !ok {
		t.Fatal("the resident key manager proves no secrets")
	}
	if err := prover.Prove(t.Context(), c.ClientID, c.ClientSecret); err != nil {
		t.Fatalf("the secret is not proved: %v", err)
	}
	wrong := c
	wrong.ClientSecret = "wrong"
	expect(t, "a wrong secret", w.ask(w.url, wrong), http.StatusUnauthorized, "invalid_client")
	if got := used(); len(got) != 0 {
		t.Errorf("used without a use: %v", got)
	}
	expect(t, "the secret", w.ask(w.url, c), http.StatusOK, "")
	if got := used(); !slices.Equal(got, []string{SecretPath}) {
		t.Errorf("used: %v", got)
	}
}
