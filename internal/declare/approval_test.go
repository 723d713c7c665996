package declare_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/plane"
)

// TestSubscriptionsAwaitAnApproval: what developers ask for under a plan that wants it waits, asks again with every other
// plan, application and API, and is on no gateway meanwhile; what those declare who approve is approved.
func TestSubscriptionsAwaitAnApproval(t *testing.T) {
	h, ctx := plane.New(t), context.Background()
	h.MustApply(plane.Usual()...)
	h.MustApply(plane.Manifest(keyward.KindPlan, "platinum", `{"approval":"manual"}`),
		plane.Manifest(keyward.KindPlan, "iron", `{"approval":"manual"}`),
		plane.Manifest(keyward.KindAPI, "orders-v1", strings.Replace(plane.OrdersSpec, `["gold"]`, `["gold","platinum","iron"]`, 1)),
		plane.Manifest(keyward.KindApplication, "web", `{"owners":["alice","bob"]}`))
	alice, pat := plane.As("alice", keyward.RoleDeveloper), plane.As("pat", keyward.RolePublisher)
	ref := keyward.Ref{Kind: keyward.KindSubscription, Tenant: keyward.DefaultTenant, Name: "web-orders"}
	ask := func(plan string) declare.Request {
		spec := `{"application":"web","api":"orders-v1","plan":"` + plan + `"}`
		return declare.Request{Objects: h.Objects(plane.Manifest(ref.Kind, ref.Name, spec))}
	}
	put := func(p keyward.Principal, plan string, want keyward.ApprovalState) *keyward.SubscriptionApproval {
		t.Helper()
		if _, err := h.Apply(p, ask(plan)); err != nil {
			t.Fatalf("%s asks for %s: %v", p.User, plan, err)
		}
		return stands(t, h, ref, want)
	}
	first := put(alice, "platinum", keyward.ApprovalPending)
	if again := put(alice, "platinum", keyward.ApprovalPending); again.Request != first.Request {
		t.Error("the same manifest is another request")
	}
	second := put(alice, "iron", keyward.ApprovalPending)
	requests, _, err := h.Control.SubscriptionRequests(ctx, alice, ref.Tenant, control.Page{})
	if got := fmt.Sprint(requests); err != nil || len(requests) != 1 || !strings.Contains(got, " web orders-v1 iron alice ") {
		t.Errorf("alice sees %s, %v", got, err)
	}
	if requests, _, err := h.Control.SubscriptionRequests(ctx, plane.As("dora", keyward.RoleDeveloper), ref.Tenant,
		control.Page{}); err != nil || len(requests) > 0 {
		t.Errorf("dora sees %v, %v", requests, err)
	}
	for what, try := range map[string]func() error{
		"what was asked for before": func() error {
			_, err := h.Control.ApproveSubscription(ctx, pat, asked(ref.Name, first.Request))
			return err
		},
		"one that nobody asked for": func() error {
			_, err := h.Control.ApproveSubscription(ctx, pat, asked("mobile-orders", ""))
			return err
		},
	} {
		if err := try(); keyward.CodeOf(err) != keyward.CodeConflict {
			t.Errorf("approve %s: %v", what, err)
		}
	}
	if _, err := h.Control.ApproveSubscription(ctx, alice, asked(ref.Name, "")); keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a developer approves: %v", err)
	}
	exported, err := h.Control.Export(ctx, plane.Operator(), ref.Tenant, "")
	if err != nil || strings.Contains(fmt.Sprint(exported), ref.Name) {
		t.Errorf("an export approves what waits: %v", err)
	}
	if _, err := h.Control.ApproveSubscription(ctx, pat, asked(ref.Name, second.Request)); err != nil {
		t.Fatal(err)
	}
	stands(t, h, ref, keyward.ApprovalGiven)
	put(alice, "iron", keyward.ApprovalGiven)
	put(alice, "gold", "")
	put(alice, "iron", keyward.ApprovalPending) // asked for again
	if _, err := h.Control.RejectSubscription(ctx, pat, asked(ref.Name, ""), " "); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("rejected without a reason: %v", err)
	}
	if _, err := h.Control.RejectSubscription(ctx, pat, asked(ref.Name, ""), "too many"); err != nil {
		t.Fatal(err)
	}
	if a := put(alice, "iron", keyward.ApprovalRejected); a.Reason != "too many" || a.By != "pat" {
		t.Errorf("rejected: %+v", a)
	}
	put(plane.Operator(), "iron", keyward.ApprovalGiven)
	put(plane.Operator(), "platinum", keyward.ApprovalGiven)
	put(plane.Operator(), "gold", keyward.ApprovalGiven)

	// Who asked is no owner any more, or the API takes nobody any more.
	put(alice, "platinum", keyward.ApprovalPending)
	h.MustApply(plane.Manifest(keyward.KindApplication, "web", `{"owners":["bob"]}`))
	refuses(t, h, pat, ref)
	h.MustApply(plane.Manifest(keyward.KindApplication, "web", `{"owners":["alice"]}`), plane.Manifest(keyward.KindAPI, "orders-v1",
		strings.Replace(plane.OrdersSpec, `["gold"]`, `["gold","platinum","iron"],"state":"deprecated"`, 1)))
	refuses(t, h, pat, ref)
	if said, err := h.Control.Unapproved(ctx, ref.Tenant, "web", "orders-v1"); err != nil || said != ref.String()+" awaits an approval" {
		t.Errorf("explained as %q, %v", said, err)
	}
	entries, _ := json.Marshal(auditOf(t, h))
	for _, action := range []string{"subscription.requested", "subscription.approved", "subscription.rejected"} {
		if !strings.Contains(string(entries), action) {
			t.Errorf("the audit trail lacks %s", action)
		}
	}
}

