// Package pingserver owns a contract server for PingFederate with two access token managers: it takes what the
// administrative API's documentation says, nothing else, and answers as documented. It does not own a real server's
// policies. Both ports of PingFederate are one address here.
//
// Read on 28 November 2026, in docs of github.com/pingidentity/pingfederate-go-client (commit 15fd4039): Client.md (PUT
// takes the whole client, its id from the address; clientSecretRetentionPeriod), ClientAuth.md and SecondarySecret.md
// (encryptedSecret is passed back unchanged), ClientSecret.md, OauthAuthServerSettingsAPI.md (scopes by name); common and
// exclusive scopes as below.
//
// Read on 23 November 2026: the calls for clients in Ping's own Go client (OauthClientsAPI.md of
// github.com/pingidentity/ pingfederate-go-client: ids, page and filter, statuses) and in
// github.com/Py-Ping/py-ping-fed-sdk (commit 221022a1: oauth_clients.py, client.py, client_auth.py, api_result.py); the
// field against forged requests at docs.pingidentity. com/r/en-us/pingfederate-100/qxu1564003026931; introspection at
// docs.pingidentity.com/pingfederate/latest/ developers_reference_guide/pf_introspec_endpoint.html; common scopes at
// …/administrators_reference_guide/ pf_defining_scopes.html. oidcPolicy, read on 29 November 2026: members in
// ClientOIDCPolicy.md of github.com/rezamt/ pingfederate-swagger-client-11.3.2.0, the modes, and postLogoutRedirectUris
// since version 12, in the schema of an OAuth client in Ping's own Terraform provider
// (github.com/pingidentity/terraform-provider-pingfederate). The texts of errors, that a client with the grant
// CLIENT_CREDENTIALS needs a secret, and the claims of tokens stand from general knowledge.
package pingserver

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// What the server has from its start.
const (
	AdminUser          = "api admin"
	AdminPassword      = "2Federate: M%re+"
	Scope              = "orders:read" // common scopes
	OtherScope         = "orders:write"
	ExclusiveScope     = "orders:admin" // exclusive ones
	SystemScope        = "register:clients"
	JWTManager         = "jwt" // the default
	ReferenceManager   = "reference"
	Introspector       = "gateway" // a client with the grant ACCESS_TOKEN_VALIDATION
	IntrospectorSecret = "gateway-secret"
)

type client struct {
	id       string
	secret   secret
	retained []secret // secondarySecrets
	data     map[string]any
}

type secret struct{ value, encrypted string }

// state is what one server holds.
type state struct {
	origin    string
	key       *issuer.Key
	count     int
	clients   []*client
	people    contract.People
	reference map[string]map[string]any // opaque token -> what introspection says of it
}

// Build makes the server's handler for an origin.
func Build(origin string, key *issuer.Key) http.Handler {
	s := &state{origin: origin, key: key, reference: map[string]map[string]any{}}
	book := contract.Book{Calls: s.calls(), Refuse: refuse}.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/pf-admin-api/") && r.Header.Get("X-XSRF-Header") != "PingFederate" {
			apiError(w, http.StatusForbidden, "invalid_xsrf_header", "The X-XSRF-Header: PingFederate is required")
			return
		}
		book.ServeHTTP(w, r)
	})
}

func (s *state) calls() []contract.Call {
	const clients, one = "/pf-admin-api/v1/oauth/clients", "/pf-admin-api/v1/oauth/clients/{id}"
	secret := contract.Members{"secret": {Kind: contract.Text, Required: true}}
	changed := clientModel()
	changed["clientId"] = contract.Member{Kind: contract.Text} // the address has it
	const scopes = "/pf-admin-api/v1/oauth/authServerSettings/scopes"
	return []contract.Call{
		{Method: "GET", Path: "/.well-known/openid-configuration", Do: s.metadata},
		{Method: "GET", Path: "/pf/JWKS", Do: contract.PublicKeys(s.key)},
		{Method: "POST", Path: "/as/token.oauth2", Form: contract.WithCodes(contract.TokenForm()), Do: s.token},
		{Method: "GET", Path: "/as/authorization.oauth2", Query: contract.AuthorizeQuery(), Do: s.authorize},
		{Method: "POST", Path: "/as/introspect.oauth2", Form: contract.IntrospectForm(), Do: s.introspect},
		{Doc: "createClient", Method: "POST", Path: clients, Auth: admin, JSON: clientModel(), Do: s.create},
		{Doc: "getOauthClients", Method: "GET", Path: clients, Auth: admin, Query: contract.Members{
			"page": {Kind: contract.Text}, "numberPerPage": {Kind: contract.Text}, "filter": {Kind: contract.Text},
		}, Do: s.list},
		{Doc: "getClient", Method: "GET", Path: one, Auth: admin, Do: s.read},
		{Doc: "updateOauthClient", Method: "PUT", Path: one, Auth: admin, JSON: changed, Do: s.update},
		{Doc: "getCommonScope", Method: "GET", Path: scopes + "/commonScopes/{name}", Auth: admin, Do: scope(Scope, OtherScope)},
		{Doc: "getExclusiveScope", Method: "GET", Path: scopes + "/exclusiveScopes/{name}", Auth: admin,
			Do: scope(ExclusiveScope, SystemScope)},
		{Doc: "deleteClient", Method: "DELETE", Path: one, Auth: admin, Do: s.remove},
		{Doc: "updateClientSecret", Method: "PUT", Path: one + "/clientAuth/clientSecret", Auth: admin, JSON: secret, Do: s.setSecret},
	}
}

