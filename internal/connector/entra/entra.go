// Package entra manages clients of one organization of Microsoft Entra ID through Microsoft Graph. It does not own what
// connectors have in common.
package entra

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Type describes Entra ID.
func Type() connector.Type {
	return connector.Type{
		Name:  keyward.TypeEntra,
		Title: "Microsoft Entra ID",
		Help: "One organization of Entra ID: discovery is https://login.microsoftonline.com/TENANT-ID/v2.0. Tokens of version 1 " +
			"(issuer https://sts.windows.net/TENANT-ID/) and 2 are both taken: which one a client gets follows the API's " +
			"registration. Clients are created through Microsoft Graph. For many organizations, issuer is " +
			"https://login.microsoftonline.com/{tid}/v2.0, and tokens.match lists them: {claims: {tid: TENANT-ID}}.",
		Creates: true,
		AdminFields: append(management(), []connector.Field{
			{
				Name: "connection.resource", Title: "The APIs' application ID URI", Type: connector.FieldString,
				Help: "As in api://orders. For it a token is asked when a secret is tried; left out, the client's own id. App " +
					"roles are given of this API and of those in tokens.audiences, and of no other.",
			},
			{
				Name: "connection.graphUrl", Title: "Microsoft Graph", Type: connector.FieldURL, Default: graphURL,
				Help: "Another one for national clouds, with its version.",
			},
		}...),
		DeveloperFields: []connector.Field{},
		ClientIDClaims:  []string{"azp", "appid"},
		ScopeClaims:     []string{"roles", "scp"},
		Scopes:          connector.ScopesAssigned,
		PerAudience:     true,
		OwnClients: []string{ // Microsoft Graph, the Azure command line, Azure PowerShell, the portal
			"00000003-0000-0000-c000-000000000000", "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
			"1950a258-227b-4e31-a9cf-717495945fc2", "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
		},
		OwnAudience: func(s connector.Server, audience string) bool {
			return strings.TrimSuffix(audience, "/") == connector.OriginOf(graphOf(s))
		},
		Limits: []string{
			"of a client only the callbacks can be changed; two of its secrets may overlap",
			"no introspection: opaque tokens are refused",
			"many organizations, with {tid} in the issuer: clients are mapped as TENANT-ID/CLIENT-ID, without a look at the " +
				"server, and none is created",
			"scopes are app roles, given by subscriptions, with AppRoleAssignment.ReadWrite.All only; else an administrator " +
				"assigns them. A role that the API has not is never made, and a token carries all roles of a client",
			"app roles are given of the APIs in connection.resource and tokens.audiences only; they may take minutes to show",
			"secrets end after two years: rotate before; a removed secret may work for some minutes",
			"a deleted client stays in the organization's list of deleted applications for 30 days",
			"proven against a contract server written from the vendor's documentation only",
		},
		Certified: true, ToEndpoint: true,
		Many: true,
		Twin: twin,
	}
}

// management are the fields of the app registration that manages others.
func management() []connector.Field {
	fields := connector.ServiceAccountWithKey("Management application's",
		"An app registration with the application permission Application.ReadWrite.OwnedBy of Microsoft Graph, and "+
			"an administrator's consent. To give clients app roles it needs AppRoleAssignment.ReadWrite.All and "+
			"Application.Read.All too.", connector.BySecret, connector.ByAssertion)
	fields[len(fields)-1].Help = "Needed with private_key_jwt: an RSA key and its certificate, both PEM, in one text. The app " +
		"registration has the certificate."
	return fields
}

const (
	graphURL   = "https://graph.microsoft.com/v1.0"
	secretName = "Keyward" // display name of the secrets that are ours
)

// pauses are waited for what was just made to be seen everywhere.
func pauses() []time.Duration {
	return []time.Duration{
		250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
	}
}

// entra manages app registrations through Microsoft Graph, where a client is an application with an object id beside
// its client id, and a service principal in the organization. Graph shows what was written only after a while.
type entra struct {
	connector.TokenEndpoint

	resource string
	named    []string // APIs that the key manager's administrator named; the first is that of scopes without an audience
	graph    string
	manage   connector.Service
}

// graphOf is the address of Microsoft Graph for a key manager, with its version.
func graphOf(s connector.Server) string {
	if own := s.Text("graphUrl"); own != "" {
		return strings.TrimSuffix(own, "/")
	}
	return graphURL
}

