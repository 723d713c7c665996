// Package wso2is manages clients of WSO2 Identity Server 7 and Asgardeo through their registration and application APIs.
// It does not own what connectors have in common.
package wso2is

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/wire"
)

// Type describes WSO2 Identity Server.
func Type() connector.Type {
	return connector.Type{
		Name:  keyward.TypeWSO2IS,
		Title: "WSO2 Identity Server 7, Asgardeo",
		Help: "An organization of WSO2 Identity Server 7: discovery is https://HOST:9443/oauth2/token, for a tenant " +
			"https://HOST:9443/t/TENANT/oauth2/token, and for Asgardeo https://api.asgardeo.io/t/ORGANIZATION/oauth2/token. " +
			"Clients are created through its registration API; secrets are rotated through its application API.",
		Creates: true,
		AdminFields: slices.Concat(connector.ServiceAccount("Management application's",
			"A machine-to-machine application that is authorized for the APIs \"Dynamic Client Registration\", "+
				"\"Application Management\" and \"API Resource Management\". The only way into Asgardeo."),
			connector.Administrator("In place of a management application."), []connector.Field{
				{
					Name: "connection.adminUrl", Title: "Address of the organization", Type: connector.FieldURL,
					Help: "What stands before /api/identity/oauth2/dcr. Derived from the issuer when left out.",
				},
			}, connector.IntrospectionFields()),
		DeveloperFields: []connector.Field{
			{
				Name: "token_type_extension", Title: "Access token format", Type: connector.FieldString, Enum: []string{"JWT", "Default"},
				Default: "JWT", Help: "Default is an opaque token, which gateways have to ask about.",
			},
			{Name: "ext_application_token_lifetime", Title: "Application tokens' lifetime", Type: connector.FieldInteger, Help: "Seconds."},
			{Name: "ext_user_token_lifetime", Title: "User tokens' lifetime", Type: connector.FieldInteger, Help: "Seconds."},
			{Name: "ext_refresh_token_lifetime", Title: "Refresh tokens' lifetime", Type: connector.FieldInteger, Help: "Seconds."},
			{Name: "ext_pkce_mandatory", Title: "PKCE is mandatory", Type: connector.FieldBoolean},
		},
		ClientIDClaims: []string{"client_id", "azp"},
		ScopeClaims:    []string{"scope"},
		Scopes:         connector.ScopesAssigned,
		OwnClients:     []string{"CONSOLE", "MY_ACCOUNT"},
		Limits: []string{
			"scopes are those of the organization's own API resources, given by subscriptions; one that no API resource has is " +
				"never made there, and --scope is refused. Who tokens are for is not given: their aud is the client's id",
			"a new secret ends the old one at once",
			"an administrator's password opens WSO2 Identity Server only; Asgardeo wants a management application",
			"proven against a contract server written from the vendor's documentation only",
		},
	}
}

// What a management application asks for; the server leaves out what it is not authorized for, or does not know. Secrets and
// the authorization for an organization's own APIs have scopes of their own in newer versions, which want them beside the
// older ones.
const scopes = "internal_dcr_create internal_dcr_view internal_dcr_update internal_dcr_delete " +
	"internal_application_mgt_view internal_application_mgt_create internal_application_mgt_update internal_api_resource_view " +
	"internal_application_mgt_client_secret_create internal_application_mgt_client_secret_view " +
	"internal_application_business_api_update"

// wso2is manages clients through Dynamic Client Registration 1.1 of WSO2 Identity Server, where the administrator's
// credential opens every client, so that the client's own registration token is never needed.
type wso2is struct {
	connector.TokenEndpoint

	base     string            // what stands before /oauth2/token and /api
	register string            // endpoint
	manage   connector.Service // where it has an account
	user     string
	password rollover.Credential
	known    *rollover.Memory
}

