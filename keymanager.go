package keyward

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"keyward.dev/keyward/internal/secret"
)

// KeyManagerType names a connector.
type KeyManagerType string

// The types that the contract knows. Which of them this build carries out is the connector list's to say.
const (
	TypeResident  KeyManagerType = "resident"
	TypeOIDC      KeyManagerType = "oidc"
	TypeKeycloak  KeyManagerType = "keycloak"
	TypeExternal  KeyManagerType = "external"
	TypeAuth0     KeyManagerType = "auth0"
	TypeOkta      KeyManagerType = "okta"
	TypeForgeRock KeyManagerType = "forgerock"
	TypeEntra     KeyManagerType = "entra"
	TypePing      KeyManagerType = "ping"   // PingFederate
	TypeWSO2IS    KeyManagerType = "wso2is" // WSO2 Identity Server 7; Asgardeo too
)

// Environment separates clients and tokens for real work from those for trying out.
type Environment string

// The two environments.
const (
	Production Environment = "production"
	Sandbox    Environment = "sandbox"
)

// KeyManagerSpec declares an authorization server: where it is, whose keys count for which issuer, and how its tokens
// are read.
type KeyManagerSpec struct {
	Type          KeyManagerType    `json:"type"`
	DisplayName   string            `json:"displayName,omitempty"`
	Enabled       *bool             `json:"enabled,omitempty"`      // default true
	Environments  []Environment     `json:"environments,omitempty"` // default both
	Discovery     string            `json:"discovery,omitempty"`    // metadata URL or issuer URL (OIDC Discovery 1.0, RFC 8414)
	Issuer        string            `json:"issuer,omitempty"`       // exact `iss`
	OtherIssuers  []OtherIssuer     `json:"otherIssuers,omitempty"`
	Endpoints     Endpoints         `json:"endpoints,omitzero"`
	Display       map[string]string `json:"display,omitempty"` // what developers are shown instead of an endpoint
	Keys          KeySource         `json:"keys,omitzero"`
	Connection    map[string]any    `json:"connection,omitempty"` // the type's own fields; secrets in it are Secret values; or ref
	Introspection *Introspection    `json:"introspection,omitempty"`
	Outbound      *Outbound         `json:"outbound,omitempty"`
	Tokens        TokenRules        `json:"tokens,omitzero"`
	Claims        ClaimRules        `json:"claims,omitzero"`
	Clients       ClientRules       `json:"clients,omitzero"`
	Permissions   *Permissions      `json:"permissions,omitempty"`
	Global        bool              `json:"global,omitempty"` // offered in every tenant; in the tenant default only
	SignIn        *SignIn           `json:"signIn,omitempty"`
}

// OtherIssuer is a further exact `iss` value with keys of its own; without keys, those of the main issuer count.
type OtherIssuer struct {
	Issuer string     `json:"issuer"`
	Keys   KeySource  `json:"keys,omitzero"`
	Until  *time.Time `json:"until,omitempty"` // from then on the issuer is unknown
}

// Endpoints are the server's addresses. What discovery gives can be left out; what is written wins.
type Endpoints struct {
	Token         string `json:"token,omitempty"`
	Introspection string `json:"introspection,omitempty"` // RFC 7662
	Revocation    string `json:"revocation,omitempty"`    // RFC 7009
	Registration  string `json:"registration,omitempty"`  // RFC 7591
	Authorization string `json:"authorization,omitempty"`
	Userinfo      string `json:"userinfo,omitempty"`
}

// KeySource says where verification keys come from: exactly one of JWKS, PEM and JWKSInline.
type KeySource struct {
	JWKS       string          `json:"jwks,omitempty"`       // URL of a JWK set (RFC 7517, section 5)
	Refresh    *Duration       `json:"refresh,omitempty"`    // how often the URL is read; default 5m
	PEM        []string        `json:"pem,omitempty"`        // public keys or certificates; they have no kid
	JWKSInline json.RawMessage `json:"jwksInline,omitempty"` // the set itself
}

// IsZero tells that no source is given.
func (k KeySource) IsZero() bool {
	return k.JWKS == "" && len(k.PEM) == 0 && len(k.JWKSInline) == 0 && k.Refresh == nil
}

