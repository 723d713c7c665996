// Package keycloak manages clients of a realm of Keycloak through its admin API, or through its registration endpoint. It
// does not own what connectors have in common.
package keycloak

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/oidc"
	"keyward.dev/keyward/internal/wire"
)

// Type describes Keycloak.
func Type() connector.Type {
	return connector.Type{
		Name:  keyward.TypeKeycloak,
		Title: "Keycloak",
		Help: "A realm of Keycloak. With a service account clients are managed through the admin API, which can also rotate " +
			"secrets and be searched; with an initial access token alone, through the registration endpoint.",
		Creates: true,
		AdminFields: slices.Concat(connector.ServiceAccountWithKey("Service account's",
			"A confidential client of the realm whose service account has the realm-management roles manage-clients and "+
				"view-clients (query-clients is part of them).", ways()...), []connector.Field{
			{
				Name: "connection.initialAccessToken", Title: "Initial access token", Type: connector.FieldString, Secret: true,
				Help: "Made under Clients, Client registration, Initial access token. Used where there is no service account.",
			},
			{
				Name: "connection.adminUrl", Title: "Admin API of the realm", Type: connector.FieldURL,
				Help: "As in https://sso.example/admin/realms/corp. Derived from the issuer when left out.",
			},
		}, connector.IntrospectionFields()),
		DeveloperFields: []connector.Field{connector.ClientAuthentication("client_secret_basic", "")},
		ClientIDClaims:  []string{"client_id", "azp"},
		ScopeClaims:     []string{"scope", "scp"},
		Scopes:          connector.ScopesManaged,
		OwnClients: []string{
			"account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console", "master-realm",
		},
		OwnScopes: []string{ // those that every new realm has
			"acr", "address", "basic", "email", "microprofile-jwt", "offline_access", "organization", "phone", "profile", "roles",
			"service_account", "web-origins",
		},
		OwnAudience: func(s connector.Server, audience string) bool { // the realm master has such a client for each realm
			return strings.HasSuffix(strings.TrimSuffix(s.Issuer(), "/"), "/realms/master") && strings.HasSuffix(audience, "-realm")
		},
		Shared: shared(),
		Limits: []string{
			"with an initial access token alone: no search, no new secrets, no look at mapped clients",
			"a new secret ends the old one at once; a client's scopes are not changed",
		},
	}
}

// ways are those in which a service account may prove itself.
func ways() []string {
	return []string{connector.BySecret, connector.ByAssertion, connector.ByCertificate}
}

// Open is the connector.Opener of Keycloak. It chooses the way into the realm: its admin API where there is a service
// account, else its registration endpoint.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	dcr := oidc.New(s, l)
	// A client that asks for scopes by name loses all default scopes of the realm there, and with them its audiences.
	dcr.KeepScopes = true
	if s.Text("clientId") == "" {
		return dcr, nil
	}
	if s.Text("realmUrl") != "" {
		return openShared(s, l, dcr)
	}
	issuer := s.Spec.Issuer
	if issuer == "" {
		issuer = s.Status.Issuer
	}
	admin := s.Text("adminUrl")
	if admin == "" {
		base, realm, ok := realmOf(issuer)
		if !ok {
			return nil, connector.Refused("spec.connection.adminUrl", "is required: the issuer %s is not of the form …/realms/NAME", issuer)
		}
		admin = adminURL(base, realm)
	}
	return &keycloak{
		TokenEndpoint: dcr.TokenEndpoint, admin: strings.TrimSuffix(admin, "/"),
		manage: connector.Service{Line: l, Account: s.Account(dcr.URL, issuer)},
	}, nil
}

const protocol = "openid-connect"

// keycloak manages a realm's clients through its admin API, where a client has an id of the database beside its client
// id. The client id is chosen by us, so an interrupted registration can be found.
type keycloak struct {
	connector.TokenEndpoint

	admin  string
	manage connector.Service
}

// client is the part of Keycloak's ClientRepresentation that we write and read.
type client struct {
	ID                   string            `json:"id,omitempty"`
	ClientID             string            `json:"clientId"`
	Name                 string            `json:"name,omitempty"`
	Description          string            `json:"description,omitempty"`
	Protocol             string            `json:"protocol"`
	Enabled              *bool             `json:"enabled,omitempty"` // left out is true
	PublicClient         bool              `json:"publicClient"`
	Authenticator        string            `json:"clientAuthenticatorType"`
	ServiceAccounts      bool              `json:"serviceAccountsEnabled"`
	StandardFlow         bool              `json:"standardFlowEnabled"`
	ImplicitFlow         bool              `json:"implicitFlowEnabled"`
	DirectAccessGrants   bool              `json:"directAccessGrantsEnabled"`
	FullScope            *bool             `json:"fullScopeAllowed,omitempty"` // tokens carry all roles; left out is true
	RedirectURIs         []string          `json:"redirectUris"`
	Attributes           map[string]string `json:"attributes"`
	DefaultClientScopes  []string          `json:"defaultClientScopes,omitempty"`
	OptionalClientScopes []string          `json:"optionalClientScopes,omitempty"`
	ProtocolMappers      []mapper          `json:"protocolMappers,omitempty"`
}

