package declare

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/store"
)

// askApproval works out the approval that a subscription will have. What its plan wants approved, and is new to the pair of
// application and API or to the plan, waits for it; what those declare who may approve has it.
func (w *world) askApproval(ch *change) error {
	spec, ok := ch.spec.(*keyward.SubscriptionSpec)
	if !ok {
		return nil
	}
	before, err := keyward.ApprovalOf(ch.existing)
	if err != nil {
		return err
	}
	if ch.approval, err = w.approvalAfter(ch, spec, before); err != nil || ch.approval == before {
		return err
	}
	ch.object.Status = nil
	if ch.approval != nil {
		if ch.object.Status, err = json.Marshal(keyward.SubscriptionStatus{Approval: ch.approval}); err != nil {
			return fmt.Errorf("encode the status of %s: %w", ch.ref, err)
		}
	}
	ch.decided = true
	if ch.action == Unchanged {
		ch.action = Updated
	}
	return nil
}

func (w *world) approvalAfter(
	ch *change, s *keyward.SubscriptionSpec, before *keyward.SubscriptionApproval,
) (*keyward.SubscriptionApproval, error) {
	now := w.c.now().UTC()
	old, _ := specIn(ch.existing).(*keyward.SubscriptionSpec)
	same := old != nil && old.Application == s.Application && old.API == s.API && old.Plan == s.Plan && w.b.again == nil
	switch may := access.May(w.b.principal, access.RightApprove, ch.ref.Tenant); {
	case may && !before.Stands():
		given := *before
		given.State, given.By, given.At, given.Reason = keyward.ApprovalGiven, w.b.principal.Actor(), &now, ""
		return &given, nil
	case may || same:
		return before, nil
	}
	plan, _, err := w.spec(keyward.Ref{Kind: keyward.KindPlan, Tenant: ch.ref.Tenant, Name: s.Plan})
	if p, ok := plan.(*keyward.PlanSpec); err != nil || !ok || p.Approval != keyward.ApprovalManual {
		return nil, err
	}
	return &keyward.SubscriptionApproval{
		State: keyward.ApprovalPending, Request: store.NewID(), Requester: w.b.principal.User, Person: w.b.principal.Person(), Since: now,
	}, nil
}

// auditApproval notes a request, and an approval that came with a declaration.
func (w *world) auditApproval(ch *change) error {
	if !ch.decided || ch.approval == nil {
		return nil
	}
	entry := keyward.AuditEntry{Tenant: ch.ref.Tenant, Action: "subscription.requested", Kind: string(ch.ref.Kind), Name: ch.ref.Name}
	if ch.approval.State == keyward.ApprovalGiven {
		entry.Action, entry.Detail = "subscription.approved", "asked for by "+ch.approval.Requester
	}
	return w.tx.Audit(entry)
}

// AskAgain asks anew, in one step, for a subscription that was rejected, as it stands. It is judged as a new one: the API must take
// new subscriptions and be there for who asks. Then it waits under another request, or is in force where nobody has to approve it.
// Who may ask for it, and of an API that takes it, is refused what rejected refuses of the stored one.
func (c *Writer) AskAgain(
	ctx context.Context, p keyward.Principal, ref keyward.Ref, ifMatch string, rejected func(*keyward.Object) error,
) (*keyward.Object, error) {
	if err := access.RequireWrite(p, ref); err != nil {
		return nil, err
	}
	b := &batch{principal: p, ifMatch: ifMatch, again: rejected, further: func(w *world) ([]*item, error) {
		o, err := w.get(ref)
		if err != nil || o == nil {
			return nil, cmp.Or(err, notFound(ref))
		}
		return []*item{{ref: ref, spec: o.Spec, sound: true}}, nil
	}}
	changes, err := c.run(ctx, b, nil)
	if err != nil {
		return nil, err
	}
	return access.WithoutReason(p, changes[0].object), nil
}
