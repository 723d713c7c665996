package keys_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/entitle"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/turn"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oktaserver"
	"keyward.dev/keyward/internal/testbed/postgres"
	"keyward.dev/keyward/internal/testbed/registrar"
)

// process is one run of the control plane. It dies at a chosen boundary: before a request goes out, after its answer has
// come, or inside a transaction. What it does after that has no effect, as after kill -9.
type process struct {
	rig   *rig
	keys  *keys.Keys
	mends *reconcile.Reconciler
	steps atomic.Int64 // boundaries that are left; 0 = it lives on
	dead  atomic.Bool
}

func (r *rig) process(die int) *process {
	r.t.Helper()
	p := &process{rig: r}
	p.steps.Store(int64(die))
	openers, turns := catalog.New(&http.Client{Transport: p}, nil), turn.New()
	var err error
	if p.keys, err = keys.New(r.store, openers, keys.Options{
		Sole: true, Now: p.now, Turns: turns, Patience: time.Minute,
	}); err != nil {
		r.t.Fatal(err)
	}
	entitler, err := entitle.New(r.store, openers, entitle.Options{Sole: true, Now: p.now, Turns: turns})
	if err != nil {
		r.t.Fatal(err)
	}
	parts := reconcile.Parts{Store: r.store, Openers: openers, Keys: p.keys, Entitler: entitler, Turns: turns}
	if p.mends, err = reconcile.New(parts, reconcile.Options{Sole: true, Now: p.now}); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// boundary ends the goroutine of a process that is dead.
func (p *process) boundary() {
	if p.steps.Load() > 0 && p.steps.Add(-1) == 0 {
		p.dead.Store(true)
	}
	if p.dead.Load() {
		runtime.Goexit()
	}
}

func (p *process) now() time.Time {
	p.boundary()
	return p.rig.now()
}

// RoundTrip implements http.RoundTripper.
func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	p.boundary()
	resp, err := http.DefaultTransport.RoundTrip(r)
	p.boundary()
	return resp, err
}

// do runs one action to its end, or to the process's.
func (p *process) do(act func(*process) error) (err error) {
	done := make(chan struct{})
	err = errDied
	go func() {
		defer close(done)
		err = act(p)
	}()
	<-done
	return err
}

var errDied = errors.New("the process was killed")

// vendorOf is a server as the test sees it: what it holds, and how it is made to fail.
type vendorOf struct {
	server    *contract.Server
	there     func() []string // names of the clients of ours
	remove    func(name string)
	searchful bool
	sister    bool // the key manager sister reuses clients of corp
}

// machine is the life of one place, with everything that can go wrong.
type machine struct {
	r *rig
	v vendorOf
}

var explored, killed, approved, mended, reused, released, onPostgres atomic.Int64

func (m *machine) act(t *rapid.T, what string, act func(*keys.Keys) error) {
	m.actBy(t, what, func(p *process) error { return act(p.keys) })
}

func (m *machine) actBy(t *rapid.T, what string, act func(*process) error) {
	fault := rapid.SampledFrom([]string{"", "", "", "", "429", "500", "503", "half"}).Draw(t, "fault")
	die := rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}).Draw(t, "die")
	times := rapid.IntRange(1, 2).Draw(t, "times")
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodGet, http.MethodDelete} {
		trouble := contract.Trouble{Method: method, Part: "/", Times: times}
		switch fault {
		case "":
			continue
		case "half":
			trouble.Half = true
		case "429":
			trouble.Status = 429
		case "500":
			trouble.Status = 500
		default:
			trouble.Status = 503
		}
		m.v.server.Order(trouble)
	}
	p := m.r.process(die)
	err := p.do(act)
	m.v.server.Mend()
	explored.Add(1)
	if errors.Is(err, errDied) {
		killed.Add(1)
	}
	m.check(t, what)
}

func mobileOfAlice() *keyward.Object {
	return &keyward.Object{Kind: keyward.KindApplication, Name: "mobile", Spec: &keyward.ApplicationSpec{Owner: "alice"}}
}

