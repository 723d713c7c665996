package resident

import (
	"errors"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// protocolClient shows a client to the framework, which asks far more than client credentials need.
type protocolClient struct {
	client *Client
	public bool
}

func authenticated(c op.Client) (*Client, error) {
	known, ok := c.(protocolClient)
	if !ok {
		return nil, errors.New("the framework gave a client that this server did not authenticate")
	}
	return known.client, nil
}

func same(scopes []string) []string { return scopes }

// GetID implements op.Client.
func (c protocolClient) GetID() string { return c.client.ID }

// RedirectURIs implements op.Client: the token endpoint redirects nobody.
func (c protocolClient) RedirectURIs() []string { return nil }

// PostLogoutRedirectURIs implements op.Client.
func (c protocolClient) PostLogoutRedirectURIs() []string { return nil }

// ApplicationType implements op.Client.
func (c protocolClient) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }

// AuthMethod implements op.Client.
func (c protocolClient) AuthMethod() oidc.AuthMethod {
	if c.public {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}

// ResponseTypes implements op.Client.
func (c protocolClient) ResponseTypes() []oidc.ResponseType { return nil }

// GrantTypes implements op.Client. Which client may use which grant is the Backend's to say.
func (c protocolClient) GrantTypes() []oidc.GrantType {
	if c.public {
		return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
	}
	return []oidc.GrantType{
		oidc.GrantTypeClientCredentials, oidc.GrantTypeTokenExchange, oidc.GrantTypeCode, oidc.GrantTypeRefreshToken,
	}
}

// LoginURL implements op.Client.
func (c protocolClient) LoginURL(string) string { return "" }

// AccessTokenType implements op.Client.
func (c protocolClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// IDTokenLifetime implements op.Client: the framework makes no ID tokens.
func (c protocolClient) IDTokenLifetime() time.Duration { return 0 }

// DevMode implements op.Client.
func (c protocolClient) DevMode() bool { return false }

// RestrictAdditionalIdTokenScopes implements op.Client.
//
//nolint:staticcheck // the framework spells the name so
func (c protocolClient) RestrictAdditionalIdTokenScopes() func([]string) []string { return same }

// RestrictAdditionalAccessTokenScopes implements op.Client.
func (c protocolClient) RestrictAdditionalAccessTokenScopes() func([]string) []string { return same }

// IsScopeAllowed implements op.Client.
func (c protocolClient) IsScopeAllowed(string) bool { return false }

// IDTokenUserinfoClaimsAssertion implements op.Client.
func (c protocolClient) IDTokenUserinfoClaimsAssertion() bool { return false }

// ClockSkew implements op.Client: tokens are good from the second they are made.
func (c protocolClient) ClockSkew() time.Duration { return 0 }
