// Package wso2server owns a contract server for WSO2 Identity Server 7: it takes what the documentation and the open
// source of that server say, nothing else, and answers as they say. It does not own a real server's policies.
//
// Read on 23 November 2026: the registration API in github.com/wso2/docs-is,
// en/identity-server/7.1.0/docs/apis/restapis/ oauth-dcr.yaml, and in
// github.com/wso2-extensions/identity-inbound-auth-oauth, components/org.wso2.carbon.identity. api.server.dcr
// (api.identity.oauth.dcr.endpoint.yaml, DCRMUtils.java: a name that is taken is 400 although the description says 409,
// an unknown client is a 401 without a body); the refusal of a credential in github.com/
// wso2-extensions/identity-carbon-auth-rest, APIErrorResponseHandler.java; the application API's secret in the
// ApplicationsApi of github.com/wso2/identity-api-server. On 28 November 2026: the change of a registration in
// oauth-dcr.yaml (updateApplication, updateRequest); filters, pages and attributes of applications in application.yaml
// beside it; API resources in components/org.wso2.carbon.identity.api.server.api.resource/…/APIResources.yaml of
// identity-api-server (commit 004b2522), the filter by type in the guide to Asgardeo's command line; authorized APIs in
// ApplicationsApi.java, AuthorizedAPICreationModel.java, AuthorizedAPIPatchModel.java and AuthorizedAPIResponse.java
// there (one that is authorized already is 409, ServerApplicationManagementService.java); which of the scopes asked for
// a client gets with its own credentials in M2MScopeValidationHandler.java of
// github.com/wso2-extensions/identity-inbound-auth-oauth; which scopes each call wants, those for secrets and business
// APIs beside the older ones, in resource-access-control-v2.xml.j2 of github.com/wso2/carbon-identity-framework (commit
// 0008725a, features/identity-core). That people may go to each redirect URI after signing out, read on 29 November
// 2026 at is.docs.wso2.com/en/latest/guides/ authentication/oidc/add-logout. Claims of tokens and the basic credential
// at introspection stand from general knowledge and from is.docs.wso2.com (invoke the OAuth introspection endpoint).
package wso2server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// Who may manage clients, and the organization's scope.
const (
	AdminUser        = "admin@carbon.super"
	AdminPassword    = "admin: p%ssword+"
	ManagementClient = "keyward_management"
	ManagementSecret = "management-secret"
	Scope            = "orders:read"  // of one API resource of the organization's, as is orders:write
	OtherScope       = "orders:admin" // of another one
	SystemScope      = "internal_application_mgt_create"

	// A client of the server itself, with which gateways introspect.
	Introspector       = "keyward_gateway"
	IntrospectorSecret = "gateway-secret"
)

const (
	dcr  = "/api/identity/oauth2/dcr/v1.1/register"
	apps = "/api/server/v1/applications"

	viewApps = "internal_application_mgt_view" // the scope to see applications
)

type application struct {
	id, clientID, secret, name, format string
	grants, callbacks                  []string
	authorized                         map[string][]string // by API resource
}

// state is what one server holds. Ids and secrets are counted, so that requests can be played again.
type state struct {
	origin string // with the tenant's path
	key    *issuer.Key
	count  int
	apps   []*application
	people contract.People
	bearer map[string][]string  // the management application's tokens, with their scopes
	opaque map[string][2]string // token -> client id, scope
}

// Build makes the server's handler for an origin and a tenant's path, "" or "/t/ORGANIZATION".
func Build(origin, tenant string, key *issuer.Key) http.Handler {
	s := &state{origin: origin + tenant, key: key, bearer: map[string][]string{}, opaque: map[string][2]string{}}
	book := contract.Book{Calls: s.calls(), Refuse: s.refuse}
	for i := range book.Calls {
		book.Calls[i].Path = tenant + book.Calls[i].Path
	}
	return book.Handler()
}

