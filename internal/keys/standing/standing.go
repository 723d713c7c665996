// Package standing owns the words in which a person at a command line is told how an application's client stands. It does not
// own what becomes of the client, nor tables.
package standing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
)

// Reason is why a client failed, or what one in use does not have.
func Reason(s *keyward.OAuthClientStatus) string {
	parts := slices.Clone(s.Drift)
	if why := approval(s); why != "" {
		parts = append(parts, why)
	}
	if s.Reason != "" {
		parts = append(parts, s.Reason)
	} else if s.State == keyward.ClientRevoking || s.State == keyward.ClientDeleting {
		parts = append(parts, "its server is being asked to end it")
	} else if without := Lacking(s.LackingGrants, s.LackingScopes, s.LackingFields); without != "" {
		parts = append(parts, "not given: "+without)
	}
	if why := InTheWay(s.Entitlement); why != "" {
		parts = append(parts, why)
	}
	return strings.Join(parts, "; ")
}

// Lacking names what was asked for and not given; empty when nothing is.
func Lacking(grants, scopes, fields []string) string {
	var all []string
	for _, g := range grants {
		all = append(all, "grant "+g)
	}
	for _, s := range scopes {
		all = append(all, "scope "+s)
	}
	for _, f := range fields {
		all = append(all, "field "+f+" (the server does not confirm it)")
	}
	return strings.Join(all, ", ")
}

// InTheWay is why a client does not have what its application's subscriptions allow; empty when it does.
func InTheWay(e *keyward.ClientEntitlement) string {
	switch {
	case e == nil:
		return ""
	case e.State == keyward.EntitlementFailed:
		return "the key manager could not be told of subscriptions: " + e.Reason
	default:
		return e.Advice
	}
}

// approval is who asked for a client that awaits an approval, or that an approved one's secret waits to be fetched.
func approval(s *keyward.OAuthClientStatus) string {
	switch a := s.Approval; {
	case a == nil:
		return ""
	case s.State == keyward.ClientAwaiting && a.ClientID != "":
		return fmt.Sprintf("%s asks for client %s since %s", s.Requester, a.ClientID, a.Since.Format(time.RFC3339))
	case s.State == keyward.ClientAwaiting:
		return fmt.Sprintf("%s asks for it since %s", s.Requester, a.Since.Format(time.RFC3339))
	case s.State.InUse() && a.SecretUntil != nil:
		return fmt.Sprintf("%s fetches the secret with keys reveal, until %s", s.Requester, a.SecretUntil.Format(time.RFC3339))
	default:
		return ""
	}
}

// Ownership is whose the client is at the server.
func Ownership(s *keyward.OAuthClientStatus) string {
	if s.Reuses != nil {
		return "reuses " + s.Reuses.KeyManager
	}
	return string(s.Mode)
}

// Rotates is whether a client's secret can be replaced, and the old one may live on beside the new one.
func Rotates(r scene.Rotation) string {
	switch {
	case r.Overlaps:
		return "with overlap"
	case r.Rotates:
		return "yes"
	default:
		return "no"
	}
}
