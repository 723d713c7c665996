package keyward

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
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

// String writes the limit as people read it: 1,000 per minute.
func (r Rate) String() string { return grouped(r.Requests) + " per " + r.Window() }

// Window names the time of the limit as it is read behind "per": second, 30 seconds, day.
func (r Rate) Window() string {
	per := r.Per.Std()
	for _, unit := range []struct {
		name string
		long time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}, {"millisecond", time.Millisecond}} {
		switch n := per / unit.long; {
		case n < 1 || per%unit.long != 0:
		case n == 1:
			return unit.name
		default:
			return grouped(int64(n)) + " " + unit.name + "s"
		}
	}
	return r.Per.String()
}

// grouped writes a number with commas between its thousands.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
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