// reset begins with an application without keys, whatever a failed walk has left.
func (m *machine) reset() {
	for _, name := range m.v.there() {
		m.v.remove(name)
	}
	if !m.r.exists() {
		m.r.put(mobileOfAlice(), store.Extra{})
		return
	}
	err := m.r.store.Write(m.r.t.Context(), "test", func(tx *store.Tx) error {
		objects, _, err := tx.List(keyward.KindOAuthClient, store.Filter{Tenant: keyward.DefaultTenant, Application: "mobile"})
		if err != nil {
			return err
		}
		slices.SortStableFunc(objects, func(a, b *keyward.Object) int { return uses(b) - uses(a) })
		for _, o := range objects {
			if err := tx.Delete(o); err != nil {
				return err
			}
		}
		o, err := tx.Get(keyward.KindApplication, keyward.DefaultTenant, "mobile")
		if err != nil {
			return err
		}
		o.Status = nil
		return tx.Put(o, store.Extra{})
	})
	if err != nil {
		m.r.t.Fatal(err)
	}
}

// uses is 1 for a client that is another one's too.
func uses(o *keyward.Object) int {
	if status, err := o.ClientStatus(); err == nil && status.Reuses != nil {
		return 1
	}
	return 0
}

// check holds what must be true at every moment.
func (m *machine) check(t *rapid.T, after string) {
	taking, listed := map[string]int{}, map[string]bool{}
	if !m.r.exists() {
		if left := m.v.there(); len(left) > 0 {
			t.Fatalf("the application is gone, and the server has %v", left)
		}
		return
	}
	all := m.r.list()
	for _, l := range all {
		if l.Status.State != keyward.ClientFailed && l.Status.State != keyward.ClientRevoked {
			taking[l.KeyManager]++
			listed[l.Status.VendorName] = true
		}
		listed[l.Status.VendorName] = listed[l.Status.VendorName] || l.Status.Orphan
		if l.Status.State == keyward.ClientAwaiting && (l.ClientID != "" || slices.Contains(m.v.there(), l.Status.VendorName)) {
			t.Fatalf("after %s: it is made and nobody has approved it: %s", after, encode(m.r.t, l))
		}
		if l.Status.State.InUse() && l.ClientID == "" {
			t.Fatalf("after %s: a client without an id is in use: %s", after, encode(m.r.t, l))
		}
		if of := l.Status.Reuses; of != nil && l.Status.State.InUse() && !slices.ContainsFunc(all, func(o keys.Listed) bool {
			return o.KeyManager == of.KeyManager && o.ClientID == l.ClientID && o.Status.State.InUse()
		}) {
			t.Fatalf("after %s: in use without the client that owns it: %s", after, encode(m.r.t, all))
		}
	}
	if taking["corp"] > 1 || taking["sister"] > 1 {
		t.Fatalf("after %s: %v clients in one place: %s", after, taking, encode(m.r.t, all))
	}
	for _, name := range m.v.there() {
		if !listed[name] {
			t.Fatalf("after %s: the server has %s, and nobody here knows: %s", after, name, encode(m.r.t, m.r.list()))
		}
	}
}

// settled lets everything come to its end: nothing may be left under way.
func (m *machine) settled(t *rapid.T) {
	for range 4 {
		m.r.later(time.Hour)
		if err := m.r.start().Sweep(m.r.t.Context()); err != nil {
			t.Logf("sweep: %v", err)
		}
	}
	if err := m.r.start().Reject(m.r.t.Context(), admin(), at("corp"), "", "the walk ends"); err != nil &&
		keyward.CodeOf(err) != keyward.CodeNotFound {
		t.Fatal(err)
	}
	if m.v.sister {
		if err := m.r.start().Delete(m.r.t.Context(), alice(), at("sister")); err != nil && keyward.CodeOf(err) != keyward.CodeNotFound {
			t.Fatal(err)
		}
	}
	for _, l := range m.r.list() {
		if !l.Status.State.InUse() {
			continue
		}
		// What vanished is made anew; of the rest a look finds that there is nothing to do, or that it cannot tell.
		_, err := m.r.process(0).mends.Mend(m.r.t.Context(), alice(), at("corp"), reconcile.MendAsk{})
		if code := keyward.CodeOf(err); err != nil && code != keyward.CodeConflict && code != keyward.CodeKeyManagerFailed {
			t.Fatalf("mend: %v", err)
		}
	}
	m.check(t, "settling")
	for _, l := range m.r.list() {
		switch l.Status.State {
		case keyward.ClientFailed, keyward.ClientRevoked:
			if m.v.searchful && l.Status.Orphan {
				t.Fatalf("an orphan is left at a server that can be searched: %s", encode(m.r.t, l))
			}
		case keyward.ClientActive:
			if !slices.Contains(m.v.there(), l.Status.VendorName) {
				t.Fatalf("the server has nothing of %s", encode(m.r.t, l))
			}
			if l.KeyManager == "corp" {
				m.takes(t, l)
			}
		default:
			t.Fatalf("a dead row: %s", encode(m.r.t, l))
		}
	}
}