// Open is the connector.Opener of Entra ID.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	e := &entra{TokenEndpoint: connector.NewTokenEndpoint(s, l), resource: s.Text("resource"), graph: graphOf(s)}
	e.named = slices.Concat([]string{e.resource}, s.Spec.Tokens.Audiences)
	e.named = slices.DeleteFunc(e.named, func(name string) bool { return name == "" })
	// The endpoint of version 1 wants a resource where that of version 2, beside it, wants a scope.
	if before, old := strings.CutSuffix(e.URL, "/oauth2/token"); old {
		e.URL = before + "/oauth2/v2.0/token"
	}
	d := s.Issuer()
	near := d == "" || connector.SameOrigin(d, e.URL) || connector.SameOrigin(twin(d), e.URL)
	if s.Spec.Endpoints.Token == "" && !near {
		return nil, connector.Refused("spec.endpoints.token",
			"is required: discovery says %s, which is another host than that of %s", e.URL, d)
	}
	account := s.Account(e.URL, e.URL)
	account.Certified, account.Params = true, url.Values{"scope": {connector.OriginOf(e.graph) + "/.default"}}
	e.manage = connector.Service{Line: l, Account: account}
	return e, nil
}

// application is the part of Graph's application that we write and read.
type application struct {
	ID          string               `json:"id,omitempty"`
	AppID       string               `json:"appId,omitempty"`
	DisplayName string               `json:"displayName"`
	Audience    string               `json:"signInAudience,omitempty"`
	Web         *web                 `json:"web,omitempty"`
	Groups      string               `json:"groupMembershipClaims,omitempty"`
	Passwords   []passwordCredential `json:"passwordCredentials,omitempty"`
}

type web struct {
	RedirectURIs []string `json:"redirectUris"`
}

type passwordCredential struct {
	DisplayName string     `json:"displayName"`
	KeyID       string     `json:"keyId,omitempty"`
	SecretText  string     `json:"secretText,omitempty"`
	EndDateTime *time.Time `json:"endDateTime,omitempty"`
}

// Register implements Connector: the application, its service principal, its secret; and it returns when the token
// endpoint knows them, or has had its time.
func (e *entra) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	app, err := newApplication(r)
	if err != nil {
		return connector.Registered{}, err
	}
	post := wire.Call{Op: "register the client", Method: http.MethodPost, URL: e.graph + "/applications", JSON: app}
	a, err := e.manage.Do(ctx, post)
	if err != nil {
		return connector.Registered{}, err
	}
	var made application
	if a.Status != http.StatusCreated || json.Unmarshal(a.Body, &made) != nil || made.AppID == "" || made.ID == "" {
		return connector.Registered{}, post.Failure(a)
	}
	uri := e.graph + "/applications/" + url.PathEscape(made.ID)
	out := connector.Registered{ClientID: made.AppID, Handle: connector.Handle{ClientID: made.AppID, URI: uri}}
	if err := e.principal(ctx, made.AppID); err != nil {
		return connector.Registered{}, e.takeBack(ctx, out, err)
	}
	password, err := e.addPassword(ctx, out.Handle)
	if err != nil {
		return connector.Registered{}, e.takeBack(ctx, out, err)
	}
	out.ClientSecret, out.SecretExpiresAt = password.SecretText, password.EndDateTime
	e.await(ctx, out.ClientID, out.ClientSecret)
	return out, nil
}

// takeBack deletes a client that was made and cannot be used. That Graph does not see it yet does not mean that it is
// gone.
func (e *entra) takeBack(ctx context.Context, made connector.Registered, cause error) error {
	f := &wire.Failure{Op: "register the client", Status: http.StatusBadRequest, Sent: true, Description: cause.Error(), Err: cause}
	del := wire.Call{Op: "delete the client", Method: http.MethodDelete, URL: e.application(made.Handle)}
	a, err := e.patiently(ctx, del, connector.NotFound)
	if err != nil || a.Status != http.StatusNoContent {
		f.Status = http.StatusCreated
		f.Description += "; and client " + made.ClientID + " could not be deleted again"
	}
	return f
}

func newApplication(r connector.Registration) (application, error) {
	app := application{DisplayName: r.Name, Audience: "AzureADMyOrg"}
	if len(r.Scopes) > 0 {
		return app, connector.Refused("scopes", "cannot be given to a client of Entra by name: leave them out; its app roles "+
			"are those that the APIs of its application's subscriptions ask for")
	}
	for i, grant := range r.Grants {
		if !slices.Contains([]string{"client_credentials", "authorization_code", "refresh_token"}, grant) {
			return app, connector.Refused(fmt.Sprintf("grants[%d]", i),
				"a client of Entra cannot be given the grant %s", grant)
		}
	}
	app.Groups = groupsFor(r)
	if len(r.Callbacks) > 0 { // people may be sent to each of them after signing out too
		app.Web = &web{RedirectURIs: r.Callbacks}
	}
	return app, nil
}