// Open is the connector.Opener of WSO2 Identity Server.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	base := strings.TrimSuffix(s.Text("adminUrl"), "/")
	if base == "" {
		before, ok := strings.CutSuffix(s.Issuer(), "/oauth2/token")
		if !ok || connector.URLFault(before) != "" {
			return nil, connector.Refused("spec.connection.adminUrl", "is required: %s does not end in /oauth2/token", s.Issuer())
		}
		base = before
	}
	w := &wso2is{
		TokenEndpoint: connector.NewTokenEndpoint(s, l), base: base, register: s.Spec.Endpoints.Registration,
		user: s.Text("username"), password: s.Credential("password"), known: l.Known,
		manage: connector.Service{Line: l, Absent: unknown, Account: wire.Account{
			Endpoint: base + "/oauth2/token", ClientID: s.Text("clientId"), Secret: s.Credential("clientSecret"),
			Params: url.Values{"scope": {scopes}},
		}},
	}
	if w.register == "" {
		w.register = base + "/api/identity/oauth2/dcr/v1.1/register"
	}
	return w, nil
}

// Register implements Connector.
func (w *wso2is) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	body, err := metadata(r)
	if err != nil {
		return connector.Registered{}, err
	}
	post := wire.Call{Op: "register the client", Method: http.MethodPost, URL: w.register, JSON: body}
	a, err := w.do(ctx, post)
	if err != nil {
		return connector.Registered{}, err
	}
	made, ok := connector.ReadRegistered(a)
	if a.Status != http.StatusCreated || !ok {
		return connector.Registered{}, post.Failure(a)
	}
	return connector.Keep(ctx, w, made, nil, nil)
}

// metadata is what registration and its change take.
func metadata(r connector.Registration) (map[string]any, error) {
	if len(r.Scopes) > 0 {
		return nil, connector.Refused("scopes", "cannot be given to a client of WSO2 Identity Server by name: leave them out; "+
			"it is authorized for the scopes that the APIs of its application's subscriptions ask for")
	}
	body := map[string]any{
		"client_name": r.Name, "grant_types": r.Grants, "redirect_uris": append([]string{}, r.Callbacks...),
		"token_type_extension": "JWT",
	}
	if r.Logout != "" { // after signing out people may go to every redirect URI, so Farewells need nothing
		body["backchannel_logout_uri"] = r.Logout
	}
	for name, value := range r.Fields {
		body[name] = value
	}
	return body, nil
}

// Update implements connector.Updater. The answer tells the secret, which stays as it was.
func (w *wso2is) Update(
	ctx context.Context, h connector.Handle, r connector.Registration, _ connector.KeepHandle,
) (connector.Registered, error) {
	body, err := metadata(r)
	if err != nil {
		return connector.Registered{}, err
	}
	put := wire.Call{Op: "change the client", Method: http.MethodPut, URL: w.client(h), JSON: body}
	a, err := w.do(ctx, put)
	if err != nil {
		return connector.Registered{}, err
	}
	made, ok := connector.ReadRegistered(a)
	if a.Status != http.StatusOK || !ok || made.ClientID != h.ClientID {
		return connector.Registered{}, put.Failure(a)
	}
	made.ClientSecret, made.Handle = "", h
	return made, nil
}

// Find implements Finder; names are unique there.
func (w *wso2is) Find(ctx context.Context, name string) (*connector.Registered, error) {
	get := wire.Call{
		Op: "find the client", Method: http.MethodGet, URL: w.register + "?" + url.Values{"client_name": {name}}.Encode(),
	}
	a, err := w.do(ctx, get)
	if err != nil || unknown(a) {
		return nil, err
	}
	found, ok := connector.ReadRegistered(a)
	o, _ := a.Object() // ReadRegistered has said whether it is one
	if a.Status != http.StatusOK || !ok {
		return nil, get.Failure(a)
	}
	if wire.Member(o, "client_name") != name {
		return nil, nil //nolint:nilnil // Finder says so
	}
	return &found, nil
}

// Read implements Reader.
func (w *wso2is) Read(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	o, err := connector.Look(ctx, w.do, w.client(h), unknown, "client_id", h.ClientID)
	if err != nil || o == nil {
		return nil, err
	}
	return &connector.Client{
		ClientID: h.ClientID, Name: wire.Member(o, "client_name"), Grants: wire.ListOf(o, "grant_types"),
		Callbacks: wire.ListOf(o, "redirect_uris"), Handle: h,
	}, nil
}

