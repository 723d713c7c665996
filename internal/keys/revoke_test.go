package keys_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/standing"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/testbed/vendorproxy"
)

func (r *rig) revoke(k *keys.Keys) {
	r.t.Helper()
	result, err := k.Revoke(r.t.Context(), alice(), at("corp"))
	if err != nil {
		r.t.Fatal(err)
	}
	if result.State != keyward.ClientRevoked {
		r.t.Errorf("revoked, the client is %s", result.State)
	}
}

// tryRevoke gives the error alone.
func (r *rig) tryRevoke(p keyward.Principal) error {
	_, err := r.keys.Revoke(r.t.Context(), p, at("corp"))
	return err
}

// A revoked client is off gateways and dead at its server, stays listed, and gives its place to the next one.
func TestRevoke(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", oidcSpec(op.Issuer, ""), initialToken())
	wantCode(t, r.tryRevoke(alice()), keyward.CodeNotFound)
	made, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = op.Token(t.Context(), made.ClientID, made.ClientSecret, oidcprovider.JWTResource, "")
	if err != nil || !r.onGateways(made.ClientID) {
		t.Fatalf("before: %v", err)
	}
	wantCode(t, r.tryRevoke(bob()), keyward.CodeForbidden)
	r.one(keyward.ClientActive)
	for range 2 { // a second time is no error
		r.revoke(r.keys)
		one := r.one(keyward.ClientRevoked)
		if one.ClientID != made.ClientID || one.Status.Reason != "" || one.Status.Orphan || r.onGateways(made.ClientID) {
			t.Errorf("%+v", one.Status)
		}
	}
	if _, err := op.Token(t.Context(), made.ClientID, made.ClientSecret, oidcprovider.JWTResource, ""); err == nil {
		t.Error("the secret still gets tokens at the server")
	}
	_, err = r.keys.Token(t.Context(), alice(), at("corp"), keys.TokenAsk{})
	wantCode(t, err, keyward.CodeNotFound, "revoked", made.ClientID)
	_, err = r.keys.Reveal(t.Context(), alice(), at("corp"))
	wantCode(t, err, keyward.CodeNotFound)
	_, err = r.keys.Rotate(t.Context(), alice(), at("corp"), keys.RotateAsk{})
	wantCode(t, err, keyward.CodeNotFound)
	sweep(t, r.start())
	r.one(keyward.ClientRevoked)

	again, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if one := r.one(keyward.ClientActive); one.ClientID != again.ClientID || again.ClientID == made.ClientID {
		t.Errorf("%+v", one)
	}
	r.revoke(r.keys)
	if err := r.keys.Delete(t.Context(), alice(), at("corp")); err != nil || len(r.list()) != 0 {
		t.Errorf("delete what was revoked: %v", err)
	}
	want := []string{"key.generated", "key.revoked", "key.generated", "key.revoked", "key.deleted"}
	if got := r.audited(); !slices.Equal(got, want) {
		t.Errorf("audit: %v", got)
	}
}

// A mapped client is put out of use here alone, and can be mapped again.
func TestRevokeOfAMappedClientChangesNothingAtTheServer(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	id, secret, err := op.Register(t.Context(), "by hand")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", oidcSpec(op.Issuer, ""), initialToken())
	for range 2 {
		if _, err := r.keys.Map(t.Context(), alice(), at("corp"), id, secret); err != nil {
			t.Fatal(err)
		}
		r.one(keyward.ClientActive)
		r.revoke(r.keys)
		if one := r.one(keyward.ClientRevoked); one.Status.Mode != keyward.ClientMapped || r.onGateways(id) {
			t.Errorf("%+v", one.Status)
		}
		if _, err := op.Token(t.Context(), id, secret, oidcprovider.JWTResource, ""); err != nil {
			t.Errorf("the vendor's client was touched: %v", err)
		}
	}
	if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
		t.Fatal(err)
	}
	if one := r.one(keyward.ClientActive); one.Status.Mode != keyward.ClientGenerated {
		t.Errorf("%+v", one.Status)
	}
}