// clientModel is the model Client, without settings of grants that last, of devices and of encrypted answers.
func clientModel() contract.Members {
	link := contract.Member{Kind: contract.Object, Members: contract.Members{
		"id": {Kind: contract.Text, Required: true}, "location": {Kind: contract.Text},
	}}
	m := contract.Members{
		"clientId": {Kind: contract.Text, Required: true},
		"name":     {Kind: contract.Text, Required: true},
		"grantTypes": {Kind: contract.Texts, Required: true, Enum: []string{
			"IMPLICIT", "AUTHORIZATION_CODE", "RESOURCE_OWNER_CREDENTIALS", "CLIENT_CREDENTIALS", "REFRESH_TOKEN", "EXTENSION",
			"DEVICE_CODE", "ACCESS_TOKEN_VALIDATION", "CIBA", "TOKEN_EXCHANGE",
		}},
		"clientAuth": {Kind: contract.Object, Members: contract.Members{
			"type": {Kind: contract.Text, Required: true, Enum: []string{
				"NONE", "SECRET", "CERTIFICATE", "PRIVATE_KEY_JWT", "CLIENT_SECRET_JWT",
			}},
			"secret": {Kind: contract.Text}, "encryptedSecret": {Kind: contract.Text},
			"clientCertIssuerDn": {Kind: contract.Text}, "clientCertSubjectDn": {Kind: contract.Text},
			"enforceReplayPrevention": {Kind: contract.Flag},
			"secondarySecrets": {Kind: contract.Objects, Members: contract.Members{
				"secret": {Kind: contract.Text}, "encryptedSecret": {Kind: contract.Text}, "expiryTime": {Kind: contract.Text},
			}},
		}},
		"oidcPolicy": {Kind: contract.Object, Members: contract.Members{
			"logoutMode": {Kind: contract.Text, Enum: []string{
				"NONE", "PING_FRONT_CHANNEL", "OIDC_FRONT_CHANNEL", "OIDC_BACK_CHANNEL",
			}},
			"backChannelLogoutUri": {Kind: contract.Text}, "logoutUris": {Kind: contract.Texts}, "policyGroup": link,
			"idTokenSigningAlgorithm": {Kind: contract.Text}, "postLogoutRedirectUris": {Kind: contract.Texts},
		}},
		"clientSecretRetentionPeriodType": {Kind: contract.Text, Enum: []string{"SERVER_DEFAULT", "OVERRIDE_SERVER_DEFAULT"}},
		"clientSecretRetentionPeriod":     {Kind: contract.Number},
		"defaultAccessTokenManagerRef":    link, "requestPolicyRef": link, "tokenExchangeProcessorPolicyRef": link,
		"description": {Kind: contract.Text}, "logoUrl": {Kind: contract.Text},
	}
	for _, name := range []string{"redirectUris", "restrictedScopes", "exclusiveScopes", "restrictedResponseTypes"} {
		m[name] = contract.Member{Kind: contract.Texts}
	}
	for _, name := range []string{
		"enabled", "restrictScopes", "bypassApprovalPage", "requireProofKeyForCodeExchange", "allowAuthenticationApiInit",
		"restrictToDefaultAccessTokenManager", "validateUsingAllEligibleAtms", "requirePushedAuthorizationRequests",
	} {
		m[name] = contract.Member{Kind: contract.Flag}
	}
	return m
}

func admin(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && user == AdminUser && password == AdminPassword
}

