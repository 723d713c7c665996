package pingserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

func tokenForm() contract.Members {
	return contract.Members{
		"grant_type": {Kind: contract.Text, Required: true, Enum: []string{"client_credentials"}},
		"scope":      {Kind: contract.Text}, "client_id": {Kind: contract.Text}, "client_secret": {Kind: contract.Text},
	}
}

func introspectForm() contract.Members {
	return contract.Members{
		"token": {Kind: contract.Text, Required: true}, "token_type_hint": {Kind: contract.Text},
		"client_id": {Kind: contract.Text}, "client_secret": {Kind: contract.Text},
	}
}

func (s *state) metadata(x *contract.Exchange) {
	x.JSON(http.StatusOK, map[string]any{
		"issuer": s.origin, "jwks_uri": s.origin + "/pf/JWKS", "token_endpoint": s.origin + "/as/token.oauth2",
		"introspection_endpoint": s.origin + "/as/introspect.oauth2", "revocation_endpoint": s.origin + "/as/revoke_token.oauth2",
		"authorization_endpoint": s.origin + "/as/authorization.oauth2", "registration_endpoint": s.origin + "/as/clients.oauth2",
		"grant_types_supported": []string{
			"implicit", "authorization_code", "refresh_token", "password", "client_credentials",
			"urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba",
		},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
	})
}

func (s *state) keys(x *contract.Exchange) {
	set, err := issuer.JWKS(s.key)
	if err != nil {
		x.JSON(http.StatusInternalServerError, map[string]any{"error": err.Error()})
		return
	}
	x.JSON(http.StatusOK, json.RawMessage(set))
}

// authenticated gives the client whose credentials the request carries; either way of sending them is taken.
func (s *state) authenticated(x *contract.Exchange) string {
	id, secret, basic := x.R.BasicAuth()
	if !basic && x.R.Header.Get("Authorization") == "" {
		id, secret = x.Form.Get("client_id"), x.Form.Get("client_secret")
	}
	if id == Introspector && secret == IntrospectorSecret {
		return id
	}
	if c := s.find(id); c != nil && secret != "" && c.secret == secret {
		return id
	}
	x.JSON(http.StatusUnauthorized, map[string]any{
		"error": "invalid_client", "error_description": "Invalid client or client credentials.",
	})
	return ""
}

func (s *state) token(x *contract.Exchange) {
	id := s.authenticated(x)
	if id == "" {
		return
	}
	c := s.find(id)
	if c == nil || !slices.Contains(texts(c.data["grantTypes"]), "CLIENT_CREDENTIALS") {
		x.JSON(http.StatusBadRequest, map[string]any{"error": "unauthorized_client"})
		return
	}
	allowed := []string{Scope, OtherScope}
	if c.data["restrictScopes"] == true {
		allowed = texts(c.data["restrictedScopes"])
	}
	asked := strings.Fields(x.Form.Get("scope"))
	for _, scope := range asked {
		if !slices.Contains(allowed, scope) {
			x.JSON(http.StatusBadRequest, map[string]any{
				"error": "invalid_scope", "error_description": "The requested scope(s) must be blank or a subset of the provided scopes.",
			})
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
		var err error
		if token, err = s.key.Mint("", claims); err != nil {
			x.JSON(http.StatusInternalServerError, map[string]any{"error": err.Error()})
			return
		}
	}
	x.JSON(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 7199})
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
