package auth0server

import (
	"crypto"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

func tokenForm() contract.Members {
	form := contract.WithCodes(contract.EitherForm())
	form["audience"] = contract.Member{Kind: contract.Text}
	return form
}

func (s *state) metadata(x *contract.Exchange) {
	x.JSON(http.StatusOK, map[string]any{
		"issuer": s.origin + "/", "jwks_uri": s.origin + "/.well-known/jwks.json", "token_endpoint": s.origin + "/oauth/token",
		"revocation_endpoint": s.origin + "/oauth/revoke", "registration_endpoint": s.origin + "/oidc/register",
		"authorization_endpoint": s.origin + "/authorize", "userinfo_endpoint": s.origin + "/userinfo",
		"end_session_endpoint": s.origin + "/oidc/logout", "backchannel_logout_supported": true,
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
	})
}

// newAssertions is what the tenant takes: "Auth0 supports a maximum of 5 minutes for the lifetime of a token", and 10 seconds
// of skew.
func newAssertions() *contract.Assertions {
	return &contract.Assertions{
		Algorithms: []string{"RS256", "RS384", "PS256"}, Longest: 5 * time.Minute, Skew: 10 * time.Second, NeedsID: true,
	}
}

// byCredential finds keys as Auth0 does: kid is optional, and the algorithm is that of the credential.
func (s *state) byCredential(h jose.Header) []crypto.PublicKey {
	var found []crypto.PublicKey
	for _, k := range s.registered {
		if (h.KeyID == "" || h.KeyID == k.Kid) && h.Algorithm == k.Algorithm {
			found = append(found, k.Private.Public())
		}
	}
	return found
}

// asserted gives a token for the Management API to an application that proves itself by its key.
func (s *state) asserted(x *contract.Exchange) {
	flaw := contract.UnknownKey
	if contract.Claimed(x.Form) == KeyClient && !x.Form.Has("client_secret") {
		for _, audience := range []string{s.origin + "/", CustomDomain} {
			if flaw = s.assertions.Judge(x.Form, KeyClient, audience, s.byCredential); flaw != contract.BadAudience {
				break
			}
		}
	}
	if flaw != contract.NoFlaw {
		contract.OAuthError(x.W, http.StatusUnauthorized, "invalid_client", "Invalid client assertion: "+string(flaw))
		return
	}
	s.management(x, x.Form.Get("audience"))
}

func (s *state) token(x *contract.Exchange) {
	if x.Form.Has("client_assertion") || x.Form.Has("client_assertion_type") {
		s.asserted(x)
		return
	}
	id, secret, basic := x.Credentials()
	audience := x.Form.Get("audience")
	if id == ManagementClient && secret == ManagementSecret && !basic {
		s.management(x, audience)
		return
	}
	method := map[bool]string{true: "client_secret_basic", false: "client_secret_post"}[basic]
	c := s.find(id)
	if c == nil || secret == "" || c.secret != secret || c.data["token_endpoint_auth_method"] != method {
		contract.OAuthError(x.W, http.StatusUnauthorized, "access_denied", "Unauthorized")
		return
	}
	if x.Redeems() {
		s.people.Redeem(x, s.origin+"/", id, s.signer(c), map[string]any{"groups": []string{"apis"}})
		return
	}
	if audience == "" {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_request", "audience is required")
		return
	}
	if !slices.Contains(contract.Strings(c.data["grant_types"]), "client_credentials") {
		contract.OAuthError(x.W, http.StatusForbidden, "unauthorized_client",
			"Grant type 'client_credentials' not allowed for the client.")
		return
	}
	scopes, granted := s.granted(id, audience)
	if !granted {
		contract.OAuthError(x.W, http.StatusForbidden, "access_denied", fmt.Sprintf(
			"Client is not authorized to access %q. You need to create a \"client-grant\" associated to this API.", audience))
		return
	}
	if asked := strings.Fields(x.Form.Get("scope")); len(asked) > 0 {
		scopes = slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return !slices.Contains(asked, scope) })
	}
	now := time.Now().Unix()
	token, ok := x.Mint(s.key, "JWT", map[string]any{
		"iss": s.origin + "/", "sub": id + "@clients", "aud": audience, "iat": now, "exp": now + 86400,
		"scope": strings.Join(scopes, " "), "gty": "client-credentials", "azp": id,
	})
	if !ok {
		return
	}
	x.JSON(http.StatusOK, map[string]any{
		"access_token": token, "scope": strings.Join(scopes, " "), "expires_in": 86400, "token_type": "Bearer",
	})
}

func (s *state) authorize(x *contract.Exchange) {
	c := s.find(x.R.URL.Query().Get("client_id"))
	if c == nil || !slices.Contains(contract.Strings(c.data["grant_types"]), "authorization_code") {
		contract.OAuthError(x.W, http.StatusForbidden, "unauthorized_client", "Unknown client")
		return
	}
	s.people.Authorize(x, contract.Strings(c.data["callbacks"]), "")
}

// signer is the key of a client's ID tokens; nil = its secret, which is the default.
func (s *state) signer(c *client) *issuer.Key {
	settings, _ := c.data["jwt_configuration"].(map[string]any) // an absent one has no algorithm
	if settings["alg"] == "RS256" {
		return s.key
	}
	return nil
}

// management gives a token for the Management API.
func (s *state) management(x *contract.Exchange, audience string) {
	if audience != s.origin+"/api/v2/" {
		contract.OAuthError(x.W, http.StatusForbidden, "access_denied", "Service not found: "+audience)
		return
	}
	s.count++
	token := fmt.Sprintf("management-token-%d", s.count)
	s.bearer[token] = true
	x.JSON(http.StatusOK, map[string]any{"access_token": token, "expires_in": 86400, "token_type": "Bearer",
		"scope": "create:clients read:clients update:clients delete:clients update:client_keys create:client_grants " +
			"read:client_grants update:client_grants delete:client_grants read:resource_servers update:resource_servers"})
}