// Whatever interrupts it, the client is off gateways at once, and the sweep ends it at the server.
func TestSweepEndsARevocation(t *testing.T) {
	for _, side := range []vendorproxy.Side{vendorproxy.Request, vendorproxy.Answer} {
		kc := shared.Realm(t, map[vendorproxy.Side]string{vendorproxy.Request: "revoke-before", vendorproxy.Answer: "revoke-after"}[side])
		proxy := vendorproxy.Start(t, kc.Server.URL)
		r := newRig(t)
		r.subscribe()
		r.keyManager("corp", adminSpec(kc, proxy.URL), adminSecrets())
		made, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		hold := proxy.HoldNext(http.MethodDelete, "/clients/", side)
		done := make(chan error, 1)
		go func() { done <- r.tryRevoke(alice()) }()
		<-hold.Reached
		if r.one(keyward.ClientRevoking); r.onGateways(made.ClientID) {
			t.Error("the server was asked before gateways were told")
		}
		_, err = r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
		wantCode(t, err, keyward.CodeKeysExist, "revoked")
		hold.Drop()
		wantCode(t, <-done, keyward.CodeKeyManagerFailed, "no gateway takes the client any more")
		if one := r.one(keyward.ClientRevoking); !strings.Contains(one.Status.Reason, "no answer") {
			t.Errorf("%+v", one.Status)
		}
		sweep(t, r.start()) // another process: this one is dead
		if one := r.one(keyward.ClientRevoked); one.Status.Reason != "" && side == vendorproxy.Request || has(t, kc, made.ClientID) {
			t.Errorf("%+v", one.Status)
		}
		if _, err := kc.Token(t.Context(), made.ClientID, made.ClientSecret, ""); err == nil {
			t.Error("the secret lives")
		}
	}
}

// A server that takes the request and says nothing keeps nobody waiting: the revocation counts, and goes on. Nor does a
// rotation that it does not answer stand in the way.
func TestRevokeDoesNotWaitForTheServer(t *testing.T) {
	ctx := t.Context()
	kc := shared.Realm(t, "revoke-hanging")
	proxy := vendorproxy.Start(t, kc.Server.URL)
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", adminSpec(kc, proxy.URL), adminSecrets())
	hasty := r.startAs(keys.Options{Patience: 50 * time.Millisecond})
	for name, c := range map[string]struct {
		method, part string
		rotates      bool
	}{
		"at the deletion": {http.MethodDelete, "/clients/", false}, "at a rotation": {http.MethodPost, "/client-secret", true},
	} {
		made, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		hold := proxy.HoldAll(c.method, c.part, vendorproxy.Request)
		rotated := make(chan error, 1)
		if c.rotates {
			go func() {
				_, err := hasty.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{})
				rotated <- err
			}()
			<-hold.Reached
		}
		for range 2 { // whoever asks once more is told the same
			result, err := hasty.Revoke(ctx, alice(), at("corp"))
			if err != nil || result.State != keyward.ClientRevoking || result.ClientID != made.ClientID {
				t.Errorf("hangs %s: %v, error %v", name, result, err)
			}
			if one := r.one(keyward.ClientRevoking); standing.Reason(one.Status) == "" || r.onGateways(made.ClientID) {
				t.Errorf("hangs %s: %+v", name, one.Status)
			}
		}
		if !has(t, kc, made.ClientID) {
			t.Errorf("hangs %s: the server has ended it already", name)
		}
		hold.Drop()
		if c.rotates && <-rotated == nil {
			t.Error("the rotation ended well")
		}
		testbed.Eventually(t, "the sweep", func() string {
			r.later(time.Hour)
			if err := hasty.Sweep(t.Context()); err != nil { // what was held is lost
				return err.Error()
			}
			return testbed.Same(r.list()[0].Status.State, keyward.ClientRevoked)
		})
		if one := r.one(keyward.ClientRevoked); one.Status.Reason != "" || has(t, kc, made.ClientID) {
			t.Errorf("hangs %s: %+v", name, one.Status)
		}
	}
}

// Where the server offers no way to delete a client, it says so, and the next client takes the place.
func TestRevokeWhereTheServerCannotDelete(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", oidcSpec(op.Issuer, ""), initialToken())
	made, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	err = r.store.Write(t.Context(), "test", func(tx *store.Tx) error { // as a server without RFC 7592 leaves it
		o, err := tx.Get(keyward.KindOAuthClient, keyward.DefaultTenant, made.Name)
		if err != nil {
			return err
		}
		return tx.Put(o, extra(map[string]string{"handle": `{"clientId":"` + made.ClientID + `"}`, "clientSecret": made.ClientSecret}))
	})
	if err != nil {
		t.Fatal(err)
	}
	r.revoke(r.keys)
	one := r.one(keyward.ClientRevoked)
	if !one.Status.Orphan || !strings.Contains(one.Status.Reason, "delete it there") || r.onGateways(made.ClientID) {
		t.Errorf("%+v", one.Status)
	}
	if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
		t.Fatal(err)
	}
	if l := r.list(); len(l) != 2 {
		t.Errorf("what is left at the server is not listed any more: %s", encode(t, l))
	}
	if err := r.keys.Dismiss(t.Context(), alice(), at("corp")); err != nil {
		t.Fatal(err)
	}
	r.one(keyward.ClientActive)
}