// RefreshOrDefault is how often the JWKS URL is read.
func (k KeySource) RefreshOrDefault() time.Duration {
	if k.Refresh == nil {
		return 5 * time.Minute
	}
	return k.Refresh.Std()
}

// Introspection holds the credentials with which gateways ask about opaque tokens (RFC 7662).
type Introspection struct {
	ClientID     string            `json:"clientId,omitempty"`
	ClientSecret secret.Credential `json:"clientSecret,omitzero"`
	Method       string            `json:"method,omitempty"` // basic (default), post, private_key_jwt, tls or bearer
	Key          secret.Credential `json:"key,omitzero"`     // of private_key_jwt and tls: the private key, PEM; the former's may be a JWK
	// Certificate is for tls: PEM, the client's own first. With a next key, both keys' certificates.
	Certificate string            `json:"certificate,omitempty"`
	Token       secret.Credential `json:"token,omitzero"`  // of bearer, where it is a fixed one
	Scope       string            `json:"scope,omitempty"` // of bearer: what the token that clientId and clientSecret get is for
	Cache       *Duration         `json:"cache,omitempty"` // default 30s, never past the token's exp; 0s = none
}

// The ways in which a gateway authenticates at an introspection endpoint: client_secret_basic and client_secret_post
// (RFC 6749, section 2.3.1), private_key_jwt (RFC 7523, section 2.2), tls_client_auth (RFC 8705, section 2), and an
// access token (RFC 7662, section 2.1).
const (
	IntrospectBasic  = "basic"
	IntrospectPost   = "post"
	IntrospectJWT    = "private_key_jwt"
	IntrospectTLS    = "tls"
	IntrospectBearer = "bearer"
)

// IntrospectionSecrets gives the values of the secret fields by their paths from the key manager's spec.
func (i *Introspection) IntrospectionSecrets() map[string]*secret.Value {
	if i == nil {
		return nil
	}
	secrets := map[string]*secret.Value{}
	for path, c := range map[string]*secret.Credential{
		"introspection.clientSecret": &i.ClientSecret, "introspection.key": &i.Key, "introspection.token": &i.Token,
	} {
		secrets[path], secrets[secret.NextPath(path)] = &c.Current, &c.Next
	}
	return secrets
}

// SecretPath is the path of the one secret that gateways need; what comes after it is at its NextPath.
func (i *Introspection) SecretPath() string {
	return introspectionSecret(i.MethodOrDefault(), i.ClientID)
}

// SecretPath is the path, in the key manager's spec, of the one secret that goes with the row.
func (r *IntrospectionRow) SecretPath() string { return introspectionSecret(r.Method, r.ClientID) }

func introspectionSecret(method, clientID string) string {
	switch {
	case method == IntrospectJWT, method == IntrospectTLS:
		return "introspection.key"
	case method == IntrospectBearer && clientID == "":
		return "introspection.token"
	default:
		return "introspection.clientSecret"
	}
}

// CacheOrDefault is how long an answer may be kept.
func (i *Introspection) CacheOrDefault() time.Duration {
	if i == nil || i.Cache == nil {
		return 30 * time.Second
	}
	return i.Cache.Std()
}

// MethodOrDefault is how the gateway authenticates at the introspection endpoint.
func (i *Introspection) MethodOrDefault() string {
	if i == nil || i.Method == "" {
		return IntrospectBasic
	}
	return i.Method
}

// TokenRules say which tokens of the server are believed.
type TokenRules struct {
	Use        TokenUse       `json:"use,omitempty"`        // direct (default), exchange or both
	JWT        string         `json:"jwt,omitempty"`        // local
	Algorithms []string       `json:"algorithms,omitempty"` // RFC 7518 names; empty = all that the key permits
	Audiences  []string       `json:"audiences,omitempty"`  // any one in `aud` suffices; empty = any audience
	Type       string         `json:"type,omitempty"`       // access (default) or any
	ClockSkew  *Duration      `json:"clockSkew,omitempty"`  // default 30s
	Require    map[string]any `json:"require,omitempty"`    // claims that must have this value
	Match      []MatchRule    `json:"match,omitempty"`      // token handling options
}

// TokenUse says what tokens of a key manager are good for.
type TokenUse string

// GrantTokenExchange is the grant type by which a token of another key manager is exchanged (RFC 8693, section 2.1).
const GrantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

