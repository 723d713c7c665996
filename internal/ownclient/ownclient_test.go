package ownclient_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/ownclient"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/plane"
	"keyward.dev/keyward/internal/testbed/registrar"
)

const (
	home  = "https://keyward.example/session/callback"
	rules = `"roles":[{"claim":"/groups","equals":"apis","role":"publisher"}]`
)

// rig is a control plane beside a server that registers clients, with a clock of its own.
type rig struct {
	*plane.Plane

	t      *testing.T
	server *registrar.Server
	own    *ownclient.Clients

	mu  sync.Mutex
	now time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{Plane: plane.New(t), t: t, server: registrar.Start(t), now: time.Now().UTC()}
	r.own = r.clients(home, true)
	return r
}

// clients makes what looks after clients, of another process perhaps.
func (r *rig) clients(callback string, sole bool) *ownclient.Clients {
	r.t.Helper()
	own, err := ownclient.New(r.Store, catalog.New(http.DefaultClient, nil), ownclient.Options{
		Callback: callback, Sole: sole, Looks: true, Now: r.clock,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return own
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// declare declares corp with this signIn, and more of its spec.
func (r *rig) declare(signIn, more string) {
	r.t.Helper()
	r.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", fmt.Sprintf(
		`{"type":"oidc","discovery":%q,"connection":{"initialAccessToken":%q},"signIn":{%s}%s}`,
		r.server.URL, registrar.InitialAccessToken, signIn, more)))
}

const wanted = `"enabled":true,` + rules

func (r *rig) sweep() error { return r.own.Sweep(r.t.Context()) }

// must sweeps, and wants so many clients at the server, and the state of the one that is listed, or none.
func (r *rig) must(what string, there int, states ...keyward.ClientState) []ownclient.Standing {
	r.t.Helper()
	err := r.sweep()
	list, listed := r.own.List(r.t.Context(), plane.Operator(), "default")
	if listed != nil {
		r.t.Fatal(listed)
	}
	var got []keyward.ClientState
	for _, one := range list {
		got = append(got, one.State)
	}
	if len(r.server.Clients()) != there || !slices.Equal(got, states) {
		r.t.Fatalf("%s: %d clients at the server, want %d; %+v, want %v; sweep: %v",
			what, len(r.server.Clients()), there, list, states, err)
	}
	return list
}

func (r *rig) status() string {
	r.t.Helper()
	var text string
	err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		km, err := tx.Get(keyward.KindKeyManager, "default", "corp")
		if err != nil {
			return err
		}
		raw, err := r.own.Status(tx, km)
		text = string(raw)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return text
}

func (r *rig) stored() *store.OwnClient {
	r.t.Helper()
	var one *store.OwnClient
	err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		km, err := tx.Get(keyward.KindKeyManager, "default", "corp")
		if err == nil {
			one, err = tx.OwnClientInUse(km.ID)
		}
		return err
	})
	if err != nil || one == nil {
		r.t.Fatalf("no client in use: %v", err)
	}
	return one
}

func (r *rig) act(do func(context.Context, keyward.Principal, string, string) (*ownclient.Standing, error), id string) {
	r.t.Helper()
	if _, err := do(r.t.Context(), plane.Operator(), "default", id); err != nil {
		r.t.Fatal(err)
	}
}

