// Package auth0server owns a contract server for a tenant of Auth0 with two APIs: it takes what the Management API's
// documentation says, nothing else, and answers as documented; tokens are given by the client grants that it holds. It
// does not own a real tenant's rules and actions.
//
// Read on 23 and 28 November 2026: members and their types in npm auth0 7.1.0, the vendor's own SDK (the requests of
// ClientsClient, ClientGrantsClient and ResourceServersClient), which drives this server in a test;
// auth0.com/docs/api/management/v2/clients/post-rotate-secret, /client-grants/create-client-grant and
// /client-grants/patch-client-grants-by-id; paging at auth0.com/docs/api/management/v2 (checkpoint: from, take, next);
// the audience of the client credentials flow at auth0.com/docs/secure/tokens/access-tokens/get-access-tokens; grants
// and policies of APIs at auth0.com/docs/get-started/applications/application-access-to-apis-client-grants and
// /get-started/apis/api-access-policies-for-applications; a missing permission at support.auth0.com, "Management API
// Token from API Explorer Tab does not contain expected scopes". Private Key JWT, read on 28 November 2026: claims,
// audience, lifetime, skew and the limits of lengths at
// auth0.com/docs/get-started/authentication-and-authorization-flow/ authenticate-with-private-key-jwt, algorithms at
// auth0.com/docs/get-started/applications/credentials, how the SDK makes an assertion in npm auth0 7.1.0, which is
// taken in a test. People who sign in, read on 29 November 2026: that ID tokens are signed with HS256 by default at
// auth0.github.io/node-auth0 (SigningAlgorithmEnum), jwt_configuration and oidc_logout in npm auth0 7.1.0;
// allowed_logout_urls at auth0.com/docs/api/authentication/logout/oidc-rp-initiated-logout. The texts of other errors,
// the idempotent 204 of a removal, that a grant's scopes must be defined, and the claims of tokens stand from general
// knowledge.
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
	KeyClient        = "management-key-client"      // another management application, which has keys and no secret
	CustomDomain     = "https://tenant.example/"    // assertions may be for it, as for the tenant's own address
	Audience         = "https://orders.example/api" // the identifier of an API with Scope and OtherScope
	Scope            = "orders:read"
	OtherScope       = "orders:write"
	StockAudience    = "urn:stock"                    // the identifier of an API without scopes
	SystemAudience   = "https://acme.example/api/v2/" // of the API that manages the tenant, with SystemScope
	SystemScope      = "update:clients"
)

// pageLimit is less than what is asked for: a list may always be cut earlier.
const pageLimit = 3

type client struct {
	id, secret string
	data       map[string]any
}

// state is what one tenant holds. Ids, secrets and management tokens are counted, so that requests can be played again.
type state struct {
	origin  string
	key     *issuer.Key
	count   int
	clients []*client
	servers []map[string]any
	grants  []map[string]any
	bearer  map[string]bool

	people     contract.People
	registered []*issuer.Key // of KeyClient
	assertions *contract.Assertions
}

// Build makes the tenant's handler for an origin.
func Build(origin string, key *issuer.Key) http.Handler { return BuildWith(origin, key) }

// BuildWith makes that of a tenant whose KeyClient has keys.
func BuildWith(origin string, key *issuer.Key, registered ...*issuer.Key) http.Handler {
	s := &state{origin: origin, key: key, bearer: map[string]bool{}, servers: []map[string]any{
		{"id": "rs1", "identifier": Audience, "name": "Orders", "is_system": false, "scopes": []any{
			map[string]any{"value": Scope, "description": "Read orders"}, map[string]any{"value": OtherScope},
		}},
		{"id": "rs2", "identifier": StockAudience, "name": "Stock", "is_system": false, "signing_alg": "RS256"},
		{"id": "rs0", "identifier": SystemAudience, "name": "Auth0 Management API", "is_system": true, "scopes": []any{
			map[string]any{"value": SystemScope, "description": "Update clients"},
		}},
	}}
	s.registered, s.assertions = registered, newAssertions()
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
	return slices.Concat(s.accessCalls(), []contract.Call{
		{Method: "GET", Path: "/.well-known/openid-configuration", Do: s.metadata},
		{Method: "GET", Path: "/.well-known/jwks.json", Do: contract.PublicKeys(s.key)},
		{Method: "POST", Path: "/oauth/token", Form: tokenForm(), Do: s.token},
		{Doc: "authorization-code-flow/authorize", Method: "GET", Path: "/authorize", Query: contract.AuthorizeQuery(), Do: s.authorize},
		{Doc: "Create a client", Method: "POST", Path: clients, Auth: s.admin, JSON: createClient(), Do: s.create},
		{Doc: "Get clients", Method: "GET", Path: clients, Auth: s.admin, Query: list, Do: s.list},
		{Doc: "Get client by ID", Method: "GET", Path: one, Auth: s.admin, Query: fields, Do: s.read},
		{Doc: "Update a client", Method: "PATCH", Path: one, Auth: s.admin, JSON: updateClient(), Do: s.update},
		{Doc: "Delete a client", Method: "DELETE", Path: one, Auth: s.admin, Do: s.remove},
		{Doc: "Rotate a client secret", Method: "POST", Path: one + "/rotate-secret", Auth: s.admin, Do: s.rotate},
	})
}