// Rotate implements Rotator, through the application API: registration has no way to make a new secret.
func (w *wso2is) Rotate(ctx context.Context, h connector.Handle) (string, error) {
	application, err := w.application(ctx, h)
	if err != nil {
		return "", err
	}
	post := wire.Call{
		Op: "make a new secret", Method: http.MethodPost, URL: application + "/inbound-protocols/oidc/regenerate-secret",
	}
	_, secret, err := w.protocol(ctx, post)
	if err == nil && secret == "" {
		err = &wire.Failure{Op: post.Op, Status: http.StatusOK, Sent: true, Description: "the answer holds no secret"}
	}
	return secret, err
}

// application gives the address of a client's application. A client that the server does not have is a Failure.
func (w *wso2is) application(ctx context.Context, h connector.Handle) (string, error) {
	applications := w.base + "/api/server/v1/applications"
	list := wire.Call{
		Op: "find the application", Method: http.MethodGet,
		URL: applications + "?" + url.Values{"filter": {"clientId eq " + h.ClientID}}.Encode(),
	}
	a, err := w.do(ctx, list)
	if err != nil {
		return "", err
	}
	var found struct {
		Applications []struct {
			ID string `json:"id"`
		} `json:"applications"`
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &found) != nil {
		return "", list.Failure(a)
	}
	for _, app := range found.Applications {
		address := applications + "/" + url.PathEscape(app.ID)
		get := wire.Call{Op: "read the application", Method: http.MethodGet, URL: address + "/inbound-protocols/oidc"}
		id, _, err := w.protocol(ctx, get)
		if err != nil || id == h.ClientID {
			return address, err
		}
	}
	return "", &wire.Failure{
		Op: list.Op, Status: http.StatusNotFound, Sent: true, Description: "the server has no client " + h.ClientID,
	}
}

// protocol reads an application's client id and secret from the answer to a call.
func (w *wso2is) protocol(ctx context.Context, k wire.Call) (id, secret string, err error) {
	a, err := w.do(ctx, k)
	if err != nil {
		return "", "", err
	}
	o, ok := a.Object()
	if a.Status != http.StatusOK || !ok || wire.Member(o, "clientId") == "" {
		return "", "", k.Failure(a)
	}
	return wire.Member(o, "clientId"), wire.Member(o, "clientSecret"), nil
}

// Delete implements Connector.
func (w *wso2is) Delete(ctx context.Context, h connector.Handle) error {
	return connector.Remove(ctx, w.do, w.client(h), unknown)
}

func (w *wso2is) client(h connector.Handle) string {
	return w.register + "/" + url.PathEscape(h.ClientID)
}

// unknown tells that there is no such client: 404, or in most versions a 401 that, unlike the refusal of a
// credential, has neither a challenge nor a body.
func unknown(a *wire.Answer) bool {
	bare := len(bytes.TrimSpace(a.Body)) == 0 && a.Header.Get("WWW-Authenticate") == ""
	return connector.NotFound(a) || a.Status == http.StatusUnauthorized && bare
}

// do makes a call with the credential of the application, or else of the administrator.
func (w *wso2is) do(ctx context.Context, k wire.Call) (*wire.Answer, error) {
	switch {
	case w.manage.Account.ClientID != "":
		return w.manage.Do(ctx, k)
	case w.user != "":
		return w.Caller.WithSecret(ctx, w.known, w.password, func(password string) wire.Call {
			return connector.AsAdministrator(k, w.user, password)
		}, func(a *wire.Answer) bool { return wire.Unauthorized(a) && !unknown(a) })
	default:
		return nil, keyward.Errorf(keyward.CodeCreationDisabled, "the key manager has neither a management application nor an "+
			"administrator: set spec.connection.clientId or spec.connection.username, or map a client that exists")
	}
}
