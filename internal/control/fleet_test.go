package control_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/plane"
)

// reporting makes gateways, of which each but one in ten reports: revision 0 is that of the newest change.
func reporting(t *testing.T, h *plane.Plane, reports map[string]store.GatewayReport) {
	t.Helper()
	err := h.Store.Write(context.Background(), "test", func(tx *store.Tx) error {
		head, err := tx.Head("default")
		if err != nil {
			return err
		}
		for name, report := range reports {
			g := keyward.Gateway{Name: name}
			if err := tx.CreateGateway(&g, []byte(name)); err != nil {
				return err
			}
			if report.Revision == 0 {
				report.Revision = head.Revision
			}
			if report.At.IsZero() {
				continue
			}
			if err := tx.ReportGateway(g.ID, report); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAChangesWayToGateways: each gateway has one state, lists are narrowed by it, and of each change it is known who has it.
func TestAChangesWayToGateways(t *testing.T) {
	ctx, h := context.Background(), plane.New(t)
	auditor := plane.As("ann", keyward.RoleAuditor)
	h.MustApply(plane.Manifest(keyward.KindPlan, "gold", `{"rate":{"requests":1,"per":"1s"}}`))
	now := time.Now()
	reporting(t, h, map[string]store.GatewayReport{
		"edge-here": {At: now}, "edge-frozen": {At: now.Add(-time.Minute)}, "edge-disk": {At: now, Stale: true}, "edge-new": {},
		"edge-gone": {At: now},
	})
	if err := h.Control.RevokeGateway(ctx, plane.Operator(), "edge-gone"); err != nil {
		t.Fatal(err)
	}
	before, err := h.Control.Gateways(ctx, auditor, control.GatewayFilter{Search: "HERE"})
	if err != nil || len(before.Items) != 1 || before.Items[0].State != control.GatewayUpToDate {
		t.Fatalf("before the change: %+v, %v", before, err)
	}
	h.MustApply(plane.Manifest(keyward.KindPlan, "silver", `{"rate":{"requests":1,"per":"1s"}}`))
	reporting(t, h, map[string]store.GatewayReport{"edge-late": {At: now}})
	names := func(f control.GatewayFilter) string {
		t.Helper()
		page, err := h.Control.Gateways(ctx, auditor, f)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, g := range page.Items {
			all = append(all, g.Name+" "+string(g.State))
		}
		return strings.Join(all, ", ")
	}
	for state, want := range map[string]string{
		"lacking": "edge-disk stale, edge-frozen away, edge-here behind", "upToDate": "edge-late upToDate", "never": "edge-new never",
		"revoked": "edge-gone revoked", "away": "edge-frozen away",
	} {
		if got := names(control.GatewayFilter{State: state}); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
	old := before.Revisions["default"]
	if got := names(control.GatewayFilter{Search: "here", Revision: old}); got != "edge-here upToDate" {
		t.Errorf("by the revision of before: %q", got)
	}
	if _, err := h.Control.Gateways(ctx, auditor, control.GatewayFilter{State: "asleep"}); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("a state that there is not: %v", err)
	}
	changes, err := h.Control.Changes(ctx, auditor, "")
	if err != nil || len(changes) < 2 {
		t.Fatalf("changes: %+v, %v", changes, err)
	}
	last := changes[0]
	lacking := []string{"edge-disk", "edge-frozen", "edge-here"}
	if last.Objects[0].Name != "silver" || last.There != 1 || last.Of != 4 || !slices.Equal(last.Lacking, lacking) {
		t.Errorf("the last change: %+v", last)
	}
	if lacks, err := h.Control.Changes(ctx, auditor, "edge-here"); err != nil || len(lacks) != 1 || lacks[0].Objects[0].Name != "silver" {
		t.Errorf("edge-here lacks %+v, %v", lacks, err)
	}
	inForce := func(p keyward.Principal, kind keyward.Kind, name string) ([]control.Change, error) {
		return h.Control.InForce(ctx, p, keyward.Ref{Kind: kind, Tenant: "default", Name: name})
	}
	for name, want := range map[string]int{"gold": 4, "silver": 1} {
		got, err := inForce(auditor, keyward.KindPlan, name)
		if err != nil || len(got) != 1 || got[0].Group != "default" || got[0].Of != 4 || got[0].There != want {
			t.Errorf("%s is in force: %+v, %v", name, got, err)
		}
	}
	pia := plane.As("pia", keyward.RolePublisher)
	if got, err := inForce(pia, keyward.KindPlan, "silver"); err != nil || got[0].There != 1 || got[0].Of != 4 || len(got[0].Lacking) > 0 {
		t.Errorf("a publisher is told how many gateways have a plan, and no names: %+v, %v", got, err)
	}
	h.MustApply(plane.Manifest(keyward.KindUser, "ulf", `{"roles":["developer"]}`))
	if got, err := inForce(auditor, keyward.KindUser, "ulf"); err != nil || len(got) != 0 {
		t.Errorf("a user, whom no gateway has: %+v, %v", got, err)
	}
	for code, err := range map[keyward.Code]error{
		keyward.CodeNotFound:     second(inForce(auditor, keyward.KindPlan, "none")),
		keyward.CodeInvalidInput: second(inForce(auditor, "Plant", "gold")),
		keyward.CodeForbidden:    second(inForce(plane.As("dora", keyward.RoleDeveloper), keyward.KindPlan, "gold")),
	} {
		if keyward.CodeOf(err) != code {
			t.Errorf("want %s: %v", code, err)
		}
	}
	if _, err := inForce(pia, keyward.KindKeyManager, "resident"); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a publisher, of what administrators write: %v", err)
	}
	if _, err := h.Control.Changes(ctx, plane.As("dora", keyward.RoleDeveloper), ""); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a developer sees gateways: %v", err)
	}
}

// TestDeletedObjectsAreNamedInChanges: to who may read objects of their kind and tenant, and nobody else.
func TestDeletedObjectsAreNamedInChanges(t *testing.T) {
	ctx, h := context.Background(), plane.New(t)
	h.MustApply(plane.Usual()...)
	last := func(p keyward.Principal) string {
		t.Helper()
		changes, err := h.Control.Changes(ctx, p, "")
		if err != nil || len(changes) == 0 {
			t.Fatalf("changes: %+v, %v", changes, err)
		}
		var all []string
		for _, row := range changes[0].Objects {
			all = append(all, fmt.Sprintf("%s %s/%s deleted %v gone %v", row.Kind, row.Tenant, row.Name, row.Deleted, row.Gone))
		}
		return strings.Join(all, ", ")
	}
	remove := func(tenant string, kind keyward.Kind, name string) {
		t.Helper()
		if err := h.Control.Delete(ctx, plane.Operator(), keyward.Ref{Kind: kind, Tenant: tenant, Name: name}, ""); err != nil {
			t.Fatal(err)
		}
	}
	auditor := plane.As("ann", keyward.RoleAuditor)
	made := last(auditor)
	remove("default", keyward.KindOAuthClient, "mobile-corp")
	if got := last(auditor); got != "client default/mobile-corp deleted true gone true" {
		t.Errorf("after a key was deleted: %s", got)
	}
	remove("default", keyward.KindSubscription, "mobile-orders")
	want := "subscription default/mobile-orders deleted true gone true, application default/mobile deleted true gone false"
	if got := last(auditor); got != want {
		t.Errorf("after a subscription was deleted, without which gateways need no application: %s", got)
	}
	h.MustApply(plane.Usual()...)
	remove("default", keyward.KindSubscription, "mobile-orders")
	if got := last(auditor); !strings.HasPrefix(got, "subscription default/mobile-orders deleted true gone true, ") ||
		!strings.Contains(got, "client default/mobile-corp deleted true gone false") {
		t.Errorf("after a subscription was deleted, without which gateways need no key: %s", got)
	}
	changes, err := h.Control.Changes(ctx, auditor, "")
	if err != nil || string(changes[len(changes)-1].Objects[0].Kind) != strings.Fields(made)[0] {
		t.Errorf("what came with %s begins otherwise now: %+v, %v", made, changes, err)
	}
	h.MustApply(plane.Manifest(keyward.KindTenant, "acme", `{}`), `{"apiVersion":"keyward.dev/v1","kind":"Plan",
		"metadata":{"tenant":"acme","name":"theirs"},"spec":{"rate":{"requests":1,"per":"1s"}}}`)
	remove("acme", keyward.KindPlan, "theirs")
	if got := last(plane.Operator()); got != "plan acme/theirs deleted true gone true" {
		t.Errorf("another tenant's, to who administers all: %s", got)
	}
	if got := last(auditor); got != "plan / deleted true gone true" {
		t.Errorf("another tenant's, to an auditor of this one: %s", got)
	}
}

func second(_ []control.Change, err error) error { return err }

// TestGatewaysComeByPages: however many there are, and whatever states they change to between two pages.
func TestGatewaysComeByPages(t *testing.T) {
	ctx, h := context.Background(), plane.New(t)
	many := map[string]store.GatewayReport{}
	for i := range 120 {
		many[fmt.Sprintf("edge-%03d", i)] = store.GatewayReport{At: time.Now()}
	}
	reporting(t, h, many)
	var seen []string
	f := control.GatewayFilter{Search: "edge", State: "upToDate", Limit: 50}
	for {
		page, err := h.Control.Gateways(ctx, plane.Operator(), f)
		if err != nil || page.Counts[control.GatewayUpToDate] < 70 {
			t.Fatalf("%v, %v", page, err)
		}
		for _, g := range page.Items {
			seen = append(seen, g.Name)
		}
		if page.Next == "" {
			break
		}
		f.Cursor = page.Next
		last := page.Items[len(page.Items)-1]
		err = h.Store.Write(ctx, "test", func(tx *store.Tx) error {
			return tx.ReportGateway(last.ID, store.GatewayReport{Revision: last.Revision, Stale: true, At: time.Now()})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 120 || !slices.IsSorted(seen) || len(slices.Compact(seen)) != 120 {
		t.Errorf("%d gateways in pages", len(seen))
	}
	f.Cursor = "nobody"
	if _, err := h.Control.Gateways(ctx, plane.Operator(), f); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("a cursor that no list gave: %v", err)
	}
}
