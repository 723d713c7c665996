package control_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/testbed/plane"
)

func TestRolesReadWhatIsTheirs(t *testing.T) {
	ctx := context.Background()
	h := plane.New(t)
	h.MustApply(append(plane.Usual(), plane.Manifest(keyward.KindApplication, "other", `{"owner":"bob"}`),
		plane.Manifest(keyward.KindSubscription, "other-orders", `{"application":"other","api":"orders-v1","plan":"gold"}`))...)
	get := func(p keyward.Principal, kind keyward.Kind, name string) (*keyward.Object, keyward.Code) {
		o, err := h.Control.Get(ctx, p, keyward.Ref{Kind: kind, Tenant: "default", Name: name})
		return o, keyward.CodeOf(err)
	}
	dev, pub, aud := plane.As("alice", keyward.RoleDeveloper), plane.As("pat", keyward.RolePublisher), plane.As("ann", keyward.RoleAuditor)
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
	subs, _, err := h.Control.List(ctx, dev, keyward.KindSubscription, "default", control.Page{})
	if err != nil || len(subs) != 1 || subs[0].Name != "mobile-orders" {
		t.Errorf("a developer lists %v, %v", subs, err)
	}
	all, next, err := h.Control.List(ctx, aud, keyward.KindSubscription, "default", control.Page{Limit: 1})
	if err != nil || len(all) != 1 || next == "" {
		t.Errorf("a page of one: %v %q %v", all, next, err)
	}
	if err := h.Control.Delete(ctx, dev, keyward.Ref{Kind: keyward.KindSubscription, Tenant: "default",
		Name: "other-orders"}, ""); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a developer deletes another's subscription: %v", err)
	}
	if err := h.Control.Delete(ctx, dev, keyward.Ref{Kind: keyward.KindSubscription, Tenant: "default",
		Name: "mobile-orders"}, ""); err != nil {
		t.Errorf("a developer deletes their own subscription: %v", err)
	}
}

