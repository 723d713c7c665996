// Package oktaserver owns a contract server for an Okta organization with three custom authorization servers: it takes
// what Okta documents, nothing else, and answers as documented; tokens are given by the access policies that it holds. It
// does not own a real organization's rules about people: every client that it gives a token calls in its own name.
//
// Read on 23 and 28 November 2026, in github.com/okta/okta-developer-docs, packages/@okta/vuepress-site/docs: client
// registration in reference/api/oauth-clients/index.md (commit 059a9065), scopes, policies and their rules in
// reference/api/authorization-servers/index.md (commit 088e1223 and a later one), two secrets in
// guides/client-secret-rotation-key/main/index.md (commit 00267856). Their successors: developer.okta.com/docs/api/openapi/
// okta-oauth/oauth/tag/Client, and okta-management/management/tag/ with AuthorizationServerScopes,
// AuthorizationServerPolicies, AuthorizationServerRules and ApplicationSSOPublicKeys, as github.com/okta/okta-sdk-python,
// docs, has them too (commit 96ef4dc8). What a client that asks for too much gets: developer.okta.com/docs/how-to/
// beta-auth-service/api-access-management-troubleshooting; that the next rule and policy is tried where one does not fit:
// support.okta.com, "Tokens not issued with lifetime configured in access rule for custom authorization server". Limits at
// developer.okta.com/docs/reference/rl-best-practices. Service apps, read on 28 November 2026: guides/
// implement-oauth-for-okta-serviceapp/main/index.md (commit ed3b0e9f), with the claims of an assertion in reference/api/
// oidc/index.md (commit 02169835), now developer.okta.com/docs/api/openapi/okta-oauth/guides/client-auth; scopes at
// developer.okta.com/docs/api/oauth2; that either of two scopes opens what only reads, and how one that lacks is told:
// support.okta.com, "insufficient_scope Error when Making a Request to an OAuth or Management Endpoint"; that scopes which
// are not granted are left out of a token, and words about keys, signatures and clocks: Okta's tutorial of its Terraform
// provider; keys without a kid: support.okta.com, "Creating a Private Key JWT when a Client Has Multiple Public/Private Key
// Pairs"; DPoP as the default of new service apps: github.com/okta/okta-sdk-nodejs, issue 424, and its words: okta-sdk-dotnet,
// issue 697. The texts of other errors, that names of scopes and policies are unique, tokens, their claims and introspection
// stand from general knowledge.
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
	Server             = "aus1orders"  // the id of a custom authorization server: a policy gives Scope to every client
	OtherServer        = "aus2billing" // the same
	EmptyServer        = "aus3new"     // has no policy, and no scopes but Okta's own
	Scope              = "orders:read"
	OtherScope         = "orders:write"
	Audience           = "api://orders"
	Introspector       = "0oagateway" // a client of the organization, with which gateways ask about tokens
	IntrospectorSecret = "gateway-secret"
)

// pageLimit is less than what is asked for: a list may always be cut earlier.
const pageLimit = 3

type client struct {
	id      string
	secrets []*secret      // the oldest first
	data    map[string]any // its metadata as answers hold it
}

// state is what one organization holds. Ids and secrets are counted, so that requests can be played again.
type state struct {
	origin  string
	key     *issuer.Key
	count   int
	clients []*client
	servers map[string]*authServer

	people     contract.People
	apps       []*App
	assertions *contract.Assertions
	tokens     map[string]orgToken // by value
}

// Build makes the organization's handler for an origin.
func Build(origin string, key *issuer.Key) http.Handler { return BuildWith(origin, key) }

// BuildWith makes that of an organization with service apps.
func BuildWith(origin string, key *issuer.Key, apps ...*App) http.Handler {
	s := &state{
		origin: origin, key: key, servers: map[string]*authServer{},
		apps: apps, assertions: newAssertions(), tokens: map[string]orgToken{},
	}
	for _, id := range []string{Server, OtherServer, EmptyServer} {
		s.servers[id] = newAuthServer(id != EmptyServer)
	}
	return contract.Book{Calls: s.calls(), Refuse: s.refuse}.Handler()
}

