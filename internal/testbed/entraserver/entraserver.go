// Package entraserver owns a contract server for one organization of Microsoft Entra ID: the token endpoint and the part
// of Microsoft Graph that manages app registrations, as Microsoft documents them, with the delay after which a write is
// seen. It does not own consent, users and their permissions.
//
// Read on 23 November 2026: github.com/microsoftgraph/microsoft-graph-docs-contrib, api-reference/v1.0/api/
// application-{post-applications,get,list,delete,addpassword,removepassword}.md, serviceprincipal-post-serviceprincipals.md
// and resources/application.md; learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
// reference-error-codes (AADSTS7000215 a wrong secret, AADSTS700016 an unknown client, AADSTS1002012 a scope without
// /.default). On 28 November 2026: application-update.md, serviceprincipal-{get,list,post-approleassignedto,
// list-approleassignments,delete-approleassignedto}.md with the permissions that each needs, and resources/
// {serviceprincipal,approle}.md of the same (also at learn.microsoft.com/graph/api); certificates in the place of a secret: the
// header and claims of an assertion in github.com/MicrosoftDocs/entra-docs, docs/identity-platform/certificate-credentials.md
// (commit 07bd829d; learn.microsoft.com/entra/identity-platform/certificate-credentials), what it calls proper being demanded
// here, an exp of at most ten minutes and PS256 among it; AADSTS700027 as learn.microsoft.com/answers/questions/5915574 has
// it. On 29 November 2026: groupMembershipClaims in resources/application.md, without which a token has no groups; where people
// may go after signing out in docs/identity-platform/v2-protocols-oidc.md of entra-docs (commit 03589959). That an assertion is
// taken once is stricter than what is written. From general knowledge: the claims of
// tokens of version 1 and 2, how long nothing is seen, and the words with which a role that a client has is refused.
package entraserver

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// The organization, who may manage its applications, and its APIs: their tokens differ in version, as their
// registrations say.
const (
	Tenant           = "1bc1c026-2f7b-48a5-98da-afa2fd8bc7bc"
	ManagementClient = "7d4c1f0e-1111-4e6a-9a53-0f3b1a6f0001"
	ManagementSecret = "management~secret.+/ of-entra"
	Resource         = "api://orders"    // tokens of version 2, whose aud is ResourceID
	ResourceV1       = "api://orders-v1" // tokens of version 1, whose aud is the same text
	ResourceID       = "7d4c1f0e-2222-4e6a-9a53-0f3b1a6f0002"
	Role             = "orders:read" // of both APIs, as are OtherRole and StockRole
	OtherRole        = "orders:write"
	StockRole        = "stock:read"
	RetiredRole      = "orders:old"   // switched off
	PeoplesRole      = "orders:staff" // for people only
	GraphResource    = "https://graph.microsoft.com"
	GraphRole        = "Directory.ReadWrite.All" // of Microsoft Graph, which every organization has

	// OwnerClient may manage its applications only, not give app roles.
	OwnerClient = "7d4c1f0e-3333-4e6a-9a53-0f3b1a6f0003"
	OwnerSecret = "owner-secret-of-entra"
)

type password struct {
	id, name, secret string
	unseen           int
}

type application struct {
	id, appID, name  string
	callbacks        []string
	groups           any // groupMembershipClaims
	passwords        []*password
	principal        *principal
	unseen, unlisted int // how often it will not be there yet
	unknown          int // the same at the token endpoint
}

// state is what one server holds. Ids and secrets are counted, so that requests can be played again.
type state struct {
	origin string
	key    *issuer.Key
	lag    int
	count  int
	apps   []*application
	apis   []*principal
	grants []*assignment
	people contract.People
	bearer map[string]string // token of a management application -> its client id

	certificates []*x509.Certificate // of ManagementClient
	assertions   *contract.Assertions
}

// Build makes the server's handler. What is written is not seen the first lag times that somebody looks.
func Build(origin string, key *issuer.Key, lag int) http.Handler { return BuildWith(origin, key, lag) }

// BuildWith makes that of an organization whose ManagementClient has certificates beside its secret.
func BuildWith(origin string, key *issuer.Key, lag int, certificates ...*x509.Certificate) http.Handler {
	s := &state{
		origin: origin, key: key, lag: lag, apis: apis(), bearer: map[string]string{},
		certificates: certificates, assertions: newAssertions(),
	}
	return contract.Book{Calls: s.calls(), Refuse: refuse}.Handler()
}

