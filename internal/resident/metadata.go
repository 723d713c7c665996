package resident

import (
	"strings"

	"keyward.dev/keyward"
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

// metadata is the document of RFC 8414, section 2. It names only what works here: the framework's own document would
// promise authorization endpoints and flows that do not exist.
type metadata struct {
	Issuer                   string   `json:"issuer"`
	TokenEndpoint            string   `json:"token_endpoint"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	JWKSURI                  string   `json:"jwks_uri"`
	GrantTypes               []string `json:"grant_types_supported"`
	ResponseTypes            []string `json:"response_types_supported"` // required by the RFC; empty: no flow uses one
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
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

// grantTypes lists what an authority offers: token exchange only where somebody judges subject tokens.
func (a Authority) grantTypes() []string {
	if _, exchanges := a.Backend.(Exchanger); exchanges {
		return []string{grantClientCredentials, keyward.GrantTokenExchange}
	}
	return []string{grantClientCredentials}
}

const grantClientCredentials = "client_credentials"

func authMethods() []string { return []string{"client_secret_basic", "client_secret_post"} }

// statusOf is the same as a key manager's status: what discovery would find, without asking.
func statusOf(issuer string) keyward.KeyManagerStatus {
	m := metadataOf(issuer, Authority{Backend: &tenantBackend{}}.grantTypes())
	return keyward.KeyManagerStatus{
		Issuer: issuer,
		Endpoints: keyward.Endpoints{
			Token: m.TokenEndpoint, Introspection: m.IntrospectionEndpoint, Revocation: m.RevocationEndpoint,
		},
		JWKS:        m.JWKSURI,
		GrantTypes:  m.GrantTypes,
		AuthMethods: m.TokenAuthMethods,
	}
}