func (s *state) calls() []contract.Call {
	one := dcr + "/{id}"
	protocol := apps + "/{id}/inbound-protocols/oidc"
	name := contract.Members{"client_name": {Kind: contract.Text, Required: true}}
	filter := contract.Members{
		"filter": {Kind: contract.Text}, "limit": {Kind: contract.Text}, "offset": {Kind: contract.Text},
		"attributes": {Kind: contract.Text, Enum: []string{
			"advancedConfigurations", "templateId", "clientId", "issuer", "associatedRoles.allowedAudience",
		}},
	}
	changed := registrationRequest()
	for _, name := range []string{"client_name", "redirect_uris"} {
		member := changed[name]
		member.Required = false
		changed[name] = member
	}
	return append(s.authorizationCalls(), []contract.Call{
		{Method: "GET", Path: "/oauth2/token/.well-known/openid-configuration", Do: s.metadata},
		{Method: "GET", Path: "/oauth2/jwks", Do: contract.PublicKeys(s.key)},
		{Method: "POST", Path: "/oauth2/token", Form: contract.WithCodes(tokenForm()), Do: s.token},
		{Method: "GET", Path: "/oauth2/authorize", Query: contract.AuthorizeQuery(), Do: s.signIn},
		{Method: "POST", Path: "/oauth2/introspect", Form: introspectForm(), Auth: s.introspector, Do: s.introspect},
		{Doc: "registerApplication", Method: "POST", Path: dcr, Auth: s.admin, JSON: registrationRequest(),
			Do: s.with(s.register, "internal_dcr_create")},
		{Doc: "getApplicationByName", Method: "GET", Path: dcr, Auth: s.admin, Query: name, Do: s.with(s.byName, "internal_dcr_view")},
		{Doc: "getApplication", Method: "GET", Path: one, Auth: s.admin, Do: s.with(s.read, "internal_dcr_view")},
		{Doc: "updateApplication", Method: "PUT", Path: one, Auth: s.admin, JSON: changed, Do: s.with(s.change, "internal_dcr_update")},
		{Doc: "deleteApplication", Method: "DELETE", Path: one, Auth: s.admin, Do: s.with(s.remove, "internal_dcr_delete")},
		{Doc: "getAllApplications", Method: "GET", Path: apps, Auth: s.admin, Query: filter, Do: s.with(s.list, viewApps)},
		{Doc: "getInboundOAuthConfiguration", Method: "GET", Path: protocol, Auth: s.admin, Do: s.with(s.protocol, viewApps)},
		{Doc: "regenerateOAuthClientSecret", Method: "POST", Path: protocol + "/regenerate-secret", Auth: s.admin,
			Do: s.with(s.regenerate, "internal_application_mgt_client_secret_create")},
	}...)
}

func tokenForm() contract.Members {
	return contract.Members{
		"grant_type": {Kind: contract.Text, Required: true, Enum: []string{"client_credentials"}},
		"scope":      {Kind: contract.Text},
	}
}

func introspectForm() contract.Members {
	return contract.Members{"token": {Kind: contract.Text, Required: true}, "token_type_hint": {Kind: contract.Text}}
}

// registrationRequest is the schema of that name.
func registrationRequest() contract.Members {
	text, flag, number := contract.Member{Kind: contract.Text}, contract.Member{Kind: contract.Flag}, contract.Member{Kind: contract.Number}
	m := contract.Members{
		"client_name":   {Kind: contract.Text, Required: true},
		"redirect_uris": {Kind: contract.Texts, Required: true},
		"grant_types": {Kind: contract.Texts, Enum: []string{
			"authorization_code", "implicit", "password", "client_credentials", "refresh_token",
			"urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange",
		}},
		"token_type_extension": {Kind: contract.Text, Enum: []string{"JWT", "Default"}},
		"contacts":             {Kind: contract.Texts}, "post_logout_redirect_uris": {Kind: contract.Texts},
		"request_uris": {Kind: contract.Texts},
	}
	for _, name := range []string{
		"client_id", "client_secret", "jwks_uri", "url", "ext_param_client_id", "ext_param_client_secret", "ext_param_sp_template",
		"backchannel_logout_uri", "ext_application_display_name", "ext_application_owner", "token_endpoint_auth_method",
		"token_endpoint_auth_signing_alg", "sector_identifier_uri", "software_statement", "subject_type", "ext_allowed_audience",
	} {
		m[name] = text
	}
	for _, name := range []string{"ext_pkce_mandatory", "ext_pkce_support_plain", "ext_public_client", "require_signed_request_object"} {
		m[name] = flag
	}
	for _, name := range []string{"application", "user", "refresh", "id"} {
		m["ext_"+name+"_token_lifetime"] = number
	}
	return m
}

// refuse answers as APIErrorResponseHandler does for the registration API.
func (*state) refuse(w http.ResponseWriter, _ *http.Request, f contract.Fault, text string) {
	switch f {
	case contract.BadAuth:
		w.Header().Set("WWW-Authenticate", "Bearer")
		contract.WriteJSON(w, http.StatusUnauthorized, map[string]any{"code": 401, "message": "Unauthorized",
			"description": "Authorization failure. Authorization information was invalid or missing from your request."})
	case contract.BadMember:
		contract.OAuthError(w, http.StatusBadRequest, "invalid_client_metadata", text)
	default:
		contract.WriteJSON(w, int(f), map[string]any{"code": int(f), "message": text})
	}
}

