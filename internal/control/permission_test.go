package control_test

import (
	"context"
	"slices"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
)

func TestRolesWriteWhatIsTheirs(t *testing.T) {
	dev, pub, aud := as("alice", keyward.RoleDeveloper), as("pat", keyward.RolePublisher), as("ann", keyward.RoleAuditor)
	blocked := manifestOf(keyward.KindSubscription, "mobile-orders",
		`{"application":"mobile","api":"orders-v1","plan":"gold","state":"blocked"}`)
	onHold := manifestOf(keyward.KindSubscription, "mobile-orders",
		`{"application":"mobile","api":"orders-v1","plan":"gold","state":"on-hold"}`)
	active := manifestOf(keyward.KindSubscription, "mobile-orders", `{"application":"mobile","api":"orders-v1","plan":"gold"}`)
	ceiling := manifestOf(keyward.KindSubscription, "mobile-orders",
		`{"application":"mobile","api":"orders-v1","plan":"gold","scopes":["orders:read"]}`)
	wider := manifestOf(keyward.KindSubscription, "mobile-orders",
		`{"application":"mobile","api":"orders-v1","plan":"gold","scopes":["orders:read","orders:write"]}`)
	tests := []struct {
		name  string
		p     keyward.Principal
		text  string
		allow bool
		first string
	}{
		{"developer, own application", dev, manifestOf(keyward.KindApplication, "mobile",
			`{"owner":"alice","displayName":"M"}`), true, ""},
		{"developer, new own application", dev, manifestOf(keyward.KindApplication, "new", `{"owners":["alice","bob"]}`),
			true, ""},
		{"developer, for somebody else", dev, manifestOf(keyward.KindApplication, "new", `{"owner":"bob"}`), false, ""},
		{"developer, taking over", dev, manifestOf(keyward.KindApplication, "other", `{"owner":"alice"}`), false,
			manifestOf(keyward.KindApplication, "other", `{"owner":"bob"}`)},
		{"developer, own subscription", dev, manifestOf(keyward.KindSubscription, "mobile-2",
			`{"application":"mobile","api":"two"}`), true,
			manifestOf(keyward.KindAPI, "two",
				`{"context":"/two","version":"v1","upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":"all",`+
					`"operations":[{"method":"GET","path":"/a"}]}`)},
		{"developer, another's subscription", dev,
			manifestOf(keyward.KindSubscription, "s",
				`{"application":"other","api":"orders-v1",`+
					`"plan":"gold"}`), false, manifestOf(keyward.KindApplication, "other", `{"owner":"bob"}`)},
		{"developer, lifting a block", dev, active, false, blocked},
		{"developer, changing what is blocked", dev, manifestOf(keyward.KindSubscription, "mobile-orders",
			`{"application":"mobile","api":"orders-v1","plan":"gold","state":"blocked"}`), false,
			manifestOf(keyward.KindSubscription, "mobile-orders",
				`{"application":"mobile","api":"orders-v1","plan":"gold","state":"on-hold"}`)},
		{"developer, changing what is on hold and leaving it so", dev, manifestOf(keyward.KindSubscription, "mobile-orders",
			`{"application":"mobile","api":"orders-v1","plan":"another","state":"on-hold"}`), false, onHold},
		{"developer, leaving all as it is", dev, onHold, true, onHold},
		{"developer, blocking", dev, blocked, false, ""},
		{"developer, widening a ceiling", dev, wider, false, ceiling},
		{"developer, taking a ceiling away", dev, active, false, ceiling},
		{"developer, leaving a ceiling as it is", dev, ceiling, true, ceiling},
		{"publisher, ceiling", pub, wider, true, ceiling},
		{"developer, client manifest", dev, manifestOf(keyward.KindOAuthClient, "c",
			`{"application":"mobile","keyManager":"resident","clientId":"x"}`), false, ""},
		{"developer, plan", dev, manifestOf(keyward.KindPlan, "p", `{}`), false, ""},
		{"publisher, plan", pub, manifestOf(keyward.KindPlan, "p", `{}`), true, ""},
		{"publisher, API", pub, manifestOf(keyward.KindAPI, "orders-v1", ordersSpec), true, ""},
		{"publisher, state", pub, blocked, true, ""},
		{"publisher, more than state", pub, manifestOf(keyward.KindSubscription, "mobile-orders",
			`{"application":"other","api":"orders-v1","plan":"gold","state":"blocked"}`), false,
			manifestOf(keyward.KindApplication, "other", `{}`)},
		{"publisher, new subscription", pub, manifestOf(keyward.KindSubscription, "s",
			`{"application":"other","api":"orders-v1","plan":"gold"}`), false, manifestOf(keyward.KindApplication, "other", `{}`)},
		{"publisher, key manager", pub, manifestOf(keyward.KindKeyManager, "corp", corpSpec), false, ""},
		{"publisher, application", pub, manifestOf(keyward.KindApplication, "mobile", `{}`), false, ""},
		{"publisher, user", pub, manifestOf(keyward.KindUser, "pat", `{"roles":["admin"]}`), false, ""},
		{"administrator, user", as("ada", keyward.RoleAdmin), manifestOf(keyward.KindUser, "pat", `{"roles":["publisher"]}`),
			true, ""},
		{"administrator of another tenant", keyward.Principal{User: "ada", Tenant: "acme",
			Roles: []keyward.Role{keyward.RoleAdmin}}, manifestOf(keyward.KindPlan, "p", `{}`), false, ""},
		{"administrator of another tenant, user", keyward.Principal{User: "ada", Tenant: "acme",
			Roles: []keyward.Role{keyward.RoleAdmin}}, manifestOf(keyward.KindUser, "pat", `{"roles":["admin"]}`), false, ""},
		{"auditor, plan", aud, manifestOf(keyward.KindPlan, "p", `{}`), false, ""},
		{"nobody in particular", as("eve"), manifestOf(keyward.KindPlan, "p", `{}`), false, ""},
	}
	shared := newHouse(t) // what is refused changes nothing
	shared.mustApply(usual()...)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := shared
			if test.allow || test.first != "" {
				h = newHouse(t)
				h.mustApply(usual()...)
			}
			if test.first != "" {
				h.mustApply(test.first)
			}
			r := control.ApplyRequest{Objects: h.objects(test.text)}
			if !test.allow {
				_, err := h.apply(test.p, r)
				if keyward.CodeOf(err) != keyward.CodeForbidden {
					t.Errorf("got %v", err)
				}
				return
			}
			if _, err := h.apply(test.p, r); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRolesReadWhatIsTheirs(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t)
	h.mustApply(append(usual(), manifestOf(keyward.KindApplication, "other", `{"owner":"bob"}`),
		manifestOf(keyward.KindSubscription, "other-orders", `{"application":"other","api":"orders-v1","plan":"gold"}`))...)
	get := func(p keyward.Principal, kind keyward.Kind, name string) (*keyward.Object, keyward.Code) {
		o, err := h.control.Get(ctx, p, keyward.Ref{Kind: kind, Tenant: "default", Name: name})
		return o, keyward.CodeOf(err)
	}
	dev, pub, aud := as("alice", keyward.RoleDeveloper), as("pat", keyward.RolePublisher), as("ann", keyward.RoleAuditor)
	for _, p := range []keyward.Principal{dev, pub} {
		o, code := get(p, keyward.KindKeyManager, "corp")
		if code != "" {
			t.Fatalf("%s: %s", p.User, code)
		}
		if s, ok := o.Spec.(*keyward.KeyManagerSpec); !ok || s.Connection != nil || s.Introspection != nil {
			t.Errorf("%s sees how a key manager is managed", p.User)
		}
	}
	o, code := get(aud, keyward.KindKeyManager, "corp")
	if code != "" {
		t.Fatalf("the auditor: %s", code)
	}
	if s, ok := o.Spec.(*keyward.KeyManagerSpec); !ok || s.Introspection == nil {
		t.Error("the auditor sees less than all")
	}
	if _, code := get(dev, keyward.KindApplication, "other"); code != keyward.CodeForbidden {
		t.Errorf("a developer reads another's application: %q", code)
	}
	if o, code = get(pub, keyward.KindApplication, "other"); code != "" {
		t.Fatalf("a publisher reads an application's name: %s", code)
	}
	if s, ok := o.Spec.(*keyward.ApplicationSpec); !ok || s.Owner != "" {
		t.Error("a publisher reads an application's owner")
	}
	if _, code := get(dev, keyward.KindUser, "alice"); code != "" {
		t.Errorf("a user cannot read itself: %s", code)
	}
	if _, code := get(dev, keyward.KindUser, "admin"); code != keyward.CodeForbidden {
		t.Errorf("a developer reads another user: %q", code)
	}
	if _, code := get(keyward.Principal{User: "x", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}},
		keyward.KindAPI, "orders-v1"); code != keyward.CodeForbidden {
		t.Errorf("another tenant's administrator reads: %q", code)
	}
	subs, _, err := h.control.List(ctx, dev, keyward.KindSubscription, "default", control.Page{})
	if err != nil || len(subs) != 1 || subs[0].Name != "mobile-orders" {
		t.Errorf("a developer lists %v, %v", subs, err)
	}
	all, next, err := h.control.List(ctx, aud, keyward.KindSubscription, "default", control.Page{Limit: 1})
	if err != nil || len(all) != 1 || next == "" {
		t.Errorf("a page of one: %v %q %v", all, next, err)
	}
	if err := h.control.Delete(ctx, dev, keyward.Ref{Kind: keyward.KindSubscription, Tenant: "default",
		Name: "other-orders"}, ""); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a developer deletes another's subscription: %v", err)
	}
	if err := h.control.Delete(ctx, dev, keyward.Ref{Kind: keyward.KindSubscription, Tenant: "default",
		Name: "mobile-orders"}, ""); err != nil {
		t.Errorf("a developer deletes their own subscription: %v", err)
	}
}

