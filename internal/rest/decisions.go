package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/rest/query"
)

type decisionsInput struct {
	TenantQuery
	Gateway     string `query:"gateway"`
	KeyManager  string `query:"keyManager"`
	API         string `query:"api"`
	Application string `query:"application"`
	Code        string `query:"code" doc:"The code of a refusal; one that there is not is refused"`
	Refused     bool   `query:"refused" doc:"Only calls that did not pass"`
	Since       string `query:"since" doc:"Only decisions later than this time (RFC 3339)"`
	Limit       string `query:"limit" doc:"1 to 200; default 100"`
	Wait        string `query:"wait" doc:"Seconds, 0 to 25, to wait for a decision that fits, where there is none yet"`
}

// The limits of a question for decisions.
const (
	defaultDecisions = 100
	maxDecisionWait  = 25
)

func (in *decisionsInput) filter() (control.DecisionFilter, error) {
	f := control.DecisionFilter{
		Gateway: in.Gateway, KeyManager: in.KeyManager, API: in.API, Application: in.Application, Code: keyward.Code(in.Code),
		Refused: in.Refused, Limit: defaultDecisions,
	}
	var faults []keyward.FieldError
	number := func(field, text string, least, most int) int {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			faults = append(faults, keyward.Fault(field, "must be a whole number from %d to %d", least, most))
		}
		return n
	}
	if in.Limit != "" {
		f.Limit = number("limit", in.Limit, 1, past.MaxRecords)
	}
	if in.Wait != "" {
		f.Wait = time.Duration(number("wait", in.Wait, 0, maxDecisionWait)) * time.Second
	}
	if in.Since != "" {
		var err error
		if f.Since, err = time.Parse(time.RFC3339Nano, in.Since); err != nil {
			faults = append(faults, keyward.Fault("since", "must be a time as RFC 3339 writes it, as in 2026-11-28T12:00:00Z"))
		}
	}
	if fault := unknownCode(f.Code); fault != "" {
		faults = append(faults, keyward.Fault("code", "%s", fault))
	}
	return f, keyward.Invalid(faults)
}

// unknownCode says what is wrong with a code that no gateway gives: an empty list would look as if no call was refused with it.
func unknownCode(code keyward.Code) string {
	known := keyward.GatewayCodes()
	if code == "" || slices.Contains(known, code) {
		return ""
	}
	if meant := query.Meant(code, known); meant != "" {
		return fmt.Sprintf("%.40q is not a code of a refusal: did you mean %s?", code, meant)
	}
	names := make([]string, len(known))
	for i, one := range known {
		names[i] = string(one)
	}
	return fmt.Sprintf("%.40q is not a code of a refusal. The codes are %s", code, strings.Join(names, ", "))
}

func (s *Server) decisionRoutes() {
	route(s, huma.Operation{
		OperationID: "list-decisions", Method: http.MethodGet, Path: "/api/v1/decisions", Tags: []string{"explain"},
		Summary: "What gateways decided lately, the newest first; to developers, about calls of their applications",
	}, func(ctx context.Context, p keyward.Principal, in *decisionsInput) (*answerOf[control.Decisions], error) {
		f, err := in.filter()
		if err != nil {
			return nil, err
		}
		return answered(s.deps.Control.Decisions(ctx, p, in.tenant(), f))
	})
	route(s, huma.Operation{
		OperationID: "get-decision", Method: http.MethodGet, Path: "/api/v1/decisions/{name}", Tags: []string{"explain"},
		Summary: "One decision with its steps, by the id in X-Keyward-Decision; to developers, in safe words",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[past.Record], error) {
		return answered(s.decision(ctx, p, in.tenant(), in.Name))
	})
}

// decision gives a past decision, with the reasons of holds for those who may know them.
func (s *Server) decision(ctx context.Context, p keyward.Principal, tenant, id string) (*past.Record, error) {
	d, err := s.deps.Control.Decision(ctx, p, tenant, id)
	if err != nil {
		return nil, err
	}
	e := Explanation{Steps: d.Steps, Held: d.Held}
	d.Held = nil
	return d, s.explainHolds(ctx, p, &e)
}
