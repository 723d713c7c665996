package keyward

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// The rows below are what a gateway holds of each noun: names already resolved to ids, vendors' defaults already
// filled in, nothing that it does not need.

// KeyManagerRow is a key manager's public part, resolved.
type KeyManagerRow struct {
	ID            string         `json:"id"`
	Tenant        string         `json:"tenant"`
	Name          string         `json:"name"`
	Global        bool           `json:"global,omitempty"`
	Enabled       bool           `json:"enabled"`
	Environments  []Environment  `json:"environments"`
	Issuers       []IssuerRow    `json:"issuers"` // the main one first
	Algorithms    []string       `json:"algorithms,omitempty"`
	Audiences     []string       `json:"audiences,omitempty"`
	TokenType     string         `json:"tokenType"`     // access or any
	Use           TokenUse       `json:"use,omitempty"` // empty = direct
	ClockSkew     Duration       `json:"clockSkew"`
	Require       map[string]any `json:"require,omitempty"`
	Match         []MatchRule    `json:"match,omitempty"`
	ClientID      []string       `json:"clientId"` // claims; the first present counts
	Scopes        []string       `json:"scopes"`   // claims; the union counts
	Grants        []Grant        `json:"grants,omitempty"`
	Mapping       []ClaimMapping `json:"mapping,omitempty"`
	Introspection string         `json:"introspection,omitempty"` // RFC 7662 endpoint; "" = opaque tokens cannot be asked about
	Outbound      *OutboundRow   `json:"outbound,omitempty"`      // how its servers are reached; nil = in no special way
	Digest        string         `json:"digest"`                  // of the settings that affect a decision; part of every cache key
	Hold          *HoldRow       `json:"hold,omitempty"`
	// OwnClients are the clients that the key manager itself uses or brings along: no rule makes them an application's.
	// null = not known, and then no rule counts.
	OwnClients []string `json:"ownClients"`
}

// IssuerRow is one exact `iss` value with the only keys that count for it.
type IssuerRow struct {
	Issuer  string          `json:"issuer"`
	JWKS    string          `json:"jwks,omitempty"`
	Refresh Duration        `json:"refresh,omitempty"`
	PEM     []string        `json:"pem,omitempty"`
	Inline  json.RawMessage `json:"inline,omitempty"`
	Until   *time.Time      `json:"until,omitempty"`
	// Organization is what the claim tid of its tokens must be, and a part of their clients' ids: TID/CLIENTID; "" where
	// the server has one organization only.
	Organization string `json:"organization,omitempty"`
}

// IntrospectionRow is the credential for a key manager's introspection endpoint. It reaches only groups that serve an
// API which takes the key manager. Its ID is the key manager's.
type IntrospectionRow struct {
	ID            string   `json:"id"`
	ClientID      string   `json:"clientId"`
	Secret        Sealed   `json:"secret"`         // client secret, private key or token, as the method needs
	Next          *Sealed  `json:"next,omitempty"` // tried where the server refuses Secret; see Needs
	Method        string   `json:"method"`
	Certificate   string   `json:"certificate,omitempty"`   // of tls
	TokenEndpoint string   `json:"tokenEndpoint,omitempty"` // of bearer, where the client gets the token
	Scope         string   `json:"scope,omitempty"`
	Cache         Duration `json:"cache"`
	Digest        string   `json:"digest"`
}

// Sealed is a value encrypted with a gateway group's key. It names the key, so that a gateway that lacks it can ask.
type Sealed struct {
	Key  string `json:"key"`  // id of the group key
	Text string `json:"text"` // base64url of nonce and ciphertext
}

// PlanRow is a plan's limits.
type PlanRow struct {
	ID     string `json:"id"`
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	Rate   []Rate `json:"rate"`
}

// APIRow is an API as a gateway serves it.
type APIRow struct {
	ID             string          `json:"id"`
	Tenant         string          `json:"tenant"`
	Name           string          `json:"name"`
	Context        string          `json:"context"`
	Version        string          `json:"version"`
	Default        bool            `json:"default,omitempty"`
	Upstream       Upstream        `json:"upstream"`
	AllKeyManagers bool            `json:"allKeyManagers,omitempty"`
	KeyManagers    []APIKeyManager `json:"keyManagers,omitempty"` // in the API's order
	Audiences      []string        `json:"audiences,omitempty"`
	KeepCredential bool            `json:"keepCredential,omitempty"`
	Operations     []Operation     `json:"operations"`
	Subscription   bool            `json:"subscription"` // whether one is required
	BackendJWT     bool            `json:"backendJWT,omitempty"`
	RawSubject     bool            `json:"rawSubject,omitempty"`
}

// APIKeyManager is a key manager that an API lists.
type APIKeyManager struct {
	ID        string            `json:"id"`
	Audiences []string          `json:"audiences,omitempty"`
	Scopes    map[string]string `json:"scopes,omitempty"`
}

// ApplicationRow is an application's name.
type ApplicationRow struct {
	ID     string   `json:"id"`
	Tenant string   `json:"tenant"`
	Name   string   `json:"name"`
	Hold   *HoldRow `json:"hold,omitempty"`
}

// NeedCeiling names the feature that a gateway must have to use a subscription with scopes: one that lacks it would let
// more through, so it refuses the row.
const NeedCeiling = "subscription-scopes"

