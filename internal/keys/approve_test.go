package keys_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/registrar"
)

// edit changes a stored object, or makes one.
func (r *rig) edit(kind keyward.Kind, name string, spec keyward.Spec) {
	r.t.Helper()
	err := r.store.Write(r.t.Context(), "test", func(tx *store.Tx) error {
		o, err := tx.Get(kind, keyward.DefaultTenant, name)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			o, err = &keyward.Object{Kind: kind, Tenant: keyward.DefaultTenant, Name: name}, nil
		}
		if err != nil {
			return err
		}
		o.Spec = spec
		return tx.Put(o, store.Extra{})
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// approval has keys of developers approved in the environments, and stores alice and bob.
func (r *rig) approval(a keyward.Approval) {
	r.t.Helper()
	r.edit(keyward.KindTenant, keyward.DefaultTenant, &keyward.TenantSpec{Keys: keyward.KeyRules{Approval: a}})
	for _, name := range []string{"alice", "bob"} {
		r.edit(keyward.KindUser, name, &keyward.UserSpec{Roles: []keyward.Role{keyward.RoleDeveloper}})
	}
}

func manual() keyward.Approval {
	return keyward.Approval{Production: keyward.ApprovalManual, Sandbox: keyward.ApprovalManual}
}

// hold holds an object, or lifts that with nil.
func (r *rig) hold(kind keyward.Kind, name string, h *keyward.Hold) {
	r.t.Helper()
	err := r.store.Write(r.t.Context(), "test", func(tx *store.Tx) error {
		o, err := tx.Get(kind, keyward.DefaultTenant, name)
		if err != nil {
			return err
		}
		_, err = tx.Hold(o, h)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// requests lists what awaits an approval, as APPLICATION ENVIRONMENT CLIENT.
func (r *rig) requests(p keyward.Principal) []string {
	r.t.Helper()
	list, next, err := r.keys.Requests(r.t.Context(), p, "", keys.Page{})
	if err != nil || next != "" {
		r.t.Fatal(next, err)
	}
	texts := []string{}
	for _, q := range list {
		texts = append(texts, strings.TrimSpace(fmt.Sprintf("%s %s %s", q.Application, q.Environment, q.ClientID)))
	}
	return texts
}

// approving gives a server, and a rig in which its keys want an approval.
func approving(t *testing.T) (*registrar.Server, *rig) {
	t.Helper()
	server := registrar.Start(t)
	r := newRig(t)
	r.keyManager("corp", registrarSpec(server), registrarSecrets())
	r.approval(manual())
	return server, r
}

// ask has alice ask for keys, which then await an approval.
func (r *rig) ask() {
	r.t.Helper()
	made, err := r.keys.Generate(r.t.Context(), alice(), at("corp"), keys.Ask{})
	if err != nil || made.State != keyward.ClientAwaiting || made.ClientID != "" || made.ClientSecret != "" {
		r.t.Fatalf("%+v, error %v", made, err)
	}
}

// Who signed in through a key manager has no user here. An approval is judged by what its rules gave them when they asked, for as
// long as it lets people in; a subject may have a slash.
func TestApprovalOfSomebodyWithoutAnAccount(t *testing.T) {
	ctx := t.Context()
	_, r := approving(t)
	lets := func(enabled bool, tenant string) {
		r.change("corp", func(spec *keyward.KeyManagerSpec) {
			spec.SignIn = &keyward.SignIn{Enabled: enabled, Roles: []keyward.RoleRule{
				{Claim: "team", Equals: "partners", Role: keyward.RoleDeveloper, Groups: []string{"partners"}, Tenant: tenant},
			}}
		})
	}
	lets(true, "")
	kai := principal(keyward.Through("corp", "4/7"), keyward.RoleDeveloper)
	kai.Called, kai.Groups = "Kai Lee", []string{"partners"}
	r.edit(keyward.KindApplication, "mobile", &keyward.ApplicationSpec{Owners: []string{"group/partners"}})
	if made, err := r.keys.Generate(ctx, kai, at("corp"), keys.Ask{}); err != nil || made.State != keyward.ClientAwaiting {
		t.Fatalf("%+v, error %v", made, err)
	}
	list, _, err := r.keys.Requests(ctx, admin(), "", keys.Page{})
	if err != nil || len(list) != 1 || list[0].Requester != "corp|4/7" || list[0].Called != "Kai Lee" {
		t.Fatalf("%+v, error %v", list, err)
	}
	for enabled, tenant := range map[bool]string{false: "", true: "acme"} { // nobody comes in, or nobody into this tenant
		lets(enabled, tenant)
		_, err = r.keys.Approve(ctx, admin(), at("corp"), "")
		wantCode(t, err, keyward.CodeConflict, "cannot sign in any more")
	}
	lets(true, "")
	r.edit(keyward.KindApplication, "mobile", &keyward.ApplicationSpec{Owners: []string{"bob"}})
	_, err = r.keys.Approve(ctx, admin(), at("corp"), "")
	wantCode(t, err, keyward.CodeConflict, "not an owner")
	r.edit(keyward.KindApplication, "mobile", &keyward.ApplicationSpec{Owners: []string{"group/partners"}})
	if made, err := r.keys.Approve(ctx, admin(), at("corp"), ""); err != nil || made.State != keyward.ClientActive {
		t.Fatalf("%+v, error %v", made, err)
	}
	if shown, err := r.keys.Reveal(ctx, kai, at("corp")); err != nil || shown.ClientSecret == "" {
		t.Errorf("the secret that waited: %v", err)
	}
}

// What a developer asks for is made when an administrator has approved it; the secret is the developer's alone, once, the
// next day too.
func TestApproval(t *testing.T) {
	ctx := t.Context()
	server := registrar.Start(t)
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", registrarSpec(server), registrarSecrets())
	r.approval(manual())
	_, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{Grants: []string{"magic"}, Callbacks: []string{"here"}})
	wantCode(t, err, keyward.CodeInvalidInput, "magic", "here")
	r.ask()
	if listed := r.one(keyward.ClientAwaiting); listed.Status.Requester != "alice" || listed.Status.Approval == nil ||
		listed.Status.Approval.Since.IsZero() || len(server.Clients()) != 0 {
		t.Errorf("%s, and the server has %v", encode(t, listed), ids(server.Clients()))
	}
	for name, act := range map[string]func() error{
		"generate": func() error { _, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{}); return err },
		"map":      func() error { _, err := r.keys.Map(ctx, admin(), at("corp"), "x", ""); return err },
		"rotate":   func() error { _, err := r.keys.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{}); return err },
		"reveal":   func() error { _, err := r.keys.Reveal(ctx, alice(), at("corp")); return err },
		"retry":    func() error { _, err := r.keys.Retry(ctx, alice(), at("corp")); return err },
		"revoke":   func() error { _, err := r.keys.Revoke(ctx, alice(), at("corp")); return err },
	} {
		if err := act(); keyward.CodeOf(err) != keyward.CodeKeysExist || !strings.Contains(err.Error(), "approval") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.start().Sweep(ctx); err != nil {
		t.Error(err)
	}
	for _, p := range []keyward.Principal{alice(), bob(), {User: "zoe", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}} {
		_, err := r.keys.Approve(ctx, p, at("corp"), "")
		wantCode(t, err, keyward.CodeForbidden)
		wantCode(t, r.keys.Reject(ctx, p, at("corp"), "", "no"), keyward.CodeForbidden)
	}
	if all, own, none := r.requests(admin()), r.requests(alice()), r.requests(bob()); !slices.Equal(all, []string{"mobile production"}) ||
		!slices.Equal(own, all) || len(none) != 0 {
		t.Errorf("requests: %v, of alice %v, of bob %v", all, own, none)
	}

	made, err := r.keys.Approve(ctx, admin(), at("corp"), "")
	if err != nil || made.State != keyward.ClientActive || made.ClientSecret != "" || !r.onGateways(made.ClientID) {
		t.Fatalf("%+v, error %v", made, err)
	}
	a := r.one(keyward.ClientActive).Status.Approval
	if a.By != "root" || a.At == nil || a.SecretUntil == nil || len(r.requests(admin())) != 0 {
		t.Errorf("%s", encode(t, a))
	}
	_, err = r.keys.Approve(ctx, admin(), at("corp"), "")
	wantCode(t, err, keyward.CodeNotFound)
	for what, more := range map[string]keys.Ask{
		"https://x.example/back": {Callbacks: []string{"https://x.example/back"}}, "orders:write": {Scopes: []string{"orders:write"}},
	} {
		_, err = r.keys.Update(ctx, alice(), at("corp"), more)
		wantCode(t, err, keyward.CodeForbidden, "approval", what)
	}
	if _, err := r.keys.Update(ctx, alice(), at("corp"), keys.Ask{}); err != nil {
		t.Errorf("a change that asks for nothing more: %v", err)
	}
	r.later(6 * 24 * time.Hour)
	if err := r.store.Write(ctx, "test", func(tx *store.Tx) error { return tx.DropExpiredReveals(r.now()) }); err != nil {
		t.Fatal(err)
	}
	_, err = r.keys.Reveal(ctx, admin(), at("corp"))
	wantCode(t, err, keyward.CodeNotFound)
	shown, err := r.keys.Reveal(ctx, alice(), at("corp"))
	if err != nil || shown.ClientSecret != server.Clients()[0].Secret {
		t.Errorf("%v, error %v", shown, err)
	}
	_, err = r.keys.Reveal(ctx, alice(), at("corp"))
	wantCode(t, err, keyward.CodeNotFound)
	if a := r.one(keyward.ClientActive).Status.Approval; a.SecretUntil != nil {
		t.Errorf("%s waits to be fetched", encode(t, a))
	}
	want := []string{"key.requested", "key.approved", "key.generated", "key.updated", "key.revealed"}
	if got := r.audited(); !slices.Equal(got, want) {
		t.Errorf("audit: %v", got)
	}
}

// Who cancels while the approved client is made wins: nothing is left, at the server or in the list, to dismiss. Where it is not
// known what the server has, the entry stays.
func TestCancelDuringAnApproval(t *testing.T) {
	ctx := t.Context()
	forbidden := func(method string) contract.Trouble {
		return contract.Trouble{Method: method, Part: "/reg", Status: http.StatusForbidden, Times: 1}
	}
	for name, c := range map[string]struct {
		trouble contract.Trouble
		left    int
	}{
		"the server makes it":   {},
		"the server refuses it": {trouble: forbidden(http.MethodPost)},
		"what is made can't go": {trouble: forbidden(http.MethodDelete), left: 1},
	} {
		server, r := approving(t)
		r.ask()
		server.Order(c.trouble)
		hook := &hook{before: map[string]func(){"POST /reg": func() {
			wantCode(t, r.keys.Cancel(ctx, alice(), at("corp")), "")
		}}}
		_, err := r.startWith(hook).Approve(ctx, admin(), at("corp"), "")
		if err == nil {
			t.Errorf("%s: the approval won over the cancellation", name)
		}
		if listed := r.list(); len(listed) != c.left {
			t.Errorf("%s: %d are listed, want %d: %+v", name, len(listed), c.left, listed)
		}
		if made := server.Clients(); len(made) != c.left {
			t.Errorf("%s: the server has %d clients, want %d", name, len(made), c.left)
		}
		if c.left == 0 {
			r.ask() // the place is free
		}
	}
}

// What is rejected or taken back leaves the place free, and the server is asked for nothing.
func TestRejectAndCancel(t *testing.T) {
	ctx := t.Context()
	server, r := approving(t)
	r.ask()
	for _, reason := range []string{"", " ", "\x1b[2Jno", strings.Repeat("é", 1001)} {
		wantCode(t, r.keys.Reject(ctx, admin(), at("corp"), "", reason), keyward.CodeInvalidInput, "reason")
	}
	wantCode(t, r.keys.Reject(ctx, admin(), at("corp"), "", strings.Repeat("é", 1000)), "")
	if why := r.one(keyward.ClientFailed).Status; !strings.HasPrefix(why.Reason, "rejected by root: é") || why.Orphan {
		t.Errorf("%+v", why)
	}
	_, err := r.keys.Approve(ctx, admin(), at("corp"), "")
	wantCode(t, err, keyward.CodeNotFound)
	again, err := r.keys.Retry(ctx, alice(), at("corp"))
	if err != nil || again.State != keyward.ClientAwaiting {
		t.Fatalf("%+v, error %v", again, err)
	}
	r.one(keyward.ClientAwaiting) // the rejected one has made way
	wantCode(t, r.keys.Cancel(ctx, bob(), at("corp")), keyward.CodeForbidden)
	wantCode(t, r.keys.Cancel(ctx, alice(), at("corp")), "")
	r.ask()
	seen, _, err := r.keys.Requests(ctx, admin(), "", keys.Page{})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, r.keys.Delete(ctx, alice(), at("corp")), "")
	r.ask() // for something else, after an administrator has looked
	_, err = r.keys.Approve(ctx, admin(), at("corp"), seen[0].ID)
	wantCode(t, err, keyward.CodeConflict, "something else")
	r.one(keyward.ClientAwaiting)
	err = r.store.Write(ctx, "test", func(tx *store.Tx) error {
		ref := keyward.Ref{Kind: keyward.KindKeyManager, Tenant: keyward.DefaultTenant, Name: "corp"}
		km, err := tx.Get(ref.Kind, ref.Tenant, ref.Name)
		if err != nil {
			return err
		}
		if err := scene.DropFailed(tx, km); err != nil {
			return err
		}
		return tx.Delete(km)
	})
	wantCode(t, err, keyward.CodeInUse, "mobile-corp-production")
	gone, err := r.keys.DeleteApplication(ctx, alice(), keyward.DefaultTenant, "mobile", any1)
	if err != nil || !gone || len(server.Clients()) != 0 {
		t.Errorf("gone %t, error %v, at the server %v", gone, err, ids(server.Clients()))
	}
}

// What cannot be made now goes on waiting: the rules and rights of the day of the approval count.
func TestApprovalJudgesAnew(t *testing.T) {
	ctx := t.Context()
	server, r := approving(t)
	r.ask()
	off := false
	owners := func(owners ...string) {
		r.edit(keyward.KindApplication, "mobile", &keyward.ApplicationSpec{Owners: owners})
	}
	roles := func(roles ...keyward.Role) { r.edit(keyward.KindUser, "alice", &keyward.UserSpec{Roles: roles}) }
	km := func(edit func(*keyward.KeyManagerSpec)) func() { return func() { r.change("corp", edit) } }
	hold := func(kind keyward.Kind, name string, h *keyward.Hold) func() { return func() { r.hold(kind, name, h) } }
	held := &keyward.Hold{Reason: "leak", By: "root", Since: time.Now()}
	for name, c := range map[string]struct {
		break_, mend func()
		code         keyward.Code
		words        string
	}{
		"disabled": {km(func(s *keyward.KeyManagerSpec) { s.Enabled = &off }),
			km(func(s *keyward.KeyManagerSpec) { s.Enabled = nil }), keyward.CodeKeyManagerDisabled, "disabled"},
		"exchange only": {km(func(s *keyward.KeyManagerSpec) { s.Tokens.Use = keyward.UseExchange }),
			km(func(s *keyward.KeyManagerSpec) { s.Tokens.Use = "" }), keyward.CodeExchangeOnly, "exchange"},
		"makes no clients": {km(func(s *keyward.KeyManagerSpec) { s.Clients.Create = &off }),
			km(func(s *keyward.KeyManagerSpec) { s.Clients.Create = nil }), keyward.CodeCreationDisabled, "nobody create"},
		"a constraint": {km(func(s *keyward.KeyManagerSpec) {
			s.Clients.Constraints = map[string]keyward.Constraint{"client_uri": {Regex: "https://.*"}}
		}), km(func(s *keyward.KeyManagerSpec) { s.Clients.Constraints = nil }), keyward.CodeInvalidInput, "client_uri"},
		"permissions": {km(func(s *keyward.KeyManagerSpec) { s.Permissions = &keyward.Permissions{Allow: []string{"partners"}} }),
			km(func(s *keyward.KeyManagerSpec) { s.Permissions = nil }), keyward.CodeConflict, "alice"},
		"no owner any more": {func() { owners("bob") }, func() { owners("alice") }, keyward.CodeConflict, "owner"},
		"no developer":      {func() { roles() }, func() { roles(keyward.RoleDeveloper) }, keyward.CodeConflict, "alice"},
		"application held": {hold(keyward.KindApplication, "mobile", held), hold(keyward.KindApplication, "mobile", nil),
			keyward.CodeHeld, "held"},
		"key manager held": {hold(keyward.KindKeyManager, "corp", held), hold(keyward.KindKeyManager, "corp", nil),
			keyward.CodeHeld, "held"},
	} {
		c.break_()
		_, err := r.keys.Approve(ctx, admin(), at("corp"), "")
		wantCode(t, err, c.code, c.words, "reject it")
		if r.one(keyward.ClientAwaiting); len(server.Clients()) != 0 {
			t.Errorf("%s: the server has %v", name, ids(server.Clients()))
		}
		c.mend()
	}
	owners("alice", "bob") // the last owner could not go
	err := r.store.Write(ctx, "test", func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindUser, keyward.DefaultTenant, "alice")
		if err != nil {
			return err
		}
		return tx.Delete(o)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.keys.Approve(ctx, admin(), at("corp"), "")
	wantCode(t, err, keyward.CodeConflict, "any more")
	roles(keyward.RoleDeveloper)
	if _, err := r.keys.Approve(ctx, admin(), at("corp"), ""); err != nil {
		t.Error(err)
	}
}

// An approval that the server fails is not asked for twice, and counts once.
func TestApprovalOutlivesFailure(t *testing.T) {
	ctx := t.Context()
	server, r := approving(t)
	r.ask()
	server.Order(contract.Trouble{Method: "POST", Part: "/reg", Status: 400, Times: 1, Body: `{"error":"invalid_client_metadata"}`})
	_, err := r.keys.Approve(ctx, admin(), at("corp"), "")
	wantCode(t, err, keyward.CodeKeyManagerFailed, "invalid_client_metadata")
	server.Mend()
	r.one(keyward.ClientFailed)
	made, err := r.keys.Retry(ctx, alice(), at("corp"))
	if err != nil || made.State != keyward.ClientActive || made.ClientSecret == "" {
		t.Fatalf("%+v, error %v", made, err)
	}
	wantCode(t, r.keys.Delete(ctx, alice(), at("corp")), "")
	r.ask()
	if len(server.Clients()) != 0 {
		t.Errorf("at the server: %v", ids(server.Clients()))
	}
}

// A client is mapped without its secret when an administrator approves. Asking takes nobody's client.
func TestApprovalOfMapping(t *testing.T) {
	ctx := t.Context()
	server := registrar.Start(t)
	server.Add("by-hand", "s")
	r := newRig(t)
	r.subscribe()
	r.keyManager("corp", registrarSpec(server), registrarSecrets())
	r.approval(keyward.Approval{})
	other := keys.Place{Application: "other", KeyManager: "corp"}
	ask := func(p keyward.Principal, place keys.Place) {
		t.Helper()
		made, err := r.keys.Map(ctx, p, place, "by-hand", "")
		if err != nil || made.State != keyward.ClientAwaiting || made.ClientID != "" {
			t.Fatalf("%+v, error %v", made, err)
		}
	}
	ask(alice(), at("corp"))
	ask(bob(), other)
	if r.onGateways("by-hand") {
		t.Error("gateways know a client that nobody has approved")
	}
	if got := r.requests(admin()); !slices.Equal(got, []string{"mobile production by-hand", "other production by-hand"}) {
		t.Errorf("requests: %v", got)
	}
	page, next, err := r.keys.Requests(ctx, admin(), "", keys.Page{Limit: 1})
	if err != nil || len(page) != 1 || next == "" {
		t.Fatalf("%v %q, error %v", page, next, err)
	}
	if page, next, err = r.keys.Requests(ctx, admin(), "", keys.Page{Limit: 1, After: next}); err != nil || len(page) != 1 ||
		page[0].Application != "other" || next != "" {
		t.Errorf("%v %q, error %v", page, next, err)
	}
	_, _, err = r.keys.Requests(ctx, admin(), "nowhere", keys.Page{})
	wantCode(t, err, keyward.CodeNotFound, "Tenant nowhere")

	mapped, err := r.keys.Approve(ctx, admin(), at("corp"), "")
	if err != nil || mapped.ClientID != "by-hand" || !r.onGateways("by-hand") {
		t.Fatalf("%+v, error %v", mapped, err)
	}
	_, err = r.keys.Approve(ctx, admin(), other, page[0].ID)
	wantCode(t, err, keyward.CodeConflict, "by-hand", "reject it")
	wantCode(t, r.keys.Reject(ctx, admin(), other, "", "it is alice's"), "")
	wantCode(t, r.keys.Delete(ctx, alice(), at("corp")), "")
	made, err := r.keys.Retry(ctx, bob(), other)
	if err != nil || made.State != keyward.ClientAwaiting {
		t.Fatalf("%+v, error %v", made, err)
	}
	if mapped, err = r.keys.Approve(ctx, admin(), other, ""); err != nil || mapped.ClientID != "by-hand" {
		t.Errorf("%+v, error %v", mapped, err)
	}
	if c := server.Clients(); len(c) != 1 || c[0].Secret != "s" {
		t.Errorf("the server's clients were touched: %+v", c)
	}
}

// Who has to approve is the tenant's to say, and the key manager's, by environment.
func TestWhoApproves(t *testing.T) {
	ctx := t.Context()
	server := registrar.Start(t)
	r := newRig(t)
	r.keyManager("corp", registrarSpec(server), registrarSecrets())
	r.edit(keyward.KindTenant, "acme", &keyward.TenantSpec{})
	auto := keyward.Approval{Production: keyward.ApprovalAuto, Sandbox: keyward.ApprovalAuto}
	foreign := keyward.Principal{User: "zoe", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	for name, c := range map[string]struct {
		tenant, keyManager keyward.Approval
		awaits             map[keyward.Environment]bool
	}{
		"nothing is said":      {keyward.Approval{}, keyward.Approval{}, nil},
		"the tenant says auto": {auto, keyward.Approval{}, nil},
		"the tenant says manual": {manual(), keyward.Approval{},
			map[keyward.Environment]bool{keyward.Production: true, keyward.Sandbox: true}},
		"the tenant, for production": {keyward.Approval{Production: keyward.ApprovalManual}, keyward.Approval{},
			map[keyward.Environment]bool{keyward.Production: true}},
		"the key manager, for production": {keyward.Approval{}, keyward.Approval{Production: keyward.ApprovalManual},
			map[keyward.Environment]bool{keyward.Production: true}},
		"the key manager wins": {manual(), keyward.Approval{Sandbox: keyward.ApprovalAuto},
			map[keyward.Environment]bool{keyward.Production: true}},
	} {
		r.approval(c.tenant)
		r.change("corp", func(s *keyward.KeyManagerSpec) { s.Clients.Approval = c.keyManager })
		for _, env := range []keyward.Environment{keyward.Production, keyward.Sandbox} {
			place := at("corp")
			place.Environment = env
			for _, p := range []keyward.Principal{alice(), admin()} {
				made, err := r.keys.Generate(ctx, p, place, keys.Ask{})
				if err != nil || (made.State == keyward.ClientAwaiting) != (c.awaits[env] && p.User == "alice") {
					t.Errorf("%s, %s, %s: %+v, error %v", name, env, p.User, made, err)
				}
				wantCode(t, r.keys.Delete(ctx, p, place), "")
			}
		}
	}

	// A global key manager's rule is for the administrators of its own tenant; what that tenant lets pass, another one
	// may still want approved.
	r.edit(keyward.KindTenant, keyward.DefaultTenant, &keyward.TenantSpec{})
	err := r.store.Write(ctx, "test", func(tx *store.Tx) error {
		return tx.Put(&keyward.Object{
			Kind: keyward.KindApplication, Tenant: "acme", Name: "mobile", Spec: &keyward.ApplicationSpec{Owner: "zoe"},
		}, store.Extra{})
	})
	if err != nil {
		t.Fatal(err)
	}
	place := at("corp")
	place.Tenant = "acme"
	dev := keyward.Principal{User: "zoe", Tenant: "acme", Roles: []keyward.Role{keyward.RoleDeveloper}}
	r.change("corp", func(s *keyward.KeyManagerSpec) { s.Global, s.Clients.Approval = true, manual() })
	if made, err := r.keys.Generate(ctx, foreign, place, keys.Ask{}); err != nil || made.State != keyward.ClientAwaiting {
		t.Fatalf("%+v, error %v", made, err)
	}
	_, err = r.keys.Approve(ctx, foreign, place, "")
	wantCode(t, err, keyward.CodeForbidden, "default")
	wantCode(t, r.keys.Cancel(ctx, foreign, place), "")
	r.change("corp", func(s *keyward.KeyManagerSpec) { s.Clients.Approval = auto })
	r.edit(keyward.KindTenant, "acme", &keyward.TenantSpec{Keys: keyward.KeyRules{Approval: manual()}})
	if made, err := r.keys.Generate(ctx, dev, place, keys.Ask{}); err != nil || made.State != keyward.ClientAwaiting {
		t.Errorf("%+v, error %v", made, err)
	}
}

// An approval goes over to the next try only where those who gave it are still those who approve.
func TestApprovalOfOthers(t *testing.T) {
	ctx := t.Context()
	server := registrar.Start(t)
	r := newRig(t)
	r.keyManager("corp", registrarSpec(server), registrarSecrets())
	r.change("corp", func(s *keyward.KeyManagerSpec) { s.Global = true })
	rules := func(tenant, keyManager keyward.Approval) {
		r.edit(keyward.KindTenant, "acme", &keyward.TenantSpec{Keys: keyward.KeyRules{Approval: tenant}})
		r.change("corp", func(s *keyward.KeyManagerSpec) { s.Clients.Approval = keyManager })
	}
	rules(manual(), keyward.Approval{})
	zoe := keyward.Principal{User: "zoe", Tenant: "acme", Roles: []keyward.Role{keyward.RoleDeveloper}}
	theirs := keyward.Principal{User: "mia", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	err := r.store.Write(ctx, "test", func(tx *store.Tx) error {
		for _, o := range []*keyward.Object{
			{Kind: keyward.KindUser, Name: "zoe", Spec: &keyward.UserSpec{Roles: zoe.Roles}},
			{Kind: keyward.KindApplication, Name: "mobile", Spec: &keyward.ApplicationSpec{Owner: "zoe"}},
		} {
			o.Tenant = "acme"
			if err := tx.Put(o, store.Extra{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	place := at("corp")
	place.Tenant = "acme"
	for name, c := range map[string]struct {
		by             keyward.Principal
		tenant, global keyward.Approval // the rules of the second try
		state          keyward.ClientState
	}{
		"the same rule":                           {theirs, manual(), keyward.Approval{}, keyward.ClientActive},
		"the operators want to approve by now":    {theirs, manual(), manual(), keyward.ClientAwaiting},
		"an operator's word counts in the tenant": {admin(), manual(), keyward.Approval{}, keyward.ClientActive},
		"an operator's word counts at their own":  {admin(), manual(), manual(), keyward.ClientActive},
		"nobody has to approve any more":          {theirs, keyward.Approval{}, keyward.Approval{}, keyward.ClientActive},
	} {
		rules(manual(), keyward.Approval{})
		if made, err := r.keys.Generate(ctx, zoe, place, keys.Ask{}); err != nil || made.State != keyward.ClientAwaiting {
			t.Fatalf("%s: %+v, error %v", name, made, err)
		}
		server.Order(contract.Trouble{Method: "POST", Part: "/reg", Status: 400, Times: 1, Body: `{"error":"invalid_client_metadata"}`})
		_, err := r.keys.Approve(ctx, c.by, place, "")
		wantCode(t, err, keyward.CodeKeyManagerFailed)
		rules(c.tenant, c.global)
		again, err := r.keys.Retry(ctx, zoe, place)
		if err != nil || again.State != c.state {
			t.Errorf("%s: %+v, error %v, want %s", name, again, err, c.state)
		}
		wantCode(t, r.keys.Delete(ctx, zoe, place), "")
	}
}

// While anything is held that a secret belongs to, nobody gets it, and it is not used up.
func TestNothingIsRevealedWhileHeld(t *testing.T) {
	ctx := t.Context()
	server := registrar.Start(t)
	r := newRig(t)
	r.keyManager("corp", registrarSpec(server), registrarSecrets())
	made, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	for kind, name := range map[keyward.Kind]string{
		keyward.KindKeyManager: "corp", keyward.KindApplication: "mobile", keyward.KindOAuthClient: made.Name,
	} {
		r.hold(kind, name, &keyward.Hold{Reason: "leak", By: "root", Since: r.now()})
		_, err := r.keys.Reveal(ctx, alice(), at("corp"))
		wantCode(t, err, keyward.CodeHeld, string(kind)+" "+name)
		r.hold(kind, name, nil)
	}
	waits := func(p keyward.Principal) bool {
		t.Helper()
		listed, _, err := r.keys.List(ctx, p, "", "mobile", listing.Choice{})
		if err != nil || len(listed) != 1 {
			t.Fatalf("%v, error %v", listed, err)
		}
		return listed[0].SecretUntil != nil
	}
	if !waits(alice()) || waits(admin()) {
		t.Error("the list does not say to who asked, and to nobody else, that the secret can be had once more")
	}
	if shown, err := r.keys.Reveal(ctx, alice(), at("corp")); err != nil || shown.ClientSecret != made.ClientSecret {
		t.Errorf("when nothing is held: %v, error %v", shown, err)
	}
	if waits(alice()) {
		t.Error("it can be had again after it was")
	}
}