// takes wants the server to take the stored secret. Only where a rotation was given up may it be another one: then the
// client says so, and to rotate it helps.
func (m *machine) takes(t *rapid.T, l keys.Listed) {
	ctx := m.r.t.Context()
	_, err := m.r.start().Token(ctx, alice(), at("corp"), keys.TokenAsk{})
	if err != nil && !isScope(err) && strings.HasSuffix(l.Status.Reason, rotateAgain) {
		if _, err := m.r.start().Rotate(ctx, alice(), at("corp"), keys.RotateAsk{}); err != nil {
			t.Fatalf("rotate, as the client says: %v", err)
		}
		_, err = m.r.start().Token(ctx, alice(), at("corp"), keys.TokenAsk{})
	}
	if err != nil && !isScope(err) {
		t.Fatalf("the stored secret is not the server's: %v", err)
	}
}

// rotateAgain is how a client ends what it says of a rotation that may have been made.
const rotateAgain = "rotate again when the secret is refused"

func isScope(err error) bool { return strings.Contains(err.Error(), "scope") }

func (m *machine) actions() map[string]func(*rapid.T) {
	simple := map[string]func(*keys.Keys) error{
		"rotate": func(k *keys.Keys) error {
			_, err := k.Rotate(m.r.t.Context(), alice(), at("corp"), keys.RotateAsk{})
			return err
		},
		"rotate with an overlap": func(k *keys.Keys) error {
			_, err := k.Rotate(m.r.t.Context(), alice(), at("corp"), keys.RotateAsk{Overlap: time.Hour})
			return err
		},
		"update": func(k *keys.Keys) error {
			_, err := k.Update(m.r.t.Context(), alice(), at("corp"), keys.Ask{Fields: map[string]any{"client_uri": "https://app.example"}})
			return err
		},
		"retry": func(k *keys.Keys) error {
			_, err := k.Retry(m.r.t.Context(), alice(), at("corp"))
			return err
		},
		"reject": func(k *keys.Keys) error { return k.Reject(m.r.t.Context(), admin(), at("corp"), "", "no") },
		"revoke": func(k *keys.Keys) error { _, err := k.Revoke(m.r.t.Context(), alice(), at("corp")); return err },
		"delete": func(k *keys.Keys) error { return k.Delete(m.r.t.Context(), alice(), at("corp")) },
		"cancel": func(k *keys.Keys) error { return k.Cancel(m.r.t.Context(), alice(), at("corp")) },
		"sweep":  func(k *keys.Keys) error { return k.Sweep(m.r.t.Context()) },
	}
	all := map[string]func(*rapid.T){
		"": func(t *rapid.T) { m.r.later(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second) },
		"generate": func(t *rapid.T) {
			m.act(t, "generate", func(k *keys.Keys) error {
				made, err := k.Generate(m.r.t.Context(), alice(), at("corp"), keys.Ask{})
				if err != nil {
					return err
				}
				if again, err := k.Reveal(m.r.t.Context(), alice(), at("corp")); err != nil || again.ClientSecret != made.ClientSecret {
					t.Errorf("the second look: %v", err)
				}
				if _, err := k.Reveal(m.r.t.Context(), alice(), at("corp")); err == nil {
					t.Error("a secret was shown a third time")
				}
				return nil
			})
		},
		"dismiss": func(t *rapid.T) { // whoever dismisses has looked at the server
			for _, l := range m.r.list() {
				if l.Status.State == keyward.ClientFailed {
					m.v.remove(l.Status.VendorName)
				}
			}
			m.act(t, "dismiss", func(k *keys.Keys) error { return k.Dismiss(m.r.t.Context(), alice(), at("corp")) })
		},
		"delete application": m.deleteApplication,
		"vanish": func(*rapid.T) { // the server's administrator deletes whatever is there by hand
			for _, name := range m.v.there() {
				m.v.remove(name)
			}
		},
		"mend": func(t *rapid.T) {
			accept := rapid.SampledFrom([]bool{false, false, true}).Draw(t, "accept")
			m.actBy(t, "mend", func(p *process) error {
				_, err := p.mends.Mend(m.r.t.Context(), alice(), at("corp"), reconcile.MendAsk{Accept: accept})
				if err == nil {
					mended.Add(1)
				}
				return err
			})
		},
		"request": m.request,
		"approve": func(t *rapid.T) {
			m.request(t)
			m.act(t, "approve", func(k *keys.Keys) error {
				_, err := k.Approve(m.r.t.Context(), admin(), at("corp"), "")
				if err == nil {
					approved.Add(1)
				}
				return err
			})
		},
	}
	if m.v.sister {
		simple["reuse"] = func(k *keys.Keys) error {
			_, err := k.Reuse(m.r.t.Context(), alice(), at("sister"), "corp", keys.Ask{})
			if err == nil {
				reused.Add(1)
			}
			return err
		}
		simple["release"] = func(k *keys.Keys) error {
			err := k.Delete(m.r.t.Context(), alice(), at("sister"))
			if err == nil {
				released.Add(1)
			}
			return err
		}
	}
	for name, act := range simple {
		all[name] = func(t *rapid.T) { m.act(t, name, act) }
	}
	return all
}

