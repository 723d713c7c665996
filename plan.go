package keyward

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// PlanSpec declares how often an application may call an API, counted per gateway.
type PlanSpec struct {
	Rate RateList `json:"rate,omitempty"` // every limit holds; one may stand alone
	// Approval says whether subscriptions under the plan that developers ask for await a publisher's approval.
	Approval ApprovalMode `json:"approval,omitempty"` // auto (default) or manual
}

// RateList is a list of limits that may be written as one limit.
type RateList []Rate

// UnmarshalJSON reads a limit or a list of limits.
func (l *RateList) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		*l = RateList{{}}
		return json.Unmarshal(b, &(*l)[0])
	}
	return json.Unmarshal(b, (*[]Rate)(l))
}

// Rate is one limit: so many requests in each window.
type Rate struct {
	Requests int64    `json:"requests"`
	Per      Duration `json:"per"`
}

// Kind implements Spec.
func (*PlanSpec) Kind() Kind { return KindPlan }

// References implements Spec.
func (*PlanSpec) References() []Ref { return nil }

// Validate implements Spec.
func (s *PlanSpec) Validate() []FieldError {
	var f faults
	for i, r := range s.Rate {
		if r.Requests < 1 {
			f.add(fmt.Sprintf("spec.rate[%d].requests", i), "must be 1 or more")
		}
		if r.Per.Std() < 1e6 {
			f.add(fmt.Sprintf("spec.rate[%d].per", i), "must be 1ms or longer")
		}
	}
	if s.Approval != "" {
		f.oneOf("spec.approval", string(s.Approval), string(ApprovalAuto), string(ApprovalManual))
	}
	return f
}