func refuse(w http.ResponseWriter, r *http.Request, f contract.Fault, text string) {
	switch {
	case f == contract.BadMember && strings.HasPrefix(r.URL.Path, "/as/"):
		contract.OAuthError(w, http.StatusBadRequest, "invalid_request", text)
	case f == contract.BadMember:
		apiError(w, http.StatusBadRequest, "invalid_request", text)
	case f == contract.BadAuth:
		apiError(w, http.StatusUnauthorized, "invalid_credentials", "The credentials you provided were not recognized.")
	default:
		apiError(w, int(f), "resource_not_found", text)
	}
}

// apiError is the model ApiResult; each fault becomes a validation error of it.
func apiError(w http.ResponseWriter, status int, id, message string, faults ...string) {
	body := map[string]any{"resultId": id, "message": message}
	if len(faults) > 0 {
		var list []any
		for _, text := range faults {
			path, rest, _ := strings.Cut(text, " ")
			list = append(list, map[string]any{"fieldPath": path, "message": rest, "errorId": "invalid_value"})
		}
		body["validationErrors"] = list
	}
	contract.WriteJSON(w, status, body)
}

func invalid(w http.ResponseWriter, faults ...string) {
	apiError(w, http.StatusUnprocessableEntity, "validation_error",
		"Validation error(s) occurred. Please review the error(s) and address accordingly.", faults...)
}

