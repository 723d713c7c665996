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
	same := old != nil && old.Application == s.Application && old.API == s.API && old.Plan == s.Plan && !w.b.again
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
		State: keyward.ApprovalPending, Request: store.NewID(), Requester: w.b.principal.User, Since: now,
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

// AskAgain asks anew for a subscription that was rejected, as it stands, in one step. It is judged as a new one: the API must take
// new subscriptions and be there for who asks. Then it waits again, under another request, or is in force where nobody has to
// approve it. With request, what was decided about another one is a conflict, as is what was not rejected.
func (c *Writer) AskAgain(ctx context.Context, p keyward.Principal, ref keyward.Ref, request, ifMatch string) (*keyward.Object, error) {
	if !access.To(p, ref.Kind, ref.Tenant).Writes() {
		return nil, access.ForbiddenWrite(p, ref)
	}
	var asked *keyward.Object
	err := c.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		w := newWorld(c, tx, &batch{principal: p, ifMatch: ifMatch, again: true}, newGathered())
		o, err := w.get(ref)
		if err != nil || o == nil {
			return cmp.Or(err, notFound(ref))
		}
		w.b.items = []*item{{ref: ref, spec: o.Spec, sound: true}}
		if err := w.load(); err != nil {
			return err
		}
		faults, err := w.check() // who may not write it is told nothing of its approval
		if err != nil {
			return err
		}
		if err := rejected(o, request); err != nil {
			return err
		}
		if err := refused(faults); err != nil {
			return err
		}
		if _, err := w.write(); err != nil {
			return err
		}
		asked = w.byRef[ref].object
		return nil
	})
	return access.WithoutReason(p, asked), err
}

// rejected refuses what does not stand rejected, or was by a decision about another request.
func rejected(o *keyward.Object, request string) error {
	a, err := keyward.ApprovalOf(o)
	switch {
	case err != nil:
		return err
	case a == nil || a.State == keyward.ApprovalGiven:
		return keyward.Errorf(keyward.CodeConflict, "%s was not rejected: there is nothing to ask for again", o.Ref())
	case a.State == keyward.ApprovalPending:
		return keyward.Errorf(keyward.CodeConflict, "%s is asked for already, and awaits an approval", o.Ref())
	case request != "" && request != a.Request:
		return keyward.Errorf(keyward.CodeConflict, "%s was asked for again meanwhile, and rejected again: read why first", o.Ref())
	}
	return nil
}
