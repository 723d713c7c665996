package keyward

import (
	"encoding/json"
	"fmt"
	"time"
)

// SubscriptionState says whether a subscription lets calls through.
type SubscriptionState string

// The states of a subscription.
const (
	SubscriptionActive            SubscriptionState = "active"
	SubscriptionBlocked           SubscriptionState = "blocked"
	SubscriptionProductionBlocked SubscriptionState = "production-blocked"
	SubscriptionOnHold            SubscriptionState = "on-hold"
	SubscriptionRejected          SubscriptionState = "rejected"
)

// SubscriptionSpec declares that an application may call an API under a plan.
type SubscriptionSpec struct {
	Application string            `json:"application"`
	API         string            `json:"api"`
	Plan        string            `json:"plan,omitempty"` // one of the API's plans; needed where the API lists any
	State       SubscriptionState `json:"state,omitempty"`
	Scopes      []string          `json:"scopes,omitempty"` // a ceiling, in the API's names; empty = all
}

// Kind implements Spec.
func (*SubscriptionSpec) Kind() Kind { return KindSubscription }

// References implements Spec.
func (s *SubscriptionSpec) References() []Ref {
	refs := []Ref{{Kind: KindApplication, Name: s.Application}, {Kind: KindAPI, Name: s.API}}
	if s.Plan != "" {
		refs = append(refs, Ref{Kind: KindPlan, Name: s.Plan})
	}
	return refs
}

// StateOrDefault is the subscription's state.
func (s *SubscriptionSpec) StateOrDefault() SubscriptionState {
	if s.State == "" {
		return SubscriptionActive
	}
	return s.State
}

// Validate implements Spec.
func (s *SubscriptionSpec) Validate() []FieldError {
	var f faults
	f.name("spec.application", s.Application)
	f.name("spec.api", s.API)
	if s.Plan != "" {
		f.name("spec.plan", s.Plan)
	}
	f.oneOf("spec.state", string(s.StateOrDefault()), string(SubscriptionActive), string(SubscriptionBlocked),
		string(SubscriptionProductionBlocked), string(SubscriptionOnHold), string(SubscriptionRejected))
	f.scopes("spec.scopes", s.Scopes)
	return f
}

// SubscriptionStatus is what is known of a subscription beyond its declaration.
type SubscriptionStatus struct {
	Approval *SubscriptionApproval `json:"approval,omitempty" doc:"Present once the subscription had to be approved"`
	Hold     *Hold                 `json:"hold,omitempty" doc:"Present while the subscription is held; never stored here"`
}

// SubscriptionApproval is what became of a subscription that somebody has to approve, because its plan says so.
type SubscriptionApproval struct {
	State     ApprovalState `json:"state"`
	Request   string        `json:"request" doc:"The id of this request alone: one that is made later has another"`
	Requester string        `json:"requester"`
	Person    *Person       `json:"person,omitempty" doc:"Who that is, if they signed in through a key manager"`
	Since     time.Time     `json:"since" doc:"When it was asked for"`
	By        string        `json:"by,omitempty" doc:"Who approved or rejected it"`
	At        *time.Time    `json:"at,omitempty" doc:"When"`
	Reason    string        `json:"reason,omitempty" doc:"Why it was rejected"`
}

// ApprovalState is how a request stands.
type ApprovalState string

// The states of a request. Only an approved subscription is on gateways.
const (
	ApprovalPending  ApprovalState = "pending"
	ApprovalGiven    ApprovalState = "approved"
	ApprovalRejected ApprovalState = "rejected"
)

// Stands tells whether the subscription may be in force. One that never had to be approved has no approval, and may.
func (a *SubscriptionApproval) Stands() bool { return a == nil || a.State == ApprovalGiven }

// ApprovalOf gives the approval of a subscription; nil for one that never had to be approved, and for no object.
func ApprovalOf(subscription *Object) (*SubscriptionApproval, error) {
	if subscription == nil || subscription.Kind != KindSubscription || len(subscription.Status) == 0 {
		return nil, nil //nolint:nilnil // nil says that nobody had to approve it
	}
	var status SubscriptionStatus
	if err := json.Unmarshal(subscription.Status, &status); err != nil {
		return nil, fmt.Errorf("read the status of %s: %w", subscription.Ref(), err)
	}
	return status.Approval, nil
}