func (s *state) calls() []contract.Call {
	text := contract.Member{Kind: contract.Text}
	needed := contract.Member{Kind: contract.Text, Required: true}
	groups := contract.Member{Kind: contract.Text, Enum: []string{"None", "SecurityGroup", "All", "DirectoryRole", "ApplicationGroup"}}
	form := contract.WithCodes(contract.EitherForm())
	form["scope"] = text
	return append(s.roleCalls(), []contract.Call{
		{Method: "GET", Path: "/" + Tenant + "/v2.0/.well-known/openid-configuration", Do: s.metadata(2)},
		{Method: "GET", Path: "/" + Tenant + "/.well-known/openid-configuration", Do: s.metadata(1)},
		{Method: "GET", Path: "/common/v2.0/.well-known/openid-configuration", Do: s.common},
		{Method: "GET", Path: "/" + Tenant + "/discovery/v2.0/keys", Do: contract.PublicKeys(s.key)},
		{
			Doc: "v2-oauth2-client-creds-grant-flow", Method: "POST", Path: "/" + Tenant + "/oauth2/v2.0/token", Do: s.token,
			Form: form,
		},
		{
			Doc: "v2-protocols-oidc", Method: "GET", Path: "/" + Tenant + "/oauth2/v2.0/authorize", Query: contract.AuthorizeQuery(),
			Do: s.authorize,
		},
		{Doc: "application-post-applications", Method: "POST", Path: "/v1.0/applications", Auth: s.admin, JSON: contract.Members{
			"displayName": needed,
			"signInAudience": {Kind: contract.Text, Enum: []string{
				"AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount",
			}},
			"web":                    {Kind: contract.Object, Members: contract.Members{"redirectUris": {Kind: contract.Texts}}},
			"groupMembershipClaims":  groups,
			"identifierUris":         {Kind: contract.Texts},
			"notes":                  text,
			"tags":                   {Kind: contract.Texts},
			"isFallbackPublicClient": {Kind: contract.Flag},
		}, Do: s.create},
		{Doc: "application-list", Method: "GET", Path: "/v1.0/applications", Auth: s.admin, Query: contract.Members{
			"$filter": text, "$top": text, "$skiptoken": text,
		}, Do: s.list},
		{Doc: "application-get", Method: "GET", Path: "/v1.0/applications/{id}", Auth: s.admin, Do: s.one(s.read)},
		{Doc: "application-delete", Method: "DELETE", Path: "/v1.0/applications/{id}", Auth: s.admin, Do: s.one(s.remove)},
		{Doc: "application-update", Method: "PATCH", Path: "/v1.0/applications/{id}", Auth: s.admin, JSON: contract.Members{
			"displayName": text, "web": {Kind: contract.Object, Members: contract.Members{"redirectUris": {Kind: contract.Texts}}},
			"groupMembershipClaims": groups,
		}, Do: s.one(s.update)},
		{Doc: "application-get and serviceprincipal-get, by appId", Method: "GET", Path: "/v1.0/{key}", Auth: s.admin,
			Query: contract.Members{"$select": text}, Do: s.byAppID},
		{
			Doc: "application-addpassword", Method: "POST", Path: "/v1.0/applications/{id}/addPassword", Auth: s.admin,
			JSON: contract.Members{"passwordCredential": {Kind: contract.Object, Members: contract.Members{
				"displayName": text, "endDateTime": text, "startDateTime": text,
			}}}, Do: s.one(s.addPassword),
		},
		{
			Doc: "application-removepassword", Method: "POST", Path: "/v1.0/applications/{id}/removePassword", Auth: s.admin,
			JSON: contract.Members{"keyId": needed}, Do: s.one(s.removePassword),
		},
		{
			Doc: "serviceprincipal-post-serviceprincipals", Method: "POST", Path: "/v1.0/servicePrincipals", Auth: s.admin,
			JSON: contract.Members{"appId": needed}, Do: s.principal,
		},
	}...)
}