// TestAClientFollowsWhatIsDeclared: it is registered as it has to be, changed where the public URL changes, and deleted where
// nobody needs it: a client that is declared, no sign-in, no key manager.
func TestAClientFollowsWhatIsDeclared(t *testing.T) {
	r := newRig(t)
	r.declare(wanted, `,"clients":{"create":false}`) // which is about applications
	one := r.must("declared", 1, keyward.ClientActive)[0]
	made := r.server.Clients()[0]
	own := home + "/default/corp"
	if made.ID != one.ClientID || made.Name != one.Name || !slices.Equal(made.Callbacks, []string{own}) ||
		!slices.Equal(made.Farewells, []string{own}) || made.Logout != "https://keyward.example/session/backchannel/default/corp" ||
		made.Scope != "openid profile" ||
		!slices.Equal(made.Grants, []string{"authorization_code"}) || made.Method != "client_secret_basic" {
		t.Errorf("made: %+v, listed: %+v", made, one)
	}
	if s := r.status(); !strings.Contains(s, `"state":"active"`) || strings.Contains(s, made.Secret) {
		t.Errorf("status: %s", s)
	}
	if stored := r.stored(); stored.Secrets[store.OwnSecret] != made.Secret {
		t.Error("another secret is stored than the server's")
	}
	r.must("again", 1, keyward.ClientActive)
	if n := len(requests(r.server, "POST", "/reg")); n != 1 {
		t.Errorf("registered %d times", n)
	}

	r.own = r.clients("https://sso.keyward.example/session/callback", true)
	r.must("another public URL", 1, keyward.ClientActive)
	moved := []string{"https://sso.keyward.example/session/callback/default/corp"}
	if c := r.server.Clients()[0]; c.ID != made.ID || !slices.Equal(c.Callbacks, moved) {
		t.Errorf("after another public URL: %+v", c)
	}

	r.declare(`"enabled":true,"clientId":"byhand","clientSecret":"s",`+rules, "")
	r.must("declared by hand", 0)
	r.declare(wanted, "")
	r.must("by itself again", 1, keyward.ClientActive)
	r.declare(`"enabled":false`, "")
	r.must("switched off", 0)
	r.declare(wanted, "")
	r.must("switched on", 1, keyward.ClientActive)
	r.declare(wanted, `,"enabled":false`)
	r.must("disabled", 1, keyward.ClientActive)

	// Nothing is left at a server that is away while its key manager is deleted, nor where its connection is taken away.
	ref := keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "default", Name: "corp"}
	r.server.Order(contract.Trouble{Method: http.MethodDelete, Part: "/reg", Status: 503, Body: `{}`, RetryAfter: "1"})
	if err := r.Control.Delete(t.Context(), plane.Operator(), ref, ""); err != nil {
		t.Fatal(err)
	}
	list := r.must("deleted while it is away", 1, keyward.ClientDeleting)
	if list[0].KeyManager != "corp" || !strings.Contains(list[0].Reason, "503") || list[0].NextTry == nil {
		t.Errorf("listed: %+v", list)
	}
	r.server.Mend()
	r.must("too soon", 1, keyward.ClientDeleting)
	r.later(time.Minute)
	r.must("back again", 0)
	r.declare(wanted, "")
	r.must("declared anew", 1, keyward.ClientActive)
	r.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", fmt.Sprintf(`{"type":"oidc","discovery":%q}`, r.server.URL)))
	r.must("without a connection", 0)
	if secrets := fmt.Sprint(r.own.List(t.Context(), plane.Operator(), "default")); strings.Contains(secrets, "management-") {
		t.Errorf("a credential is listed: %s", secrets)
	}
}

func requests(s *registrar.Server, method, part string) []contract.Request {
	return slices.DeleteFunc(s.Seen(), func(q contract.Request) bool { return q.Method != method || !strings.HasPrefix(q.URI, part) })
}

// TestARegistrationThatFails is tried again by itself while nothing can have been made, and waits for a person where the server
// may hold a client that nobody can find.
func TestARegistrationThatFails(t *testing.T) {
	r := newRig(t)
	r.server.Order(contract.Trouble{
		Method: http.MethodPost, Part: "/reg", Status: 403, Body: `{"error":"closed","error_description":"ask ops"}`,
	})
	r.declare(wanted, "")
	failed := r.must("refused", 0, keyward.ClientFailed)[0]
	if !strings.Contains(failed.Reason, "403 closed: ask ops") || failed.NextTry == nil || failed.Orphan {
		t.Errorf("refused: %+v", failed)
	}
	if s := r.status(); !strings.Contains(s, "ask ops") || !strings.Contains(s, `"state":"failed"`) {
		t.Errorf("status: %s", s)
	}
	r.must("too soon", 0, keyward.ClientFailed)
	r.server.Mend()
	r.declare(wanted, `,"displayName":"Corp"`)
	again := r.must("after a change", 1, keyward.ClientActive)[0]
	if again.Name == failed.Name {
		t.Error("the next try has the name of the one before")
	}
	r.declare(`"enabled":false`, "")
	r.must("switched off", 0)

	r.server.Order(contract.Trouble{Method: http.MethodPost, Part: "/reg", Half: true, Times: 1})
	r.declare(wanted, "")
	lost := r.must("an answer that was lost", 1, keyward.ClientFailed)[0]
	if !lost.Orphan || !strings.Contains(lost.Reason, "outcome unknown") || !strings.Contains(lost.Advice, lost.Name) ||
		r.server.Clients()[0].Name != lost.Name {
		t.Errorf("lost: %+v", lost)
	}
	r.later(24 * time.Hour)
	r.must("nobody looked", 1, keyward.ClientFailed)
	r.act(r.own.Retry, lost.ID)
	r.must("somebody wants another", 2, keyward.ClientFailed, keyward.ClientActive)
	_, err := r.own.Dismiss(t.Context(), plane.As("eve", keyward.RoleAuditor), "default", lost.ID)
	if keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("an auditor dismisses: %v", err)
	}
	r.act(r.own.Dismiss, lost.ID)
	kept := r.must("somebody looked", 2, keyward.ClientActive)[0]
	if _, err := r.own.Dismiss(t.Context(), plane.Operator(), "default", kept.ID); keyward.CodeOf(err) != keyward.CodeConflict {
		t.Errorf("one in use is dismissed: %v", err)
	}
}

