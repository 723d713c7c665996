// Package oktaserver owns a contract server for an Okta organization with two custom authorization servers: it takes
// what Okta documents, nothing else, and answers as documented. It does not own a real organization's policies, except
// that every client may ask for Scope.
//
// Read on 23 November 2026: client registration in github.com/okta/okta-developer-docs, packages/@okta/vuepress-site/
// docs/reference/api/oauth-clients/index.md (commit 059a9065), and its successor developer.okta.com/docs/api/openapi/
// okta-oauth/oauth/tag/Client; scopes at developer.okta.com/docs/api/openapi/okta-management/management/tag/
// AuthorizationServerScopes; limits at developer.okta.com/docs/reference/rl-best-practices. The heading of the call for
// a new secret says PUT, its example POST, as its older link does: POST counts here. The text of a refused API token
// (E0000011), tokens, their claims and introspection stand from general knowledge.
package oktaserver

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// What the organization has from its start.
const (
	APIToken           = "00-api-token-of-an-administrator"
	Server             = "aus1orders" // the id of a custom authorization server
	OtherServer        = "aus2billing"
	Scope              = "orders:read"
	OtherScope         = "orders:write"
	Audience           = "api://orders"
	Introspector       = "0oagateway" // a client of the organization, with which gateways ask about tokens
	IntrospectorSecret = "gateway-secret"
)

// pageLimit is less than what is asked for: a list may always be cut earlier.
const pageLimit = 3

type client struct {
	id, secret string
	data       map[string]any // its metadata as answers hold it
}

// state is what one organization holds. Ids and secrets are counted, so that requests can be played again.
type state struct {
	origin  string
	key     *issuer.Key
	count   int
	clients []*client
}

// Build makes the organization's handler for an origin.
func Build(origin string, key *issuer.Key) http.Handler {
	s := &state{origin: origin, key: key}
	return contract.Book{Calls: s.calls(), Refuse: refuse}.Handler()
}

func (s *state) calls() []contract.Call {
	const clients = "/oauth2/v1/clients"
	text := contract.Member{Kind: contract.Text}
	paged := contract.Members{"after": text, "limit": text, "q": text}
	all := []contract.Call{
		{Doc: "Register new client", Method: "POST", Path: clients, Auth: admin, JSON: settings(), Do: s.register},
		{Doc: "List client Applications", Method: "GET", Path: clients, Auth: admin, Query: paged, Do: s.list},
		{Doc: "Get an OAuth client", Method: "GET", Path: clients + "/{id}", Auth: admin, Do: s.read},
		{Doc: "Remove a client Application", Method: "DELETE", Path: clients + "/{id}", Auth: admin, Do: s.remove},
		{Doc: "Generate a new client secret", Method: "POST", Path: clients + "/{id}/lifecycle/newSecret", Auth: admin, Do: s.newSecret},
	}
	for _, id := range []string{Server, OtherServer} {
		server := "/oauth2/" + id
		all = append(all, []contract.Call{
			{Method: "GET", Path: server + "/.well-known/openid-configuration", Do: s.metadata},
			{Method: "GET", Path: server + "/.well-known/oauth-authorization-server", Do: s.metadata},
			{Method: "GET", Path: server + "/v1/keys", Do: contract.PublicKeys(s.key)},
			{Method: "POST", Path: server + "/v1/token", Form: contract.TokenForm(), Do: s.token},
			{Method: "POST", Path: server + "/v1/introspect", Form: contract.IntrospectForm(), Do: s.introspect},
			{Doc: "List all custom token scopes", Method: "GET", Path: "/api/v1/authorizationServers/" + id + "/scopes",
				Auth: admin, Query: paged, Do: s.scopes},
		}...)
	}
	return all
}

// settings are the properties of the client application object that a request may hold.
func settings() contract.Members {
	m := contract.Members{
		"client_name":      {Kind: contract.Text, Required: true},
		"application_type": {Kind: contract.Text, Enum: []string{"web", "native", "browser", "service"}},
		"grant_types": {Kind: contract.Texts, Enum: []string{
			"authorization_code", "implicit", "password", "refresh_token", "client_credentials",
		}},
		"response_types": {Kind: contract.Texts, Enum: []string{"code", "token", "id_token"}},
		"token_endpoint_auth_method": {Kind: contract.Text, Enum: []string{
			"none", "client_secret_post", "client_secret_basic", "client_secret_jwt", "private_key_jwt",
		}},
		"redirect_uris": {Kind: contract.Texts}, "post_logout_redirect_uris": {Kind: contract.Texts},
	}
	for _, name := range []string{"client_uri", "logo_uri", "policy_uri", "tos_uri", "initiate_login_uri", "request_object_signing_alg"} {
		m[name] = contract.Member{Kind: contract.Text}
	}
	return m
}

func admin(r *http.Request) bool { return r.Header.Get("Authorization") == "SSWS "+APIToken }