// ExchangedFrom points to the claim (RFC 6901) in which a token that the resident key manager gave in exchange names the
// id of the key manager whose token it was given for.
const ExchangedFrom = "/keyward/key_manager_id"

// The uses. Calls are made with a token directly; in exchange for one the resident key manager issues one of its own
// (RFC 8693).
const (
	UseDirect   TokenUse = "direct"
	UseExchange TokenUse = "exchange"
	UseBoth     TokenUse = "both"
)

// Direct tells whether calls may be made with such a token. No use at all is direct.
func (u TokenUse) Direct() bool { return u != UseExchange }

// Exchanges tells whether such a token may be exchanged for one of the resident key manager.
func (u TokenUse) Exchanges() bool { return u == UseExchange || u == UseBoth }

// SkewOrDefault is the clock difference that is forgiven.
func (t TokenRules) SkewOrDefault() time.Duration {
	if t.ClockSkew == nil {
		return 30 * time.Second
	}
	return t.ClockSkew.Std()
}

// TypeOrDefault is the token type rule.
func (t TokenRules) TypeOrDefault() string {
	if t.Type == "" {
		return "access"
	}
	return t.Type
}

// MatchRule is one token handling option: exactly one of its fields is set. Prefix and Regex (anchored at both ends)
// choose the key manager of an opaque token; Claims chooses among those that share an issuer.
type MatchRule struct {
	Prefix string         `json:"prefix,omitempty"`
	Regex  string         `json:"regex,omitempty"`
	Claims map[string]any `json:"claims,omitempty"`
}

// ClaimRules say where a token carries what.
type ClaimRules struct {
	ClientID StringList     `json:"clientId,omitempty"` // the first present counts; default is the type's
	Scopes   StringList     `json:"scopes,omitempty"`   // the union counts; default is the type's
	Grants   []Grant        `json:"grants,omitempty"`
	Mapping  []ClaimMapping `json:"mapping,omitempty"` // into the backend JWT
}

// Grant gives scopes to tokens whose claim has a value: is it, is a list with it, or is a text in which it stands between
// spaces.
type Grant struct {
	Claim  string   `json:"claim"`  // name or JSON Pointer (RFC 6901)
	Equals any      `json:"equals"` // string, number or boolean; nothing is converted
	Scopes []string `json:"scopes"`
}

// ClaimMapping copies a claim into the backend JWT.
type ClaimMapping struct {
	From string `json:"from"` // claim name or JSON Pointer (RFC 6901)
	To   string `json:"to"`
}

// ClientRules say what developers may do with clients of this server.
type ClientRules struct {
	Create     *bool    `json:"create,omitempty"` // default true
	Map        *bool    `json:"map,omitempty"`    // default true
	Tokens     *bool    `json:"tokens,omitempty"` // default true: people get tokens with clients' credentials, for trying out
	GrantTypes []string `json:"grantTypes,omitempty"`
	// Constraints are by developer field of the type; callbacks and scopes are for each entry.
	Constraints map[string]Constraint `json:"constraints,omitempty"`
	// Approval is of generated clients; what is left out is as the tenant says.
	Approval Approval `json:"approval,omitzero"`
}

// StringList is a list of strings that may be written as one string.
type StringList []string

// UnmarshalJSON reads a string or a list of strings.
func (l *StringList) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*l = StringList{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return fmt.Errorf("write a string or a list of strings")
	}
	*l = many
	return nil
}

// SignIn lets people sign in to the console through the server, by the authorization code flow of OpenID Connect. Without a
// client id, Keyward registers the console's client there itself, by the key manager's connection.
type SignIn struct {
	Enabled      bool              `json:"enabled,omitempty"`
	ClientID     string            `json:"clientId,omitempty"`
	Method       string            `json:"method,omitempty"` // at the token endpoint: basic (default), post, private_key_jwt, tls or none
	ClientSecret secret.Credential `json:"clientSecret,omitzero"`
	Key          secret.Credential `json:"key,omitzero"`          // of private_key_jwt: PEM or a JWK
	Scopes       []string          `json:"scopes,omitempty"`      // asked for beside openid; default profile
	Userinfo     *bool             `json:"userinfo,omitempty"`    // asked for claims; default where the ID token lacks a rule's
	OwnCallback  bool              `json:"ownCallback,omitempty"` // the redirect URI is the key manager's alone; of Keyward's client it is
	Lifetime     *Duration         `json:"lifetime,omitempty"`    // of a session, at most; default as for other sessions
	Roles        []RoleRule        `json:"roles,omitempty"`
}

