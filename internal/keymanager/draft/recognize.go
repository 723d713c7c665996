package draft

import (
	"net/url"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
)

// mark is how a product shows in its metadata.
type mark struct {
	kind keyward.KeyManagerType
	why  string
	fits func(host string, f *keymanager.Found) bool
}

// marks are looked at in order: what only one product has comes first.
func marks() []mark {
	hosted := func(suffixes ...string) func(string, *keymanager.Found) bool {
		return func(host string, _ *keymanager.Found) bool {
			for _, s := range suffixes {
				if host == s || strings.HasSuffix(host, "."+s) {
					return true
				}
			}
			return false
		}
	}
	named := func(member string) func(string, *keymanager.Found) bool {
		return func(_ string, f *keymanager.Found) bool { return len(f.Document[member]) > 0 }
	}
	ends := func(token, jwks string) func(string, *keymanager.Found) bool {
		return func(_ string, f *keymanager.Found) bool {
			return strings.HasSuffix(f.Status.Endpoints.Token, token) && strings.HasSuffix(f.Status.JWKS, jwks)
		}
	}
	return []mark{
		{keyward.TypeEntra, "the metadata are those of every organization", func(_ string, f *keymanager.Found) bool { return f.Many }},
		{keyward.TypeEntra, "the server is Microsoft's", hosted("login.microsoftonline.com", "sts.windows.net",
			"login.microsoftonline.us")},
		{keyward.TypeEntra, "the metadata has msgraph_host", named("msgraph_host")},
		{keyward.TypeOkta, "the server is Okta's", hosted("okta.com", "oktapreview.com", "okta-emea.com")},
		{keyward.TypeAuth0, "the server is Auth0's", hosted("auth0.com")},
		{keyward.TypeWSO2IS, "the server is Asgardeo", hosted("asgardeo.io")},
		{keyward.TypeKeycloak, "its endpoints are below /realms/…/protocol/openid-connect",
			ends("/protocol/openid-connect/token", "/protocol/openid-connect/certs")},
		{keyward.TypePing, "the metadata has ping_revoked_sris_endpoint", named("ping_revoked_sris_endpoint")},
		{keyward.TypePing, "its token endpoint is /as/token.oauth2", ends("/as/token.oauth2", "")},
		{keyward.TypeForgeRock, "its keys are at /connect/jwk_uri", ends("/access_token", "/connect/jwk_uri")},
		{keyward.TypeWSO2IS, "its endpoints are /oauth2/token and /oauth2/jwks", ends("/oauth2/token", "/oauth2/jwks")},
		{keyward.TypeOkta, "its endpoints are /v1/token and /v1/keys", ends("/v1/token", "/v1/keys")},
		{keyward.TypeAuth0, "the metadata has mfa_challenge_endpoint", named("mfa_challenge_endpoint")},
	}
}

// recognize gives the type whose product the metadata looks like; oidc where it looks like none.
func recognize(f *keymanager.Found) (keyward.KeyManagerType, string) {
	host := ""
	if u, err := url.Parse(f.Status.Issuer); err == nil {
		host = strings.ToLower(u.Hostname())
	}
	for _, m := range marks() {
		if m.fits(host, f) {
			return m.kind, m.why
		}
	}
	return keyward.TypeOIDC, "nothing in the metadata tells another product"
}

// connectionOf lists the fields without which a type can make no clients.
func connectionOf(kind keyward.KeyManagerType) []string {
	switch kind {
	case keyward.TypeKeycloak, keyward.TypeAuth0, keyward.TypeEntra, keyward.TypeWSO2IS, keyward.TypeForgeRock:
		return []string{"clientId", "clientSecret"}
	case keyward.TypeOkta:
		return []string{"apiToken"}
	case keyward.TypePing:
		return []string{"adminUrl", "username", "password"}
	default:
		return nil
	}
}