// createClient is CreateClientRequestContent without most of its members that are objects of their own.
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
	m["jwt_configuration"] = contract.Member{Kind: contract.Object, Members: contract.Members{
		"lifetime_in_seconds": {Kind: contract.Number}, "secret_encoded": {Kind: contract.Flag},
		"alg": {Kind: contract.Text, Enum: []string{"HS256", "RS256", "RS512", "PS256"}},
	}}
	m["oidc_logout"] = contract.Member{Kind: contract.Object, Members: contract.Members{"backchannel_logout_urls": {Kind: contract.Texts}}}
	return m
}

// updateClient is UpdateClientRequestContent, likewise: nothing is required.
func updateClient() contract.Members {
	m := createClient()
	m["name"] = contract.Member{Kind: contract.Text}
	return m
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
	if !named(x, data["name"]) {
		return
	}
	s.count++
	c := &client{id: fmt.Sprintf("client%026d", s.count), secret: fmt.Sprintf("secret-of-auth0-%d", s.count), data: data}
	s.clients = append(s.clients, c)
	x.JSON(http.StatusCreated, c.answer())
}

// named holds a client's name against its pattern.
func named(x *contract.Exchange, name any) bool {
	if text := fmt.Sprint(name); text != "" && !strings.ContainsAny(text, "<>") {
		return true
	}
	apiError(x.W, http.StatusBadRequest, "invalid_body", "Payload validation error: 'String does not match pattern' on property name")
	return false
}

// update changes what is given, and nothing else.
func (s *state) update(x *contract.Exchange) {
	c := s.known(x)
	if name, given := x.Body["name"]; c == nil || given && !named(x, name) {
		return
	}
	for name, value := range x.Body {
		c.data[name] = value
	}
	x.JSON(http.StatusOK, c.answer())
}

func (s *state) list(x *contract.Exchange) {
	items := []map[string]any{}
	for _, c := range s.clients {
		items = append(items, c.answer(x.R.URL.Query().Get("fields")))
	}
	page(x, "clients", items)
}

// page gives a part of a list by checkpoint where take or from is asked for, else by offset.
func page(x *contract.Exchange, name string, items []map[string]any) {
	q := x.R.URL.Query()
	if q.Has("take") || q.Has("from") {
		from, err := strconv.Atoi(strings.TrimPrefix(q.Get("from")+"0", "checkpoint-"))
		from /= 10
		take, err2 := strconv.Atoi(q.Get("take"))
		if err != nil || q.Has("take") && (err2 != nil || take < 1 || take > 100) || from > len(items) {
			apiError(x.W, http.StatusBadRequest, "invalid_query_string", "Query validation error")
			return
		}
		to := min(from+pageLimit, len(items))
		page := map[string]any{name: items[from:to]}
		if to < len(items) {
			page["next"] = fmt.Sprintf("checkpoint-%d", to)
		}
		x.JSON(http.StatusOK, page)
		return
	}
	if q.Get("include_totals") == "true" {
		x.JSON(http.StatusOK, map[string]any{name: items, "total": len(items), "start": 0, "limit": 50})
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
	id := x.R.PathValue("id")
	s.clients = slices.DeleteFunc(s.clients, func(c *client) bool { return c.id == id })
	s.grants = slices.DeleteFunc(s.grants, func(g map[string]any) bool { return g["client_id"] == id })
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
