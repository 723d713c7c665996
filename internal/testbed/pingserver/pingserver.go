// Package pingserver owns a contract server for PingFederate with two access token managers: it takes what the
// administrative API's documentation says, nothing else, and answers as documented. It does not own a real server's
// policies. Both ports of PingFederate are one address here.
//
// Read on 23 November 2026: the calls for clients in Ping's own Go client (OauthClientsAPI.md of github.com/pingidentity/
// pingfederate-go-client: ids, page and filter, statuses) and in github.com/Py-Ping/py-ping-fed-sdk (commit 221022a1:
// oauth_clients.py, client.py, client_auth.py, api_result.py); the field against forged requests at docs.pingidentity.
// com/r/en-us/pingfederate-100/qxu1564003026931; introspection at docs.pingidentity.com/pingfederate/latest/
// developers_reference_guide/pf_introspec_endpoint.html; common scopes at …/administrators_reference_guide/
// pf_defining_scopes.html. The texts of errors, that a client with the grant CLIENT_CREDENTIALS needs a secret, and the
// claims of tokens stand from general knowledge.
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
	JWTManager         = "jwt" // the default
	ReferenceManager   = "reference"
	Introspector       = "gateway" // a client with the grant ACCESS_TOKEN_VALIDATION
	IntrospectorSecret = "gateway-secret"
)

type client struct {
	id, secret string
	data       map[string]any
}

// state is what one server holds.
type state struct {
	origin    string
	key       *issuer.Key
	count     int
	clients   []*client
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
	return []contract.Call{
		{Method: "GET", Path: "/.well-known/openid-configuration", Do: s.metadata},
		{Method: "GET", Path: "/pf/JWKS", Do: contract.PublicKeys(s.key)},
		{Method: "POST", Path: "/as/token.oauth2", Form: contract.TokenForm(), Do: s.token},
		{Method: "POST", Path: "/as/introspect.oauth2", Form: contract.IntrospectForm(), Do: s.introspect},
		{Doc: "createClient", Method: "POST", Path: clients, Auth: admin, JSON: clientModel(), Do: s.create},
		{Doc: "getClient", Method: "GET", Path: one, Auth: admin, Do: s.read},
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
		}},
		"defaultAccessTokenManagerRef": link, "requestPolicyRef": link, "tokenExchangeProcessorPolicyRef": link,
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
	all := map[string]any{"enabled": true, "bypassApprovalPage": false, "restrictScopes": false}
	for name, value := range c.data {
		all[name] = value
	}
	all["clientAuth"] = map[string]any{"type": "SECRET", "encryptedSecret": fmt.Sprintf("OBF:JWE:%d", len(c.secret)),
		"secondarySecrets": []any{}, "enforceReplayPrevention": false}
	return all
}

func (s *state) create(x *contract.Exchange) {
	id, data := fmt.Sprint(x.Body["clientId"]), x.Body
	auth, _ := data["clientAuth"].(map[string]any) // judged; absent is no authentication
	grants := contract.Strings(data["grantTypes"])
	var faults []string
	if s.find(id) != nil {
		faults = append(faults, "clientId An OAuth client with this ID already exists.")
	}
	if id == "" || strings.TrimSpace(fmt.Sprint(data["name"])) == "" {
		faults = append(faults, "name This field is required.")
	}
	secret, _ := auth["secret"].(string) // judged
	if auth["type"] == "SECRET" && secret == "" || slices.Contains(grants, "CLIENT_CREDENTIALS") && auth["type"] != "SECRET" {
		faults = append(faults, "clientAuth.secret Client secret is required.")
	}
	redirects := slices.Contains(grants, "AUTHORIZATION_CODE") || slices.Contains(grants, "IMPLICIT")
	if redirects && len(contract.Strings(data["redirectUris"])) == 0 {
		faults = append(faults, "redirectUris At least one redirect URI is required.")
	}
	if data["restrictScopes"] != true && len(contract.Strings(data["restrictedScopes"])) > 0 {
		faults = append(faults, "restrictedScopes Scopes are only allowed when scopes are restricted.")
	}
	for _, scope := range contract.Strings(data["restrictedScopes"]) {
		if scope != Scope && scope != OtherScope {
			faults = append(faults, "restrictedScopes Scope "+scope+" is not a common scope.")
		}
	}
	if manager := managerOf(data); manager != JWTManager && manager != ReferenceManager {
		faults = append(faults, "defaultAccessTokenManagerRef.id Resource "+manager+" was not found.")
	}
	if len(faults) > 0 {
		invalid(x.W, faults...)
		return
	}
	c := &client{id: id, secret: secret, data: data}
	s.clients = append(s.clients, c)
	x.JSON(http.StatusCreated, c.answer())
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

func (s *state) remove(x *contract.Exchange) {
	if c := s.known(x); c != nil {
		s.clients = slices.DeleteFunc(s.clients, func(o *client) bool { return o == c })
		x.W.WriteHeader(http.StatusNoContent)
	}
}

func (s *state) setSecret(x *contract.Exchange) {
	secret := fmt.Sprint(x.Body["secret"])
	if secret == "" {
		invalid(x.W, "secret This field is required.")
		return
	}
	if c := s.known(x); c != nil {
		c.secret = secret
		x.JSON(http.StatusOK, map[string]any{"encryptedSecret": "OBF:JWE:new", "secondarySecrets": []any{}})
	}
}
