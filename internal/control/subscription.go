package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/declare/etag"
	"keyward.dev/keyward/internal/store"
)

// SubscriptionRequest is a subscription that somebody asked for and that awaits an approval.
type SubscriptionRequest struct {
	ID          string    `json:"id" doc:"Of this request alone: what is asked for instead later has another"`
	Name        string    `json:"name"`
	Application string    `json:"application"`
	API         string    `json:"api"`
	Plan        string    `json:"plan"`
	Requester   string    `json:"requester"`
	Called      string    `json:"requesterName,omitempty" doc:"What the key manager calls them, if they signed in through one"`
	Since       time.Time `json:"since"`
}

// SubscriptionRequests lists what awaits an approval in a tenant, in order of name, and the cursor of the next page:
// everything to administrators, publishers and auditors, to developers what is for their applications.
func (c *Control) SubscriptionRequests(ctx context.Context, p keyward.Principal, tenant string, page Page) (
	requests []SubscriptionRequest, next string, err error,
) {
	filter := store.Filter{Tenant: tenant, Awaiting: true, After: page.After, Limit: page.Limit}
	switch may := access.To(p, keyward.KindSubscription, tenant); {
	case may&access.ReadAll != 0:
	case may&access.ReadOwn != 0:
		filter.Owners = access.Owners(p)
	default:
		return nil, "", access.ForbiddenRead(p, keyward.KindSubscription, tenant)
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		if err := tenantExists(tx, tenant); err != nil {
			return err
		}
		var objects []*keyward.Object
		if objects, next, err = tx.List(keyward.KindSubscription, filter); err != nil {
			return fmt.Errorf("list what awaits an approval: %w", err)
		}
		requests = []SubscriptionRequest{}
		for _, o := range objects {
			s, err := keyward.SpecOf[*keyward.SubscriptionSpec](o)
			if err != nil {
				return err
			}
			a, err := keyward.ApprovalOf(o)
			if err != nil {
				return err
			}
			requests = append(requests, SubscriptionRequest{
				ID: a.Request, Name: o.Name, Application: s.Application, API: s.API, Plan: s.Plan, Requester: a.Requester,
				Called: a.Person.Called(), Since: a.Since,
			})
		}
		return nil
	})
	return requests, next, err
}

// Asked says which request is decided about.
type Asked struct {
	Tenant, Name string // of the subscription
	Request      string // the id of what was seen; with it, what was asked for instead meanwhile is a conflict
	IfMatch      string // the ETag that the subscription must have; empty = any
}

// ApproveSubscription puts a subscription in force that awaits it. It is judged anew: the API must still take new
// subscriptions, and who asked must still see it and own the application. Other refusals: forbidden, not_found,
// precondition_failed, and conflict where nothing waits.
func (c *Control) ApproveSubscription(ctx context.Context, p keyward.Principal, q Asked) (*keyward.Object, error) {
	return c.decideSubscription(ctx, p, q, func(tx *store.Tx, d decided) (string, error) {
		d.approval.State = keyward.ApprovalGiven
		return "asked for by " + d.approval.Requester, stillAskedFor(tx, d.object, d.approval, c.now())
	})
}

// RejectSubscription says no to a subscription that awaits an approval, and why. It stays, on no gateway, until somebody
// asks for it again, or deletes it.
func (c *Control) RejectSubscription(ctx context.Context, p keyward.Principal, q Asked, reason string) (*keyward.Object, error) {
	reason, err := keyward.Reason(reason)
	if err != nil {
		return nil, err
	}
	return c.decideSubscription(ctx, p, q, func(_ *store.Tx, d decided) (string, error) {
		d.approval.State, d.approval.Reason = keyward.ApprovalRejected, reason
		return "asked for by " + d.approval.Requester + ": " + reason, nil
	})
}

// AskAgain asks anew for a subscription that was rejected; the request and the ETag of q are those that were seen. What does not
// stand rejected is a conflict, and so is what was asked for and rejected again meanwhile.
func (c *Control) AskAgain(ctx context.Context, p keyward.Principal, q Asked) (*keyward.Object, error) {
	ref := keyward.Ref{Kind: keyward.KindSubscription, Tenant: q.Tenant, Name: q.Name}
	return c.Writer.AskAgain(ctx, p, ref, q.IfMatch, func(o *keyward.Object) error {
		a, err := keyward.ApprovalOf(o)
		switch {
		case err != nil:
			return err
		case a == nil || a.State == keyward.ApprovalGiven:
			return keyward.Errorf(keyward.CodeConflict, "%s was not rejected: there is nothing to ask for again", o.Ref())
		case a.State == keyward.ApprovalPending:
			return keyward.Errorf(keyward.CodeConflict, "%s is asked for already, and awaits an approval", o.Ref())
		case q.Request != "" && q.Request != a.Request:
			return keyward.Errorf(keyward.CodeConflict, "%s was asked for again meanwhile, and rejected again: read why first", o.Ref())
		}
		return nil
	})
}