// Register implements Connector.
func (k *keycloak) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	client, err := representation(r)
	if err != nil {
		return connector.Registered{}, err
	}
	if len(r.Scopes) > 0 {
		if client.DefaultClientScopes, err = k.scopes(ctx, r.Scopes); err != nil {
			return connector.Registered{}, err
		}
	}
	post := wire.Call{Op: "create the client", Method: http.MethodPost, URL: k.admin + "/clients", JSON: client}
	a, err := k.manage.Do(ctx, post)
	if err != nil {
		return connector.Registered{}, err
	}
	if a.Status != http.StatusCreated {
		return connector.Registered{}, post.Failure(a)
	}
	made, err := k.Find(ctx, r.Name)
	if err == nil && (made == nil || made.ClientSecret == "" && !client.PublicClient) {
		err = &wire.Failure{Op: "read the client's secret", Status: http.StatusOK, Sent: true,
			Description: "the client was made, and its secret cannot be read: the service account lacks a role"}
	}
	if err != nil {
		return connector.Registered{}, k.takeBack(ctx, r.Name, err)
	}
	return *made, nil
}

// takeBack deletes a client that was made and whose secret could not be read.
func (k *keycloak) takeBack(ctx context.Context, name string, cause error) error {
	failure := &wire.Failure{Op: "create the client", Status: http.StatusBadRequest, Sent: true, Err: cause, Description: cause.Error()}
	if err := k.Delete(ctx, connector.Handle{ClientID: name}); err != nil {
		failure.Status = http.StatusCreated
		failure.Description += "; and it could not be deleted again"
	}
	return failure
}

// representation writes the wanted grants as Keycloak's switches.
func representation(r connector.Registration) (client, error) {
	noRoles := false // but for those that client scopes let through: who signs in to an application lends it no more
	c := client{
		FullScope: &noRoles, ClientID: r.Name, Name: r.Name, Protocol: protocol, Authenticator: "client-secret",
		Description:  "Made by Keyward for an application; it is deleted with the application's keys.",
		RedirectURIs: append([]string{}, r.Callbacks...),
		Attributes:   map[string]string{"use.refresh.tokens": "false"},
	}
	if r.Console {
		c.Description = "Made by Keyward for people who sign in to its console; it is deleted when nobody does by this realm."
	}
	if len(r.Farewells) > 0 {
		c.Attributes["post.logout.redirect.uris"] = strings.Join(r.Farewells, "##")
	}
	if r.Logout != "" {
		c.Attributes["backchannel.logout.url"], c.Attributes["backchannel.logout.session.required"] = r.Logout, "true"
	}
	if c.PublicClient = connector.IsPublic(r.Fields); c.PublicClient {
		c.Attributes["pkce.code.challenge.method"] = "S256" // nothing else proves that it is the one who began
	}
	for i, grant := range r.Grants {
		switch grant {
		case "client_credentials":
			c.ServiceAccounts = true
		case "authorization_code":
			c.StandardFlow = true
		case "implicit":
			c.ImplicitFlow = true
		case "password":
			c.DirectAccessGrants = true
		case "refresh_token":
			c.Attributes["use.refresh.tokens"] = "true"
		case "urn:ietf:params:oauth:grant-type:device_code":
			c.Attributes["oauth2.device.authorization.grant.enabled"] = "true"
		case "urn:openid:params:grant-type:ciba":
			c.Attributes["oidc.ciba.grant.enabled"] = "true"
		case "urn:ietf:params:oauth:grant-type:token-exchange":
			c.Attributes["standard.token.exchange.enabled"] = "true"
		default:
			return c, connector.Refused(fmt.Sprintf("grants[%d]", i),
				"a client of Keycloak cannot be given the grant %s", grant)
		}
	}
	return c, nil
}

