package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/past"
)

// Explainer decides about a request with the gateway's own code, and tells each step.
type Explainer interface {
	// Explain never counts a call against a plan. An error means that no decision could be made at all.
	Explain(ctx context.Context, q Question) (*Explanation, error)
}

// Question is a request to a gateway, as it would arrive.
type Question struct {
	Method        string
	Target        string // the raw request target, tenant prefix included
	Authorization []string
}

// Explanation is a decision with its steps in order.
type Explanation struct {
	Status      int          `json:"status" doc:"What the caller gets"`
	Code        keyward.Code `json:"code" doc:"Empty when the call passes"`
	Detail      string       `json:"detail,omitempty"`
	Decision    string       `json:"decision,omitempty"`
	Tenant      string       `json:"tenant,omitempty"`
	API         string       `json:"api,omitempty"`
	KeyManager  string       `json:"keyManager,omitempty"`
	Application string       `json:"application,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty" doc:"All that is shown of the token"`
	Steps       []Step       `json:"steps"`

	// Held are the rows that stood in the way because their objects are held. Why, is told to those who may know.
	Held []keyward.HeldRow `json:"-"`
}

// Step is one step of a decision.
type Step = past.Step

// ExplainBody asks for an explanation.
type ExplainBody struct {
	Method   string `json:"method,omitempty" doc:"Default GET"`
	Path     string `json:"path,omitempty" doc:"As in /orders/v1/items, with the query if any; needed unless decision is given"`
	Token    string `json:"token,omitempty" doc:"The access token; none without it"`
	Decision string `json:"decision,omitempty" doc:"A past decision, by the id in X-Keyward-Decision, in the place of all else"`
}

func (s *Server) explainRoutes() {
	accept(s, huma.Operation{
		OperationID: "explain", Method: http.MethodPost, Path: "/api/v1/explain", Tags: []string{"explain"},
		Summary: "The gateway's decision about a request, step by step",
	}, func(ctx context.Context, p keyward.Principal, tenant string, body ExplainBody) (*Explanation, error) {
		if body.Decision != "" {
			return s.explainPast(ctx, p, tenant, body)
		}
		q, err := body.question(tenant)
		if err != nil {
			return nil, err
		}
		tenant = tenantOf(q.Target)
		all := access.May(p, access.RightExplain, tenant)
		if !all && (p.Tenant != tenant || !p.Has(keyward.RoleDeveloper)) {
			return nil, access.Require(p, access.RightExplain, tenant)
		}
		e, err := s.deps.Explainer.Explain(ctx, q)
		if err != nil {
			return nil, err
		}
		if !all {
			if err := s.deps.Control.MayExplain(ctx, p, tenant, e.API, e.Application, body.Token != ""); err != nil {
				return nil, err
			}
		}
		if err := s.explainHolds(ctx, p, e); err != nil {
			return nil, err
		}
		if err := s.explainApproval(ctx, e); err != nil {
			return nil, err
		}
		if e.Steps == nil {
			e.Steps = []Step{}
		}
		return e, nil
	})
}

// explainPast gives a past decision in the form of any other.
func (s *Server) explainPast(ctx context.Context, p keyward.Principal, tenant string, b ExplainBody) (*Explanation, error) {
	if b.Method+b.Path+b.Token != "" {
		return nil, badField("decision", "stands alone: leave method, path and token out")
	}
	d, err := s.decision(ctx, p, tenant, b.Decision)
	if err != nil {
		return nil, err
	}
	e := &Explanation{
		Status: d.Status, Code: d.Code, Detail: d.Detail, Decision: d.ID, Tenant: d.Tenant, API: d.API, KeyManager: d.KeyManager,
		Application: d.Application, Fingerprint: d.Fingerprint, Steps: d.Steps,
	}
	if e.Steps == nil {
		e.Steps = []Step{}
	}
	return e, nil
}

// explainHolds adds the reasons of holds to the step that failed because of them: the first one that failed. A gateway
// may name a row as often as it likes.
func (s *Server) explainHolds(ctx context.Context, p keyward.Principal, e *Explanation) error {
	if len(e.Held) == 0 {
		return nil
	}
	var held []keyward.HeldRow
	for _, h := range e.Held {
		if !slices.Contains(held, h) {
			held = append(held, h)
		}
	}
	reasons, err := s.deps.Control.HoldReasons(ctx, p, held)
	if err != nil || len(reasons) == 0 {
		return err
	}
	if i := slices.IndexFunc(e.Steps, func(s Step) bool { return s.Result == past.Fail }); i >= 0 {
		e.Steps[i].Seen += "; " + strings.Join(reasons, "; ")
	}
	return nil
}

// explainApproval says where a subscription is there and not in force yet. Who may explain the call may know of it: it is
// of the application that calls.
func (s *Server) explainApproval(ctx context.Context, e *Explanation) error {
	if e.Code != keyward.CodeNoSubscription || e.Application == "" {
		return nil
	}
	said, err := s.deps.Control.Unapproved(ctx, e.Tenant, e.Application, e.API)
	if err != nil || said == "" {
		return err
	}
	for i := range e.Steps {
		if e.Steps[i].Result == past.Fail {
			e.Steps[i].Seen += "; " + said
		}
	}
	return nil
}

func (b ExplainBody) question(tenant string) (Question, error) {
	var faults []keyward.FieldError
	if !strings.HasPrefix(b.Path, "/") {
		faults = append(faults, keyward.FieldError{
			Path: "path", Code: keyward.CodeInvalidInput, Message: "must start with /, as in /orders/v1/items",
		})
	}
	if err := keyward.Invalid(faults); err != nil {
		return Question{}, err
	}
	q := Question{Method: b.Method, Target: b.Path}
	if q.Method == "" {
		q.Method = http.MethodGet
	}
	if tenant != keyward.DefaultTenant && !strings.HasPrefix(q.Target, "/t/") {
		q.Target = "/t/" + tenant + q.Target
	}
	if b.Token != "" {
		q.Authorization = []string{"Bearer " + b.Token}
	}
	return q, nil
}

// tenantOf reads the tenant from the address as gateways do, which decode it first. One that cannot be decoded leads
// nowhere.
func tenantOf(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	rest, ok := strings.CutPrefix(path, "/t/")
	if !ok {
		return keyward.DefaultTenant
	}
	tenant, _, _ := strings.Cut(rest, "/")
	return tenant
}