// TestARequestOfSomebodyWithoutAnAccount: who signed in through a key manager has no user here. What the key manager's rules gave them
// when they asked is what an approval is judged by, for as long as it lets people in.
func TestARequestOfSomebodyWithoutAnAccount(t *testing.T) {
	h, ctx := plane.New(t), t.Context()
	h.MustApply(plane.Usual()...)
	corp := func(enabled string) {
		h.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", strings.Replace(plane.CorpSpec, `{`, `{"signIn":{"enabled":`+enabled+
			`,"clientId":"console","clientSecret":"s","roles":[{"claim":"/groups","equals":"partners","role":"developer",
			"groups":["partners"]}]},"endpoints":{"authorization":"https://as.example/auth"},`, 1)))
	}
	corp("true")
	h.MustApply(plane.Manifest(keyward.KindPlan, "iron", `{"approval":"manual"}`), plane.Manifest(keyward.KindAPI, "orders-v1",
		strings.Replace(plane.OrdersSpec, `["gold"]`, `["gold","iron"],"visibility":["partners"]`, 1)))
	kai := keyward.Principal{
		User: keyward.Through("corp", "4/7"), Called: "Kai Lee", Tenant: keyward.DefaultTenant,
		Roles: []keyward.Role{keyward.RoleDeveloper}, Groups: []string{"partners"},
	}
	pat := plane.As("pat", keyward.RolePublisher)
	h.MustApply(plane.Manifest(keyward.KindApplication, "web", `{"owners":["corp|4/7"]}`))
	ref := keyward.Ref{Kind: keyward.KindSubscription, Tenant: keyward.DefaultTenant, Name: "web-orders"}
	_, err := h.Apply(kai, declare.Request{Objects: h.Objects(plane.Manifest(ref.Kind, ref.Name,
		`{"application":"web","api":"orders-v1","plan":"iron"}`))})
	if err != nil {
		t.Fatal(err)
	}
	requests, _, err := h.Control.SubscriptionRequests(ctx, pat, ref.Tenant, control.Page{})
	if err != nil || len(requests) != 1 || requests[0].Requester != "corp|4/7" || requests[0].Called != "Kai Lee" {
		t.Fatalf("%+v, %v", requests, err)
	}
	corp("false")
	refuses(t, h, pat, ref)
	corp("true")
	if _, err := h.Control.ApproveSubscription(ctx, pat, asked(ref.Name, "")); err != nil {
		t.Fatal(err)
	}
	stands(t, h, ref, keyward.ApprovalGiven)
	for enabled, outside := range map[string]bool{"true": false, "false": true} {
		corp(enabled)
		used, err := h.Control.APIUsages(ctx, pat, ref.Tenant, "orders-v1", control.Page{})
		if at := slices.IndexFunc(used.Subscriptions, func(s control.APISubscription) bool { return s.Name == ref.Name }); err != nil ||
			at < 0 || used.Subscriptions[at].Outside != outside {
			t.Errorf("with sign-in %s: %+v, %v", enabled, used, err)
		}
	}
}