// scopes gives the realm's default scopes, which stay, with the asked ones: every token carries them.
func (k *keycloak) scopes(ctx context.Context, asked []string) ([]string, error) {
	all, err := k.scopeIDs(ctx, "/client-scopes")
	if err != nil {
		return nil, err
	}
	all["openid"] = "" // every token of a person has it, and it is no client scope
	if unknown := connector.Without(asked, slices.Collect(maps.Keys(all))); len(unknown) > 0 {
		return nil, connector.Refused("scopes", "the realm has no scope %s", strings.Join(unknown, ", "))
	}
	for _, name := range asked {
		if err := k.mayName(ctx, name, all); err != nil {
			return nil, err
		}
	}
	defaults, err := k.scopeIDs(ctx, "/default-default-client-scopes")
	if err != nil {
		return nil, err
	}
	for _, name := range asked {
		if name != "openid" {
			defaults[name] = all[name]
		}
	}
	return slices.Sorted(maps.Keys(defaults)), nil
}

// Find implements Finder. The name is the client id.
func (k *keycloak) Find(ctx context.Context, name string) (*connector.Registered, error) {
	c, err := k.lookup(ctx, name)
	if err != nil || c == nil {
		return nil, err
	}
	if c.PublicClient {
		return &connector.Registered{ClientID: name, Handle: connector.Handle{ClientID: name}}, nil
	}
	get := wire.Call{Op: "read the client's secret", Method: http.MethodGet, URL: k.client(c.ID) + "/client-secret"}
	secret, err := connector.SecretOf(ctx, k.manage.Do, get, "value")
	if err != nil {
		return nil, err
	}
	return &connector.Registered{ClientID: name, ClientSecret: secret, Handle: connector.Handle{ClientID: name}}, nil
}

// internalID gives the database's id of a client, or "".
func (k *keycloak) internalID(ctx context.Context, clientID string) (string, error) {
	c, err := k.lookup(ctx, clientID)
	if err != nil || c == nil {
		return "", err
	}
	return c.ID, nil
}

// lookup searches by client id; the answer is compared exactly, because a search may be lenient. However it ends, nothing was
// made or changed because of it.
func (k *keycloak) lookup(ctx context.Context, clientID string) (*client, error) {
	get := wire.Call{
		Op: "find the client", Method: http.MethodGet, URL: k.admin + "/clients?" + url.Values{"clientId": {clientID}}.Encode(),
	}
	a, err := k.manage.Do(ctx, get)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	var found []client
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &found) != nil {
		return nil, wire.Harmless(get.Failure(a))
	}
	for _, c := range found {
		if c.ClientID == clientID && c.ID != "" {
			return &c, nil
		}
	}
	return nil, nil
}

// Read implements Reader.
func (k *keycloak) Read(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	c, err := k.lookup(ctx, h.ClientID)
	if err != nil || c == nil {
		return nil, wire.Harmless(err)
	}
	grants := []string{}
	for _, g := range []struct {
		on   bool
		name string
	}{
		{c.ServiceAccounts, "client_credentials"}, {c.StandardFlow, "authorization_code"}, {c.ImplicitFlow, "implicit"},
		{c.DirectAccessGrants, "password"}, {c.Attributes["use.refresh.tokens"] == "true", "refresh_token"},
		{c.Attributes["oauth2.device.authorization.grant.enabled"] == "true", "urn:ietf:params:oauth:grant-type:device_code"},
		{c.Attributes["oidc.ciba.grant.enabled"] == "true", "urn:openid:params:grant-type:ciba"},
		{c.Attributes["standard.token.exchange.enabled"] == "true", "urn:ietf:params:oauth:grant-type:token-exchange"},
	} {
		if g.on {
			grants = append(grants, g.name)
		}
	}
	return &connector.Client{
		ClientID: c.ClientID, Name: c.Name, Grants: grants, Callbacks: c.RedirectURIs,
		Scopes: slices.Concat(c.DefaultClientScopes, c.OptionalClientScopes), Optional: c.OptionalClientScopes,
		Disabled: c.Enabled != nil && !*c.Enabled, Handle: h,
	}, nil
}

// Rotate implements Rotator.
func (k *keycloak) Rotate(ctx context.Context, h connector.Handle) (string, error) {
	id, err := k.internalID(ctx, h.ClientID)
	if err != nil {
		return "", err
	}
	if id == "" {
		return "", &wire.Failure{Op: "make a new secret", Status: http.StatusNotFound, Sent: true,
			Description: "the realm has no client " + h.ClientID}
	}
	post := wire.Call{Op: "make a new secret", Method: http.MethodPost, URL: k.client(id) + "/client-secret", JSON: struct{}{}}
	return connector.SecretOf(ctx, k.manage.Do, post, "value")
}

// Delete implements Connector.
func (k *keycloak) Delete(ctx context.Context, h connector.Handle) error {
	id, err := k.internalID(ctx, h.ClientID)
	if err != nil || id == "" {
		return err
	}
	return connector.Remove(ctx, k.manage.Do, k.client(id), connector.NotFound)
}

func (k *keycloak) client(id string) string { return k.admin + "/clients/" + url.PathEscape(id) }
