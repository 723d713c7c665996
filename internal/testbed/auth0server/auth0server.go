// Package auth0server owns a contract server for a tenant of Auth0 with one API: it takes what the Management API's
// documentation says, nothing else, and answers as documented. It does not own a real tenant's rules and actions.
//
// Read on 23 November 2026: members and their types in npm auth0 7.1.0, the vendor's own SDK (CreateClientRequestContent,
// CreateClientGrantRequestContent and the calls of ClientsClient and ClientGrantsClient), which drives this server in a
// test; auth0.com/docs/api/management/v2/clients/post-rotate-secret and /client-grants/create-client-grant; paging at
// auth0.com/docs/api/management/v2 (checkpoint: from, take, next); the audience of the client credentials flow at
// auth0.com/docs/secure/tokens/access-tokens/get-access-tokens. The texts of errors, the idempotent 204 of a removal and
// the claims of tokens stand from general knowledge.
package auth0server

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// What the tenant has from its start.
const (
	ManagementClient = "management-client"
	ManagementSecret = "management-secret"
	Audience         = "https://orders.example/api" // the identifier of its API
	Scope            = "orders:read"
	OtherScope       = "orders:write"
)

// pageLimit is less than what is asked for: a list may always be cut earlier.
const pageLimit = 3

type client struct {
	id, secret string
	data       map[string]any
	grants     map[string][]string // audience -> scopes
}

// state is what one tenant holds. Ids, secrets and management tokens are counted, so that requests can be played again.
type state struct {
	origin  string
	key     *issuer.Key
	count   int
	clients []*client
	bearer  map[string]bool
}

// Build makes the tenant's handler for an origin.
func Build(origin string, key *issuer.Key) http.Handler {
	s := &state{origin: origin, key: key, bearer: map[string]bool{}}
	return contract.Book{Calls: s.calls(), Refuse: refuse}.Handler()
}

func (s *state) calls() []contract.Call {
	const clients, one = "/api/v2/clients", "/api/v2/clients/{id}"
	flag := contract.Member{Kind: contract.Text, Enum: []string{"true", "false"}}
	text := contract.Member{Kind: contract.Text}
	fields := contract.Members{"fields": text, "include_fields": flag}
	list := contract.Members{
		"fields": text, "include_fields": flag, "page": text, "per_page": text, "include_totals": flag, "from": text, "take": text,
		"is_global": flag, "is_first_party": flag, "app_type": text, "q": text, "external_client_id": text,
	}
	return []contract.Call{
		{Method: "GET", Path: "/.well-known/openid-configuration", Do: s.metadata},
		{Method: "GET", Path: "/.well-known/jwks.json", Do: contract.PublicKeys(s.key)},
		{Method: "POST", Path: "/oauth/token", Form: tokenForm(), Do: s.token},
		{Doc: "Create a client", Method: "POST", Path: clients, Auth: s.admin, JSON: createClient(), Do: s.create},
		{Doc: "Get clients", Method: "GET", Path: clients, Auth: s.admin, Query: list, Do: s.list},
		{Doc: "Get client by ID", Method: "GET", Path: one, Auth: s.admin, Query: fields, Do: s.read},
		{Doc: "Delete a client", Method: "DELETE", Path: one, Auth: s.admin, Do: s.remove},
		{Doc: "Rotate a client secret", Method: "POST", Path: one + "/rotate-secret", Auth: s.admin, Do: s.rotate},
		{Doc: "Create client grant", Method: "POST", Path: "/api/v2/client-grants", Auth: s.admin, JSON: createGrant(), Do: s.grant},
	}
}

