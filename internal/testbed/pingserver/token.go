package pingserver

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward/internal/testbed/contract"
)

func (s *state) metadata(x *contract.Exchange) {
	x.JSON(http.StatusOK, map[string]any{
		"issuer": s.origin, "jwks_uri": s.origin + "/pf/JWKS", "token_endpoint": s.origin + "/as/token.oauth2",
		"introspection_endpoint": s.origin + "/as/introspect.oauth2", "revocation_endpoint": s.origin + "/as/revoke_token.oauth2",
		"authorization_endpoint": s.origin + "/as/authorization.oauth2", "registration_endpoint": s.origin + "/as/clients.oauth2",
		"end_session_endpoint": s.origin + "/idp/init_logout.openid", "backchannel_logout_supported": true,
		"grant_types_supported": []string{
			"implicit", "authorization_code", "refresh_token", "password", "client_credentials",
			"urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba",
		},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
	})
}

// authenticated gives the client whose credentials the request carries; either way of sending them is taken.
func (s *state) authenticated(x *contract.Exchange) string {
	id, secret, _ := x.Credentials()
	if id == Introspector && secret == IntrospectorSecret {
		return id
	}
	if c := s.find(id); c != nil && secret != "" && c.knows(secret) {
		return id
	}
	contract.OAuthError(x.W, http.StatusUnauthorized, "invalid_client", "Invalid client or client credentials.")
	return ""
}

func (c *client) knows(value string) bool {
	return c.secret.value == value || slices.ContainsFunc(c.retained, func(one secret) bool { return one.value == value })
}

func (s *state) token(x *contract.Exchange) {
	id := s.authenticated(x)
	if id == "" {
		return
	}
	if x.Redeems() {
		s.people.Redeem(x, s.origin, id, s.key, map[string]any{"groups": []string{"apis"}})
		return
	}
	c := s.find(id)
	if c == nil || !slices.Contains(contract.Strings(c.data["grantTypes"]), "CLIENT_CREDENTIALS") {
		x.JSON(http.StatusBadRequest, map[string]any{"error": "unauthorized_client"})
		return
	}
	allowed := []string{Scope, OtherScope}
	if c.data["restrictScopes"] == true {
		allowed = contract.Strings(c.data["restrictedScopes"])
	}
	allowed = append(allowed, contract.Strings(c.data["exclusiveScopes"])...)
	asked := strings.Fields(x.Form.Get("scope"))
	for _, scope := range asked {
		if !slices.Contains(allowed, scope) {
			contract.OAuthError(x.W, http.StatusBadRequest, "invalid_scope",
				"The requested scope(s) must be blank or a subset of the provided scopes.")
			return
		}
	}
	s.count++
	now := time.Now().Unix()
	claims := map[string]any{
		"scope": strings.Join(asked, " "), "client_id": id, "iss": s.origin, "iat": now, "exp": now + 7199,
		"jti": fmt.Sprintf("jti-%d", s.count),
	}
	var token string
	if managerOf(c.data) == ReferenceManager {
		token = fmt.Sprintf("ref%025d", s.count)
		s.reference[token] = map[string]any{
			"active": true, "scope": claims["scope"], "client_id": id, "token_type": "urn:pingidentity.com:oauth2:validated_token",
			"exp": claims["exp"],
		}
	} else {
		var ok bool
		if token, ok = x.Mint(s.key, "", claims); !ok {
			return
		}
	}
	x.JSON(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 7199})
}

func (s *state) authorize(x *contract.Exchange) {
	c := s.find(x.R.URL.Query().Get("client_id"))
	if c == nil || !slices.Contains(contract.Strings(c.data["grantTypes"]), "AUTHORIZATION_CODE") {
		contract.OAuthError(x.W, http.StatusBadRequest, "unauthorized_client", "Unknown or invalid client_id")
		return
	}
	s.people.Authorize(x, contract.Strings(c.data["redirectUris"]), "")
}

func (s *state) introspect(x *contract.Exchange) {
	if s.authenticated(x) != Introspector {
		return
	}
	answer, known := s.reference[x.Form.Get("token")]
	if !known {
		answer = map[string]any{"active": false}
	}
	x.JSON(http.StatusOK, answer)
}