func refuse(w http.ResponseWriter, _ *http.Request, f contract.Fault, text string) {
	code := map[contract.Fault]string{
		contract.BadAuth: "InvalidAuthenticationToken", contract.BadMember: "Request_BadRequest",
	}[f]
	if code == "" {
		code = "BadRequest"
	}
	fail(w, int(f), code, text)
}

func fail(w http.ResponseWriter, status int, code, text string) {
	contract.WriteJSON(w, status, map[string]any{"error": map[string]any{
		"code": code, "message": text, "innerError": map[string]any{"request-id": "r-1", "date": "2026-11-23T00:00:00"},
	}})
}

func (s *state) admin(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && s.bearer[token] != ""
}

func (s *state) next(format string) string {
	s.count++
	return fmt.Sprintf(format, s.count)
}

func (s *state) metadata(version int) func(*contract.Exchange) {
	token := map[int]string{1: "/oauth2/token", 2: "/oauth2/v2.0/token"}[version]
	return func(x *contract.Exchange) {
		x.JSON(http.StatusOK, map[string]any{
			"issuer": s.issuer(version), "jwks_uri": s.origin + "/" + Tenant + "/discovery/v2.0/keys",
			"token_endpoint":                        s.origin + "/" + Tenant + token,
			"authorization_endpoint":                s.origin + "/" + Tenant + strings.Replace(token, "/token", "/authorize", 1),
			"end_session_endpoint":                  s.origin + "/" + Tenant + "/oauth2/v2.0/logout",
			"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		})
	}
}

// common is the metadata for every organization: its issuer is a template.
func (s *state) common(x *contract.Exchange) {
	x.JSON(http.StatusOK, map[string]any{
		"issuer": s.origin + "/{tenantid}/v2.0", "jwks_uri": s.origin + "/" + Tenant + "/discovery/v2.0/keys",
		"token_endpoint": s.origin + "/common/oauth2/v2.0/token",
	})
}

func (s *state) issuer(version int) string {
	if version == 1 {
		return "https://sts.windows.net/" + Tenant + "/"
	}
	return s.origin + "/" + Tenant + "/v2.0"
}

func (s *state) create(x *contract.Exchange) {
	a := &application{
		id: s.next("59e617e5-e447-4adc-8b88-%012d"), appID: s.next("65415bb1-9267-4313-bbf5-%012d"),
		unseen: s.lag, unlisted: s.lag, unknown: s.lag,
	}
	a.name, _ = x.Body["displayName"].(string) // judged
	web, _ := x.Body["web"].(map[string]any)   // judged; may be absent
	a.callbacks, a.groups = contract.Strings(web["redirectUris"]), x.Body["groupMembershipClaims"]
	s.apps = append(s.apps, a)
	x.JSON(http.StatusCreated, a.answer())
}

func (a *application) answer() map[string]any {
	passwords := []any{}
	for _, p := range a.passwords {
		passwords = append(passwords, map[string]any{"keyId": p.id, "displayName": p.name, "secretText": nil, "hint": p.secret[:3]})
	}
	return map[string]any{
		"id": a.id, "appId": a.appID, "displayName": a.name, "signInAudience": "AzureADMyOrg", "deletedDateTime": nil,
		"web": map[string]any{"redirectUris": append([]string{}, a.callbacks...)}, "passwordCredentials": passwords,
	}
}

// list filters by display name or by how that begins, two to a page.
func (s *state) list(x *contract.Exchange) {
	filter, page := x.R.URL.Query().Get("$filter"), 0
	_, _ = fmt.Sscan(x.R.URL.Query().Get("$skiptoken"), &page) // none is the first
	name, isName := strings.CutPrefix(filter, "displayName eq '")
	prefix, begins := strings.CutPrefix(filter, "startswith(displayName,'")
	if !isName && !begins && filter != "" {
		fail(x.W, http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported filter")
		return
	}
	name = strings.ReplaceAll(strings.TrimSuffix(name, "'"), "''", "'")
	prefix = strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(prefix, "')"), "''", "'"))
	found := []any{}
	for _, a := range s.apps {
		if isName && !strings.EqualFold(a.name, name) || begins && !strings.HasPrefix(strings.ToLower(a.name), prefix) {
			continue
		}
		if a.unlisted > 0 {
			a.unlisted--
			continue
		}
		found = append(found, a.answer())
	}
	const size = 2
	from, to := min(page*size, len(found)), min(page*size+size, len(found))
	answer := map[string]any{"@odata.context": s.origin + "/v1.0/$metadata#applications", "value": found[from:to]}
	if to < len(found) {
		answer["@odata.nextLink"] = s.origin + "/v1.0/applications?" + url.Values{
			"$filter": {filter}, "$skiptoken": {fmt.Sprint(page + 1)},
		}.Encode()
	}
	x.JSON(http.StatusOK, answer)
}

// byAppID reads an application or a service principal by its client id.
func (s *state) byAppID(x *contract.Exchange) {
	if strings.HasPrefix(x.R.PathValue("key"), "servicePrincipals(") {
		s.readPrincipal(x)
		return
	}
	s.one(s.read)(x)
}

// one finds the application that the path names, by object id or by client id.
func (s *state) one(do func(*contract.Exchange, *application)) func(*contract.Exchange) {
	return func(x *contract.Exchange) {
		id, key := x.R.PathValue("id"), x.R.PathValue("key")
		for _, a := range s.apps {
			if a.id != id && !strings.EqualFold("applications(appId='"+a.appID+"')", key) { // GUIDs are one in any case
				continue
			}
			if a.unseen > 0 {
				a.unseen--
				break
			}
			do(x, a)
			return
		}
		missing(x, id+key)
	}
}

func missing(x *contract.Exchange, what string) {
	fail(x.W, http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+what+
		"' does not exist or one of its queried reference-property objects are not present.")
}

func (s *state) read(x *contract.Exchange, a *application) { x.JSON(http.StatusOK, a.answer()) }

// update leaves what is not in the body as it is.
func (s *state) update(x *contract.Exchange, a *application) {
	if name, ok := x.Body["displayName"].(string); ok {
		a.name = name
	}
	if groups, given := x.Body["groupMembershipClaims"]; given {
		a.groups = groups
	}
	if web, ok := x.Body["web"].(map[string]any); ok && web["redirectUris"] != nil {
		a.callbacks = contract.Strings(web["redirectUris"])
	}
	x.W.WriteHeader(http.StatusNoContent)
}

func (s *state) remove(x *contract.Exchange, a *application) {
	s.apps = slices.DeleteFunc(s.apps, func(o *application) bool { return o == a })
	s.grants = slices.DeleteFunc(s.grants, func(g *assignment) bool { return a.principal != nil && g.principal == a.principal.id })
	x.W.WriteHeader(http.StatusNoContent)
}

func (s *state) addPassword(x *contract.Exchange, a *application) {
	p := &password{id: s.next("f0b0b335-1d71-4883-8f98-%012d"), secret: s.next("s3~secret.of.entra-%04d"), unseen: s.lag}
	given, _ := x.Body["passwordCredential"].(map[string]any) // judged; may be absent
	p.name, _ = given["displayName"].(string)
	a.passwords = append(a.passwords, p)
	x.JSON(http.StatusOK, map[string]any{"keyId": p.id, "secretText": p.secret, "displayName": p.name, "hint": p.secret[:3],
		"startDateTime": "2026-11-23T00:00:00Z", "endDateTime": "2028-11-23T00:00:00Z", "customKeyIdentifier": nil})
}

func (s *state) removePassword(x *contract.Exchange, a *application) {
	for i, p := range a.passwords {
		if p.id == x.Body["keyId"] {
			a.passwords = append(a.passwords[:i:i], a.passwords[i+1:]...)
			x.W.WriteHeader(http.StatusNoContent)
			return
		}
	}
	fail(x.W, http.StatusBadRequest, "Request_BadRequest", "No password credential found with keyId.")
}

func (s *state) principal(x *contract.Exchange) {
	for _, a := range s.apps {
		if a.appID != x.Body["appId"] {
			continue
		}
		if a.unseen > 0 {
			a.unseen--
			break
		}
		if a.principal != nil {
			fail(x.W, http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "The service principal exists already.")
			return
		}
		a.principal = &principal{
			id: s.next("00af5dfb-85da-4b41-a677-%012d"), appID: a.appID, name: a.name, names: []string{a.appID}, unseen: s.lag,
		}
		x.JSON(http.StatusCreated, a.principal.answer())
		return
	}
	fail(x.W, http.StatusBadRequest, "Request_BadRequest",
		"The appId of the service principal does not reference a valid application object.")
}
