package output

import (
	"encoding/json"
	"fmt"
	"strings"

	"keyward.dev/keyward"
)

// Objects is the table of a listing of objects: names first, then the few fields of the kind that tell objects apart.
func Objects(objects []json.RawMessage) [][]string {
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
	var parts []string
	var known keyward.HeldStatus
	if json.Unmarshal(m.Status, &known) == nil && known.Hold != nil {
		parts = append(parts, "held")
	}
	if text := aboutSpec(spec, m.Status); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
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
	words := make([]string, len(s.Rate))
	for i, r := range s.Rate {
		words[i] = r.String()
	}
	return strings.Join(words, ", ")
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
