package keyward

import (
	"encoding/json"
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
	KeysAsked     string         `json:"keysAsked,omitempty"` // another value: somebody wants the keys read anew
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
	Away      bool       `json:"away"`     // nothing was heard of it for 10 s: five reports are missing
	Build     string     `json:"build,omitempty"`
}