// TestACrashLeavesNoClientBehind: what a process began and did not end is found by the next one.
func TestACrashLeavesNoClientBehind(t *testing.T) {
	r := newRig(t)
	r.declare(wanted, "")
	r.must("declared", 1, keyward.ClientActive)
	before := r.stored()
	// As it was written down before the server was asked.
	before.State, before.ClientID = keyward.ClientPending, ""
	delete(before.Secrets, store.OwnHandle)
	if err := r.Store.Write(t.Context(), "test", func(tx *store.Tx) error { return tx.PutOwnClient(before) }); err != nil {
		t.Fatal(err)
	}
	list := r.must("interrupted", 1, keyward.ClientFailed)
	if !list[0].Orphan || !strings.Contains(list[0].Reason, "interrupted") || list[0].Name != r.server.Clients()[0].Name {
		t.Errorf("interrupted: %+v", list)
	}
}

// TestAClientThatDiffersAtItsServer is told of, and made what it should be when somebody asks.
func TestAClientThatDiffersAtItsServer(t *testing.T) {
	r := newRig(t)
	r.declare(wanted, "")
	one := r.must("declared", 1, keyward.ClientActive)[0]
	r.server.Change(one.ClientID, "https://evil.example/callback")
	r.later(7 * time.Hour)
	list := r.must("changed there", 1, keyward.ClientDrifted)
	if !strings.Contains(list[0].Reason, "https://evil.example/callback") || !strings.Contains(list[0].Advice, "retry") {
		t.Errorf("drifted: %+v", list)
	}
	r.act(r.own.Retry, one.ID)
	r.must("made what it should be", 1, keyward.ClientActive)
	if c := r.server.Clients()[0]; c.ID != one.ClientID || !slices.Equal(c.Callbacks, []string{home + "/default/corp"}) {
		t.Errorf("mended: %+v", c)
	}
	r.server.Change(one.ClientID, home+"/default/corp", "https://evil.example/too")
	r.later(7 * time.Hour)
	list = r.must("one more there", 1, keyward.ClientDrifted)
	if !strings.Contains(list[0].Reason, "beside") || !strings.Contains(list[0].Reason, "https://evil.example/too") {
		t.Errorf("drifted: %+v", list)
	}
	r.act(r.own.Retry, one.ID)
	r.must("made what it should be again", 1, keyward.ClientActive)
	if c := r.server.Clients()[0]; !slices.Equal(c.Callbacks, []string{home + "/default/corp"}) {
		t.Errorf("mended: %+v", c)
	}
	r.server.Remove(one.ClientID)
	r.later(7 * time.Hour)
	r.must("removed there", 0, keyward.ClientDrifted)
	r.later(7 * time.Hour)
	r.must("nobody asked", 0, keyward.ClientDrifted)
	r.act(r.own.Retry, one.ID)
	another := r.must("somebody asked", 1, keyward.ClientActive)[0]
	if another.ClientID == one.ClientID {
		t.Error("the client that is gone is in use")
	}
	// The server gives no new secrets: another client takes the place, and the one before is deleted.
	r.act(r.own.Rotate, another.ID)
	if rotated := r.must("a new secret", 1, keyward.ClientActive)[0]; rotated.ClientID == another.ClientID {
		t.Error("nothing was rotated")
	}
}

// TestAKeyIsBetterThanASecret, where the server offers it; one that refuses it gets a client with a secret.
func TestAKeyIsBetterThanASecret(t *testing.T) {
	r := newRig(t)
	r.server.OfferKeys()
	r.declare(wanted, "")
	r.must("declared", 1, keyward.ClientActive)
	made, stored := r.server.Clients()[0], r.stored()
	if made.Method != "private_key_jwt" || stored.Method != keyward.IntrospectJWT || stored.Secrets[store.OwnKey] == "" ||
		stored.Secrets[store.OwnSecret] != "" {
		t.Errorf("made: %+v, by %s", made, stored.Method)
	}
	r.declare(`"enabled":false`, "")
	r.must("switched off", 0)
	r.server.Order(contract.Trouble{
		Method: http.MethodPost, Part: "/reg", Status: 400, Body: `{"error":"invalid_client_metadata"}`, Times: 1,
	})
	r.declare(wanted, "")
	r.must("refused with a key", 1, keyward.ClientActive)
	if c := r.server.Clients()[0]; c.Method != "client_secret_basic" {
		t.Errorf("made: %+v", c)
	}
}

// TestTwoProcessesMakeOneClient: whichever is first, there is one.
func TestTwoProcessesMakeOneClient(t *testing.T) {
	r := newRig(t)
	r.declare(wanted, "")
	var both sync.WaitGroup
	for _, own := range []*ownclient.Clients{r.clients(home, false), r.clients(home, false)} {
		both.Go(func() { _ = own.Sweep(t.Context()) }) // one of them may find that the other was quicker
	}
	both.Wait()
	r.must("both", 1, keyward.ClientActive)
}