// createClient is CreateClientRequestContent without its members that are objects of their own.
func createClient() contract.Members {
	m := contract.Members{
		"name": {Kind: contract.Text, Required: true},
		"app_type": {Kind: contract.Text, Enum: []string{
			"native", "spa", "regular_web", "non_interactive", "resource_server", "express_configuration",
		}},
		"token_endpoint_auth_method": {Kind: contract.Text, Enum: []string{"none", "client_secret_post", "client_secret_basic"}},
		"organization_usage":         {Kind: contract.Text, Enum: []string{"deny", "allow", "require"}},
		"grant_types": {Kind: contract.Texts, Enum: []string{
			"authorization_code", "implicit", "refresh_token", "client_credentials", "password",
			"http://auth0.com/oauth/grant-type/password-realm", "urn:ietf:params:oauth:grant-type:device_code",
		}},
	}
	for _, name := range []string{"description", "logo_uri", "initiate_login_uri", "cross_origin_loc", "custom_login_page"} {
		m[name] = contract.Member{Kind: contract.Text}
	}
	for _, name := range []string{
		"callbacks", "allowed_origins", "web_origins", "client_aliases", "allowed_clients", "allowed_logout_urls",
	} {
		m[name] = contract.Member{Kind: contract.Texts}
	}
	for _, name := range []string{
		"is_token_endpoint_ip_header_trusted", "is_first_party", "oidc_conformant", "sso", "sso_disabled", "custom_login_page_on",
		"cross_origin_authentication", "require_pushed_authorization_requests", "require_proof_of_possession",
	} {
		m[name] = contract.Member{Kind: contract.Flag}
	}
	return m
}

// createGrant is CreateClientGrantRequestContent. Since a grant can be a default for many, client_id is optional in its
// type; without default_for it is needed.
func createGrant() contract.Members {
	return contract.Members{
		"client_id": {Kind: contract.Text, Required: true}, "audience": {Kind: contract.Text, Required: true},
		"scope": {Kind: contract.Texts}, "allow_any_organization": {Kind: contract.Flag}, "allow_all_scopes": {Kind: contract.Flag},
		"organization_usage":          {Kind: contract.Text, Enum: []string{"deny", "allow", "require"}},
		"subject_type":                {Kind: contract.Text, Enum: []string{"client", "user"}},
		"authorization_details_types": {Kind: contract.Texts},
	}
}

func (s *state) admin(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && s.bearer[token]
}

func refuse(w http.ResponseWriter, r *http.Request, f contract.Fault, text string) {
	switch {
	case f == contract.BadMember && r.URL.Path == "/oauth/token":
		contract.OAuthError(w, http.StatusBadRequest, "invalid_request", text)
	case f == contract.BadMember:
		apiError(w, http.StatusBadRequest, "invalid_body", "Payload validation error: '"+text+"'.")
	case f == contract.BadAuth:
		apiError(w, http.StatusUnauthorized, "", "Invalid token")
	case f == contract.NoSuchCall:
		apiError(w, http.StatusNotFound, "", "Not Found")
	default:
		apiError(w, int(f), "", text)
	}
}

func apiError(w http.ResponseWriter, status int, code, message string) {
	body := map[string]any{"statusCode": status, "error": http.StatusText(status), "message": message}
	if code != "" {
		body["errorCode"] = code
	}
	contract.WriteJSON(w, status, body)
}