// admin takes the administrator's own password, as RFC 7617 sends it, or a token of the management application.
func (s *state) admin(r *http.Request) bool {
	if user, password, ok := r.BasicAuth(); ok {
		return user == AdminUser && password == AdminPassword
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	_, known := s.bearer[token]
	return ok && known
}

// with refuses a token that lacks one of the scopes a call wants. An administrator's password has them all.
func (s *state) with(do func(*contract.Exchange), scopes ...string) func(*contract.Exchange) {
	return func(x *contract.Exchange) {
		token, ok := strings.CutPrefix(x.R.Header.Get("Authorization"), "Bearer ")
		for _, scope := range scopes {
			if ok && !slices.Contains(s.bearer[token], scope) {
				x.JSON(http.StatusForbidden, map[string]any{"code": "403", "message": "Forbidden",
					"description": "Operation is not permitted. You do not have permissions to make this request."})
				return
			}
		}
		do(x)
	}
}

// introspector takes client credentials too.
func (s *state) introspector(r *http.Request) bool {
	id, secret, _ := r.BasicAuth()
	return id == Introspector && secret == IntrospectorSecret || s.admin(r)
}

func (s *state) metadata(x *contract.Exchange) {
	x.JSON(http.StatusOK, map[string]any{
		"issuer": s.origin + "/oauth2/token", "jwks_uri": s.origin + "/oauth2/jwks", "token_endpoint": s.origin + "/oauth2/token",
		"introspection_endpoint": s.origin + "/oauth2/introspect", "revocation_endpoint": s.origin + "/oauth2/revoke",
		"registration_endpoint": s.origin + dcr, "authorization_endpoint": s.origin + "/oauth2/authorize",
		"end_session_endpoint": s.origin + "/oidc/logout", "backchannel_logout_supported": true,
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "client_credentials", "password"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	})
}

func (s *state) next(prefix string) string {
	s.count++
	return fmt.Sprintf("%s%04d", prefix, s.count)
}

func (s *state) find(match func(*application) bool) *application {
	for _, a := range s.apps {
		if match(a) {
			return a
		}
	}
	return nil
}

func (s *state) register(x *contract.Exchange) {
	a := &application{format: "Default", authorized: map[string][]string{}}
	a.name, _ = x.Body["client_name"].(string) // judged
	if s.find(func(o *application) bool { return o.name == a.name }) != nil {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_client_metadata",
			"Application with the name "+a.name+" already exist in the system")
		return
	}
	if !a.take(x) {
		return
	}
	a.id, a.clientID, a.secret = s.next("app-"), s.next("Client_"), s.next("secret-of-wso2-")
	s.apps = append(s.apps, a)
	x.JSON(http.StatusCreated, a.answer())
}

// take takes over what the request says, or refuses it.
func (a *application) take(x *contract.Exchange) bool {
	grants, callbacks := contract.Strings(x.Body["grant_types"]), contract.Strings(x.Body["redirect_uris"])
	for _, grant := range grants {
		if (grant == "authorization_code" || grant == "implicit") && len(callbacks) == 0 {
			contract.OAuthError(x.W, http.StatusBadRequest, "invalid_client_metadata",
				"RedirectUris property must have at least one URI value.")
			return false
		}
	}
	a.grants, a.callbacks = grants, callbacks
	if format, ok := x.Body["token_type_extension"].(string); ok {
		a.format = format
	}
	return true
}

func (s *state) change(x *contract.Exchange) {
	a := s.find(func(a *application) bool { return a.clientID == x.R.PathValue("id") })
	if a == nil || a.take(x) {
		s.give(x, a)
	}
}

func (a *application) answer() map[string]any {
	return map[string]any{"client_id": a.clientID, "client_secret": a.secret, "client_secret_expires_at": 0,
		"redirect_uris": a.callbacks, "grant_types": a.grants, "client_name": a.name, "token_type_extension": a.format}
}

func (s *state) byName(x *contract.Exchange) {
	name := x.R.URL.Query().Get("client_name")
	s.give(x, s.find(func(a *application) bool { return a.name == name }))
}

func (s *state) read(x *contract.Exchange) {
	s.give(x, s.find(func(a *application) bool { return a.clientID == x.R.PathValue("id") }))
}

func (s *state) give(x *contract.Exchange, a *application) {
	if a == nil {
		x.W.WriteHeader(http.StatusUnauthorized) // with neither a challenge nor a body
		return
	}
	x.JSON(http.StatusOK, a.answer())
}

