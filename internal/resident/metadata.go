package resident

import (
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/resident/flow"
)

// The endpoints, below the issuer.
const (
	pathToken      = "/oauth2/token"
	pathIntrospect = "/oauth2/introspect"
	pathRevoke     = "/oauth2/revoke"
	pathKeys       = "/oauth2/keys"
	pathDiscovery  = "/.well-known/openid-configuration"       // OpenID Connect Discovery 1.0, section 4
	pathMetadata   = "/.well-known/oauth-authorization-server" // RFC 8414, section 3
)

// metadata is the document of RFC 8414, section 2, and OpenID Connect Discovery 1.0, section 3. It names only what works
// here: the framework's own document would promise flows that do not exist.
type metadata struct {
	Issuer                   string   `json:"issuer"`
	TokenEndpoint            string   `json:"token_endpoint"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	JWKSURI                  string   `json:"jwks_uri"`
	GrantTypes               []string `json:"grant_types_supported"`
	ResponseTypes            []string `json:"response_types_supported"` // required by the RFC; empty where nobody signs in
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`

	*signInMetadata
}

// signInMetadata is of an authority at which people sign in.
type signInMetadata struct {
	Authorization     string   `json:"authorization_endpoint"`
	Userinfo          string   `json:"userinfo_endpoint"`
	EndSession        string   `json:"end_session_endpoint"`
	ResponseModes     []string `json:"response_modes_supported"`
	Challenges        []string `json:"code_challenge_methods_supported"`               // RFC 7636
	IssuerInAnswer    bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	SubjectTypes      []string `json:"subject_types_supported"`
	IDTokenAlgorithms []string `json:"id_token_signing_alg_values_supported"`
	Scopes            []string `json:"scopes_supported"`
	Claims            []string `json:"claims_supported"`
	Prompts           []string `json:"prompt_values_supported"`
	RequestURI        bool     `json:"request_uri_parameter_supported"` // true where it is left out
}

func signInMetadataOf(base string) *signInMetadata {
	return &signInMetadata{
		Authorization: base + flow.PathAuthorize, Userinfo: base + flow.PathUserinfo, EndSession: base + flow.PathEndSession,
		ResponseModes: []string{"query"}, Challenges: []string{"S256"}, IssuerInAnswer: true, SubjectTypes: []string{"public"},
		IDTokenAlgorithms: []string{string(SigningAlgorithm)}, Scopes: []string{"openid", "profile", "email", "offline_access"},
		Claims: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "preferred_username", "email", "email_verified",
		},
		Prompts: []string{"none", "login", "consent", "select_account"},
	}
}

// metadata gives the authority's document.
func (a Authority) metadata() metadata {
	m := metadataOf(a.Issuer, a.grantTypes())
	if a.Tenant != "" {
		m.signInMetadata = signInMetadataOf(strings.TrimSuffix(a.Issuer, "/"))
		m.ResponseTypes = []string{"code"}
		m.TokenAuthMethods = append(authMethods(), authNone)
		m.RevocationAuthMethods = append(authMethods(), authNone)
	}
	return m
}

func metadataOf(issuer string, grants []string) metadata {
	base := strings.TrimSuffix(issuer, "/")
	return metadata{
		Issuer:                   issuer,
		TokenEndpoint:            base + pathToken,
		IntrospectionEndpoint:    base + pathIntrospect,
		RevocationEndpoint:       base + pathRevoke,
		JWKSURI:                  base + pathKeys,
		GrantTypes:               grants,
		ResponseTypes:            []string{},
		TokenAuthMethods:         authMethods(),
		IntrospectionAuthMethods: authMethods(),
		RevocationAuthMethods:    authMethods(),
	}
}

// grantTypes lists what an authority offers: token exchange only where somebody judges subject tokens, and codes where
// people sign in.
func (a Authority) grantTypes() []string {
	grants := []string{grantClientCredentials}
	if a.Tenant != "" {
		grants = append(grants, grantCode, grantRefresh)
	}
	if _, exchanges := a.Backend.(Exchanger); exchanges {
		grants = append(grants, keyward.GrantTokenExchange)
	}
	return grants
}

// The grant types of RFC 6749, sections 4.1, 4.4 and 6.
const (
	grantClientCredentials = "client_credentials"
	grantCode              = "authorization_code"
	grantRefresh           = "refresh_token"
)

func authMethods() []string { return []string{"client_secret_basic", "client_secret_post"} }

// statusOf is the same as a key manager's status: what discovery would find, without asking.
func statusOf(issuer string) keyward.KeyManagerStatus {
	m := Authority{Issuer: issuer, Tenant: keyward.DefaultTenant, Backend: &tenantBackend{}}.metadata()
	return keyward.KeyManagerStatus{
		Issuer: issuer,
		Endpoints: keyward.Endpoints{
			Token: m.TokenEndpoint, Introspection: m.IntrospectionEndpoint, Revocation: m.RevocationEndpoint,
			Authorization: m.Authorization, Userinfo: m.Userinfo,
		},
		JWKS:        m.JWKSURI,
		GrantTypes:  m.GrantTypes,
		AuthMethods: authMethods(),
	}
}