func TestAPITokens(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t)
	h.mustApply(usual()...)
	p, err := h.control.Authenticate(ctx, adminToken)
	if err != nil || !p.IsOperator() {
		t.Fatalf("the first administrator's token: %+v, %v", p, err)
	}
	token, value, err := h.control.CreateToken(ctx, p, "default", "alice")
	if err != nil {
		t.Fatal(err)
	}
	alice, err := h.control.Authenticate(ctx, value)
	if err != nil || alice.User != "alice" || !alice.Has(keyward.RoleDeveloper) {
		t.Fatalf("got %+v, %v", alice, err)
	}
	h.mustApply(manifestOf(keyward.KindUser, "alice", `{"roles":["auditor"]}`))
	if alice, err = h.control.Authenticate(ctx, value); err != nil || alice.Has(keyward.RoleDeveloper) {
		t.Errorf("roles are not read fresh: %+v, %v", alice, err)
	}
	if _, _, err := h.control.CreateToken(ctx, alice, "default", "admin"); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a user makes a token of an administrator: %v", err)
	}
	namesake := keyward.Principal{User: "alice", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	for _, stranger := range []keyward.Principal{namesake, as("bob", keyward.RoleAuditor)} {
		if err := h.control.RevokeToken(ctx, stranger, "default", token.ID); keyward.CodeOf(err) != keyward.CodeForbidden {
			t.Errorf("%s of %s revokes alice's token: %v", stranger.User, stranger.Tenant, err)
		}
	}
	if err := h.control.RevokeToken(ctx, p, "default", token.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.control.Authenticate(ctx, value); keyward.CodeOf(err) != keyward.CodeUnauthenticated {
		t.Errorf("a revoked token: %v", err)
	}
	const other = "another-admin-token-of-32-characters"
	for _, round := range [][2]string{{other, adminToken}, {adminToken, other}, {adminToken, other}} {
		if err := h.control.Bootstrap(ctx, round[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := h.control.Authenticate(ctx, round[0]); err != nil {
			t.Errorf("the token in force is refused: %v", err)
		}
		if _, err := h.control.Authenticate(ctx, round[1]); keyward.CodeOf(err) != keyward.CodeUnauthenticated {
			t.Errorf("the former token: %v", err)
		}
	}
	// A user who comes back under the same name does not get their former tokens back.
	_, value, err = h.control.CreateToken(ctx, p, "default", "alice")
	if err != nil {
		t.Fatal(err)
	}
	ref := keyward.Ref{Kind: keyward.KindUser, Tenant: "default", Name: "alice"}
	if err := h.control.Delete(ctx, p, ref, ""); err != nil {
		t.Fatal(err)
	}
	h.mustApply(manifestOf(keyward.KindUser, "alice", `{"roles":["admin"]}`))
	if _, err := h.control.Authenticate(ctx, value); keyward.CodeOf(err) != keyward.CodeUnauthenticated {
		t.Errorf("a deleted user's token opens a new user's door: %v", err)
	}
}

// TestRightsBelongToOneTenant: a right over a tenant is its own people's and the operators'; gateways serve every tenant,
// so only people of the tenant default see them.
func TestRightsBelongToOneTenant(t *testing.T) {
	all := []control.Right{
		control.RightTokens, control.RightReadTokens, control.RightAudit, control.RightExport, control.RightExplain,
		control.RightGateways, control.RightReadGateways,
	}
	reads := []control.Right{control.RightReadTokens, control.RightAudit, control.RightExport, control.RightExplain}
	for _, c := range []struct {
		role   keyward.Role
		tenant string
		home   []control.Right // over the principal's own tenant
	}{
		{keyward.RoleAdmin, "default", all},
		{keyward.RoleAdmin, "acme", append([]control.Right{control.RightTokens}, reads...)},
		{keyward.RoleAuditor, "default", append([]control.Right{control.RightReadGateways}, reads...)},
		{keyward.RoleAuditor, "acme", reads},
		{keyward.RolePublisher, "acme", []control.Right{control.RightExplain}},
		{keyward.RoleDeveloper, "acme", nil},
	} {
		p := keyward.Principal{User: "x", Tenant: c.tenant, Roles: []keyward.Role{c.role}}
		for _, right := range all {
			if got, want := control.May(p, right, c.tenant), slices.Contains(c.home, right); got != want {
				t.Errorf("%s of tenant %s may %s there: %v, want %v", c.role, c.tenant, right, got, want)
			}
			if got := control.May(p, right, "other"); got != p.IsOperator() {
				t.Errorf("%s of tenant %s may %s in another tenant: %v", c.role, c.tenant, right, got)
			}
		}
	}
}

// TestPruneStaysInItsTenant: where nothing would be deleted, too, an apply to another tenant is refused.
func TestPruneStaysInItsTenant(t *testing.T) {
	h := newHouse(t)
	r := control.ApplyRequest{Tenant: "default", Set: "team", Prune: true}
	acme := keyward.Principal{User: "ada", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	h.refused(acme, r, keyward.CodeForbidden)
	if _, err := h.control.Apply(t.Context(), operator, r); err != nil {
		t.Errorf("the positive control: %v", err)
	}
}

func TestGateways(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t)
	g, value, err := h.control.CreateGateway(ctx, operator, "edge", "")
	if err != nil || len(value) < 80 || g.Group != "default" {
		t.Fatalf("got %+v, %v", g, err)
	}
	if _, _, err := h.control.CreateGateway(ctx, operator, "edge-2", "eu"); keyward.CodeOf(err) != keyward.CodeNotSupported {
		t.Errorf("another group: %v", err)
	}
	acme := keyward.Principal{User: "x", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	if _, _, err := h.control.CreateGateway(ctx, acme, "mine", ""); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("another tenant's administrator makes a gateway: %v", err)
	}
	if err := h.control.RevokeGateway(ctx, operator, "edge"); err != nil {
		t.Fatal(err)
	}
	all, err := h.control.Gateways(ctx, operator)
	if err != nil || len(all) != 1 || all[0].RevokedAt == nil {
		t.Errorf("got %+v, %v", all, err)
	}
	entries, err := h.control.Audit(ctx, operator, "default", control.AuditFilter{})
	if err != nil || len(entries) == 0 {
		t.Errorf("audit: %v, %v", entries, err)
	}
}

// TestPermissionsHideKeyManagers: developers who may make no keys in a key manager do not see it, by name neither.
func TestPermissionsHideKeyManagers(t *testing.T) {
	h := newHouse(t)
	h.mustApply(
		manifestOf(keyward.KindKeyManager, "allowing", `{"type":"external","issuer":"https://a.example",
			"keys":{"jwks":"https://a.example/k"},"permissions":{"allow":["partners"]}}`),
		manifestOf(keyward.KindKeyManager, "denying", `{"type":"external","issuer":"https://d.example",
			"keys":{"jwks":"https://d.example/k"},"permissions":{"deny":["partners"]}}`))
	partner := as("pam", keyward.RoleDeveloper)
	partner.Groups = []string{"partners"}
	for name, c := range map[string]struct {
		p    keyward.Principal
		want []string
	}{
		"partner":       {partner, []string{"allowing", "resident"}},
		"developer":     {as("alice", keyward.RoleDeveloper), []string{"denying", "resident"}},
		"publisher":     {as("pat", keyward.RolePublisher), []string{"allowing", "denying", "resident"}},
		"auditor":       {as("ann", keyward.RoleAuditor), []string{"allowing", "denying", "resident"}},
		"administrator": {operator, []string{"allowing", "denying", "resident"}},
	} {
		ctx := context.Background()
		objects, _, err := h.control.List(ctx, c.p, keyward.KindKeyManager, keyward.DefaultTenant, control.Page{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, o := range objects {
			names = append(names, o.Name)
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%s sees %v, want %v", name, names, c.want)
		}
		for _, one := range []string{"allowing", "denying", "resident"} {
			_, err := h.control.Get(ctx, c.p, keyward.Ref{Kind: keyward.KindKeyManager, Tenant: keyward.DefaultTenant, Name: one})
			if seen := slices.Contains(c.want, one); seen != (err == nil) ||
				!seen && keyward.CodeOf(err) != keyward.CodeForbidden {
				t.Errorf("%s reads %s: %v", name, one, err)
			}
		}
	}
	for permissions, paths := range map[string]string{
		`{"allow":["a"],"deny":["b"]}`: "objects[0].spec.permissions",
		`{"allow":["a",""]}`:           "objects[0].spec.permissions.allow[1]",
		`{"deny":[""]}`:                "objects[0].spec.permissions.deny[0]",
	} {
		got := h.refused(operator, control.ApplyRequest{Objects: h.objects(manifestOf(keyward.KindKeyManager, "x",
			`{"type":"external","issuer":"https://x.example","keys":{"jwks":"https://x.example/k"},"permissions":`+permissions+`}`))},
			keyward.CodeInvalidInput)
		if got.paths != paths {
			t.Errorf("%s: faults at %q", permissions, got.paths)
		}
	}
}