func (s *state) remove(x *contract.Exchange) {
	for i, a := range s.apps {
		if a.clientID == x.R.PathValue("id") {
			s.apps = append(s.apps[:i:i], s.apps[i+1:]...)
			x.W.WriteHeader(http.StatusNoContent)
			return
		}
	}
	s.give(x, nil)
}

// list filters by client id, or by how a name begins.
func (s *state) list(x *contract.Exchange) {
	query := x.R.URL.Query()
	id, byID := strings.CutPrefix(query.Get("filter"), "clientId eq ")
	prefix, byName := strings.CutPrefix(query.Get("filter"), "name sw ")
	if !byID && !byName && query.Get("filter") != "" {
		x.JSON(http.StatusBadRequest, map[string]any{"code": "APP-60004", "message": "Invalid filter"})
		return
	}
	offset, limit := 0, 30
	_, _ = fmt.Sscan(query.Get("offset"), &offset) // none is the first
	_, _ = fmt.Sscan(query.Get("limit"), &limit)
	found := []any{}
	for _, a := range s.apps {
		if byID && a.clientID != id || byName && !strings.HasPrefix(a.name, prefix) {
			continue
		}
		item := map[string]any{"id": a.id, "name": a.name, "accessRole": "WRITE"}
		if query.Get("attributes") == "clientId" {
			item["clientId"] = a.clientID
		}
		found = append(found, item)
	}
	page := found[min(offset, len(found)):min(offset+limit, len(found))]
	x.JSON(http.StatusOK, map[string]any{"totalResults": len(found), "startIndex": offset + 1, "count": len(page), "applications": page})
}

func (s *state) protocol(x *contract.Exchange) {
	a := s.find(func(a *application) bool { return a.id == x.R.PathValue("id") })
	if a == nil {
		x.JSON(http.StatusNotFound, map[string]any{"code": "APP-60006", "message": "Resource not found."})
		return
	}
	x.JSON(http.StatusOK, map[string]any{"clientId": a.clientID, "clientSecret": a.secret, "state": "ACTIVE",
		"grantTypes": a.grants, "callbackURLs": a.callbacks, "publicClient": false})
}

func (s *state) regenerate(x *contract.Exchange) {
	if a := s.find(func(a *application) bool { return a.id == x.R.PathValue("id") }); a != nil {
		a.secret = s.next("secret-of-wso2-")
	}
	s.protocol(x)
}

func (s *state) token(x *contract.Exchange) {
	id, secret, _ := x.R.BasicAuth()
	id, _ = url.QueryUnescape(id) // a fault fits no client
	secret, _ = url.QueryUnescape(secret)
	if id == ManagementClient && secret == ManagementSecret {
		token := s.next("management-token-")
		s.bearer[token] = strings.Fields(x.Form.Get("scope"))
		x.JSON(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
		return
	}
	a := s.find(func(a *application) bool { return a.clientID == id && a.secret == secret })
	if a == nil {
		x.W.Header().Set("WWW-Authenticate", `Basic realm="is.com"`)
		contract.OAuthError(x.W, http.StatusUnauthorized, "invalid_client", "Client Authentication failed.")
		return
	}
	if x.Redeems() {
		s.people.Redeem(x, s.origin+"/oauth2/token", id, s.key, map[string]any{"groups": []string{"apis"}})
		return
	}
	scope := a.granted(x.Form.Get("scope"))
	token := s.next("opaque-")
	s.opaque[token] = [2]string{id, scope}
	if a.format == "JWT" {
		var ok bool
		if token, ok = x.Mint(s.key, "at+jwt", s.claims(id, scope)); !ok {
			return
		}
	}
	x.JSON(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": scope})
}

func (s *state) claims(id, scope string) map[string]any {
	now := time.Now().Unix()
	return map[string]any{
		"iss": s.origin + "/oauth2/token", "sub": id, "aud": id, "azp": id, "client_id": id, "aut": "APPLICATION", "scope": scope,
		"nbf": now, "iat": now, "exp": now + 3600, "jti": s.next("jti-"), "org_id": "10084a8d", "org_name": "Super",
	}
}

func (s *state) introspect(x *contract.Exchange) {
	given, known := s.opaque[x.Form.Get("token")]
	if !known || s.find(func(a *application) bool { return a.clientID == given[0] }) == nil {
		x.JSON(http.StatusOK, map[string]any{"active": false})
		return
	}
	answer := s.claims(given[0], given[1])
	answer["active"], answer["token_type"] = true, "Bearer"
	x.JSON(http.StatusOK, answer)
}