// request asks for keys while they have to be approved.
func (m *machine) request(t *rapid.T) {
	m.r.approval(manual())
	defer m.r.approval(keyward.Approval{})
	m.act(t, "request", func(k *keys.Keys) error {
		made, err := k.Generate(m.r.t.Context(), alice(), at("corp"), keys.Ask{})
		if err == nil && (made.State != keyward.ClientAwaiting || made.ClientSecret != "") {
			t.Errorf("made without an approval: %s", encode(m.r.t, made))
		}
		return err
	})
}

// deleteApplication deletes it with its keys, looks after what nobody knows the end of, and makes it again.
func (m *machine) deleteApplication(t *rapid.T) {
	ctx := m.r.t.Context()
	m.act(t, "delete application", func(k *keys.Keys) error {
		_, err := k.DeleteApplication(ctx, alice(), keyward.DefaultTenant, "mobile", any1)
		return err
	})
	for range 5 {
		if !m.r.exists() {
			break
		}
		m.r.later(time.Hour)
		gone, err := m.r.start().DeleteApplication(ctx, alice(), keyward.DefaultTenant, "mobile", any1)
		if err != nil && keyward.CodeOf(err) != keyward.CodeNotFound {
			t.Fatal(err)
		}
		if gone {
			break
		}
		for _, l := range m.r.list() {
			if l.Status.State == keyward.ClientFailed {
				m.v.remove(l.Status.VendorName)
			}
		}
		if err := m.r.start().Dismiss(ctx, alice(), at("corp")); err != nil && keyward.CodeOf(err) != keyward.CodeNotFound {
			t.Fatal(err)
		}
	}
	if m.r.exists() {
		t.Fatalf("the application does not go: %s", encode(m.r.t, m.r.list()))
	}
	m.check(t, "the application went")
	m.r.put(mobileOfAlice(), store.Extra{})
}

