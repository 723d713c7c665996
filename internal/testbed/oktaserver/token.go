package oktaserver

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward/internal/testbed/contract"
)

// list gives clients whose name starts with q, a page at a time.
func (s *state) list(x *contract.Exchange) {
	var items []map[string]any
	for _, c := range s.clients {
		if strings.HasPrefix(fmt.Sprint(c.data["client_name"]), x.R.URL.Query().Get("q")) {
			items = append(items, c.answer(false))
		}
	}
	s.page(x, items)
}

// page cuts a list; the next page is named in the Link field.
func (s *state) page(x *contract.Exchange, items []map[string]any) {
	q := x.R.URL.Query()
	limit := 20
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 200 {
			ownError(x.W, http.StatusBadRequest, "E0000001", "Api validation failed: limit")
			return
		}
		limit = n
	}
	from := 0
	if v := q.Get("after"); v != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(v, "cursor-"))
		if err != nil || n > len(items) {
			ownError(x.W, http.StatusBadRequest, "E0000001", "Api validation failed: after")
			return
		}
		from = n
	}
	to := min(from+min(limit, pageLimit), len(items))
	self := s.origin + x.R.URL.Path
	x.W.Header().Add("Link", fmt.Sprintf(`<%s?%s>; rel="self"`, self, q.Encode()))
	if to < len(items) {
		q.Set("after", fmt.Sprintf("cursor-%d", to))
		x.W.Header().Add("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, self, q.Encode()))
	}
	x.JSON(http.StatusOK, append([]map[string]any{}, items[from:to]...))
}

// serverID is that of the authorization server whose address was called: clients are the organization's, tokens a
// server's.
func (s *state) serverID(x *contract.Exchange) string {
	_, after, _ := strings.Cut(x.R.URL.Path, "/oauth2/")
	id, _, _ := strings.Cut(after, "/")
	return id
}

func (s *state) issuer(x *contract.Exchange) string { return s.origin + "/oauth2/" + s.serverID(x) }

func (s *state) metadata(x *contract.Exchange) {
	at := s.issuer(x)
	x.JSON(http.StatusOK, map[string]any{
		"issuer": at, "jwks_uri": at + "/v1/keys", "token_endpoint": at + "/v1/token",
		"introspection_endpoint": at + "/v1/introspect", "revocation_endpoint": at + "/v1/revoke",
		"authorization_endpoint": at + "/v1/authorize", "registration_endpoint": s.origin + "/oauth2/v1/clients",
		"end_session_endpoint":  at + "/v1/logout",
		"grant_types_supported": []string{"authorization_code", "implicit", "refresh_token", "password", "client_credentials"},
		"token_endpoint_auth_methods_supported": []string{
			"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none",
		},
	})
}

// authenticated gives the client whose credentials the request carries, as it is registered to send them.
func (s *state) authenticated(x *contract.Exchange) string {
	id, secret, basic := x.Credentials()
	if id == Introspector && secret == IntrospectorSecret {
		return id
	}
	method := map[bool]string{true: "client_secret_basic", false: "client_secret_post"}[basic]
	if c := s.find(id); c != nil && c.takes(secret) && c.data["token_endpoint_auth_method"] == method {
		return id
	}
	contract.OAuthError(x.W, http.StatusUnauthorized, "invalid_client", "The client secret supplied for a confidential client is invalid.")
	return ""
}

func (s *state) token(x *contract.Exchange) {
	id := s.authenticated(x)
	if id == "" {
		return
	}
	if x.Redeems() {
		s.people.Redeem(x, s.issuer(x), id, s.key, map[string]any{"groups": []string{"apis"}})
		return
	}
	if c := s.find(id); c == nil || !slices.Contains(contract.Strings(c.data["grant_types"]), "client_credentials") {
		contract.OAuthError(x.W, http.StatusBadRequest, "unauthorized_client",
			"The client is not authorized to use the provided grant type.")
		return
	}
	server := s.servers[s.serverID(x)]
	scopes, refused := server.asked(strings.Fields(x.Form.Get("scope")))
	if refused != "" {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_scope", refused)
		return
	}
	lifetime := server.decide(id, "client_credentials", scopes)
	if lifetime == 0 {
		contract.OAuthError(x.W, http.StatusBadRequest, "access_denied",
			"Policy evaluation failed for this request, please check the policy configurations.")
		return
	}
	s.count++
	now := time.Now().Unix()
	token, ok := x.Mint(s.key, "", map[string]any{
		"ver": 1, "jti": fmt.Sprintf("AT.%d", s.count), "iss": s.issuer(x), "aud": Audience, "iat": now, "exp": now + lifetime,
		"cid": id, "scp": scopes, "sub": id,
	})
	if !ok {
		return
	}
	x.JSON(http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": lifetime, "access_token": token, "scope": strings.Join(scopes, " "),
	})
}

// authorize grants what an access policy of the authorization server lets the client have.
func (s *state) authorize(x *contract.Exchange) {
	q := x.R.URL.Query()
	c := s.find(q.Get("client_id"))
	if c == nil {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_client", "Invalid value for 'client_id' parameter.")
		return
	}
	refusal := ""
	if s.servers[s.serverID(x)].decide(q.Get("client_id"), "authorization_code", strings.Fields(q.Get("scope"))) == 0 {
		refusal = "access_denied"
	}
	s.people.Authorize(x, contract.Strings(c.data["redirect_uris"]), refusal)
}

// introspect knows no opaque tokens: a custom authorization server gives none.
func (s *state) introspect(x *contract.Exchange) {
	if s.authenticated(x) != "" {
		x.JSON(http.StatusOK, map[string]any{"active": false})
	}
}