// TestAskAgain: what was rejected is asked for anew in one step, as it stands, by who may ask for it and of an API that takes
// it; where that cannot be, the rejection stays with its reason.
func TestAskAgain(t *testing.T) {
	h, ctx := plane.New(t), t.Context()
	h.MustApply(plane.Usual()...)
	orders := func(more string) {
		h.MustApply(plane.Manifest(keyward.KindAPI, "orders-v1", strings.Replace(plane.OrdersSpec, `["gold"]`, `["gold","iron"]`+more, 1)))
	}
	h.MustApply(plane.Manifest(keyward.KindPlan, "iron", `{"approval":"manual"}`))
	orders("")
	h.MustApply(plane.Manifest(keyward.KindApplication, "web", `{"owners":["alice"]}`))
	alice, pat := plane.As("alice", keyward.RoleDeveloper), plane.As("pat", keyward.RolePublisher)
	ref := keyward.Ref{Kind: keyward.KindSubscription, Tenant: keyward.DefaultTenant, Name: "web-orders"}
	again := func(p keyward.Principal, request string) error {
		_, err := h.Control.AskAgain(ctx, p, asked(ref.Name, request))
		return err
	}
	refused := func(what string, p keyward.Principal, request string, want keyward.Code) {
		t.Helper()
		if err := again(p, request); keyward.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	reject := func(reason string) {
		t.Helper()
		if _, err := h.Control.RejectSubscription(ctx, pat, asked(ref.Name, ""), reason); err != nil {
			t.Fatal(err)
		}
	}
	refused("what is not there", alice, "", keyward.CodeNotFound)
	if _, err := h.Apply(alice, declare.Request{Objects: h.Objects(plane.Manifest(ref.Kind, ref.Name,
		`{"application":"web","api":"orders-v1","plan":"iron"}`))}); err != nil {
		t.Fatal(err)
	}
	refused("what waits", alice, "", keyward.CodeConflict)
	reject("too many")
	first := stands(t, h, ref, keyward.ApprovalRejected)
	refused("of somebody else", plane.As("dora", keyward.RoleDeveloper), "", keyward.CodeForbidden)
	refused("by who reads", plane.As("eve", keyward.RoleAuditor), "", keyward.CodeForbidden)
	refused("another one", alice, "other", keyward.CodeConflict)
	orders(`,"state":"deprecated"`)
	refused("of a deprecated API", alice, first.Request, keyward.CodeConflict)
	orders(`,"visibility":["partners"]`)
	refused("of an API that is not there for alice", alice, first.Request, keyward.CodeInvalidInput)
	if a := stands(t, h, ref, keyward.ApprovalRejected); a.Reason != "too many" || a.Request != first.Request {
		t.Errorf("refused, and yet changed: %+v", a)
	}
	orders("")
	if err := again(alice, first.Request); err != nil {
		t.Fatal(err)
	}
	a := stands(t, h, ref, keyward.ApprovalPending)
	if a.Request == first.Request || a.Requester != "alice" || a.Reason != "" || a.By != "" || a.At != nil {
		t.Errorf("asked again: %+v", a)
	}
	refused("twice", alice, "", keyward.CodeConflict)
	if _, err := h.Control.ApproveSubscription(ctx, pat, asked(ref.Name, a.Request)); err != nil {
		t.Fatal(err)
	}
	refused("what was approved", alice, "", keyward.CodeConflict)

	// A ceiling stays, which is not alice's to lift: she could not delete the subscription and make it anew.
	const of = `{"application":"web","api":"orders-v1","scopes":["orders:read"],"plan":`
	h.MustApply(plane.Manifest(ref.Kind, ref.Name, of+`"gold"}`))
	if _, err := h.Apply(alice, declare.Request{Objects: h.Objects(plane.Manifest(ref.Kind, ref.Name, of+`"iron"}`))}); err != nil {
		t.Fatal(err)
	}
	reject("no")
	h.MustApply(plane.Manifest(keyward.KindPlan, "iron", `{}`)) // in force at once: nobody has to approve it any more
	o, err := h.Control.AskAgain(ctx, alice, asked(ref.Name, ""))
	if err != nil {
		t.Fatal(err)
	}
	stands(t, h, ref, "")
	if spec, ok := o.Spec.(*keyward.SubscriptionSpec); !ok || strings.Join(spec.Scopes, " ") != "orders:read" {
		t.Errorf("its ceiling is gone: %+v", o.Spec)
	}
	entries, _ := json.Marshal(auditOf(t, h))
	if n := strings.Count(string(entries), "subscription.requested"); n != 3 {
		t.Errorf("the audit trail has %d requests, want 3", n)
	}
}

func refuses(t *testing.T, h *plane.Plane, p keyward.Principal, ref keyward.Ref) {
	t.Helper()
	_, err := h.Control.ApproveSubscription(context.Background(), p, asked(ref.Name, ""))
	if keyward.CodeOf(err) != keyward.CodeConflict {
		t.Errorf("approved what cannot be: %v", err)
	}
	stands(t, h, ref, keyward.ApprovalPending)
}

// stands holds that the subscription's approval is as wanted ("" = none), and that gateways have it and its application
// exactly when it may be in force.
func stands(t *testing.T, h *plane.Plane, ref keyward.Ref, want keyward.ApprovalState) (approval *keyward.SubscriptionApproval) {
	t.Helper()
	rows := map[string]bool{}
	err := h.Store.Read(t.Context(), func(tx *store.Tx) error {
		o, err := tx.Get(ref.Kind, ref.Tenant, ref.Name)
		if err != nil {
			return err
		}
		application, err := tx.Get(keyward.KindApplication, ref.Tenant, "web")
		if err != nil {
			return err
		}
		if approval, err = keyward.ApprovalOf(o); err != nil {
			return err
		}
		return tx.Snapshot(keyward.DefaultGroup, func(record []byte) error {
			var c keyward.Change
			err := json.Unmarshal(record, &c)
			if c.ID == o.ID || c.ID == application.ID {
				rows[string(c.Kind)] = true
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	var state keyward.ApprovalState
	if approval != nil {
		state = approval.State
	}
	if on := rows["subscription"] && rows["application"]; state != want || on != approval.Stands() || !on && len(rows) > 0 {
		t.Errorf("it is %q, want %q; gateways have %v", state, want, rows)
	}
	return approval
}

func auditOf(t *testing.T, h *plane.Plane) []keyward.AuditEntry {
	t.Helper()
	entries, err := h.Control.Audit(context.Background(), plane.Operator(), keyward.DefaultTenant, control.AuditFilter{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func asked(name, request string) control.Asked {
	return control.Asked{Tenant: keyward.DefaultTenant, Name: name, Request: request}
}