func (s *state) find(id string) *client {
	i := slices.IndexFunc(s.clients, func(c *client) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return s.clients[i]
}

// answer gives a client, whole or with the named members only.
func (c *client) answer(query ...string) map[string]any {
	all := map[string]any{"tenant": "acme", "global": false, "is_first_party": true, "client_id": c.id, "client_secret": c.secret}
	for name, value := range c.data {
		all[name] = value
	}
	if len(query) == 0 || query[0] == "" {
		return all
	}
	some := map[string]any{}
	for name := range strings.SplitSeq(query[0], ",") {
		if value, ok := all[name]; ok {
			some[name] = value
		}
	}
	return some
}

func (s *state) create(x *contract.Exchange) {
	data := map[string]any{
		"app_type": "regular_web", "callbacks": []any{}, "token_endpoint_auth_method": "client_secret_post",
		"grant_types": []any{"authorization_code", "implicit", "refresh_token", "client_credentials"},
	}
	for name, value := range x.Body {
		data[name] = value
	}
	if name := fmt.Sprint(data["name"]); name == "" || strings.ContainsAny(name, "<>") {
		apiError(x.W, http.StatusBadRequest, "invalid_body", "Payload validation error: 'String does not match pattern' on property name")
		return
	}
	s.count++
	c := &client{
		id: fmt.Sprintf("client%026d", s.count), secret: fmt.Sprintf("secret-of-auth0-%d", s.count), data: data,
		grants: map[string][]string{},
	}
	s.clients = append(s.clients, c)
	x.JSON(http.StatusCreated, c.answer())
}

// list gives a page by checkpoint where take or from is asked for, else by offset.
func (s *state) list(x *contract.Exchange) {
	q := x.R.URL.Query()
	items := []map[string]any{}
	for _, c := range s.clients {
		items = append(items, c.answer(q.Get("fields")))
	}
	if q.Has("take") || q.Has("from") {
		from, err := strconv.Atoi(strings.TrimPrefix(q.Get("from")+"0", "checkpoint-"))
		from /= 10
		take, err2 := strconv.Atoi(q.Get("take"))
		if err != nil || q.Has("take") && (err2 != nil || take < 1 || take > 100) || from > len(items) {
			apiError(x.W, http.StatusBadRequest, "invalid_query_string", "Query validation error")
			return
		}
		to := min(from+pageLimit, len(items))
		page := map[string]any{"clients": items[from:to]}
		if to < len(items) {
			page["next"] = fmt.Sprintf("checkpoint-%d", to)
		}
		x.JSON(http.StatusOK, page)
		return
	}
	if q.Get("include_totals") == "true" {
		x.JSON(http.StatusOK, map[string]any{"clients": items, "total": len(items), "start": 0, "limit": 50})
		return
	}
	x.JSON(http.StatusOK, items)
}

func (s *state) read(x *contract.Exchange) {
	if c := s.known(x); c != nil {
		x.JSON(http.StatusOK, c.answer(x.R.URL.Query().Get("fields")))
	}
}

// remove answers in the same way whether there was such a client or not.
func (s *state) remove(x *contract.Exchange) {
	s.clients = slices.DeleteFunc(s.clients, func(c *client) bool { return c.id == x.R.PathValue("id") })
	x.W.WriteHeader(http.StatusNoContent)
}

func (s *state) rotate(x *contract.Exchange) {
	if c := s.known(x); c != nil {
		s.count++
		c.secret = fmt.Sprintf("secret-of-auth0-%d", s.count)
		x.JSON(http.StatusOK, c.answer())
	}
}

func (s *state) known(x *contract.Exchange) *client {
	c := s.find(x.R.PathValue("id"))
	if c == nil {
		apiError(x.W, http.StatusNotFound, "inexistent_client", "The client does not exist")
	}
	return c
}

func (s *state) grant(x *contract.Exchange) {
	id, audience := fmt.Sprint(x.Body["client_id"]), fmt.Sprint(x.Body["audience"])
	c := s.find(id)
	scopes := contract.Strings(x.Body["scope"])
	switch {
	case c == nil:
		apiError(x.W, http.StatusNotFound, "inexistent_client", "The client does not exist")
		return
	case audience != Audience:
		apiError(x.W, http.StatusNotFound, "inexistent_resource_server", "Resource server not found: "+audience)
		return
	case c.grants[audience] != nil:
		apiError(x.W, http.StatusConflict, "grant_conflict", "A resource with the same identifier already exists.")
		return
	}
	for _, scope := range scopes {
		if scope != Scope && scope != OtherScope {
			apiError(x.W, http.StatusBadRequest, "invalid_scope", "Scope '"+scope+"' is not defined in the resource server "+audience)
			return
		}
	}
	s.count++
	c.grants[audience] = scopes
	x.JSON(http.StatusCreated, map[string]any{
		"id": fmt.Sprintf("cgr_%016d", s.count), "client_id": id, "audience": audience, "scope": scopes, "subject_type": "client",
	})
}