// SignInNone is the method of a public client, which proves nothing but that it began (PKCE, RFC 7636). The others are
// those of introspection; for tls the certificate is that of the outbound policy.
const SignInNone = "none"

// RoleRule gives people a role, groups or both where a claim of theirs is the value, or a list with it.
type RoleRule struct {
	Claim  string   `json:"claim"`  // name or JSON Pointer (RFC 6901)
	Equals any      `json:"equals"` // string, number or boolean; nothing is converted
	Role   Role     `json:"role,omitempty"`
	Groups []string `json:"groups,omitempty"`
	Tenant string   `json:"tenant,omitempty"` // where, of a global key manager; default its own
}

// SignsIn tells whether people may sign in through the server.
func (s *KeyManagerSpec) SignsIn() bool { return s.SignIn != nil && s.SignIn.Enabled }

// MethodOrDefault is how the console's client proves itself at the token endpoint.
func (s *SignIn) MethodOrDefault() string { return cmp.Or(s.Method, IntrospectBasic) }

// ScopesOrDefault are asked for beside openid.
func (s *SignIn) ScopesOrDefault() []string {
	if len(s.Scopes) == 0 {
		return []string{"profile"}
	}
	return s.Scopes
}

// Kind implements Spec.
func (*KeyManagerSpec) Kind() Kind { return KindKeyManager }

// References implements Spec.
func (s *KeyManagerSpec) References() []Ref {
	if name := s.ConnectionRef(); name != "" {
		return []Ref{{Kind: KindConnection, Name: name}}
	}
	return nil
}

// IsEnabled is false only when the spec says so.
func (s *KeyManagerSpec) IsEnabled() bool { return s.Enabled == nil || *s.Enabled }

// MayCreate tells whether clients may be created through this key manager.
func (s *KeyManagerSpec) MayCreate() bool { return s.Clients.Create == nil || *s.Clients.Create }

// MayMap tells whether existing clients may be mapped.
func (s *KeyManagerSpec) MayMap() bool { return s.Clients.Map == nil || *s.Clients.Map }

// GivesTokens tells whether tokens may be got for trying out.
func (s *KeyManagerSpec) GivesTokens() bool { return s.Clients.Tokens == nil || *s.Clients.Tokens }

// EnvironmentsOrDefault are the environments that its clients and tokens may belong to.
func (s *KeyManagerSpec) EnvironmentsOrDefault() []Environment {
	if len(s.Environments) == 0 {
		return []Environment{Production, Sandbox}
	}
	return s.Environments
}

// KeyManagerStatus is what discovery found out. It is kept beside the spec, so that the spec holds only what was
// declared.
type KeyManagerStatus struct {
	Issuer       string         `json:"issuer,omitempty"`
	Endpoints    Endpoints      `json:"endpoints,omitzero"`
	JWKS         string         `json:"jwks,omitempty"`
	GrantTypes   []string       `json:"grantTypes,omitempty"`
	AuthMethods  []string       `json:"tokenEndpointAuthMethods,omitempty"`
	SignIn       *SignInFacts   `json:"signIn,omitempty"`
	DiscoveredAt *time.Time     `json:"discoveredAt,omitempty"`
	Notes        []string       `json:"notes,omitempty"` // what a person should know: a slash that differs, no audience rule
	Type         map[string]any `json:"type,omitempty"`  // facts of the type
	Hold         *Hold          `json:"hold,omitempty"`  // while it is held; never stored here
}

// SignInFacts are what the metadata say about how people sign in. They are read where people do.
type SignInFacts struct {
	EndSession    string   `json:"endSession,omitempty"`    // OpenID Connect RP-Initiated Logout 1.0
	NamesIssuer   bool     `json:"namesIssuer,omitempty"`   // every authorization response has iss (RFC 9207)
	PKCE          []string `json:"pkce,omitempty"`          // code_challenge_methods_supported (RFC 8414, section 2)
	ResponseTypes []string `json:"responseTypes,omitempty"` // response_types_supported
	BackChannel   bool     `json:"backChannel,omitempty"`   // OpenID Connect Back-Channel Logout 1.0
}
