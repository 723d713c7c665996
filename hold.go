package keyward

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Hold switches an object off everywhere, whatever its manifest says, until somebody lifts it or its time is over.
type Hold struct {
	Reason string     `json:"reason,omitempty" doc:"Shown to administrators and auditors only"`
	By     string     `json:"by,omitempty" doc:"Who holds it; shown to administrators and auditors only"`
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until,omitempty" doc:"When it ends by itself; absent: when it is lifted"`
}

// longestReason is how long a reason may be that somebody gives to others, in characters.
const longestReason = 1000

// Reason reads the reason that somebody gives to others for a hold or a rejection: line ends and other white space become
// single spaces, and what is left must be there and be what ShownFault takes, but may be longer. The error is an invalid_input
// of the field reason.
func Reason(text string) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	fault := shownFault(text, longestReason)
	if text == "" {
		fault = "is required: it is what others read"
	}
	if fault != "" {
		return "", Invalid([]FieldError{Fault("reason", "%s", fault)})
	}
	return text, nil
}

// HeldStatus is the status of kinds that have nothing else to say.
type HeldStatus struct {
	Hold *Hold `json:"hold,omitempty" doc:"Present while the object is held"`
}

// HoldableKinds are the kinds that can be held.
func HoldableKinds() []Kind {
	return []Kind{KindKeyManager, KindApplication, KindSubscription, KindOAuthClient}
}

// HoldableNames lists them for people.
func HoldableNames() string {
	names := make([]string, 0, len(HoldableKinds()))
	for _, k := range HoldableKinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// Holdable tells whether objects of the kind can be held.
func (k Kind) Holdable() bool { return slices.Contains(HoldableKinds(), k) }

// Holds tells whether the hold is in force at that time. No hold is not.
func (h *Hold) Holds(now time.Time) bool { return h != nil && (h.Until == nil || now.Before(*h.Until)) }

// Public leaves out what is for administrators and auditors.
func (h *Hold) Public() *Hold {
	if h == nil {
		return nil
	}
	return &Hold{Since: h.Since, Until: h.Until}
}

// HoldRow is what gateways are told of a hold: not why.
type HoldRow struct {
	Until *time.Time `json:"until,omitempty"`
}

// Holds tells whether the hold is in force at that time by the gateway's own clock. No hold is not.
func (h *HoldRow) Holds(now time.Time) bool {
	return h != nil && (h.Until == nil || now.Before(*h.Until))
}

// WithFact gives a JSON object, a status or a gateways' row, with one more member, such as its hold. No object is an
// empty one.
func WithFact(object json.RawMessage, name string, fact any) (json.RawMessage, error) {
	facts := map[string]json.RawMessage{}
	if len(object) > 0 {
		if err := json.Unmarshal(object, &facts); err != nil {
			return nil, fmt.Errorf("read what gets a %s: %w", name, err)
		}
	}
	text, err := json.Marshal(fact)
	if err != nil {
		return nil, fmt.Errorf("encode a %s: %w", name, err)
	}
	facts[name] = text
	return json.Marshal(facts)
}

// HeldRow names a row of the feed that stood in a decision's way because its object is held.
type HeldRow struct {
	Kind Kind
	ID   string
}
