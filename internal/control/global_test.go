package control_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/testbed/plane"
)

const ssoSpec = `{"type":"oidc","discovery":"SERVER/sso","global":true,"connection":{"initialAccessToken":"iat"},
	"introspection":{"clientId":"gateway","clientSecret":"hush"},"permissions":{"allow":["partners"]}}`

// inTenant is somebody of the tenant acme.
func inTenant(user string, groups []string, roles ...keyward.Role) keyward.Principal {
	return keyward.Principal{User: user, Tenant: "acme", Roles: roles, Groups: groups}
}

// in applies manifests to the tenant acme.
func in(h *plane.Plane, p keyward.Principal, texts ...string) (map[string]declare.Action, error) {
	return h.Apply(p, declare.Request{Tenant: "acme", Objects: h.Objects(texts...)})
}

// globalPlane has a global key manager, and an API and a client of the tenant acme that use it.
func globalPlane(t *testing.T) *plane.Plane {
	t.Helper()
	h := plane.New(t)
	h.MustApply(plane.Manifest(keyward.KindTenant, "acme", `{}`), plane.Manifest(keyward.KindKeyManager, "sso", ssoSpec),
		plane.Manifest(keyward.KindKeyManager, "corp", plane.CorpSpec))
	api := strings.Replace(plane.OrdersSpec, `["corp","resident"],"plans":["gold"]`, `["sso"]`, 1)
	if _, err := in(h, inTenant("ada", nil, keyward.RoleAdmin), plane.Manifest(keyward.KindAPI, "orders-v1", api),
		plane.Manifest(keyward.KindApplication, "mobile", `{"owner":"alice"}`),
		plane.Manifest(keyward.KindOAuthClient, "mobile-sso", `{"application":"mobile","keyManager":"sso","clientId":"abc"}`)); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestGlobalKeyManagersAreSeenInEveryTenant: as their rules say, by name and in lists, without what is the
// operators' business, and never to be changed from there.
func TestGlobalKeyManagersAreSeenInEveryTenant(t *testing.T) {
	h, ctx := globalPlane(t), context.Background()
	admin := inTenant("ada", nil, keyward.RoleAdmin)
	for who, c := range map[string]struct {
		p    keyward.Principal
		sees []string
	}{
		"administrator": {admin, []string{"resident", "sso"}},
		"auditor":       {inTenant("ann", nil, keyward.RoleAuditor), []string{"resident", "sso"}},
		"publisher":     {inTenant("pat", nil, keyward.RolePublisher), []string{"resident", "sso"}},
		"partner":       {inTenant("pam", []string{"partners"}, keyward.RoleDeveloper), []string{"resident", "sso"}},
		"developer":     {inTenant("dan", nil, keyward.RoleDeveloper), []string{"resident"}},
		"operator":      {plane.Operator(), []string{"resident", "sso"}},
	} {
		objects, _, err := h.Control.List(ctx, c.p, keyward.KindKeyManager, "acme", control.Page{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, o := range objects {
			names = append(names, o.Name)
		}
		if !slices.Equal(names, c.sees) {
			t.Errorf("%s sees %v, want %v", who, names, c.sees)
		}
		o, err := h.Control.Get(ctx, c.p, keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "acme", Name: "sso"})
		if sees := slices.Contains(c.sees, "sso"); sees != (err == nil) || !sees && keyward.CodeOf(err) != keyward.CodeForbidden {
			t.Errorf("%s reads it by name: %v", who, err)
		}
		if err == nil && who != "operator" {
			s, ok := o.Spec.(*keyward.KeyManagerSpec)
			if !ok || s.Connection != nil || s.Introspection != nil || s.Permissions != nil || !s.Global {
				t.Errorf("%s sees %+v", who, s)
			}
		}
		_, err = h.Control.Get(ctx, c.p, keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "acme", Name: "corp"})
		if keyward.CodeOf(err) != keyward.CodeNotFound {
			t.Errorf("%s reads one that is not global: %v", who, err)
		}
	}
	ref := keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "acme", Name: "sso"}
	if err := h.Control.Delete(ctx, admin, ref, ""); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("deleted from another tenant: %v", err)
	}
	if _, err := h.Control.Hold(ctx, admin, ref, control.HoldRequest{Reason: "x"}); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("held from another tenant: %v", err)
	}
	for _, name := range []string{"sso", "other"} {
		_, err := in(h, admin, plane.Manifest(keyward.KindKeyManager, name, strings.ReplaceAll(ssoSpec, "SERVER/sso", "SERVER/new")))
		if err == nil || !strings.Contains(err.Error(), "spec.global") {
			t.Errorf("a tenant's own is global: %v", err)
		}
	}
	_, err := in(h, admin, plane.Manifest(keyward.KindKeyManager, "sso", plane.CorpSpec))
	if keyward.CodeOf(err) != keyward.CodeConflict {
		t.Errorf("its name is taken twice: %v", err)
	}
	if _, err := in(h, admin, plane.Manifest(keyward.KindKeyManager, "own", plane.CorpSpec)); err != nil {
		t.Errorf("the positive control: %v", err)
	}
	exported, err := h.Control.Export(ctx, admin, "acme", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range exported {
		if m.Metadata.Name == "sso" {
			t.Error("another tenant exports it")
		}
	}
	got, err := h.Apply(admin, declare.Request{Tenant: "acme", Set: "team", Prune: true})
	if _, gone := got["KeyManager sso"]; err != nil || gone {
		t.Errorf("prune of another tenant: %v %v", got, err)
	}
}