func (s *state) find(id string) *client {
	i := slices.IndexFunc(s.clients, func(c *client) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return s.clients[i]
}

// answer gives a client; a secret is only ever given encrypted.
func (c *client) answer() map[string]any {
	all := map[string]any{"enabled": true, "bypassApprovalPage": false, "restrictScopes": false,
		"clientSecretRetentionPeriodType": "SERVER_DEFAULT", "clientId": c.id}
	for name, value := range c.data {
		all[name] = value
	}
	all["clientAuth"] = map[string]any{"type": "SECRET", "encryptedSecret": c.secret.encrypted,
		"secondarySecrets": c.secondary(), "enforceReplayPrevention": false}
	return all
}

func (c *client) secondary() []any {
	list := []any{}
	for _, one := range c.retained {
		list = append(list, map[string]any{"encryptedSecret": one.encrypted, "expiryTime": "2026-12-28T00:00:00.000Z"})
	}
	return list
}

// faults are what is wrong with a client's data; secret is what it would have.
func faults(data map[string]any, secret string) []string {
	auth, _ := data["clientAuth"].(map[string]any) // judged; absent is no authentication
	grants := contract.Strings(data["grantTypes"])
	var list []string
	if strings.TrimSpace(fmt.Sprint(data["name"])) == "" {
		list = append(list, "name This field is required.")
	}
	if auth["type"] == "SECRET" && secret == "" || slices.Contains(grants, "CLIENT_CREDENTIALS") && auth["type"] != "SECRET" {
		list = append(list, "clientAuth.secret Client secret is required.")
	}
	redirects := slices.Contains(grants, "AUTHORIZATION_CODE") || slices.Contains(grants, "IMPLICIT")
	if redirects && len(contract.Strings(data["redirectUris"])) == 0 {
		list = append(list, "redirectUris At least one redirect URI is required.")
	}
	if data["restrictScopes"] != true && len(contract.Strings(data["restrictedScopes"])) > 0 {
		list = append(list, "restrictedScopes Scopes are only allowed when scopes are restricted.")
	}
	for _, scope := range contract.Strings(data["restrictedScopes"]) {
		if scope != Scope && scope != OtherScope {
			list = append(list, "restrictedScopes Scope "+scope+" is not a common scope.")
		}
	}
	for _, scope := range contract.Strings(data["exclusiveScopes"]) {
		if scope != ExclusiveScope && scope != SystemScope {
			list = append(list, "exclusiveScopes Scope "+scope+" is not an exclusive scope.")
		}
	}
	if manager := managerOf(data); manager != JWTManager && manager != ReferenceManager {
		list = append(list, "defaultAccessTokenManagerRef.id Resource "+manager+" was not found.")
	}
	return list
}

func (s *state) create(x *contract.Exchange) {
	id, data := fmt.Sprint(x.Body["clientId"]), x.Body
	auth, _ := data["clientAuth"].(map[string]any) // judged
	value, _ := auth["secret"].(string)
	wrong := faults(data, value)
	if s.find(id) != nil {
		wrong = append([]string{"clientId An OAuth client with this ID already exists."}, wrong...)
	}
	if id == "" {
		wrong = append(wrong, "clientId This field is required.")
	}
	if len(wrong) > 0 {
		invalid(x.W, wrong...)
		return
	}
	c := &client{id: id, secret: s.encrypt(value), data: data}
	s.clients = append(s.clients, c)
	x.JSON(http.StatusCreated, c.answer())
}

func (s *state) encrypt(value string) secret {
	s.count++
	return secret{value: value, encrypted: fmt.Sprintf("OBF:JWE:%04d", s.count)}
}

// update replaces a client's data. Secrets stay whose encrypted form comes back.
func (s *state) update(x *contract.Exchange) {
	c := s.known(x)
	if c == nil {
		return
	}
	auth, _ := x.Body["clientAuth"].(map[string]any) // judged
	primary, _ := auth["secret"].(string)
	if primary == "" && auth["encryptedSecret"] == c.secret.encrypted {
		primary = c.secret.value
	}
	if wrong := faults(x.Body, primary); len(wrong) > 0 {
		invalid(x.W, wrong...)
		return
	}
	kept := []secret{}
	list, _ := auth["secondarySecrets"].([]any) // judged
	for _, item := range list {
		one, _ := item.(map[string]any) // judged
		for _, had := range c.retained {
			if had.encrypted == one["encryptedSecret"] {
				kept = append(kept, had)
			}
		}
	}
	c.retained, c.data = kept, x.Body
	c.data["clientId"] = c.id
	if primary != c.secret.value {
		s.replaceSecret(c, primary)
	}
	x.JSON(http.StatusOK, c.answer())
}

// replaceSecret retains the secret before, where the client says so.
func (s *state) replaceSecret(c *client, value string) {
	period, _ := c.data["clientSecretRetentionPeriod"].(float64) // judged
	if c.data["clientSecretRetentionPeriodType"] == "OVERRIDE_SERVER_DEFAULT" && period > 0 {
		c.retained = append(c.retained, c.secret)
	}
	c.secret = s.encrypt(value)
}

// scope answers for the names of one kind.
func scope(names ...string) func(*contract.Exchange) {
	return func(x *contract.Exchange) {
		name := x.R.PathValue("name")
		if !slices.Contains(names, name) {
			apiError(x.W, http.StatusNotFound, "resource_not_found", "The resource '"+name+"' was not found.")
			return
		}
		x.JSON(http.StatusOK, map[string]any{"name": name, "description": name, "dynamic": false})
	}
}

func managerOf(data map[string]any) string {
	ref, ok := data["defaultAccessTokenManagerRef"].(map[string]any)
	if !ok {
		return JWTManager
	}
	return fmt.Sprint(ref["id"])
}

// known finds the client of the path, or says that there is none.
func (s *state) known(x *contract.Exchange) *client {
	c := s.find(x.R.PathValue("id"))
	if c == nil {
		apiError(x.W, http.StatusNotFound, "resource_not_found", "The resource '"+x.R.PathValue("id")+"' was not found.")
	}
	return c
}

func (s *state) read(x *contract.Exchange) {
	if c := s.known(x); c != nil {
		x.JSON(http.StatusOK, c.answer())
	}
}

// list finds a text in a client's id or name, in any case.
func (s *state) list(x *contract.Exchange) {
	query := x.R.URL.Query()
	found, page, size := []any{}, 1, 10
	_, _ = fmt.Sscan(query.Get("page"), &page) // none is the first
	_, _ = fmt.Sscan(query.Get("numberPerPage"), &size)
	for _, c := range s.clients {
		if strings.Contains(strings.ToLower(c.id+"\n"+fmt.Sprint(c.data["name"])), strings.ToLower(query.Get("filter"))) {
			found = append(found, c.answer())
		}
	}
	x.JSON(http.StatusOK, map[string]any{"items": found[min((page-1)*size, len(found)):min(page*size, len(found))]})
}

func (s *state) remove(x *contract.Exchange) {
	if c := s.known(x); c != nil {
		s.clients = slices.DeleteFunc(s.clients, func(o *client) bool { return o == c })
		x.W.WriteHeader(http.StatusNoContent)
	}
}

func (s *state) setSecret(x *contract.Exchange) {
	value := fmt.Sprint(x.Body["secret"])
	if value == "" {
		invalid(x.W, "secret This field is required.")
		return
	}
	if c := s.known(x); c != nil {
		s.replaceSecret(c, value)
		x.JSON(http.StatusOK, map[string]any{"encryptedSecret": c.secret.encrypted, "secondarySecrets": c.secondary()})
	}
}