func TestAPITokens(t *testing.T) {
	ctx := context.Background()
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	p, err := h.Control.Authenticate(ctx, plane.AdminToken)
	if err != nil || !p.IsOperator() {
		t.Fatalf("the first administrator's token: %+v, %v", p, err)
	}
	token, value, err := h.Control.CreateToken(ctx, p, "default", "alice")
	if err != nil {
		t.Fatal(err)
	}
	alice, err := h.Control.Authenticate(ctx, value)
	if err != nil || alice.User != "alice" || !alice.Has(keyward.RoleDeveloper) {
		t.Fatalf("got %+v, %v", alice, err)
	}
	h.MustApply(plane.Manifest(keyward.KindUser, "alice", `{"roles":["auditor"]}`))
	if alice, err = h.Control.Authenticate(ctx, value); err != nil || alice.Has(keyward.RoleDeveloper) {
		t.Errorf("roles are not read fresh: %+v, %v", alice, err)
	}
	if _, _, err := h.Control.CreateToken(ctx, alice, "default", "admin"); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a user makes a token of an administrator: %v", err)
	}
	namesake := keyward.Principal{User: "alice", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	for _, stranger := range []keyward.Principal{namesake, plane.As("bob", keyward.RoleAuditor)} {
		if err := h.Control.RevokeToken(ctx, stranger, "default", token.ID); keyward.CodeOf(err) != keyward.CodeForbidden {
			t.Errorf("%s of %s revokes alice's token: %v", stranger.User, stranger.Tenant, err)
		}
	}
	if err := h.Control.RevokeToken(ctx, p, "default", token.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Control.Authenticate(ctx, value); keyward.CodeOf(err) != keyward.CodeUnauthenticated {
		t.Errorf("a revoked token: %v", err)
	}
	const other = "another-admin-token-of-32-characters"
	for _, round := range [][2]string{{other, plane.AdminToken}, {plane.AdminToken, other}, {plane.AdminToken, other}} {
		if err := h.Control.Bootstrap(ctx, round[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Control.Authenticate(ctx, round[0]); err != nil {
			t.Errorf("the token in force is refused: %v", err)
		}
		if _, err := h.Control.Authenticate(ctx, round[1]); keyward.CodeOf(err) != keyward.CodeUnauthenticated {
			t.Errorf("the former token: %v", err)
		}
	}
	// What a second control plane with a token of its own does to the first one's is said, and nothing where both have one.
	for token, said := range map[string]bool{plane.AdminToken: false, other: true} {
		var log bytes.Buffer
		again := control.New(h.Store, nil, nil, control.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err := h.Control.Bootstrap(ctx, plane.AdminToken); err != nil {
			t.Fatal(err)
		}
		if err := again.Bootstrap(ctx, token); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), "KEYWARD_ADMIN_TOKEN") != said {
			t.Errorf("a start with %s says %q", token, log.String())
		}
	}
	// A user who comes back under the same name does not get their former tokens back.
	h.MustApply(plane.Manifest(keyward.KindUser, "carol", `{"roles":["admin"]}`))
	_, value, err = h.Control.CreateToken(ctx, p, "default", "carol")
	if err != nil {
		t.Fatal(err)
	}
	ref := keyward.Ref{Kind: keyward.KindUser, Tenant: "default", Name: "carol"}
	if err := h.Control.Delete(ctx, p, ref, ""); err != nil {
		t.Fatal(err)
	}
	h.MustApply(plane.Manifest(keyward.KindUser, "carol", `{"roles":["admin"]}`))
	if _, err := h.Control.Authenticate(ctx, value); keyward.CodeOf(err) != keyward.CodeUnauthenticated {
		t.Errorf("a deleted user's token opens a new user's door: %v", err)
	}
}

// TestListingsOfTenants: one that has nothing gives empty lists, one that is not there is refused.
func TestListingsOfTenants(t *testing.T) {
	ctx := context.Background()
	h := plane.New(t)
	h.MustApply(plane.Manifest(keyward.KindTenant, "acme", `{}`))
	p, err := h.Control.Authenticate(ctx, plane.AdminToken)
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]func(tenant string) (int, error){
		"objects": func(tenant string) (int, error) {
			list, _, err := h.Control.List(ctx, p, keyward.KindAPI, tenant, control.Page{})
			return len(list), err
		},
		"tokens": func(tenant string) (int, error) {
			list, err := h.Control.Tokens(ctx, p, tenant)
			return len(list), err
		},
		"requests": func(tenant string) (int, error) {
			list, _, err := h.Control.SubscriptionRequests(ctx, p, tenant, control.Page{Limit: 1})
			return len(list), err
		},
		"decisions": func(tenant string) (int, error) {
			found, err := h.Control.Decisions(ctx, p, tenant, control.DecisionFilter{})
			if err != nil {
				return 0, err
			}
			return len(found.Items), nil
		},
	} {
		if n, err := list("acme"); err != nil || n != 0 {
			t.Errorf("%s of a tenant that has none: %d, %v", name, n, err)
		}
		if _, err := list("amce"); keyward.CodeOf(err) != keyward.CodeNotFound || !strings.Contains(err.Error(), "no tenant amce") {
			t.Errorf("%s of a tenant that is not there: %v", name, err)
		}
	}
}

func TestGateways(t *testing.T) {
	ctx := context.Background()
	h := plane.New(t)
	g, value, err := h.Control.CreateGateway(ctx, plane.Operator(), "edge", "")
	if err != nil || len(value) < 80 || g.Group != "default" {
		t.Fatalf("got %+v, %v", g, err)
	}
	if _, _, err := h.Control.CreateGateway(ctx, plane.Operator(), "edge-2", "eu"); keyward.CodeOf(err) != keyward.CodeNotSupported {
		t.Errorf("another group: %v", err)
	}
	acme := keyward.Principal{User: "x", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	if _, _, err := h.Control.CreateGateway(ctx, acme, "mine", ""); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("another tenant's administrator makes a gateway: %v", err)
	}
	if err := h.Control.RevokeGateway(ctx, plane.Operator(), "edge"); err != nil {
		t.Fatal(err)
	}
	all, err := h.Control.Gateways(ctx, plane.Operator(), control.GatewayFilter{})
	if err != nil || len(all.Items) != 1 || all.Items[0].RevokedAt == nil || all.Items[0].State != control.GatewayRevoked {
		t.Errorf("got %+v, %v", all, err)
	}
	entries, err := h.Control.Audit(ctx, plane.Operator(), "default", control.AuditFilter{})
	if err != nil || len(entries) == 0 {
		t.Errorf("audit: %v, %v", entries, err)
	}
}

// TestPermissionsHideKeyManagers: developers who may make no keys in a key manager do not see it, by name neither.
func TestPermissionsHideKeyManagers(t *testing.T) {
	h := plane.New(t)
	h.MustApply(
		plane.Manifest(keyward.KindKeyManager, "allowing", `{"type":"external","issuer":"https://a.example",
			"keys":{"jwks":"https://a.example/k"},"permissions":{"allow":["partners"]}}`),
		plane.Manifest(keyward.KindKeyManager, "denying", `{"type":"external","issuer":"https://d.example",
			"keys":{"jwks":"https://d.example/k"},"permissions":{"deny":["partners"]}}`))
	partner := plane.As("pam", keyward.RoleDeveloper)
	partner.Groups = []string{"partners"}
	for name, c := range map[string]struct {
		p    keyward.Principal
		want []string
	}{
		"partner":       {partner, []string{"allowing", "resident"}},
		"developer":     {plane.As("alice", keyward.RoleDeveloper), []string{"denying", "resident"}},
		"publisher":     {plane.As("pat", keyward.RolePublisher), []string{"allowing", "denying", "resident"}},
		"auditor":       {plane.As("ann", keyward.RoleAuditor), []string{"allowing", "denying", "resident"}},
		"administrator": {plane.Operator(), []string{"allowing", "denying", "resident"}},
	} {
		ctx := context.Background()
		objects, _, err := h.Control.List(ctx, c.p, keyward.KindKeyManager, keyward.DefaultTenant, control.Page{})
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
			_, err := h.Control.Get(ctx, c.p, keyward.Ref{Kind: keyward.KindKeyManager, Tenant: keyward.DefaultTenant, Name: one})
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
		`{"deny":["Partners"]}`:        "objects[0].spec.permissions.deny[0]", // no group has such a name: it would keep nobody out
	} {
		got := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindKeyManager, "x",
			`{"type":"external","issuer":"https://x.example","keys":{"jwks":"https://x.example/k"},"permissions":`+permissions+`}`))},
			keyward.CodeInvalidInput)
		if got.Paths != paths {
			t.Errorf("%s: faults at %q", permissions, got.Paths)
		}
	}
}