func (s *state) calls() []contract.Call {
	const clients = "/oauth2/v1/clients"
	text := contract.Member{Kind: contract.Text}
	paged := contract.Members{"after": text, "limit": text, "q": text}
	all := []contract.Call{
		{Doc: "Register new client", Method: "POST", Path: clients, Auth: s.admin, JSON: settings(), Do: s.register},
		{Doc: "List client Applications", Method: "GET", Path: clients, Auth: s.admin, Query: paged, Do: s.list},
		{Doc: "Get an OAuth client", Method: "GET", Path: clients + "/{id}", Auth: s.admin, Do: s.read},
		{Doc: "Update a client Application", Method: "PUT", Path: clients + "/{id}", Auth: s.admin, JSON: replacement(), Do: s.replace},
		{Doc: "Remove a client Application", Method: "DELETE", Path: clients + "/{id}", Auth: s.admin, Do: s.remove},
	}
	for id := range s.servers {
		server := "/oauth2/" + id
		all = append(all, []contract.Call{
			{Method: "GET", Path: server + "/.well-known/openid-configuration", Do: s.metadata},
			{Method: "GET", Path: server + "/.well-known/oauth-authorization-server", Do: s.metadata},
			{Method: "GET", Path: server + "/v1/keys", Do: contract.PublicKeys(s.key)},
			{Method: "POST", Path: server + "/v1/token", Form: contract.WithCodes(contract.TokenForm()), Do: s.token},
			{Method: "GET", Path: server + "/v1/authorize", Query: contract.AuthorizeQuery(), Do: s.authorize},
			{Method: "POST", Path: server + "/v1/introspect", Form: contract.IntrospectForm(), Do: s.introspect},
		}...)
	}
	return slices.Concat(all, s.serverCalls(), s.secretCalls(), s.serviceCalls())
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

// replacement are the settings of an update: all that the client has, the read-only client_id among them.
func replacement() contract.Members {
	m := settings()
	for name, member := range m {
		member.Nullable = name != "client_name"
		m[name] = member
	}
	m["client_id"] = contract.Member{Kind: contract.Text, Required: true}
	return m
}

// refuse answers in OAuth's words where clients are registered and read, else in Okta's own.
func (s *state) refuse(w http.ResponseWriter, r *http.Request, f contract.Fault, text string) {
	switch {
	case f == contract.BadAuth:
		s.refuseCredential(w, r)
	case f == contract.BadMember && strings.HasSuffix(r.URL.Path, "/v1/token"):
		contract.OAuthError(w, http.StatusBadRequest, "invalid_request", text)
	case f == contract.BadMember && strings.HasPrefix(r.URL.Path, "/api/v1/"):
		invalid(w, text)
	case f == contract.BadMember:
		contract.OAuthError(w, http.StatusBadRequest, "invalid_client_metadata", text)
	case f == contract.NoSuchCall:
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

// invalid is how the management API refuses a value.
func invalid(w http.ResponseWriter, what string) {
	ownError(w, http.StatusBadRequest, "E0000001", "Api validation failed: "+what)
}

func missing(w http.ResponseWriter, what string) {
	ownError(w, http.StatusNotFound, "E0000007", "Not found: Resource not found: "+what)
}

func (s *state) find(id string) *client {
	for _, c := range s.clients {
		if c.id == id {
			return c
		}
	}
	return nil
}

// answer gives a client; its newest secret is shown only where it is made or updated.
func (c *client) answer(secret bool) map[string]any {
	all := map[string]any{"client_id": c.id, "client_id_issued_at": 1453913425, "client_secret_expires_at": 0,
		"client_uri": nil, "logo_uri": nil}
	for name, value := range c.data {
		all[name] = value
	}
	if secret {
		all["client_secret"] = c.secrets[len(c.secrets)-1].value
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
	if s.named(data["client_name"], nil) {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_client_metadata", taken)
		return
	}
	s.count++
	c := &client{id: fmt.Sprintf("0oa%08d", s.count), data: data}
	c.secrets = []*secret{s.newSecret()}
	s.clients = append(s.clients, c)
	x.JSON(http.StatusCreated, c.answer(data["token_endpoint_auth_method"] != "none"))
}

const taken = "client_name: An object with this field already exists in the current organization"

// named tells whether another client has the name.
func (s *state) named(name any, but *client) bool {
	return slices.ContainsFunc(s.clients, func(c *client) bool { return c != but && c.data["client_name"] == name })
}

// replace takes all settings of a client, and nothing less.
func (s *state) replace(x *contract.Exchange) {
	c := s.known(x)
	if c == nil {
		return
	}
	refused := ""
	for name := range c.answer(false) {
		_, there := x.Body[name]
		if readOnly := name == "client_id_issued_at" || name == "client_secret_expires_at"; !there && !readOnly {
			refused = name + ": all settings must be specified"
		}
	}
	data := map[string]any{}
	for name, value := range x.Body {
		if name != "client_id" {
			data[name] = value
		}
	}
	switch {
	case refused != "":
	case x.Body["client_id"] != c.id:
		refused = "client_id: cannot be changed"
	case data["application_type"] != c.data["application_type"]:
		refused = "application_type: cannot be changed"
	case s.named(data["client_name"], c):
		refused = taken
	default:
		refused = wrong(data)
	}
	if refused != "" {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_client_metadata", refused)
		return
	}
	c.data = data
	x.JSON(http.StatusOK, c.answer(true))
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
