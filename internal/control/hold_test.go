package control_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
)

func refOf(kind keyward.Kind, name string) keyward.Ref {
	return keyward.Ref{Kind: kind, Tenant: keyward.DefaultTenant, Name: name}
}

func (h *house) hold(kind keyward.Kind, name string) {
	h.t.Helper()
	if _, err := h.control.Hold(context.Background(), operator, refOf(kind, name), control.HoldRequest{Reason: "leaked"}); err != nil {
		h.t.Fatal(err)
	}
}

// TestHoldIsForAdministrators: nobody else holds or lifts; a hold needs a reason and an end that is still to come.
func TestHoldIsForAdministrators(t *testing.T) {
	h := newHouse(t)
	h.mustApply(usual()...)
	ctx, corp := context.Background(), refOf(keyward.KindKeyManager, "corp")
	because, past := control.HoldRequest{Reason: "x"}, time.Now().Add(-time.Second)
	zoe := keyward.Principal{User: "zoe", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	for name, c := range map[string]struct {
		p    keyward.Principal
		ref  keyward.Ref
		r    control.HoldRequest
		code keyward.Code
	}{
		"administrator":     {as("ada", keyward.RoleAdmin), corp, because, ""},
		"publisher":         {as("pat", keyward.RolePublisher), corp, because, keyward.CodeForbidden},
		"developer":         {as("alice", keyward.RoleDeveloper), refOf(keyward.KindApplication, "mobile"), because, keyward.CodeForbidden},
		"another tenant's":  {zoe, corp, because, keyward.CodeForbidden},
		"no reason":         {operator, corp, control.HoldRequest{Reason: "  "}, keyward.CodeInvalidInput},
		"two lines":         {operator, corp, control.HoldRequest{Reason: "a\nb"}, keyward.CodeInvalidInput},
		"over already":      {operator, corp, control.HoldRequest{Reason: "x", Until: &past}, keyward.CodeInvalidInput},
		"not there":         {operator, refOf(keyward.KindKeyManager, "none"), because, keyward.CodeNotFound},
		"a kind that stays": {operator, refOf(keyward.KindPlan, "gold"), because, keyward.CodeInvalidInput},
	} {
		if _, err := h.control.Hold(ctx, c.p, c.ref, c.r); keyward.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
	if _, err := h.control.Unhold(ctx, as("pat", keyward.RolePublisher), corp); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a publisher lifts a hold: %v", err)
	}
	for range 2 { // the second changes nothing
		if _, err := h.control.Unhold(ctx, operator, corp); err != nil {
			t.Error(err)
		}
	}
	entries, err := h.control.Audit(ctx, operator, keyward.DefaultTenant, control.AuditFilter{Kind: "KeyManager", Name: "corp"})
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
	h := newHouse(t)
	ctx := context.Background()
	all := control.ApplyRequest{Set: "team", Prune: true, Objects: h.objects(usual()...)}
	if _, err := h.apply(operator, all); err != nil {
		t.Fatal(err)
	}
	h.hold(keyward.KindSubscription, "mobile-orders")
	got, err := h.apply(operator, all)
	if err != nil || got["Subscription mobile-orders"] != control.Held || got["Plan gold"] != control.Unchanged {
		t.Fatalf("%v %v", got, err)
	}
	var fewer []string
	for _, text := range usual() {
		if !strings.Contains(text, `"Subscription"`) && !strings.Contains(text, `"OAuthClient"`) {
			fewer = append(fewer, text)
		}
	}
	got, err = h.apply(operator, control.ApplyRequest{Set: "team", Prune: true, Objects: h.objects(fewer...)})
	if err != nil || got["Subscription mobile-orders"] != control.Held || got["OAuthClient mobile-corp"] != control.Deleted {
		t.Fatalf("%v %v", got, err)
	}
	sub := refOf(keyward.KindSubscription, "mobile-orders")
	o, err := h.control.Get(ctx, operator, sub)
	if err != nil || o.Hold == nil || o.Hold.Reason != "leaked" || o.Hold.By != "admin" {
		t.Fatalf("%+v %v", o, err)
	}
	if err := h.control.Delete(ctx, operator, sub, ""); err != nil {
		t.Errorf("an administrator deletes what is held: %v", err)
	}
}

// TestDevelopersCannotReplaceWhatIsHeld: neither by deleting nor by changing it, until the hold is over. Nor do they
// read why.
func TestDevelopersCannotReplaceWhatIsHeld(t *testing.T) {
	h := newHouse(t)
	h.mustApply(usual()...)
	ctx, dev := context.Background(), as("alice", keyward.RoleDeveloper)
	sub := refOf(keyward.KindSubscription, "mobile-orders")
	h.mustApply(manifestOf(keyward.KindApplication, "second", `{"owner":"alice"}`))
	moved := manifestOf(keyward.KindSubscription, "mobile-orders", `{"application":"second","api":"orders-v1","plan":"gold"}`)
	h.hold(keyward.KindSubscription, "mobile-orders")
	h.refused(dev, control.ApplyRequest{Objects: h.objects(moved)}, keyward.CodeHeld)
	if err := h.control.Delete(ctx, dev, sub, ""); keyward.CodeOf(err) != keyward.CodeHeld {
		t.Errorf("deleted: %v", err)
	}
	o, err := h.control.Get(ctx, dev, sub)
	if err != nil || o.Hold == nil || o.Hold.Reason != "" || o.Hold.By != "" {
		t.Errorf("a developer sees %+v %v", o, err)
	}
	if _, err := h.control.Unhold(ctx, operator, sub); err != nil {
		t.Fatal(err)
	}
	if _, err := h.apply(dev, control.ApplyRequest{Objects: h.objects(moved)}); err != nil {
		t.Errorf("after the hold: %v", err)
	}
	if err := h.control.Delete(ctx, dev, sub, ""); err != nil {
		t.Errorf("after the hold: %v", err)
	}
}
