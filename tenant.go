package keyward

import (
	"encoding/json"
	"errors"
)

// TenantSpec declares a tenant: a customer of the installation, whose objects no other tenant sees.
type TenantSpec struct {
	DisplayName string   `json:"displayName,omitempty"`
	Keys        KeyRules `json:"keys,omitzero"`
}

// KeyRules hold for keys in every key manager that applications of the tenant use. What a key manager of the tenant says
// itself (ClientRules) wins.
type KeyRules struct {
	Approval Approval `json:"approval,omitzero"` // default auto
}

// Kind implements Spec.
func (*TenantSpec) Kind() Kind { return KindTenant }

// References implements Spec.
func (*TenantSpec) References() []Ref { return nil }

// Validate implements Spec.
func (s *TenantSpec) Validate() []FieldError {
	var f faults
	f.shown("spec.displayName", s.DisplayName)
	return f
}

// ApprovalMode says whether what a developer asks for is done at once: keys, or a subscription under a plan.
type ApprovalMode string

// The modes. Empty means that nothing is said.
const (
	ApprovalAuto   ApprovalMode = "auto"
	ApprovalManual ApprovalMode = "manual" // somebody has to approve it first
)

// Approval says for each environment whether generated keys await an administrator's approval. It is written as one word
// for both, or as in {production: manual}.
type Approval struct {
	Production, Sandbox ApprovalMode
}

// approvalForm is the long form.
type approvalForm struct {
	Production ApprovalMode `json:"production,omitempty"`
	Sandbox    ApprovalMode `json:"sandbox,omitempty"`
}

var errApproval = errors.New("write auto or manual, or one of them by environment, as in {production: manual}")

// UnmarshalJSON reads either form.
func (a *Approval) UnmarshalJSON(b []byte) error {
	var both ApprovalMode
	if err := json.Unmarshal(b, &both); err == nil {
		if both == "" {
			return errApproval
		}
		a.Production, a.Sandbox = both, both
		return a.sound()
	}
	var by map[Environment]ApprovalMode
	if err := json.Unmarshal(b, &by); err != nil {
		return errApproval
	}
	for environment, mode := range by {
		switch {
		case mode == "":
			return errApproval
		case environment == Production:
			a.Production = mode
		case environment == Sandbox:
			a.Sandbox = mode
		default:
			return errApproval
		}
	}
	return a.sound()
}

func (a *Approval) sound() error {
	for _, mode := range []ApprovalMode{a.Production, a.Sandbox} {
		if mode != "" && mode != ApprovalAuto && mode != ApprovalManual {
			return errApproval
		}
	}
	return nil
}

// MarshalJSON writes the shorter form.
func (a Approval) MarshalJSON() ([]byte, error) {
	if a.Production == a.Sandbox && a.Production != "" {
		return json.Marshal(a.Production)
	}
	return json.Marshal(approvalForm(a))
}

// In gives the mode of an environment; empty where nothing is said.
func (a Approval) In(environment Environment) ApprovalMode {
	if environment == Sandbox {
		return a.Sandbox
	}
	return a.Production
}