// TestGlobalKeyManagersBelongToTheOperators: who reads the list of its users are operators alone; it stays while others
// use it, and a reason of a hold stays with them too.
func TestGlobalKeyManagersBelongToTheOperators(t *testing.T) {
	h, ctx := globalPlane(t), context.Background()
	ref := keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "default", Name: "sso"}
	var told *keyward.Error
	if err := h.Control.Delete(ctx, plane.Operator(), ref, ""); !errors.As(err, &told) || told.Code != keyward.CodeInUse ||
		len(told.Users) != 2 || told.Users[0].Tenant != "acme" {
		t.Errorf("deleted although others use it: %v", err)
	}
	local := plane.Manifest(keyward.KindKeyManager, "sso", strings.Replace(ssoSpec, `"global":true,`, "", 1))
	got := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(local)}, keyward.CodeInUse)
	if len(got.Users) != 2 || !strings.Contains(got.Paths, "spec.global") {
		t.Errorf("switched off although others use it: %+v", got)
	}
	for who, c := range map[string]struct {
		p      keyward.Principal
		tenant string
		want   string
	}{
		"operator":                      {plane.Operator(), "default", "acme/orders-v1 acme/mobile"},
		"auditor of the tenant default": {plane.As("ann", keyward.RoleAuditor), "default", ""},
		"administrator of acme":         {inTenant("ada", nil, keyward.RoleAdmin), "acme", "orders-v1 mobile"},
	} {
		u, err := h.Control.Usages(ctx, c.p, c.tenant, "sso")
		if err != nil {
			t.Fatal(err)
		}
		got := append([]string{}, u.Applications...)
		for _, a := range u.APIs {
			got = append([]string{a.Name}, got...)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s is told of %v, want %q", who, got, c.want)
		}
	}
	if _, err := h.Control.Hold(ctx, plane.Operator(), ref, control.HoldRequest{Reason: "a secret of ours"}); err != nil {
		t.Fatal(err)
	}
	o, err := h.Control.Get(ctx, inTenant("ada", nil, keyward.RoleAdmin),
		keyward.Ref{Kind: keyward.KindKeyManager, Tenant: "acme", Name: "sso"})
	if err != nil || o.Hold == nil || o.Hold.Reason != "" || o.Hold.By != "" {
		t.Errorf("another tenant sees the hold as %+v %v", o, err)
	}
	_, err = h.Control.Get(ctx, inTenant("ada", nil, keyward.RoleAdmin), ref)
	if keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("another tenant's administrator reads the tenant default: %v", err)
	}
	both := []string{local,
		`{"apiVersion":"keyward.dev/v1","kind":"API","metadata":{"name":"orders-v1","tenant":"acme"},"spec":` +
			strings.Replace(plane.OrdersSpec, `["corp","resident"],"plans":["gold"]`, `["resident"]`, 1) + `}`}
	client := keyward.Ref{Kind: keyward.KindOAuthClient, Tenant: "acme", Name: "mobile-sso"}
	if err := h.Control.Delete(ctx, plane.Operator(), client, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Apply(plane.Operator(), declare.Request{Objects: h.Objects(both...)}); err != nil {
		t.Errorf("given up in the same apply: %v", err)
	}
	if _, err := in(h, inTenant("ada", nil, keyward.RoleAdmin), plane.Manifest(keyward.KindOAuthClient, "again",
		`{"application":"mobile","keyManager":"sso","clientId":"abc"}`)); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("one that is global no more is used: %v", err)
	}
}

// TestGlobalIsRefusedWhereItCannotBe: for the resident key manager, beside a name or an issuer of any tenant, and with an
// environment or a client of its own that others' clients need.
func TestGlobalIsRefusedWhereItCannotBe(t *testing.T) {
	h := globalPlane(t)
	admin := inTenant("ada", nil, keyward.RoleAdmin)
	if _, err := in(h, admin, plane.Manifest(keyward.KindKeyManager, "own", `{"type":"oidc","discovery":"SERVER/own"}`)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		object, spec, path string
		code               keyward.Code
	}{
		"resident":  {"resident", `{"type":"resident","global":true}`, "spec.global", keyward.CodeInvalidInput},
		"a name":    {"own", `{"type":"oidc","discovery":"SERVER/new","global":true}`, "spec.global", keyward.CodeConflict},
		"an issuer": {"new", `{"type":"oidc","discovery":"SERVER/own","global":true}`, "spec.issuer", keyward.CodeConflict},
		"an environment": {"sso", strings.Replace(ssoSpec, `"global"`, `"environments":["sandbox"],"global"`, 1), "spec.environments",
			keyward.CodeInUse},
		"an own client": {"sso", strings.Replace(ssoSpec, `"gateway"`, `"abc"`, 1), "spec.introspection.clientId", keyward.CodeInUse},
	} {
		objects := h.Objects(plane.Manifest(keyward.KindKeyManager, c.object, c.spec))
		got := h.Refused(plane.Operator(), declare.Request{Objects: objects}, c.code)
		if !strings.Contains(got.Paths, c.path) {
			t.Errorf("%s: faults at %q", name, got.Paths)
		}
	}
	_, err := in(h, admin, plane.Manifest(keyward.KindKeyManager, "theirs", `{"type":"oidc","discovery":"SERVER/sso"}`))
	if keyward.CodeOf(err) != keyward.CodeConflict || !strings.Contains(err.Error(), "spec.issuer") {
		t.Errorf("a tenant takes its issuer: %v", err)
	}
	h.MustApply(plane.Manifest(keyward.KindKeyManager, "sso", ssoSpec))
}