// decided is a subscription whose approval is decided about.
type decided struct {
	object   *keyward.Object
	approval *keyward.SubscriptionApproval
}

// decideSubscription stores what was decided about a request; do says it, and what the audit trail keeps of it.
func (c *Control) decideSubscription(
	ctx context.Context, p keyward.Principal, q Asked, do func(*store.Tx, decided) (string, error),
) (seen *keyward.Object, err error) {
	if err := access.Require(p, access.RightApprove, q.Tenant); err != nil {
		return nil, err
	}
	err = c.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindSubscription, q.Tenant, q.Name)
		if err != nil {
			return err
		}
		a, err := keyward.ApprovalOf(o)
		switch {
		case err != nil:
			return err
		case a == nil || a.State != keyward.ApprovalPending:
			return keyward.Errorf(keyward.CodeConflict, "%s awaits no approval", o.Ref())
		case !etag.Matches(q.IfMatch, o):
			return etag.Failed(o.Ref())
		case q.Request != "" && q.Request != a.Request:
			return keyward.Errorf(keyward.CodeConflict, "something else is asked for now: look at it, and decide about that")
		}
		detail, err := do(tx, decided{o, a})
		if err != nil {
			return err
		}
		now := c.now().UTC()
		a.By, a.At = p.Actor(), &now
		if o.Status, err = json.Marshal(keyward.SubscriptionStatus{Approval: a}); err != nil {
			return fmt.Errorf("encode the status of %s: %w", o.Ref(), err)
		}
		if err := tx.Put(o, store.Extra{}); err != nil {
			return err
		}
		seen = o
		return tx.Audit(keyward.AuditEntry{
			Tenant: q.Tenant, Action: "subscription." + string(a.State), Kind: string(o.Kind), Name: o.Name, Detail: detail,
		})
	})
	return access.WithoutReason(p, seen), err
}

// stillAskedFor tells whether a request can be granted today.
func stillAskedFor(tx *store.Tx, o *keyward.Object, asked *keyward.SubscriptionApproval, now time.Time) error {
	s, err := keyward.SpecOf[*keyward.SubscriptionSpec](o)
	if err != nil {
		return err
	}
	api, err := tx.Get(keyward.KindAPI, o.Tenant, s.API)
	if err != nil {
		return err
	}
	spec, err := keyward.SpecOf[*keyward.APISpec](api)
	if err != nil {
		return err
	}
	if state := spec.StateOrDefault(); state != keyward.APIPublished {
		return keyward.Errorf(keyward.CodeConflict, "%s is %s: it takes no new subscriptions; reject it", api.Ref(), state)
	}
	application, err := tx.Get(keyward.KindApplication, o.Tenant, s.Application)
	if err != nil {
		return err
	}
	owned, err := keyward.SpecOf[*keyward.ApplicationSpec](application)
	if err != nil {
		return err
	}
	requester := asked.Requester
	asker, err := account.Asker(tx, o.Tenant, requester, asked.Person, now)
	switch {
	case errors.Is(err, account.ErrNone):
		return keyward.Errorf(keyward.CodeConflict, "user %s, who asked for it, cannot sign in any more; reject it", requester)
	case err != nil:
		return err //nolint:wrapcheck // it says what it is
	case len(asker.Roles) == 0 || !owned.OwnedBy(requester, asker.Groups):
		return keyward.Errorf(keyward.CodeConflict, "user %s, who asked for it, is not an owner of %s any more; reject it", requester,
			application.Ref())
	case !access.SeesAPI(asker, spec):
		return keyward.Errorf(keyward.CodeConflict, "user %s, who asked for it, does not see %s any more; reject it", requester, api.Ref())
	default:
		return nil
	}
}

// Unapproved says, of an application that has no subscription in force to an API, that one awaits an approval or was
// rejected; "" where neither is so.
func (c *Control) Unapproved(ctx context.Context, tenant, application, api string) (said string, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		said = ""
		objects, _, err := tx.List(keyward.KindSubscription, store.Filter{Tenant: tenant, Application: application, API: api})
		if err != nil {
			return fmt.Errorf("look for a subscription of %s: %w", application, err)
		}
		for _, o := range objects {
			a, err := keyward.ApprovalOf(o)
			switch {
			case err != nil:
				return err
			case a.Stands():
			case a.State == keyward.ApprovalRejected:
				said = fmt.Sprintf("%s was rejected: %s", o.Ref(), a.Reason)
			default:
				said = fmt.Sprintf("%s awaits an approval", o.Ref())
			}
		}
		return nil
	})
	return said, err
}