// TestLifeHoldsThroughFailureAndKill walks random lives of keys. The server fails at every step, before, after and in
// the middle of its answer, and the process is killed at every boundary and started anew from the database. One walk in
// four is on PostgreSQL.
func TestLifeHoldsThroughFailureAndKill(t *testing.T) {
	cluster, err := postgres.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	for name, vendor := range map[string]func(*testing.T, *rig) vendorOf{"registration": registrarVendor, "searchable": oktaVendor} {
		t.Run(name, func(t *testing.T) {
			url, err := cluster.Database(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			walker := func(url string) *machine {
				r := newRigOn(t, url)
				return &machine{r: r, v: vendor(t, r)}
			}
			lite, large := walker(""), walker(url)
			rapid.Check(t, func(rt *rapid.T) {
				m := lite
				if rapid.IntRange(0, 3).Draw(rt, "on PostgreSQL where it is 3") == 3 {
					m = large
					onPostgres.Add(1)
				}
				m.reset()
				rt.Repeat(m.actions())
				m.settled(rt)
				m.deleteApplication(rt)
			})
		})
	}
	t.Logf("%d actions, of which %d were killed in the middle, %d approved keys that were then made, %d mended a client, %d reused "+
		"one and %d released it; %d walks were on PostgreSQL",
		explored.Load(), killed.Load(), approved.Load(), mended.Load(), reused.Load(), released.Load(), onPostgres.Load())
}

// registrarVendor cannot be searched, and replaces the registration access token with every answer. It has a mapped
// client, which nobody may touch.
func registrarVendor(t *testing.T, r *rig) vendorOf {
	s := registrar.Start(t)
	r.keyManager("corp", registrarSpec(s), registrarSecrets())
	s.Add("by-hand", "s")
	sandbox := keys.Place{Application: "other", KeyManager: "corp"}
	if _, err := r.keys.Map(t.Context(), bob(), sandbox, "by-hand", "s"); err != nil {
		t.Fatal(err)
	}
	there := func() []string {
		var names []string
		mapped := false
		for _, c := range s.Clients() {
			if c.ID == "by-hand" {
				mapped = c.Secret == "s"
				continue
			}
			names = append(names, c.Name)
		}
		if !mapped {
			t.Error("the mapped client was touched")
		}
		return names
	}
	return vendorOf{server: s.Server, there: there, remove: func(name string) {
		for _, c := range s.Clients() {
			if c.Name == name {
				s.Remove(c.ID)
			}
		}
	}}
}

// oktaVendor can be searched, and rotates secrets. It is an organization with two key managers.
func oktaVendor(t *testing.T, r *rig) vendorOf {
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	s := contract.Start(t, func(origin string) http.Handler { return oktaserver.Build(origin, key) })
	r.connection("acme", strings.ReplaceAll(oktaConnection, "ORIGIN", s.URL), apiToken(oktaserver.APIToken))
	for name, id := range map[string]string{"corp": oktaserver.Server, "sister": oktaserver.OtherServer} {
		r.keyManager(name, `{"type":"okta","issuer":"`+s.URL+`/oauth2/`+id+`","connection":{"ref":"acme"}}`, map[string]string{})
	}
	list := func() map[string]string {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL+"/oauth2/v1/clients?limit=200", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "SSWS "+oktaserver.APIToken)
		req.Header.Set("Accept", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		var clients []struct {
			ID   string `json:"client_id"`
			Name string `json:"client_name"`
		}
		if err != nil || json.Unmarshal(text, &clients) != nil {
			t.Fatalf("list: %s, error %v", text, err)
		}
		s.Forget()
		byName := map[string]string{}
		for _, c := range clients {
			if strings.HasPrefix(c.Name, "keyward-") {
				byName[c.Name] = c.ID
			}
		}
		return byName
	}
	there := func() []string {
		var names []string
		for name := range list() {
			names = append(names, name)
		}
		return names
	}
	return vendorOf{server: s, searchful: true, sister: true, there: there, remove: func(name string) {
		if id := list()[name]; id != "" {
			if err := openedAt(t, r).Delete(context.Background(), connector.Handle{ClientID: id}); err != nil {
				t.Fatal(err)
			}
		}
	}}
}