// groupsFor says which groups of a person an ID token should name: none by itself, whatever rules look at.
func groupsFor(r connector.Registration) string {
	if slices.Contains(r.Claims, "groups") {
		return "SecurityGroup"
	}
	return ""
}

// principal makes the application usable in its own organization.
func (e *entra) principal(ctx context.Context, appID string) error {
	post := wire.Call{
		Op: "make the client's service principal", Method: http.MethodPost, URL: e.graph + "/servicePrincipals",
		JSON: map[string]any{"appId": appID},
	}
	a, err := e.patiently(ctx, post, func(a *wire.Answer) bool {
		return connector.NotFound(a) || a.Status == http.StatusBadRequest && strings.Contains(string(a.Body), "valid application object")
	})
	if err == nil && a.Status != http.StatusCreated && a.Status != http.StatusConflict {
		err = post.Failure(a)
	}
	return err
}

// Find implements Finder. Names are not unique there; ours are. A secret is never told again.
func (e *entra) Find(ctx context.Context, name string) (*connector.Registered, error) {
	filter := "displayName eq '" + strings.ReplaceAll(name, "'", "''") + "'"
	found, err := pages[application](ctx, e, "find the client", e.graph+"/applications?$filter="+url.PathEscape(filter))
	if err != nil {
		return nil, err
	}
	for _, app := range found {
		if app.DisplayName == name && app.AppID != "" {
			uri := e.graph + "/applications/" + url.PathEscape(app.ID)
			return &connector.Registered{ClientID: app.AppID, Handle: connector.Handle{ClientID: app.AppID, URI: uri}}, nil
		}
	}
	return nil, nil //nolint:nilnil // Finder says so
}

// Read implements Reader.
func (e *entra) Read(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	app, err := e.read(ctx, h)
	if err != nil || app == nil {
		return nil, err
	}
	c := &connector.Client{ClientID: app.AppID, Name: app.DisplayName, Grants: []string{"client_credentials"}, Handle: h}
	if app.Web != nil && len(app.Web.RedirectURIs) > 0 {
		c.Grants, c.Callbacks = append(c.Grants, "authorization_code"), app.Web.RedirectURIs
	}
	return c, nil
}

func (e *entra) read(ctx context.Context, h connector.Handle) (*application, error) {
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: e.application(h)}
	a, err := e.manage.Do(ctx, get)
	if err != nil || a.Status == http.StatusNotFound {
		return nil, err
	}
	var app application
	switch {
	case a.Status != http.StatusOK || json.Unmarshal(a.Body, &app) != nil || !strings.EqualFold(app.AppID, h.ClientID):
		return nil, get.Failure(a)
	case app.AppID != h.ClientID:
		return nil, nil //nolint:nilnil // Graph takes ids in any case; tokens carry this one only
	}
	return &app, nil
}

// Delete implements Connector. The service principal goes with its application.
func (e *entra) Delete(ctx context.Context, h connector.Handle) error {
	return connector.Remove(ctx, e.manage.Do, e.application(h), connector.NotFound)
}

// application addresses one: by its object id where we made it, else by its client id.
func (e *entra) application(h connector.Handle) string {
	if strings.HasPrefix(h.URI, e.graph+"/applications/") {
		return h.URI
	}
	return e.graph + "/applications(appId='" + quoted(h.ClientID) + "')"
}

// quoted writes a text between the quotes of an address.
func quoted(text string) string { return url.PathEscape(strings.ReplaceAll(text, "'", "''")) }

// patiently makes a call again while the answer may only say that a write is not seen yet.
func (e *entra) patiently(ctx context.Context, k wire.Call, unseen func(*wire.Answer) bool) (*wire.Answer, error) {
	waits := pauses()
	for tries := 0; ; tries++ {
		a, err := e.manage.Do(ctx, k)
		if err != nil || !unseen(a) || tries == len(waits) || !sleep(ctx, waits[tries]) {
			return a, err
		}
	}
}

func sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// twin is the issuer of the same organization's tokens of the other version; "" where there is none.
func twin(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	if u.Host == "sts.windows.net" {
		return "https://login.microsoftonline.com" + strings.TrimSuffix(u.Path, "/") + "/v2.0"
	}
	tenant, ok := strings.CutSuffix(strings.TrimPrefix(u.Path, "/"), "/v2.0")
	if !ok || tenant == "" || strings.Contains(tenant, "/") {
		return ""
	}
	host := "sts.windows.net"
	if strings.HasSuffix(u.Host, ".partner.microsoftonline.cn") {
		host = "sts.chinacloudapi.cn"
	}
	return "https://" + host + "/" + tenant + "/"
}
