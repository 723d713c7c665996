package reconcile_test

import (
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/registrar"
)

// rewrite changes what is stored of an application's client.
func (r *rig) rewrite(application string, change func(tx *store.Tx, c *scene.Client) error) {
	r.t.Helper()
	do(r.t, r.store.Write(r.t.Context(), "another process", func(tx *store.Tx) error {
		list, _, err := tx.List(keyward.KindOAuthClient, store.Filter{Tenant: keyward.DefaultTenant, Application: application})
		if err != nil {
			return err
		}
		c, err := scene.ReadClient(list[0])
		if err != nil {
			return err
		}
		return change(tx, c)
	}))
}

// state puts a client into a state, as an update on its way does.
func (r *rig) state(application string, state keyward.ClientState, wanted *keyward.ClientWish) {
	r.t.Helper()
	r.rewrite(application, func(tx *store.Tx, c *scene.Client) error {
		c.Status.State, c.Status.Wanted = state, wanted
		return c.Put(tx, store.Extra{})
	})
}

// TestALookThatAnUpdateOvertook, in another process, stores nothing of what it began with: the client is held against what
// the server says after the update, whether the look's own question failed or was answered.
func TestALookThatAnUpdateOvertook(t *testing.T) {
	for name, fails := range map[string]bool{"answered": false, "failed": true} {
		t.Run(name, func(t *testing.T) {
			s, r := registrar.Start(t), newRig(t)
			r.registering("reg", s)
			made := r.generate("mobile", "reg", keys.Ask{
				Grants: []string{"client_credentials", "authorization_code"}, Callbacks: []string{"https://app.example/cb"},
			})
			want(t, r.reconcile("reg"), "mobile", reconcile.InStep)
			crossed := make(chan struct{})
			r.road.mu.Lock()
			r.road.during = func() {
				defer close(crossed)
				r.state("mobile", keyward.ClientUpdating, &keyward.ClientWish{Callbacks: []string{"https://new.example/cb"}})
				s.Change(made.ClientID, "https://new.example/cb")
				r.rewrite("mobile", func(tx *store.Tx, c *scene.Client) error {
					c.Status.State, c.Status.Wanted, c.Status.Callbacks = keyward.ClientActive, nil, []string{"https://new.example/cb"}
					return c.Put(tx, store.Extra{})
				})
				if fails {
					r.road.method = "GET"
				}
			}
			r.road.mu.Unlock()
			do(t, r.reconciler.Ask(t.Context(), admin(), keyward.DefaultTenant, "reg"))
			<-crossed
			testbed.Eventually(t, "another look", func() string { // which a failure puts off
				return testbed.Same(string(line(t, r.reconcile("reg"), "mobile").Verdict), string(reconcile.InStep))
			})
		})
	}
}

// TestARowThatCannotBeRead holds up no other client of its key manager, and is shown.
func TestARowThatCannotBeRead(t *testing.T) {
	s, r := registrar.Start(t), newRig(t)
	r.registering("reg", s)
	for _, app := range []string{"a", "b", "c"} {
		r.generate(app, "reg", keys.Ask{})
	}
	r.rewrite("a", func(tx *store.Tx, c *scene.Client) error {
		return tx.KeepSecrets(c.Object, map[string]string{"handle": "not what is kept there"})
	})
	r.rewrite("b", func(tx *store.Tx, c *scene.Client) error {
		return tx.SettleLook(c.Object.ID, []byte(`{"base":"not a base"}`), c.Object.CreatedAt)
	})
	report := r.reconcile("reg")
	want(t, report, "c", reconcile.InStep)
	want(t, report, "a", reconcile.Unknown, "cannot be read")
	want(t, report, "b", reconcile.Unknown, "cannot be read")
	// What was found of b is lost, and begun anew.
	testbed.Eventually(t, "b is looked at", func() string {
		return testbed.Same(string(line(t, r.reconcile("reg"), "b").Verdict), string(reconcile.InStep))
	})
}

// TestAChangedConnectionBeginsAnew: what a server tells another credential may differ from what it told the one before, so
// that the first look with it is nobody's drift; the next one is held against that.
func TestAChangedConnectionBeginsAnew(t *testing.T) {
	s, r := registrar.Start(t), newRig(t)
	r.registering("reg", s)
	made := r.generate("mobile", "reg", keys.Ask{})
	want(t, r.reconcile("reg"), "mobile", reconcile.InStep)
	s.Widen(made.ClientID, "seen:now")
	want(t, r.reconcile("reg"), "mobile", reconcile.Changed, "seen:now")
	do(t, r.store.Write(t.Context(), "test", func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, "reg")
		if err != nil {
			return err
		}
		spec, err := keyward.SpecOf[*keyward.KeyManagerSpec](o)
		if err != nil {
			return err
		}
		spec.Connection["proofScope"] = "ping"
		return tx.Put(o, store.Extra{})
	}))
	want(t, r.reconcile("reg"), "mobile", reconcile.InStep)
	s.Widen(made.ClientID, "seen:now seen:later")
	want(t, r.reconcile("reg"), "mobile", reconcile.Changed, "seen:later")
}
