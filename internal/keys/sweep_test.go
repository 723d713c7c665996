package keys_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/oidcprovider"
	"keyward.dev/keyward/internal/testbed/vendorproxy"
)

const patience = 2 * time.Minute

// A key manager that has become one whose connector cannot be opened is told as what it is.
func TestSettleSaysWhyTheServerCannotBeAsked(t *testing.T) {
	r := newRig(t)
	r.keyManager("corp", `{"type":"keycloak","issuer":"https://sso.example/realms/a","keys":{"jwks":"https://sso.example/k"},
		"endpoints":{"token":"https://sso.example/t"},"connection":{"clientId":"c","clientSecret":{"stored":true}}}`,
		map[string]string{"connection.clientSecret": "s"})
	pending := &keyward.Object{
		Kind: keyward.KindOAuthClient, Name: "left",
		Spec:   &keyward.OAuthClientSpec{Application: "mobile", KeyManager: "corp"},
		Status: encode(t, keyward.OAuthClientStatus{Mode: keyward.ClientGenerated, State: keyward.ClientPending, VendorName: "keyward-x"}),
	}
	r.put(pending, store.Extra{})
	r.change("corp", func(s *keyward.KeyManagerSpec) { s.Issuer = "https://sso.example/elsewhere" })
	sweep(t, r.keys)
	reason := r.one(keyward.ClientFailed).Status.Reason
	if !strings.Contains(reason, "connection.adminUrl") || strings.Contains(reason, "cannot be searched") {
		t.Errorf("reason: %s", reason)
	}
}

// generated is the end of a Generate that was started beside the test.
type generated struct {
	result *keys.Result
	err    error
}

// generate starts one and waits until the hold has its message.
func (r *rig) generate(h *vendorproxy.Hold) chan generated {
	r.t.Helper()
	done := make(chan generated, 1)
	go func() {
		result, err := r.keys.Generate(r.t.Context(), alice(), at("corp"), keys.Ask{})
		done <- generated{result, err}
	}()
	select {
	case <-h.Reached:
	case g := <-done:
		r.t.Fatalf("generate ended before its call was held: %+v", g)
	case <-time.After(patience):
		r.t.Fatal("generate made no call")
	}
	return done
}

func await(t *testing.T, done chan generated) generated {
	t.Helper()
	select {
	case g := <-done:
		return g
	case <-time.After(patience):
		t.Fatal("generate did not end")
		return generated{}
	}
}

func sweep(t *testing.T, k *keys.Keys) {
	t.Helper()
	if err := k.Sweep(t.Context()); err != nil {
		t.Errorf("sweep: %v", err)
	}
}

// left puts a pending client into the store as an interrupted process leaves it.
func (r *rig) left() *keyward.OAuthClientStatus {
	r.t.Helper()
	id, now := store.NewID(), r.now()
	status := &keyward.OAuthClientStatus{
		Mode: keyward.ClientGenerated, State: keyward.ClientPending, VendorName: "keyward-" + id, Grants: []string{"client_credentials"},
		Requester: "alice", ChangedAt: &now,
	}
	r.put(&keyward.Object{ID: id, Kind: keyward.KindOAuthClient, Name: "mobile-corp-production", Status: encode(r.t, status),
		Spec: &keyward.OAuthClientSpec{Application: "mobile", KeyManager: "corp"}}, store.Extra{})
	return status
}

// The server can be searched and made nothing: the try failed, and blocks nothing. What it makes late is found and
// deleted.
func TestSweepBeforeTheServerHasIt(t *testing.T) {
	kc := shared.Realm(t, "sweep-before")
	r := newRig(t)
	r.keyManager("corp", adminSpec(kc, kc.Server.URL), adminSecrets())
	status := r.left()
	k := r.start()
	sweep(t, k)
	if one := r.one(keyward.ClientFailed); !one.Status.Orphan {
		t.Errorf("the server may still be working on it: %+v", one.Status)
	}
	if err := kc.AddClient(t.Context(), status.VendorName, "late"); err != nil {
		t.Fatal(err)
	}
	made, err := k.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
	if err != nil {
		t.Fatalf("the next try: %v", err)
	}
	r.later(time.Hour)
	sweep(t, k)
	if has(t, kc, status.VendorName) {
		t.Error("what the server made late is still there")
	}
	if !has(t, kc, made.ClientID) {
		t.Error("the next try's client was deleted")
	}
	if one := r.one(keyward.ClientActive); one.ClientID != made.ClientID {
		t.Errorf("beside %s: %+v", made.ClientID, one) // the try that came to nothing is not listed any more
	}
}

