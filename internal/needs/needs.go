// Package needs owns the features that a gateway must have to use a row of the feed: their names, and which of them a row
// asks for. It does not own the rows, nor what a gateway does with one that asks for more than it has.
package needs

import (
	"encoding/json"
	"fmt"
	"slices"

	"keyward.dev/keyward"
)

// The features. A gateway that lacks one would let more through than was declared, or send what is secret where it should
// not, so it refuses the row.
const (
	// Hold is for every row with a hold.
	Hold = "hold"
	// Ceiling is for a subscription with scopes.
	Ceiling = "subscription-scopes"
	// Exchange is for a key manager whose tokens are for exchange only.
	Exchange = "exchange-only"
	// Organization is for a key manager for many organizations: without it the claim tid is not compared, and a client of one
	// organization is taken for that of another.
	Organization = "issuer-organization"
	// Outbound is for a key manager with an outbound policy: without it its server is called past the proxy, and whomever the
	// system trusts is trusted.
	Outbound = "outbound-policy"
	// Introspection is for asking with something else than a client secret: without it a private key is sent as if it were one.
	Introspection = "introspection-methods"
	// Match is for a client with a rule, or one that is out of use.
	Match = "client-match"
)

// All lists every feature.
func All() []string {
	return []string{Hold, Ceiling, Exchange, Introspection, Match, Organization, Outbound}
}

// Of lists the features without which a gateway must not use the row, but for Hold: whether a row is held stands beside it.
func Of(kind keyward.RowKind, row json.RawMessage) ([]string, error) {
	switch kind {
	case keyward.RowSubscription:
		return ofSubscription(row)
	case keyward.RowKeyManager:
		return ofKeyManager(row)
	case keyward.RowIntrospection:
		return ofIntrospection(row)
	case keyward.RowClient:
		return ofClient(row)
	default:
		return nil, nil
	}
}

func ofKeyManager(row json.RawMessage) ([]string, error) {
	var km struct {
		Use      keyward.TokenUse     `json:"use"`
		Issuers  []keyward.IssuerRow  `json:"issuers"`
		Outbound *keyward.OutboundRow `json:"outbound"`
	}
	if err := json.Unmarshal(row, &km); err != nil {
		return nil, fmt.Errorf("read the row of a key manager: %w", err)
	}
	var needs []string
	if !km.Use.Direct() {
		needs = append(needs, Exchange)
	}
	if slices.ContainsFunc(km.Issuers, func(i keyward.IssuerRow) bool { return i.Organization != "" }) {
		needs = append(needs, Organization)
	}
	if km.Outbound != nil {
		needs = append(needs, Outbound)
	}
	return needs, nil
}

// A secret's next value needs no feature: a gateway that does not know it goes on with the current one, lets nothing
// more through, and refuses opaque tokens only from when the server takes the current one no longer. A feature would make
// it refuse them at once.
func ofIntrospection(row json.RawMessage) ([]string, error) {
	var r keyward.IntrospectionRow
	if err := json.Unmarshal(row, &r); err != nil {
		return nil, fmt.Errorf("read the row of introspection credentials: %w", err)
	}
	if r.Method == "" || r.Method == keyward.IntrospectBasic || r.Method == keyward.IntrospectPost {
		return nil, nil
	}
	return []string{Introspection}, nil
}

func ofSubscription(row json.RawMessage) ([]string, error) {
	var s keyward.SubscriptionRow
	if err := json.Unmarshal(row, &s); err != nil {
		return nil, fmt.Errorf("read the row of a subscription: %w", err)
	}
	if len(s.Scopes) == 0 {
		return nil, nil
	}
	return []string{Ceiling}, nil
}

func ofClient(row json.RawMessage) ([]string, error) {
	var c keyward.ClientRow
	if err := json.Unmarshal(row, &c); err != nil {
		return nil, fmt.Errorf("read the row of a client: %w", err)
	}
	if c.Match == nil && !c.Revoked {
		return nil, nil
	}
	return []string{Match}, nil
}
