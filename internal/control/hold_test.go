package control_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/testbed/plane"
)

func refOf(kind keyward.Kind, name string) keyward.Ref {
	return keyward.Ref{Kind: kind, Tenant: keyward.DefaultTenant, Name: name}
}

func hold(t *testing.T, h *plane.Plane, kind keyward.Kind, name string) {
	t.Helper()
	because := control.HoldRequest{Reason: "leaked"}
	if _, err := h.Control.Hold(context.Background(), plane.Operator(), refOf(kind, name), because); err != nil {
		t.Fatal(err)
	}
}

// TestHoldIsForAdministrators: nobody else holds or lifts; a hold needs a reason and an end that is still to come.
func TestHoldIsForAdministrators(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	ctx, corp, mobile := context.Background(), refOf(keyward.KindKeyManager, "corp"), refOf(keyward.KindApplication, "mobile")
	because, past := control.HoldRequest{Reason: "x"}, time.Now().Add(-time.Second)
	zoe := keyward.Principal{User: "zoe", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	for name, c := range map[string]struct {
		p    keyward.Principal
		ref  keyward.Ref
		r    control.HoldRequest
		code keyward.Code
	}{
		"administrator":     {plane.As("ada", keyward.RoleAdmin), corp, because, ""},
		"publisher":         {plane.As("pat", keyward.RolePublisher), corp, because, keyward.CodeForbidden},
		"developer":         {plane.As("alice", keyward.RoleDeveloper), mobile, because, keyward.CodeForbidden},
		"another tenant's":  {zoe, corp, because, keyward.CodeForbidden},
		"no reason":         {plane.Operator(), corp, control.HoldRequest{Reason: "  "}, keyward.CodeInvalidInput},
		"a hidden order":    {plane.Operator(), corp, control.HoldRequest{Reason: "a\u202eb"}, keyward.CodeInvalidInput},
		"over already":      {plane.Operator(), corp, control.HoldRequest{Reason: "x", Until: &past}, keyward.CodeInvalidInput},
		"not there":         {plane.Operator(), refOf(keyward.KindKeyManager, "none"), because, keyward.CodeNotFound},
		"a kind that stays": {plane.Operator(), refOf(keyward.KindPlan, "gold"), because, keyward.CodeInvalidInput},
	} {
		if _, err := h.Control.Hold(ctx, c.p, c.ref, c.r); keyward.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
	if _, err := h.Control.Unhold(ctx, plane.As("pat", keyward.RolePublisher), corp, ""); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a publisher lifts a hold: %v", err)
	}
	for range 2 { // the second changes nothing
		if _, err := h.Control.Unhold(ctx, plane.Operator(), corp, ""); err != nil {
			t.Error(err)
		}
	}
	entries, err := h.Control.Audit(ctx, plane.Operator(), keyward.DefaultTenant, control.AuditFilter{Kind: "KeyManager", Name: "corp"})
	if err != nil {
		t.Fatal(err)
	}
	var trail []string
	for _, e := range entries {
		trail = append(trail, e.Actor+" "+e.Action+" "+e.Detail)
	}
	if got := strings.Join(trail, ","); got != "admin unheld ,ada held x,admin created " {
		t.Errorf("audit %q", got)
	}
}

// TestHoldIsStrongerThanManifests: apply says held, changes the spec and leaves the hold; prune leaves the object.
func TestHoldIsStrongerThanManifests(t *testing.T) {
	h := plane.New(t)
	ctx := context.Background()
	all := declare.Request{Set: "team", Prune: true, Objects: h.Objects(plane.Usual()...)}
	if _, err := h.Apply(plane.Operator(), all); err != nil {
		t.Fatal(err)
	}
	hold(t, h, keyward.KindSubscription, "mobile-orders")
	got, err := h.Apply(plane.Operator(), all)
	if err != nil || got["Subscription mobile-orders"] != declare.Held || got["Plan gold"] != declare.Unchanged {
		t.Fatalf("%v %v", got, err)
	}
	var fewer []string
	for _, text := range plane.Usual() {
		if !strings.Contains(text, `"Subscription"`) && !strings.Contains(text, `"OAuthClient"`) {
			fewer = append(fewer, text)
		}
	}
	got, err = h.Apply(plane.Operator(), declare.Request{Set: "team", Prune: true, Objects: h.Objects(fewer...)})
	if err != nil || got["Subscription mobile-orders"] != declare.Held || got["OAuthClient mobile-corp"] != declare.Deleted {
		t.Fatalf("%v %v", got, err)
	}
	sub := refOf(keyward.KindSubscription, "mobile-orders")
	o, err := h.Control.Get(ctx, plane.Operator(), sub)
	if err != nil || o.Hold == nil || o.Hold.Reason != "leaked" || o.Hold.By != "admin" {
		t.Fatalf("%+v %v", o, err)
	}
	if err := h.Control.Delete(ctx, plane.Operator(), sub, ""); err != nil {
		t.Errorf("an administrator deletes what is held: %v", err)
	}
}

// TestDevelopersCannotReplaceWhatIsHeld: neither by deleting nor by changing it, until the hold is over. Nor do they
// read why.
func TestDevelopersCannotReplaceWhatIsHeld(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	ctx, dev := context.Background(), plane.As("alice", keyward.RoleDeveloper)
	sub := refOf(keyward.KindSubscription, "mobile-orders")
	h.MustApply(plane.Manifest(keyward.KindApplication, "second", `{"owner":"alice"}`))
	moved := plane.Manifest(keyward.KindSubscription, "mobile-orders", `{"application":"second","api":"orders-v1","plan":"gold"}`)
	hold(t, h, keyward.KindSubscription, "mobile-orders")
	h.Refused(dev, declare.Request{Objects: h.Objects(moved)}, keyward.CodeHeld)
	if err := h.Control.Delete(ctx, dev, sub, ""); keyward.CodeOf(err) != keyward.CodeHeld {
		t.Errorf("deleted: %v", err)
	}
	o, err := h.Control.Get(ctx, dev, sub)
	if err != nil || o.Hold == nil || o.Hold.Reason != "" || o.Hold.By != "" {
		t.Errorf("a developer sees %+v %v", o, err)
	}
	if _, err := h.Control.Unhold(ctx, plane.Operator(), sub, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Apply(dev, declare.Request{Objects: h.Objects(moved)}); err != nil {
		t.Errorf("after the hold: %v", err)
	}
	if err := h.Control.Delete(ctx, dev, sub, ""); err != nil {
		t.Errorf("after the hold: %v", err)
	}
}