// refuse answers in OAuth's words where clients are registered and read, else in Okta's own.
func refuse(w http.ResponseWriter, _ *http.Request, f contract.Fault, text string) {
	switch f {
	case contract.BadAuth:
		ownError(w, http.StatusUnauthorized, "E0000011", "Invalid token provided")
	case contract.BadMember:
		contract.OAuthError(w, http.StatusBadRequest, "invalid_client_metadata", text)
	case contract.NoSuchCall:
		ownError(w, http.StatusNotFound, "E0000022", "The endpoint does not support the provided HTTP method")
	default:
		ownError(w, int(f), "E0000021", "Bad request.  Accept and/or Content-Type headers likely do not match supported values.")
	}
}

func ownError(w http.ResponseWriter, status int, code, summary string) {
	contract.WriteJSON(w, status, map[string]any{
		"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oae7LrklqzDQCmZSkcOgdImDg", "errorCauses": []any{},
	})
}

func (s *state) find(id string) *client {
	for _, c := range s.clients {
		if c.id == id {
			return c
		}
	}
	return nil
}

// answer gives a client; its secret is shown only where it is made.
func (c *client) answer(secret bool) map[string]any {
	all := map[string]any{"client_id": c.id, "client_id_issued_at": 1453913425, "client_secret_expires_at": 0,
		"client_uri": nil, "logo_uri": nil}
	for name, value := range c.data {
		all[name] = value
	}
	if secret {
		all["client_secret"] = c.secret
	}
	return all
}

func (s *state) register(x *contract.Exchange) {
	data := map[string]any{
		"application_type": "web", "grant_types": []any{"authorization_code"}, "response_types": []any{"code"},
		"redirect_uris": []any{}, "token_endpoint_auth_method": "client_secret_basic",
	}
	for name, value := range x.Body {
		data[name] = value
	}
	if text := wrong(data); text != "" {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_client_metadata", text)
		return
	}
	for _, other := range s.clients {
		if other.data["client_name"] == data["client_name"] {
			contract.OAuthError(x.W, http.StatusBadRequest, "invalid_client_metadata",
				"client_name: An object with this field already exists in the current organization")
			return
		}
	}
	s.count++
	c := &client{id: fmt.Sprintf("0oa%08d", s.count), secret: fmt.Sprintf("secret-of-okta-%d", s.count), data: data}
	s.clients = append(s.clients, c)
	x.JSON(http.StatusCreated, c.answer(data["token_endpoint_auth_method"] != "none"))
}

// wrong holds the settings against the table of application types and the notes around it.
func wrong(data map[string]any) string {
	grants, responses := contract.Strings(data["grant_types"]), contract.Strings(data["response_types"])
	callbacks := contract.Strings(data["redirect_uris"])
	kind := fmt.Sprint(data["application_type"])
	valid := map[string]string{
		"browser": "authorization_code implicit", "native": "authorization_code implicit password refresh_token",
		"service": "client_credentials", "web": "authorization_code implicit refresh_token client_credentials",
	}[kind]
	for _, grant := range grants {
		if !strings.Contains(" "+valid+" ", " "+grant+" ") {
			return fmt.Sprintf("grant_types: '%s' is not a valid grant type for application type '%s'", grant, kind)
		}
	}
	if (kind == "web" || kind == "native") && !slices.Contains(grants, "authorization_code") {
		return fmt.Sprintf("grant_types: application type '%s' needs 'authorization_code'", kind)
	}
	if slices.Contains(responses, "code") != slices.Contains(grants, "authorization_code") {
		return "response_types: 'code' goes with the grant type 'authorization_code'"
	}
	if !slices.Contains(grants, "client_credentials") && !slices.Contains(grants, "password") && len(callbacks) == 0 {
		return "redirect_uris: at least one is required"
	}
	if strings.TrimSpace(fmt.Sprint(data["client_name"])) == "" {
		return "client_name: The field cannot be left blank"
	}
	return ""
}

func (s *state) read(x *contract.Exchange) {
	if c := s.known(x); c != nil {
		x.JSON(http.StatusOK, c.answer(false))
	}
}

func (s *state) remove(x *contract.Exchange) {
	c := s.known(x)
	if c == nil {
		return
	}
	s.clients = slices.DeleteFunc(s.clients, func(o *client) bool { return o == c })
	x.W.WriteHeader(http.StatusNoContent)
}

// known finds the client of the path, or answers as documented for reading and removing.
func (s *state) known(x *contract.Exchange) *client {
	c := s.find(x.R.PathValue("id"))
	if c == nil {
		contract.OAuthError(x.W, http.StatusUnauthorized, "invalid_client", "Invalid value for 'client_id' parameter.")
	}
	return c
}

func (s *state) newSecret(x *contract.Exchange) {
	id := x.R.PathValue("id")
	c := s.find(id)
	if c == nil {
		ownError(x.W, http.StatusNotFound, "E0000007", "Not found: Resource not found: "+id+" (PublicClientApp)")
		return
	}
	s.count++
	c.secret = fmt.Sprintf("secret-of-okta-%d", s.count)
	x.JSON(http.StatusOK, c.answer(true))
}
