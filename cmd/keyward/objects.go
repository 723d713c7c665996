package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/output"
)

type getCmd struct {
	Kind string `arg:"" help:"Connection, KeyManager, API, Plan, Application, Subscription, OAuthClient, Tenant or User"`
	Name string `arg:"" optional:"" help:"one object; all of the kind without it"`
	Out  string `short:"o" name:"output" enum:"table,json,yaml," default:"" placeholder:"FORMAT" help:"table, json or yaml"`
}

// Run shows one object or all of a kind.
func (cmd *getCmd) Run(s *session) error {
	kind, err := parseKind(cmd.Kind)
	if err != nil {
		return err
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	out := output.Flag{Output: cmd.Out}
	if cmd.Name != "" {
		var one json.RawMessage
		if err := c.call(s.ctx, http.MethodGet, c.path([]string{kind.Plural(), cmd.Name}), nil, &one); err != nil {
			return err
		}
		if out.Output == "" {
			out.Output = "yaml"
		}
		return out.Print(s.out, one, objectRows([]json.RawMessage{one}))
	}
	all, err := list[json.RawMessage](s.ctx, c, []string{kind.Plural()})
	if err != nil {
		return err
	}
	return out.Print(s.out, all, objectRows(all))
}

func parseKind(s string) (keyward.Kind, error) {
	kind, ok := keyward.ParseKind(s)
	if !ok {
		return "", usageError{fmt.Errorf("%q is no kind: use one of %s", s, kindNames())}
	}
	return kind, nil
}

func kindNames() string {
	var names []string
	for _, kind := range keyward.Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// objectRows is the table of a listing: names first, then the few fields of the kind that tell objects apart.
func objectRows(objects []json.RawMessage) [][]string {
	rows := [][]string{{"NAME", "TENANT", "ABOUT"}}
	for _, raw := range objects {
		var m keyward.Manifest
		if err := json.Unmarshal(raw, &m); err != nil {
			continue
		}
		tenant := m.Metadata.Tenant
		if tenant == "" {
			tenant = keyward.DefaultTenant
		}
		rows = append(rows, []string{m.Metadata.Name, tenant, about(m)})
	}
	return rows
}

func about(m keyward.Manifest) string {
	spec, ok := m.Kind.NewSpec()
	if !ok || json.Unmarshal(m.Spec, spec) != nil {
		return ""
	}
	if text := aboutSpec(spec, m.Status); !isHeld(m.Status) {
		return text
	} else if text != "" {
		return "held; " + text
	}
	return "held"
}

// isHeld tells whether an object's status speaks of a hold.
func isHeld(status json.RawMessage) bool {
	var s keyward.HeldStatus
	return json.Unmarshal(status, &s) == nil && s.Hold != nil
}

func aboutSpec(spec keyward.Spec, status json.RawMessage) string {
	switch s := spec.(type) {
	case *keyward.KeyManagerSpec:
		state := "enabled"
		if !s.IsEnabled() {
			state = "disabled"
		}
		switch s.Tokens.Use {
		case keyward.UseExchange:
			state += ", exchange only"
		case keyward.UseBoth:
			state += ", exchange too"
		}
		return fmt.Sprintf("%s, %s, %s", s.Type, state, issuerOf(s, status))
	case *keyward.ConnectionSpec:
		return string(s.Type)
	case *keyward.APISpec:
		return fmt.Sprintf("%s/%s, %s", s.Context, s.Version, s.StateOrDefault())
	case *keyward.SubscriptionSpec:
		return fmt.Sprintf("%s calls %s, %s", s.Application, s.API, stateOf(s, status))
	case *keyward.OAuthClientSpec:
		return fmt.Sprintf("%s of %s in %s, %s", s.Shown(), s.Application, s.KeyManager, s.EnvironmentOrDefault())
	case *keyward.UserSpec:
		return fmt.Sprint(s.Roles)
	case *keyward.PlanSpec:
		return rates(s)
	case *keyward.TenantSpec:
		return s.DisplayName
	default:
		return ""
	}
}

// stateOf is a subscription's state; where somebody has to approve it, or rejected it, that.
func stateOf(s *keyward.SubscriptionSpec, status json.RawMessage) string {
	var known keyward.SubscriptionStatus
	if json.Unmarshal(status, &known) != nil || known.Approval.Stands() {
		return string(s.StateOrDefault())
	}
	if known.Approval.State == keyward.ApprovalRejected {
		return "rejected: " + known.Approval.Reason
	}
	return "awaits an approval"
}

func rates(s *keyward.PlanSpec) string {
	text := ""
	for i, r := range s.Rate {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%d per %s", r.Requests, r.Per)
	}
	return text
}

func issuerOf(s *keyward.KeyManagerSpec, status json.RawMessage) string {
	if s.Issuer != "" {
		return s.Issuer
	}
	var found keyward.KeyManagerStatus
	if json.Unmarshal(status, &found) == nil {
		return found.Issuer
	}
	return ""
}
