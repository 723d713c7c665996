package daemon

import (
	"context"
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/view"
)

// judge decides about tokens with the gateway's code, over a view of its own for each: the key manager need not be
// stored, and nothing that is cached for the others counts.
type judge struct {
	process   *process
	explainer *explainer
}

// judgeCache bounds what one judgement may remember, in bytes: a single token.
const judgeCache = 1 << 20

// Judge implements probe.Judge.
func (j judge) Judge(ctx context.Context, s probe.Subject) (*probe.Judgement, error) {
	base := view.EmptyView()
	if s.Row.Name == keyward.ResidentName { // what it gave in exchange depends on the others
		var err error
		if base, err = j.explainer.current(ctx); err != nil {
			return nil, err
		}
	}
	s.Row.Outbound = nil // the client below goes this way
	target, now, err := viewOf(base, s)
	if err != nil {
		return nil, err
	}
	// A connection for each request: nothing of a judgement stays open.
	client, err := outbound.Under(outbound.Fresh(outbound.NewClient(j.process.rules, outbound.Options{})), "", s.Way)
	if err != nil {
		return nil, err
	}
	keySets, introspector, err := verifiersOver(client, token.Options{Log: j.process.log})
	if err != nil {
		return nil, err
	}
	engine, err := enforce.NewEngine(keySets, introspector, nil, enforce.Options{
		OpenSealed: func(_ context.Context, sealed keyward.Sealed, _ []byte) (string, error) {
			return s.Secrets[sealed.Text], nil
		},
		CacheBytes: judgeCache,
	})
	if err != nil {
		return nil, err
	}
	found := engine.Judge(ctx, now, target, s.Token)
	out := &probe.Judgement{
		KeyManager: s.Row.Name, Status: 200, Fingerprint: found.Fingerprint, Issuer: found.Issuer, ClientID: found.ClientID,
		ClientClaim: found.ClientClaim, Subject: found.Subject, Audience: found.Audience, Scopes: found.Scopes,
		Mapped: found.Mapped, Steps: make([]probe.JudgeStep, len(found.Steps)),
	}
	if found.Refusal != nil {
		out.Status, out.Code, out.Detail = found.Refusal.Status(), found.Refusal.Code, found.Refusal.Detail
	}
	for _, m := range s.Row.Mapping {
		if _, has := found.Mapped[m.To]; found.Mapped != nil && !has {
			out.Unmapped = append(out.Unmapped, m.From)
		}
	}
	for i, step := range found.Steps {
		out.Steps[i] = probe.JudgeStep{Step: step.Step, Result: step.Result, Expected: step.Expected, Seen: step.Seen, Fix: step.Fix}
	}
	return out, nil
}

// viewOf puts the key manager into the view, and an API at the target that takes it alone.
func viewOf(base *view.View, s probe.Subject) (target string, v *view.View, err error) {
	const id = "check-of-a-token"
	api := keyward.APIRow{
		ID: id, Tenant: s.Row.Tenant, Name: id, Context: "/.well-known", // where no API can be
		Version: id, KeyManagers: []keyward.APIKeyManager{{ID: s.Row.ID}},
		Upstream:   keyward.Upstream{Production: "http://127.0.0.1"}, // nothing is ever sent there
		Operations: []keyward.Operation{{Method: "*", Path: "/"}},
	}
	rows := []struct {
		kind keyward.RowKind
		id   string
		row  any
	}{{keyward.RowKeyManager, s.Row.ID, s.Row}, {keyward.RowAPI, id, api}}
	if s.Introspection != nil {
		asks := *s.Introspection
		asks.Secret.Text = asks.SecretPath()
		if next := secret.NextPath(asks.SecretPath()); s.Secrets[next] != "" {
			asks.Next = &keyward.Sealed{Text: next}
		}
		rows = append(rows, rows[0])
		rows[2].kind, rows[2].row = keyward.RowIntrospection, asks
	}
	changes := make([]keyward.Change, len(rows))
	for i, r := range rows {
		text, err := json.Marshal(r.row)
		if err != nil {
			return "", nil, fmt.Errorf("encode a row to judge by: %w", err)
		}
		changes[i] = keyward.Change{Revision: uint64(i) + 1, Kind: r.kind, ID: r.id, Row: text, Last: i == len(rows)-1}
	}
	target = "/.well-known/" + id + "/"
	if s.Row.Tenant != keyward.DefaultTenant {
		target = "/t/" + s.Row.Tenant + target
	}
	v, err = base.Apply(changes)
	if err != nil {
		return "", nil, fmt.Errorf("make a view to judge by: %w", err)
	}
	return target, v, nil
}