// The server can be searched and has made the client: it is taken over, and its requester can fetch the secret.
func TestSweepAfterTheServerHasIt(t *testing.T) {
	kc := shared.Realm(t, "sweep-after")
	proxy := vendorproxy.Start(t, kc.Server.URL)
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", adminSpec(kc, proxy.URL), adminSecrets())
	hold := proxy.HoldNext(http.MethodPost, "/clients", vendorproxy.Answer)
	done := r.generate(hold)
	r.one(keyward.ClientPending)
	restarted := r.start()
	sweep(t, restarted)
	one := r.one(keyward.ClientActive)
	if !r.onGateways(one.ClientID) {
		t.Error("no gateway knows the client")
	}
	hold.Drop()
	if g := await(t, done); g.err == nil {
		t.Error("the interrupted call gave the client a second time")
	}
	r.one(keyward.ClientActive)
	got, err := restarted.Reveal(t.Context(), alice(), at("corp"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kc.Token(t.Context(), got.ClientID, got.ClientSecret, ""); err != nil {
		t.Errorf("the client that was taken over: %v", err)
	}
}

// An answer that is lost while the process lives is made up for at once, where the server can be searched.
func TestLostAnswerIsFoundAgain(t *testing.T) {
	kc := shared.Realm(t, "lost-answer")
	proxy := vendorproxy.Start(t, kc.Server.URL)
	r := newRig(t)
	r.keyManager("corp", adminSpec(kc, proxy.URL), adminSecrets())
	hold := proxy.HoldNext(http.MethodPost, "/clients", vendorproxy.Answer)
	done := r.generate(hold)
	hold.Drop()
	g := await(t, done)
	if g.err != nil {
		t.Fatal(g.err)
	}
	if _, err := kc.Token(t.Context(), g.result.ClientID, g.result.ClientSecret, ""); err != nil {
		t.Error(err)
	}
}

// A client that somebody maps while the server makes it is theirs: the try has failed, and it stays at the server.
func TestAClientThatIsMappedMeanwhileIsLeftAlone(t *testing.T) {
	kc := shared.Realm(t, "mapped-meanwhile")
	proxy := vendorproxy.Start(t, kc.Server.URL)
	r := newRig(t)
	r.keyManager("corp", adminSpec(kc, proxy.URL), adminSecrets())
	hold := proxy.HoldNext(http.MethodPost, "/clients", vendorproxy.Answer)
	done := r.generate(hold)
	name := r.one(keyward.ClientPending).Status.VendorName
	elsewhere := keys.Place{Application: "other", KeyManager: "corp"}
	if _, err := r.keys.Map(t.Context(), admin(), elsewhere, name, ""); err != nil {
		t.Fatal(err)
	}
	hold.Release()
	wantCode(t, await(t, done).err, keyward.CodeKeyManagerFailed)
	if one := r.one(keyward.ClientFailed); one.Status.Orphan {
		t.Errorf("%+v", one.Status)
	}
	if !has(t, kc, name) {
		t.Error("the server has lost a client that another application uses")
	}
}

// A deletion that the server did not answer goes on by itself.
func TestSweepFinishesDeletions(t *testing.T) {
	kc := shared.Realm(t, "sweep-delete")
	proxy := vendorproxy.Start(t, kc.Server.URL)
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", adminSpec(kc, proxy.URL), adminSecrets())
	for _, side := range []vendorproxy.Side{vendorproxy.Request, vendorproxy.Answer} {
		made, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		hold := proxy.HoldNext(http.MethodDelete, "/clients/", side)
		hold.Drop()
		wantCode(t, r.keys.Delete(t.Context(), alice(), at("corp")), keyward.CodeKeyManagerFailed)
		if r.onGateways(made.ClientID) {
			t.Error("gateways still take the client")
		}
		r.one(keyward.ClientDeleting)
		sweep(t, r.start())
		if len(r.list()) != 0 || has(t, kc, made.ClientID) {
			t.Error("the client is not gone everywhere")
		}
	}
}

// Registration alone cannot be searched: the outcome is unknown, the name to look for stays listed, the next try has
// another one.
func TestSweepWhereNothingCanBeSearched(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	proxy := vendorproxy.Start(t, op.Issuer)
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, `,"endpoints":{"registration":"`+proxy.URL+`/reg"}`), initialToken())
	status := r.left()
	k := r.start()
	sweep(t, k)
	one := r.one(keyward.ClientFailed)
	if !one.Status.Orphan || one.Status.VendorName != status.VendorName || !strings.HasPrefix(one.Status.Reason, "outcome unknown") {
		t.Errorf("%+v", one.Status)
	}
	// Deleting it would forget the client that the server may hold: that takes the word of somebody who has looked.
	wantCode(t, k.DeleteByName(t.Context(), alice(), "default", one.Name), keyward.CodeConflict, one.Status.VendorName)
	r.keys = k
	for _, side := range []vendorproxy.Side{vendorproxy.Answer, vendorproxy.Request} {
		hold := proxy.HoldNext(http.MethodPost, "/reg", side)
		done := r.generate(hold)
		hold.Drop()
		wantCode(t, await(t, done).err, keyward.CodeOutcomeUnknown, "keyward-")
	}
	made, err := k.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	r.later(time.Hour)
	sweep(t, k)
	states := map[keyward.ClientState]int{}
	names := map[string]bool{}
	for _, l := range r.list() {
		states[l.Status.State]++
		names[l.Status.VendorName] = true
	}
	if states[keyward.ClientFailed] != 3 || states[keyward.ClientActive] != 1 || len(names) != 4 {
		t.Errorf("states %v, names %v", states, names)
	}
	clients, err := op.Clients(t.Context())
	isMade := func(c oidcprovider.RegisteredClient) bool { return c.ID == made.ClientID }
	if err != nil || len(clients) != 2 || !slices.ContainsFunc(clients, isMade) {
		t.Errorf("clients at the server: %v, error %v", clients, err)
	}
	if err := k.Dismiss(t.Context(), alice(), at("corp")); err != nil {
		t.Fatal(err)
	}
	r.one(keyward.ClientActive)
	wantCode(t, k.Dismiss(t.Context(), alice(), at("corp")), keyward.CodeNotFound)
}