// NeedExchange names the feature that a gateway must have to use a key manager whose tokens are for exchange only: one
// that lacks it would let them through.
const NeedExchange = "exchange-only"

// NeedOrganization names the feature that a gateway must have to use a key manager for many organizations: one that
// lacks it would not compare the claim tid, and would take a client of one organization for that of another.
const NeedOrganization = "issuer-organization"

// NeedMatch names the feature that a gateway must have to use a client with a rule, or one that is out of use.
const NeedMatch = "client-match"

// Needs lists the features without which a gateway must not use the row: it would let more through than was declared.
func (k RowKind) Needs(row json.RawMessage) ([]string, error) {
	switch k {
	case RowSubscription:
		return needsOfSubscription(row)
	case RowKeyManager:
		return needsOfKeyManager(row)
	case RowIntrospection:
		return needsOfIntrospection(row)
	case RowClient:
		return needsOfClient(row)
	default:
		return nil, nil
	}
}

func needsOfKeyManager(row json.RawMessage) ([]string, error) {
	var km struct {
		Use      TokenUse     `json:"use"`
		Issuers  []IssuerRow  `json:"issuers"`
		Outbound *OutboundRow `json:"outbound"`
	}
	if err := json.Unmarshal(row, &km); err != nil {
		return nil, fmt.Errorf("read the row of a key manager: %w", err)
	}
	var needs []string
	if !km.Use.Direct() {
		needs = append(needs, NeedExchange)
	}
	if slices.ContainsFunc(km.Issuers, func(i IssuerRow) bool { return i.Organization != "" }) {
		needs = append(needs, NeedOrganization)
	}
	if km.Outbound != nil {
		needs = append(needs, NeedOutbound)
	}
	return needs, nil
}

// NeedIntrospection names the feature that a gateway must have to ask with something else than a client secret: one
// that lacks it would send a private key as if it were one.
const NeedIntrospection = "introspection-methods"

// A secret's next value needs no feature: a gateway that does not know it goes on with the current one, lets nothing
// more through, and refuses opaque tokens only from when the server takes the current one no longer. A feature would make
// it refuse them at once.
func needsOfIntrospection(row json.RawMessage) ([]string, error) {
	var r IntrospectionRow
	if err := json.Unmarshal(row, &r); err != nil {
		return nil, fmt.Errorf("read the row of introspection credentials: %w", err)
	}
	if r.Method == "" || r.Method == IntrospectBasic || r.Method == IntrospectPost {
		return nil, nil
	}
	return []string{NeedIntrospection}, nil
}

func needsOfSubscription(row json.RawMessage) ([]string, error) {
	var s SubscriptionRow
	if err := json.Unmarshal(row, &s); err != nil {
		return nil, fmt.Errorf("read the row of a subscription: %w", err)
	}
	if len(s.Scopes) == 0 {
		return nil, nil
	}
	return []string{NeedCeiling}, nil
}

func needsOfClient(row json.RawMessage) ([]string, error) {
	var c ClientRow
	if err := json.Unmarshal(row, &c); err != nil {
		return nil, fmt.Errorf("read the row of a client: %w", err)
	}
	if c.Match == nil && !c.Revoked {
		return nil, nil
	}
	return []string{NeedMatch}, nil
}

// SubscriptionRow lets an application call an API.
type SubscriptionRow struct {
	ID            string            `json:"id"`
	ApplicationID string            `json:"applicationId"`
	APIID         string            `json:"apiId"`
	PlanID        string            `json:"planId,omitempty"`
	State         SubscriptionState `json:"state"`
	Scopes        []string          `json:"scopes,omitempty"` // a ceiling, in the API's names; empty = all
	Hold          *HoldRow          `json:"hold,omitempty"`
}

// ClientRow ties (key manager, client id) to an application. Identity is always this pair, in the tenant whose API is
// called. With Match it ties tokens to an application whose client id nobody has.
type ClientRow struct {
	ID            string      `json:"id"`
	Tenant        string      `json:"tenant,omitempty"` // the application's; always there in a rule, else empty = the key manager's
	KeyManagerID  string      `json:"keyManagerId"`
	ClientID      string      `json:"clientId"`
	ApplicationID string      `json:"applicationId"`
	Environment   Environment `json:"environment"`
	Hold          *HoldRow    `json:"hold,omitempty"`

	Match   *ClientMatch `json:"match,omitempty"`
	Revoked bool         `json:"revoked,omitempty"` // out of use: nobody's client, and no rule's either
}

// GatewayKeyRow is the public half of a gateway's backend JWT key. Every gateway of the group publishes all of them.
type GatewayKeyRow struct {
	ID      string          `json:"id"` // the key's RFC 7638 thumbprint, also its kid
	Gateway string          `json:"gateway"`
	JWK     json.RawMessage `json:"jwk"`
}

// Gateway is one data plane process as the control plane knows it.
type Gateway struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Group     string     `json:"group"`
	CreatedAt time.Time  `json:"createdAt"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
	LastSeen  *time.Time `json:"lastSeen,omitempty"`
	Revision  uint64     `json:"revision"` // the one it last reported
	Lag       uint64     `json:"lag"`      // how many revisions the group is ahead of that
	Stale     bool       `json:"stale"`    // it runs from its disk copy, without the control plane
	Build     string     `json:"build,omitempty"`
}
