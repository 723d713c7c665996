package keyward

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