// An attempt that another process may be at is left alone until it must have ended.
func TestAnotherProcessesAttemptIsLeftAlone(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, ""), initialToken())
	r.left()
	k, err := keys.New(r.store, r.openers(), keys.Options{Now: r.now})
	if err != nil {
		t.Fatal(err)
	}
	sweep(t, k)
	r.one(keyward.ClientPending)
	_, err = k.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
	wantCode(t, err, keyward.CodeKeysExist, "at this moment")
	wantCode(t, k.Delete(t.Context(), alice(), at("corp")), keyward.CodeKeysExist)
	r.later(2 * time.Minute)
	if _, err = k.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
		t.Errorf("after its end: %v", err)
	}
}

// While a server is away its interrupted clients fail visibly, and are settled when it is back.
func TestSweepWhileTheServerIsAway(t *testing.T) {
	kc := shared.Realm(t, "sweep-away")
	r := newRig(t)
	r.keyManager("corp", adminSpec(kc, kc.Server.URL), adminSecrets())
	status := r.left()
	if err := kc.AddClient(t.Context(), status.VendorName, "made"); err != nil {
		t.Fatal(err)
	}
	if err := kc.SetEnabled(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	k := r.start()
	sweep(t, k)
	if one := r.one(keyward.ClientFailed); !one.Status.Orphan || !strings.Contains(one.Status.Reason, "Realm not enabled") {
		t.Errorf("%+v", one.Status)
	}
	if err := kc.SetEnabled(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	sweep(t, k)
	if one := r.one(keyward.ClientFailed); one.Status.Orphan || has(t, kc, status.VendorName) {
		t.Errorf("the orphan was not deleted: %+v", one.Status)
	}
}

func TestRunSweepsUntilItsEnd(t *testing.T) {
	op := oidcprovider.Start(t, t.TempDir(), oidcprovider.Options{})
	r := newRig(t)
	r.keyManager("corp", oidcSpec(op.Issuer, ""), initialToken())
	r.left()
	here := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.start().Run(ctx) }()
	for deadline := time.Now().Add(patience); ; {
		if l := r.list(); l[0].Status.State == keyward.ClientFailed {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the client is still pending")
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	goleak.VerifyNone(t, here)
}
