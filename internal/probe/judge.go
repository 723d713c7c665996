package probe

import (
	"context"
	"encoding/json"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/past"
)

// Judge decides about a token with the gateway's own code, over the rows that gateways would have of a key manager.
type Judge interface {
	// Judge asks nobody but the key manager itself. An error means that no decision could be made at all.
	Judge(ctx context.Context, s Subject) (*Judgement, error)
}

// Subject is a token and the key manager that is to judge it.
type Subject struct {
	Row           keyward.KeyManagerRow
	Introspection *keyward.IntrospectionRow // nil = gateways have no credentials
	Secrets       map[string]string         // those of introspection, by path
	Way           outbound.Policy           // how the key manager's servers are reached, in the place of the row's
	Token         string
}

// Judgement is what gateways make of a token by a key manager's settings, up to the sender constraint: what depends on
// an API or an application is not asked. Of the token only a fingerprint and the claims that count are in it.
type Judgement struct {
	KeyManager  string                     `json:"keyManager"`
	Status      int                        `json:"status" doc:"200, or what a caller would get"`
	Code        keyward.Code               `json:"code" doc:"Empty when gateways take the token"`
	Detail      string                     `json:"detail,omitempty"`
	Fingerprint string                     `json:"fingerprint,omitempty" doc:"All that is shown of the token"`
	Issuer      string                     `json:"issuer,omitempty"`
	ClientID    string                     `json:"clientId,omitempty"`
	ClientClaim string                     `json:"clientClaim,omitempty" doc:"The claim that gave the client id"`
	Subject     string                     `json:"subject,omitempty" doc:"Without the key manager's name in front"`
	Audience    []string                   `json:"audience,omitempty"`
	Scopes      []string                   `json:"scopes,omitempty" doc:"Those of the scope claims, and what claims.grants gives"`
	Mapped      map[string]json.RawMessage `json:"mapped,omitempty" doc:"The claims that claims.mapping puts into the backend JWT"`
	Unmapped    []string                   `json:"unmapped,omitempty" doc:"What claims.mapping names and the token does not have"`
	Steps       []JudgeStep                `json:"steps"`
}

// JudgeStep is one step of a judgement, as in explain.
type JudgeStep struct {
	Step     string `json:"step"`
	Result   string `json:"result" doc:"pass, fail or not reached"`
	Expected string `json:"expected"`
	Seen     string `json:"seen"`
	Fix      string `json:"fix,omitempty" doc:"What to change, for a failed step"`
}

// failure is the step that failed.
func (j *Judgement) failure() JudgeStep {
	for _, s := range j.Steps {
		if s.Result == past.Fail {
			return s
		}
	}
	return JudgeStep{Seen: j.Detail}
}

// Token has a token judged by the key manager of a prepared check.
func (c *Check) Token(ctx context.Context, value string) (*Judgement, error) {
	if c.probe.judge == nil {
		return nil, keyward.Errorf(keyward.CodeNotSupported, "this process judges no tokens")
	}
	row, introspection, err := c.rows(ctx)
	if err != nil {
		return nil, err
	}
	return c.probe.judge.Judge(ctx, subject(c.server, row, introspection, value))
}

// subject is a token of the server, to be judged by what gateways have of its key manager, and reached as they reach it.
func subject(of connector.Server, row keyward.KeyManagerRow, introspection *keyward.IntrospectionRow, value string) Subject {
	return Subject{Row: row, Introspection: introspection, Secrets: of.Secrets, Way: of.Way(), Token: value}
}

// rows are those that gateways have, or would have: for a declaration that is not saved, with what its server's metadata
// says now.
func (c *Check) rows(ctx context.Context) (keyward.KeyManagerRow, *keyward.IntrospectionRow, error) {
	object := &keyward.Object{ID: c.server.ID, Tenant: c.server.Tenant, Name: c.server.Name}
	status := c.server.Status
	if !c.bound && keymanager.Discovers(c.server.Spec) {
		found, err := keymanager.Discover(ctx, c.server.Spec, reach(c.probe.client, c.server.ID, c.server.Way()))
		if err != nil {
			return keyward.KeyManagerRow{}, nil, err
		}
		status = found
	}
	row, introspection, faults := keymanager.Resolve(object, c.server.Spec, status)
	if err := keyward.Invalid(faults); err != nil {
		return keyward.KeyManagerRow{}, nil, err
	}
	if c.held.Holds(time.Now()) {
		row.Hold = &keyward.HoldRow{Until: c.held.Until}
	}
	return row, introspection, nil
}
